"""
Keeps rows and values, which may be secret, out of the messages of database errors.

PostgreSQL quotes them below the first line (“Failing row contains (…)”, “Key (token_hash)=(…)”, the
statement at “LINE 1”, the line of a COPY), and sometimes on the first line (“invalid input syntax
for type uuid: "…"”). psycopg makes all of that the message, which ends up in logs, mails and pages.
Code that needs more still has `diag`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import psycopg
from django.db.backends import utils
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper

from veza_site.errors import first_line


class FirstLines(DatabaseErrorWrapper):
    """Turns psycopg's errors into Django's, as its base does, and cuts both to their first line."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _cut(error)
        super().__exit__(kind, error, traceback)


class CursorWrapper(utils.CursorWrapper):
    """
    Django's wrapper around a psycopg cursor, which also cuts the errors that Django doesn't wrap.

    Those stay psycopg's own errors, as with Django's backend.
    """

    @contextmanager
    def copy(self, statement: Any, *arguments: Any, **options: Any) -> Iterator[psycopg.Copy]:
        with _cut_errors(), self.cursor.copy(statement, *arguments, **options) as copy:
            yield copy

    def stream(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        with _cut_errors():
            yield from self.cursor.stream(*arguments, **options)

    def scroll(self, *arguments: Any, **options: Any) -> None:
        with _cut_errors():
            self.cursor.scroll(*arguments, **options)


class CursorDebugWrapper(base.CursorDebugWrapper, CursorWrapper):
    """The same with DEBUG, when Django logs the statements."""

    @contextmanager
    def copy(self, statement: Any, *arguments: Any, **options: Any) -> Iterator[psycopg.Copy]:
        with (
            self.debug_sql(statement),
            CursorWrapper.copy(self, statement, *arguments, **options) as copy,
        ):
            yield copy


@contextmanager
def _cut_errors() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        _cut(error)
        raise


def _cut(error: BaseException | None) -> None:
    # An error of the server's has an SQLSTATE; one of psycopg's may be about a value. An error of
    # libpq, about the connection, says in several lines what it tried, and knows no row.
    if isinstance(error, psycopg.DataError) or (
        isinstance(error, psycopg.Error) and error.diag.sqlstate
    ):
        error.args = (first_line(error),)
