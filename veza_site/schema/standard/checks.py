"""The rule about CHECK constraints."""

from collections.abc import Iterator

from veza_site.schema.catalog import Table
from veza_site.schema.ddl import quote
from veza_site.schema.standard.rule import Breach, rule_of_tables


@rule_of_tables
def name_of_check(table: Table, schema: str) -> Iterator[Breach]:
    """Name a CHECK for its table and what it refuses: errors show only the name."""
    for check in table.constraints.values():
        if check.kind == "check" and not check.name.startswith(f"chk_{table.name}_"):
            what = check.name.removeprefix(f"{table.name}_").removesuffix("_check")
            mend = (
                f"ALTER TABLE {quote(schema, table.name)} RENAME CONSTRAINT {quote(check.name)} "
                f"TO {quote(f'chk_{table.name}_{what}')};"
            )
            yield check.name, check.name, f"chk_{table.name}_<what>", mend
