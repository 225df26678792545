"""Compares the enums and their labels."""

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
    add_remark,
    find_renamed,
    mention_dependents,
)

# Only a new type can do without a label, and for that PostgreSQL rewrites all rows.
REWRITES_ALL = "This rewrites every table with this type; meanwhile nobody can read or write them."


def compare(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the enums that are missing, or have different labels."""
    renamed = find_renamed(expected.enums, found.enums, lambda labels: labels)
    for name, labels in expected.enums.items():
        there = found.enums.get(name)
        if name in renamed:
            old = quote(found.schema, renamed[name])
            mend = f"ALTER TYPE {old} RENAME TO {quote(name)};"
            cause = f"renamed to {renamed[name]}"
            yield Difference(f"enum {name}", _join(labels), MISSING, cause, mend)
        elif there is None:
            mend = create_enum(expected.schema, name, labels)
            yield Difference(f"enum {name}", _join(labels), MISSING, None, mend)
        elif there != labels:
            cause, mend = _mend_labels(expected, found, name)
            yield Difference(f"enum {name}", _join(labels), _join(there), cause, mend)


def _join(labels: tuple[str, ...]) -> str:
    return "(" + ", ".join(labels) + ")"


def _mend_labels(expected: Catalog, found: Catalog, enum: str) -> tuple[str, str]:
    """Return the cause of an enum's different labels, and the SQL that restores them."""
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
        # Each before its successor, from the end, so that the successor is there already.
        mend = []
        for place in reversed(places):
            after = ours[place + 1 : place + 2]
            before = f" BEFORE {literal(after[0])}" if after else ""
            mend.append(f"{alter} ADD VALUE {literal(ours[place])}{before};")
        return "a migration or ALTER TYPE … ADD VALUE that did not run here", " ".join(mend)
    again = add_remark(REWRITES_ALL, _make_anew(expected, found, enum))
    again = mention_dependents(found.dependents.get(quote(found.schema, enum), ()), again)
    if not surplus:
        return "labels in another order", again
    labels = _join(tuple(surplus))
    return f"{labels} added by hand", add_remark(
        f"Rows with {labels} have to get another label first.", again
    )


def _make_anew(expected: Catalog, found: Catalog, enum: str) -> str:
    """
    Return the SQL that replaces an enum by a new type of its name.

    What uses the labels of the old type (checks, predicates, defaults) is made again too.
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


def _is_of(column: Column, enum: str) -> bool:
    return column.type.removesuffix("[]") == enum


def find_surplus(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the enums that should not be there."""
    renamed = find_renamed(expected.enums, found.enums, lambda labels: labels)
    for enum, labels in found.enums.items():
        if enum not in expected.enums and enum not in renamed.values():
            yield Difference(
                f"enum {enum}",
                "no such enum",
                _join(labels),
                "made by hand, or by another tool",
                mention_dependents(
                    found.dependents.get(quote(found.schema, enum), ()),
                    f"DROP TYPE {quote(found.schema, enum)};",
                ),
            )
