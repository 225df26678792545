"""
What an error of the database says: nothing of the rows and the values that it is about.

PostgreSQL quotes them below the first line (“Failing row contains (…)”, “Key (token_hash)=(…)”,
the statement at “LINE 1”, the line of a COPY), and some on the first (“invalid input syntax for
type uuid: "…"”); psycopg takes all of it for the message, and from there it gets into logs, mails
and pages, secrets included. Code that wants more has `diag`, as before.
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
    """Makes psycopg's errors Django's, as its base does, and cuts both to their first line."""

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
    Django's wrapper around any cursor of psycopg's; what it leaves unwrapped is cut here.

    Those errors stay psycopg's own, as they are with Django's backend.
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
    # An error of the server's, which has an SQLSTATE, or one of psycopg's about a value. One of
    # libpq, that there is no connection, says on several lines what it tried, and knows no row.
    if isinstance(error, psycopg.DataError) or (
        isinstance(error, psycopg.Error) and error.diag.sqlstate
    ):
        error.args = (first_line(error),)
