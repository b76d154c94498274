"""Families over a list of numbers and a condition: counting, adding, keeping, finding, testing."""

import random
from collections.abc import Callable

from tools.corpus.code.inputs import numlists
from tools.corpus.code.model import Good, Task, make, register
from tools.corpus.code.predicates import NOUNS, Pred, number_pred

Spec = tuple[str, list[str], list[Good]]
Builder = Callable[[Pred, str, str, str], Spec]


def family(even: bool = True, empty: bool = True, weight: float = 1.6) -> Callable[[Builder], Builder]:
    """Register a builder that gets (predicate, condition on X, condition on XS[II], noun)."""

    def wrap(builder: Builder) -> Builder:
        @register("numlists", weight)
        def build(rng: random.Random) -> Task:
            """Instantiate with a random predicate."""
            pred = number_pred(rng, even)
            xs = rng.choice(list(NOUNS))
            noun = NOUNS[xs]
            names, goals, goods = builder(pred, pred.code, pred.code.replace("X", "XS[II]"), noun)
            lists = numlists(rng, pred.points, empty)
            point = pred.points[0] if pred.points else 0
            tests: list[tuple] = [(v, point + rng.choice([0, 0, 0, -1, 1])) if pred.arg else (v,) for v in lists]
            if pred.arg:
                goals = [g.replace("the list XS", rng.choice(["the list XS", "XS"])) for g in goals]
            titles = [n.replace("@", pred.slug) for n in names.split()]
            return make(rng, titles, "XS, KK" if pred.arg else "XS", goals, tests, goods, {"XS": xs})

        return builder

    return wrap


@family()
def count_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """How many items fulfil the condition."""
    many = p.many.format(noun)
    return (
        "count_@ number_@ how_many_@ @_count",
        [
            f"the number of {many} in the list XS",
            f"how many {many} there are in the list XS",
            f"how many {many} there are in XS, and 0 for an empty list",
        ],
        [
            (
                f"CC = 0|for X in XS:|>if {c}:|>>CC += 1|return CC",
                f"loops over XS, adds 1 to CC whenever {c}, and returns CC",
            ),
            (
                f"return len([X for X in XS if {c}])",
                f"collects every X with {c} in a new list, and returns the length of that list",
            ),
            (f"return sum(1 for X in XS if {c})", f"adds up 1 for every X with {c}, and returns the sum"),
            (
                f"CC = 0|II = 0|while II < len(XS):|>if {ci}:|>>CC += 1|>II += 1|return CC",
                "walks over the indexes of XS with a while loop, counts the matches in CC, and returns CC",
            ),
            (
                f"CC = 0|for II in range(len(XS)):|>if {ci}:|>>CC = CC + 1|return CC",
                f"goes through all indexes II, increases CC when {ci}, and returns CC",
            ),
        ],
    )


@family(even=False)
def sum_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """The sum of the items that fulfil the condition."""
    many = p.many.format(noun)
    return (
        "sum_@ total_@ add_@ @_total",
        [
            f"the sum of the {many} in the list XS",
            f"the total of all {many} in XS, or 0 if there are none",
            f"the sum of all {many} in the list XS, and 0 for an empty list",
        ],
        [
            (
                f"TT = 0|for X in XS:|>if {c}:|>>TT += X|return TT",
                f"loops over XS, adds X to TT when {c}, and returns TT",
            ),
            (
                f"return sum([X for X in XS if {c}])",
                f"builds the list of every X with {c}, and returns its sum",
            ),
            (
                f"TT = 0|for II in range(len(XS)):|>if {ci}:|>>TT = TT + XS[II]|return TT",
                f"visits every index II, adds XS[II] to TT when {ci}, and returns TT",
            ),
            (
                f"RR = []|for X in XS:|>if {c}:|>>RR.append(X)|return sum(RR)",
                "gathers the matching items in RR, and returns the sum of RR",
            ),
            (
                f"TT = 0|II = 0|while II < len(XS):|>if {ci}:|>>TT += XS[II]|>II += 1|return TT",
                "uses a while loop over the indexes, adds the matching items to TT, and returns TT",
            ),
        ],
    )


@family()
def keep_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """A new list of the items that fulfil the condition."""
    many = p.many.format(noun)
    return (
        "keep_@ only_@ filter_@ select_@ get_@",
        [
            f"a new list with only the {many} of the list XS",
            f"a list of all {many} in XS, in the same order",
            f"the list of the {many} from XS in their original order",
        ],
        [
            (
                f"RR = []|for X in XS:|>if {c}:|>>RR.append(X)|return RR",
                f"loops over XS, appends X to RR when {c}, and returns RR",
            ),
            (
                f"return [X for X in XS if {c}]",
                f"uses a comprehension with the condition {c}, and returns the resulting list",
            ),
            (
                f"RR = []|for II in range(len(XS)):|>if {ci}:|>>RR += [XS[II]]|return RR",
                f"goes over the indexes, adds XS[II] to RR when {ci}, and returns RR",
            ),
            (
                f"RR = []|II = 0|while II < len(XS):|>if {ci}:|>>RR.append(XS[II])|>II += 1|return RR",
                "walks over XS with a while loop, appends the matching items to RR, and returns RR",
            ),
        ],
    )


@family()
def product_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """The product of the items that fulfil the condition."""
    many = p.many.format(noun)
    return (
        "product_@ multiply_@ product_of_@",
        [
            f"the product of all {many} in the list XS, or 1 if there are none",
            f"the product of the {many} in XS, and 1 when none exists",
        ],
        [
            (
                f"PP = 1|for X in XS:|>if {c}:|>>PP *= X|return PP",
                f"starts PP at 1, multiplies it by X whenever {c}, and returns PP",
            ),
            (
                f"PP = 1|for II in range(len(XS)):|>if {ci}:|>>PP = PP * XS[II]|return PP",
                f"visits every index, multiplies PP by XS[II] when {ci}, and returns PP",
            ),
        ],
    )


@family()
def first_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """The first item that fulfils the condition."""
    one = p.one.format(noun[:-1])
    return (
        "first_@ find_@ find_first_@",
        [
            f"the first {one} in the list XS, or None if there is none",
            f"the first {one} that occurs in XS, and None when there is no such item",
        ],
        [
            (
                f"for X in XS:|>if {c}:|>>return X|return None",
                f"loops over XS, stops at the first X with {c}, and returns it, otherwise None",
            ),
            (
                f"RR = [X for X in XS if {c}]|if len(RR) == 0:|>return None|return RR[0]",
                "collects all matches in RR, and returns the first of them or None when RR is empty",
            ),
            (
                f"II = 0|while II < len(XS):|>if {ci}:|>>return XS[II]|>II += 1|return None",
                f"increases II until {ci}, and returns that item, or None at the end",
            ),
        ],
    )


@family()
def last_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """The last item that fulfils the condition."""
    one = p.one.format(noun[:-1])
    return (
        "last_@ final_@ find_last_@",
        [f"the last {one} in the list XS, or None if there is none"],
        [
            (
                f"BB = None|for X in XS:|>if {c}:|>>BB = X|return BB",
                f"keeps the latest X with {c} in BB, and returns BB after the loop",
            ),
            (
                f"for X in reversed(XS):|>if {c}:|>>return X|return None",
                f"goes through XS from the end, and returns the first X with {c}, or None",
            ),
        ],
    )


@family()
def index_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """The position of the first item that fulfils the condition."""
    one = p.one.format(noun[:-1])
    return (
        "index_@ position_of_@ where_@ first_index_@",
        [
            f"the index of the first {one} in the list XS, or -1 if there is none",
            f"the position of the first {one} in XS, and -1 when none occurs",
        ],
        [
            (
                f"for II in range(len(XS)):|>if {ci}:|>>return II|return -1",
                f"checks the indexes in order, and returns the first II with {ci}, or -1",
            ),
            (
                f"for II, X in enumerate(XS):|>if {c}:|>>return II|return -1",
                f"uses enumerate, and returns the index II of the first X with {c}, or -1",
            ),
            (
                f"II = 0|while II < len(XS):|>if {ci}:|>>return II|>II += 1|return -1",
                "moves II forward in a while loop, and returns II at the first match or -1 at the end",
            ),
        ],
    )


@family()
def all_indexes(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """The positions of all items that fulfil the condition."""
    many = p.many.format(noun)
    return (
        "indexes_@ positions_@ where_@ places_@",
        [
            f"a list of the indexes of all {many} in the list XS",
            f"the list of all positions at which XS holds {many}",
        ],
        [
            (
                f"RR = []|for II in range(len(XS)):|>if {ci}:|>>RR.append(II)|return RR",
                f"appends every index II with {ci} to RR, and returns RR",
            ),
            (
                f"return [II for II in range(len(XS)) if {ci}]",
                f"builds the list of all indexes II with {ci}, and returns it",
            ),
            (
                f"RR = []|for II, X in enumerate(XS):|>if {c}:|>>RR.append(II)|return RR",
                f"enumerates XS, appends II to RR when {c}, and returns RR",
            ),
        ],
    )


@family()
def any_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """Whether some item fulfils the condition."""
    one = p.one.format(noun[:-1])
    return (
        "has_@ any_@ contains_@",
        [
            f"True if the list XS contains at least one {one}, and False otherwise",
            f"True when there is any {one} in XS, and False if there is none",
        ],
        [
            (
                f"for X in XS:|>if {c}:|>>return True|return False",
                f"returns True at the first X with {c}, and returns False after the loop",
            ),
            (
                f"FF = False|for X in XS:|>if {c}:|>>FF = True|return FF",
                f"sets FF to True as soon as some X fulfils {c}, and returns FF",
            ),
            (f"return any({c} for X in XS)", f"tests {c} for every item with any, and returns the result"),
            (
                f"CC = 0|for X in XS:|>if {c}:|>>CC += 1|return CC > 0",
                "counts the matching items in CC, and returns whether CC is above 0",
            ),
        ],
    )


@family()
def all_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """Whether all items fulfil the condition."""
    many = p.many.format(noun)
    return (
        "all_@ only_@ every_@",
        [
            f"True if the list XS contains only {many}, and False otherwise; an empty list counts as True",
            f"True when XS consists of nothing but {many}, and False otherwise",
        ],
        [
            (
                f"for X in XS:|>if not ({c}):|>>return False|return True",
                f"returns False at the first X that fails {c}, and returns True after the loop",
            ),
            (f"return all({c} for X in XS)", f"tests {c} for every item with all, and returns the result"),
            (
                f"CC = 0|for X in XS:|>if {c}:|>>CC += 1|return CC == len(XS)",
                "counts the matching items in CC, and returns whether CC equals the length",
            ),
        ],
    )


@family()
def max_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """The largest item that fulfils the condition."""
    one = p.one.format(noun[:-1])
    return (
        "largest_@ max_@ highest_@",
        [f"the largest {one} in the list XS, or None if there is none"],
        [
            (
                f"BB = None|for X in XS:|>if {c}:|>>if BB is None or X > BB:|>>>BB = X|return BB",
                "keeps the largest matching item in BB, and returns BB, which stays None without a match",
            ),
            (
                f"RR = [X for X in XS if {c}]|if len(RR) == 0:|>return None|return max(RR)",
                "collects the matches in RR, and returns the maximum of RR, or None when RR is empty",
            ),
        ],
    )


@family()
def min_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """The smallest item that fulfils the condition."""
    one = p.one.format(noun[:-1])
    return (
        "smallest_@ min_@ lowest_@",
        [f"the smallest {one} in the list XS, or None if there is none"],
        [
            (
                f"BB = None|for X in XS:|>if {c}:|>>if BB is None or X < BB:|>>>BB = X|return BB",
                "keeps the smallest matching item in BB, and returns BB, which stays None without a match",
            ),
            (
                f"RR = [X for X in XS if {c}]|if RR == []:|>return None|return min(RR)",
                "collects the matches in RR, and returns the minimum of RR, or None when RR is empty",
            ),
        ],
    )


@family()
def split_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """Two lists: matching items and the rest."""
    many = p.many.format(noun)
    return (
        "split_@ separate_@ partition_@",
        [f"a list of two lists, first the {many} of XS and then all the others"],
        [
            (
                f"RR = []|YS = []|for X in XS:|>if {c}:|>>RR.append(X)|>else:|>>YS.append(X)|return [RR, YS]",
                f"appends X to RR when {c} and to YS otherwise, and returns both lists",
            ),
            (
                f"RR = [X for X in XS if {c}]|YS = [X for X in XS if not ({c})]|return [RR, YS]",
                "builds the matching items RR and the remaining items YS, and returns both lists",
            ),
        ],
    )


@family()
def replace_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """A copy in which the matching items become 0 or the others do."""
    many = p.many.format(noun)
    return (
        "clear_@ zero_@ blank_@",
        [
            f"a copy of the list XS in which all {many} are replaced by 0",
            f"a new list like XS but with 0 in place of the {many}",
        ],
        [
            (
                f"RR = []|for X in XS:|>if {c}:|>>RR.append(0)|>else:|>>RR.append(X)|return RR",
                f"appends 0 when {c} and X otherwise, and returns RR",
            ),
            (
                f"RR = list(XS)|for II in range(len(RR)):|>if {p.code.replace('X', 'RR[II]')}:|>>RR[II] = 0|return RR",
                "copies XS to RR, puts 0 at the matching indexes, and returns RR",
            ),
            (
                f"return [0 if {c} else X for X in XS]",
                f"uses a comprehension that takes 0 when {c} and X otherwise, and returns the list",
            ),
        ],
    )


@family()
def mean_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """The mean of the items that fulfil the condition."""
    many = p.many.format(noun)
    return (
        "mean_@ average_of_@ average_@",
        [f"the average of the {many} in the list XS, or 0 if there are none"],
        [
            (
                f"TT = 0|CC = 0|for X in XS:|>if {c}:|>>TT += X|>>CC += 1|if CC == 0:|>return 0|return TT / CC",
                "adds the matching items to TT and counts them in CC, and returns TT divided by CC, or 0 when CC is 0",
            ),
            (
                f"RR = [X for X in XS if {c}]|if len(RR) == 0:|>return 0|return sum(RR) / len(RR)",
                "gathers the matches in RR, and returns their sum divided by their number, or 0 when RR is empty",
            ),
        ],
    )


@family()
def prefix_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """The items before the first one that fails."""
    one = p.one.format(noun[:-1])
    return (
        "until_@ before_@ up_to_@",
        [
            f"a list of the items of XS that come before the first {one}",
            f"all items of the list XS that stand before the first {one}",
        ],
        [
            (
                f"RR = []|for X in XS:|>if {c}:|>>return RR|>RR.append(X)|return RR",
                f"appends items to RR until {c} holds for one, and returns RR",
            ),
            (
                f"RR = []|for X in XS:|>if {c}:|>>break|>RR.append(X)|return RR",
                f"leaves the loop with break at the first X with {c}, and returns the items before it in RR",
            ),
            (
                f"for II in range(len(XS)):|>if {ci}:|>>return XS[:II]|return XS",
                f"looks for the first index II with {ci}, and returns XS[:II], or the whole list",
            ),
        ],
    )


@family()
def difference_if(p: Pred, c: str, ci: str, noun: str) -> Spec:
    """Matching minus failing items."""
    many = p.many.format(noun)
    return (
        "balance_@ compare_@ margin_@",
        [f"the number of {many} in the list XS minus the number of all other items"],
        [
            (
                f"CC = 0|for X in XS:|>if {c}:|>>CC += 1|>else:|>>CC -= 1|return CC",
                f"adds 1 to CC when {c} and subtracts 1 otherwise, and returns CC",
            ),
            (
                f"RR = [X for X in XS if {c}]|YS = len(XS) - len(RR)|return len(RR) - YS",
                "collects the matching items in RR, and returns their number minus the number YS of the rest",
            ),
        ],
    )
