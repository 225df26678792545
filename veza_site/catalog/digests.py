"""
The digest of each object of a schema, taken by the database itself.

It is made of what the contract is made of, by the reader's own queries, so that a file of SQL can
tell whether what it has made is V1. Objects with the same digests have the same fingerprint.
"""

from typing import Any

from veza_site.catalog import reader
from veza_site.postgresql import session

# What is read of each table, and of the rest, with the names of the columns that count: none of
# those that only tune.
_OF_TABLES = {
    reader.TABLES: "name",
    reader.COLUMNS: "name, item, type, nullable, value, identity, generated",
    reader.CONSTRAINTS: (
        "name, item, kind, columns, definition, refers, deletes, is_deferrable, is_valid"
    ),
    reader.INDEXES: (
        "name, item, method, columns, descending, predicate, is_unique, is_primary, is_deferrable,"
        " is_deferred, is_valid, definition"
    ),
    reader.TRIGGERS: "name, item, definition, state",
}
_OTHERS = {
    "enum": (reader.ENUMS, "name, labels"),
    "function": (reader.FUNCTIONS, "name, definition"),
    "other object": (reader.OTHERS, "name, kind, definition"),
}


def digests_query(schema: str) -> str:
    """Return the SQL that gives each object and its digest; `schema` is an SQL literal."""
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
    """Return the SQL of an object and a text for each row of one of the reader's queries."""
    return f"""SELECT '{kind} ' || name, jsonb_build_array({number}, {columns})::text COLLATE "C"
FROM ({query}) AS part ({columns})"""


def read_digests(cursor: Any, schema: str = "public") -> dict[str, str]:
    """Return the digest of each object of `schema`, by the object."""
    with session.settings(cursor, reader.PINNED):
        cursor.execute(digests_query(f"'{schema}'"))
        return dict(cursor.fetchall())
