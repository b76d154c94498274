import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fake_run import (
    CONTROL,
    FORMULA,
    LONG_WORD,
    SCRIPT,
    add_responses,
    fake_provenance,
    fake_results,
    log_stage,
)

from topgraft.errors import UserError
from topgraft.report import write_report
from topgraft.report.words.samples import side_by_side
from topgraft.runs import RunFolder
from topgraft.runs.writing import write_json

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Reader(HTMLParser):
    """Collects tags, attributes and text, and checks that elements close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(run: RunFolder) -> tuple[str, Reader]:
    page = (run.report / "index.html").read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return page, reader


@pytest.fixture(params=["finished", "hostile", "many"])
def run(request: pytest.FixtureRequest) -> RunFolder:
    return request.getfixturevalue(request.param)


def test_the_page_loads_nothing(run):
    page, reader = read(run)
    tags = {tag for tag, _ in reader.tags}
    assert not tags & {"link", "img", "iframe", "object", "embed", "base", "form", "image"}
    for _, attributes in reader.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("href", "xlink:href", "src", "action"):
                assert re.fullmatch(r"#.+|figures/[a-z0-9-]+\.(svg|pdf)", value), "only a click leaves the page"
                assert value.startswith("#") or (run.report / value).is_file()
    styles = re.findall(r"url\((.*?)\)", page)
    assert all(target.startswith("#") for target in styles)
    assert "@import" not in page
    policy = next(a["content"] for _, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    (script,) = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert re.findall(r"script-src ([^;]*)", policy) == [f"'sha256-{digest}'"], "our own script, and no other"


def test_ids_are_unique_and_references_resolve(run):
    page, reader = read(run)
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [a.get("href") or a.get("xlink:href") for _, a in reader.tags]
    targets = {link[1:] for link in links if link and link.startswith("#")} | set(re.findall(r"url\(#(.*?)\)", page))
    assert targets <= set(ids)


def test_headings_and_tables_are_in_order(run):
    _, reader = read(run)
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all("scope" in attributes for tag, attributes in reader.tags if tag == "th")
    pictures = [attributes for _, attributes in reader.tags if attributes.get("role") == "img"]
    assert pictures
    assert all(attributes["aria-label"].strip() for attributes in pictures)


def test_everything_promised_is_there(finished):
    _, reader = read(finished)
    text = "".join(reader.text)
    for word in (
        "trains the last 4 of 28 layers of stories260K",
        "SFT → Reward model → PPO",
        "0.810",
        "Paired comparisons",
        "held out accuracy",
        "Trunk passes per token",
        "Show all: 34 more rows",
        "topgraft run professor --out runs/professor",
        'layers = "last-4"',
        "sha256:9c1f5e0b7a",
        "Mean probability that a calibrated style classifier",
        "Nice loop. Read the statement again",
        "15 min 13 s",
    ):
        assert word in text
    assert "not finished" not in text


def test_figures_are_files_too(finished):
    names = {path.name for path in (finished.report / "figures").iterdir()}
    for stem in (
        "pipeline",
        "metrics",
        "metric-sac",
        "sft-loss",
        "reward-accuracy",
        "ppo-reward-kl",
        "ppo-kl-token",
    ):
        assert {f"{stem}.svg", f"{stem}.pdf"} <= names
    assert "ppo-clip.svg" in names


def test_every_svg_is_well_formed(run):
    for path in (run.report / "figures").glob("*.svg"):
        root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
        assert not [node for node in root.iter() if node.tag.endswith(("script", "image", "metadata"))]


def test_hostile_texts_stay_text(hostile):
    page, reader = read(hostile)
    text = "".join(reader.text)
    assert SCRIPT in text
    assert FORMULA in text
    assert LONG_WORD in text
    assert SCRIPT not in page
    assert page.count("<script") == 1, "ours"
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", page)
    assert "null␀ esc␛[31m" in text
    assert CONTROL not in text


def test_a_run_that_has_only_begun(tmp_path):
    run = RunFolder(tmp_path)
    write_json(run.path / "provenance.json", {"recipe": "professor", "stages": ["sft", "ppo"]})
    write_report(run)
    text = "".join(read(run)[1].text)
    assert "This run is not finished." in text
    assert "PPO: not begun" in text
    assert "No results yet" in text
    assert json.loads((run.report / "results.json").read_text())["recipe"] == "professor"


@pytest.mark.parametrize("missing", ["provenance", "results", "responses", "stages"])
def test_any_part_may_be_absent(tmp_path, missing):
    run = RunFolder(tmp_path)
    if missing != "provenance":
        write_json(run.path / "provenance.json", fake_provenance())
    if missing != "results":
        results = fake_results()
        for arm in results["arms"].values():
            arm["metrics"] = {"sac": arm["metrics"]["sac"]}
        write_json(run.results_file, results)
    if missing != "responses":
        add_responses(run, 2)
    if missing != "stages":
        log_stage(run, "ppo", 3)
    write_report(run)
    read(run)


def test_every_field_may_be_null(tmp_path):
    run = RunFolder(tmp_path)
    write_json(run.path / "provenance.json", dict.fromkeys(fake_provenance()) | {"stages": ["sft"]})
    write_json(run.results_file, dict.fromkeys(fake_results()))
    run.stage("sft").finish(dict.fromkeys(["stage", "seconds", "steps", "tokens", "metrics", "best_step"]))
    run.stage("sft").log(1, {"loss/total": None})
    run.stage("sft").sample(dict.fromkeys(["step", "prompt", "response", "reward"]))
    run.responses_file.parent.mkdir(exist_ok=True)
    run.responses_file.write_text(json.dumps(dict.fromkeys(["arm", "id", "prompt", "response", "sac"])) + "\n")
    write_report(run)
    read(run)


def test_not_a_run_folder(tmp_path):
    with pytest.raises(UserError, match=re.escape(str(tmp_path / "nothing"))):
        write_report(RunFolder(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()


def test_the_same_run_gives_the_same_bytes(tmp_path):
    run = RunFolder(tmp_path)
    write_json(run.path / "provenance.json", fake_provenance())
    log_stage(run, "sft", 5)
    found = []
    for _ in range(2):
        (run.report / "figures").mkdir(parents=True, exist_ok=True)
        (run.report / "figures" / "stale.svg").write_text("old")
        write_report(run)
        found.append({path.name: path.read_bytes() for path in run.report.rglob("*") if path.is_file()})
    assert found[0] == found[1]
    assert "stale.svg" not in found[0]


def test_responses_are_set_side_by_side():
    records = [
        {"arm": "a", "id": 1, "prompt": "p", "response": "x", "correct": True, "verdict": "incorrect"},
        {"arm": "a", "id": 1, "prompt": "p", "response": "y"},
        {"arm": "b", "id": 1, "prompt": "p", "response": "z", "reference": "r", "ended": False},
    ]
    first, second = side_by_side(records)
    assert [(answer.title, answer.text) for answer in first.answers] == [("a", "x"), ("b", "z")]
    assert first.answers[0].agrees is False
    assert first.answers[1].facts == ["cut at the length limit"]
    assert first.reference == "r"
    assert second.key == "1, response 2"


def test_the_report_needs_no_torch():
    loaded = "[name for name in ('torch', 'transformers') if name in sys.modules]"
    code = f"import sys, topgraft.report; print({loaded})"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"
