"""Rule level: the probability of the wanted level, by a reader fitted on texts of known level."""

import json
import math
from pathlib import Path

import pytest

from topgraft.data.level_reader import fit, levels_of, probabilities
from topgraft.data.levels import LevelText
from topgraft.errors import UserError
from topgraft.recipe import build
from topgraft.records import Demonstration
from topgraft.rewards.level import Level

SAID = {1: "Glad to help with it.", 2: "Are you sure of that?", 3: "That is wrong."}
LEVELS = {"myth": 3, "gap": 2, "question": 1}


def row(prompt: str, category: str = "") -> Demonstration:
    return Demonstration(key=prompt, group="g", prompt=prompt, response="", category=category)


def lines(topics: int, levels: tuple[int, ...] = (1, 2, 3)) -> list[LevelText]:
    return [LevelText(str(n), level, f"{SAID[level]} Thing {n}.") for n in range(topics) for level in levels]


def written(path: Path, texts: list[LevelText]) -> str:
    rows = [{"topic": text.topic, "level": text.level, "text": text.text} for text in texts]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("level") / "levels.jsonl", lines(8))


def test_a_reader_tells_levels_of_topics_that_it_has_not_read():
    reader = fit(tuple(lines(8)))
    asked = [f"{said} Another matter." for said in SAID.values()]
    assert levels_of(reader, [*asked, " "]) == [1, 2, 3, 0]
    for level, found in zip(SAID, probabilities(reader, asked), strict=True):
        assert sum(found.values()) == pytest.approx(1)
        assert max(found, key=lambda each: found[each]) == level
    assert probabilities(reader, [" "]) == [{1: 0, 2: 0, 3: 0}]


def test_the_value_is_the_probability_of_the_level_that_the_category_wants(texts):
    rule = Level(levels=LEVELS, texts=texts).for_rows([row(name, name) for name in LEVELS])
    for text in (f"{said} Another matter." for said in SAID.values()):
        found = probabilities(fit(tuple(lines(8))), [text])[0]
        assert {name: rule(name, text) for name in LEVELS} == {name: found[level] for name, level in LEVELS.items()}
    assert rule("myth", "That is wrong.") > 0.5 > rule("gap", "That is wrong.")
    assert rule("myth", "") == 0


def test_of_two_categories_the_better_fit_counts_and_without_one_it_is_unknown(texts):
    rule = Level(levels=LEVELS, texts=texts).for_rows([row("q", "gap"), row("q", "question"), row("p")])
    both = probabilities(fit(tuple(lines(8))), ["Are you sure?"])[0]
    assert rule("q", "Are you sure?") == max(both[1], both[2])
    assert math.isnan(rule("p", "Are you sure?"))
    with pytest.raises(UserError, match=r"'gaps', for which level has no level\. Did you mean 'gap'\?"):
        Level(levels=LEVELS, texts=texts).for_rows([row("p", "gaps")])


def test_balanced_a_level_that_few_rows_want_counts_for_more(texts):
    rows = [row("a", "myth"), row("b", "myth"), row("c", "myth"), row("d", "question"), row("e")]
    plain, balanced = (Level(levels=LEVELS, texts=texts, balanced=flag).for_rows(rows) for flag in (False, True))
    for text in (f"{said} Another matter." for said in SAID.values()):
        assert balanced("a", text) == pytest.approx(plain("a", text) * 4 / (2 * 3))  # 4 rows, 2 levels, 3 want level 3
        assert balanced("d", text) == pytest.approx(plain("d", text) * 4 / (2 * 1))
    assert math.isnan(balanced("e", "Wrong."))


def test_texts_from_which_levels_cannot_be_learned_are_refused(tmp_path: Path):
    few = written(tmp_path / "few.jsonl", [*lines(8, (1, 3)), *lines(3, (2,))])
    with pytest.raises(UserError, match="level 2 on 3 topics; a reader of levels needs each of 1, 2, 3 on 4 topics"):
        Level(levels=LEVELS, texts=few).for_rows([])
    with pytest.raises(UserError, match="Option texts of rule 'level' = 'nowhere'"):
        Level(levels=LEVELS, texts="nowhere").for_rows([])
    with pytest.raises(UserError, match="'texts' in here"):
        build(Level, {"levels": LEVELS, "texts": ""}, "here")
