"""Law: what PPO fixes at a rollout is what the library's whole models, run apart, give."""

from pathlib import Path

import pytest
import tiny
import torch
from ppo_case import ENDS, ROWS, make, whole_logprobs
from torch.testing import assert_close

from topgraft.model.states import predicting
from topgraft.objectives.masked import masked_mean, masked_variance


@pytest.mark.parametrize("value", ["head", "branch"])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize(("architecture", "attention"), tiny.ATTENTIONS)
def test_ratio_is_1_and_approximate_kl_0_on_the_first_micro_batch(architecture, attention, temperature, value):
    algorithm = make(architecture, temperature=temperature, value=value, attention=attention)
    batch = algorithm.collect(ROWS)
    micro = batch.rows(torch.tensor([4, 1, 6]))
    metrics = algorithm.loss(micro, count=algorithm.count(micro)).metrics
    assert metrics["policy/ratio"] == pytest.approx(1, abs=1e-5)
    assert metrics["policy/approx_kl"] == pytest.approx(0, abs=1e-9)
    assert metrics["policy/clip_fraction"] == 0
    assert metrics["rollout/logprob_gap"] <= 1e-4
    assert metrics["policy/entropy"] > 0.1


@pytest.mark.parametrize("reference", ["sft", None], ids=["reference is sft", "reference is the base"])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_policy_equals_reference_at_step_0(architecture, temperature, reference):
    metrics = make(architecture, temperature=temperature, reference=reference).collect(ROWS).metrics
    for name in ("kl/token", "kl/response", "kl/k3"):
        assert metrics[name] == pytest.approx(0, abs=1e-5), name


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_kl_and_rewards_of_a_moved_policy_are_those_of_the_unsplit_models(temperature: float, tmp_path: Path):
    algorithm = make(temperature=temperature, beta=0.3, gamma=1.0, lam=1.0)
    tiny.fill(algorithm.actors.model, "ppo", seed=8)
    batch = algorithm.collect(ROWS)
    policy, reference = (whole_logprobs(algorithm, batch, slot, tmp_path, temperature) for slot in ("ppo", "sft"))
    counted = batch.tokens.counted_BT
    assert_close(batch.extras["old_logprobs_BT"], policy, atol=1e-4, rtol=0)
    k1 = policy - reference
    assert batch.metrics["kl/token"] == pytest.approx((k1.sum() / counted.sum()).item(), abs=1e-4)
    assert batch.metrics["kl/response"] == pytest.approx(k1.sum(1).mean().item(), abs=1e-3)
    assert batch.metrics["kl/response"] > 0.1, "the policy has moved away from its reference"
    # with gamma = lambda = 1 and values 0 a return is the sum of the token rewards to come
    ids, lengths = batch.tokens.ids_BT, batch.tokens.lengths_B.tolist()
    ended = torch.tensor([int(ids[row, length - 1]) in ENDS for row, length in enumerate(lengths)])
    score = counted.sum(1) / 4 - 1.0 * ~ended
    to_come = (-0.3 * k1).flip(1).cumsum(1).flip(1)
    expected = torch.where(counted, to_come + score[:, None], 0.0)
    assert_close(batch.extras["returns_BT"], expected, atol=1e-3, rtol=0)
    assert batch.metrics["reward/mean"] == pytest.approx((score - 0.3 * k1.sum(1)).mean().item(), abs=1e-3)
    assert ended.any()
    assert not ended.all()


def test_the_score_arrives_once_and_at_the_last_kept_token():
    # no KL at step 0, no values yet: with lambda 0 only the last token has an advantage, and it is the score
    algorithm = make(lam=0.0, missing_end_penalty=0.0)
    batch = algorithm.collect(ROWS)
    returns, counted = batch.extras["returns_BT"], batch.tokens.counted_BT
    rows, last = torch.arange(len(ROWS)), batch.tokens.lengths_B - 1
    assert_close(returns[rows, last], batch.extras["score_B"], atol=1e-4, rtol=0)
    assert_close(returns.sum(1), batch.extras["score_B"], atol=1e-4, rtol=0)
    assert counted[rows, last].all()


@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.5])
def test_a_response_that_did_not_end_loses_the_penalty(penalty: float):
    algorithm = make(lam=1.0, missing_end_penalty=penalty)
    batch = algorithm.collect(ROWS)
    last = batch.tokens.lengths_B - 1
    ids = batch.tokens.ids_BT[torch.arange(len(ROWS)), last]
    ended = torch.isin(ids, torch.tensor(ENDS))
    totals = batch.extras["returns_BT"][torch.arange(len(ROWS)), last]
    assert_close(totals, batch.extras["score_B"] - penalty * ~ended, atol=1e-4, rtol=0)
    assert batch.metrics["rollout/ended"] == pytest.approx(ended.float().mean().item())
    assert 0 < batch.metrics["rollout/ended"] < 1


def test_a_response_that_a_stop_string_ends_keeps_its_score():
    algorithm = make(lam=1.0, missing_end_penalty=2.5, ends=(tiny.END,), shaping={"stop": tuple("aeiou ")})
    batch = algorithm.collect(ROWS)
    rows, last = torch.arange(len(ROWS)), batch.tokens.lengths_B - 1
    stops = [tiny.FIRST + tiny.CHARACTERS.index(letter) for letter in "aeiou "]
    ended = torch.isin(batch.tokens.ids_BT[rows, last], torch.tensor([*stops, tiny.END]))
    totals = batch.extras["returns_BT"][rows, last]
    assert_close(totals, batch.extras["score_B"] - 2.5 * ~ended, atol=1e-4, rtol=0)
    assert batch.metrics["rollout/ended"] == pytest.approx(ended.float().mean().item())
    assert 0 < batch.metrics["rollout/ended"] < 1


def test_the_kl_of_the_sampler_is_what_truncation_leaves_out_and_0_without_it():
    assert make(temperature=0.7).collect(ROWS).metrics["rollout/sampler_kl"] == 0
    algorithm = make(shaping={"top_k": 5})
    batch = algorithm.collect(ROWS)
    model = algorithm.actors.model
    with torch.no_grad(), model.slots.use("ppo"):
        final = predicting(model.branch(batch.trunk), batch.tokens)
    kept = torch.softmax(model.logits(final), -1).topk(5).values.sum(-1)
    assert batch.metrics["rollout/sampler_kl"] == pytest.approx(-kept.log().mean().item(), rel=1e-4)
    assert batch.metrics["rollout/sampler_kl"] > 0.1
    assert batch.metrics["kl/token"] == pytest.approx(0, abs=1e-5), "still of the whole vocabulary"


@pytest.mark.parametrize("value", ["head", "branch"])
def test_the_value_head_starts_at_zero_so_the_first_values_are_zero(value: str):
    assert (make(value=value).collect(ROWS).extras["values_BT"] == 0).all()


@pytest.mark.parametrize("value", ["head", "branch"])
def test_first_values_equal_the_values_of_the_first_loss(value: str):
    algorithm = make(value=value, value_weight=1.0)
    with torch.no_grad():
        algorithm.head.linear.weight.normal_(generator=torch.Generator().manual_seed(0))
        algorithm.head.linear.bias.fill_(0.3)
    if value == "branch":
        tiny.fill(algorithm.actors.model, "ppo-value", seed=5)
    batch = algorithm.collect(ROWS)
    counted = batch.tokens.counted_BT
    errors = 0.5 * (batch.extras["values_BT"] - batch.extras["returns_BT"])[counted].square()
    metrics = algorithm.loss(batch, count=algorithm.count(batch)).metrics
    assert metrics["loss/value"] == pytest.approx(errors.mean().item(), rel=1e-3)
    assert batch.extras["values_BT"][counted].std() > 0.1


def test_returns_come_from_advantages_that_are_not_whitened_and_advantages_are():
    batch = make().collect(ROWS)
    counted = batch.tokens.counted_BT
    advantages = batch.extras["advantages_BT"]
    assert_close(masked_mean(advantages, counted), torch.tensor(0.0), atol=1e-5, rtol=0)
    assert_close(masked_variance(advantages, counted), torch.tensor(1.0), atol=1e-4, rtol=0)
    assert (advantages[~counted] == 0).all()
    assert masked_mean(batch.extras["returns_BT"], counted).abs() > 0.1


def test_advantages_may_stay_as_they_are():
    white, plain = (make(whiten_advantages=flag).collect(ROWS) for flag in (True, False))
    counted = plain.tokens.counted_BT
    # values are 0 as yet, so that a return is its advantage
    assert torch.equal(plain.extras["advantages_BT"], plain.extras["returns_BT"])
    assert torch.equal(plain.extras["returns_BT"], white.extras["returns_BT"])
    advantages = plain.extras["advantages_BT"][counted]
    expected = (advantages - advantages.mean()) / advantages.std(correction=0)
    assert_close(white.extras["advantages_BT"][counted], expected, atol=1e-4, rtol=1e-4)
    assert (advantages - expected).abs().max() > 0.1


def test_whitened_rewards_have_variance_1_and_keep_their_mean():
    # gamma 0.0...1 and lambda 0 make every return the reward of its own token
    plain, white = (make(lam=0.0, gamma=1e-9, whiten_rewards=flag).collect(ROWS) for flag in (False, True))
    counted = plain.tokens.counted_BT
    assert torch.equal(plain.tokens.ids_BT, white.tokens.ids_BT)
    before, after = plain.extras["returns_BT"], white.extras["returns_BT"]
    assert_close(masked_variance(after, counted), torch.tensor(1.0), atol=1e-4, rtol=0)
    assert_close(masked_mean(after, counted), masked_mean(before, counted), atol=1e-4, rtol=0)
    assert abs(masked_variance(before, counted).item() - 1) > 0.05


def test_several_responses_to_a_prompt_stay_together_and_their_prompt_passes_once():
    algorithm = make(samples_per_prompt=3, minibatch_size=2)
    batch = algorithm.collect(ROWS)
    assert (len(batch), len(batch.tokens), batch.siblings) == (8, 24, 3)
    ids, counted = batch.tokens.ids_BT, batch.tokens.counted_BT
    starts = (batch.tokens.lengths_B - counted.sum(1)).tolist()
    prompts = [tuple(ids[row, : starts[row]].tolist()) for row in range(24)]
    assert prompts == [prompt for prompt in prompts[::3] for _ in range(3)]
    assert len(set(prompts)) == len(batch.trunk.prompts) == 8
    answers = [tuple(ids[row][counted[row]].tolist()) for row in range(24)]
    assert len(set(answers)) > 12, "each is drawn for itself"
    meter = algorithm.actors.model.meter
    assert meter.tokens_in == sum(starts[::3]) + int(counted.sum()) == algorithm.tokens_kept
    part = batch.rows(torch.tensor([5, 2]))
    width = part.tokens.ids_BT.shape[1]
    assert part.tokens.ids_BT.tolist() == [ids[row, :width].tolist() for row in (15, 16, 17, 6, 7, 8)]
    assert algorithm.count(part) == float(counted[[15, 16, 17, 6, 7, 8]].sum())


def test_less_others_pays_a_score_less_the_mean_of_the_prompts_other_responses():
    settings = {"beta": 0.0, "gamma": 1.0, "lam": 1.0, "samples_per_prompt": 3, "missing_end_penalty": 0.5}
    plain, centred = (make(less_others=asked, **settings).collect(ROWS) for asked in (False, True))
    assert torch.equal(plain.tokens.ids_BT, centred.tokens.ids_BT)
    first_B = plain.tokens.counted_BT.int().argmax(1)
    paid, centred_paid = (batch.extras["returns_BT"][range(24), first_B].view(8, 3) for batch in (plain, centred))
    others = [[(row[1] + row[2]) / 2, (row[0] + row[2]) / 2, (row[0] + row[1]) / 2] for row in paid.tolist()]
    assert_close(centred_paid, paid - torch.tensor(others), atol=1e-5, rtol=0)
    assert paid.std(1).max() > 0.1
    assert plain.metrics["reward/score"] == centred.metrics["reward/score"]


def test_less_others_needs_others():
    with pytest.raises(ValueError, match="set samples_per_prompt to 2"):
        make(less_others=True)
