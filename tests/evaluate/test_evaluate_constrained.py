"""Constrained decoding: automata against the rules of words, the Markov model and its look-ahead by enumeration."""

import itertools
import math
import random

import numpy as np
import pytest
import tiny
import torch

from topgraft.errors import UserError
from topgraft.evaluate.constrained.automata import DEAD, LETTERS, HasTerm, WordCount, tabulate
from topgraft.evaluate.constrained.guide import ConstraintGuide, distil, guide_to
from topgraft.evaluate.constrained.hmm import HMM, Lookahead, counted, improved, normalised
from topgraft.evaluate.constrained.settings import ConstraintSettings
from topgraft.evaluate.constrained.tokens import Product, product, texts_of
from topgraft.rewards.wording import occurrences, words
from topgraft.rollout.choosing import SamplingSettings
from topgraft.rollout.sampling import sample

TERMS = ("bold", "self-reliant", "team player", "old")


def accepts(automaton, text):
    state = automaton.start
    for letter in text.lower():
        state = automaton.step(state, letter)
        if state is None:
            return False
    return automaton.accepts(state)


def table_accepts(table, text):
    state = 0
    for letter in text:
        state = table.next[state, LETTERS.index(letter)]
        if state == DEAD:
            return False
    return bool(table.accepts[state])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bold", True),
        ("Bold.", True),
        ("emboldened", False),
        ("bolder", False),
        ("not-bold", True),  # a hyphen is a word boundary
        ("self-reliant", True),
        ("self-self-reliant", True),
        ("self-relian", False),
        ("self-bold", True),  # the beginning of one term ends where another begins
        ("team  \n player", True),
        ("team players", False),
        ("team team player", True),
        ("bold_", False),
        ("", False),
    ],
)
def test_a_term_is_found_where_the_rules_find_it(text, found):
    assert bool(occurrences(text, TERMS)) == found
    assert accepts(HasTerm(TERMS), text) == found


def test_automata_agree_with_the_rules_on_random_texts():
    rng = random.Random(0)
    pieces = [
        "bold",
        "old",
        "self",
        "reliant",
        "-",
        "--",
        "'",
        " ",
        "  ",
        "\n",
        ".",
        "_",
        "a",
        "B",
        "team",
        "player",
        "7",
    ]
    term, count = tabulate(HasTerm(TERMS)), tabulate(WordCount(2, 4))
    kept = {"terms": 0, "words": 0}
    for _ in range(3000):
        text = "".join(rng.choices(pieces, k=rng.randrange(9)))
        has, fits = bool(occurrences(text, TERMS)), 2 <= len(words(text)) <= 4
        assert table_accepts(term, text) == has, text
        assert table_accepts(count, text) == fits, text
        kept["terms"] += has
        kept["words"] += fits
    assert 300 < kept["terms"] < 2700
    assert 300 < kept["words"] < 2700


def test_the_product_reads_tokens_as_the_automata_read_their_letters():
    texts = ["bo", "ld", " ", "self-", "reliant", "-", "a", None, " old"]
    tables = [tabulate(HasTerm(TERMS)), tabulate(WordCount(1, 2))]
    made = product(tables, texts)
    rng = random.Random(1)
    accepted = 0
    for _ in range(2000):
        drawn = rng.choices(range(len(texts)), k=rng.randrange(6))
        state = 0
        for token in drawn:
            state = made.next[state, made.kinds[token]] if state != DEAD else DEAD
        known = all(texts[token] is not None for token in drawn)
        text = "".join(texts[token] or "" for token in drawn)
        expected = known and bool(occurrences(text, TERMS)) and 1 <= len(words(text)) <= 2
        assert (state != DEAD and bool(made.accepts[state])) == expected, drawn
        accepted += expected
    assert accepted > 100


def random_hmm(states, vocabulary, seed):
    generator = torch.Generator().manual_seed(seed)
    draw = (torch.rand(*shape, generator=generator) for shape in ((states,), (states, states), (states, vocabulary)))
    return normalised(*draw, prior=0.0)


def probability(model, tokens):
    """P(tokens) of the Markov model by summing over every path of hidden states."""
    total = 0.0
    for path in itertools.product(range(len(model.first_Z)), repeat=len(tokens)):
        chance = float(model.first_Z[path[0]])
        for place, (state, token) in enumerate(zip(path, tokens, strict=True)):
            chance *= float(model.emit_ZV[state, token])
            if place + 1 < len(path):
                chance *= float(model.move_ZZ[state, path[place + 1]])
        total += chance
    return total


END = 3
SMALL = Product(
    np.arange(4), np.array([[1, 0, 0, DEAD], [1, 1, 2, DEAD], [DEAD, 2, 2, DEAD]]), np.array([False, False, True])
)
"""Accepted: a 0, later a 2, no 0 after that."""


def accepted_sequences(prefix, limit):
    """Every sequence of at most `limit` tokens that begins with `prefix`, ends with END and is accepted by SMALL."""
    for length in range(limit):
        for body in itertools.product(range(3), repeat=length):
            state = 0
            for token in body:
                state = SMALL.next[state, token] if state != DEAD else DEAD
            whole = (*body, END)
            if state != DEAD and SMALL.accepts[state] and whole[: len(prefix)] == prefix:
                yield whole


@pytest.mark.parametrize("prefix", [(), (0,), (1, 0), (0, 2), (0, 2, 1), (2, 2)])
def test_the_chance_of_the_constraint_is_the_sum_over_all_futures(prefix):
    model, limit = random_hmm(3, 4, seed=5), 6
    lookahead = Lookahead(model, SMALL, [END], limit)
    state, belief_BZ = 0, model.first_Z[None]
    for token in prefix:
        state = int(SMALL.next[state, token])
        belief_BZ = lookahead.believe(belief_BZ, torch.tensor([token]))
    chances_V = lookahead.log_chances(state, belief_BZ, limit - len(prefix))[0].exp()
    for token in range(4):
        begun = (*prefix, token)
        future = sum(probability(model, whole) for whole in accepted_sequences(begun, limit))
        assert float(chances_V[token]) == pytest.approx(future / probability(model, begun), abs=1e-6)


def test_two_states_worked_by_hand():
    # State 0 emits token 0 or the end, each with 1/2, and moves to 1; state 1 always emits the end. Accepted: one 0.
    model = HMM(
        torch.tensor([1.0, 0.0]).double(),
        torch.tensor([[0.0, 1.0], [0.0, 1.0]]).double(),
        torch.tensor([[0.5, 0.5], [0.0, 1.0]]).double(),
    )
    lookahead = Lookahead(
        model, Product(np.arange(2), np.array([[1, DEAD], [DEAD, DEAD]]), np.array([False, True])), [1], 2
    )
    chances = lookahead.log_chances(0, model.first_Z[None], 2)[0].exp()
    assert chances.tolist() == [1.0, 0.0]  # a 0 now is followed by the end; the end now lacks the 0
    assert lookahead.log_chances(0, model.first_Z[None], 1)[0].exp().tolist() == [0.0, 0.0]  # no room for both


def test_expectation_maximisation_counts_what_enumeration_counts():
    model, sequences = random_hmm(2, 3, seed=7), [torch.tensor([0, 1, 2]), torch.tensor([2]), torch.tensor([1, 1])]
    after, likelihood = improved(model, sequences, prior=0.0)
    first, move, emit = torch.zeros(2), torch.zeros(2, 2), torch.zeros(2, 3)
    logs = 0.0
    for tokens in (ids.tolist() for ids in sequences):
        total = probability(model, tokens)
        logs += math.log(total)
        for path in itertools.product(range(2), repeat=len(tokens)):
            share = float(model.first_Z[path[0]])
            for place, (state, token) in enumerate(zip(path, tokens, strict=True)):
                share *= float(model.emit_ZV[state, token])
                share *= float(model.move_ZZ[state, path[place + 1]]) if place + 1 < len(path) else 1.0
            first[path[0]] += share / total
            for place, (state, token) in enumerate(zip(path, tokens, strict=True)):
                emit[state, token] += share / total
                if place + 1 < len(path):
                    move[state, path[place + 1]] += share / total
    assert likelihood == pytest.approx(logs / 3, abs=1e-9)
    expected = normalised(first, move, emit, prior=0.0)
    for name in ("first_Z", "move_ZZ", "emit_ZV"):
        torch.testing.assert_close(getattr(after, name), getattr(expected, name), atol=1e-5, rtol=0)


def test_expectation_maximisation_raises_the_likelihood():
    rng = random.Random(3)
    sequences = [torch.tensor([*([0, 1] * 4)[: rng.randrange(1, 8)], 2]) for _ in range(40)]
    model, seen = random_hmm(3, 3, seed=1), []
    for _ in range(15):
        model, likelihood = improved(model, sequences, prior=0.0)
        seen.append(likelihood)
    assert all(after >= before - 1e-9 for before, after in itertools.pairwise(seen))
    assert seen[-1] > seen[0] + 1


def test_counts_of_known_states_with_their_prior():
    made = counted(
        [torch.tensor([0, 1]), torch.tensor([1])], [torch.tensor([0, 1]), torch.tensor([1])], 2, 2, prior=1.0
    )
    torch.testing.assert_close(made.first_Z, torch.tensor([0.5, 0.5]).double())  # (1 + 1/2) / 3
    torch.testing.assert_close(made.move_ZZ, torch.tensor([[0.25, 0.75], [0.5, 0.5]]).double())
    torch.testing.assert_close(made.emit_ZV, torch.tensor([[0.75, 0.25], [1 / 6, 5 / 6]]).double())


class MarkovModel:
    """A language model that is the Markov model itself: then guided sampling must draw from p(text | constraint)."""

    def __init__(self, markov):
        self.markov = markov

    def logprobs(self, prefix):
        belief_Z = self.markov.first_Z
        for token in prefix:
            joint_Z = belief_Z * self.markov.emit_ZV[:, token]
            belief_Z = (joint_Z / joint_Z.sum()) @ self.markov.move_ZZ
        return (belief_Z @ self.markov.emit_ZV).log()


def test_guiding_a_markov_model_by_itself_gives_the_conditional_distribution():
    markov, limit = random_hmm(3, 4, seed=9), 5
    language, guide = MarkovModel(markov), ConstraintGuide(Lookahead(markov, SMALL, [END], limit))
    wholes = list(accepted_sequences((), limit))
    total = sum(probability(markov, whole) for whole in wholes)
    assert len(wholes) > 5
    for whole in wholes:
        rows, chance = guide.begin(1), 1.0
        for place, token in enumerate(whole):
            weights_V = (language.logprobs(whole[:place]) + rows.log_chances(torch.tensor([0]), limit - place)[0]).exp()
            chance *= float(weights_V[token] / weights_V.sum())
            rows.follow(torch.tensor([0]), torch.tensor([token]))
        assert chance == pytest.approx(probability(markov, whole) / total, rel=1e-5)


@pytest.fixture(scope="module")
def actors():
    sampling = SamplingSettings(rows_at_once=8)
    return tiny.actors(tiny.split(), tiny.characters(), response=24, sampling=sampling)


def test_every_sampled_answer_of_a_random_model_keeps_to_the_constraint(actors):
    settings = ConstraintSettings(low=3, high=5, states=4, samples=12, passes=2)
    terms = {"first": ("up", "on"), "second": ("a-b", "it")}
    generator = torch.Generator().manual_seed(0)
    at, prompts = (actors.model, actors.template), ["what", "how"]
    markov = distil(*at, prompts, actors.sampling, settings, None, generator)
    guide = guide_to(settings, terms, actors.template, markov)
    asked = [actors.template.encode_prompt(text) for text in prompts for _ in range(12)]
    free = sample(*at, asked, actors.sampling, torch.Generator().manual_seed(1))
    guided = sample(*at, asked, actors.sampling, torch.Generator().manual_seed(1), guide)

    def compliant(text):
        return 3 <= len(words(text)) <= 5 and all(occurrences(text, found) for found in terms.values())

    assert not any(map(compliant, free.texts))
    assert all(map(compliant, guided.texts)), guided.texts
    assert guided.ended_B.all()
    assert len(set(guided.texts)) == 24  # they are drawn, not the same likeliest one


def test_a_constraint_that_no_answer_has_room_for_is_refused(actors):
    settings = ConstraintSettings(low=20, high=30, states=2, samples=2, passes=0)
    markov = distil(actors.model, actors.template, ["what"], actors.sampling, settings, None, torch.Generator())
    with pytest.raises(UserError, match="no answer of at most 24 tokens"):
        guide_to(settings, {"one": ("up",)}, actors.template, markov)


def test_texts_of_tokens_leave_out_what_is_no_letter():
    texts = texts_of(tiny.characters(), tiny.VOCABULARY)
    assert texts[: tiny.FIRST] == [None] * tiny.FIRST
    assert texts[tiny.FIRST :] == list(tiny.CHARACTERS)


@pytest.mark.parametrize(("low", "high"), [(5, 4), (3, 0)])
def test_a_window_without_words_is_refused(low, high):
    with pytest.raises(ValueError, match=r"Swap them|Set high"):
        ConstraintSettings(low=low, high=high)
