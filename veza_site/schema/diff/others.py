"""Compares what a schema holds besides tables and enums."""

from collections.abc import Callable, Iterator

from veza_site.schema.catalog import Catalog, Other
from veza_site.schema.ddl import (
    literal,
    quote,
)
from veza_site.schema.diff.difference import (
    LOSES,
    MISSING,
    Difference,
    add_remark,
    mention_dependents,
    sort_users_first,
)


def find_missing_extensions(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the extensions that are missing."""
    for name in expected.extensions:
        if name not in found.extensions:
            mend = f"CREATE EXTENSION {quote(name)} SCHEMA {quote(expected.schema)};"
            cause = "dropped, or not restored"
            yield Difference(f"extension {name}", "created", "not created", cause, mend)


def find_surplus_extensions(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the extensions that should not be in the schema."""
    for name in found.extensions:
        if name not in expected.extensions:
            where = f"in schema {expected.schema}"
            cause = "created by hand, or by another tool"
            mend = f"DROP EXTENSION {quote(name)};"
            yield Difference(f"extension {name}", f"not {where}", where, cause, mend)


def compare_functions(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the functions that are missing or different."""
    for signature, definition in expected.functions.items():
        there = found.functions.get(signature)
        if there != definition:
            cause = None if there is None else "replaced by hand"
            mend = definition.rstrip() + ";"
            if there is not None and _heading(there) != _heading(definition):
                mend = mention_dependents(
                    found.dependents.get(signature, ()),
                    f"BEGIN; DROP ROUTINE {signature} CASCADE; {mend} COMMIT;",
                )
            yield Difference(
                f"function {signature}",
                definition.strip(),
                there.strip() if there else MISSING,
                cause,
                mend,
            )


def _heading(definition: str) -> str:
    """Return what REPLACE can't change of a function: its arguments and what it returns."""
    return definition.partition("\n LANGUAGE ")[0]


# What is made of tables, and what functions and tables are made of. All other kinds (operators,
# aggregates, conversions …) are made of functions and types.
_OF_TABLES = {"rule", "policy", "statistics", "view", "materialized view", "foreign table"}
_TYPES = {"collation", "domain", "sequence", "type"}
_HOLD_DATA = {"materialized view", "sequence"}


def find_surplus_of_tables(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the views, rules, policies and the like that should not be there."""
    yield from _find_surplus(expected, found, lambda other: other.kind in _OF_TABLES)


def find_surplus_of_functions(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the operators, aggregates and the like that should not be there."""
    yield from _find_surplus(expected, found, lambda other: other.kind not in _OF_TABLES | _TYPES)


def find_surplus_types(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the types and sequences that should not be there."""
    yield from _find_surplus(expected, found, lambda other: other.kind in _TYPES)


def compare_others(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the views, rules, sequences, types and the like that are missing or different."""
    for name, other in expected.others.items():
        there = found.others.get(name)
        if there != other:
            mend = f"-- Create the {other.kind} {name} again: {' '.join(other.definition.split())}"
            was = there.definition if there else MISSING
            yield Difference(f"{other.kind} {name}", other.definition, was, None, mend)


def _find_surplus(
    expected: Catalog, found: Catalog, chosen: Callable[[Other], bool]
) -> Iterator[Difference]:
    unexpected = {
        name: other
        for name, other in found.others.items()
        if chosen(other) and name not in expected.others
    }
    for name in sort_users_first({name: other.uses for name, other in unexpected.items()}):
        other = unexpected[name]
        alone = name.removeprefix(f"{other.kind} ")  # if the catalog names it by its kind too
        mend = f"DROP {other.kind.upper()} IF EXISTS {alone};"
        if other.kind in _HOLD_DATA:
            mend = add_remark(LOSES, mend)
        yield Difference(
            f"{other.kind} {alone}",
            f"no such {other.kind}",
            other.definition or "is there",
            "made by hand, or by another tool",
            mention_dependents(found.dependents.get(name, ()), mend),
        )


def find_surplus_functions(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the functions that should not be there."""
    for signature, definition in found.functions.items():
        if signature not in expected.functions:
            yield Difference(
                f"function {signature}",
                "no such function",
                definition.strip(),
                "made by hand, or by another tool",
                mention_dependents(
                    found.dependents.get(signature, ()), f"DROP ROUTINE IF EXISTS {signature};"
                ),
            )


def compare_comments(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the comments that differ, except on objects that should not be there."""
    gone = _list_commentable(found) - _list_commentable(expected)
    for name in sorted({*expected.comments, *found.comments} - gone):
        wanted, there = expected.comments.get(name), found.comments.get(name)
        if wanted != there:
            text = "NULL" if wanted is None else literal(wanted)
            yield Difference(
                f"comment on {name}",
                wanted or "no comment",
                there or "no comment",
                "written by hand, or by another tool" if there else None,
                f"COMMENT ON {name} IS {text};",
            )


def _list_commentable(catalog: Catalog) -> set[str]:
    """Return every object that can have a comment, as COMMENT ON takes it."""
    names = {f"TYPE {quote(catalog.schema, enum)}" for enum in catalog.enums}
    names |= {f"{kind} {name}" for name in catalog.functions for kind in ("FUNCTION", "PROCEDURE")}
    for name, other in catalog.others.items():
        names |= {f"{other.kind.upper()} {name}", f"TYPE {name}"}
    for table in catalog.tables.values():
        on = quote(catalog.schema, table.name)
        names |= {f"TABLE {on}", f"TYPE {on}"}
        names |= {f"COLUMN {on}.{quote(name)}" for name in table.columns}
        names |= {f"TRIGGER {quote(name)} on {on}" for name in table.triggers}
        names |= {f"INDEX {quote(catalog.schema, name)}" for name in table.indexes}
        # A UNIQUE constraint is among the indexes.
        constraints = [*table.constraints, *table.indexes]
        names |= {f"CONSTRAINT {quote(name)} on {on}" for name in constraints}
    return names
