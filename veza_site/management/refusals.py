"""Commands of Django's and django-extensions' that would break V1: they say so, and do nothing."""

from collections.abc import Callable
from typing import Any, NoReturn

from django.core.management import CommandError

COPY_ROWS = (
    "is not for V1: the database checks foreign keys at each row, has the system roles already, "
    "and keeps updated_at itself. Copy rows with pg_dump: see docs/operating.md, “Copying rows”."
)
EMPTY = (
    "would empty V1's tables, system roles included. In development, `python manage.py reset_db` "
    "builds V1 again; a server's database is dropped, and made again, by who owns it."
)
FAKE = (
    "--fake would record what nobody has done: V1's migrations are forward-only, and recorded when "
    "they are applied. A database that has V1 already is taken over by `schema adopt`."
)


def refusing(why: str) -> Callable[..., NoReturn]:
    """
    Return a command's `handle` that raises CommandError with the command's name and `why`.

    The class inherits from the command that it refuses, so that any of its options leads here.
    """

    def handle(self: Any, *arguments: Any, **options: Any) -> NoReturn:
        name = type(self).__module__.rpartition(".")[2]
        raise CommandError(f"{name} {why} Nothing was changed.")

    return handle
