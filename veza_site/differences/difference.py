"""What a difference is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MISSING = "nothing of this name"


@dataclass(frozen=True)
class Difference:
    """
    An object that is not as it should be: what was expected, what was found, the SQL that mends.

    `cause` is how it probably came about, or None where that can't be told. The SQL goes forward
    only, one statement after another, outside a transaction (it may say CONCURRENTLY).
    """

    object: str
    expected: str
    found: str
    cause: str | None
    mend: str


def renamed_items[T](
    expected: dict[str, T], found: dict[str, T], essence: Callable[[T], Any]
) -> dict[str, str]:
    """Return the new name of each item that is missing where an unexpected one is the same."""
    unexpected = {essence(item): name for name, item in found.items() if name not in expected}
    return {
        name: unexpected[essence(item)]
        for name, item in expected.items()
        if name not in found and essence(item) in unexpected
    }
