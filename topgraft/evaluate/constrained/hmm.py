"""A hidden Markov model of token sequences: expectation maximisation, and the probability of a constraint.

Z hidden states; the state at a position emits its token, then moves on. Baum et al. 1970; the sum over futures that an
automaton accepts is that of Ctrl-G (Zhang et al. 2024, arXiv 2406.13892, section 3). All in float64.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from topgraft.evaluate.constrained.automata import DEAD
from topgraft.evaluate.constrained.tokens import Product


@dataclass(frozen=True)
class HMM:
    """`first_Z`: of the first state; `move_ZZ` [from, to]; `emit_ZV`. Rows sum to 1."""

    first_Z: torch.Tensor
    move_ZZ: torch.Tensor
    emit_ZV: torch.Tensor


def normalised(first_Z: torch.Tensor, move_ZZ: torch.Tensor, emit_ZV: torch.Tensor, prior: float) -> HMM:
    """The model of these counts, each row with `prior` added, spread evenly; with a prior above 0 nothing is
    impossible."""
    counts = (first_Z.double(), move_ZZ.double(), emit_ZV.double())
    first, move, emit = (
        (found + prior / found.shape[-1]) / (found + prior / found.shape[-1]).sum(-1, keepdim=True) for found in counts
    )
    return HMM(first, move, emit)


def counted(
    sequences: Sequence[torch.Tensor], states: Sequence[torch.Tensor], number: int, vocabulary: int, prior: float
) -> HMM:
    """The model where every token's hidden state is given."""
    first_Z, move_ZZ = torch.zeros(number).double(), torch.zeros(number, number).double()
    emit_ZV = torch.zeros(number, vocabulary).double()
    for tokens, hidden in zip(sequences, states, strict=True):
        one = torch.ones(len(tokens)).double()
        first_Z[hidden[0]] += 1
        move_ZZ.index_put_((hidden[:-1], hidden[1:]), one[1:], accumulate=True)
        emit_ZV.index_put_((hidden, tokens), one, accumulate=True)
    return normalised(first_Z, move_ZZ, emit_ZV, prior)


def improved(model: HMM, sequences: Sequence[torch.Tensor], prior: float) -> tuple[HMM, float]:
    """One pass of expectation maximisation; the model after it, and the mean log-likelihood of a sequence before."""
    lengths_N = torch.tensor([len(tokens) for tokens in sequences])
    ids_NT = torch.nn.utils.rnn.pad_sequence(list(sequences), batch_first=True)
    real_NT = torch.arange(ids_NT.shape[1]) < lengths_N[:, None]
    seen_NTZ = torch.where(real_NT[:, :, None], model.emit_ZV.T[ids_NT], 1.0)
    forward, scales = [], []
    ahead_NZ = model.first_Z.expand(len(sequences), -1)
    for step in range(ids_NT.shape[1]):
        joint_NZ = ahead_NZ * seen_NTZ[:, step]
        scale_N = joint_NZ.sum(1)
        forward.append(joint_NZ / scale_N[:, None])
        scales.append(scale_N)
        ahead_NZ = forward[-1] @ model.move_ZZ
    scale_NT = torch.stack(scales, 1)
    move_ZZ = torch.zeros_like(model.move_ZZ)
    emit_VZ = torch.zeros_like(model.emit_ZV).T.contiguous()
    after_NZ = torch.ones_like(ahead_NZ)
    for step in reversed(range(ids_NT.shape[1])):
        if step + 1 < ids_NT.shape[1]:
            goes_on_N1 = real_NT[:, step + 1, None]
            coming_NZ = seen_NTZ[:, step + 1] * after_NZ / scale_NT[:, step + 1, None]
            move_ZZ += model.move_ZZ * ((forward[step] * goes_on_N1).T @ coming_NZ)
            after_NZ = torch.where(goes_on_N1, coming_NZ @ model.move_ZZ.T, 1.0)
        state_NZ = forward[step] * after_NZ * real_NT[:, step, None]
        emit_VZ.index_add_(0, ids_NT[:, step], state_NZ)
    first_Z = state_NZ.sum(0)
    return normalised(first_Z, move_ZZ, emit_VZ.T, prior), scale_NT.log().sum(1).mean().item()


class Lookahead:
    """The probability that a sequence in automaton state q, whose next token hidden state z will emit, ends within n
    tokens and is accepted."""

    def __init__(self, model: HMM, product: Product, ends: Sequence[int], limit: int) -> None:
        """`ends` are the end tokens; n goes up to `limit`."""
        self.model, self.ends = model, list(ends)
        self.kinds_V, self.next_QK = torch.tensor(product.kinds), torch.tensor(product.next)
        self.accepts_Q = torch.tensor(product.accepts)
        inner_VZ = model.emit_ZV.T.clone()
        inner_VZ[self.ends] = 0  # an end is no move: it is counted by itself
        size, states = len(product.accepts), len(model.first_Z)
        emit_KZ = torch.zeros(self.next_QK.shape[1], states).double().index_add_(0, self.kinds_V, inner_VZ)
        sources, targets, weights = [], [], []
        for state, next_K in enumerate(self.next_QK):
            alive_K = next_K != DEAD
            reached, places = next_K[alive_K].unique(return_inverse=True)
            weights.append(torch.zeros(len(reached), states).double().index_add_(0, places, emit_KZ[alive_K]))
            targets.append(reached)
            sources.append(torch.full_like(reached, state))
        self._source_E, self._target_E, self._weight_EZ = map(torch.cat, (sources, targets, weights))
        self.moved = [torch.zeros(size, states).double()]
        """By n: the same [Q, Z] where z has emitted, so that the state after it emits next."""
        for _ in range(limit - 1):
            self.moved.append(self._longer(self.moved[-1]))

    @property
    def possible(self) -> bool:
        """Whether any sequence within the limit is accepted."""
        return bool((self._longer(self.moved[-1])[0] > 0).any())

    def _longer(self, moved_QZ: torch.Tensor) -> torch.Tensor:
        """From n tokens to n + 1."""
        end_Z = self.model.emit_ZV[:, self.ends].sum(1)
        found_QZ = self.accepts_Q[:, None] * end_Z
        for part in torch.arange(len(self._source_E)).split(2**12):
            gained_EZ = self._weight_EZ[part] * moved_QZ[self._target_E[part]]
            found_QZ.index_add_(0, self._source_E[part], gained_EZ)
        return found_QZ @ self.model.move_ZZ.T

    def log_chances(self, state: int, belief_BZ: torch.Tensor, left: int) -> torch.Tensor:
        """log P(accepted | the text so far, next token) [B, V], with `left` tokens to go, the next one included, in
        automaton state `state`; `belief_BZ` is what the text so far says of the state that emits next."""
        next_V = self.next_QK[state][self.kinds_V]
        seen_BV = belief_BZ @ self.model.emit_ZV
        future_VZ = torch.where((next_V != DEAD)[:, None], self.moved[left - 1][next_V.clamp(min=0)], 0.0)
        chance_BV = belief_BZ @ (self.model.emit_ZV * future_VZ.T) / seen_BV
        chance_BV[:, self.ends] = float(self.accepts_Q[state])
        return chance_BV.log()

    def after(self, state_B: torch.Tensor, ids_B: torch.Tensor) -> torch.Tensor:
        """The automaton states after the tokens `ids_B`."""
        return self.next_QK[state_B, self.kinds_V[ids_B]]

    def believe(self, belief_BZ: torch.Tensor, ids_B: torch.Tensor) -> torch.Tensor:
        """The belief after the tokens `ids_B` were emitted."""
        joint_BZ = belief_BZ * self.model.emit_ZV.T[ids_B]
        return (joint_BZ / joint_BZ.sum(1, keepdim=True)) @ self.model.move_ZZ
