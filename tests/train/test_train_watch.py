"""The watch: what it adds to the log, what it writes down, and a real PPO that is paid for length."""

import io

import pytest
from learners import logged, loop, ppo, sft
from rich.console import Console

from topgraft.records import Sample
from topgraft.runs import StageFolder
from topgraft.train.progress import Screen
from topgraft.train.series import WatchSettings
from topgraft.train.watch import Watch, describe


def responses(*texts: str, scores: list[float] | None = None, parts: list[dict] | None = None) -> list[Sample]:
    return [
        Sample(
            key=f"row {number}",
            response=text,
            tokens=len(text.split()),
            ended=True,
            score=scores[number] if scores else 0.0,
            kl=0.5,
            parts=parts[number] if parts else {"learned": 0.0},
        )
        for number, text in enumerate(texts)
    ]


def watch(folder, weights: dict[str, float] | None = None, **settings) -> tuple[Watch, io.StringIO]:
    spoken = io.StringIO()
    stage, screen = StageFolder(folder), Screen(Console(file=spoken, width=1000))
    return Watch(WatchSettings(**settings), weights or {"learned": 1.0}, stage, screen), spoken


def test_what_the_texts_and_scores_of_a_rollout_add_to_the_log():
    # abc bca cab abc: one of four is repeated, none of the other text. ab bc ca ab bc: three of five are distinct.
    found = describe(responses("a b c a b c", "d", scores=[1.0, 3.0]), {"learned": 1.0})
    assert found == {"rollout/repetition": 0.125, "rollout/distinct_2": 0.6, "reward/std": 1.0}


def test_parts_agree_or_not_with_the_rest_of_the_reward():
    # With weights 1, -2 and 0 the rest of a part is the weighted sum of the others. A penalty is turned, so that more
    # of it is better; what is not known is left out of its own part, and counts nothing in the rest.
    weights = {"tone": 1.0, "insults": -2.0, "noted": 0.0}
    values = [(1.0, 3.0, 2.0), (2.0, 2.0, None), (3.0, 1.0, 1.0), (6.0, 2.0, 0.0)]
    parts = [dict(zip(weights, row, strict=True)) for row in values]
    found = describe(responses(*"abcd", scores=[-5.0, -2.0, 1.0, 2.0], parts=parts), weights)
    # Squares about the means 3, 2 and 1: tone 14, insults 2, noted 2. Its products with -insults: -2 x -1, 0, 0 x 1, 0.
    expected = {
        "reward/std/tone": (14 / 4) ** 0.5,
        "reward/std/insults": (2 / 4) ** 0.5,
        "reward/std/noted": (2 / 3) ** 0.5,
        "reward/agreement/tone": 2 / (14 * 2) ** 0.5,
        "reward/agreement/insults": 2 / (14 * 2) ** 0.5,
        # Of noted 2, 1, 0 the rest is -5, 1, 2 with mean -2/3: products -13/3 and -8/3, squares 86/3.
        "reward/agreement/noted": -7 / (2 * 86 / 3) ** 0.5,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_a_part_that_is_the_same_for_all_agrees_with_nothing():
    parts = [{"tone": value, "format": 1.0, "odd": None} for value in (0.1, 0.2, 0.7)]
    found = describe(responses(*"abc", scores=[1.1, 1.2, 1.7], parts=parts), dict.fromkeys(parts[0], 1.0))
    assert set(found) - {"rollout/repetition", "rollout/distinct_2", "reward/std"} == {
        "reward/std/tone",
        "reward/std/format",
    }


def test_a_sign_is_raised_once_with_the_three_worst_responses(tmp_path):
    watched, spoken = watch(tmp_path, baseline=1, window=2)
    texts = ["a b", "a b c d", "a", "a b c", "a b c d e"]
    for step, length in enumerate((10, 30, 30, 40, 50), start=1):
        watched.see(step, {"rollout/length": length}, responses(*texts))
    (warning,) = StageFolder(tmp_path).warnings()
    assert (warning["step"], warning["sign"]) == (3, "length")
    assert "from 10 to 30 tokens" in warning["message"]
    assert [sample["response"] for sample in warning["samples"]] == ["a b c d e", "a b c d", "a b c"]
    assert {"key", "response", "score", "parts", "tokens", "kl", "ended"} == set(warning["samples"][0])
    assert spoken.getvalue() == f"  warning, step 3, length: {warning['message']}\n"


def test_a_sign_that_is_switched_off_is_silent(tmp_path):
    watched, spoken = watch(tmp_path, baseline=1, window=1, length=0, kl=0)
    for step in (1, 2):
        assert watched.see(step, {"rollout/length": 9.0**step, "kl/token": 9.0}, responses("a"))
    assert (StageFolder(tmp_path).warnings(), spoken.getvalue()) == ([], "")


def paid_for_length(folder, rate: float) -> list[dict]:
    """A real PPO of 8 steps, whose reward is the number of its tokens."""
    algorithm = ppo(
        response=48,
        steps=8,
        batch_size=7,
        samples_per_prompt=4,
        minibatch_size=7,
        inner_epochs=4,
        learning_rate=rate,
        schedule="constant",
        lam=1.0,
        beta=0.0,
        missing_end_penalty=0.0,
    )
    watched, _ = watch(folder, {"length": 1.0}, baseline=1, window=2, length=1.4)
    loop(algorithm, folder, watch=watched)
    return StageFolder(folder).warnings()


def test_a_policy_that_is_paid_for_length_is_found_out_by_its_length(tmp_path):
    found = {warning["sign"]: warning for warning in paid_for_length(tmp_path, 0.1)}
    assert "have grown" in found["length"]["message"]
    step = found["length"]["step"]
    sampled = [row for row in StageFolder(tmp_path).rollouts() if row["step"] == step]
    longest = sorted((row["tokens"] for row in sampled), reverse=True)[:3]
    assert [sample["tokens"] for sample in found["length"]["samples"]] == longest
    lengths = [row["rollout/length"] for row in logged(tmp_path)]
    assert min(lengths[step - 2 : step]) > 1.4 * lengths[0]
    assert all(0 <= row["rollout/repetition"] < 1 and 0 < row["rollout/distinct_2"] <= 1 for row in logged(tmp_path))


def test_a_policy_that_hardly_moves_raises_nothing(tmp_path):
    assert paid_for_length(tmp_path, 1e-6) == []


def test_a_learner_without_samples_is_not_watched(tmp_path):
    watched, spoken = watch(tmp_path)
    loop(sft(epochs=1, batch_size=4), tmp_path, watch=watched)
    assert not any("rollout/repetition" in row for row in logged(tmp_path))
    assert (StageFolder(tmp_path).warnings(), spoken.getvalue()) == ([], "")


SHORT = {"baseline": 1, "window": 1, "kl": 1e-6}
"""The KL of a policy that has learned once is above that."""
PPO = {"steps": 6, "batch_size": 4, "learning_rate": 1e-2, "schedule": "constant"}


def test_a_sign_may_end_the_stage_with_the_weights_as_they_then_are(tmp_path):
    watched, spoken = watch(tmp_path / "stopped", stop=("kl",), **SHORT)
    outcome = loop(ppo(**PPO), tmp_path / "stopped", watch=watched)
    (warning,) = [row for row in StageFolder(tmp_path / "stopped").warnings() if row["sign"] == "kl"]
    assert outcome.steps == outcome.best_step == warning["step"] == len(logged(tmp_path / "stopped")) < 6
    assert "the stage ends here" in spoken.getvalue()


def test_a_sign_may_halve_the_rate_of_the_steps_after_it(tmp_path):
    watched, spoken = watch(tmp_path, lower=("kl", "entropy"), **SHORT)
    loop(ppo(**PPO), tmp_path, watch=watched)
    raised = next(row["step"] for row in StageFolder(tmp_path).warnings() if row["sign"] == "kl")
    assert [row["learning_rate"] for row in logged(tmp_path)] == [1e-2] * raised + [5e-3] * (6 - raised)
    assert 1 <= raised < 6
    assert "the rate is halved" in spoken.getvalue()


def test_a_watch_that_goes_on_knows_what_it_has_seen(tmp_path):
    first, _ = watch(tmp_path, lower=("kl",), **SHORT)
    loop(ppo(**PPO), tmp_path, watch=first)
    again, _ = watch(tmp_path, lower=("kl",), **SHORT)
    again.restore(first.state())
    assert again.raised == first.raised != set()
    assert again.share_of_rate == first.share_of_rate == 0.5
    assert [row["kl/token"] for row in again._steps] == [row["kl/token"] for row in first._steps]


def test_a_sign_that_is_not_known_is_named_with_the_nearest():
    with pytest.raises(ValueError, match=r"there is no sign 'entropi'. Did you mean 'entropy'"):
        WatchSettings(stop=("entropi",))
