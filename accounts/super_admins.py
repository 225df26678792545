"""
The rule that a permanent super_admin always stays.

A super_admin is a live, active user whose `users.role` is super_admin, or one of the staff with an
unexpired grant of the role of that name: see `accounts.rights`.
"""

import contextlib
from collections.abc import Iterator

from accounts.rights import has_permanent_super_admin
from veza_site.transactions import Conflict, execute


class LastSuperAdmin(Conflict):
    """The last super_admin stays."""


def check_super_admin_left() -> None:
    """
    Refuse what this transaction has done if it took the last super_admin away.

    Call it after the change, and only if that took super_admin from somebody. Its first statement
    makes all who come here wait for each other until they have committed; so the second, which has
    a snapshot of its own, sees what the others did. A grant that expires doesn't count: nobody
    would be there to refuse its end.

    Locks: the advisory lock `super_admin`.

    Statements: 2.

    Raises LastSuperAdmin.
    """
    execute("SELECT pg_advisory_xact_lock(hashtextextended('super_admin', 0))")
    if not has_permanent_super_admin():
        raise LastSuperAdmin("This would leave no permanent super_admin.")


@contextlib.contextmanager
def protect_last_super_admin() -> Iterator[None]:
    """
    Refuse what is done inside if it takes the last super_admin away. Use it in a transaction.

    For changes that can't tell whether they take super_admin from somebody, such as deleting users,
    roles or grants for good. Where there was none before, none is needed afterwards.

    Locks: as check_super_admin_left().

    Statements: 1 before; 2 after, if there was a super_admin.

    Raises LastSuperAdmin.
    """
    was_there = has_permanent_super_admin()
    yield
    if was_there:
        check_super_admin_left()
