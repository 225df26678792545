"""Who works on a playlist beside its owner."""

from uuid import UUID

from accounts.locks import lock_users_shared
from streaming.models import PlaylistPermission
from streaming.services.access import lock_playlist, rights_on
from veza_site.transactions import Conflict, Invalid, NotFound, execute, in_transaction


@in_transaction()
def invite_collaborator(
    *, playlist_id: UUID, user_id: UUID, permission: PlaylistPermission, actor_id: UUID
) -> None:
    """
    Invite a user to a playlist, or change the permission of one who is invited or works on it.

    An invitation counts once it is accepted; a changed permission counts at once. Inserts or
    updates playlist_collaborators.

    Locks: actor and user (FOR KEY SHARE, in the order of their ids), then the playlist.

    Statements: 4.

    Raises NotFound; NotAllowed without the admin permission, and for an actor who is not active;
    Invalid for a permission that doesn't exist; Conflict for the owner, who needs none.
    """
    if permission not in PlaylistPermission.values:
        known = ", ".join(PlaylistPermission.values)
        raise Invalid(f"A permission must be one of {known}, not {permission!r}.")
    lock_users_shared(actor_id, passive=[user_id])
    lock_playlist(playlist_id)
    rights_on(playlist_id, actor_id).require(PlaylistPermission.ADMIN)
    invited = execute(
        """
        INSERT INTO playlist_collaborators (playlist_id, user_id, invited_by_id, permission)
        SELECT id, %(user_id)s, %(actor_id)s, %(permission)s::playlist_permission
        FROM playlists
        WHERE id = %(playlist_id)s AND owner_id <> %(user_id)s
        ON CONFLICT (playlist_id, user_id) DO UPDATE SET permission = excluded.permission
        """,
        playlist_id=playlist_id,
        user_id=user_id,
        actor_id=actor_id,
        permission=str(permission),
    )
    if not invited:
        raise Conflict(f"User {user_id} owns playlist {playlist_id}.")


@in_transaction()
def accept_invitation(*, playlist_id: UUID, user_id: UUID) -> None:
    """
    Accept the invitation to work on a playlist.

    Doing it again is no error, and the time of the first stays. Sets accepted_at in
    playlist_collaborators.

    Locks: the user (FOR KEY SHARE), then the playlist.

    Statements: 3.

    Raises NotFound, also if there is no invitation, and NotAllowed for who is not active.
    """
    lock_users_shared(user_id)
    lock_playlist(playlist_id)
    accepted = execute(
        """
        UPDATE playlist_collaborators SET accepted_at = coalesce(accepted_at, CURRENT_TIMESTAMP)
        WHERE playlist_id = %(playlist_id)s AND user_id = %(user_id)s
        """,
        playlist_id=playlist_id,
        user_id=user_id,
    )
    if not accepted:
        raise NotFound(f"There is no invitation of user {user_id} to playlist {playlist_id}.")


@in_transaction()
def remove_collaborator(*, playlist_id: UUID, user_id: UUID, actor_id: UUID) -> None:
    """
    Remove a collaborator or an invitation; everyone may remove their own.

    An edit that the collaborator has begun is finished first, and none follows. Deletes from
    playlist_collaborators.

    Locks: the actor (FOR KEY SHARE), then the playlist.

    Statements: 4.

    Raises NotFound, also if the user is not a collaborator, and NotAllowed without the admin
    permission or for an actor who is not active.
    """
    lock_users_shared(actor_id)
    lock_playlist(playlist_id)
    rights = rights_on(playlist_id, actor_id)
    if user_id != actor_id:
        rights.require(PlaylistPermission.ADMIN)
    removed = execute(
        """
        DELETE FROM playlist_collaborators
        WHERE playlist_id = %(playlist_id)s AND user_id = %(user_id)s
        """,
        playlist_id=playlist_id,
        user_id=user_id,
    )
    if not removed:
        raise NotFound(f"User {user_id} is not a collaborator of playlist {playlist_id}.")
