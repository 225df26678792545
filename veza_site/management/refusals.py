"""Refuses commands of Django and django-extensions that would break V1."""

from collections.abc import Callable
from typing import Any, NoReturn

from django.core.management import CommandError

COPY_ROWS = (
    "is not for V1: the database checks foreign keys at each row, has the system roles already, "
    "and keeps updated_at itself. Copy rows with pg_dump: see docs/operating.md, “Copying rows”."
)
EMPTY = (
    "would empty V1's tables, including the system roles. In development, `manage.py reset_db` "
    "builds V1 again; on a server, the owner drops the database and creates it again."
)
FAKE = (
    "--fake would record what nobody has done: V1's migrations are forward-only, and recorded when "
    "they are applied. `schema adopt` takes over a database that already has V1."
)


def refuse(why: str) -> Callable[..., NoReturn]:
    """
    Return a command's `handle` that raises CommandError with the command's name and `why`.

    The class has to inherit from the command that it refuses, so that it accepts all its options.
    """

    def handle(self: Any, *_arguments: Any, **_options: Any) -> NoReturn:
        name = type(self).__module__.rpartition(".")[2]
        raise CommandError(f"{name} {why} Nothing was changed.")

    return handle
