"""The rules about foreign keys and other constraints, and whether they are enforced."""

from collections.abc import Iterator

from veza_site.postgresql.names import foreign_key_name, is_foreign_key_name
from veza_site.schema.catalog import Table
from veza_site.schema.ddl import quote
from veza_site.schema.standard.rule import Breach, by_hand, foreign_keys, rule_of_tables


@rule_of_tables
def foreign_key(table: Table, schema: str) -> Iterator[Breach]:
    """Let the database check references and decide what a deletion does, for all services."""
    alter = f"ALTER TABLE {quote(schema, table.name)}"
    for key in foreign_keys(table):
        if len(key.columns) > 1:
            mend = by_hand("one column has to refer to the other table's id")
            yield key.name, key.definition, "a foreign key of one column", mend
            continue
        column = table.columns[key.columns[0]]
        name = foreign_key_name(table.name, column.name)
        if column.type != "uuid":
            mend = by_hand("the column has to take the other table's id")
            yield f"{table.name}.{column.name}", column.type, "uuid", mend
        if not is_foreign_key_name(key.name, table.name, column.name):
            mend = f"{alter} RENAME CONSTRAINT {quote(key.name)} TO {quote(name)};"
            yield key.name, key.name, name, mend
        if key.deferrable:
            mend = f"{alter} ALTER CONSTRAINT {quote(key.name)} NOT DEFERRABLE;"
            yield key.name, "DEFERRABLE", "NOT DEFERRABLE", mend
        right = "ON DELETE SET NULL" if column.nullable else "ON DELETE CASCADE"
        again = (
            f"{alter} DROP CONSTRAINT {quote(key.name)}, ADD CONSTRAINT {quote(key.name)} "
            f"FOREIGN KEY ({quote(column.name)}) REFERENCES {key.references} {right} NOT VALID; "
            f"{alter} VALIDATE CONSTRAINT {quote(key.name)};"
        )
        if key.on_delete not in ("CASCADE", "SET NULL"):
            wanted = "ON DELETE CASCADE or SET NULL"
            yield key.name, f"ON DELETE {key.on_delete}", wanted, again
        elif key.on_delete == "SET NULL" and not column.nullable:
            found = "ON DELETE SET NULL of a NOT NULL column"
            yield key.name, found, "ON DELETE CASCADE", again


@rule_of_tables
def enforced(table: Table, schema: str) -> Iterator[Breach]:
    """Validate and enforce every constraint: readers rely on what it promises."""
    alter = f"ALTER TABLE {quote(schema, table.name)}"
    for item in table.constraints.values():
        validate = f"{alter} VALIDATE CONSTRAINT {quote(item.name)};"
        if not item.enforced:
            # PostgreSQL 18 lets a foreign key be enforced again; a CHECK has to be made again.
            mend = f"{alter} ALTER CONSTRAINT {quote(item.name)} ENFORCED;"
            if item.kind == "check":
                definition = item.definition.removesuffix(" NOT ENFORCED")
                mend = (
                    f"{alter} DROP CONSTRAINT {quote(item.name)}, "
                    f"ADD CONSTRAINT {quote(item.name)} {definition} NOT VALID; {validate}"
                )
            yield item.name, "NOT ENFORCED", "enforced", mend
        elif not item.validated:
            yield item.name, "NOT VALID", "validated", validate
    if "DISABLE TRIGGER ALL" in table.properties:
        mend = f"-- Run this as a superuser: the owner may not.\n{alter} ENABLE TRIGGER ALL;"
        yield table.name, "foreign keys are switched off", "enforced", mend
