"""
Who may change roles, and what they allow: nobody their own, and nobody beyond their own rights.

Call a guard in the transaction of the change, before the change. Locks are taken in the order of
docs/transactions.md: the actor and the users FOR NO KEY UPDATE, then the roles, then the
permissions. So a role that is being granted keeps what it allows until the grant is there, and
nobody is given a role while editing it. What the actor may do is read as it is committed then.
"""

from collections.abc import Collection
from uuid import UUID

from accounts.guards import check_has, check_is_not_self, check_may_act_on, lock_actor
from accounts.models import UserRole
from accounts.rights import EVERYTHING, HELD, Right, find_missing
from veza_site.transactions import NotAllowed, fetch_row, fetch_rows


def check_may_grant(*, actor_id: UUID, user_ids: Collection[UUID], role_id: UUID) -> None:
    """
    Refuse to let the actor grant themselves a role, or others one that goes beyond their rights.

    Locks: the users and the actor, then the role FOR SHARE.

    Statements: 4.

    Raises NotAllowed.
    """
    check_is_not_self(actor_id, user_ids)
    rights = lock_actor(actor_id, user_ids)
    role = fetch_row("SELECT name FROM roles WHERE id = %(role_id)s FOR SHARE", role_id=role_id)
    check_covers_role(rights, role_id, name=role[0] if role else "")


def check_covers_role(rights: Collection[Right], role_id: UUID, *, name: str) -> None:
    """
    Refuse to grant a role of this name that goes beyond `rights`. Its row has to be locked.

    Statements: 1.

    Raises NotAllowed.
    """
    given = _allowed_by([role_id])
    if name == UserRole.SUPER_ADMIN:  # makes super_admins, whatever it allows
        given.add(EVERYTHING)
    check_has(rights, given)


def check_may_revoke(*, actor_id: UUID, user_ids: Collection[UUID]) -> None:
    """
    Refuse to let the actor take a role from themselves, or from users who have more rights.

    Locks: the users and the actor.

    Statements: 3.

    Raises NotAllowed.
    """
    check_is_not_self(actor_id, user_ids)
    check_may_act_on(actor_id=actor_id, user_ids=user_ids)


def check_may_edit_roles(*, actor_id: UUID, role_ids: Collection[UUID]) -> None:
    """
    Refuse to let the actor change, delete or restore roles, or take permissions from them.

    They may not with a role that they have, nor with one that allows more than they have.

    Locks: the actor, then the roles.

    Statements: 5.

    Raises NotAllowed.
    """
    _lock_roles_to_edit(actor_id, role_ids)


def _lock_roles_to_edit(actor_id: UUID, role_ids: Collection[UUID]) -> frozenset[Right]:
    """Lock the actor and the roles, refuse as check_may_edit_roles(), return the actor's rights."""
    rights = lock_actor(actor_id)
    fetch_rows(
        """
        SELECT id FROM roles WHERE id = ANY(%(role_ids)s::uuid[]) ORDER BY id FOR NO KEY UPDATE
        """,
        role_ids=list(role_ids),
    )
    own = fetch_row(
        f"""
        SELECT roles.name FROM roles
        WHERE roles.id = ANY(%(role_ids)s::uuid[])
            AND roles.id IN (SELECT role_id FROM {HELD} AS held)
        """,
        user_ids=[actor_id],
        role_ids=list(role_ids),
    )
    if own is not None:
        (name,) = own
        raise NotAllowed(f"You have the role {name} yourself: nobody edits their own roles.")
    _check_covers(rights, _allowed_by(role_ids))
    return rights


def check_may_allow(
    *, actor_id: UUID, role_ids: Collection[UUID], permission_ids: Collection[UUID]
) -> None:
    """
    Refuse to let the actor add permissions to roles, or replace theirs.

    As check_may_edit_roles(), and none of the permissions may give more than the actor has.

    Locks: the actor, then the roles, then the permissions FOR SHARE.

    Statements: 6.

    Raises NotAllowed.
    """
    rights = _lock_roles_to_edit(actor_id, role_ids)
    given = fetch_rows(
        """
        SELECT resource, action FROM permissions WHERE id = ANY(%(permission_ids)s::uuid[])
        ORDER BY id
        FOR SHARE
        """,
        permission_ids=list(permission_ids),
    )
    check_has(rights, (Right(*right) for right in given))


def check_may_define(*, actor_id: UUID, resource: str, action: str) -> None:
    """
    Refuse to let the actor write a permission, new or changed, that gives more than they have.

    Locks: the actor.

    Statements: 2.

    Raises NotAllowed.
    """
    check_has(lock_actor(actor_id), [Right(resource, action)])


def check_may_edit_permissions(*, actor_id: UUID, permission_ids: Collection[UUID]) -> None:
    """
    Refuse to let the actor change or delete permissions of one of their own roles.

    They may not with permissions that give more than they have, either.

    Locks: the actor, then the permissions.

    Statements: 4.

    Raises NotAllowed.
    """
    rights = lock_actor(actor_id)
    found = fetch_rows(
        """
        SELECT resource, action FROM permissions WHERE id = ANY(%(permission_ids)s::uuid[])
        ORDER BY id
        FOR NO KEY UPDATE
        """,
        permission_ids=list(permission_ids),
    )
    own = fetch_row(
        f"""
        SELECT permissions.resource, permissions.action
        FROM {HELD} AS held
        JOIN role_permissions ON role_permissions.role_id = held.role_id
        JOIN permissions ON permissions.id = role_permissions.permission_id
        WHERE permissions.id = ANY(%(permission_ids)s::uuid[])
        """,
        user_ids=[actor_id],
        permission_ids=list(permission_ids),
    )
    if own is not None:
        raise NotAllowed(
            f"One of your own roles gives the right to {Right(*own)}: nobody edits their own"
            " permissions."
        )
    _check_covers(rights, {Right(*right) for right in found})


def _allowed_by(role_ids: Collection[UUID]) -> set[Right]:
    """Return what roles allow."""
    found = fetch_rows(
        """
        SELECT DISTINCT permissions.resource, permissions.action
        FROM role_permissions JOIN permissions ON permissions.id = role_permissions.permission_id
        WHERE role_permissions.role_id = ANY(%(role_ids)s::uuid[])
        """,
        role_ids=list(role_ids),
    )
    return {Right(*right) for right in found}


def _check_covers(rights: Collection[Right], theirs: Collection[Right]) -> None:
    """Refuse to change what gives a right that goes beyond `rights`."""
    if missing := find_missing(rights, theirs):
        raise NotAllowed(f"This gives the right to {missing[0]}, which you don't have yourself.")
