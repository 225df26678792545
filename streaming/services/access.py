"""The locks that streaming's transactions start with, and who may do what with a playlist."""

from dataclasses import dataclass
from uuid import UUID

from streaming.models import PlaylistPermission
from veza_site.transactions import NotAllowed, NotFound, fetch_row

ASCENDING = list(PlaylistPermission)

# Whether the user %(actor_id)s sees the track `tracks`: a private one only its creator does.
IS_SEEN = "tracks.deleted_at IS NULL AND (tracks.is_public OR tracks.creator_id = %(actor_id)s)"


def lock_track_shared(track_id: UUID, actor_id: UUID) -> None:
    """
    Lock a track that the actor sees, so that it is not deleted for good before the end.

    Locks: the track FOR KEY SHARE.

    Statements: 1.

    Raises NotFound.
    """
    if not fetch_row(
        f"""
        SELECT id FROM tracks
        WHERE id = %(track_id)s
            AND {IS_SEEN}
        FOR KEY SHARE
        """,
        track_id=track_id,
        actor_id=actor_id,
    ):
        raise NotFound(f"There is no track {track_id}.")


@dataclass(frozen=True)
class LockedTrack:
    """A track that is locked. If it is private, it is there for its creator alone."""

    track_id: UUID
    creator_id: UUID
    is_public: bool

    def require_seen_by(self, user_id: UUID) -> None:
        """Raise NotFound if it is not for this user to see."""
        if not self.is_public and self.creator_id != user_id:
            raise NotFound(f"There is no track {self.track_id}.")


def lock_track(track_id: UUID, *, even_deleted: bool = False) -> LockedTrack:
    """
    Lock a track before its children and counters change: a live one, or `even_deleted`.

    A private one, too: see LockedTrack.require_seen_by().

    Locks: the track FOR NO KEY UPDATE.

    Statements: 1.

    Raises NotFound.
    """
    track = fetch_row(
        f"""
        SELECT creator_id, is_public FROM tracks
        WHERE id = %(track_id)s{"" if even_deleted else " AND deleted_at IS NULL"}
        FOR NO KEY UPDATE
        """,
        track_id=track_id,
    )
    if track is None:
        raise NotFound(f"There is no track {track_id}.")
    creator_id, is_public = track
    return LockedTrack(track_id, creator_id, is_public)


@dataclass(frozen=True)
class Rights:
    """
    What a user may do with a playlist.

    The owner may do everything, a collaborator who has accepted the invitation what its permission
    says, and everyone may read what is public.
    """

    playlist_id: UUID
    user_id: UUID
    is_owner: bool
    permission: PlaylistPermission | None
    title: str

    def require(self, needed: PlaylistPermission) -> None:
        """Raise NotFound if the user may not even read, NotAllowed if they lack the right."""
        if self.permission is None:
            raise NotFound(f"There is no playlist {self.playlist_id}.")
        if ASCENDING.index(self.permission) < ASCENDING.index(needed):
            raise NotAllowed(
                f"User {self.user_id} has no {needed} permission on playlist {self.playlist_id}."
            )

    def require_owner(self) -> None:
        """Raise NotFound if the user may not even read, NotAllowed if they aren't the owner."""
        self.require(PlaylistPermission.READ)
        if not self.is_owner:
            raise NotAllowed(f"Playlist {self.playlist_id} is not user {self.user_id}'s own.")


def lock_playlist(playlist_id: UUID, *, deleted: bool = False) -> None:
    """
    Lock a playlist, a live or a `deleted` one, before it or its children change.

    Locks: the playlist FOR NO KEY UPDATE, so that one transaction at a time changes it.

    Statements: 1.

    Raises NotFound.
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

    Call it after lock_playlist(): an invitation may change while that waits.

    Statements: 1.

    Raises NotFound.
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
            playlists.title
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
    is_owner, permission, title = row
    return Rights(
        playlist_id=playlist_id,
        user_id=user_id,
        is_owner=is_owner,
        permission=PlaylistPermission(permission) if permission else None,
        title=title,
    )
