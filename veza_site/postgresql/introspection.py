"""How this backend reads what is in the database."""

import contextlib
from collections.abc import Iterator
from typing import Any

from django.db.backends.postgresql import introspection
from django.db.backends.utils import CursorWrapper, split_identifier


class DatabaseIntrospection(introspection.DatabaseIntrospection):
    """Also finds what belongs to a table whose name has its schema, as "s"."t"."""

    def get_constraints(self, cursor: CursorWrapper, table_name: str) -> dict[str, Any]:
        with _visible(cursor, table_name) as name:
            return super().get_constraints(cursor, name)

    def get_sequences(
        self, cursor: CursorWrapper, table_name: str, table_fields: Any = ()
    ) -> list[Any]:
        with _visible(cursor, table_name) as name:
            return super().get_sequences(cursor, name, table_fields)


@contextlib.contextmanager
def _visible(cursor: CursorWrapper, table: str) -> Iterator[str]:
    """Yield a table's own name, and set the search_path so that Django finds it by that."""
    schema, name = split_identifier(table)
    if not schema:
        yield name
        return
    cursor.execute("SELECT current_setting('search_path')")
    (search_path,) = cursor.fetchone()
    set_path = "SELECT set_config('search_path', {}, false)"
    cursor.execute(set_path.format("quote_ident(%s)"), [schema])
    try:
        yield name
    finally:
        cursor.execute(set_path.format("%s"), [search_path])
