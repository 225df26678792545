"""The names that follow from a table's name, each made in one place."""

import hashlib

NAME_LENGTH = 63  # the bytes of a name that PostgreSQL keeps


def trigger_name(table: str) -> str:
    """Return the name of the trigger that keeps `updated_at` of `table`."""
    return _as_kept(f"update_{table}_updated_at")


def foreign_key_name(table: str, column: str) -> str:
    """Return the name of the foreign key of `column`."""
    return _fitted(_foreign_key(table, column))


def index_name(table: str, *columns: str) -> str:
    """Return the name of the index on `columns`, to which a partial index may add one word."""
    return _fitted(_index(table, *columns))


def is_foreign_key_name(found: str, table: str, column: str) -> bool:
    """Return whether it is the foreign key's name, fitted, or cut off as PostgreSQL cuts it."""
    name = _foreign_key(table, column)
    return found in (_fitted(name), _as_kept(name))


def is_index_name(found: str, table: str, *columns: str) -> bool:
    """Return whether it is the index's name, fitted, or cut off as PostgreSQL cuts it."""
    name = _index(table, *columns)
    return found in (_fitted(name), _as_kept(name))


def trigger_definition(schema: str, table: str) -> str:
    """Return the trigger that keeps `updated_at` of `table`, as PostgreSQL writes it."""
    return (
        f"CREATE TRIGGER {trigger_name(table)} BEFORE UPDATE ON {schema}.{table} FOR EACH ROW "
        f"EXECUTE FUNCTION {schema}.update_updated_at_column()"
    )


def temporary_name(name: str) -> str:
    """Return the name of what is made to take the place of an object of this name."""
    return name.encode()[: NAME_LENGTH - 4].decode(errors="ignore") + "_new"


def _foreign_key(table: str, column: str) -> str:
    return f"{table}_{column}_fkey"


def _index(table: str, *columns: str) -> str:
    return "_".join(["idx", table, *columns])


def _as_kept(name: str) -> str:
    """Return a name as PostgreSQL keeps it: the first 63 bytes."""
    return name.encode()[:NAME_LENGTH].decode(errors="ignore")


def _fitted(name: str) -> str:
    """
    Return a name that PostgreSQL keeps whole.

    Of two long names that begin alike, it would keep the same. One that is too long ends in a
    digest of all of it instead.
    """
    if len(name.encode()) <= NAME_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: NAME_LENGTH - 9].decode(errors='ignore')}_{digest}"
