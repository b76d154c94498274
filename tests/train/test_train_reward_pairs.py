"""The held-out pairs of a run's reward model: which they are, their scores, and what the evaluation says of them."""

import json
from pathlib import Path

import pytest
import torch
from places import do, open_place, short_rows
from torch.testing import assert_close

from topgraft.data.template import pack
from topgraft.train.evaluation import answers_of, evaluate
from topgraft.train.pairing import comparisons
from topgraft.train.plan import Plan
from topgraft.train.workplace import Workplace

DATA = {"max_prompt_tokens": 60, "max_response_tokens": 12, "split": [0.6, 0.2, 0.2]}


def with_pairs(path: Path) -> Path:
    """20 rows of 10 problems with a rejected answer, of which every fifth is a tie, in two categories."""
    rows = [
        {
            "id": f"r{n}",
            "problem": f"p{n // 2}",
            "prompt": f"Q{n}?",
            "response": f"A {n}.",
            "rejected": "No" * (1 + n % 3),
            "strength": float(n % 5),
            "category": "odd" if n % 2 else "even",
        }
        for n in range(20)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def measured(folder: Path, model: Path, data: Path, **raw: object) -> tuple[Workplace, list[dict], dict, dict]:
    """A place whose reward model is trained and examined: its pairs, its figures and what results say of it."""
    small = {"reward": {"epochs": 1, "batch_size": 6}, "samples_shown": 0, "evaluate": {"metrics": ["length"]}}
    recipe = {"data": {"source": str(data), **DATA}, "stages": ["pairs", "reward"], **small, **raw}
    place = open_place(folder, model, **recipe)
    do(place)
    plan = Plan(place.settings)
    results = evaluate(place, plan, answers_of(place, plan, list(plan.arms.values())))
    return place, place.run.reward_pairs(), place.run.reward_model(), results["instruments"]["reward"]


def scores_of(place: Workplace, prompt: str, *answers: str) -> torch.Tensor:
    """The reward model's scores of some answers, tokenised here."""
    template = place.template
    pairs = [(template.encode_prompt(prompt), template.encode_response(answer)) for answer in answers]
    tokens = pack(pairs, template.pad_id, place.model.device)
    return place.rewards["reward"](tokens, place.model.trunk(tokens))


def test_the_datas_own_pairs_of_test_and_validation_rows_but_for_ties(tmp_path, model_folder):
    place, pairs, figures, instrument = measured(tmp_path / "run", model_folder, with_pairs(tmp_path / "rows.jsonl"))
    rows = {(part, row.key): row for part in ("test", "validation") for row in place.splits.parts()[part]}
    assert {(pair["part"], pair["id"]) for pair in pairs} == {key for key, row in rows.items() if row.strength > 0}
    assert [pair["margin"] for pair in pairs] == sorted(pair["margin"] for pair in pairs)
    gain = place.rewards["reward"].head.gain
    assert gain != 1
    for pair in pairs:
        row = rows[pair["part"], pair["id"]]
        assert (pair["chosen"], pair["rejected"], pair["category"]) == (row.response, row.rejected, row.category)
        assert (pair["problem"], pair["prompt"], pair["strength"]) == (row.group, row.prompt, row.strength)
        expected_2 = scores_of(place, row.prompt, row.response, row.rejected)
        assert_close(torch.tensor([pair["chosen_score"], pair["rejected_score"]]), expected_2, atol=1e-5, rtol=1e-5)
        assert pair["margin"] == pytest.approx(((expected_2[0] - expected_2[1]) / gain).item(), abs=1e-5)
        lengths = [len(place.template.encode_response(text)) for text in (row.response, row.rejected)]
        assert [pair["chosen_tokens"], pair["rejected_tokens"]] == lengths
        assert pair["right"] == (1.0 if pair["margin"] > 0 else 0.0)
    test = [pair["right"] for pair in pairs if pair["part"] == "test"]
    assert instrument["held_out_accuracy"]["value"] == pytest.approx(sum(test) / len(test))
    assert (instrument["n"], instrument["pairs"]) == (len(test), "the data's own pairs")
    assert figures["arms"]["test"]["metrics"]["accuracy"] == instrument["held_out_accuracy"]
    assert {entry["name"] for entry in figures["by_category"]} <= {"even", "odd"}
    assert sum(entry["n"] for entry in figures["by_length"]) == len(test)


def test_else_the_reference_against_bases_answer_and_on_validation_rows_against_its_samples(tmp_path, model_folder):
    place, pairs, figures, instrument = measured(tmp_path / "run", model_folder, short_rows(tmp_path / "rows.jsonl"))
    said = {row["id"]: row["response"] for row in place.run.responses() if row["arm"] == "base"}
    sampled = {pair.key: pair.rejected for pair in comparisons(place.run, "pairs")}
    assert (
        {pair["id"] for pair in pairs if pair["part"] == "test"} == {row.key for row in place.splits.test} == set(said)
    )
    held_out = {row.key for row in place.splits.validation} & sampled.keys()
    assert {pair["id"] for pair in pairs if pair["part"] == "validation"} == held_out
    for pair in pairs:
        assert pair["rejected"] == (said if pair["part"] == "test" else sampled)[pair["id"]]
    assert instrument["pairs"] == figures["pairs"] == "reference against Base's answer"
    assert figures["by_category"] == []


def test_a_reward_model_on_a_base_of_its_own_is_examined_by_texts(tmp_path, model_folder):
    own = {"name": str(model_folder), "layers": "last-1"}
    reward = {"epochs": 1, "batch_size": 6, "model": own}
    data = with_pairs(tmp_path / "rows.jsonl")
    place, pairs, _, _ = measured(tmp_path / "run", model_folder, data, reward=reward)
    scored = place.rewards["reward"]([pair["prompt"] for pair in pairs], [pair["chosen"] for pair in pairs])
    assert [pair["chosen_score"] for pair in pairs] == pytest.approx(scored, abs=1e-5)
    gaps = [pair["chosen_score"] - pair["rejected_score"] for pair in pairs]
    ratios = {round(gap / pair["margin"], 3) for gap, pair in zip(gaps, pairs, strict=True) if abs(gap) > 1e-2}
    assert len(ratios) == 1  # one gain for all
