"""`topgraft data`: what it says and writes; and what a run makes of bad rows, of prompts alone and of prepared data."""

import json

import pytest
from commands import forked, snapshot
from material import rows, write_rows


def told(out: str) -> dict[str, str]:
    return {line[:28].strip(): line[28:].strip() for line in out.splitlines()}


def test_data_inspect_says_what_a_file_is_and_draws_it(finished, tmp_path):
    records = rows()
    records[3]["prompt"] = records[0]["prompt"]
    path = write_rows(tmp_path / "rows.jsonl", records)
    done = forked("data", "inspect", path, "--model", "", "--set", "split=[0.6, 0.2, 0.2]", cwd=tmp_path)
    assert done.code == 0, done.err
    found = told(done.out)
    assert found["format"].startswith("demonstrations")
    assert found["rows"] == "20 in 10 groups"
    assert found["train"] == "12 in 6 groups"
    assert found["labels"] == "10 correct, 10 incorrect"
    assert found["repeated prompts"] == "1"
    assert found["over the limits"] == "not known without a model"
    assert sorted(file.name for file in (tmp_path / "inspected" / "rows").iterdir()) == ["lengths.pdf", "lengths.svg"]
    room = ("--set", "data.max_response_tokens=24")
    with_model = forked("data", "inspect", path, "--model", finished.model, *room, "--out", "plots", cwd=tmp_path)
    assert with_model.code == 0, with_model.err
    assert "prompt tokens" in with_model.out
    assert (tmp_path / "plots" / "lengths.svg").read_text().startswith("<?xml")


def test_data_inspect_of_pairs_with_bad_rows_says_which(tmp_path):
    ask = "\n\nHuman: \u0645\u0627 \U0001f469\u200d\U0001f4bb {}?\n\nAssistant:"
    pairs = [{"chosen": f"{ask.format(n)} Yes, {n}.", "rejected": f"{ask.format(n)} No."} for n in range(9)]
    pairs[0]["rejected"] = pairs[0]["chosen"]
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join([*map(json.dumps, pairs), "{", '{"chosen": "no transcript", "rejected": "x"}']))
    refused = forked("data", "inspect", path, "--model", "", cwd=tmp_path)
    assert refused.code == 2
    assert "line 10 is not JSON" in refused.err
    assert "--skip-bad" in refused.err
    assert snapshot(tmp_path).keys() == {"pairs.jsonl"}
    done = forked("data", "inspect", path, "--model", "", "--skip-bad", cwd=tmp_path)
    assert done.code == 0, done.err
    found = told(done.out)
    assert found["format"].startswith("transcripts")
    assert found["left out"] == "2 of 11 rows"
    assert found["ties"] == "1: row-1; 1 with the same answer twice"
    assert "\u0645\u0627 \U0001f469\u200d\U0001f4bb 0?" in done.out
    kept = [json.loads(line) for line in (tmp_path / "inspected" / "pairs" / "left_out.jsonl").read_text().splitlines()]
    assert [fault["place"].rpartition(", ")[2] for fault in kept] == ["line 10", "line 11"]
    assert (tmp_path / "inspected" / "pairs" / "chosen-rejected.pdf").read_bytes().startswith(b"%PDF")


def test_too_few_rows_to_split_may_be_looked_at(tmp_path):
    (tmp_path / "r.csv").write_text("question,category\nwhy?,poor logic\n")
    done = forked("data", "inspect", "r.csv", "--model", "", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "leaves the test part empty" in told(done.out)["split"]
    assert told(done.out)["categories"] == "poor logic 1"
    assert told(done.out)["response words"] == "no responses"


@pytest.mark.parametrize("flag", [("--format", "transcripts"), ("--set", "format=transcripts")])
def test_a_wrong_guess_is_corrected_by_one_flag(tmp_path, flag):
    (tmp_path / "r.jsonl").write_text('{"prompt": "x", "response": "y"}\n')
    done = forked("data", "inspect", "r.jsonl", *flag, cwd=tmp_path)
    assert done.code == 2
    assert "is no transcript" in done.err


def test_a_prepared_folder_is_a_source_and_bad_rows_of_a_run_are_told(finished, words, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(finished.data.read_text() + "no row\n")
    sets = ("--set", "split=[0.5, 0.3, 0.2]", "--set", "split_seed=5")
    done = forked("data", "prepare", path, "--out", "made", "--skip-bad", *sets, cwd=tmp_path)
    assert done.code == 0, done.err
    assert told(done.out)["left out"] == "1 of 21 rows"
    manifest = json.loads((tmp_path / "made" / "manifest.json").read_text())
    assert [manifest["files"][f"{part}.jsonl"]["rows"] for part in ("train", "test", "validation")] == [10, 6, 4]
    again = forked("data", "prepare", path, "--out", "made", "--skip-bad", cwd=tmp_path)
    assert again.code == 2
    assert "nothing in it is overwritten" in again.err
    short = ("--set", 'stages=["sft"]', "--set", "sft.epochs=1", "--set", 'evaluate.metrics=["length"]')
    done = forked("run", *words, *short, "--set", "data.source=made", "--out", "a", cwd=tmp_path)
    assert done.code == 0, done.err
    known = json.loads((tmp_path / "a" / "provenance.json").read_text())["data"]
    assert (known["digest"], known["format"], known["left_out"]) == (manifest["digest"], "prepared", 0)
    assert known["rows"] == {"train": 10, "test": 6, "validation": 4}
    skipping = ("--set", f"data.source={path}", "--set", "data.skip_bad=true")
    done = forked("run", *words, *short, *skipping, "--out", "b", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "1 of 21 rows are left out (left_out.jsonl)" in done.out
    assert json.loads((tmp_path / "b" / "provenance.json").read_text())["data"]["left_out"] == 1
    assert json.loads((tmp_path / "b" / "left_out.jsonl").read_text())["place"] == f"{path}, line 21"


def test_prompts_alone_are_enough_for_a_rule_and_refused_where_answers_are_needed(finished, words, tmp_path):
    write_rows(tmp_path / "asks.jsonl", [{"question": f"Is {n} odd?", "category": f"c{n % 2}"} for n in range(20)])
    alone = (*words, "--set", "data.source=asks.jsonl", "--set", "data.split=[0.6, 0.2, 0.2]")
    refused = forked("run", *alone, "--out", "a", cwd=tmp_path)
    assert refused.code == 2
    assert "20 of 20 rows of asks.jsonl are prompts without an answer (e.g. row-1), and stage 'sft'" in refused.err
    rule = ("--set", 'stages=["grpo"]', "--set", "rewards.short.use=length", "--set", "rewards.short.options.high=5")
    short = (
        "--set",
        "grpo.steps=1",
        "--set",
        "grpo.batch_size=2",
        "--set",
        'evaluate.metrics=["bleu", "reward", "length"]',
    )
    done = forked("run", *alone, *rule, *short, "--out", "b", cwd=tmp_path)
    assert done.code == 0, done.err
    results = json.loads((tmp_path / "b" / "report" / "results.json").read_text())
    assert {"reward", "length"} <= set(results["arms"]["grpo"]["metrics"])
    assert "bleu" not in results["arms"]["grpo"]["metrics"]
    checked = forked("check", *alone, *rule, *short, cwd=tmp_path)
    assert checked.code == 0, checked.err
    assert "responses: the data have none" in checked.out
    normalised = forked("run", *alone, *rule, "--set", "rewards.short.normalise=true", "--out", "c", cwd=tmp_path)
    assert "[rewards.short] need answers" in normalised.err
