"""The rules about keys: a UUID that the database makes."""

from collections.abc import Iterator

from veza_site.schema.catalog import Catalog, Table
from veza_site.schema.ddl import quote
from veza_site.schema.standard.rule import (
    Breach,
    alter_column,
    by_hand,
    describe,
    only_if,
    rule,
    rule_of_tables,
)


@rule_of_tables
def primary_key(table: Table, schema: str) -> Iterator[Breach]:
    """Let the database make a UUID key: it suits every service, and gives no row count away."""
    wanted = "primary key (id), id uuid DEFAULT gen_random_uuid()"
    keys = [item for item in table.constraints.values() if item.kind == "primary key"]
    key = table.columns.get("id")
    alter = f"ALTER TABLE {quote(schema, table.name)}"
    if key is None and not keys:
        mend = f"{alter} ADD COLUMN id uuid DEFAULT gen_random_uuid() PRIMARY KEY;"
        yield table.name, "no primary key", wanted, mend
    elif key is None or [item.columns for item in keys] != [("id",)]:
        found = ", ".join(item.definition for item in keys) or "no primary key"
        mend = by_hand("rows that refer to this table have to follow its new key")
        yield table.name, found, wanted, mend
    elif key.type != "uuid":
        mend = by_hand("rows that refer to this table have to follow its new key")
        yield f"{table.name}.id", describe(key), wanted, mend
    elif key.default != "gen_random_uuid()":
        mend = f"{alter} ALTER COLUMN id SET DEFAULT gen_random_uuid();"
        yield f"{table.name}.id", describe(key), wanted, mend


@rule_of_tables
def no_identity(table: Table, schema: str) -> Iterator[Breach]:
    """Use no identity column: its numbers give row counts away, and clash when data is merged."""
    for column in table.columns.values():
        if column.identity:
            mend = only_if(
                "nothing relies on its numbers: who inserts has to give one from then on",
                f"{alter_column(schema, table, column)} DROP IDENTITY;",
            )
            yield f"{table.name}.{column.name}", "an identity column", "a UUID", mend


@rule
def no_sequence(catalog: Catalog) -> Iterator[Breach]:
    """Use no sequence, nor a serial column, which is one: as for identity columns."""
    for name, other in catalog.others.items():
        if other.kind == "sequence":
            mend = only_if(
                "nothing relies on its numbers: the defaults that take them go with it",
                f"DROP SEQUENCE {name} CASCADE;",
            )
            yield name, "a sequence", "none: keys are UUIDs", mend
