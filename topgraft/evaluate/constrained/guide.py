"""Decode under a constraint: p(token) times the chance that a hidden Markov model gives the rest to keep to it.

Zhang et al. 2024 (arXiv 2406.13892), section 3: p(x_t | x_<t, constraint) is taken to be proportional to p(x_t | x_<t)
of the language model times P(constraint | x_<=t) of the Markov model. Tokens after which the constraint cannot be met
any more within the limit have chance 0, so every answer keeps to it, however rough the Markov model is.
"""

from collections.abc import Mapping, Sequence

import torch
from sklearn.cluster import MiniBatchKMeans

from topgraft.data.template import Template
from topgraft.errors import UserError
from topgraft.evaluate.constrained.automata import Automaton, HasTerm, WordCount, tabulate
from topgraft.evaluate.constrained.hmm import HMM, Lookahead, counted, improved
from topgraft.evaluate.constrained.settings import ConstraintSettings
from topgraft.evaluate.constrained.tokens import product, texts_of
from topgraft.model.split_model import SplitModel
from topgraft.rollout.choosing import SamplingSettings
from topgraft.rollout.sampling import sample

PRIOR = 1.0
"""Added to the counts of each of the Markov model's distributions, in all."""


class ConstraintGuide:
    """A guide (topgraft.rollout.guiding) to answers that the automata of a `Lookahead` accept."""

    def __init__(self, lookahead: Lookahead) -> None:
        self.lookahead = lookahead

    def begin(self, rows: int) -> "GuidedRows":
        """Rows at their first token."""
        return GuidedRows(self.lookahead, rows)


class GuidedRows:
    """The automaton's state of every row, and what its text says of the hidden state that emits its next token."""

    def __init__(self, lookahead: Lookahead, rows: int) -> None:
        self.lookahead = lookahead
        self.state_B = torch.zeros(rows, dtype=torch.long)
        self.belief_BZ = lookahead.model.first_Z.repeat(rows, 1)

    def log_chances(self, rows_B: torch.Tensor, left: int) -> torch.Tensor:
        """log P(constraint | text so far, next token) [B, V], on the CPU; rows in one state are worked out together."""
        rows_B = rows_B.cpu()
        state_B = self.state_B[rows_B]
        found_BV = torch.zeros(len(rows_B), self.lookahead.model.emit_ZV.shape[1], dtype=torch.float64)
        for state in state_B.unique().tolist():
            here_B = state_B == state
            found_BV[here_B] = self.lookahead.log_chances(state, self.belief_BZ[rows_B[here_B]], left)
        return found_BV

    def follow(self, rows_B: torch.Tensor, ids_B: torch.Tensor) -> None:
        """Move on with the chosen tokens. A row that has ended stays where it is."""
        rows_B, ids_B = rows_B.cpu(), ids_B.cpu()
        goes_on_B = ~torch.isin(ids_B, torch.tensor(self.lookahead.ends))
        rows_B, ids_B = rows_B[goes_on_B], ids_B[goes_on_B]
        self.state_B[rows_B] = self.lookahead.after(self.state_B[rows_B], ids_B)
        self.belief_BZ[rows_B] = self.lookahead.believe(self.belief_BZ[rows_B], ids_B)


def automata_of(settings: ConstraintSettings, terms: Mapping[str, tuple[str, ...]]) -> list[Automaton]:
    """A term of each class, and the number of words where one is asked for."""
    found: list[Automaton] = [HasTerm(words) for words in terms.values()]
    return [WordCount(settings.low, settings.high), *found] if settings.high else found


@torch.no_grad()
def distil(
    model: SplitModel,
    template: Template,
    prompts: Sequence[str],
    sampling: SamplingSettings,
    settings: ConstraintSettings,
    slot: str | None,
    generator: torch.Generator,
) -> HMM:
    """The Markov model of answers to `prompts` that slot `slot` draws, nothing cut off: hidden states begin as clusters
    of the states that predicted each token (as in latent variable distillation, Liu et al. 2023, arXiv 2210.04398), and
    expectation maximisation goes on from there."""
    whole = sampling.model_copy(update={"top_k": 0, "top_p": 1.0, "min_p": 0.0})
    asked = [template.encode_prompt(prompts[number % len(prompts)]) for number in range(settings.samples)]
    sequences: list[torch.Tensor] = []
    finals: list[torch.Tensor] = []
    for start in range(0, len(asked), sampling.rows_at_once):
        with model.slots.use(slot):
            rollouts = sample(model, template, asked[start : start + sampling.rows_at_once], whole, generator)
        tokens = rollouts.tokens
        sequences += [ids_T[real_T].cpu() for ids_T, real_T in zip(tokens.ids_BT, tokens.counted_BT, strict=True)]
        finals.append(rollouts.final_RH.float().cpu())
    final_RH = torch.cat(finals).numpy()
    number = min(settings.states, len(final_RH))
    clusters = MiniBatchKMeans(number, random_state=0, n_init=1, batch_size=1024).fit_predict(final_RH)
    states = torch.from_numpy(clusters).long().split([len(ids) for ids in sequences])
    markov = counted(sequences, states, number, model.vocabulary, PRIOR)
    for _ in range(settings.passes):
        markov, _ = improved(markov, sequences, PRIOR)
    return markov


def guide_to(
    settings: ConstraintSettings, terms: Mapping[str, tuple[str, ...]], template: Template, markov: HMM
) -> ConstraintGuide:
    """The guide to answers that keep to `settings` and `terms`. Raises UserError where no answer can."""
    tables = [tabulate(automaton) for automaton in automata_of(settings, terms)]
    texts = texts_of(template.tokenizer, template.vocabulary)
    limit = template.settings.max_response_tokens
    lookahead = Lookahead(markov, product(tables, texts), template.end_ids, limit)
    if not lookahead.possible:
        raise UserError(
            f"[constraint]: no answer of at most {limit} tokens (data.max_response_tokens) can keep to it. Raise that "
            f"limit, or ask for fewer words."
        )
    return ConstraintGuide(lookahead)
