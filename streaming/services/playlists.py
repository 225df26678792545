"""
Editing a playlist: its tracks and their order, and whether it is deleted.

Each call locks the playlist first, so that edits of one playlist come one after the other: its
positions stay 0 … n-1 without holes, and its `track_count` n, whatever happens at once. Rows may be
updated in any order, since the unique positions are checked at COMMIT.

Positions and orders that are arguments are those of the tracks that the actor sees, counted from 0.
A soft-deleted track has its place in the playlist too, and so has another's private one; but nobody
who edits the playlist sees it, and it does not count.

Only live and active users do anything, or NotAllowed is raised.
"""

from collections.abc import Sequence
from uuid import UUID

from accounts.locks import lock_users_shared
from streaming.models import PlaylistPermission
from streaming.services.access import (
    IS_SEEN,
    lock_playlist,
    lock_track_shared,
    rights_on,
)
from veza_site.transactions import (
    Conflict,
    Invalid,
    NotFound,
    Taken,
    check_number,
    execute,
    fetch_one,
    fetch_row,
    in_transaction,
)


@in_transaction()
def add_track(*, playlist_id: UUID, track_id: UUID, actor_id: UUID) -> None:
    """
    Add a live track to the end of a playlist.

    Inserts into playlist_tracks and adds 1 to track_count.

    Locks: the actor and the track (FOR KEY SHARE), then the playlist.

    Statements: 6.

    Raises NotFound, NotAllowed without the permission to write, and Conflict if the playlist
    already has the track.
    """
    lock_users_shared(actor_id)
    lock_track_shared(track_id, actor_id)
    _open(playlist_id, actor_id)
    added = execute(
        """
        INSERT INTO playlist_tracks (playlist_id, track_id, added_by_id, position)
        SELECT %(playlist_id)s, %(track_id)s, %(actor_id)s, coalesce(max(position) + 1, 0)
        FROM playlist_tracks
        WHERE playlist_id = %(playlist_id)s
        ON CONFLICT (playlist_id, track_id) DO NOTHING
        """,
        playlist_id=playlist_id,
        track_id=track_id,
        actor_id=actor_id,
    )
    _count_added(playlist_id, track_id, added)


@in_transaction()
def insert_track(*, playlist_id: UUID, track_id: UUID, position: int, actor_id: UUID) -> None:
    """
    Insert a live track at a position of a playlist, 0 … n; the tracks from there on move down.

    n is how many of its tracks the actor sees. Inserts into playlist_tracks, changes the positions
    after it, and adds 1 to track_count.

    Locks: the actor and the track (FOR KEY SHARE), then the playlist.

    Statements: 8.

    Raises NotFound, NotAllowed without the permission to write, Invalid for another position, and
    Conflict if the playlist already has the track.
    """
    check_number("The position", position)
    lock_users_shared(actor_id)
    lock_track_shared(track_id, actor_id)
    _open(playlist_id, actor_id)
    place = _find_place(playlist_id, actor_id, position, or_end=True)
    added = execute(
        """
        INSERT INTO playlist_tracks (playlist_id, track_id, added_by_id, position)
        VALUES (%(playlist_id)s, %(track_id)s, %(actor_id)s, %(place)s)
        ON CONFLICT (playlist_id, track_id) DO NOTHING
        """,
        playlist_id=playlist_id,
        track_id=track_id,
        actor_id=actor_id,
        place=place,
    )
    _count_added(playlist_id, track_id, added)
    execute(
        """
        UPDATE playlist_tracks SET position = position + 1
        WHERE playlist_id = %(playlist_id)s AND position >= %(place)s
            AND track_id <> %(track_id)s
        """,
        playlist_id=playlist_id,
        track_id=track_id,
        place=place,
    )


@in_transaction()
def move_track(*, playlist_id: UUID, track_id: UUID, position: int, actor_id: UUID) -> None:
    """
    Move a track of a playlist to a position, 0 … n-1; only the tracks between make room.

    n is how many of its tracks the actor sees. Changes positions in playlist_tracks.

    Locks: the actor (FOR KEY SHARE), then the playlist.

    Statements: 5.

    Raises NotFound, also for a track that isn't in the playlist; NotAllowed without the permission
    to write; Invalid for another position.
    """
    check_number("The position", position)
    lock_users_shared(actor_id)
    _open(playlist_id, actor_id)
    place = _find_place(playlist_id, actor_id, position)
    # MATERIALIZED looks the track up once, whatever the planner thinks of the two indexes.
    moved = execute(
        """
        WITH moved AS MATERIALIZED (
            SELECT position FROM playlist_tracks
            WHERE playlist_id = %(playlist_id)s AND track_id = %(track_id)s
        )
        UPDATE playlist_tracks
        SET position = CASE
            WHEN playlist_tracks.track_id = %(track_id)s THEN %(place)s
            WHEN playlist_tracks.position > moved.position THEN playlist_tracks.position - 1
            ELSE playlist_tracks.position + 1
        END
        FROM moved
        WHERE playlist_tracks.playlist_id = %(playlist_id)s
            AND playlist_tracks.position
                BETWEEN least(moved.position, %(place)s)
                AND greatest(moved.position, %(place)s)
        """,
        playlist_id=playlist_id,
        track_id=track_id,
        place=place,
    )
    if not moved:
        raise NotFound(f"Playlist {playlist_id} has no track {track_id}.")


@in_transaction()
def remove_track(*, playlist_id: UUID, track_id: UUID, actor_id: UUID) -> None:
    """
    Remove a track, live or deleted, from a playlist; those after it close the gap.

    Deletes from playlist_tracks, changes the positions after it, and takes 1 from track_count.

    Locks: the actor (FOR KEY SHARE), then the playlist.

    Statements: 6.

    Raises NotFound, also for a track that isn't in the playlist, and NotAllowed without the
    permission to write.
    """
    lock_users_shared(actor_id)
    _open(playlist_id, actor_id)
    removed = fetch_row(
        """
        DELETE FROM playlist_tracks
        WHERE playlist_id = %(playlist_id)s AND track_id = %(track_id)s
        RETURNING position
        """,
        playlist_id=playlist_id,
        track_id=track_id,
    )
    if removed is None:
        raise NotFound(f"Playlist {playlist_id} has no track {track_id}.")
    execute(
        """
        UPDATE playlist_tracks SET position = position - 1
        WHERE playlist_id = %(playlist_id)s AND position > %(position)s
        """,
        playlist_id=playlist_id,
        position=removed[0],
    )
    execute(
        """
        UPDATE playlists SET track_count = greatest(track_count - 1, 0)
        WHERE id = %(playlist_id)s
        """,
        playlist_id=playlist_id,
    )


@in_transaction()
def reorder_tracks(*, playlist_id: UUID, track_ids: Sequence[UUID], actor_id: UUID) -> None:
    """
    Put the tracks of a playlist into the order of `track_ids`.

    It names each track that the actor sees. A hidden one keeps its place, unless it is named too.
    Changes the positions that differ in playlist_tracks.

    Locks: the actor (FOR KEY SHARE), then the playlist.

    Statements: 5.

    Raises NotFound, NotAllowed without the permission to write, and Conflict if `track_ids` isn't
    each of these tracks once: somebody else has changed the playlist meanwhile.
    """
    lock_users_shared(actor_id)
    _open(playlist_id, actor_id)
    # IN in an expression, and not in a join or in WHERE, is looked up in a hash table, however few
    # tracks the planner expects.
    complete, places = fetch_one(
        f"""
        SELECT
            count(*) FILTER (WHERE is_named) = cardinality(%(track_ids)s::uuid[])
                AND count(*) FILTER (WHERE is_seen AND NOT is_named) = 0,
            array_agg(position ORDER BY position) FILTER (WHERE is_named)
        FROM (
            SELECT
                playlist_tracks.position,
                playlist_tracks.track_id IN (SELECT unnest(%(track_ids)s::uuid[])) AS is_named,
                {IS_SEEN} AS is_seen
            FROM playlist_tracks
            JOIN tracks ON tracks.id = playlist_tracks.track_id
            WHERE playlist_tracks.playlist_id = %(playlist_id)s
        ) AS listed
        """,
        playlist_id=playlist_id,
        actor_id=actor_id,
        track_ids=list(track_ids),
    )
    if not complete:
        raise Conflict(f"The new order must have each track of playlist {playlist_id} once.")
    # OFFSET 0 lets it look each track up: a join might compare all of them with all.
    execute(
        """
        UPDATE playlist_tracks
        SET position = misplaced.place
        FROM unnest(%(track_ids)s::uuid[], %(places)s::integer[]) AS wanted (track_id, place)
        CROSS JOIN LATERAL (
            SELECT id, wanted.place FROM playlist_tracks
            WHERE playlist_id = %(playlist_id)s
                AND track_id = wanted.track_id
                AND position <> wanted.place
            OFFSET 0
        ) AS misplaced
        WHERE playlist_tracks.id = misplaced.id
        """,
        playlist_id=playlist_id,
        track_ids=list(track_ids),
        places=places or [],
    )


@in_transaction()
def delete_playlist(*, playlist_id: UUID, actor_id: UUID, as_staff: bool = False) -> None:
    """
    Soft-delete a playlist; its tracks, collaborators and followers stay with it.

    Only the owner may, unless `as_staff` says that the caller has checked that the actor is one of
    the staff who may. Sets deleted_at, which frees the slug.

    Locks: the actor (FOR KEY SHARE), then the playlist.

    Statements: 4.

    Raises NotFound, also for one that is already deleted, and NotAllowed.
    """
    lock_users_shared(actor_id)
    lock_playlist(playlist_id)
    rights = rights_on(playlist_id, actor_id)
    if not as_staff:
        rights.require_owner()
    execute(
        "UPDATE playlists SET deleted_at = CURRENT_TIMESTAMP WHERE id = %(playlist_id)s",
        playlist_id=playlist_id,
    )


def restore_playlist(*, playlist_id: UUID, actor_id: UUID, as_staff: bool = False) -> None:
    """
    Restore a soft-deleted playlist, with the tracks, collaborators and followers that it had.

    `as_staff` is as in delete_playlist(). Clears deleted_at.

    Locks: as delete_playlist().

    Statements: 4.

    Raises NotFound, also for one that is not deleted; NotAllowed; Conflict if a live playlist has
    taken the slug.
    """
    try:
        with in_transaction():
            lock_users_shared(actor_id)
            lock_playlist(playlist_id, deleted=True)
            rights = rights_on(playlist_id, actor_id)
            if not as_staff:
                rights.require_owner()
            execute(
                "UPDATE playlists SET deleted_at = NULL WHERE id = %(playlist_id)s",
                playlist_id=playlist_id,
            )
    except Taken as error:
        raise Conflict(f"Another playlist has the slug of playlist {playlist_id} now.") from error


def _open(playlist_id: UUID, actor_id: UUID) -> None:
    """Lock a live playlist that the actor may write."""
    lock_playlist(playlist_id)
    rights_on(playlist_id, actor_id).require(PlaylistPermission.WRITE)


def _find_place(playlist_id: UUID, actor_id: UUID, position: int, *, or_end: bool = False) -> int:
    """
    Return the stored position of the track that the actor sees at `position`.

    `or_end` allows one more, for which it is the end of the playlist, behind hidden tracks.

    Raises Invalid for a position at which there is none.
    """
    seen, place, end = fetch_one(
        f"""
        SELECT
            count(*),
            max(position) FILTER (WHERE number = %(position)s),
            (
                SELECT coalesce(max(position) + 1, 0) FROM playlist_tracks
                WHERE playlist_id = %(playlist_id)s
            )
        FROM (
            SELECT
                playlist_tracks.position,
                row_number() OVER (ORDER BY playlist_tracks.position) - 1 AS number
            FROM playlist_tracks
            JOIN tracks ON tracks.id = playlist_tracks.track_id
            WHERE playlist_tracks.playlist_id = %(playlist_id)s
                AND {IS_SEEN}
            ORDER BY playlist_tracks.position
            LIMIT %(position)s::bigint + 1
        ) AS seen
        """,
        playlist_id=playlist_id,
        actor_id=actor_id,
        position=position,
    )
    if place is not None:
        return int(place)
    if or_end and position == seen:
        return int(end)
    last = seen if or_end else seen - 1
    raise Invalid(f"A position in playlist {playlist_id} must be 0 to {last}, not {position}.")


def _count_added(playlist_id: UUID, track_id: UUID, added: int) -> None:
    """Count the track that was added to a playlist; Conflict if none was: it had the track."""
    if not added:
        raise Conflict(f"Playlist {playlist_id} already has track {track_id}.")
    execute(
        "UPDATE playlists SET track_count = track_count + 1 WHERE id = %(playlist_id)s",
        playlist_id=playlist_id,
    )
