"""
What people are allowed: rights, which their roles give them.

A user has the system role that bears the name of `users.role`, and every role that is granted in
`user_roles` and has not expired. The roles' tables are the domain rbac's; here they are only read,
in SQL.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple
from uuid import UUID

from veza_site.transactions import fetch_rows

ANY = "*"


class Right(NamedTuple):
    """An action on a table's rows; each of the two can be `*`, which is any."""

    resource: str
    action: str

    def __str__(self) -> str:
        action = "do everything with" if self.action == ANY else self.action
        return f"{action} {'every table' if self.resource == ANY else self.resource}"


# The live roles that the users %(user_ids)s have, whether or not they may sign in now.
HELD = """
    SELECT users.id AS user_id, users.username, users.role AS user_role, roles.id AS role_id
    FROM users JOIN roles ON roles.deleted_at IS NULL AND (
        roles.is_system AND roles.name = users.role::text
        OR EXISTS (
            SELECT FROM user_roles
            WHERE user_roles.user_id = users.id AND user_roles.role_id = roles.id
                AND (user_roles.expires_at IS NULL OR user_roles.expires_at > clock_timestamp())
        )
    )
    WHERE users.id = ANY(%(user_ids)s::uuid[])
"""


def rights_of(user_id: UUID) -> frozenset[Right]:
    """
    Return the rights that a user's roles give, whether or not the user may sign in now.

    Sends one statement.
    """
    found = fetch_rows(
        f"""
        SELECT DISTINCT permissions.resource, permissions.action
        FROM ({HELD}) AS held
        JOIN role_permissions ON role_permissions.role_id = held.role_id
        JOIN permissions ON permissions.id = role_permissions.permission_id
        """,
        user_ids=[user_id],
    )
    return frozenset(Right(*right) for right in found)


def allow(rights: Collection[Right], right: Right) -> bool:
    """Tell whether `rights` contain `right`, or one that is wider."""
    return any(
        (resource, action) in rights
        for resource in (right.resource, ANY)
        for action in (right.action, ANY)
    )


def lacking(rights: Collection[Right], wanted: Iterable[Right]) -> list[Right]:
    """Return those of the wanted rights that `rights` do not allow."""
    return sorted(right for right in wanted if not allow(rights, right))
