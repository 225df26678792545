"""
Repairing the counters of tracks and playlists, and the positions in playlists, from the rows.

The services keep them right; SQL that goes past the services may not (a DELETE of a user takes
likes and follows along, one of a track leaves a hole in playlists).
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from veza_site.transactions import Invalid, fetch_rows


@dataclass(frozen=True)
class Off:
    """
    A counter that was not the number of its rows.

    For the counter `positions`, `stored` is how many tracks of the playlist were out of place, and
    `counted` is 0.
    """

    id: UUID
    counter: str
    stored: int
    counted: int


@dataclass(frozen=True)
class Batch:
    """What was looked at: how many rows, the last one's id (None: there was none), what was off."""

    size: int
    last_id: UUID | None
    off: list[Off]


@transaction.atomic
def repair_tracks(
    *, after_id: UUID | None = None, limit: int = 500, dry_run: bool = False
) -> Batch:
    """
    Set the counters of the next `limit` tracks behind `after_id` to the number of their rows.

    All four counters, of deleted tracks too. Locks these tracks in the order of their ids, then
    counts. With `dry_run` it neither locks nor changes anything. Returns what it found; call it
    again with its `last_id` until that is None.

    Raises Invalid for a limit below 1.

    Statements: 2.
    """
    ids = _next_ids("tracks", after_id, limit, dry_run)
    off = fetch_rows(_COUNT_TRACKS if dry_run else _REPAIR_TRACKS, ids=ids)
    return _batch(ids, off, ["play_count", "like_count", "share_count", "comment_count"])


@transaction.atomic
def repair_playlists(
    *, after_id: UUID | None = None, limit: int = 500, dry_run: bool = False
) -> Batch:
    """
    Set the counters of the next `limit` playlists behind `after_id` to the number of their rows,
    and the positions of their tracks to 0 … n-1 in the order that they have.

    As `repair_tracks`.

    Statements: 3.
    """
    ids = _next_ids("playlists", after_id, limit, dry_run)
    misplaced = fetch_rows(_COUNT_MISPLACED if dry_run else _REPAIR_POSITIONS, ids=ids)
    off = fetch_rows(_COUNT_PLAYLISTS if dry_run else _REPAIR_PLAYLISTS, ids=ids)
    batch = _batch(ids, off, ["track_count", "follower_count"])
    batch.off.extend(Off(id, "positions", number, 0) for id, number in misplaced)
    return batch


def _next_ids(table: str, after_id: UUID | None, limit: int, dry_run: bool) -> list[UUID]:
    if limit < 1:
        raise Invalid(f"The limit is at least 1, not {limit}.")
    rows = fetch_rows(
        f"""
        SELECT id FROM {table}
        WHERE %(after_id)s::uuid IS NULL OR id > %(after_id)s::uuid
        ORDER BY id
        LIMIT %(limit)s
        {"" if dry_run else "FOR NO KEY UPDATE"}
        """,
        after_id=after_id,
        limit=limit,
    )
    return [id for (id,) in rows]


def _batch(ids: list[UUID], rows: list[tuple], counters: list[str]) -> Batch:
    """Make a batch of rows with an id, then for each counter what is stored and what is counted."""
    off = [
        Off(id, counter, stored, counted)
        for id, *values in rows
        for counter, stored, counted in zip(counters, values[::2], values[1::2], strict=True)
        if stored != counted
    ]
    return Batch(size=len(ids), last_id=ids[-1] if ids else None, off=off)


# Materialized where it is updated from: whatever the planner believes, each row is counted once.

_COUNT_TRACKS = """
    SELECT * FROM (
        SELECT
            id,
            play_count,
            (SELECT count(*) FROM track_plays WHERE track_id = tracks.id) AS plays,
            like_count,
            (SELECT count(*) FROM track_likes WHERE track_id = tracks.id) AS likes,
            share_count,
            (SELECT count(*) FROM track_shares WHERE track_id = tracks.id) AS shares,
            comment_count,
            (
                SELECT count(*) FROM track_comments
                WHERE track_id = tracks.id AND deleted_at IS NULL
            ) AS comments
        FROM tracks
        WHERE id = ANY(%(ids)s::uuid[])
    ) AS counted
    WHERE (play_count, like_count, share_count, comment_count)
        <> (plays, likes, shares, comments)
"""

_REPAIR_TRACKS = f"""
    WITH off AS MATERIALIZED ({_COUNT_TRACKS})
    UPDATE tracks
    SET play_count = plays, like_count = likes, share_count = shares, comment_count = comments
    FROM off
    WHERE tracks.id = off.id
    RETURNING off.*
"""

_COUNT_PLAYLISTS = """
    SELECT * FROM (
        SELECT
            id,
            track_count,
            (SELECT count(*) FROM playlist_tracks WHERE playlist_id = playlists.id) AS tracks,
            follower_count,
            (SELECT count(*) FROM playlist_follows WHERE playlist_id = playlists.id) AS followers
        FROM playlists
        WHERE id = ANY(%(ids)s::uuid[])
    ) AS counted
    WHERE (track_count, follower_count) <> (tracks, followers)
"""

_REPAIR_PLAYLISTS = f"""
    WITH off AS MATERIALIZED ({_COUNT_PLAYLISTS})
    UPDATE playlists
    SET track_count = tracks, follower_count = followers
    FROM off
    WHERE playlists.id = off.id
    RETURNING off.*
"""

_MISPLACED = """
    SELECT * FROM (
        SELECT
            id,
            playlist_id,
            position,
            row_number() OVER (PARTITION BY playlist_id ORDER BY position, id) - 1 AS place
        FROM playlist_tracks
        WHERE playlist_id = ANY(%(ids)s::uuid[])
    ) AS placed
    WHERE position <> place
"""

_COUNT_MISPLACED = f"""
    SELECT playlist_id, count(*) FROM ({_MISPLACED}) AS misplaced GROUP BY playlist_id
"""

_REPAIR_POSITIONS = f"""
    WITH misplaced AS MATERIALIZED ({_MISPLACED}), replaced AS (
        UPDATE playlist_tracks
        SET position = place
        FROM misplaced
        WHERE playlist_tracks.id = misplaced.id
        RETURNING playlist_tracks.playlist_id
    )
    SELECT playlist_id, count(*) FROM replaced GROUP BY playlist_id
"""
