"""The locks on users that the transactions of every domain start with."""

from uuid import UUID

from veza_site.transactions import NotFound, fetch_rows


def lock_users_shared(*user_ids: UUID) -> None:
    """
    Lock live users so that they are not deleted for good before the transaction ends.

    Locks: the users FOR KEY SHARE, in the order of their ids.

    Statements: 1, however many there are.

    Raises NotFound if one doesn't exist or is deleted.
    """
    found = fetch_rows(
        """
        SELECT id FROM users
        WHERE id = ANY(%(user_ids)s) AND deleted_at IS NULL
        ORDER BY id
        FOR KEY SHARE
        """,
        user_ids=list(user_ids),
    )
    if missing := set(user_ids) - {user_id for (user_id,) in found}:
        raise NotFound(f"There is no user {min(missing)}.")
