"""Law: the summary says what the numbers show, no more, and each claim with its interval."""

import pytest
from fake_arms import many_results
from fake_run import compare, fake_provenance, fake_results

from topgraft.report.parts.summary import sentences
from topgraft.report.reading import Reading
from topgraft.report.words.story import Stage
from topgraft.report.words.warned import Warned


def stage(name: str, title: str, **changed) -> Stage:
    facts = {"name": name, "title": title, "state": "finished", "summary": {}, "metrics": [], "samples": []}
    return Stage(**(facts | {"warnings": [], "anchor": name} | changed))


def said(results: dict, stages: list[Stage] = (), **provenance) -> list[str]:
    return sentences(Reading(fake_provenance() | provenance, results, list(stages), [], ""))


def test_what_changed_what_the_last_stage_added_and_what_is_not_shown():
    assert said(fake_results()) == [
        "Against base (n = 40), ppo is better in SAC (+0.60 [0.50, 0.70]) and Win rate (0.84 [0.73, 0.95]).",
        "What the last stage added: against sft (n = 40), ppo is better in SAC (+0.230 [0.150, 0.310]) and Reward "
        "(+0.90 [0.60, 1.20]).",
        "Not separated, so not shown either way: CA of ppo against sft (+0.04 [−0.08, 0.16]).",
        "Not compared row by row: BLEU (base 4.1 [2.7, 5.5], ppo 14.9 [13.5, 16.3]) and KL (base 0 [0, 0], ppo "
        "3.84 [3.10, 4.50]).",
        "Read CA with care: what measures it is not shown to beat a constant answer.",
    ]


def test_worse_is_said_as_plainly_as_better():
    results = fake_results() | {"comparisons": [compare("ca", "ppo", "sft", -0.3, 0.1)], "instruments": {}}
    assert said(results)[0] == (
        "What the last stage added: against sft (n = 40), ppo is worse in CA (−0.30 [−0.40, −0.20])."
    )


def test_no_difference_shown_is_no_difference_claimed():
    results = fake_results() | {"comparisons": [compare("ca", "ppo", "base", 0.05, 0.1)]}
    first, second, *_ = said(results)
    assert first == "Against base, ppo is not shown to differ in any metric that was compared."
    assert second == "Not separated, so not shown either way: CA of ppo against base (+0.05 [−0.05, 0.15])."


def test_what_is_not_separated_says_how_many_problems_would_do():
    results = fake_results() | {
        "comparisons": [compare("ca", "ppo", "base", 0.05, 0.1) | {"separated": False, "problems": 10, "needed": 57}]
    }
    assert said(results)[1] == (
        "Not separated by 10 problems, so not shown either way: CA of ppo against base (+0.05 [−0.05, 0.15]; needs "
        "about 57)."
    )


def test_a_gain_that_the_second_model_does_not_see_is_named():
    pairs = [compare("reward", "ppo", "sft", 0.9, 0.3), compare("reward_check", "ppo", "sft", 0.1, 0.3)]
    directions = {"reward": "higher", "reward_check": "higher"}
    results = fake_results() | {"comparisons": pairs, "directions": directions}
    found = [text for text in said(results) if "second reward model" in text]
    assert len(found) == 1
    assert "(+0.10 [−0.20, 0.40]): a sign of reward hacking" in found[0]
    pairs[1] = compare("reward_check", "ppo", "sft", 0.8, 0.3)
    assert not [text for text in said(results) if "second reward model" in text]


def test_of_many_arms_each_metric_has_one_sentence():
    assert said(many_results())[:2] == [
        "Reward is best in best-of-8-full (2.40 [1.90, 2.90]), separated from all 12 others; the next, grpo-full, "
        "differs by 0.30 [0.05, 0.55].",
        "BLEU is best in base (10.0 [7.0, 13.0]), separated from 6 of the 12 others only; the next, sft, differs by "
        "1.00.",
    ]


def test_signs_of_reward_hacking_and_their_absence():
    warned = stage("ppo", "PPO", warnings=[Warned("length", "12", "grown", [])])
    watched = stage("grpo", "GRPO", metrics=[{"step": 1, "rollout/repetition": 0.1}])
    blind = stage("sft", "SFT", metrics=[{"step": 1, "loss/total": 0.1}])
    texts = said(fake_results(), [warned, watched, blind])
    assert "Signs of reward hacking in PPO: length at step 12. Read its responses before the reward." in texts
    assert "The watch for reward hacking saw no sign in GRPO, which does not prove that none is." in texts


def test_cost():
    summary = {"seconds": 75, "peak_memory_bytes": 8.1e8, "trunk_passes_per_token": 1.0}
    stages = [stage("sft", "SFT", summary=summary), stage("evaluate", "Evaluation", summary={"seconds": 5})]
    assert said(fake_results(), stages)[-1] == (
        "All stages took 1 min 20 s on cpu, with a peak of 0.81 GB. Trunk passes per token: 1.00 in SFT."
    )


@pytest.mark.parametrize("results", [{}, {"arms": {}}, {"arms": {"base": {"metrics": {"sac": {"value": 0.2}}}}}])
def test_what_is_not_there_is_not_spoken_of(results):
    assert all("better" not in text and "worse" not in text for text in said(results, finished=None))
    assert said(results, finished=None)[0].startswith(("Nothing has been measured yet", "The run is not finished"))
