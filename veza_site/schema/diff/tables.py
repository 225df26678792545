"""Compares tables as a whole, their triggers and their properties."""

from collections.abc import Iterator

from veza_site.schema.catalog import Catalog, Table
from veza_site.schema.ddl import (
    create_table,
    create_trigger,
    quote,
    set_trigger,
    sort_tables,
)
from veza_site.schema.diff.difference import (
    AS_SUPERUSER,
    LOSES,
    MISSING,
    REWRITES,
    Difference,
    add_remark,
    explain_renaming,
    find_renamed,
    mention_dependents,
    sort_users_first,
)

# The tables in which other tools store their state.
TOOLS = {
    "_prisma_migrations": "Prisma",
    "_sqlx_migrations": "sqlx",
    "__diesel_schema_migrations": "Diesel",
    "alembic_version": "Alembic",
    "atlas_schema_revisions": "Atlas",
    "databasechangelog": "Liquibase",
    "databasechangeloglock": "Liquibase",
    "django_migrations": "Django with another search_path",
    "flyway_schema_history": "Flyway",
    "goose_db_version": "goose",
    "gorp_migrations": "sql-migrate",
    "knex_migrations": "Knex",
    "refinery_schema_history": "Refinery",
    "schema_migrations": "golang-migrate or dbmate",
    "seaql_migrations": "SeaORM",
    "spatial_ref_sys": "PostGIS",
}


def find_missing(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the tables that are missing, each after those that it refers to."""
    renamed = find_renamed(expected.tables, found.tables, _list_columns)
    for table in sort_tables(expected):
        if table.name in renamed:
            old = renamed[table.name]
            rename = f"ALTER TABLE {quote(found.schema, old)} RENAME TO {quote(table.name)};"
            cause, mend = explain_renaming(old, table.name, rename)
            yield Difference(f"table {table.name}", "is there", MISSING, cause, mend)
        elif table.name not in found.tables:
            cause = "dropped with its rows, or its migration did not run here"
            mend = " ".join(create_table(expected, table))
            yield Difference(f"table {table.name}", "is there", MISSING, cause, mend)


def _list_columns(table: Table) -> frozenset[tuple[str, str]]:
    return frozenset((column.name, column.type) for column in table.columns.values())


def find_surplus(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the tables that should not be there, each before those that it uses."""
    renamed = find_renamed(expected.tables, found.tables, _list_columns)
    unexpected = {
        quote(found.schema, table.name): table
        for table in found.tables.values()
        if table.name not in expected.tables and table.name not in renamed.values()
    }
    for name in sort_users_first({name: _list_uses(table) for name, table in unexpected.items()}):
        table = unexpected[name]
        tool = TOOLS.get(table.name)
        yield Difference(
            f"table {table.name}",
            "no such table",
            f"a table of {len(table.columns)} columns",
            f"made by {tool}, to store its state" if tool else "made by hand, or by another tool",
            mention_dependents(
                found.dependents.get(name, ()),
                add_remark(LOSES, f"DROP TABLE IF EXISTS {name};"),
            ),
        )


def _list_uses(table: Table) -> list[str]:
    """Return the tables that a table refers to or inherits from."""
    references = [key.references for key in table.constraints.values() if key.references]
    parents = [item.removeprefix("INHERITS ") for item in table.properties if "INHERITS" in item]
    return [*references, *", ".join(parents).split(", ")]


def find_surplus_triggers(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the triggers that a table should not have."""
    on_table = quote(expected.schema, table.name)
    for trigger in found.triggers.values():
        if trigger.name not in table.triggers:
            cause = "added by hand, or by another tool"
            mend = f"DROP TRIGGER {quote(trigger.name)} ON {on_table};"
            yield Difference(
                f"trigger {trigger.name}", "no such trigger", trigger.definition, cause, mend
            )


def compare_triggers(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the triggers of a table that are missing or different."""
    on_table = quote(expected.schema, table.name)
    for trigger in table.triggers.values():
        name = f"trigger {trigger.name}"
        there = found.triggers.get(trigger.name)
        again = " ".join(create_trigger(expected, table, trigger))
        if there is None:
            cause = "dropped, or its migration did not run here"
            yield Difference(name, trigger.definition, MISSING, cause, again)
        elif there.definition != trigger.definition:
            # REPLACE can't turn a constraint trigger into another kind.
            drop = f"DROP TRIGGER IF EXISTS {quote(trigger.name)} ON {on_table};"
            mend = f"BEGIN; {drop} {again} COMMIT;"
            cause = "replaced by hand"
            yield Difference(name, trigger.definition, there.definition, cause, mend)
        elif there.state != trigger.state:
            cause = "switched off for a bulk load or a restore, and never on again"
            mend = set_trigger(expected, table, trigger)
            yield Difference(name, trigger.state, there.state, cause, mend)


# The clause that resets a property of a table to what a new table has.
_TABLE_DEFAULTS = {
    "UNLOGGED": "SET LOGGED",
    "ROW LEVEL SECURITY": "DISABLE ROW LEVEL SECURITY",
    "FORCE ROW LEVEL SECURITY": "NO FORCE ROW LEVEL SECURITY",
    "DISABLE TRIGGER ALL": "ENABLE TRIGGER ALL",
}


def compare_properties(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the properties of a table that differ: how it is stored and who may see its rows."""
    name = f"table {table.name}"
    alter = f"ALTER TABLE {quote(expected.schema, table.name)}"
    for item in found.properties:
        if item not in table.properties:
            cause, mend = "set by hand", f"{alter} {_reset(item)};"
            if item.startswith("PARTITION"):
                mend = "-- No single statement: the table has to be made again. Write a migration."
            elif item == "DISABLE TRIGGER ALL":
                cause = "foreign keys were switched off for a bulk load, and never on again"
                there = [one for name, one in table.triggers.items() if name in found.triggers]
                again = [
                    set_trigger(expected, table, one) for one in there if one.state != "ENABLE"
                ]
                mend = add_remark(AS_SUPERUSER, " ".join([mend, *again]))
            elif item == "UNLOGGED":
                mend = add_remark(REWRITES, mend)
            yield Difference(name, f"not {item}", item, cause, mend, is_tuning="=" in item)
    for item in table.properties:
        if item not in found.properties:
            mend = f"{alter} SET ({item});" if "=" in item else f"-- {alter} … {item}"
            yield Difference(name, item, f"not {item}", None, mend, is_tuning="=" in item)


def _reset(item: str) -> str:
    if item.startswith("INHERITS "):
        return f"NO {item.replace('INHERITS', 'INHERIT')}"
    if item.startswith("REPLICA IDENTITY"):
        return "REPLICA IDENTITY DEFAULT"
    if item.startswith("CLUSTER ON "):
        return "SET WITHOUT CLUSTER"
    return _TABLE_DEFAULTS.get(item, f"RESET ({item.partition('=')[0]})")
