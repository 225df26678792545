"""Numbers of rows that are counted up to a thousand."""

from typing import NamedTuple

MOST = 1000


class Amount(NamedTuple):
    """
    How many rows of a kind there are.

    `number` was counted up to `MOST` + 1. `is_least` is whether there may be more.
    """

    number: int
    is_least: bool = False

    def __str__(self) -> str:
        if self.number > MOST:
            return f"{MOST:,}+"
        if self.is_least:
            return f"at least {self.number:,}" if self.number else "any number of"
        return f"{self.number:,}"
