"""
The digest of each object of a schema, computed by the database itself.

It covers what the contract covers, with the reader's own queries, so that an SQL file can find out
whether what it has made is V1. Objects with the same digests have the same fingerprint.
"""

from typing import Any

from veza_site.postgresql import session
from veza_site.schema import catalog_sql, reader

# What is read of each table, and the columns that count: not those that only tune.
_OF_TABLES = {
    catalog_sql.TABLES: "name",
    catalog_sql.COLUMNS: "name, item, type, nullable, value, identity, generated",
    catalog_sql.CONSTRAINTS: (
        "name, item, kind, columns, definition, refers, deletes, is_deferrable, is_valid"
    ),
    catalog_sql.INDEXES: (
        "name, item, method, columns, descending, predicate, is_unique, is_primary, is_deferrable,"
        " is_deferred, is_valid, definition"
    ),
    catalog_sql.TRIGGERS: "name, item, definition, state",
}
_OTHERS = {
    "enum": (catalog_sql.ENUMS, "name, labels"),
    "function": (catalog_sql.FUNCTIONS, "name, definition"),
    "other object": (catalog_sql.OTHERS, "name, kind, definition"),
}


def digests_query(schema: str) -> str:
    """Return the SQL that returns each object and its digest; `schema` is an SQL literal."""
    facts = [_facts("table", number, *item) for number, item in enumerate(_OF_TABLES.items())]
    facts += [_facts(kind, 0, *item) for kind, item in _OTHERS.items()]
    union = "\nUNION ALL\n".join(facts) % {"schema": schema}
    return f"""
SELECT object, encode(sha256(convert_to(string_agg(fact, chr(10) ORDER BY fact), 'UTF8')), 'hex')
FROM (
{union}
) AS facts (object, fact)
GROUP BY object
ORDER BY object COLLATE "C"
"""


def _facts(kind: str, number: int, query: str, columns: str) -> str:
    """Return the SQL that makes an object's name and a text of each row of a reader's query."""
    return f"""SELECT '{kind} ' || name, jsonb_build_array({number}, {columns})::text COLLATE "C"
FROM ({query}) AS part ({columns})"""


def read_digests(cursor: Any, schema: str = "public") -> dict[str, str]:
    """Return the digest of each object of `schema`, by the object."""
    with session.settings(cursor, reader.PINNED):
        cursor.execute(digests_query(f"'{schema}'"))
        return dict(cursor.fetchall())
