"""A user's status and role, and whether they are deleted. Each call locks the user first."""

from uuid import UUID

from django.db import IntegrityError

from accounts.models import UserRole, UserStatus
from accounts.models.user import STAFF_ROLES
from accounts.names import find_taken
from accounts.rights import HAS_SUPER_ADMIN_GRANT, IS_SUPER_ADMIN
from accounts.services.tokens import SignedOut, revoke
from accounts.super_admins import check_super_admin_left
from veza_site.errors import psycopg_error
from veza_site.transactions import (
    Conflict,
    Invalid,
    NotFound,
    check_text,
    execute,
    fetch_one,
    fetch_row,
    in_transaction,
)

# What only one live user may have: its unique index, and what people call it.
_UNIQUE = {"email": "idx_users_email", "username": "idx_users_username"}
_CALLED = {"email": "email address", "username": "username"}


@in_transaction()
def change_user_status(*, user_id: UUID, status: UserStatus) -> SignedOut:
    """
    Give a user a status, with what follows from it. Doing it again is no error, and does it again.

    A user who is no longer active is signed out everywhere: `token_version` is raised, and refresh
    tokens and sessions are revoked. One who is active may log in at once: a lock after failed
    logins is lifted.

    Locks: the user, then the refresh tokens, then the sessions. If a super_admin is no longer
    active, the advisory lock `super_admin` last, so that this happens to one at a time.

    Statements: 4; 2 for `active`; 6 where a super_admin is no longer active.

    Returns how many refresh tokens and sessions it revoked.

    Raises NotFound for a user who doesn't exist or is deleted, Invalid for a status that doesn't
    exist, and LastSuperAdmin if this would leave no permanent super_admin.
    """
    if status not in UserStatus.values:
        raise Invalid(f"A status must be one of {', '.join(UserStatus.values)}, not {status!r}.")
    was_active, _ = _lock_user(user_id)
    if status == UserStatus.ACTIVE:
        execute(
            """
            UPDATE users SET status = 'active', failed_login_attempts = 0, locked_until = NULL
            WHERE id = %(user_id)s
            """,
            user_id=user_id,
        )
        return SignedOut(0, 0)
    reason = UserStatus(status).value
    (is_super_admin,) = fetch_one(
        f"""
        UPDATE users SET status = %(status)s, token_version = token_version + 1
        WHERE id = %(user_id)s
        RETURNING {IS_SUPER_ADMIN}
        """,
        user_id=user_id,
        status=reason,
    )
    signed_out = revoke(user_id, reason)
    if was_active and is_super_admin:
        check_super_admin_left()
    return signed_out


@in_transaction()
def change_user_role(*, user_id: UUID, role: UserRole) -> None:
    """
    Set a user's column `role`; the other roles are granted by rbac. Doing it again is no error.

    Access tokens contain the role, so those issued before are revoked: `token_version` is raised.

    Locks: the user. If a super_admin gets another role, the advisory lock `super_admin` last,
    so that this happens to one at a time.

    Statements: 2; 4 where a super_admin gets another role.

    Raises NotFound for a user who doesn't exist or is deleted, Invalid for a role that doesn't
    exist, and LastSuperAdmin if this would leave no permanent super_admin.
    """
    if role not in UserRole.values:
        raise Invalid(f"A role must be one of {', '.join(UserRole.values)}, not {role!r}.")
    was_active, old = _lock_user(user_id)
    (is_granted,) = fetch_one(
        f"""
        UPDATE users SET role = %(role)s, token_version = token_version + 1
        WHERE id = %(user_id)s
        RETURNING {HAS_SUPER_ADMIN_GRANT}
        """,
        user_id=user_id,
        role=UserRole(role).value,
    )
    was_super_admin = old == UserRole.SUPER_ADMIN or (old in STAFF_ROLES and is_granted)
    if was_active and was_super_admin and role != UserRole.SUPER_ADMIN:
        check_super_admin_left()


@in_transaction()
def soft_delete_user(*, user_id: UUID, reason: str = "account deleted") -> SignedOut:
    """
    Soft-delete a user, who is signed out everywhere.

    `token_version` is raised, and refresh tokens and sessions are revoked; everything else that
    belongs to the user stays, for restore_user().

    Locks: the user, then the refresh tokens, then the sessions. For a super_admin, the advisory
    lock `super_admin` last, so that one at a time is deleted.

    Statements: 4; 6 for a super_admin.

    Returns how many refresh tokens and sessions it revoked.

    Raises NotFound for a user who doesn't exist or is deleted, Invalid for a reason of over 100
    characters, and LastSuperAdmin if this would leave no permanent super_admin.
    """
    check_text("A reason", reason, most=100)
    was_active, _ = _lock_user(user_id)
    (is_super_admin,) = fetch_one(
        f"""
        UPDATE users SET deleted_at = CURRENT_TIMESTAMP, token_version = token_version + 1
        WHERE id = %(user_id)s
        RETURNING {IS_SUPER_ADMIN}
        """,
        user_id=user_id,
    )
    signed_out = revoke(user_id, reason)
    if was_active and is_super_admin:
        check_super_admin_left()
    return signed_out


@in_transaction()
def restore_user(*, user_id: UUID) -> None:
    """
    Make a soft-deleted user live again, with the status and the roles they had.

    This signs nobody in: what was revoked stays revoked.

    Locks: the user, then the advisory locks on their address and username in lower case.

    Statements: 4.

    Raises NotFound for a user who doesn't exist or is not deleted, and Conflict if a live user has
    taken the email address or the username, in whatever case.
    """
    user = fetch_row(
        """
        SELECT email, username FROM users
        WHERE id = %(user_id)s AND deleted_at IS NOT NULL
        FOR NO KEY UPDATE
        """,
        user_id=user_id,
    )
    if user is None:
        raise NotFound(f"There is no deleted user {user_id}.")
    email, username = user
    taken = find_taken(user_id=user_id, email=email, username=username)
    try:
        if not taken:
            execute("UPDATE users SET deleted_at = NULL WHERE id = %(user_id)s", user_id=user_id)
    except IntegrityError as error:  # a service that takes no advisory locks was quicker
        cause = psycopg_error(error)
        taken = [
            name for name, index in _UNIQUE.items() if cause and cause.diag.constraint_name == index
        ]
        if not taken:
            raise
    if taken:
        raise Conflict(f"Another live user has the {_CALLED[taken[0]]} of user {user_id} now.")


def _lock_user(user_id: UUID) -> tuple[bool, UserRole]:
    """Lock a live user, and return whether they are active, and their role."""
    user = fetch_row(
        """
        SELECT status = 'active', role FROM users
        WHERE id = %(user_id)s AND deleted_at IS NULL
        FOR NO KEY UPDATE
        """,
        user_id=user_id,
    )
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    is_active, role = user
    return is_active, UserRole(role)
