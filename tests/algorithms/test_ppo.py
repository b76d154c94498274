"""Law: the PPO check-list. Everything is compared with the library's whole models, run apart."""

from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from torch.testing import assert_close

from topgraft.algorithms.ppo import PPO, Options, explained_variance, spread
from topgraft.algorithms.protocol import StepSettings
from topgraft.errors import UserError
from topgraft.objectives.masked import masked_mean, masked_variance
from topgraft.records import Batch, Demonstration, Scores
from topgraft.rollout.sampling import SamplingSettings

ROWS = [
    Demonstration(key=str(number), group="g", prompt=prompt, response="")
    for number, prompt in enumerate(["one", "two and two", "3", "four", "five hundred", "six", "7!", "eight?"])
]
ENDS = (tiny.END, 20, 21, 22, 23)
LENGTH = 8


def by_length(tokens, trunk) -> Scores:
    """A rule to be scored by: the number of response tokens over four."""
    total = tokens.counted_BT.sum(1) / 4
    return Scores(total_B=total, parts={"length": total})


def letters(tokens, trunk) -> Scores:
    """A rule to be learned: the share of response tokens that are lower-case letters."""
    first = tiny.FIRST + tiny.CHARACTERS.index("a")
    hits = (tokens.ids_BT >= first) & (tokens.ids_BT < first + 26) & tokens.counted_BT
    total = hits.sum(1) / tokens.counted_BT.sum(1)
    return Scores(total_B=total, parts={"letters": total})


def make(
    architecture: str = "llama",
    *,
    temperature: float = 1.0,
    reference: str | None = "sft",
    score=by_length,
    ends: tuple[int, ...] = ENDS,
    attention: str = "eager",
    **options,
) -> PPO:
    made = tiny.split(architecture, attention=attention)
    made.slots.add("sft")
    tiny.fill(made, "sft")
    sampling = SamplingSettings(temperature=temperature)
    actors = tiny.actors(made, tiny.characters(), score=score, response=LENGTH, sampling=sampling, end_ids=ends)
    algorithm = PPO(actors, Options(**options), "ppo", reference=reference)
    for weight in algorithm.trainable():
        weight.requires_grad_(True)
    return algorithm


def gradients(algorithm: PPO, batch: Batch, size: int) -> list[torch.Tensor]:
    count = algorithm.count(batch)
    for part in torch.arange(len(batch)).split(size):
        algorithm.loss(batch.rows(part), count=count).value.backward()
    found = [weight.grad.clone() for weight in algorithm.trainable()]
    for weight in algorithm.trainable():
        weight.grad = None
    return found


@torch.no_grad()
def whole_logprobs(algorithm: PPO, batch: Batch, slot: str | None, folder: Path, temperature: float) -> torch.Tensor:
    """[B, T] log-probabilities of the response tokens from an unsplit model."""
    whole = tiny.unsplit(algorithm.actors.model, slot, folder, "llama")
    tokens, found = batch.tokens, torch.zeros(batch.tokens.ids_BT.shape)
    for row, logits in enumerate(tiny.whole_logits(whole, tokens, left=True)):
        full = torch.log_softmax(logits / temperature, -1)
        for place in tokens.counted_BT[row].nonzero().flatten().tolist():
            found[row, place] = full[place - 1, tokens.ids_BT[row, place]]
    return found


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


def test_whitened_rewards_have_variance_1_and_keep_their_mean():
    # gamma 0.0...1 and lambda 0 make every return the reward of its own token
    plain, white = (make(lam=0.0, gamma=1e-9, whiten_rewards=flag).collect(ROWS) for flag in (False, True))
    counted = plain.tokens.counted_BT
    assert torch.equal(plain.tokens.ids_BT, white.tokens.ids_BT)
    before, after = plain.extras["returns_BT"], white.extras["returns_BT"]
    assert_close(masked_variance(after, counted), torch.tensor(1.0), atol=1e-4, rtol=0)
    assert_close(masked_mean(after, counted), masked_mean(before, counted), atol=1e-4, rtol=0)
    assert abs(masked_variance(before, counted).item() - 1) > 0.05


def test_trained_tokens_are_the_sampled_tokens(monkeypatch):
    algorithm = make()
    import topgraft.algorithms.ppo as module

    kept = []
    true_sample = module.sample
    monkeypatch.setattr(module, "sample", lambda *args: kept.append(true_sample(*args)) or kept[-1])
    batch = algorithm.collect(ROWS)
    assert torch.equal(batch.tokens.ids_BT, kept[0].tokens.ids_BT)
    assert torch.equal(batch.tokens.counted_BT, kept[0].tokens.counted_BT)
    part = batch.rows(torch.tensor([3, 1]))
    for row, source in enumerate([3, 1]):
        length = int(part.tokens.lengths_B[row])
        assert part.tokens.ids_BT[row, :length].tolist() == kept[0].tokens.ids_BT[source, :length].tolist()


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_trunk_passes_per_token_are_exactly_1_over_a_whole_step(architecture):
    algorithm = make(architecture, value="branch")
    batch = algorithm.collect(ROWS)
    assert batch.metrics["cost/trunk_passes_per_token"] == 1.0
    before = algorithm.actors.model.meter.tokens_in
    for _ in range(4):
        gradients(algorithm, batch, 4)
    assert algorithm.actors.model.meter.tokens_in == before


@pytest.mark.parametrize("value", ["head", "branch"])
def test_micro_batches_of_1_2_and_8_give_the_same_gradients(value: str):
    algorithm = make(value=value, value_weight=0.5)
    batch = algorithm.collect(ROWS)
    tiny.fill(algorithm.actors.model, "ppo", seed=3, scale=0.21)  # ratios away from 1, some of them clipped
    whole = gradients(algorithm, batch, 8)
    assert max(grad.abs().max().item() for grad in whole) > 1e-3
    for size in (1, 2):
        for found, expected in zip(gradients(algorithm, batch, size), whole, strict=True):
            assert_close(found, expected, atol=1e-5, rtol=1e-3)


def test_metrics_of_micro_batches_add_up():
    algorithm = make()
    batch = algorithm.collect(ROWS)
    count = algorithm.count(batch)
    whole = algorithm.loss(batch, count=count).metrics
    parts = [algorithm.loss(batch.rows(part), count=count).metrics for part in torch.arange(8).split(3)]
    for name in whole.keys() - {"rollout/logprob_gap"}:
        assert sum(part[name] for part in parts) == pytest.approx(whole[name], abs=1e-5), name


@pytest.mark.parametrize("value", ["head", "branch"])
def test_ppo_raises_a_rule_reward_and_moves_nothing_but_its_own_slots(value: str):
    algorithm = make(score=letters, ends=(tiny.END,), reference="sft", value=value, beta=0.0, missing_end_penalty=0.0)
    made = algorithm.actors.model
    own = {id(weight) for weight in algorithm.trainable()}
    before = {name: weight.detach().clone() for name, weight in made.model.named_parameters()}
    optimizer = torch.optim.AdamW(algorithm.trainable(), lr=2e-2, eps=1e-5)
    scores = []
    for _ in range(20):
        batch = algorithm.collect(ROWS * 4)
        scores.append(batch.metrics["reward/score"])
        for _ in range(2):
            algorithm.loss(batch, count=algorithm.count(batch)).value.backward()
            optimizer.step()
            optimizer.zero_grad()
    assert sum(scores[-3:]) / 3 > scores[0] + 0.3, scores
    for name, weight in made.model.named_parameters():
        if id(weight) not in own:
            assert weight.grad is None, name
            assert torch.equal(weight, before[name]), name
    assert not torch.equal(made.slots.weights("ppo")[1], made.slots.weights("sft")[1])


def test_a_greedy_sampler_is_refused():
    with pytest.raises(UserError, match=r"sampling\.temperature"):
        make(temperature=0.0)


def test_validation_scores_greedy_responses_and_is_the_same_twice():
    algorithm = make()
    assert algorithm.validate(ROWS) == algorithm.validate(ROWS)
    assert algorithm.validate(ROWS)["eval/reward"] > 0


@pytest.mark.parametrize("value", ["head", "branch"])
def test_saving_writes_the_policy_and_the_value_apart(value: str, tmp_path: Path):
    algorithm = make(value=value)
    tiny.fill(algorithm.actors.model, "ppo", seed=4)
    algorithm.save(tmp_path / "best")
    assert (tmp_path / "best" / "adapter_model.safetensors").exists()
    assert (tmp_path / "best" / "value" / "head.safetensors").exists()
    assert (tmp_path / "best" / "value" / "adapter_model.safetensors").exists() == (value == "branch")
    again = tiny.split()
    again.slots.load("policy", tmp_path / "best")
    for mine, saved in zip(again.slots.weights("policy"), algorithm.actors.model.slots.weights("ppo"), strict=True):
        assert torch.equal(mine, saved)


def test_spread_puts_packed_values_back_in_their_places():
    counted = torch.tensor([[False, True, True], [True, False, False]])
    assert spread(torch.tensor([1.0, 2.0, 3.0]), counted).tolist() == [[0, 1, 2], [3, 0, 0]]


def test_explained_variance_is_1_for_perfect_values_0_for_none_and_0_where_returns_are_constant():
    returns = torch.tensor([[1.0, 2.0, 9.0], [3.0, 6.0, 9.0]])
    counted = torch.tensor([[True, True, False], [True, True, False]])
    assert explained_variance(returns, returns, counted) == pytest.approx(1.0)
    assert explained_variance(torch.zeros(2, 3), returns, counted) == pytest.approx(0.0)
    assert explained_variance(returns, torch.ones(2, 3), counted) == 0.0


def test_adam_and_schedule_default_to_the_papers_settings():
    settings = StepSettings()
    assert (settings.adam_eps, settings.schedule) == (1e-5, "linear")
    assert (Options().gamma, Options().lam, Options().clip, Options().value_clip) == (1.0, 0.95, 0.2, 0.2)


def test_old_logprobs_in_a_batch_are_fixed_while_the_policy_moves():
    algorithm = make()
    batch = algorithm.collect(ROWS)
    old = batch.extras["old_logprobs_BT"].clone()
    tiny.fill(algorithm.actors.model, "ppo", seed=9)
    metrics = algorithm.loss(batch, count=algorithm.count(batch)).metrics
    assert torch.equal(batch.extras["old_logprobs_BT"], old)
    assert metrics["policy/approx_kl"] > 1e-3
    moved = replace(batch, extras={**batch.extras, "old_logprobs_BT": old - 1.0})
    assert algorithm.loss(moved, count=algorithm.count(batch)).metrics["policy/ratio"] > metrics["policy/ratio"]
