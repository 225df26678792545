"""The locks on users that the transactions of every domain start with."""

from collections.abc import Collection
from uuid import UUID

from veza_site.transactions import NotAllowed, NotFound, fetch_rows


def lock_users_shared(*actor_ids: UUID, passive: Collection[UUID] = ()) -> None:
    """
    Lock live users so that they are not deleted for good before the transaction ends.

    The actors, who do something, have to be active, too. To the `passive` something is done, which
    their status does not prevent.

    Locks: the users FOR KEY SHARE, in the order of their ids.

    Statements: 1, however many there are.

    Raises NotFound if one doesn't exist or is deleted, and NotAllowed for an actor who is not
    active.
    """
    wanted = {*actor_ids, *passive}
    found = fetch_rows(
        """
        SELECT id, status FROM users
        WHERE id = ANY(%(user_ids)s) AND deleted_at IS NULL
        ORDER BY id
        FOR KEY SHARE
        """,
        user_ids=list(wanted),
    )
    check_may_act(actor_ids, wanted, dict(found))


def check_may_act(
    actor_ids: Collection[UUID], wanted: Collection[UUID], statuses: dict[UUID, str]
) -> None:
    """
    Refuse unless all wanted users are among the live ones of `statuses`, and the actors active.

    Raises NotFound and NotAllowed.
    """
    if missing := set(wanted) - statuses.keys():
        raise NotFound(f"There is no user {min(missing)}.")
    for actor_id in actor_ids:
        if statuses[actor_id] != "active":
            raise NotAllowed(f"User {actor_id} is {statuses[actor_id]}, and may do nothing.")
