"""How many rows there are, without counting a large table."""

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

CAP = 1000
COSTLY = 1000  # in the planner's units: some 10 to 20 ms


@dataclass(frozen=True)
class Count:
    """A number of rows. `is_capped` is whether there are more, of which nobody counted how many."""

    number: int
    is_capped: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.is_capped else ''}"


def capped_count(queryset: QuerySet, cap: int = CAP) -> Count:
    """Count the rows of `queryset`, up to `cap`. One query, which reads `cap` + 1 matches."""
    found = _bare(queryset)[: cap + 1].count()
    return Count(min(found, cap), found > cap)


def estimate(queryset: QuerySet) -> int:
    """Return how many rows the planner expects of `queryset`. One query, which reads no row."""
    return int(_plan(_bare(queryset)).get("Plan Rows", 0))


def is_costly(queryset: QuerySet, cap: int = CAP) -> bool:
    """
    Tell whether `capped_count` may take long, as the planner sees it. One query, reads no row.

    So it is where a filter that no index serves leaves few rows of a large table.
    """
    return _plan(_bare(queryset)[: cap + 1]).get("Total Cost", 0) > COSTLY


def in_words(number: int) -> str:
    """Return an estimated number as people say it, in two digits: "about 9.8 million"."""
    digits = len(str(number)) - 2
    rounded = round(number, -digits) if digits > 0 else number
    for size, name in [(10**9, "billion"), (10**6, "million")]:
        if rounded >= size:
            return f"about {f'{rounded / size:.1f}'.removesuffix('.0')} {name}"
    return f"about {rounded:,}"


def _bare(queryset: QuerySet) -> QuerySet:
    """Return `queryset` without what does not change how many rows it has."""
    return queryset.order_by().select_related(None)


def _plan(queryset: QuerySet) -> dict[str, Any]:
    """Return the plan of `queryset`, which is empty if no row can be among it."""
    if queryset.query.is_empty():
        return {}
    return json.loads(queryset.values("pk").explain(format="json"))[0]["Plan"]
