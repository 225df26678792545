"""
The rule that one super_admin always stays.

A super_admin is a live, active user with `users.role` = 'super_admin', or one of the staff with an
unexpired grant of the role of that name: to a listener that grant gives nothing, since `users.role`
says who comes in at all. The roles' tables are the domain rbac's; here they are only read, in SQL.
"""

import contextlib
from collections.abc import Iterator

from accounts.models.user import STAFF_ROLES
from veza_site.transactions import Conflict, execute, fetch_row

# Whether `users.role` is one of the staff's.
IN_STAFF = f"users.role IN ({', '.join(f"'{role.value}'" for role in sorted(STAFF_ROLES))})"

# Whether the user `users.id` has been granted it: joined to a query on users.
GRANTED = """
    SELECT FROM user_roles JOIN roles ON roles.id = user_roles.role_id
    WHERE user_roles.user_id = users.id AND roles.name = 'super_admin' AND roles.deleted_at IS NULL
"""


class LastSuperAdmin(Conflict):
    """The last super_admin stays."""


def keep_one() -> None:
    """
    Refuse what has been done in this transaction if it took the last super_admin away.

    To be called after the change, and only if that took super_admin from somebody. Of its two
    statements the first makes all who come here wait for one another until they have committed, so
    that the second, which has a snapshot of its own, sees what the others did. A grant that expires
    doesn't count: nobody would be there to refuse its end.

    Raises LastSuperAdmin.
    """
    execute("SELECT pg_advisory_xact_lock(hashtextextended('super_admin', 0))")
    if not _is_there():
        raise LastSuperAdmin("Nobody would be left who is super_admin for good.")


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """
    Let the last super_admin stay through what is done inside: in a transaction, to any rows.

    For changes that can't tell whether they took super_admin from somebody, as the deletion of
    users, roles or grants for good; where there was none before, there needn't be one afterwards.

    Raises LastSuperAdmin.
    """
    was_there = _is_there()
    yield
    if was_there:
        keep_one()


def _is_there() -> bool:
    """Tell whether somebody is super_admin for good."""
    (is_there,) = fetch_row(
        f"""
        SELECT EXISTS (
            SELECT FROM users
            WHERE status = 'active' AND deleted_at IS NULL
                AND (
                    role = 'super_admin'
                    OR {IN_STAFF} AND EXISTS ({GRANTED} AND user_roles.expires_at IS NULL)
                )
        )
        """
    )
    return is_there
