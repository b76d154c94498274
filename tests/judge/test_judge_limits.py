"""Pace and budget, without a network and without waiting: the clock is the test's own."""

import threading

import pytest

from topgraft.errors import UserError
from topgraft.evaluate.judge.budget import Budget, Limit, Price, Spent, parse_limit, parse_price
from topgraft.evaluate.judge.pace import Pace, Stopped


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds


def paced(per_minute):
    clock = Clock()
    return Pace(per_minute, threading.Event(), clock=clock, wait=clock.wait), clock


def test_no_minute_sees_more_requests_than_the_rate():
    pace, clock = paced(20)
    starts = []
    for number in range(100):
        pace.turn()
        starts.append(clock.now)
        clock.now += [0.0, 7.0, 0.3][number % 3]  # what the request takes
    for start in starts:
        assert sum(start <= other < start + 60 for other in starts) <= 20


def test_a_quick_endpoint_is_asked_at_the_rate():
    pace, clock = paced(30)
    for _ in range(31):
        pace.turn()
    assert clock.now == pytest.approx(60)


def test_without_a_rate_nobody_waits_and_a_hold_is_for_all():
    pace, clock = paced(None)
    for _ in range(50):
        pace.turn()
    assert clock.now == 0
    pace.hold(12)
    pace.turn()
    assert clock.now == 12


def test_a_stop_ends_the_waiting():
    pace, _ = paced(1)
    pace.turn()
    pace.stop.set()
    with pytest.raises(Stopped):
        pace.turn()
    with pytest.raises(Stopped):
        pace.rest(5)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("500calls", Limit(500, "calls")),
        ("1 call", Limit(1, "calls")),
        ("200ktokens", Limit(200_000, "tokens")),
        ("1.5M tokens", Limit(1_500_000, "tokens")),
        ("2.50usd", Limit(2.5, "usd")),
        ("2 USD", Limit(2, "usd")),
    ],
)
def test_limits_are_read_with_their_unit(text, limit):
    assert parse_limit(text) == limit


@pytest.mark.parametrize("text", ["5", "five calls", "-3 calls", "0usd", "1.2.3usd", "3 eur", ""])
def test_limits_without_sense_are_refused(text):
    with pytest.raises(UserError, match="--budget"):
        parse_limit(text)


def test_prices_are_per_million():
    price = parse_price("0.5, 2")
    assert price.of(1_000_000, 0) == pytest.approx(0.5)
    assert price.of(100_000, 50_000) == pytest.approx(0.05 + 0.1)
    with pytest.raises(UserError, match="--price"):
        parse_price("0.5")


def test_a_budget_in_usd_needs_prices():
    with pytest.raises(UserError, match="--price IN,OUT"):
        Budget(Limit(1, "usd"), None)


def test_a_request_that_might_exceed_the_budget_is_not_sent():
    budget = Budget(Limit(100, "tokens"), None)
    budget.reserve(60)
    budget.settle(60, 35)
    budget.reserve(65)  # 35 + 65 = 100
    budget.settle(65, 10)
    with pytest.raises(Spent):
        budget.reserve(56)
    assert budget.spent == 45


def test_who_waits_for_a_reservation_gets_what_comes_back():
    budget = Budget(Limit(100, "tokens"), None)
    budget.reserve(90)
    got = threading.Event()

    def other():
        budget.reserve(50)
        got.set()

    thread = threading.Thread(target=other)
    thread.start()
    assert not got.is_set()
    budget.settle(90, 40)
    thread.join(30)
    assert got.is_set()


def test_costs_are_in_the_limits_unit():
    price = Price(1, 10)
    assert Budget(Limit(5, "calls"), None).cost(700, 30) == 1
    assert Budget(Limit(5, "tokens"), None).cost(700, 30) == 730
    assert Budget(Limit(5, "usd"), price).cost(700, 30) == pytest.approx(0.001)
