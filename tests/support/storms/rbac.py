from dataclasses import dataclass
from random import Random
from uuid import UUID

from django.db.models import Q

from accounts.models import User, UserRole, UserStatus
from accounts.services import (
    change_user_role,
    change_user_status,
    restore_user,
    soft_delete_user,
)
from rbac import services
from rbac.models import Role
from tests.support.examples.rbac import permissions
from tests.support.examples.streaming import users
from tests.support.rows import Rows


@dataclass
class World:
    users: list[UUID]
    roles: list[UUID]
    permissions: list[UUID]


def prepare(rows: Rows) -> World:
    """Make six users, two of them super_admin, and three roles, one of them super_admin."""
    roles = [rows.insert("roles", name=name) for name in ("super_admin", "support", "curator")]
    users = [rows.insert("users", role="moderator") for _ in range(5)]
    rows.insert("user_roles", user_id=users[0], role_id=roles[0])
    users.append(rows.insert("users", role="super_admin"))
    return World(users, roles, permissions(rows, 5))


def act(world: World, random: Random) -> None:
    """Call one service on any user, role and permissions. A super_admin is there at any time."""
    random.choice([grant, grant, revoke, allow, delete, change_status, delete_user])(world, random)
    assert (
        User.objects.alive()
        .filter(
            Q(role=UserRole.SUPER_ADMIN)
            | Q(
                user_roles__role__name="super_admin",
                user_roles__role__deleted_at=None,
                user_roles__expires_at=None,
            ),
            status=UserStatus.ACTIVE,
        )
        .exists()
    ), "the last super_admin is gone"


def grant(world: World, random: Random) -> None:
    user, granter = random.sample(world.users, 2)
    services.grant_role(
        user_id=user,
        role_id=random.choice(world.roles),
        granted_by_id=granter,
        guarded=random.random() < 0.3,
    )


def revoke(world: World, random: Random) -> None:
    services.revoke_role(user_id=random.choice(world.users), role_id=random.choice(world.roles))


def allow(world: World, random: Random) -> None:
    services.replace_permissions(
        role_id=random.choice(world.roles),
        permission_ids=random.sample(world.permissions, random.randrange(6)),
    )


def delete(world: World, random: Random) -> None:
    role = random.choice(world.roles)
    if random.random() < 0.5:
        services.delete_role(role_id=role)
    else:
        Role.objects.filter(pk=role).restore()


def change_status(world: World, random: Random) -> None:
    if random.random() < 0.3:
        change_user_role(
            user_id=random.choice(world.users),
            role=random.choice([UserRole.USER, UserRole.SUPER_ADMIN]),
        )
        return
    change_user_status(
        user_id=random.choice(world.users),
        status=random.choice([UserStatus.ACTIVE, UserStatus.ACTIVE, UserStatus.BANNED]),
    )


def delete_user(world: World, random: Random) -> None:
    user = random.choice(world.users)
    if random.random() < 0.5:
        soft_delete_user(user_id=user)
    else:
        restore_user(user_id=user)


def prepare_many(rows: Rows) -> World:
    """Make a hundred permissions and users, for three roles."""
    roles = [rows.insert("roles") for _ in range(3)]
    return World(users(rows, 100), roles, permissions(rows, 100))


def sweep(world: World, random: Random) -> None:
    """Call one service that locks many grants or permissions, or one that they meet."""
    random.choice([allow_many, allow_many, grant_many, delete, revoke])(world, random)


def allow_many(world: World, random: Random) -> None:
    services.replace_permissions(
        role_id=random.choice(world.roles), permission_ids=random.sample(world.permissions, 60)
    )


def grant_many(world: World, random: Random) -> None:
    role = random.choice(world.roles)
    for user in random.sample(world.users, 10):
        services.grant_role(user_id=user, role_id=role, granted_by_id=random.choice(world.users))
