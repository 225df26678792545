"""
Who may do something to whom: nobody acts on who may more, and nobody gives what they don't have.

Each is called in the transaction of the change, before it, and raises NotAllowed. It locks the
actor and the users concerned in one statement, in the order of their ids, as all transactions do
(docs/transactions.md), so that of two who act on one another the second sees what the first did.
What the roles themselves allow is read as it is committed then.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from accounts.models.user import STAFF_ROLES, UserRole
from accounts.rights import ANY, HELD, Right, lacking, rights_of
from accounts.super_admins import GRANTED
from veza_site.transactions import NotAllowed, fetch_rows

EVERYTHING = Right(ANY, ANY)


def check_may_act_on(*, actor_id: UUID, user_ids: Collection[UUID]) -> None:
    """
    Refuse to let the actor act on users who may what the actor may not.

    To act is to change, delete, restore or demote. What counts is what the users' roles give, also
    while they are suspended or locked; a super_admin may everything. Everybody may act on
    themselves.

    Statements: 3.
    """
    _rights_over(actor_id, user_ids)


def check_may_moderate(*, actor_id: UUID, user_ids: Collection[UUID]) -> None:
    """
    Refuse to let the actor suspend, ban, reactivate or sign out staff who may what they may not.

    As check_may_act_on(); but what roles let listeners do on the platform protects none of them.

    Statements: 3.
    """
    _rights_over(actor_id, user_ids, of=STAFF_ROLES)


def _rights_over(
    actor_id: UUID, user_ids: Collection[UUID], of: Collection[UserRole] = tuple(UserRole)
) -> frozenset[Right]:
    """
    Lock the actor and the users, refuse as check_may_act_on(), and return the actor's rights.

    Only users whose `users.role` is one `of` these count.
    """
    rights = lock_actor(actor_id, user_ids)
    others = list(set(user_ids) - {actor_id})
    found = fetch_rows(
        f"""
        SELECT min(held.username), permissions.resource, permissions.action
        FROM ({HELD}) AS held
        JOIN role_permissions ON role_permissions.role_id = held.role_id
        JOIN permissions ON permissions.id = role_permissions.permission_id
        WHERE held.user_role = ANY(%(roles)s::user_role[])
        GROUP BY permissions.resource, permissions.action
        UNION ALL
        SELECT min(users.username), '*', '*' FROM users
        WHERE users.id = ANY(%(user_ids)s::uuid[]) AND users.role = ANY(%(roles)s::user_role[])
            AND (users.role = 'super_admin' OR EXISTS (
                {GRANTED}
                    AND (user_roles.expires_at IS NULL OR user_roles.expires_at > clock_timestamp())
            ))
        HAVING count(*) > 0
        """,
        user_ids=others,
        roles=sorted(of),
    )
    theirs = {Right(resource, action): username for username, resource, action in found}
    if missing := lacking(rights, theirs):
        raise NotAllowed(
            f"The user {theirs[missing[0]]} may {missing[0]}, and you may not: nobody acts on those"
            " who have rights that they lack."
        )
    return rights


def check_may_change_role(*, actor_id: UUID, user_ids: Collection[UUID], role: UserRole) -> None:
    """
    Refuse to let the actor set the column `role` of users.

    They can't set their own, nor that of users who may what they may not, nor one that allows what
    they may not. Where a role of the staff has no system role of its name, only those give it who
    may everything.

    Statements: 4.
    """
    check_is_not_self(actor_id, user_ids)
    rights = _rights_over(actor_id, user_ids)
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
    given = {Right(*right) for right in found if right != (None, None)}
    if role == UserRole.SUPER_ADMIN or (role in STAFF_ROLES and not found):
        given.add(EVERYTHING)
    check_has(rights, given)


def lock_actor(actor_id: UUID, user_ids: Collection[UUID] = ()) -> frozenset[Right]:
    """
    Lock the actor and the users FOR NO KEY UPDATE, and return the actor's rights.

    Sends two statements, whatever the number. Raises NotAllowed for an actor who is no staff (any
    more).
    """
    found = fetch_rows(
        """
        SELECT id, status = 'active' AND deleted_at IS NULL AND role = ANY(%(staff)s::user_role[])
            AND (locked_until IS NULL OR locked_until <= clock_timestamp())
        FROM users WHERE id = ANY(%(user_ids)s::uuid[])
        ORDER BY id
        FOR NO KEY UPDATE
        """,
        user_ids=list({actor_id, *user_ids}),
        staff=sorted(STAFF_ROLES),
    )
    if not dict(found).get(actor_id):
        raise NotAllowed("Only staff may do this.")
    return rights_of(actor_id)


def check_is_not_self(actor_id: UUID, user_ids: Collection[UUID]) -> None:
    """Refuse what somebody would do to their own roles."""
    if actor_id in user_ids:
        raise NotAllowed("Nobody changes their own roles: ask somebody else to do it.")


def check_has(rights: Collection[Right], given: Iterable[Right]) -> None:
    """Refuse to give rights that go beyond `rights`."""
    if missing := lacking(rights, given):
        raise NotAllowed(
            f"It would allow to {missing[0]}, which you may not: nobody gives what they don't have."
        )
