"""
The transactions on roles: who has them, and what they allow.

Locks are taken in this order: users, roles, permissions, then the rows between them.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils.timezone import is_naive

from accounts.super_admins import IN_STAFF, LastSuperAdmin, keep_one
from veza_site.transactions import Invalid, NotAllowed, NotFound, execute, fetch_row, fetch_rows

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


@transaction.atomic
def grant_role(
    *,
    user_id: UUID,
    role_id: UUID,
    granted_by_id: UUID | None,
    expires_at: datetime | None = None,
) -> bool:
    """
    Grant a role to a user, for good or until `expires_at`; who has it already keeps it longer.

    Of the expiry of the grant that is there and the new one, the later stays (none at all is the
    latest), and the granter with it. `granted_by_id` is None for the platform itself.

    Locks the user and the granter FOR SHARE, so that neither is deleted nor changes status
    meanwhile, then the role FOR SHARE, then the grant.

    Statements: 3.

    Returns whether anything changed: False if the grant that is there lasts as long.

    Raises NotFound for a user, a granter or a role that is not there or is deleted, and Invalid
    for an expiry that is past or has no time zone.
    """
    if expires_at is not None and is_naive(expires_at):
        raise Invalid(f"The expiry {expires_at} has no time zone.")
    people = {user_id, granted_by_id} - {None}
    live = fetch_rows(
        """
        SELECT id FROM users
        WHERE id = ANY(%(people)s::uuid[]) AND deleted_at IS NULL
        ORDER BY id
        FOR SHARE
        """,
        people=list(people),
    )
    if missing := people - {id for (id,) in live}:
        raise NotFound(f"There is no user {_listed(missing)}.")
    role = fetch_row(
        """
        SELECT %(expires_at)s::timestamptz <= clock_timestamp() FROM roles
        WHERE id = %(role_id)s AND deleted_at IS NULL
        FOR SHARE
        """,
        role_id=role_id,
        expires_at=expires_at,
    )
    if role is None:
        raise NotFound(f"There is no role {role_id}.")
    (is_past,) = role
    if is_past:
        raise Invalid(f"The grant would have expired already, at {expires_at}.")
    return bool(
        execute(
            """
            INSERT INTO user_roles (user_id, role_id, granted_by_id, expires_at)
            VALUES (%(user_id)s, %(role_id)s, %(granted_by_id)s, %(expires_at)s)
            ON CONFLICT (user_id, role_id) DO UPDATE
            SET granted_by_id = EXCLUDED.granted_by_id, expires_at = EXCLUDED.expires_at
            WHERE COALESCE(EXCLUDED.expires_at, 'infinity')
                > COALESCE(user_roles.expires_at, 'infinity')
            """,
            user_id=user_id,
            role_id=role_id,
            granted_by_id=granted_by_id,
            expires_at=expires_at,
        )
    )


@transaction.atomic
def revoke_role(*, user_id: UUID, role_id: UUID) -> bool:
    """
    Take a role from a user; who doesn't have it is left without it.

    Locks the user FOR SHARE, so that the status doesn't change meanwhile, then the grant. Where a
    super_admin loses the role of that name, that happens to one at a time.

    Statements: 2; 4 where a super_admin loses that role.

    Returns whether there was a grant.

    Raises LastSuperAdmin if nobody would be left who is super_admin for good.
    """
    fetch_row("SELECT id FROM users WHERE id = %(user_id)s FOR SHARE", user_id=user_id)
    revoked = fetch_row(
        f"""
        DELETE FROM user_roles USING users, roles
        WHERE user_roles.user_id = %(user_id)s AND user_roles.role_id = %(role_id)s
            AND users.id = user_roles.user_id AND roles.id = user_roles.role_id
        RETURNING users.status = 'active' AND users.deleted_at IS NULL
            AND {IN_STAFF} AND roles.name = 'super_admin' AND roles.deleted_at IS NULL
            AND (expires_at IS NULL OR expires_at > clock_timestamp())
        """,
        user_id=user_id,
        role_id=role_id,
    )
    if revoked is None:
        return False
    (was_super_admin,) = revoked
    if was_super_admin:
        keep_one()
    return True


@transaction.atomic
def replace_permissions(*, role_id: UUID, permission_ids: Collection[UUID]) -> PermissionChange:
    """
    Let a role allow these permissions and no others, of two who do so at once the last one's.

    Locks the role, so that one at a time replaces them, then the permissions FOR KEY SHARE in the
    order of their ids, so that none is deleted meanwhile.

    Statements: 4.

    Returns how many were added and removed. Those that stay keep their rows.

    Raises NotFound for a role or a permission that is not there.
    """
    if not _lock_role(role_id):
        raise NotFound(f"There is no role {role_id}.")
    wanted = set(permission_ids)
    known = fetch_rows(
        "SELECT id FROM permissions WHERE id = ANY(%(wanted)s::uuid[]) ORDER BY id FOR KEY SHARE",
        wanted=list(wanted),
    )
    if missing := wanted - {id for (id,) in known}:
        raise NotFound(f"There is no permission {_listed(missing)}.")
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


@transaction.atomic
def delete_role(*, role_id: UUID) -> int:
    """
    Soft-delete a role that is not a system role, and take it from everyone who has it.

    Its grants and permissions are deleted for good: a role that is restored allows nothing, and
    nobody has it. Locks the role, then those rows.

    Statements: 4; 6 where the role is super_admin and somebody has it.

    Returns how many users had the role, those whose grant had expired among them.

    Raises NotFound for a role that is not there or is deleted, NotAllowed for a system role, and
    LastSuperAdmin if nobody would be left who is super_admin for good.
    """
    role = _lock_role(role_id)
    if role is None:
        raise NotFound(f"There is no role {role_id}.")
    name, is_system, makes_super_admins = role
    if is_system:
        raise NotAllowed(f"The role {name} is a system role, which is never deleted.")
    granted = execute("DELETE FROM user_roles WHERE role_id = %(role_id)s", role_id=role_id)
    execute("DELETE FROM role_permissions WHERE role_id = %(role_id)s", role_id=role_id)
    execute(
        "UPDATE roles SET deleted_at = CURRENT_TIMESTAMP WHERE id = %(role_id)s", role_id=role_id
    )
    if makes_super_admins and granted:
        keep_one()
    return granted


def _lock_role(role_id: UUID) -> tuple[str, bool, bool] | None:
    """Lock a live role against all changes and grants, and return what `delete_role` needs."""
    return fetch_row(
        """
        SELECT name, is_system, name = 'super_admin' FROM roles
        WHERE id = %(role_id)s AND deleted_at IS NULL
        FOR NO KEY UPDATE
        """,
        role_id=role_id,
    )


def _listed(ids: Collection[UUID]) -> str:
    """Return some of the ids for a message, which 10,000 would fill."""
    first = sorted(map(str, ids))[:3]
    return ", ".join(first) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")
