"""
Rbac's transactions: who has which role, and what roles allow.

Locks are taken in this order: users, roles, permissions, then the rows between them. What each
locks, and the SQL it sends, is in docs/transactions.md. Ids are UUIDs.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from django.utils.timezone import is_naive

from accounts.guards import check_is_not_self, lock_actor
from accounts.locks import check_may_act
from accounts.models import UserRole
from accounts.rights import IN_STAFF, UNEXPIRED, Right
from accounts.super_admins import LastSuperAdmin, check_super_admin_left
from rbac.guards import check_covers_role
from veza_site.transactions import (
    Invalid,
    NotAllowed,
    NotFound,
    execute,
    fetch_row,
    fetch_rows,
    in_transaction,
)

__all__ = [
    "LastSuperAdmin",
    "PermissionChange",
    "delete_role",
    "grant_role",
    "replace_permissions",
    "revoke_role",
]


class PermissionChange(NamedTuple):
    """How many permissions a role gained and lost."""

    added: int
    removed: int


@in_transaction()
def grant_role(
    *,
    user_id: UUID,
    role_id: UUID,
    granted_by_id: UUID | None,
    expires_at: datetime | None = None,
    guarded: bool = False,
) -> UUID | None:
    """
    Grant a role to a user, permanently or until `expires_at`; a grant is extended, never cut short.

    If the user has the role already, the later of the two expiries stays, with its granter; no
    expiry is the latest. `granted_by_id` is None for the platform itself; the user need not be
    active, but who grants has to. With `guarded` the granter is one of the staff, and may not grant
    beyond their own rights: the rule of rbac.guards.check_may_grant(), decided under these locks.

    Locks: the user and the granter FOR SHARE, so that neither is deleted or changes status
    meanwhile (FOR NO KEY UPDATE with `guarded`); then the role FOR SHARE, then the grant.

    Statements: 3; 5 with `guarded`.

    Returns the grant's id, or None if the existing grant lasts as long.

    Raises NotFound for a user, a granter or a role that doesn't exist or is deleted; Invalid for an
    expiry that is past, has no time zone or is after the year 9999 in UTC; NotAllowed for a granter
    who is not active, and with `guarded` beyond their rights.
    """
    if expires_at is not None:
        _check_expiry(expires_at)
    rights: Collection[Right] | None = None
    if not guarded:
        _lock_users(user_id, granted_by_id)
    elif granted_by_id is None:
        raise NotAllowed("Only staff may do this.")
    else:
        check_is_not_self(granted_by_id, [user_id])
        rights = lock_actor(granted_by_id, [user_id], live=True)
    role = fetch_row(
        """
        SELECT name, %(expires_at)s::timestamptz <= clock_timestamp() FROM roles
        WHERE id = %(role_id)s AND deleted_at IS NULL
        FOR SHARE
        """,
        role_id=role_id,
        expires_at=expires_at,
    )
    if role is None:
        raise NotFound(f"There is no role {role_id}.")
    name, is_past = role
    if is_past:
        raise Invalid(f"The grant would have expired already, at {expires_at}.")
    if rights is not None:
        check_covers_role(rights, role_id, name=name)
    grant = fetch_row(
        """
        INSERT INTO user_roles (user_id, role_id, granted_by_id, expires_at)
        VALUES (%(user_id)s, %(role_id)s, %(granted_by_id)s, %(expires_at)s)
        ON CONFLICT (user_id, role_id) DO UPDATE
        SET granted_by_id = EXCLUDED.granted_by_id, expires_at = EXCLUDED.expires_at
        WHERE COALESCE(EXCLUDED.expires_at, 'infinity')
            > COALESCE(user_roles.expires_at, 'infinity')
        RETURNING id
        """,
        user_id=user_id,
        role_id=role_id,
        granted_by_id=granted_by_id,
        expires_at=expires_at,
    )
    return grant[0] if grant else None


@in_transaction()
def revoke_role(*, user_id: UUID, role_id: UUID) -> bool:
    """
    Take a role from a user. Doing it again is no error.

    Locks: the user FOR SHARE, so that the status doesn't change meanwhile, then the grant. If a
    super_admin loses the role of that name, the advisory lock `super_admin` last, so that this
    happens to one at a time.

    Statements: 2; 4 where a super_admin loses that role.

    Returns whether there was a grant.

    Raises LastSuperAdmin if this would leave no permanent super_admin.
    """
    execute("SELECT id FROM users WHERE id = %(user_id)s FOR SHARE", user_id=user_id)
    revoked = fetch_row(
        f"""
        DELETE FROM user_roles USING users, roles
        WHERE user_roles.user_id = %(user_id)s AND user_roles.role_id = %(role_id)s
            AND users.id = user_roles.user_id AND roles.id = user_roles.role_id
        RETURNING users.status = 'active' AND users.deleted_at IS NULL AND {IN_STAFF}
            AND roles.name = 'super_admin' AND roles.deleted_at IS NULL
            AND {UNEXPIRED}
        """,
        user_id=user_id,
        role_id=role_id,
    )
    if revoked is None:
        return False
    (was_super_admin,) = revoked
    if was_super_admin:
        check_super_admin_left()
    return True


@in_transaction()
def replace_permissions(*, role_id: UUID, permission_ids: Collection[UUID]) -> PermissionChange:
    """
    Let a role allow these permissions and no others. If two do so at once, the last one wins.

    Permissions that stay keep their rows.

    Locks: the role, so that one at a time replaces them, then the permissions FOR KEY SHARE in the
    order of their ids, so that none is deleted meanwhile.

    Statements: 4.

    Returns how many were added and removed.

    Raises NotFound for a role or a permission that doesn't exist.
    """
    _lock_role(role_id)
    wanted = set(permission_ids)
    known = fetch_rows(
        "SELECT id FROM permissions WHERE id = ANY(%(wanted)s::uuid[]) ORDER BY id FOR KEY SHARE",
        wanted=list(wanted),
    )
    if missing := wanted - {permission_id for (permission_id,) in known}:
        raise NotFound(f"There is no permission {_list_some(missing)}.")
    removed = execute(
        """
        DELETE FROM role_permissions
        WHERE role_id = %(role_id)s AND NOT permission_id = ANY(%(wanted)s::uuid[])
        """,
        role_id=role_id,
        wanted=list(wanted),
    )
    added = execute(
        """
        INSERT INTO role_permissions (role_id, permission_id)
        SELECT %(role_id)s, permission_id FROM unnest(%(wanted)s::uuid[]) AS permission_id
        ON CONFLICT (role_id, permission_id) DO NOTHING
        """,
        role_id=role_id,
        wanted=list(wanted),
    )
    return PermissionChange(added, removed)


@in_transaction()
def delete_role(*, role_id: UUID) -> int:
    """
    Soft-delete a role that is not a system role, and take it from everyone who has it.

    Its grants and permissions are deleted for good: a role that is restored allows nothing, and
    nobody has it.

    Locks: the role, then those rows. If somebody has super_admin by it, the advisory lock
    `super_admin` last.

    Statements: 4; 6 where the role is super_admin and somebody has it.

    Returns how many users had the role, even if their grant had expired.

    Raises NotFound for a role that doesn't exist or is deleted, NotAllowed for a system role, and
    LastSuperAdmin if this would leave no permanent super_admin.
    """
    name, is_system = _lock_role(role_id)
    if is_system:
        raise NotAllowed(f"The role {name} is a system role, which is never deleted.")
    granted = execute("DELETE FROM user_roles WHERE role_id = %(role_id)s", role_id=role_id)
    execute("DELETE FROM role_permissions WHERE role_id = %(role_id)s", role_id=role_id)
    execute(
        "UPDATE roles SET deleted_at = CURRENT_TIMESTAMP WHERE id = %(role_id)s", role_id=role_id
    )
    if name == UserRole.SUPER_ADMIN and granted:
        check_super_admin_left()
    return granted


def _check_expiry(expires_at: datetime) -> None:
    """Refuse a time that is ambiguous, or that Python couldn't read back from the database."""
    if is_naive(expires_at):
        raise Invalid(f"The expiry {expires_at} has no time zone.")
    try:
        expires_at.astimezone(UTC)
    except OverflowError:
        raise Invalid(f"The expiry {expires_at} is not in the years 1 to 9999 of UTC.") from None


def _lock_users(user_id: UUID, granted_by_id: UUID | None) -> None:
    """Lock a live user and who grants FOR SHARE, in the order of their ids."""
    actors = [] if granted_by_id is None else [granted_by_id]
    wanted = {user_id, *actors}
    live = fetch_rows(
        """
        SELECT id, status FROM users
        WHERE id = ANY(%(user_ids)s::uuid[]) AND deleted_at IS NULL
        ORDER BY id
        FOR SHARE
        """,
        user_ids=list(wanted),
    )
    check_may_act(actors, wanted, dict(live))


def _lock_role(role_id: UUID) -> tuple[str, bool]:
    """Lock a live role against changes and grants, and return its name and `is_system`."""
    role = fetch_row(
        """
        SELECT name, is_system FROM roles
        WHERE id = %(role_id)s AND deleted_at IS NULL
        FOR NO KEY UPDATE
        """,
        role_id=role_id,
    )
    if role is None:
        raise NotFound(f"There is no role {role_id}.")
    name, is_system = role
    return name, is_system


def _list_some(ids: Collection[object]) -> str:
    """Return the first few of the ids, for a message that 10,000 would fill."""
    first = sorted(map(str, ids))[:3]
    return ", ".join(first) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")
