"""How rows are deleted that a track or a playlist counts, see veza_site.erasing."""

from functools import partial
from uuid import UUID

from streaming.services.counters import close_holes
from veza_site.erasing import Deleter
from veza_site.transactions import fetch_one, fetch_rows


def _delete_counted(
    rows: list[UUID], *, table: str, column: str, counting: str, counter: str
) -> int:
    """Delete rows, and take them from the counter of the rows of `counting` that count them."""
    _lock(counting, table, column, rows)
    (deleted,) = fetch_one(
        f"""
        WITH deleted AS (
            DELETE FROM {table} WHERE id = ANY(%(rows)s) RETURNING {column} AS id
        ), counted AS (
            SELECT id, count(*) AS number FROM deleted GROUP BY id
        ), updated AS (
            UPDATE {counting} SET {counter} = GREATEST({counter} - counted.number, 0)
            FROM counted WHERE {counting}.id = counted.id
        )
        SELECT count(*) FROM deleted
        """,
        rows=rows,
    )
    return int(deleted)


def _delete_comments(rows: list[UUID]) -> int:
    """Delete comments, with the replies that have come since theirs were deleted."""
    _lock("tracks", "track_comments", "track_id", rows)
    (deleted,) = fetch_one(
        """
        WITH RECURSIVE thread AS (
            SELECT id FROM track_comments WHERE id = ANY(%(rows)s)
            UNION
            SELECT reply.id FROM thread JOIN track_comments AS reply ON parent_id = thread.id
        ), deleted AS (
            DELETE FROM track_comments WHERE id IN (SELECT id FROM thread)
            RETURNING track_id, deleted_at
        ), counted AS (
            SELECT track_id, count(*) AS number FROM deleted
            WHERE deleted_at IS NULL GROUP BY track_id
        ), updated AS (
            UPDATE tracks SET comment_count = GREATEST(comment_count - counted.number, 0)
            FROM counted WHERE tracks.id = counted.track_id
        )
        SELECT count(*) FROM deleted
        """,
        rows=rows,
    )
    return int(deleted)


def _delete_playlist_tracks(rows: list[UUID]) -> int:
    """Take tracks out of playlists, and close the holes."""
    playlists = _lock("playlists", "playlist_tracks", "playlist_id", rows)
    (deleted,) = fetch_one(
        """
        WITH deleted AS (
            DELETE FROM playlist_tracks WHERE id = ANY(%(rows)s) RETURNING playlist_id
        ), counted AS (
            SELECT playlist_id, count(*) AS number FROM deleted GROUP BY playlist_id
        ), updated AS (
            UPDATE playlists SET track_count = GREATEST(track_count - counted.number, 0)
            FROM counted WHERE playlists.id = counted.playlist_id
        )
        SELECT count(*) FROM deleted
        """,
        rows=rows,
    )
    close_holes(playlists)
    return int(deleted)


def _lock(counting: str, table: str, column: str, rows: list[UUID]) -> list[UUID]:
    """Lock what counts the rows, in the order of the ids, and return these."""
    found = fetch_rows(
        f"""
        SELECT id FROM {counting}
        WHERE id IN (SELECT {column} FROM {table} WHERE id = ANY(%(rows)s))
        ORDER BY id
        FOR NO KEY UPDATE
        """,
        rows=rows,
    )
    return [row_id for (row_id,) in found]


def _counted(table: str, column: str, counting: str, counter: str) -> Deleter:
    delete = partial(
        _delete_counted, table=table, column=column, counting=counting, counter=counter
    )
    return Deleter(delete, order=column)


DELETERS = {
    # Those of the user's own tracks, which go last.
    "track_plays": _counted("track_plays", "track_id", "tracks", "play_count"),
    "track_shares": _counted("track_shares", "track_id", "tracks", "share_count"),
    "track_likes": _counted("track_likes", "track_id", "tracks", "like_count"),
    "track_comments": Deleter(_delete_comments, order="track_id"),
    "playlist_follows": _counted("playlist_follows", "playlist_id", "playlists", "follower_count"),
    # From the end of each playlist, so that one that goes altogether never has a hole.
    "playlist_tracks": Deleter(_delete_playlist_tracks, order="playlist_id, position DESC"),
}
