"""The roles that the platform is shipped with, and what they allow."""

from dataclasses import dataclass

from django.apps import apps
from django.db import connections, transaction

from accounts.models import UserRole
from accounts.rights import ANY, Right
from rbac.models import Permission, Role, RoleGrant, RolePermission
from veza_site.models import V1Model

# Whoever may change these can give themselves every right.
ABOUT_ROLES = (Role, Permission, RolePermission, RoleGrant)


@dataclass(frozen=True)
class SystemRole:
    """A role that `migrate` creates, for everybody whose `users.role` is `name`."""

    name: str
    description: str
    rights: list[Right]


def system_roles() -> list[SystemRole]:
    """Return the system roles, with rights on each V1 table."""
    updated = [
        model._meta.db_table
        for model in apps.get_models()
        if issubclass(model, V1Model) and model not in ABOUT_ROLES
    ]
    moderated = ["track_comments", "tracks", "rooms", "users"]
    return [
        SystemRole(
            UserRole.MODERATOR.value,
            "Reads everything; moderates comments, tracks, rooms and users' status.",
            [Right(ANY, "read"), *(Right(table, "moderate") for table in moderated)],
        ),
        SystemRole(
            UserRole.ADMIN.value,
            "Reads and moderates everything; updates all but roles and permissions.",
            [
                Right(ANY, "read"),
                Right(ANY, "moderate"),
                *(Right(table, "update") for table in updated),
            ],
        ),
        SystemRole(UserRole.SUPER_ADMIN.value, "Does everything.", [Right(ANY, ANY)]),
    ]


def create_missing(using: str = "default") -> list[str]:
    """
    Create the system roles, and what they allow, where they are missing.

    Existing rows stay as they are. Does nothing before the tables exist.

    Statements: 5, whatever is missing; 1 before the tables exist.

    Returns the names of system roles that another role has taken: nobody has their rights.
    """
    roles = system_roles()
    pairs = [(role.name, *right) for role in roles for right in role.rights]
    names, resources, actions = (list(column) for column in zip(*pairs, strict=True))
    tables = [model._meta.db_table for model in (Role, Permission, RolePermission)]
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT bool_and(to_regclass(name) IS NOT NULL) FROM unnest(%s::text[]) AS name",
            [tables],
        )
        if cursor.fetchone() != (True,):
            return []
        cursor.execute(
            """
            INSERT INTO roles (name, display_name, description, is_system)
            SELECT name, display_name, description, TRUE
            FROM unnest(%s::text[], %s::text[], %s::text[])
                AS role (name, display_name, description)
            ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING
            """,
            [
                [role.name for role in roles],
                [UserRole(role.name).label for role in roles],
                [role.description for role in roles],
            ],
        )
        cursor.execute(
            """
            INSERT INTO permissions (resource, action)
            SELECT DISTINCT resource, action
            FROM unnest(%s::text[], %s::text[]) AS permission (resource, action)
            ON CONFLICT (resource, action) DO NOTHING
            """,
            [resources, actions],
        )
        cursor.execute(
            """
            INSERT INTO role_permissions (role_id, permission_id)
            SELECT roles.id, permissions.id
            FROM unnest(%s::text[], %s::text[], %s::text[]) AS allowed (name, resource, action)
            JOIN roles ON roles.name = allowed.name AND is_system AND deleted_at IS NULL
            JOIN permissions USING (resource, action)
            ON CONFLICT (role_id, permission_id) DO NOTHING
            """,
            [names, resources, actions],
        )
        cursor.execute(
            """
            SELECT name FROM roles
            WHERE name = ANY(%s::text[]) AND NOT is_system AND deleted_at IS NULL
            ORDER BY name
            """,
            [[role.name for role in roles]],
        )
        return [name for (name,) in cursor.fetchall()]
