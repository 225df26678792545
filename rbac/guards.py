"""
Who may change roles, and what they allow: nobody their own, and nobody beyond their own rights.

Each is called in the transaction of the change, before it, and raises NotAllowed. Locks are taken
in the order of docs/transactions.md: the actor and the users FOR NO KEY UPDATE, then the roles,
then the permissions. So a role that is being granted keeps what it allows until the grant is there,
and nobody comes to have a role while editing it. What the actor may is read as it is committed
then.
"""

from collections.abc import Collection
from uuid import UUID

from accounts.guards import EVERYTHING, check_has, check_is_not_self, check_may_act_on, lock_actor
from accounts.models import UserRole
from accounts.rights import HELD, Right, lacking
from veza_site.transactions import NotAllowed, fetch_row, fetch_rows


def check_may_grant(*, actor_id: UUID, user_ids: Collection[UUID], role_id: UUID) -> None:
    """
    Refuse to let the actor grant themselves a role, or others one that goes beyond their rights.

    Locks the users and the actor, then the role FOR SHARE.

    Statements: 4.
    """
    check_is_not_self(actor_id, user_ids)
    rights = lock_actor(actor_id, user_ids)
    role = fetch_row("SELECT name FROM roles WHERE id = %(role_id)s FOR SHARE", role_id=role_id)
    given = _allowed_by([role_id])
    if role == (UserRole.SUPER_ADMIN,):  # makes super_admins, whatever it allows
        given.add(EVERYTHING)
    check_has(rights, given)


def check_may_revoke(*, actor_id: UUID, user_ids: Collection[UUID]) -> None:
    """
    Refuse to let the actor take a role from themselves, or from users who may what they may not.

    Locks the users and the actor.

    Statements: 3.
    """
    check_is_not_self(actor_id, user_ids)
    check_may_act_on(actor_id=actor_id, user_ids=user_ids)


def check_may_edit_roles(*, actor_id: UUID, role_ids: Collection[UUID]) -> None:
    """
    Refuse to let the actor change, delete or restore roles, or take permissions from them.

    They can't with a role that they have, nor with one that allows what they may not. Locks the
    actor, then the roles.

    Statements: 5.
    """
    _rights_to_edit(actor_id, role_ids)


def _rights_to_edit(actor_id: UUID, role_ids: Collection[UUID]) -> frozenset[Right]:
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
            AND roles.id IN (SELECT role_id FROM ({HELD}) AS held)
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
    Refuse to let the actor give roles permissions, or replace theirs by these.

    As check_may_edit_roles(), and none of the permissions may allow what they may not. Locks the
    actor, then the roles, then the permissions FOR SHARE.

    Statements: 6.
    """
    rights = _rights_to_edit(actor_id, role_ids)
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
    Refuse to let the actor write a permission that allows what they may not.

    For a new permission, and for the new values of one that is changed. Locks the actor.

    Statements: 2.
    """
    check_has(lock_actor(actor_id), [Right(resource, action)])


def check_may_edit_permissions(*, actor_id: UUID, permission_ids: Collection[UUID]) -> None:
    """
    Refuse to let the actor change or delete permissions that one of their own roles contains.

    Nor can they those that allow what they may not. Locks the actor, then the permissions.

    Statements: 4.
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
        FROM ({HELD}) AS held
        JOIN role_permissions ON role_permissions.role_id = held.role_id
        JOIN permissions ON permissions.id = role_permissions.permission_id
        WHERE permissions.id = ANY(%(permission_ids)s::uuid[])
        """,
        user_ids=[actor_id],
        permission_ids=list(permission_ids),
    )
    if own is not None:
        raise NotAllowed(
            f"One of your own roles allows to {Right(*own)}: nobody edits their own permissions."
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
    """Refuse to change what allows something that goes beyond `rights`."""
    if missing := lacking(rights, theirs):
        raise NotAllowed(f"It allows to {missing[0]}, which you may not yourself.")
