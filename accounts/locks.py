"""The locks on users that the transactions of every domain start with."""

from uuid import UUID

from veza_site.transactions import NotFound, fetch_rows


def lock_users_shared(*user_ids: UUID) -> None:
    """
    See to it that live users are not deleted for good until the transaction ends.

    FOR KEY SHARE, in the order of their ids.

    Sends one statement, whatever the number. Raises NotFound where one is not there.
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
