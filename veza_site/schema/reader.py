"""
Read what a schema holds from pg_catalog, as plain values that can be compared and written down.

This is the project's one reader of the catalog. It needs no Django models and no right beyond
reading pg_catalog, and gives the same answer on PostgreSQL 15 to 18. What an extension brought
along is left out; so are the order of a table's columns and the rights that roles have.
"""

from dataclasses import replace
from typing import Any

from veza_site.postgresql import session
from veza_site.schema import catalog_sql
from veza_site.schema.catalog import Catalog, Column, Constraint, Index, Other, Table, Trigger

# PostgreSQL writes every name with its schema, and every value alike, whatever the session has.
PINNED = {"search_path": "", **session.TEXT}

# The extensions that `migrate` creates where the server offers them.
EXTENSIONS = ["pgcrypto", "uuid-ossp"]


def read_catalog(cursor: Any, schema: str = "public") -> Catalog:
    """
    Return the catalog of `schema`, read through any DB-API cursor on the database.

    A schema that does not exist has an empty catalog.
    """
    with session.settings(cursor, PINNED):
        tables = {
            name: Table(name, {}, {}, {}, {}, tuple(properties))
            for name, properties in _rows(cursor, catalog_sql.TABLES, schema)
        }

        def of_tables(query: str) -> list[tuple[Any, ...]]:
            # Not of a table that was made since.
            return [row for row in _rows(cursor, query, schema) if row[0] in tables]

        for table, *values, properties in of_tables(catalog_sql.COLUMNS):
            column = Column(*values, tuple(properties))
            tables[table].columns[column.name] = column
        for table, name, kind, columns, *values in of_tables(catalog_sql.CONSTRAINTS):
            tables[table].constraints[name] = Constraint(name, kind, tuple(columns), *values)
        for table, name, method, columns, descending, *values, properties in of_tables(
            catalog_sql.INDEXES
        ):
            tables[table].indexes[name] = Index(
                name, method, tuple(columns), tuple(descending), *values, tuple(properties)
            )
        for table, *values in of_tables(catalog_sql.TRIGGERS):
            trigger = Trigger(*values)
            tables[table].triggers[trigger.name] = trigger
        uses = {name: tuple(used) for name, used in _rows(cursor, catalog_sql.USES, schema)}
        return Catalog(
            schema=schema,
            tables=tables,
            enums={
                name: tuple(labels) for name, labels in _rows(cursor, catalog_sql.ENUMS, schema)
            },
            functions=dict(_rows(cursor, catalog_sql.FUNCTIONS, schema)),
            others={
                name: Other(*values, uses.get(name, ()))
                for name, *values in _rows(cursor, catalog_sql.OTHERS, schema)
            },
            extensions=tuple(name for (name,) in _rows(cursor, catalog_sql.INSTALLED, schema)),
            comments=dict(_rows(cursor, catalog_sql.COMMENTS, schema)),
        )


def with_dependents(cursor: Any, catalog: Catalog) -> Catalog:
    """Return a catalog with what depends on it elsewhere. It is asked for where SQL may mend it."""
    keys: dict[str, list[tuple[str, str, str]]] = {}
    with session.settings(cursor, PINNED):
        for table, *key in _rows(cursor, catalog_sql.KEYS_TO_HERE, catalog.schema):
            keys.setdefault(table, []).append(tuple(key))
        dependents = _rows(cursor, catalog_sql.DEPENDENTS, catalog.schema)
    return replace(
        catalog,
        dependents={name: tuple(found) for name, found in dependents},
        keys_to_here=keys,
    )


def _rows(cursor: Any, query: str, schema: str) -> list[tuple[Any, ...]]:
    # V1's extensions count as there wherever they are, and where the server does not offer them.
    extensions = EXTENSIONS if schema == "public" else []
    cursor.execute(query, {"schema": schema, "extensions": extensions})
    return cursor.fetchall()
