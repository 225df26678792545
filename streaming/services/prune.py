"""Deleting old plays, of which only their number stays."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from veza_site.transactions import (
    check_duration,
    check_number,
    fetch_one,
    fetch_rows,
    in_transaction,
)

# A play that was uploaded late stays for a day, so that count_plays() has counted it before.
_OLD = """
            created_at < statement_timestamp() - %(older_than)s::interval
            AND recorded_at < statement_timestamp() - interval '1 day'
"""


class Place(NamedTuple):
    """Where a play is in the order of prune_plays(); the time in PostgreSQL's words."""

    created_at: str
    id: UUID


class PrunedPlays(NamedTuple):
    """How many plays were deleted, and the last that was looked at (None: there are no more)."""

    deleted: int
    after: Place | None


@in_transaction()
def prune_plays(
    *, older_than: timedelta, after: Place | None = None, limit: int = 1000
) -> PrunedPlays:
    """
    Delete a batch of the plays that are older than `older_than`, the oldest first.

    Their number is added to `pruned_play_count` of their tracks, so that `play_count` stays as it
    is and count_plays() goes on counting. What came here during the last day stays, however old.

    Locks: the tracks, in the order of their ids, then the plays. Whatever is locked is passed over:
    nobody is waited for, and two runs may share the work.

    Statements: 3.

    Returns how many it deleted; call it again with its `after` until that is None.

    Raises Invalid for an age that is not positive or is over a hundred years, or a limit below 1.
    """
    check_duration("The age", older_than)
    check_number("A batch", limit, least=1)
    old = fetch_rows(
        f"""
        SELECT created_at::text, id, track_id FROM track_plays
        WHERE {_OLD.strip()}
            AND (%(after)s::timestamptz IS NULL OR created_at >= %(after)s::timestamptz
                AND (created_at, id) > (%(after)s::timestamptz, %(after_id)s::uuid))
        ORDER BY track_plays.created_at, id
        LIMIT %(limit)s
        """,
        older_than=older_than,
        after=after and after.created_at,
        after_id=after and after.id,
        limit=limit,
    )
    tracks = fetch_rows(
        """
        SELECT id FROM tracks WHERE id = ANY(%(track_ids)s::uuid[])
        ORDER BY id
        FOR NO KEY UPDATE SKIP LOCKED
        """,
        track_ids=sorted({track_id for _, _, track_id in old}),
    )
    locked = {track_id for (track_id,) in tracks}
    # By an array: a join may run the subquery more than once, and each run locks other rows.
    (deleted,) = fetch_one(
        """
        WITH deleted AS (
            DELETE FROM track_plays WHERE id = ANY (ARRAY(
                SELECT id FROM track_plays WHERE id = ANY(%(play_ids)s::uuid[])
                FOR UPDATE SKIP LOCKED
            ))
            RETURNING track_id
        ), counted AS (
            SELECT track_id, count(*) AS plays FROM deleted GROUP BY track_id
        ), noted AS (
            UPDATE tracks SET pruned_play_count = pruned_play_count + counted.plays
            FROM counted WHERE tracks.id = counted.track_id
        )
        SELECT count(*) FROM deleted
        """,
        play_ids=[play_id for _, play_id, track_id in old if track_id in locked],
    )
    return PrunedPlays(deleted, Place(*old[-1][:2]) if len(old) == limit else None)


def count_old_plays(*, older_than: timedelta) -> int:
    """Return how many plays prune_plays() would delete."""
    (count,) = fetch_one(f"SELECT count(*) FROM track_plays WHERE {_OLD}", older_than=older_than)
    return int(count)
