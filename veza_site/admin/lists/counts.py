"""How many rows there are, without counting a large table."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

CAP = 1000
COSTLY = 1000  # in the planner's units: some 10 to 20 ms


@dataclass(frozen=True)
class Count:
    """A number of rows; `is_capped` says that there are more, which nobody counted."""

    number: int
    is_capped: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.is_capped else ''}"


def count_up_to(queryset: QuerySet, cap: int = CAP) -> Count:
    """Count the rows of `queryset`, up to `cap`. One query, which reads `cap` + 1 matches."""
    found = _strip(queryset)[: cap + 1].count()
    return Count(min(found, cap), found > cap)


def estimate(queryset: QuerySet) -> int:
    """Return how many rows the planner expects of `queryset`. One query, which reads no row."""
    return int(_explain(_strip(queryset)).get("Plan Rows", 0))


def estimate_each(querysets: Sequence[QuerySet]) -> list[int]:
    """Return how many rows the planner expects of each. One query, which reads no row."""
    compiled = [_strip(each).values("pk").query.sql_with_params() for each in querysets]
    # Each is a subselect of its own, so that the root of its plan has the number of all its rows.
    arrays = ", ".join(f"ARRAY({sql})" for sql, _ in compiled)
    with connection.cursor() as cursor:
        cursor.execute(
            f"EXPLAIN (FORMAT JSON) SELECT {arrays}",
            [value for _, parameters in compiled for value in parameters],
        )
        (plans,) = cursor.fetchone()
    return [int(plan["Plan Rows"]) for plan in plans[0]["Plan"]["Plans"]]


def is_costly(queryset: QuerySet, cap: int = CAP) -> bool:
    """
    Tell whether the planner expects `count_up_to` to take long. One query, which reads no row.

    It does where a filter that no index serves leaves few rows of a large table.
    """
    return bool(_explain(_strip(queryset)[: cap + 1]).get("Total Cost", 0) > COSTLY)


def say_estimate(number: int) -> str:
    """Return an estimated number as people say it, in two digits: "about 9.8 million"."""
    digits = len(str(number)) - 2
    rounded = round(number, -digits) if digits > 0 else number
    for size, name in [(10**9, "billion"), (10**6, "million")]:
        if rounded >= size:
            return f"about {f'{rounded / size:.1f}'.removesuffix('.0')} {name}"
    return f"about {rounded:,}"


def _strip(queryset: QuerySet) -> QuerySet:
    """Return `queryset` without the order and the joins that don't change its number of rows."""
    return queryset.order_by().select_related(None)


def _explain(queryset: QuerySet) -> dict[str, Any]:
    """Return the plan of `queryset`; empty if the queryset can match no row."""
    if queryset.query.is_empty():
        return {}
    plan: dict[str, Any] = json.loads(queryset.values("pk").explain(format="json"))[0]["Plan"]
    return plan
