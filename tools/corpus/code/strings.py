"""Families over the characters of a text and the words of a list, each with a random condition."""

import random
import re
from collections.abc import Callable

from tools.corpus.code.inputs import texts, wordlists
from tools.corpus.code.model import Good, Task, make, register
from tools.corpus.code.predicates import Pred, char_pred, word_pred

Spec = tuple[str, list[str], list[Good]]
Builder = Callable[[Pred, str], Spec]


def chars(vowel: bool = True) -> Callable[[Builder], Builder]:
    """Register a builder over the characters of SS."""

    def wrap(builder: Builder) -> Builder:
        @register("strings", 1.5)
        def build(rng: random.Random) -> Task:
            """Instantiate with a random predicate on characters."""
            pred = char_pred(rng, vowel)
            names, goals, goods = builder(pred, re.sub(r"\bX\b", "CH", pred.code))
            titles = [n.replace("@", pred.slug) for n in names.split()]
            return make(rng, titles, "SS", goals, [(t,) for t in texts(rng)], goods)

        return builder

    return wrap


def words(builder: Builder) -> Builder:
    """Register a builder over the words of WW."""

    @register("words", 1.5)
    def build(rng: random.Random) -> Task:
        """Instantiate with a random predicate on words."""
        pred = word_pred(rng)
        names, goals, goods = builder(pred, re.sub(r"\bX\b", "W", pred.code))
        titles = [n.replace("@", pred.slug) for n in names.split()]
        extra = (pred.points[0] if pred.points else rng.choice("aet"),) if pred.arg else ()
        return make(
            rng,
            titles,
            "WW" + (f", {pred.arg}" if pred.arg else ""),
            goals,
            [(w, *extra) for w in wordlists(rng)],
            goods,
        )

    return builder


@chars(vowel=False)
def count_chars(p: Pred, c: str) -> Spec:
    """How many characters fulfil the condition."""
    return (
        "count_@ number_of_@ @_in",
        [
            f"the number of {p.many} in the string SS",
            f"how many {p.many} there are in the string SS, and 0 for an empty string",
        ],
        [
            (
                f"CC = 0|for CH in SS:|>if {c}:|>>CC += 1|return CC",
                f"loops over SS, adds 1 to CC when {c}, and returns CC",
            ),
            (
                f"return len([CH for CH in SS if {c}])",
                f"collects every CH with {c} in a list, and returns the length of the list",
            ),
            (
                f"CC = 0|for II in range(len(SS)):|>CH = SS[II]|>if {c}:|>>CC += 1|return CC",
                "visits every index of SS, counts the matching characters in CC, and returns CC",
            ),
        ],
    )


@chars()
def keep_chars(p: Pred, c: str) -> Spec:
    """A string of the characters that fulfil the condition."""
    return (
        "keep_@ only_@ extract_@",
        [
            f"a string made of only the {p.many} in SS, in the same order",
            f"the string SS reduced to its {p.many}",
        ],
        [
            (
                f"RR = ''|for CH in SS:|>if {c}:|>>RR += CH|return RR",
                f"loops over SS, adds CH to RR when {c}, and returns RR",
            ),
            (
                f"return ''.join([CH for CH in SS if {c}])",
                f"joins every CH with {c} without a separator, and returns the new string",
            ),
            (
                f"RR = []|for CH in SS:|>if {c}:|>>RR.append(CH)|return ''.join(RR)",
                "appends the matching characters to the list RR, and returns them joined as one string",
            ),
        ],
    )


@chars()
def drop_chars(p: Pred, c: str) -> Spec:
    """A string without the characters that fulfil the condition."""
    return (
        "remove_@ drop_@ without_@ strip_@",
        [f"a copy of the string SS without any {p.many}", f"the string SS with all {p.many} removed"],
        [
            (
                f"RR = ''|for CH in SS:|>if not ({c}):|>>RR += CH|return RR",
                f"adds CH to RR unless {c}, and returns RR",
            ),
            (
                f"RR = ''|for CH in SS:|>if {c}:|>>continue|>RR += CH|return RR",
                f"skips CH with continue when {c}, adds the others to RR, and returns RR",
            ),
            (
                f"return ''.join([CH for CH in SS if not ({c})])",
                f"joins all characters that fail the test {c}, and returns the result",
            ),
        ],
    )


@chars()
def mask_chars(p: Pred, c: str) -> Spec:
    """A string in which matching characters are replaced."""
    return (
        "hide_@ mask_@ replace_@ cover_@",
        [
            f"a copy of the string SS in which every {p.one} is replaced by '*'",
            f"the string SS with a '*' in place of each {p.one}",
        ],
        [
            (
                f"RR = ''|for CH in SS:|>if {c}:|>>RR += '*'|>else:|>>RR += CH|return RR",
                f"adds '*' to RR when {c} and CH otherwise, and returns RR",
            ),
            (
                f"return ''.join(['*' if {c} else CH for CH in SS])",
                f"takes '*' when {c} and CH otherwise, and returns the characters joined",
            ),
        ],
    )


@chars()
def double_chars(p: Pred, c: str) -> Spec:
    """A string in which matching characters are doubled."""
    return (
        "double_@ repeat_@ twice_@",
        [f"a copy of the string SS in which every {p.one} is written twice"],
        [
            (
                f"RR = ''|for CH in SS:|>RR += CH|>if {c}:|>>RR += CH|return RR",
                f"adds every CH once and adds it a second time when {c}, and returns RR",
            ),
            (
                f"RR = ''|for CH in SS:|>if {c}:|>>RR += CH * 2|>else:|>>RR += CH|return RR",
                f"adds CH * 2 to RR when {c} and CH otherwise, and returns RR",
            ),
        ],
    )


@chars()
def first_char(p: Pred, c: str) -> Spec:
    """The index of the first matching character."""
    return (
        "first_@ find_@ index_of_@",
        [f"the index of the first {p.one} in the string SS, or -1 if there is none"],
        [
            (
                f"for II in range(len(SS)):|>CH = SS[II]|>if {c}:|>>return II|return -1",
                f"looks at the characters in order, and returns the first index II where {c}, or -1",
            ),
            (
                f"for II, CH in enumerate(SS):|>if {c}:|>>return II|return -1",
                f"enumerates SS, and returns the index of the first CH with {c}, or -1",
            ),
        ],
    )


@chars()
def any_char(p: Pred, c: str) -> Spec:
    """Whether some character fulfils the condition."""
    return (
        "has_@ contains_@ any_@",
        [f"True if the string SS contains at least one {p.one}, and False otherwise"],
        [
            (
                f"for CH in SS:|>if {c}:|>>return True|return False",
                f"returns True at the first CH with {c}, and returns False after the loop",
            ),
            (
                f"return any({c} for CH in SS)",
                f"tests {c} for every character with any, and returns the result",
            ),
            (
                f"FF = False|for CH in SS:|>if {c}:|>>FF = True|return FF",
                f"sets FF to True when {c}, and returns FF after the loop",
            ),
        ],
    )


@chars()
def all_char(p: Pred, c: str) -> Spec:
    """Whether all characters fulfil the condition."""
    return (
        "only_@ all_@ just_@",
        [f"True if the string SS consists only of {p.many}, and False otherwise; an empty string counts as True"],
        [
            (
                f"for CH in SS:|>if not ({c}):|>>return False|return True",
                f"returns False at the first CH that fails {c}, and returns True after the loop",
            ),
            (
                f"CC = 0|for CH in SS:|>if {c}:|>>CC += 1|return CC == len(SS)",
                "counts the matching characters, and returns whether the count equals the length",
            ),
        ],
    )


@words
def count_some(p: Pred, c: str) -> Spec:
    """How many words fulfil the condition."""
    return (
        "count_@ how_many_@ number_@",
        [f"the number of {p.many} in the list WW", f"how many {p.many} there are in the list WW"],
        [
            (
                f"CC = 0|for W in WW:|>if {c}:|>>CC += 1|return CC",
                f"loops over WW, adds 1 to CC when {c}, and returns CC",
            ),
            (f"return sum(1 for W in WW if {c})", f"adds up 1 for every W with {c}, and returns the sum"),
            (
                f"CC = 0|II = 0|while II < len(WW):|>W = WW[II]|>if {c}:|>>CC += 1|>II += 1|return CC",
                "steps through WW with a while loop, counts the matching words, and returns CC",
            ),
        ],
    )


@words
def keep_some(p: Pred, c: str) -> Spec:
    """The words that fulfil the condition."""
    return (
        "keep_@ only_@ filter_@ select_@",
        [
            f"a list of all {p.many} from the list WW, in the same order",
            f"a new list that contains only the {p.many} of WW",
        ],
        [
            (
                f"RR = []|for W in WW:|>if {c}:|>>RR.append(W)|return RR",
                f"loops over WW, appends W to RR when {c}, and returns RR",
            ),
            (
                f"return [W for W in WW if {c}]",
                f"uses a comprehension with the condition {c}, and returns the list",
            ),
        ],
    )


@words
def first_some(p: Pred, c: str) -> Spec:
    """The first word that fulfils the condition."""
    return (
        "first_@ find_@",
        [f"the first {p.one} in the list WW, or an empty string if there is none"],
        [
            (
                f"for W in WW:|>if {c}:|>>return W|return ''",
                f"returns the first W with {c}, and returns an empty string after the loop",
            ),
            (
                f"RR = [W for W in WW if {c}]|if len(RR) > 0:|>return RR[0]|return ''",
                "collects the matches in RR, and returns the first of them, or an empty string",
            ),
        ],
    )


@words
def join_some(p: Pred, c: str) -> Spec:
    """The matching words in one string."""
    return (
        "join_@ connect_@ glue_@",
        [f"a string with all {p.many} of the list WW joined by '-'"],
        [
            (
                f"RR = []|for W in WW:|>if {c}:|>>RR.append(W)|return '-'.join(RR)",
                "appends the matching words to RR, and returns them joined by '-'",
            ),
            (
                f"return '-'.join([W for W in WW if {c}])",
                f"joins every W with {c} by '-', and returns the string",
            ),
        ],
    )


@words
def total_length(p: Pred, c: str) -> Spec:
    """The number of letters in the matching words."""
    return (
        "letters_in_@ total_length_@ size_of_@",
        [f"the total number of letters in the {p.many} of the list WW, or 0 if there are none"],
        [
            (
                f"TT = 0|for W in WW:|>if {c}:|>>TT += len(W)|return TT",
                f"adds len(W) to TT when {c}, and returns TT",
            ),
            (
                f"return sum([len(W) for W in WW if {c}])",
                f"builds the list of the lengths of every W with {c}, and returns its sum",
            ),
        ],
    )


@words
def shout_some(p: Pred, c: str) -> Spec:
    """The words with the matching ones in capitals."""
    return (
        "shout_@ raise_@ mark_@",
        [f"a copy of the list WW in which the {p.many} are written in capitals"],
        [
            (
                f"RR = []|for W in WW:|>if {c}:|>>RR.append(W.upper())|>else:|>>RR.append(W)|return RR",
                f"appends W.upper() when {c} and W otherwise, and returns RR",
            ),
            (
                f"return [W.upper() if {c} else W for W in WW]",
                f"takes W.upper() when {c} and W otherwise, and returns the list",
            ),
        ],
    )


@words
def any_some(p: Pred, c: str) -> Spec:
    """Whether some word fulfils the condition."""
    return (
        "has_@ any_@",
        [f"True if the list WW contains at least one {p.one}, and False otherwise"],
        [
            (
                f"for W in WW:|>if {c}:|>>return True|return False",
                f"returns True at the first W with {c}, and returns False after the loop",
            ),
            (f"return any({c} for W in WW)", f"checks {c} for all words with any, and returns the result"),
        ],
    )


@words
def all_some(p: Pred, c: str) -> Spec:
    """Whether all words fulfil the condition."""
    return (
        "all_@ only_@",
        [f"True if the list WW consists only of {p.many}, and False otherwise; an empty list counts as True"],
        [
            (
                f"for W in WW:|>if not ({c}):|>>return False|return True",
                f"returns False at the first W that fails {c}, and returns True after the loop",
            ),
            (f"return all({c} for W in WW)", f"checks {c} for all words with all, and returns the result"),
        ],
    )
