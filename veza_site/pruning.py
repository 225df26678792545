"""
Deleting rows that have become old, a batch at a time: `manage.py prune`.

Each app names what it prunes in a list PRUNINGS of its module `pruning`. Nothing is deleted by
default but what has expired: for the other tables a setting says how many days a row is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings

from veza_site.transactions import check_number, fetch_one


class Batch(NamedTuple):
    """How many rows were deleted, and where the next batch goes on (None if this was the last)."""

    deleted: int
    after: Any


@dataclass(frozen=True)
class Pruning:
    """
    How old rows of a table are deleted.

    `delete` and `count` get the age from which on a row may go; `delete` also where to go on, and
    how many rows it may delete. `setting` has the days; without one, what has expired may go.
    """

    table: str
    delete: Callable[[timedelta, Any, int], Batch]
    count: Callable[[timedelta], int]
    setting: str | None = None

    @property
    def age(self) -> timedelta | None:
        """From which age on rows may go; None if they are kept."""
        if self.setting is None:
            return timedelta()
        days: int | None = getattr(settings, self.setting)
        return None if days is None else timedelta(days=days)


def by_age(
    table: str, time: str, *, setting: str | None, order: str, key: str = "id", only: str = "true"
) -> Pruning:
    """
    Return how rows are deleted whose column `time` is long ago, and for which `only` is true.

    `order` is a column with an index, in whose order they are found: `time` itself, or one that
    grows with it.
    """

    def delete(older_than: timedelta, after: Any, limit: int) -> Batch:
        check_number("A batch", limit, least=1)
        # The place as text, since Python has no -infinity and no year before 1.
        # By an array: a join may run the subquery more than once, and each run locks other rows.
        deleted, last = fetch_one(
            f"""
            WITH old AS MATERIALIZED (
                SELECT {key}, {order} AS place FROM {table}
                WHERE {old} AND (%(after)s IS NULL OR {order} >= %(after)s)
                ORDER BY {order}
                LIMIT %(limit)s
                FOR UPDATE SKIP LOCKED
            ), deleted AS (
                DELETE FROM {table} WHERE {key} = ANY (ARRAY(SELECT {key} FROM old)) RETURNING 1
            )
            SELECT (SELECT count(*) FROM deleted), (SELECT max(place)::text FROM old)
            """,
            older_than=older_than,
            after=after,
            limit=limit,
        )
        return Batch(deleted, last)

    def count(older_than: timedelta) -> int:
        (number,) = fetch_one(f"SELECT count(*) FROM {table} WHERE {old}", older_than=older_than)
        return int(number)

    old = f"{time} < statement_timestamp() - %(older_than)s::interval AND {only}"
    return Pruning(table, delete, count, setting)


# Django's own tables. Its log has no index on the time, but its numbers grow with it.
PRUNINGS = [
    by_age(
        "django.django_session", "expire_date", setting=None, order="expire_date", key="session_key"
    ),
    by_age("django.django_admin_log", "action_time", setting="PRUNE_ADMIN_LOG_DAYS", order="id"),
]
