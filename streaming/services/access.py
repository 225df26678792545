"""The locks on tracks and playlists that streaming's transactions start with, and the rights."""

from dataclasses import dataclass
from uuid import UUID

from streaming.models import PlaylistPermission
from veza_site.transactions import NotAllowed, NotFound, fetch_row

ASCENDING = list(PlaylistPermission)


def lock_track_shared(track_id: UUID) -> None:
    """
    See to it that a live track is not deleted for good until the transaction ends.

    FOR KEY SHARE.

    Sends one statement. Raises NotFound.
    """
    if not fetch_row(
        "SELECT id FROM tracks WHERE id = %(track_id)s AND deleted_at IS NULL FOR KEY SHARE",
        track_id=track_id,
    ):
        raise NotFound(f"There is no track {track_id}.")


def lock_track(track_id: UUID, *, even_deleted: bool = False) -> UUID:
    """
    Lock a live track, or also a deleted one, before its children and counters change.

    FOR NO KEY UPDATE. Sends one statement. Returns its creator's id. Raises NotFound.
    """
    track = fetch_row(
        f"""
        SELECT creator_id FROM tracks
        WHERE id = %(track_id)s{"" if even_deleted else " AND deleted_at IS NULL"}
        FOR NO KEY UPDATE
        """,
        track_id=track_id,
    )
    if track is None:
        raise NotFound(f"There is no track {track_id}.")
    return track[0]


@dataclass(frozen=True)
class Rights:
    """
    What a user may do with a playlist: the owner everything, a collaborator who accepted the
    invitation what its permission says, everyone else read what is public.
    """

    playlist_id: UUID
    user_id: UUID
    is_owner: bool
    permission: PlaylistPermission | None
    title: str
    track_count: int

    def require(self, needed: PlaylistPermission) -> None:
        """Raise NotFound for one who may not even read, NotAllowed for one who lacks the right."""
        if self.permission is None:
            raise NotFound(f"There is no playlist {self.playlist_id}.")
        if ASCENDING.index(self.permission) < ASCENDING.index(needed):
            raise NotAllowed(
                f"User {self.user_id} has no {needed} permission on playlist {self.playlist_id}."
            )

    def require_owner(self) -> None:
        """Raise NotFound for one who may not even read, NotAllowed for one who isn't the owner."""
        self.require(PlaylistPermission.READ)
        if not self.is_owner:
            raise NotAllowed(f"Playlist {self.playlist_id} is not user {self.user_id}'s own.")


def lock_playlist(playlist_id: UUID, *, deleted: bool = False) -> None:
    """
    Lock a live playlist, or a `deleted` one, before it or its children change.

    FOR NO KEY UPDATE: one transaction at a time changes a playlist. Sends one statement. Raises
    NotFound.
    """
    if not fetch_row(
        f"""
        SELECT id FROM playlists
        WHERE id = %(playlist_id)s AND deleted_at IS {"NOT NULL" if deleted else "NULL"}
        FOR NO KEY UPDATE
        """,
        playlist_id=playlist_id,
    ):
        which = "deleted playlist" if deleted else "playlist"
        raise NotFound(f"There is no {which} {playlist_id}.")


def rights_on(playlist_id: UUID, user_id: UUID) -> Rights:
    """
    Return what a user may do with a playlist, live or deleted.

    Sends one statement; after `lock_playlist`, since an invitation may have changed while that
    waited. Raises NotFound.
    """
    row = fetch_row(
        """
        SELECT
            playlists.owner_id = %(user_id)s,
            CASE
                WHEN playlists.owner_id = %(user_id)s THEN 'admin'
                WHEN playlist_collaborators.permission IS NOT NULL
                    THEN playlist_collaborators.permission
                WHEN playlists.is_public THEN 'read'
            END,
            playlists.title,
            playlists.track_count
        FROM playlists
        LEFT JOIN playlist_collaborators
            ON playlist_collaborators.playlist_id = playlists.id
            AND playlist_collaborators.user_id = %(user_id)s
            AND playlist_collaborators.accepted_at IS NOT NULL
        WHERE playlists.id = %(playlist_id)s
        """,
        playlist_id=playlist_id,
        user_id=user_id,
    )
    if row is None:
        raise NotFound(f"There is no playlist {playlist_id}.")
    is_owner, permission, title, track_count = row
    return Rights(
        playlist_id=playlist_id,
        user_id=user_id,
        is_owner=is_owner,
        permission=permission and PlaylistPermission(permission),
        title=title,
        track_count=track_count,
    )
