"""
Repairing the counters of tracks and playlists, and the positions in playlists, from the rows.

The services get them right. SQL that bypasses the services may not: deleting a user takes their
likes and follows along, deleting a track leaves a hole in playlists.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from veza_site.transactions import check_number, fetch_rows, in_transaction


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
    """How many rows were examined, the last one's id (None if there were none), what was off."""

    size: int
    last_id: UUID | None
    off: list[Off]


@in_transaction()
def repair_tracks(
    *, after_id: UUID | None = None, limit: int = 500, dry_run: bool = False
) -> Batch:
    """
    Set the counters of the next `limit` tracks after `after_id` to the number of their rows.

    All four counters, of deleted tracks too. `dry_run` only reports: it neither locks nor changes
    anything.

    Locks: these tracks, in the order of their ids, before it counts.

    Statements: 2.

    Returns what it found; call it again with its `last_id` until that is None.

    Raises Invalid for a limit below 1.
    """
    ids = _next_ids("tracks", after_id, limit, dry_run)
    off = fetch_rows(_COUNT_TRACKS if dry_run else _REPAIR_TRACKS, ids=ids)
    return _batch(ids, off, ["play_count", "like_count", "share_count", "comment_count"])


@in_transaction()
def repair_playlists(
    *, after_id: UUID | None = None, limit: int = 500, dry_run: bool = False
) -> Batch:
    """
    Set the counters and positions of the next `limit` playlists after `after_id`.

    As repair_tracks(): counters become the number of their rows. The positions of their tracks
    become 0 … n-1, in the order that they have.

    Locks: these playlists, in the order of their ids, before it counts.

    Statements: 3.

    Returns what it found; call it again with its `last_id` until that is None.

    Raises Invalid for a limit below 1.
    """
    ids = _next_ids("playlists", after_id, limit, dry_run)
    misplaced = fetch_rows(_COUNT_MISPLACED if dry_run else _REPAIR_POSITIONS, ids=ids)
    off = fetch_rows(_COUNT_PLAYLISTS if dry_run else _REPAIR_PLAYLISTS, ids=ids)
    batch = _batch(ids, off, ["track_count", "follower_count"])
    batch.off.extend(Off(row_id, "positions", number, 0) for row_id, number in misplaced)
    return batch


def close_holes(playlist_ids: list[UUID]) -> None:
    """
    Make the positions in locked playlists 0 … n-1, in the order that their tracks have.

    Statements: 1.
    """
    fetch_rows(_REPAIR_POSITIONS, ids=playlist_ids)


def _next_ids(table: str, after_id: UUID | None, limit: int, dry_run: bool) -> list[UUID]:
    """Return the ids of the next batch, and lock its rows unless nothing will be changed."""
    check_number("A batch", limit, least=1)
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
    return [row_id for (row_id,) in rows]


def _batch(ids: list[UUID], rows: list[tuple[Any, ...]], counters: list[str]) -> Batch:
    """Make a batch from rows of an id, then what is stored and what is counted for each counter."""
    off = [
        Off(row_id, counter, stored, counted)
        for row_id, *values in rows
        for counter, stored, counted in zip(counters, values[::2], values[1::2], strict=True)
        if stored != counted
    ]
    return Batch(size=len(ids), last_id=ids[-1] if ids else None, off=off)


# MATERIALIZED wherever an UPDATE reads from it: whatever the planner does, each row counts once.

_COUNT_TRACKS = """
    SELECT * FROM (
        SELECT
            id,
            play_count,
            pruned_play_count
                + (SELECT count(*) FROM track_plays WHERE track_id = tracks.id) AS plays,
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
