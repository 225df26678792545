"""The names that follow from a table's name, each computed in one place."""

import hashlib

NAME_LENGTH = 63  # bytes; PostgreSQL cuts a longer name off


def trigger_name(table: str) -> str:
    """Return the name of the trigger that writes `updated_at` of `table`."""
    return _cut_off(f"update_{table}_updated_at")


def foreign_key_name(table: str, column: str) -> str:
    """Return the name of the foreign key of `column`."""
    return _shorten(_foreign_key(table, column))


def index_name(table: str, *columns: str) -> str:
    """Return the name of the index on `columns`, to which a partial index may add one word."""
    return _shorten(_index(table, *columns))


def is_foreign_key_name(found: str, table: str, column: str) -> bool:
    """Return whether a name is the foreign key's, shortened by us or cut off by PostgreSQL."""
    name = _foreign_key(table, column)
    return found in (_shorten(name), _cut_off(name))


def is_index_name(found: str, table: str, *columns: str) -> bool:
    """Return whether a name is the index's, shortened by us or cut off by PostgreSQL."""
    name = _index(table, *columns)
    return found in (_shorten(name), _cut_off(name))


def trigger_definition(schema: str, table: str) -> str:
    """Return the trigger that writes `updated_at` of `table`, as PostgreSQL defines it."""
    return (
        f"CREATE TRIGGER {trigger_name(table)} BEFORE UPDATE ON {schema}.{table} FOR EACH ROW "
        f"EXECUTE FUNCTION {schema}.update_updated_at_column()"
    )


def temporary_name(name: str) -> str:
    """Return the name of an object that is made to take the place of the one of this name."""
    return name.encode()[: NAME_LENGTH - 4].decode(errors="ignore") + "_new"


def _foreign_key(table: str, column: str) -> str:
    return f"{table}_{column}_fkey"


def _index(table: str, *columns: str) -> str:
    return "_".join(["idx", table, *columns])


def _cut_off(name: str) -> str:
    """Return a name as PostgreSQL cuts it off, after 63 bytes."""
    return name.encode()[:NAME_LENGTH].decode(errors="ignore")


def _shorten(name: str) -> str:
    """
    Return a name that PostgreSQL does not cut off.

    It would cut two long names that begin alike to the same one. So a name that is too long ends in
    a digest of the whole.
    """
    if len(name.encode()) <= NAME_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: NAME_LENGTH - 9].decode(errors='ignore')}_{digest}"
