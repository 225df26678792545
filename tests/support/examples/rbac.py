from typing import Any

from tests.support.examples.streaming import users
from tests.support.rows import Rows


def grant_role(rows: Rows, size: int) -> dict[str, Any]:
    role_id = rows.insert("roles")
    for _ in range(min(size, 10)):
        rows.insert("user_roles", role_id=role_id)
    return {
        "user_id": rows.insert("users"),
        "role_id": role_id,
        "granted_by_id": rows.insert("users"),
    }


def grant_role__guarded(rows: Rows, size: int) -> dict[str, Any]:
    admin = rows.insert("users", role="admin")
    return grant_role(rows, size) | {"granted_by_id": admin, "guarded": True}


def revoke_role(rows: Rows, _size: int) -> dict[str, Any]:
    user_id, role_id = rows.insert("users"), rows.insert("roles")
    rows.insert("user_roles", user_id=user_id, role_id=role_id)
    return {"user_id": user_id, "role_id": role_id}


def revoke_role__from_a_super_admin(rows: Rows, _size: int) -> dict[str, Any]:
    rows.insert("users", role="super_admin")
    user_id, role_id = rows.insert("users", role="moderator"), super_admin_role(rows)
    rows.insert("user_roles", user_id=user_id, role_id=role_id)
    return {"user_id": user_id, "role_id": role_id}


def replace_permissions(rows: Rows, size: int) -> dict[str, Any]:
    role_id = rows.insert("roles")
    old, new = permissions(rows, size), permissions(rows, size)
    allow(rows, role_id, old)
    return {"role_id": role_id, "permission_ids": old[: size // 2] + new}


def delete_role(rows: Rows, size: int) -> dict[str, Any]:
    role_id = rows.insert("roles")
    allow(rows, role_id, permissions(rows, size))
    grant(rows, role_id, size)
    return {"role_id": role_id}


def delete_role__super_admin(rows: Rows, size: int) -> dict[str, Any]:
    rows.insert("users", role="super_admin")
    role_id = super_admin_role(rows)
    rows.cursor.execute("UPDATE roles SET is_system = FALSE WHERE id = %s", [role_id])
    grant(rows, role_id, size)
    return {"role_id": role_id}


def super_admin_role(rows: Rows) -> Any:
    """Return the role super_admin, made where there is none."""
    there = "SELECT id FROM roles WHERE name = 'super_admin' AND deleted_at IS NULL"
    return rows.fetch(there) or rows.insert("roles", name="super_admin")


def permissions(rows: Rows, size: int) -> list[Any]:
    """Return `size` new permissions."""
    rows.cursor.execute(
        "INSERT INTO permissions (resource, action)"
        " SELECT 'tracks', gen_random_uuid()::text FROM generate_series(1, %s) RETURNING id",
        [size],
    )
    return [permission_id for (permission_id,) in rows.cursor.fetchall()]


def allow(rows: Rows, role_id: Any, permission_ids: list[Any]) -> None:
    rows.cursor.execute(
        "INSERT INTO role_permissions (role_id, permission_id) SELECT %s, unnest(%s::uuid[])",
        [role_id, permission_ids],
    )


def grant(rows: Rows, role_id: Any, size: int) -> None:
    """Grant a role to `size` users."""
    rows.cursor.execute(
        "INSERT INTO user_roles (user_id, role_id) SELECT unnest(%s::uuid[]), %s",
        [users(rows, size), role_id],
    )
