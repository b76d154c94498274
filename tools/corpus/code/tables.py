"""Families over lists of lists of numbers."""

import random

from tools.corpus.code.inputs import grids
from tools.corpus.code.model import simple

G = "tables"


def plain(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """Tables with at least one row."""
    return [(g,) for g in grids(rng)]


def square(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """Square tables."""
    return [(g,) for g in grids(rng, square=True)]


def column(rng: random.Random, _p: dict[str, str]) -> list[tuple]:
    """Tables with the index of a column."""
    return [(g, rng.randrange(len(g[0]))) for g in grids(rng)]


OPS = [
    ("positive numbers", "VAL > 0", "positive"),
    ("negative numbers", "VAL < 0", "negative"),
    ("zeros", "VAL == 0", "zeros"),
    ("odd numbers", "VAL % 2 == 1", "odd"),
    ("numbers above 5", "VAL > 5", "over_5"),
    ("numbers of at least 3", "VAL >= 3", "min_3"),
]
for many, cond, slug in OPS:
    simple(
        G,
        f"count_{slug}_cells grid_{slug} table_{slug}",
        "GG",
        f"how many {many} there are in the whole table GG, a list of rows",
        [
            (
                f"CC = 0|for ROW in GG:|>for VAL in ROW:|>>if {cond}:|>>>CC += 1|return CC",
                f"goes through all rows, adds 1 to CC when {cond}, and returns CC",
            ),
            (
                f"CC = 0|for ROW in GG:|>CC += len([VAL for VAL in ROW if {cond}])|return CC",
                "adds the number of matches in each row to CC, and returns CC",
            ),
        ],
        plain,
        weight=0.3,
    )
    simple(
        G,
        f"sum_{slug}_cells total_{slug}_in_grid",
        "GG",
        f"the sum of all {many} in the table GG, which is a list of rows",
        [
            (
                f"TT = 0|for ROW in GG:|>for VAL in ROW:|>>if {cond}:|>>>TT += VAL|return TT",
                f"visits every value of every row, adds it to TT when {cond}, and returns TT",
            ),
            (
                f"TT = 0|for II in range(len(GG)):|>for JJ in range(len(GG[II])):|>>VAL = GG[II][JJ]|>>if {cond}:|>>>TT += VAL|return TT",
                "visits every cell GG[II][JJ], adds the matching values to TT, and returns TT",
            ),
        ],
        plain,
        weight=0.3,
    )
    simple(
        G,
        f"rows_with_{slug} {slug}_rows",
        "GG",
        f"how many rows of the table GG contain at least one of the {many}",
        [
            (
                f"CC = 0|for ROW in GG:|>if any({cond} for VAL in ROW):|>>CC += 1|return CC",
                f"counts in CC the rows with any {cond}, and returns CC",
            ),
            (
                f"CC = 0|for ROW in GG:|>FF = False|>for VAL in ROW:|>>if {cond}:|>>>FF = True|>if FF:|>>CC += 1|return CC",
                "sets FF when a row has a match, counts such rows in CC, and returns CC",
            ),
        ],
        plain,
        weight=0.3,
    )
simple(
    G,
    "row_sums sums_of_rows row_totals",
    "GG",
    [
        "a list with the sum of every row of the table GG",
        "a list that holds the total of each row in the list of rows GG",
    ],
    [
        (
            "RR = []|for ROW in GG:|>TT = 0|>for VAL in ROW:|>>TT += VAL|>RR.append(TT)|return RR",
            "adds up every row in TT, appends each sum to RR, and returns RR",
        ),
        ("return [sum(ROW) for ROW in GG]", "applies sum to every row, and returns the list of the sums"),
    ],
    plain,
    weight=1.5,
)
simple(
    G,
    "column_sums sums_of_columns column_totals",
    "GG",
    "a list with the sum of every column of the table GG, whose rows have equal length",
    [
        (
            "RR = []|for JJ in range(len(GG[0])):|>TT = 0|>for ROW in GG:|>>TT += ROW[JJ]|>RR.append(TT)|return RR",
            "adds up ROW[JJ] over all rows for each column JJ, and returns the sums in RR",
        ),
        (
            "RR = [0] * len(GG[0])|for ROW in GG:|>for JJ in range(len(ROW)):|>>RR[JJ] += ROW[JJ]|return RR",
            "adds every ROW[JJ] to RR[JJ], and returns RR",
        ),
    ],
    plain,
    weight=1.5,
)
simple(
    G,
    "get_column take_column column_of",
    "GG, JJ",
    "a list of the values in the column with index JJ of the table GG",
    [
        (
            "RR = []|for ROW in GG:|>RR.append(ROW[JJ])|return RR",
            "appends ROW[JJ] of every row to RR, and returns RR",
        ),
        (
            "return [GG[II][JJ] for II in range(len(GG))]",
            "takes GG[II][JJ] for every row index II, and returns the list",
        ),
    ],
    column,
)
simple(
    G,
    "diagonal_sum main_diagonal trace",
    "GG",
    "the sum of the values on the main diagonal of the square table GG",
    [
        (
            "TT = 0|for II in range(len(GG)):|>TT += GG[II][II]|return TT",
            "adds GG[II][II] for every II to TT, and returns TT",
        ),
        (
            "return sum([GG[II][II] for II in range(len(GG))])",
            "collects the diagonal values GG[II][II], and returns their sum",
        ),
    ],
    square,
    weight=1.2,
)
simple(
    G,
    "other_diagonal second_diagonal_sum anti_trace",
    "GG",
    "the sum of the values on the diagonal from top right to bottom left of the square table GG",
    [
        (
            "TT = 0|for II in range(len(GG)):|>TT += GG[II][len(GG) - 1 - II]|return TT",
            "adds the value at column len(GG) - 1 - II of each row, and returns TT",
        ),
        (
            "TT = 0|JJ = len(GG) - 1|for ROW in GG:|>TT += ROW[JJ]|>JJ -= 1|return TT",
            "moves JJ from the last column to the left, adds ROW[JJ], and returns TT",
        ),
    ],
    square,
)
simple(
    G,
    "row_minimums smallest_per_row lowest_in_rows",
    "GG",
    "a list with the smallest value of each row of the table GG",
    [
        (
            "RR = []|for ROW in GG:|>RR.append(min(ROW))|return RR",
            "appends the minimum of every row to RR, and returns RR",
        ),
        (
            "RR = []|for ROW in GG:|>BB = ROW[0]|>for VAL in ROW:|>>if VAL < BB:|>>>BB = VAL|>RR.append(BB)|return RR",
            "finds the smallest value BB of every row, appends it, and returns RR",
        ),
    ],
    plain,
    weight=1.2,
)
simple(
    G,
    "best_row richest_row row_with_largest_sum",
    "GG",
    "the index of the row of GG with the largest sum, the first one in case of a tie",
    [
        (
            "BB = 0|for II in range(1, len(GG)):|>if sum(GG[II]) > sum(GG[BB]):|>>BB = II|return BB",
            "compares the sum of each row with that of row BB, and returns the index BB",
        ),
        (
            "RR = [sum(ROW) for ROW in GG]|return RR.index(max(RR))",
            "lists the row sums in RR, and returns the index of their maximum",
        ),
    ],
    plain,
    weight=1.2,
)
simple(
    G,
    "is_symmetric mirrored symmetric_table",
    "GG",
    "True if the square table GG has the same value at row i, column j as at row j, column i",
    [
        (
            "for II in range(len(GG)):|>for JJ in range(len(GG)):|>>if GG[II][JJ] != GG[JJ][II]:|>>>return False|return True",
            "compares GG[II][JJ] with GG[JJ][II], returns False at a difference, and returns True at the end",
        ),
        (
            "FF = True|for II in range(len(GG)):|>for JJ in range(II):|>>if GG[II][JJ] != GG[JJ][II]:|>>>FF = False|return FF",
            "sets FF to False when two mirrored cells differ, and returns FF",
        ),
    ],
    lambda rng, p: [*square(rng, p), ([[1, 2], [2, 1]],), ([[0, 4], [4, 3]],), ([[5, 5], [5, 5]],)],
)
simple(
    G,
    "scale_table times__K multiply_grid",
    "GG",
    "a new table in which every value of GG is multiplied by KV",
    [
        (
            "RR = []|for ROW in GG:|>LL = []|>for VAL in ROW:|>>LL.append(VAL * KV)|>RR.append(LL)|return RR".replace(
                "LL", "YS"
            ),
            "builds a new row with VAL * KV for each row, and returns RR",
        ),
        (
            "return [[VAL * KV for VAL in ROW] for ROW in GG]",
            "multiplies every VAL by KV in a nested comprehension, and returns the table",
        ),
    ],
    plain,
    {"KV": [2, 3, 4, 5, 10], "K": ["k"]},
)
simple(
    G,
    "make_grid filled_table new_board",
    "NN, MM",
    "a table with NN rows and MM columns in which every value is FV",
    [
        (
            "RR = []|for II in range(NN):|>ROW = []|>for JJ in range(MM):|>>ROW.append(FV)|>RR.append(ROW)|return RR",
            "builds NN rows of MM values each, and returns them in RR",
        ),
        (
            "return [[FV] * MM for II in range(NN)]",
            "repeats a row of MM values NN times, and returns the table",
        ),
    ],
    lambda rng, p: [(a, b) for a in (1, 2, 3) for b in (1, 2, 3)],
    {"FV": [0, 1, 7, 9]},
)
