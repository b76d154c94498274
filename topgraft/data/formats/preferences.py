"""Two numbered answers and a column that says which is preferred: response_0 and response_1 with better_response_id,
answer_a and answer_b with winner, output_1 and output_2 with preference, conversation_a and conversation_b, response_j
and response_k (the first preferred).

Instead of the verdict there may be two scores (score_0 and score_1), or one number that is negative where the first
answer is better (preference_strength).
"""

import math
import re
from typing import TYPE_CHECKING, Any

from topgraft.data.dialogue import are_turns, first_question, turns_of, written
from topgraft.data.formats.columns import Columns, described, text_of, usual, value_of
from topgraft.data.formats.demonstrations import made
from topgraft.data.formats.messages import shared
from topgraft.data.table import RawRow, Table
from topgraft.errors import UserError
from topgraft.records import Demonstration

if TYPE_CHECKING:
    from topgraft.data.reading import DataSettings

STEMS = ("response", "answer", "output", "completion", "summary", "conversation")
ENDS = (("a", "b"), ("0", "1"), ("1", "2"), ("j", "k"))
VERDICTS = ("better_response_id", "winner", "preference", "preferred", "choice", "better", "label")
TIES = ("tie", "both", "neither", "equal", "same", "draw", "bothbad")
"""How a verdict begins that prefers neither answer."""


def matches(columns: Columns, settings: "DataSettings") -> bool:
    """Whether there are two numbered answers."""
    return bool(_numbered(columns)) and not settings.response


def rows(raw: Table, settings: "DataSettings") -> list[Demonstration]:
    """Make the rows: the preferred answer is the response, the other one rejected; of a tie the first is the response,
    with strength 0."""
    raw = raw.speaking(settings.lang)
    columns = raw.columns()
    pair = _numbered(columns)
    if not pair:
        raise UserError(
            f"{settings.source} has columns {described(columns)}, and no two numbered answers such as response_a and "
            f"response_b. For answers in columns of other names write --set data.format=demonstrations."
        )
    verdict, scores = usual(VERDICTS, columns), _scores(columns, pair)
    first_is_better = pair[0].endswith("j")
    if not (verdict or scores or first_is_better):
        raise UserError(
            f"{settings.source} has '{pair[0]}' and '{pair[1]}', but no column says which is preferred. Call it "
            f"winner, or take one of them: --set data.response={pair[0]} --set data.rejected={pair[1]}."
        )

    def answers(row: RawRow) -> tuple[str, str | None, float]:
        better = 0 if first_is_better else _better(row, verdict, pair) if verdict else _higher(row, scores)
        texts = text_of(row, pair[0]), text_of(row, pair[1])
        return (texts[0], texts[1], 0.0) if better is None else (texts[better], texts[1 - better], 1.0)

    found = f"answers '{pair[0]}' and '{pair[1]}', preferred by '{verdict or ' and '.join(scores) or pair[0]}'"
    if are_turns(columns[pair[0]]) and not usual(("prompt", "question", "instruction"), columns):
        _ask(raw, pair)
        settings = settings.model_copy(update={"prompt": "prompt"})
    return made(raw, settings, answers, found)


def _ask(raw: Table, pair: tuple[str, str]) -> None:
    """Give rows of two whole dialogues a column "prompt" of what both have, and leave the last answers."""
    for place, row in enumerate(raw):
        with raw.at(row):
            both = [turns_of(value_of(row, column), f"{row.place}: '{column}'") for column in pair]
            before, texts = shared(both[0], both[1], row.place)
            values = dict(zip(pair, texts, strict=True)) | {
                "prompt": written(before),
                "problem": first_question(before),
            }
            raw[place] = RawRow(row.place, row.values | values, row.part)


def _numbered(columns: Columns) -> tuple[str, str] | None:
    """The two columns with the answers, as they are written."""
    for stem in STEMS:
        for first, second in ENDS:
            pair = usual((f"{stem}_{first}",), columns), usual((f"{stem}_{second}",), columns)
            if all(pair):
                return pair
    return None


def _scores(columns: Columns, pair: tuple[str, str]) -> tuple[str, ...]:
    """The columns of the two answers' scores, or the one of a signed strength."""
    both = [usual((f"score_{name[-1].lower()}",), columns) for name in pair]
    if all(both):
        return tuple(both)
    signed = usual(("preference_strength",), columns)
    return (signed,) if signed else ()


def _better(row: RawRow, column: str, pair: tuple[str, str]) -> int | None:
    """0 or 1 for the answer that a verdict prefers, None for a tie."""
    value = value_of(row, column)
    word = re.sub(r"[\W_]+", "_", str(_plain(value)).strip().lower())
    if word.startswith(TIES):
        return None
    for number, name in enumerate(pair):
        end = name[-1].lower()
        if word == name.lower() or word == end or re.fullmatch(rf"\w+_{end}", word):
            return number
    raise UserError(
        f"{row.place}: '{column}' is {value!r:.40}, which is neither of {pair[0]} and {pair[1]} nor a tie. Write "
        f"'{pair[0][-1]}', '{pair[1][-1]}' or 'tie'."
    )


def _plain(value: Any) -> Any:
    """1 for 1.0, which a column with empty cells makes of it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _higher(row: RawRow, scores: tuple[str, ...]) -> int | None:
    values: list[Any] = [value_of(row, column) for column in scores]
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{row.place}: '{scores[0]}' must be a number; it is {values!r:.60}.") from error
    if any(map(math.isnan, numbers)):
        raise UserError(f"{row.place}: '{scores[0]}' must be a number; it is {values!r:.60}.")
    gap = numbers[0] - numbers[1] if len(numbers) == 2 else -numbers[0]
    return None if gap == 0 else 0 if gap > 0 else 1
