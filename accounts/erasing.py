"""Erasing a user: everything that belongs to them, and then the row, in batches."""

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from uuid import UUID

from django.conf import settings

from accounts.services import soft_delete_user
from veza_site.erasing import Deleter, Erasure
from veza_site.retrying import retry
from veza_site.transactions import (
    Conflict,
    NotFound,
    execute,
    fetch_row,
    fetch_rows,
    in_transaction,
)


def find_user(name: str) -> tuple[UUID, str]:
    """
    Return the id and the email address of a user, live or deleted, by either.

    Raises NotFound, and Conflict where several have the address.
    """
    users = fetch_rows(
        "SELECT id, email FROM users WHERE id::text = lower(%(name)s) OR email = %(name)s"
        " OR lower(email) = lower(%(name)s) ORDER BY created_at",
        name=name,
    )
    if not users:
        raise NotFound(f"There is no user {name}.")
    if len(users) > 1:
        ids = ", ".join(str(user_id) for user_id, _ in users)
        raise Conflict(f"{len(users)} users have the address {name}. Give one of the ids: {ids}.")
    (found,) = users
    return found


def prepare_erasure(user_id: UUID) -> Erasure:
    """Return the erasure of what belongs to a user; nothing is changed yet."""
    deleters: dict[str, Deleter] = {}
    for app in settings.V1_APPS:
        if find_spec(f"{app}.erasing") and app != "accounts":
            deleters |= import_module(f"{app}.erasing").DELETERS
    return Erasure("users", user_id, deleters, check=partial(_check_deleted, user_id))


def erase_user(user_id: UUID, erasure: Erasure) -> Iterator[int]:
    """
    Erase a user for good, and yield how many of their rows are done after each batch.

    First a soft delete, which signs them out, so that nothing new comes; then what depends on them,
    each batch a transaction; the row of the user last. Run it again after an interruption.

    Raises NotFound, LastSuperAdmin if it is the last super_admin, and Conflict if somebody restores
    the user meanwhile.
    """
    if not is_deleted(user_id):
        retry(partial(soft_delete_user, user_id=user_id, reason="account erased"))
    yield from erasure.run()
    retry(partial(_delete, user_id))


def is_deleted(user_id: UUID) -> bool:
    """Tell whether a user is soft-deleted. Raises NotFound."""
    found = fetch_row("SELECT deleted_at IS NOT NULL FROM users WHERE id = %(id)s", id=user_id)
    if found is None:
        raise NotFound(f"There is no user {user_id}.")
    return bool(found[0])


def _check_deleted(user_id: UUID) -> None:
    if not is_deleted(user_id):
        raise Conflict(f"User {user_id} was restored meanwhile, and has lost a part already.")


def _delete(user_id: UUID) -> None:
    with in_transaction():
        _check_deleted(user_id)
        execute("DELETE FROM users WHERE id = %(id)s AND deleted_at IS NOT NULL", id=user_id)
