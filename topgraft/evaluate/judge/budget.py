"""What may be spent. A request's highest cost is reserved before it is sent, so that the limit is kept and not
noticed."""

import re
import threading
from dataclasses import dataclass

from topgraft.errors import UserError

UNITS = {"call": "calls", "calls": "calls", "token": "tokens", "tokens": "tokens", "usd": "usd"}
FACTORS = {"": 1.0, "k": 1e3, "m": 1e6}
ASKED = re.compile(r"([\d.]+)\s*(k|m|)\s*(calls?|tokens?|usd)", re.IGNORECASE)


class Spent(Exception):
    """The next request might exceed the budget."""


@dataclass(frozen=True)
class Price:
    """USD per million tokens, in and out."""

    tokens_in: float
    tokens_out: float

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """What so many tokens cost in USD."""
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6


@dataclass(frozen=True)
class Limit:
    """So many "calls", "tokens" or "usd"."""

    amount: float
    unit: str


def parse_price(text: str) -> Price:
    """Prices as they are written on the command line: `parse_price("0.27,1.10")`."""
    try:
        tokens_in, tokens_out = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(
            f"--price {text} is not understood. Write USD per million tokens in and out: --price 0.27,1.10."
        ) from None
    return Price(tokens_in, tokens_out)


def parse_limit(text: str) -> Limit:
    """A limit as it is written on the command line: `parse_limit("200k tokens")` -> Limit(200000.0, "tokens")."""
    found = ASKED.fullmatch(text.strip())
    try:
        amount = float(found[1]) * FACTORS[found[2].lower()] if found else 0.0
    except ValueError:
        amount = 0.0
    if not found or amount <= 0:
        raise UserError(f"--budget {text} is not understood. Write 500calls, 200ktokens or 2usd (with --price).")
    return Limit(amount, UNITS[found[3].lower()])


class Budget:
    """Keeps count of what one command spends, for all workers."""

    def __init__(self, limit: Limit | None, price: Price | None) -> None:
        if limit and limit.unit == "usd" and price is None:
            raise UserError(
                "A budget in USD needs the model's prices: --price IN,OUT, USD per million tokens. Or give a budget in "
                "calls or tokens."
            )
        self.limit, self.price, self.spent = limit, price, 0.0
        self._reserved: list[float] = []
        self._settled = threading.Condition()

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """What a request of so many tokens costs, in the limit's unit."""
        unit = self.limit.unit if self.limit else "calls"
        if unit == "usd" and self.price:
            return self.price.of(tokens_in, tokens_out)
        return 1.0 if unit == "calls" else float(tokens_in + tokens_out)

    def reserve(self, most: float) -> None:
        """Set `most` aside for a request. Waits for requests on their way, which may cost less than was set aside for
        them; raises Spent where the limit would be exceeded and nothing more can come back."""
        with self._settled:
            while self.limit and self.spent + sum(self._reserved) + most > self.limit.amount:
                if not self._reserved:
                    raise Spent
                self._settled.wait()
            self._reserved.append(most)

    def settle(self, most: float, real: float) -> None:
        """The request that `most` was reserved for has cost `real`."""
        with self._settled:
            self._reserved.remove(most)
            self.spent += real
            self._settled.notify_all()
