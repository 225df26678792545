"""What a difference is."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

MISSING = "nothing of this name"


@dataclass(frozen=True)
class Difference:
    """
    An object that is not as it should be: what was expected, what was found, the SQL that mends.

    `cause` is how it probably came about, or None where that can't be told. The SQL goes forward
    only, one statement after another, outside a transaction (it may say CONCURRENTLY); what a
    person has to know or to decide before is in comments above it.
    """

    object: str
    expected: str
    found: str
    cause: str | None
    mend: str
    is_tuning: bool = False  # which is each server's own business, and no part of the contract


def renamed_items[T](
    expected: dict[str, T], found: dict[str, T], essence: Callable[[T], Any]
) -> dict[str, str]:
    """
    Return the new name of each item that is missing where an unexpected one is the same.

    Where several are the same, nothing tells which of them it was.
    """
    missing = _alone({name: essence(expected[name]) for name in expected if name not in found})
    surplus = _alone({name: essence(found[name]) for name in found if name not in expected})
    return {name: surplus[what] for what, name in missing.items() if what in surplus}


def _alone(essences: dict[str, Any]) -> dict[Any, str]:
    """Return the name of each essence that no two items share."""
    times = Counter(essences.values())
    return {what: name for name, what in essences.items() if times[what] == 1}


def renaming(old: str, new: str, mend: str) -> tuple[str, str]:
    """Return the cause and the SQL for what holds data, which only people can tell to be ours."""
    return f"perhaps renamed to {old}", f"-- Only if {old} holds the data of {new}.\n{mend}"


# What is said above SQL that does more than it seems to.
LOSES = "This loses what it holds."
REWRITES = "The table is written anew, and nobody can read or write it meanwhile."
AS_SUPERUSER = "As a superuser; the owner may not."


def remarked(remark: str, mend: str) -> str:
    """Return SQL with a remark above it."""
    return f"-- {remark}\n{mend}"


def with_dependents(dependents: tuple[str, ...], mend: str) -> str:
    """Return SQL that takes something away or changes it, after what depends on it elsewhere."""
    if not dependents:
        return mend
    return remarked(
        f"Depends on it, and has to be looked after first: {'; '.join(dependents)}.", mend
    )


def users_first(uses: dict[str, Iterable[str]]) -> list[str]:
    """Return the names of `uses` in an order in which each comes before those that it uses."""
    order: list[str] = []
    seen = set()

    def visit(name: str) -> None:
        if name in uses and name not in seen:
            seen.add(name)
            for used in uses[name]:
                visit(used)
            order.append(name)

    for name in reversed(uses):
        visit(name)
    return order[::-1]
