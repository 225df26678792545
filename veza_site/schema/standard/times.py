"""The rules about points in time, and the trigger that writes updated_at."""

from collections.abc import Iterator

from veza_site.postgresql.names import trigger_definition, trigger_name
from veza_site.schema.catalog import Table
from veza_site.schema.ddl import quote
from veza_site.schema.standard.rule import Breach, alter_column, describe, rule_of_tables


@rule_of_tables
def timestamps(table: Table, schema: str) -> Iterator[Breach]:
    """Record when a row was made and last changed: support, caches and replication need it."""
    wanted = "timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP"
    required = {"created_at"} | ({"updated_at"} if "deleted_at" in table.columns else set())
    for name in ("created_at", "updated_at"):
        column = table.columns.get(name)
        if column is None and name in required:
            mend = f"ALTER TABLE {quote(schema, table.name)} ADD COLUMN {name} {wanted};"
            yield f"{table.name}.{name}", "no such column", wanted, mend
        elif column is not None and describe(column) != wanted:
            alter = alter_column(schema, table, column)
            mend = f"{alter} SET DEFAULT CURRENT_TIMESTAMP;"
            if column.nullable:
                mend += f" UPDATE {quote(schema, table.name)} SET {name} = DEFAULT"
                mend += f" WHERE {name} IS NULL; {alter} SET NOT NULL;"
            yield f"{table.name}.{name}", describe(column), wanted, mend
    deleted_at = table.columns.get("deleted_at")
    if deleted_at is not None and describe(deleted_at) != "timestamp with time zone":
        alter = alter_column(schema, table, deleted_at)
        mend = f"{alter} DROP DEFAULT; {alter} DROP NOT NULL;"
        yield f"{table.name}.deleted_at", describe(deleted_at), "timestamp with time zone", mend


@rule_of_tables
def time_zone(table: Table, schema: str) -> Iterator[Breach]:
    """Store times with a zone: without one, each client reads a different moment."""
    for column in table.columns.values():
        if column.type.startswith("timestamp") and "without time zone" in column.type:
            alter = alter_column(schema, table, column)
            mend = f"{alter} TYPE timestamptz USING {quote(column.name)} AT TIME ZONE 'UTC';"
            yield f"{table.name}.{column.name}", column.type, "with time zone", mend


@rule_of_tables
def updated_at_trigger(table: Table, schema: str) -> Iterator[Breach]:
    """Write updated_at in a trigger: only a trigger catches the writes of every service."""
    name = trigger_name(table.name)
    trigger = table.triggers.get(name)
    wanted = trigger_definition(schema, table.name)
    create = wanted.replace("CREATE", "CREATE OR REPLACE", 1) + ";"
    on_table = quote(schema, table.name)
    if not {"updated_at", "deleted_at"} & set(table.columns):
        if trigger is not None:
            mend = f"DROP TRIGGER {name} ON {on_table};"
            yield name, "a trigger", "none: the table is append-only", mend
    elif trigger is None:
        yield name, "no such trigger", wanted, create
    elif trigger.definition.replace('"', "") != wanted:
        yield name, trigger.definition, wanted, create
    elif not trigger.enabled:
        yield name, "disabled", "enabled", f"ALTER TABLE {on_table} ENABLE TRIGGER {name};"
