"""Differences of enums and their labels."""

from collections.abc import Iterator

from veza_site.schema.catalog import Catalog, Column
from veza_site.schema.ddl import (
    constraint_definition,
    create_enum,
    create_index,
    literal,
    quote,
)
from veza_site.schema.diff.difference import (
    MISSING,
    Difference,
    remarked,
    renamed_items,
    with_dependents,
)

# Nothing takes a label away but a new type, and PostgreSQL writes all rows for that.
REWRITES_ALL = (
    "Every table with this type is written anew, and nobody can read or write it meanwhile."
)


def wanted(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the enums that are missing, and those with other labels."""
    renamed = renamed_items(expected.enums, found.enums, lambda labels: labels)
    for name, labels in expected.enums.items():
        there = found.enums.get(name)
        if name in renamed:
            old = quote(found.schema, renamed[name])
            mend = f"ALTER TYPE {old} RENAME TO {quote(name)};"
            cause = f"renamed to {renamed[name]}"
            yield Difference(f"enum {name}", _listed(labels), MISSING, cause, mend)
        elif there is None:
            mend = create_enum(expected.schema, name, labels)
            yield Difference(f"enum {name}", _listed(labels), MISSING, None, mend)
        elif there != labels:
            cause, mend = _labels(expected, found, name)
            yield Difference(f"enum {name}", _listed(labels), _listed(there), cause, mend)


def _listed(labels: tuple[str, ...]) -> str:
    return "(" + ", ".join(labels) + ")"


def _labels(expected: Catalog, found: Catalog, enum: str) -> tuple[str, str]:
    """Return the cause of an enum's other labels, and the SQL that brings its own back."""
    ours, there = expected.enums[enum], found.enums[enum]
    alter = f"ALTER TYPE {quote(expected.schema, enum)}"
    missing = [label for label in ours if label not in there]
    surplus = [label for label in there if label not in ours]
    places = [place for place, label in enumerate(ours) if label in missing]
    if missing and places == [there.index(label) for label in surplus]:
        pairs = zip(surplus, missing, strict=True)
        mend = [f"{alter} RENAME VALUE {literal(old)} TO {literal(new)};" for old, new in pairs]
        return "labels renamed", " ".join(mend)
    if [label for label in ours if label in there] == list(there):
        # Each before the one that follows it; from the end, so that this one is there already.
        mend = []
        for place in reversed(places):
            after = ours[place + 1 : place + 2]
            before = f" BEFORE {literal(after[0])}" if after else ""
            mend.append(f"{alter} ADD VALUE {literal(ours[place])}{before};")
        return "a migration or ALTER TYPE … ADD VALUE that was not run here", " ".join(mend)
    again = remarked(REWRITES_ALL, _enum_again(expected, found, enum))
    again = with_dependents(found.dependents.get(quote(found.schema, enum), ()), again)
    if not surplus:
        return "labels in another order", again
    labels = _listed(tuple(surplus))
    return f"{labels} added by hand", remarked(
        f"Rows that have {labels} have to get another label first.", again
    )


def _enum_again(expected: Catalog, found: Catalog, enum: str) -> str:
    """
    Return the SQL that makes an enum anew and lets its columns have it.

    What is written with the old type's labels (checks, predicates) has to be made again too.
    """
    schema = expected.schema
    new, old = quote(schema, enum), quote(schema, f"{enum}_old")
    before, alter, after = [], [], []
    for table in found.tables.values():
        columns = [column for column in table.columns.values() if _is_of(column, new)]
        if not columns:
            continue
        on_table = f"ALTER TABLE {quote(schema, table.name)}"
        for constraint in table.constraints.values():
            if f"::{new}" in constraint.definition:
                before.append(f"{on_table} DROP CONSTRAINT {quote(constraint.name)};")
                after.append(f"{on_table} ADD {constraint_definition(constraint)};")
        for index in table.indexes.values():
            if f"::{new}" in index.definition:
                before.append(f"DROP INDEX {quote(schema, index.name)};")
                after.append(create_index(found, table, index))
        for column in columns:
            this = f"ALTER COLUMN {quote(column.name)}"
            array = column.type.removeprefix(new)
            if column.default is not None:
                before.append(f"{on_table} {this} DROP DEFAULT;")
                after.append(f"{on_table} {this} SET DEFAULT {column.default};")
            using = f"{quote(column.name)}::text{array}::{new}{array}"
            alter.append(f"{on_table} {this} TYPE {new}{array} USING {using};")
    return " ".join(
        [
            "BEGIN;",
            *before,
            f"ALTER TYPE {new} RENAME TO {quote(f'{enum}_old')};",
            create_enum(schema, enum, expected.enums[enum]),
            *alter,
            f"DROP TYPE {old};",
            *after,
            "COMMIT;",
        ]
    )


def _is_of(column: Column, type: str) -> bool:
    return column.type.removesuffix("[]") == type


def surplus(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the enums that should not be there."""
    renamed = renamed_items(expected.enums, found.enums, lambda labels: labels)
    for enum, labels in found.enums.items():
        if enum not in expected.enums and enum not in renamed.values():
            yield Difference(
                f"enum {enum}",
                "no such enum",
                _listed(labels),
                "made by hand or another tool",
                with_dependents(
                    found.dependents.get(quote(found.schema, enum), ()),
                    f"DROP TYPE {quote(found.schema, enum)};",
                ),
            )
