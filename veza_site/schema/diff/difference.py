"""What a difference is, and what the modules that find them share."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

MISSING = "nothing of this name"


@dataclass(frozen=True)
class Difference:
    """
    An object that is not as it should be: what was expected, what was found, the SQL that mends it.

    `cause` is how it probably happened, or None if nobody can tell. The SQL only goes forward. Its
    statements run one after another, outside a transaction (it may say CONCURRENTLY); what a person
    has to know or decide first is in comments above it.
    """

    object: str
    expected: str
    found: str
    cause: str | None
    mend: str
    is_tuning: bool = False  # each server's own business, not part of the contract


def find_renamed[T](
    expected: dict[str, T], found: dict[str, T], essence: Callable[[T], Any]
) -> dict[str, str]:
    """
    Return the new name of each missing item that equals an unexpected one in its essence.

    If several are equal, nobody can tell which of them it was, and none is returned.
    """
    missing = _find_unique(
        {name: essence(expected[name]) for name in expected if name not in found}
    )
    surplus = _find_unique({name: essence(found[name]) for name in found if name not in expected})
    return {name: surplus[what] for what, name in missing.items() if what in surplus}


def _find_unique(essences: dict[str, Any]) -> dict[Any, str]:
    """Return the essences that only one item has, each with its name."""
    times = Counter(essences.values())
    return {what: name for name, what in essences.items() if times[what] == 1}


def explain_renaming(old: str, new: str, mend: str) -> tuple[str, str]:
    """Return the cause and the SQL for a renamed object that holds data: people have to decide."""
    return f"perhaps renamed to {old}", f"-- Only if {old} holds the data of {new}.\n{mend}"


# Remarks above SQL that does more than it seems to.
LOSES = "This deletes what it holds."
REWRITES = "This rewrites the table; meanwhile nobody can read or write it."
AS_SUPERUSER = "Run this as a superuser: the owner may not."


def add_remark(remark: str, mend: str) -> str:
    """Return SQL with a remark above it."""
    return f"-- {remark}\n{mend}"


def mention_dependents(dependents: tuple[str, ...], mend: str) -> str:
    """Return SQL that drops or changes something, with a remark on what depends on it elsewhere."""
    if not dependents:
        return mend
    return add_remark(
        f"These depend on it and have to be dealt with first: {'; '.join(dependents)}.", mend
    )


def sort_users_first(uses: dict[str, Iterable[str]]) -> list[str]:
    """
    Return the names of `uses`, each before those that it uses.

    Some may use each other in a circle, which graphlib would refuse.
    """
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
