"""
What an error of the database says: nothing of the rows that it is about.

PostgreSQL quotes them below the first line (“Failing row contains (…)”, “Key (token_hash)=(…)”,
the statement at “LINE 1”, the line of a COPY), psycopg takes all of it for the message, and from
there it gets into logs, mails and pages, secrets included. Code that wants more than the first line
has `diag`, as before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper

from veza_site.errors import first_line


class FirstLines(DatabaseErrorWrapper):
    """Makes psycopg's errors Django's, as its base does, and cuts both to their first line."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _cut(error)
        super().__exit__(kind, error, traceback)


class Cursor(base.Cursor):
    """A cursor whose COPY is cut too: Django has no wrapper around that."""

    @contextmanager
    def copy(self, *arguments: Any, **options: Any) -> Iterator[psycopg.Copy]:
        try:
            with super().copy(*arguments, **options) as copy:
                yield copy
        except psycopg.Error as error:
            _cut(error)
            raise


def _cut(error: BaseException | None) -> None:
    # An error of the server's, which has an SQLSTATE. One of libpq, that there is no connection,
    # says on several lines what it tried, and knows no row.
    if isinstance(error, psycopg.Error) and error.diag.sqlstate:
        error.args = (first_line(error),)
