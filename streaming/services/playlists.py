"""
Editing a playlist: its tracks and their order, and whether it is deleted.

Each locks the playlist first, so that edits of one playlist come one after the other; then its
positions are 0 … n-1 without holes and its `track_count` is n, whatever happens at once. The order
of the updated rows does not matter to the unique positions: they are checked at COMMIT.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.locks import lock_users_shared
from streaming.models import PlaylistPermission
from streaming.services.access import Rights, lock_playlist, lock_track_shared, rights_on
from veza_site.transactions import Conflict, Invalid, NotFound, execute, fetch_row


@transaction.atomic
def add_track(*, playlist_id: UUID, track_id: UUID, actor_id: UUID) -> None:
    """
    Add a live track to the end of a playlist.

    Locks the actor and the track (FOR KEY SHARE), then the playlist. Inserts into playlist_tracks
    and adds 1 to track_count.

    Raises NotFound, NotAllowed without the permission to write, and Conflict where the playlist
    has the track already.

    Statements: 6.
    """
    lock_users_shared(actor_id)
    lock_track_shared(track_id)
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


@transaction.atomic
def insert_track(*, playlist_id: UUID, track_id: UUID, position: int, actor_id: UUID) -> None:
    """
    Insert a live track at a position of a playlist, 0 … n; the tracks from there on move down.

    Locks the actor and the track (FOR KEY SHARE), then the playlist. Inserts into playlist_tracks,
    moves the tracks behind, and adds 1 to track_count.

    Raises NotFound, NotAllowed without the permission to write, Invalid for another position, and
    Conflict where the playlist has the track already.

    Statements: 7.
    """
    lock_users_shared(actor_id)
    lock_track_shared(track_id)
    rights = _open(playlist_id, actor_id)
    _check_position(rights, position, last=rights.track_count)
    execute(
        """
        UPDATE playlist_tracks SET position = position + 1
        WHERE playlist_id = %(playlist_id)s AND position >= %(position)s
        """,
        playlist_id=playlist_id,
        position=position,
    )
    added = execute(
        """
        INSERT INTO playlist_tracks (playlist_id, track_id, added_by_id, position)
        VALUES (%(playlist_id)s, %(track_id)s, %(actor_id)s, %(position)s)
        ON CONFLICT (playlist_id, track_id) DO NOTHING
        """,
        playlist_id=playlist_id,
        track_id=track_id,
        actor_id=actor_id,
        position=position,
    )
    _count_added(playlist_id, track_id, added)


@transaction.atomic
def move_track(*, playlist_id: UUID, track_id: UUID, position: int, actor_id: UUID) -> None:
    """
    Move a track of a playlist to a position, 0 … n-1; only those between make room.

    Locks the actor (FOR KEY SHARE), then the playlist. Changes positions in playlist_tracks.

    Raises NotFound, also for a track that the playlist hasn't; NotAllowed without the permission to
    write; Invalid for another position.

    Statements: 4.
    """
    lock_users_shared(actor_id)
    rights = _open(playlist_id, actor_id)
    _check_position(rights, position, last=rights.track_count - 1)
    moved = execute(
        """
        UPDATE playlist_tracks
        SET position = CASE
            WHEN playlist_tracks.track_id = %(track_id)s THEN %(position)s
            WHEN playlist_tracks.position > moved.position THEN playlist_tracks.position - 1
            ELSE playlist_tracks.position + 1
        END
        FROM playlist_tracks AS moved
        WHERE moved.playlist_id = %(playlist_id)s
            AND moved.track_id = %(track_id)s
            AND playlist_tracks.playlist_id = %(playlist_id)s
            AND playlist_tracks.position
                BETWEEN least(moved.position, %(position)s)
                AND greatest(moved.position, %(position)s)
        """,
        playlist_id=playlist_id,
        track_id=track_id,
        position=position,
    )
    if not moved:
        raise NotFound(f"Playlist {playlist_id} has no track {track_id}.")


@transaction.atomic
def remove_track(*, playlist_id: UUID, track_id: UUID, actor_id: UUID) -> None:
    """
    Remove a track, live or deleted, from a playlist; those behind it close the gap.

    Locks the actor (FOR KEY SHARE), then the playlist. Deletes from playlist_tracks, moves the
    tracks behind, and takes 1 from track_count.

    Raises NotFound, also for a track that the playlist hasn't, and NotAllowed without the
    permission to write.

    Statements: 6.
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
        "UPDATE playlists SET track_count = track_count - 1 WHERE id = %(playlist_id)s",
        playlist_id=playlist_id,
    )


@transaction.atomic
def reorder_tracks(*, playlist_id: UUID, track_ids: Sequence[UUID], actor_id: UUID) -> None:
    """
    Put all tracks of a playlist into the order of `track_ids`.

    Locks the actor (FOR KEY SHARE), then the playlist. Changes the positions that differ in
    playlist_tracks.

    Raises NotFound, NotAllowed without the permission to write, and Conflict where `track_ids`
    isn't each track of the playlist once: somebody else has changed it meanwhile.

    Statements: 5.
    """
    lock_users_shared(actor_id)
    _open(playlist_id, actor_id)
    (complete,) = fetch_row(
        """
        SELECT count(*) = cardinality(%(track_ids)s::uuid[])
            AND count(*) = count(*) FILTER (WHERE track_id = ANY(%(track_ids)s::uuid[]))
        FROM playlist_tracks
        WHERE playlist_id = %(playlist_id)s
        """,
        playlist_id=playlist_id,
        track_ids=list(track_ids),
    )
    if not complete:
        raise Conflict(f"The tracks are not those of playlist {playlist_id}, each once.")
    execute(
        """
        UPDATE playlist_tracks
        SET position = wanted.number - 1
        FROM unnest(%(track_ids)s::uuid[]) WITH ORDINALITY AS wanted (track_id, number)
        WHERE playlist_tracks.playlist_id = %(playlist_id)s
            AND playlist_tracks.track_id = wanted.track_id
            AND playlist_tracks.position <> wanted.number - 1
        """,
        playlist_id=playlist_id,
        track_ids=list(track_ids),
    )


@transaction.atomic
def delete_playlist(*, playlist_id: UUID, actor_id: UUID, as_staff: bool = False) -> None:
    """
    Soft-delete a playlist; its tracks, collaborators and followers stay with it.

    `as_staff` says that the caller has found the actor to be one of the platform's staff who may;
    otherwise only the owner may. Locks the actor (FOR KEY SHARE), then the playlist. Sets
    deleted_at, which frees the slug.

    Raises NotFound, also for one that is deleted already, and NotAllowed.

    Statements: 4.
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

    `as_staff` and the locks are those of `delete_playlist`. Clears deleted_at.

    Raises NotFound, also for one that is not deleted; NotAllowed; Conflict where a live playlist
    has taken the slug.

    Statements: 4.
    """
    try:
        with transaction.atomic():
            lock_users_shared(actor_id)
            lock_playlist(playlist_id, deleted=True)
            rights = rights_on(playlist_id, actor_id)
            if not as_staff:
                rights.require_owner()
            execute(
                "UPDATE playlists SET deleted_at = NULL WHERE id = %(playlist_id)s",
                playlist_id=playlist_id,
            )
    except IntegrityError as error:
        raise Conflict(f"Another playlist has the slug of playlist {playlist_id} now.") from error


def _open(playlist_id: UUID, actor_id: UUID) -> Rights:
    """Lock a live playlist that the actor may write, and return the rights."""
    lock_playlist(playlist_id)
    rights = rights_on(playlist_id, actor_id)
    rights.require(PlaylistPermission.WRITE)
    return rights


def _check_position(rights: Rights, position: int, *, last: int) -> None:
    if not 0 <= position <= last:
        raise Invalid(f"Playlist {rights.playlist_id} has positions 0 to {last}, not {position}.")


def _count_added(playlist_id: UUID, track_id: UUID, added: int) -> None:
    if not added:
        raise Conflict(f"Playlist {playlist_id} has track {track_id} already.")
    execute(
        "UPDATE playlists SET track_count = track_count + 1 WHERE id = %(playlist_id)s",
        playlist_id=playlist_id,
    )
