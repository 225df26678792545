"""Who works on a playlist beside its owner."""

from uuid import UUID

from django.db import transaction

from accounts.locks import lock_users_shared
from streaming.models import PlaylistPermission
from streaming.services.access import lock_playlist, rights_on
from veza_site.transactions import Conflict, Invalid, NotFound, execute


@transaction.atomic
def invite_collaborator(
    *, playlist_id: UUID, user_id: UUID, permission: PlaylistPermission, actor_id: UUID
) -> None:
    """
    Invite a user to a playlist, or give one who is invited or works on it another permission.

    The invitation counts once it is accepted; a permission that is changed counts at once. Locks
    actor and user (FOR KEY SHARE, in the order of their ids), then the playlist. Inserts or updates
    playlist_collaborators.

    Raises NotFound; NotAllowed without the admin permission; Invalid for what is no permission;
    Conflict for the owner, who needs none.

    Statements: 4.
    """
    if permission not in PlaylistPermission.values:
        raise Invalid(f"There is no permission {permission!r}.")
    lock_users_shared(actor_id, user_id)
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


@transaction.atomic
def accept_invitation(*, playlist_id: UUID, user_id: UUID) -> None:
    """
    Accept the invitation to work on a playlist; again is no error, and keeps the first time.

    Locks the user (FOR KEY SHARE), then the playlist. Sets accepted_at in playlist_collaborators.

    Raises NotFound, also where there is no invitation.

    Statements: 3.
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


@transaction.atomic
def remove_collaborator(*, playlist_id: UUID, user_id: UUID, actor_id: UUID) -> None:
    """
    Take a collaborator or an invitation away; everyone may take their own.

    Locks the actor (FOR KEY SHARE), then the playlist: an edit that the collaborator has begun is
    done before, and none comes after. Deletes from playlist_collaborators.

    Raises NotFound, also where the user is no collaborator, and NotAllowed without the admin
    permission.

    Statements: 4.
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
        raise NotFound(f"User {user_id} is no collaborator of playlist {playlist_id}.")
