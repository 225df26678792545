"""
Reads what a schema holds from pg_catalog, as plain values that can be compared and written down.

This is the project's only reader of the catalog. It needs no models, and no right beyond reading
pg_catalog, and returns the same on PostgreSQL 15 to 18. It leaves out what extensions brought, the
order of a table's columns and the roles' rights.
"""

from dataclasses import replace
from typing import Any

from veza_site.postgresql import session
from veza_site.schema import catalog_sql
from veza_site.schema.catalog import Catalog, Column, Constraint, Index, Other, Table, Trigger

# With these PostgreSQL writes every name with its schema, and every value in one way.
PINNED = {"search_path": "", **session.TEXT}

# The extensions that `migrate` creates if the server offers them.
EXTENSIONS = ["pgcrypto", "uuid-ossp"]


def read_catalog(cursor: Any, schema: str = "public") -> Catalog:
    """
    Read the catalog of `schema` through any DB-API cursor on the database.

    Returns an empty catalog for a schema that does not exist.
    """
    with session.settings(cursor, PINNED):
        tables = {
            name: Table(name, {}, {}, {}, {}, tuple(properties))
            for name, properties in _rows(cursor, catalog_sql.TABLES, schema)
        }

        def of_tables(query: str) -> list[tuple[Any, ...]]:
            # Leave out a table that was made since the first query.
            return [row for row in _rows(cursor, query, schema) if row[0] in tables]

        for table, *values, properties in of_tables(catalog_sql.COLUMNS):
            values.append(tuple(properties))
            column = Column(*values)
            tables[table].columns[column.name] = column
        for table, name, kind, columns, *values in of_tables(catalog_sql.CONSTRAINTS):
            tables[table].constraints[name] = Constraint(name, kind, tuple(columns), *values)
        for table, name, method, columns, descending, *values, properties in of_tables(
            catalog_sql.INDEXES
        ):
            values.append(tuple(properties))
            index = Index(name, method, tuple(columns), tuple(descending), *values)
            tables[table].indexes[name] = index
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
                name: Other(kind, definition, uses.get(name, ()))
                for name, kind, definition in _rows(cursor, catalog_sql.OTHERS, schema)
            },
            extensions=tuple(name for (name,) in _rows(cursor, catalog_sql.INSTALLED, schema)),
            comments=dict(_rows(cursor, catalog_sql.COMMENTS, schema)),
        )


def add_dependents(cursor: Any, catalog: Catalog) -> Catalog:
    """Return a catalog with what depends on it elsewhere, which only its mends need."""
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
    # V1's extensions count as present in whatever schema they are, or if the server has none.
    extensions = EXTENSIONS if schema == "public" else []
    cursor.execute(query, {"schema": schema, "extensions": extensions})
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
