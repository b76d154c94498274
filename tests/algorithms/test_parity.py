"""Law: PPO's and DPO's losses and gradients are those of the papers' equations, written out here in float64 on unsplit
models of the library, with the same adapters, differentiated by PyTorch.

The equations get the tokens, the scores and which responses ended, nothing else that the package computed. Both sides
are float64, so that 1e-8 holds for every single number.
"""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from pair_case import ROWS as PAIRS
from pair_case import make as make_pairs
from plain import DOUBLE, MADE, Plain
from ppo_case import ENDS, ROWS, make
from torch.testing import assert_close

from topgraft.algorithms.ppo import Options
from topgraft.model import lean
from topgraft.records import Batch, Scores, Tokens

NEAR = {"atol": 1e-8, "rtol": 0}
ARCHITECTURES = ("llama", "gpt2")

PPO_CASES = {
    "defaults": {},
    "temperature": {"temperature": 0.7, "beta": 0.3},
    "hotter, from the base": {"temperature": 1.4, "reference": None, "clip": 0.05},
    "value branch": {"value": "branch", "value_weight": 0.7, "value_clip": 0.05},
    "discount and whitened rewards": {"gamma": 0.9, "lam": 0.6, "beta": 0.4, "whiten_rewards": True},
    "several samples": {"samples_per_prompt": 3, "missing_end_penalty": 0.3},
    "recomputed, any head": {"old_logprobs": "recompute", "chunks": True, "temperature": 0.7},
    "blocks run again": {"gradient_checkpointing": True, "value": "branch"},
    "entropy bonus": {"entropy_weight": 0.2, "temperature": 0.7},
    "entropy bonus, any head": {"entropy_weight": 0.2, "temperature": 0.7, "chunks": True},
    "k2 in the loss": {"kl_penalty": "k2", "beta": 0.3},
    "k3 in the loss": {"kl_penalty": "k3", "beta": 0.3, "whiten_advantages": False},
}
DPO_CASES = {
    "defaults": {},
    "smoothing": {"smoothing": 0.2, "beta": 0.4},
    "from the base": {"reference": None, "beta": 0.3},
    "ipo": {"loss": "ipo", "beta": 0.3},
    "any head": {"chunks": True},
    "blocks run again": {"gradient_checkpointing": True},
}
Row = tuple[list[int], int]
"""Ids of prompt and response, without padding, and how many of them are the response."""
on_both = pytest.mark.parametrize("architecture", ARCHITECTURES)


@pytest.fixture(autouse=True)
def alike_each_time_and_small_states_turned_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """New adapters draw from PyTorch's own generator; the package's rotation is for large states."""
    torch.manual_seed(0)
    monkeypatch.setattr(lean, "WORTH_TURNING", 0)


def rule(prompts: object, responses: object, tokens: Tokens, trunk: object) -> Scores:
    """The mean token id of a response, about 0 to 1."""
    total_B = torch.where(tokens.counted_BT, tokens.ids_BT.to(DOUBLE), 0).sum(1) / tokens.counted_BT.sum(1) / 100
    return Scores(total_B=total_B, parts={})


def jolt(weights: list[torch.Tensor], size: float, seed: int) -> None:
    """Move weights by random steps."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in weights:
            weight += size * torch.randn(weight.shape, generator=generator, dtype=weight.dtype)


def rows_of(tokens: Tokens) -> list[Row]:
    """Every row."""
    lengths, counts = tokens.lengths_B.tolist(), tokens.counted_BT.sum(1).tolist()
    return [(row[:length].tolist(), count) for row, length, count in zip(tokens.ids_BT, lengths, counts, strict=True)]


def learned(algorithm: Any, batch: Batch, size: int) -> tuple[float, list[torch.Tensor], float]:
    """The package's loss, its gradients and the share of clipped tokens, from micro-batches of `size` items."""
    count = algorithm.count(batch)
    losses = [algorithm.loss(batch.rows(part), count=count) for part in torch.arange(len(batch)).split(size)]
    total = sum(loss.value for loss in losses)
    clipped = sum(loss.metrics.get("policy/clip_fraction", 0.0) for loss in losses)
    return total.item(), list(torch.autograd.grad(total, algorithm.trainable())), clipped


# ---- PPO


class Moment:
    """The policy, the model that the value head reads (the same, or a branch of its own) and the head, as they are."""

    def __init__(self, algorithm: Any, folder: Path, architecture: str) -> None:
        made, slot, value_slot = algorithm.actors.model, algorithm.slot, algorithm.value_slot
        self.policy = self.values = Plain(made, slot, folder, architecture)
        self.weights = self.policy.named(made, slot)
        if value_slot != slot:
            self.values = Plain(made, value_slot, folder, architecture)
            self.weights += self.values.named(made, value_slot)
        self.head = [weight.detach().clone().requires_grad_() for weight in algorithm.head.parameters()]
        self.weights += self.head
        """All of them, in the order in which the package has them."""

    def read(self, ids: list[int], count: int, temperature: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Log-probabilities of the response and entropies where its tokens were chosen, and the values there: [L]."""
        seen = self.policy.read(ids, count, temperature)
        valued = seen if self.values is self.policy else self.values.read(ids, count)
        weight_1H, bias_1 = self.head
        return seen.logprobs_L, seen.entropies_L, valued.states_LH @ weight_1H[0] + bias_1


class Target(NamedTuple):
    """What a rollout fixes of one response: all [L]."""

    old_logprobs: torch.Tensor
    reference: torch.Tensor
    values: torch.Tensor
    advantages: torch.Tensor
    returns: torch.Tensor


def whitened(rows: list[torch.Tensor], *, keep_mean: bool) -> list[torch.Tensor]:
    """Over all tokens, with the biased variance and 1e-8 in the root, as Ziegler et al.'s code has it."""
    every = torch.cat(rows)
    mean = sum(every) / len(every)
    deviation = (sum((every - mean) ** 2) / len(every) + 1e-8).sqrt()
    return [(row - mean) / deviation + (mean if keep_mean else 0) for row in rows]


def advantage(rewards_L: torch.Tensor, values_L: torch.Tensor, gamma: float, lam: float) -> torch.Tensor:
    """Schulman et al. 2016, eq. 16: A_t = sum over l of (gamma lambda)^l delta_{t+l}; V is 0 once the response is
    over."""
    length = len(rewards_L)
    following = [*values_L[1:], torch.zeros((), dtype=DOUBLE)]
    delta = [rewards_L[t] + gamma * following[t] - values_L[t] for t in range(length)]
    return torch.stack([sum((gamma * lam) ** (s - t) * delta[s] for s in range(t, length)) for t in range(length)])


@torch.no_grad()
def targets(
    rows: list[Row], scores: list[float], before: Moment, reference: Plain, options: Options, temperature: float
) -> list[Target]:
    """Ziegler et al. 2019, eq. 2: the reward is -beta log(pi / rho) of each token, and the score at the last."""
    olds, frozen, rewards, firsts = [], [], [], []
    beta = options.beta if options.kl_penalty == "reward" else 0.0
    for (ids, count), score in zip(rows, scores, strict=True):
        old_L, _, values_L = before.read(ids, count, temperature)
        reference_L = reference.read(ids, count, temperature).logprobs_L
        reward_L = -beta * (old_L - reference_L)
        reward_L[-1] += score - (0.0 if ids[-1] in ENDS else options.missing_end_penalty)
        olds.append(old_L)
        frozen.append(reference_L)
        rewards.append(reward_L)
        firsts.append(values_L)
    if options.whiten_rewards:
        rewards = whitened(rewards, keep_mean=True)
    raw = [advantage(*pair, options.gamma, options.lam) for pair in zip(rewards, firsts, strict=True)]
    white = whitened(raw, keep_mean=False) if options.whiten_advantages else raw
    returns = [row + values_L for row, values_L in zip(raw, firsts, strict=True)]
    return [Target(*row) for row in zip(olds, frozen, firsts, white, returns, strict=True)]


def ppo_loss(
    rows: list[Row], fixed: list[Target], after: Moment, options: Options, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Schulman et al. 2017, eq. 7 and 9, to be minimised, a mean over all response tokens; the squared error of the
    value is halved and clipped as in Ziegler et al.'s code. The KL may stand here, by an estimator of Schulman
    2020, and not in the reward. Also where the value is clipped.
    """
    parts, held = [], []
    for (ids, count), row in zip(rows, fixed, strict=True):
        new_L, entropies_L, values_L = after.read(ids, count, temperature)
        ratio_L = (new_L - row.old_logprobs).exp()
        near_1_L = ratio_L.clamp(1 - options.clip, 1 + options.clip)
        surrogate_L = torch.minimum(ratio_L * row.advantages, near_1_L * row.advantages)
        near_L = torch.clamp(values_L, row.values - options.value_clip, row.values + options.value_clip)
        error_L = torch.maximum((values_L - row.returns) ** 2, (near_L - row.returns) ** 2)
        gap_L = row.reference - new_L  # log of what Schulman calls r
        kl_L = {"reward": 0.0, "k2": gap_L**2 / 2, "k3": gap_L.exp() - 1 - gap_L}[options.kl_penalty]
        penalty_L = options.beta * kl_L - options.entropy_weight * entropies_L
        parts.append(-surrogate_L + penalty_L + options.value_weight * error_L / 2)
        held.append((near_L - row.returns).abs() > (values_L - row.returns).abs())
    return torch.cat(parts).mean(), torch.cat(held)


@on_both
@pytest.mark.parametrize("case", PPO_CASES)
def test_ppo_is_the_papers_to_eight_digits(case: str, architecture: str, tmp_path: Path):
    settings = {**PPO_CASES[case]}
    chunks, temperature = settings.pop("chunks", False), settings.get("temperature", 1.0)
    algorithm = make(architecture, score=rule, **MADE, **settings)
    made, options = algorithm.actors.model, algorithm.options
    assert made.plain_head
    made.plain_head = not chunks
    reference = Plain(made, algorithm.reference, tmp_path, architecture)
    jolt(algorithm.trainable(), 0.1, seed=1)  # away from the reference, and values that are not 0
    before = Moment(algorithm, tmp_path / "before", architecture)
    batch = algorithm.collect(ROWS * 2)
    rows = rows_of(batch.tokens)
    assert {ids[-1] in ENDS for ids, _ in rows} == {True, False}
    assert len({len(ids) for ids, _ in rows}) > 2
    fixed = targets(
        rows, rule(None, None, batch.tokens, None).total_B.tolist(), before, reference, options, temperature
    )
    for place, name in enumerate(Target._fields):
        expected = torch.cat([row[place] for row in fixed])
        assert_close(batch.extras[f"{name}_BT"][batch.tokens.counted_BT], expected, **NEAR)

    jolt(algorithm.trainable(), 0.05, seed=2)  # ratios away from 1
    jolt(list(algorithm.head.parameters()), 0.1, seed=3)
    after = Moment(algorithm, tmp_path / "after", architecture)
    expected, held = ppo_loss(rows, fixed, after, options, temperature)
    gradients = torch.autograd.grad(expected, after.weights)
    assert min(gradient.abs().max() for gradient in gradients) > 1e-4
    for size in (8, 3):
        total, found, clipped = learned(algorithm, batch, size)
        assert total == pytest.approx(expected.item(), abs=1e-8, rel=0)
        for ours, theirs in zip(found, gradients, strict=True):
            assert_close(ours, theirs, **NEAR)
        assert 0.02 < clipped < 0.98
    assert 0.02 < held.double().mean() < 0.98, "the value is clipped at some tokens"


# ---- DPO


def dpo_loss(ratios_P2: torch.Tensor, *, beta: float, loss: str, smoothing: float) -> torch.Tensor:
    """Rafailov et al. 2023, eq. 7, with labels that are wrong at the rate `smoothing` (Mitchell 2023, eq. 3); Azar et
    al. 2023, eq. 17."""
    margin_P = ratios_P2[:, 0] - ratios_P2[:, 1]
    if loss == "ipo":
        return ((margin_P - 1 / (2 * beta)) ** 2).mean()
    right_P, wrong_P = (1 / (1 + torch.exp(-sign * beta * margin_P)) for sign in (1, -1))
    return -((1 - smoothing) * right_P.log() + smoothing * wrong_P.log()).mean()


@on_both
@pytest.mark.parametrize("case", DPO_CASES)
def test_dpo_is_the_papers_to_eight_digits(case: str, architecture: str, tmp_path: Path):
    settings = {**DPO_CASES[case]}
    chunks = settings.pop("chunks", False)
    algorithm = make_pairs("dpo", architecture, settings.pop("reference", "sft"), **MADE, **settings)
    made, options = algorithm.actors.model, algorithm.options
    assert made.plain_head
    made.plain_head = not chunks
    reference = Plain(made, algorithm.reference.slot, tmp_path, architecture)
    batch = algorithm.collect(PAIRS)
    jolt(algorithm.trainable(), 0.1, seed=1)
    policy = Plain(made, "policy", tmp_path, architecture)
    ratios = []
    for ids, count in rows_of(batch.tokens):
        with torch.no_grad():
            frozen = reference.read(ids, count).logprobs_L.sum()
        ratios.append(policy.read(ids, count).logprobs_L.sum() - frozen)
    ratios_P2 = torch.stack(ratios).view(-1, 2)
    expected = dpo_loss(ratios_P2, beta=options.beta, loss=options.loss, smoothing=options.smoothing)
    gradients = torch.autograd.grad(expected, policy.named(made, "policy"))
    for size in (5, 2):
        total, found, _ = learned(algorithm, batch, size)
        assert total == pytest.approx(expected.item(), abs=1e-8, rel=0)
        for ours, theirs in zip(found, gradients, strict=True):
            assert_close(ours, theirs, **NEAR)
    assert ratios_P2.abs().max() > 0.1
    assert min(gradient.abs().max() for gradient in gradients) > 1e-4
