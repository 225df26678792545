"""A user's status and role, and whether they are deleted. Each locks the user first."""

from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import UserRole, UserStatus
from accounts.services.tokens import SignedOut, revoke
from accounts.super_admins import GRANTED, IN_STAFF, keep_one
from veza_site.transactions import Conflict, Invalid, NotFound, check_text, execute, fetch_row

# What a live user has that no other live user may have, by the index that sees to it.
_TAKEN = {"idx_users_email": "e-mail address", "idx_users_username": "username"}


@transaction.atomic
def change_user_status(*, user_id: UUID, status: UserStatus) -> SignedOut:
    """
    Give a user a status, and do what follows from it. Again is no error, and does it again.

    Who is not active is signed out everywhere: `token_version` is raised, and refresh tokens and
    sessions are revoked. Who is active may log in at once: a lock after failed logins is lifted.
    Locks the user, then the refresh tokens, then the sessions. Where a super_admin no longer is
    active, that happens to one at a time.

    Statements: 4; 2 for `active`; 6 where a super_admin no longer is.

    Returns how many refresh tokens and sessions it revoked.

    Raises NotFound for a user who is not there or is deleted, Invalid for a status that does not
    exist, and LastSuperAdmin if nobody would be left who is super_admin for good.
    """
    if status not in UserStatus.values:
        raise Invalid(f"There is no status {status!r}, but {', '.join(UserStatus.values)}.")
    user = fetch_row(
        """
        SELECT status = 'active' FROM users
        WHERE id = %(user_id)s AND deleted_at IS NULL
        FOR NO KEY UPDATE
        """,
        user_id=user_id,
    )
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    (was_active,) = user
    status = UserStatus(status).value
    if status == UserStatus.ACTIVE:
        execute(
            """
            UPDATE users SET status = 'active', failed_login_attempts = 0, locked_until = NULL
            WHERE id = %(user_id)s
            """,
            user_id=user_id,
        )
        return SignedOut(0, 0)
    (is_super_admin,) = fetch_row(
        f"""
        UPDATE users SET status = %(status)s, token_version = token_version + 1
        WHERE id = %(user_id)s
        RETURNING role = 'super_admin' OR {IN_STAFF} AND EXISTS (
            {GRANTED}
                AND (user_roles.expires_at IS NULL OR user_roles.expires_at > clock_timestamp())
        )
        """,
        user_id=user_id,
        status=status,
    )
    signed_out = revoke(user_id, status)
    if was_active and is_super_admin:
        keep_one()
    return signed_out


@transaction.atomic
def change_user_role(*, user_id: UUID, role: UserRole) -> None:
    """
    Give a user a role, the one of the column `role`; rbac grants the others. Again is no error.

    Access tokens tell the role, so those issued before are revoked: `token_version` is raised.
    Locks the user. Where a super_admin gets another role, that happens to one at a time.

    Statements: 2; 4 where a super_admin gets another role.

    Raises NotFound for a user who is not there or is deleted, Invalid for a role that does not
    exist, and LastSuperAdmin if nobody would be left who is super_admin for good.
    """
    if role not in UserRole.values:
        raise Invalid(f"There is no role {role!r}, but {', '.join(UserRole.values)}.")
    user = fetch_row(
        f"""
        SELECT status = 'active' AND role = 'super_admin', status = 'active' AND {IN_STAFF}
        FROM users
        WHERE id = %(user_id)s AND deleted_at IS NULL
        FOR NO KEY UPDATE
        """,
        user_id=user_id,
    )
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    was_super_admin, was_in_staff = user
    (is_granted,) = fetch_row(
        f"""
        UPDATE users SET role = %(role)s, token_version = token_version + 1
        WHERE id = %(user_id)s
        RETURNING EXISTS (
            {GRANTED}
                AND (user_roles.expires_at IS NULL OR user_roles.expires_at > clock_timestamp())
        )
        """,
        user_id=user_id,
        role=UserRole(role).value,
    )
    if (was_super_admin or (was_in_staff and is_granted)) and role != UserRole.SUPER_ADMIN:
        keep_one()


@transaction.atomic
def soft_delete_user(*, user_id: UUID, reason: str = "account deleted") -> SignedOut:
    """
    Soft-delete a user, who is signed out everywhere.

    `token_version` is raised, and refresh tokens and sessions are revoked; everything else that
    belongs to the user stays, for restore_user(). Locks the user, then the refresh tokens, then the
    sessions. Where a super_admin is deleted, that happens to one at a time.

    Statements: 4; 6 for a super_admin.

    Returns how many refresh tokens and sessions it revoked.

    Raises NotFound for a user who is not there or is deleted, Invalid for a reason of over 100
    characters, and LastSuperAdmin if nobody would be left who is super_admin for good.
    """
    check_text("A reason", reason, most=100)
    user = fetch_row(
        """
        SELECT status = 'active' FROM users
        WHERE id = %(user_id)s AND deleted_at IS NULL
        FOR NO KEY UPDATE
        """,
        user_id=user_id,
    )
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    (was_active,) = user
    (is_super_admin,) = fetch_row(
        f"""
        UPDATE users SET deleted_at = CURRENT_TIMESTAMP, token_version = token_version + 1
        WHERE id = %(user_id)s
        RETURNING role = 'super_admin' OR {IN_STAFF} AND EXISTS (
            {GRANTED}
                AND (user_roles.expires_at IS NULL OR user_roles.expires_at > clock_timestamp())
        )
        """,
        user_id=user_id,
    )
    signed_out = revoke(user_id, reason)
    if was_active and is_super_admin:
        keep_one()
    return signed_out


def restore_user(*, user_id: UUID) -> None:
    """
    Make a soft-deleted user live again, with the status and the roles of before.

    Nobody is signed in by it: what was revoked stays revoked. Locks the user.

    Statements: 1.

    Raises NotFound for a user who is not there or is not deleted, and Conflict where a live user
    has taken the e-mail address or the username.
    """
    try:
        with transaction.atomic():
            restored = execute(
                """
                UPDATE users SET deleted_at = NULL
                WHERE id = %(user_id)s AND deleted_at IS NOT NULL
                """,
                user_id=user_id,
            )
    except IntegrityError as error:
        taken = _TAKEN.get(error.__cause__.diag.constraint_name)
        if taken is None:
            raise
        raise Conflict(f"Another live user has the {taken} of user {user_id} now.") from error
    if not restored:
        raise NotFound(f"There is no deleted user {user_id}.")
