"""Duplicating a playlist."""

from uuid import UUID

from django.utils.text import slugify

from accounts.locks import lock_users_shared
from streaming.models import PlaylistPermission
from streaming.services.access import IS_SEEN, rights_on
from veza_site.transactions import Conflict, NotFound, execute, fetch_row, in_transaction

SLUG_LENGTH = 255
SUFFIX_LENGTH = 1 + 32  # a hyphen and the hexadecimal digits of a UUID


@in_transaction()
def duplicate_playlist(*, playlist_id: UUID, actor_id: UUID, copy_id: UUID | None = None) -> UUID:
    """
    Copy a playlist, for anyone who may read it.

    The copy belongs to the actor and is private. It has the tracks that the actor sees, in their
    order, without holes, added by the actor, and none of the collaborators and followers: the
    playlist as it was at one moment. Its slug is made of the title and its own id, so that it is
    free even if others copy the playlist at once. Inserts into playlists and playlist_tracks.

    With a `copy_id`, a new UUID that the caller has made, the call can be repeated with the same
    arguments: it copies once, and later edits of the copy stay.

    Locks: the actor, the tracks that are copied in the order of their ids, then the playlist (all
    FOR KEY SHARE): nobody who edits or plays waits.

    Statements: 5; 4 where the copy is there.

    Returns the copy's id.

    Raises NotFound; NotAllowed for an actor who is not active; Conflict if another playlist has the
    id.
    """
    lock_users_shared(actor_id)
    rights = rights_on(playlist_id, actor_id)
    rights.require(PlaylistPermission.READ)
    base = slugify(rights.title)[: SLUG_LENGTH - SUFFIX_LENGTH].strip("-") or "playlist"
    copy = fetch_row(
        """
        WITH made AS (SELECT coalesce(%(copy_id)s::uuid, gen_random_uuid()) AS id)
        INSERT INTO playlists (id, owner_id, title, slug, description, cover_url)
        SELECT
            made.id,
            %(actor_id)s,
            source.title,
            %(base)s || '-' || replace(made.id::text, '-', ''),
            source.description,
            source.cover_url
        FROM made, playlists AS source
        WHERE source.id = %(playlist_id)s AND source.deleted_at IS NULL
        ON CONFLICT (id) DO NOTHING
        RETURNING id
        """,
        playlist_id=playlist_id,
        actor_id=actor_id,
        copy_id=copy_id,
        base=base,
    )
    if copy is None:
        return _same_copy(copy_id, playlist_id, actor_id)
    made_id: UUID = copy[0]
    # This locks the tracks before it inserts the first row: the foreign key would lock them in the
    # playlist's order.
    copied = execute(
        f"""
        WITH seen AS MATERIALIZED (
            SELECT tracks.id, playlist_tracks.position
            FROM playlist_tracks
            JOIN tracks ON tracks.id = playlist_tracks.track_id
            WHERE playlist_tracks.playlist_id = %(playlist_id)s
                AND {IS_SEEN}
            ORDER BY tracks.id
            FOR KEY SHARE OF tracks
        )
        INSERT INTO playlist_tracks (playlist_id, track_id, added_by_id, position)
        SELECT %(copy_id)s, id, %(actor_id)s, row_number() OVER (ORDER BY position) - 1
        FROM seen
        """,
        playlist_id=playlist_id,
        copy_id=made_id,
        actor_id=actor_id,
    )
    # The source only now: it comes after the tracks in the order of locks. If it has been deleted
    # for good meanwhile, the copy points to nothing.
    execute(
        """
        UPDATE playlists
        SET track_count = %(copied)s,
            duplicated_from_id =
                (SELECT id FROM playlists WHERE id = %(playlist_id)s FOR KEY SHARE)
        WHERE id = %(copy_id)s
        """,
        playlist_id=playlist_id,
        copy_id=made_id,
        copied=copied,
    )
    return made_id


def _same_copy(copy_id: UUID | None, playlist_id: UUID, actor_id: UUID) -> UUID:
    """
    Return the id of the copy that a call before this has made, even if it is deleted by now.

    Raises NotFound if there is no playlist of that id, since then the source is gone; Conflict if
    it is another.
    """
    found = fetch_row(
        """
        SELECT owner_id = %(actor_id)s AND duplicated_from_id = %(playlist_id)s
        FROM playlists
        WHERE id = %(copy_id)s
        """,
        playlist_id=playlist_id,
        actor_id=actor_id,
        copy_id=copy_id,
    )
    if found is None or copy_id is None:
        raise NotFound(f"There is no playlist {playlist_id}.")
    if not found[0]:
        raise Conflict(f"There is another playlist {copy_id}.")
    return copy_id
