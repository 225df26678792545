"""
Who may do something to whom: nobody acts on people with more rights, or gives rights they lack.

Call a guard in the transaction of the change, before the change. It locks the actor and the users
concerned in one statement, in the order of their ids, as all transactions do
(docs/transactions.md): if two people act on each other, the second sees what the first did. What
the roles allow is read as it is committed then.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from accounts.models.user import STAFF_ROLES, UserRole
from accounts.rights import (
    EVERYTHING,
    Right,
    find_missing,
    holders_of_rights,
    rights_of,
    rights_of_system_role,
)
from veza_site.transactions import NotAllowed, NotFound, fetch_rows


def check_may_act_on(*, actor_id: UUID, user_ids: Collection[UUID]) -> None:
    """
    Refuse to let the actor change, delete, restore or demote users who have more rights.

    What counts is what the users' roles give, even while they are suspended or locked; a
    super_admin has every right. Everybody may act on themselves.

    Locks: the actor and the users.

    Statements: 3.

    Raises NotAllowed.
    """
    _check_outranks(actor_id, user_ids)


def check_may_moderate(*, actor_id: UUID, user_ids: Collection[UUID]) -> None:
    """
    Refuse to let the actor suspend, ban, reactivate or sign out staff who have more rights.

    As check_may_act_on(), except that roles granted to listeners protect none of them.

    Locks: the actor and the users.

    Statements: 3.

    Raises NotAllowed.
    """
    _check_outranks(actor_id, user_ids, of=STAFF_ROLES)


def _check_outranks(
    actor_id: UUID, user_ids: Collection[UUID], of: Collection[UserRole] = tuple(UserRole)
) -> frozenset[Right]:
    """
    Lock the actor and the users, refuse as check_may_act_on(), and return the actor's rights.

    Only users whose `users.role` is one `of` these count.
    """
    rights = lock_actor(actor_id, user_ids)
    holders = holders_of_rights(set(user_ids) - {actor_id}, of)
    if missing := find_missing(rights, holders):
        raise NotAllowed(
            f"The user {holders[missing[0]]} has the right to {missing[0]}, which you don't have"
            " yourself: nobody acts on people with more rights."
        )
    return rights


def check_may_change_role(*, actor_id: UUID, user_ids: Collection[UUID], role: UserRole) -> None:
    """
    Refuse to let the actor set the column `role` of users.

    They can't set their own, nor that of users who have more rights, nor one that allows more than
    they have. Only somebody with every right gives a role of the staff that has no system role of
    its name.

    Locks: the actor and the users.

    Statements: 4.

    Raises NotAllowed.
    """
    check_is_not_self(actor_id, user_ids)
    rights = _check_outranks(actor_id, user_ids)
    given = rights_of_system_role(role)
    if role == UserRole.SUPER_ADMIN or (role in STAFF_ROLES and given is None):
        given = frozenset([EVERYTHING])
    check_has(rights, given or ())


def lock_actor(
    actor_id: UUID, user_ids: Collection[UUID] = (), *, live: bool = False
) -> frozenset[Right]:
    """
    Lock the actor, and these users; `live` if none of them may be deleted.

    Locks: the actor and the users FOR NO KEY UPDATE, in the order of their ids.

    Statements: 2.

    Returns the actor's rights.

    Raises NotAllowed for an actor who is not one of the staff, or not any more; with `live`,
    NotFound if a user doesn't exist or is deleted.
    """
    found = fetch_rows(
        """
        SELECT id, deleted_at IS NULL, status = 'active' AND role = ANY(%(staff)s::user_role[])
            AND (locked_until IS NULL OR locked_until <= clock_timestamp())
        FROM users WHERE id = ANY(%(user_ids)s::uuid[])
        ORDER BY id
        FOR NO KEY UPDATE
        """,
        user_ids=list({actor_id, *user_ids}),
        staff=sorted(STAFF_ROLES),
    )
    acting = {user_id: may_act for user_id, is_live, may_act in found if is_live}
    if not acting.get(actor_id):
        raise NotAllowed("Only staff may do this.")
    if live and (missing := set(user_ids) - acting.keys()):
        raise NotFound(f"There is no user {min(missing)}.")
    return rights_of(actor_id)


def check_is_not_self(actor_id: UUID, user_ids: Collection[UUID]) -> None:
    """Refuse to let somebody change their own roles. Raises NotAllowed."""
    if actor_id in user_ids:
        raise NotAllowed("Nobody changes their own roles: ask somebody else to do it.")


def check_has(rights: Collection[Right], given: Iterable[Right]) -> None:
    """Refuse to give rights that go beyond `rights`. Raises NotAllowed."""
    if missing := find_missing(rights, given):
        raise NotAllowed(f"That gives the right to {missing[0]}, which you don't have yourself.")
