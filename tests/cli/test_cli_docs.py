"""docs/metrics.md names what a run logs and measures: every name, and no other."""

import json

import pytest
from metrics_page import documented, table

from topgraft.evaluate import METRICS


def logged(finished, stage: str) -> set[str]:
    lines = (finished.run / "stages" / stage / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return {name for line in lines for name in json.loads(line)}


KINDS = {"sft": ("sft",), "reward": ("reward", "reward-check"), "ppo": ("ppo",)}


@pytest.mark.parametrize(("kind", "stages"), KINDS.items())
def test_every_logged_metric_is_in_the_docs_and_the_other_way_round(finished, kind, stages):
    assert set.union(*(logged(finished, stage) for stage in stages)) == documented(kind) - {"loss/skipped"}


def test_every_logged_name_is_a_path_of_two_or_one_of_the_loops_own(finished):
    names = set.union(*(logged(finished, stage) for stage in ("sft", "reward", "ppo")))
    own = {"step", "learning_rate", "grad_norm"}
    assert names >= own
    kinds = {name.split("/")[0] for name in names - own}
    assert kinds <= {"reward", "kl", "loss", "value", "rollout", "policy", "cost", "eval"}
    assert {"reward/mean", "kl/token", "kl/response"} <= logged(finished, "ppo")


def test_every_metric_of_the_results_is_defined_in_the_docs():
    named = list(table("Results"))
    assert [name for name in named if "/" not in name] == list(METRICS)
    assert {name.split("/")[0] for name in named if "/" in name} <= METRICS.keys()  # parts of a metric


def test_kl_of_a_response_is_the_sum_over_its_tokens(finished):
    for line in (finished.run / "stages" / "ppo" / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert row["kl/response"] == pytest.approx(row["kl/token"] * row["rollout/length"], rel=1e-4, abs=1e-6)
        assert row["kl/k3"] >= 0
        assert row["rollout/logprob_gap"] <= 1e-4
