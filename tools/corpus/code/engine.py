"""Runs programs on test inputs and phrases the marker's report."""

import copy
import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tools.corpus.code import families as _families  # noqa: F401
from tools.corpus.code.model import REGISTRY, Task
from tools.corpus.code.mutate import mutants

EXCLUDED = frozenset(
    """sum_even sum_evens sum_even_numbers count_vowels vowel_count reverse_words factorial is_palindrome palindrome max_list find_max
maximum largest fizzbuzz fizz_buzz celsius_to_fahrenheit to_fahrenheit second_largest remove_duplicates unique dedupe count_words
word_count is_prime gcd fibonacci fib running_total running_sum cumulative_sum longest_word merge_sorted digit_sum sum_digits
sum_of_digits is_leap leap_year is_leap_year average mean binary_search caesar caesar_shift is_anagram anagram count_letter
count_char flatten transpose power collatz collatz_steps table_row times_table multiplication_row clamp rotate rotate_list
char_frequency frequency sum_range sum_to range_sum common_elements common title_case triangle_type is_sorted reverse_number
is_perfect perfect_number pairs_with_sum count_pairs grade letter_grade bubble_sort first_repeated acronym dot_product dot
to_binary decimal_to_binary insert_sorted interleave run_length rle encode balanced is_balanced even_sum sum_of_even total_even
total_evens add_even add_evens largest_number max_of_list biggest""".split()
)


class TooLong(Exception):
    """Raised when a program does not end."""


def _alarm(_signum: int, _frame: object) -> None:
    raise TooLong


def run_all(code: str, name: str, tests: list[tuple]) -> list[tuple[str, object]] | None:
    """Results ("value", v) or ("error", exception name) of a program on all inputs; None if it never ends."""
    space: dict[str, object] = {"print": lambda *args, **kwargs: None}
    signal.signal(signal.SIGVTALRM, _alarm)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.5)
    results: list[tuple[str, object]] = []
    try:
        exec(compile(code, "<student>", "exec"), space)
        func: Callable[..., object] = space[name]  # type: ignore[assignment]
        for args in tests:
            try:
                results.append(("value", func(*copy.deepcopy(args))))
            except TooLong:
                return None
            except Exception as error:
                results.append(("error", type(error).__name__))
    except TooLong:
        return None
    except SyntaxError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return results


def same(left: object, right: object) -> bool:
    """Equality that keeps booleans, numbers and other types apart and forgives rounding."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return abs(left - right) < 1e-6
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))  # type: ignore[arg-type]
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[k], right[k]) for k in left)  # type: ignore[index]
    return left == right


def show(value: object) -> str:
    """A value as it is quoted in a sentence."""
    if isinstance(value, float):
        return repr(round(value, 4))
    return repr(value)


def show_input(rng: random.Random, task: Task, args: tuple) -> str:
    """The failing input in words."""
    if len(args) == 1:
        text = "an empty list" if args[0] == [] else "an empty string" if args[0] == "" else show(args[0])
        return "an empty dictionary" if args[0] == {} else text
    names = [a.strip() for a in task.args.split(",")]
    parts = [f"{n} = {show(v)}" for n, v in zip(names, args, strict=True)]
    if rng.random() < 0.35:
        parts = [show(v) for v in args]
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def article(word: str) -> str:
    """The word with its indefinite article."""
    return ("an " if word[0] in "AEIOU" else "a ") + word


def outcome(result: tuple[str, object], right: object) -> str:
    """What a wrong program does instead of returning the right value."""
    kind, value = result
    if kind == "error":
        return f"it raises {article(str(value))} instead of returning {show(right)}"
    return f"it returns {show(value)} instead of {show(right)}"


@dataclass
class Failure:
    """An input in words, what the program did with it and the right value."""

    given: str
    got: tuple[str, object]
    right: object

    def clause(self) -> str:
        """The failing example as a clause."""
        return f"for {self.given} {outcome(self.got, self.right)}"


def pick_failure(rng: random.Random, task: Task, got: list, want: list) -> Failure | None:
    """A short failing example, or None if no failing input is short enough."""
    fails = []
    for args, res, ref in zip(task.tests, got, want, strict=True):
        if res[0] == "error" or not same(res[1], ref[1]):
            found = Failure(show_input(rng, task, args), res, ref[1])
            clause = found.clause()
            if len(clause) <= 120 and len(clause.split()) <= 26 and clause.isascii() and "<" not in clause:
                fails.append(found)
    if not fails:
        return None
    return min(rng.sample(fails, min(2, len(fails))), key=lambda fail: len(fail.clause()))


def prompt_of(task: Task, body: str) -> str:
    """The statement together with the program."""
    goal = f"Write a function {task.name}({task.args}) that returns {task.goal}."
    return f"Problem:\n{goal}\n\nStudent program:\ndef {task.name}({task.args}):\n{body}"


def fits(prompt: str, response: str, body: str) -> bool:
    """Whether the row keeps the limits on length."""
    lines = body.split("\n")
    return (
        len(prompt) <= 700
        and 1 <= len(lines) <= 11
        and max(map(len, lines)) <= 76
        and 22 <= len(response.split()) <= 56
        and response.isascii()
    )


def report(task: Task, good: bool, tail: str) -> str:
    """The marker's text in its fixed shape."""
    verdict = "correct" if good else "incorrect"
    return f"The function {task.name} should return {task.goal}. This program is {verdict}. It {tail}."


@dataclass
class Sample:
    """A program with its task: the body, the body it was made from, what it does (wrong) and the failing example."""

    task: Task
    body: str
    source: str
    note: str
    failure: Failure | None
    want: list[tuple[str, object]]

    def pair(self) -> tuple[str, str]:
        """Prompt and impersonal report."""
        tail = f"{self.note}, so {self.failure.clause()}" if self.failure else self.note
        return prompt_of(self.task, self.body), report(self.task, self.failure is None, tail)


def sample_of(rng: random.Random, task: Task, want: list, correct: bool) -> Sample | None:
    """One judged program for the task with the wanted label, or None if it cannot be made."""
    body, say = rng.choice(task.goods)
    head = f"def {task.name}({task.args}):\n"
    if correct:
        got = run_all(head + body, task.name, task.tests)
        if got is None or any(g[0] == "error" or not same(g[1], w[1]) for g, w in zip(got, want, strict=True)):
            raise ValueError(f"wrong reference program in {task.name}:\n{head + body}\n{task.tests}\n{got}\n{want}")
        sample = Sample(task, body, body, say, None, want)
        return sample if fits(*sample.pair(), body) else None
    options = mutants(rng, body)
    rng.shuffle(options)
    options.sort(key=lambda item: -item[2])
    for new, mistake, _ in options:
        got = run_all(head + new, task.name, task.tests)
        failure = pick_failure(rng, task, got, want) if got else None
        if failure:
            sample = Sample(task, new, body, mistake, failure, want)
            if fits(*sample.pair(), new):
                return sample
    return None


def allowed(task: Task) -> bool:
    """Whether the task stays clear of the evaluation problems."""
    words = len(task.goal.split()) + 6
    return task.name not in EXCLUDED and 10 <= words <= 34


def samples_for(rng: random.Random, task: Task, count: int) -> Iterator[Sample]:
    """Up to count judged programs for one task, about half of them correct."""
    head = f"def {task.name}({task.args}):\n"
    want = run_all(head + task.goods[0][0], task.name, task.tests)
    if want is None or any(kind == "error" for kind, _ in want):
        raise ValueError(f"reference fails in {task.name}: {head + task.goods[0][0]} {task.tests} {want}")
    for _ in range(count):
        sample = sample_of(rng, task, want, rng.random() < 0.5)
        if sample:
            yield sample


def samples(rng: random.Random) -> Iterator[Sample]:
    """Judged programs of all families without end."""
    families = [pair for group in sorted(REGISTRY) for pair in REGISTRY[group]]
    weights = [weight for _, weight in families]
    while True:
        task = rng.choices(families, weights)[0][0](rng)
        if allowed(task):
            yield from samples_for(rng, task, rng.choice([1, 2, 2]))


def generate(rng: random.Random, count: int) -> list[dict[str, str]]:
    """The code-feedback rows."""
    rows: list[dict[str, str]] = []
    seen: set[str] = set()
    for sample in samples(rng):
        if len(rows) == count:
            break
        prompt, response = sample.pair()
        if prompt not in seen:
            seen.add(prompt)
            rows.append({"kind": "code_feedback", "prompt": prompt, "response": response})
    return rows
