"""What `manage.py prune` deletes here. See veza_site.pruning."""

from datetime import timedelta
from typing import Any

from accounts.services import Purged, purge_expired
from veza_site.pruning import Batch, Pruning
from veza_site.transactions import fetch_one


def _delete(_older_than: timedelta, _after: Any, limit: int) -> Batch:
    deleted = sum(purge_expired(limit=limit))
    return Batch(deleted, after=deleted or None)


def _count(_older_than: timedelta) -> int:
    return count_expired()


def count_expired() -> int:
    """Return how many rows have expired, of all the tables that are purged."""
    counts = " + ".join(
        f"(SELECT count(*) FROM {table} WHERE expires_at <= statement_timestamp())"
        for table in Purged._fields
    )
    (count,) = fetch_one(f"SELECT {counts}")
    return int(count)


PRUNINGS = [Pruning("expired tokens and sessions", _delete, _count)]
