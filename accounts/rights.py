"""
What people are allowed: the rights that their roles give them, and who is a super_admin.

A user has the system role named as `users.role` says, and every role granted to them in
`user_roles`, until the grant expires. The tables of roles belong to the domain rbac, which imports
this one; in accounts only this module reads them, and only in SQL.

The fragments of SQL are indented as they stand in a statement.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple
from uuid import UUID

from accounts.models.user import STAFF_ROLES, UserRole
from veza_site.transactions import fetch_row, fetch_rows

ANY = "*"


class Right(NamedTuple):
    """An action on a table's rows; each of the two can be `*`, which is any."""

    resource: str
    action: str

    def __str__(self) -> str:
        action = "do everything with" if self.action == ANY else self.action
        return f"{action} {'every table' if self.resource == ANY else self.resource}"


EVERYTHING = Right(ANY, ANY)

# Whether the grant `user_roles` still counts.
UNEXPIRED = "(user_roles.expires_at IS NULL OR user_roles.expires_at > clock_timestamp())"

# Whether `users.role` is one of the staff's.
IN_STAFF = f"users.role IN ({', '.join(f"'{role.value}'" for role in sorted(STAFF_ROLES))})"

_HAS_GRANT = """EXISTS (
            SELECT FROM user_roles JOIN roles ON roles.id = user_roles.role_id
            WHERE user_roles.user_id = users.id
                AND roles.name = 'super_admin' AND roles.deleted_at IS NULL
                AND {counts}
        )"""

# Whether the user `users` has a grant of super_admin that counts, or one that never expires.
HAS_SUPER_ADMIN_GRANT = _HAS_GRANT.format(counts=UNEXPIRED)
_HAS_PERMANENT_GRANT = _HAS_GRANT.format(counts="user_roles.expires_at IS NULL")

# Whether the user `users` is a super_admin while live and active. To a listener the grant gives
# nothing: `users.role` says who enters the admin at all.
IS_SUPER_ADMIN = f"(users.role = 'super_admin' OR {IN_STAFF} AND {HAS_SUPER_ADMIN_GRANT})"

# The live roles that the users %(user_ids)s have, whether or not they may sign in now.
HELD = f"""(
            SELECT users.username, users.role AS user_role, roles.id AS role_id
            FROM users JOIN roles ON roles.deleted_at IS NULL AND (
                roles.is_system AND roles.name = users.role::text
                OR EXISTS (
                    SELECT FROM user_roles
                    WHERE user_roles.user_id = users.id AND user_roles.role_id = roles.id
                        AND {UNEXPIRED}
                )
            )
            WHERE users.id = ANY(%(user_ids)s::uuid[])
        )"""


def rights_of(user_id: UUID) -> frozenset[Right]:
    """
    Return the rights that a user's roles give, whether or not the user may sign in now.

    Statements: 1.
    """
    found = fetch_rows(
        f"""
        SELECT DISTINCT permissions.resource, permissions.action
        FROM {HELD} AS held
        JOIN role_permissions ON role_permissions.role_id = held.role_id
        JOIN permissions ON permissions.id = role_permissions.permission_id
        """,
        user_ids=[user_id],
    )
    return frozenset(Right(*right) for right in found)


def holders_of_rights(user_ids: Collection[UUID], roles: Collection[UserRole]) -> dict[Right, str]:
    """
    Return the rights of those of the users whose `users.role` is one of these roles.

    A super_admin has every right, and so has a listener with a grant of that role.

    Statements: 1.

    Returns the username of one holder by each right.
    """
    found = fetch_rows(
        f"""
        SELECT min(held.username), permissions.resource, permissions.action
        FROM {HELD} AS held
        JOIN role_permissions ON role_permissions.role_id = held.role_id
        JOIN permissions ON permissions.id = role_permissions.permission_id
        WHERE held.user_role = ANY(%(roles)s::user_role[])
        GROUP BY permissions.resource, permissions.action
        UNION ALL
        SELECT min(users.username), '*', '*' FROM users
        WHERE users.id = ANY(%(user_ids)s::uuid[]) AND users.role = ANY(%(roles)s::user_role[])
            AND (users.role = 'super_admin' OR {HAS_SUPER_ADMIN_GRANT})
        HAVING count(*) > 0
        """,
        user_ids=list(user_ids),
        roles=sorted(roles),
    )
    return {Right(resource, action): username for username, resource, action in found}


def rights_of_system_role(role: UserRole) -> frozenset[Right] | None:
    """
    Return what a value of `users.role` allows, or None where it has no system role of its name.

    Statements: 1.
    """
    found = fetch_rows(
        """
        SELECT permissions.resource, permissions.action
        FROM roles
        LEFT JOIN role_permissions ON role_permissions.role_id = roles.id
        LEFT JOIN permissions ON permissions.id = role_permissions.permission_id
        WHERE roles.name = %(role)s AND roles.is_system AND roles.deleted_at IS NULL
        """,
        role=str(role),
    )
    return frozenset(Right(*right) for right in found if right != (None, None)) if found else None


def has_permanent_super_admin() -> bool:
    """
    Tell whether somebody is a super_admin whose right never expires.

    Statements: 1.
    """
    found = fetch_row(
        f"""
        SELECT users.id FROM users
        WHERE users.status = 'active' AND users.deleted_at IS NULL
            AND (users.role = 'super_admin' OR {IN_STAFF} AND {_HAS_PERMANENT_GRANT})
        LIMIT 1
        """
    )
    return found is not None


def allow(rights: Collection[Right], right: Right) -> bool:
    """Tell whether `rights` contain `right`, or one that is wider."""
    return any(
        (resource, action) in rights
        for resource in (right.resource, ANY)
        for action in (right.action, ANY)
    )


def find_missing(rights: Collection[Right], wanted: Iterable[Right]) -> list[Right]:
    """Return those of the wanted rights that `rights` do not allow."""
    return sorted(right for right in wanted if not allow(rights, right))
