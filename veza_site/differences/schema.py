"""Differences of what a schema holds beside tables and enums."""

from collections.abc import Callable, Iterator

from veza_site.catalog import Catalog, Other
from veza_site.ddl import (
    literal,
    quote,
)
from veza_site.differences.difference import MISSING, Difference


def owner(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield whether the schema has another owner."""
    if found.owner != expected.owner:
        yield Difference(
            f"schema {expected.schema}",
            f"owned by {expected.owner or 'the owner of the database or of its tables'}",
            f"owned by {found.owner or 'the owner of the database or of its tables'}",
            "made or restored by another role",
            f"ALTER SCHEMA {quote(expected.schema)} OWNER TO "
            f"{quote(expected.owner or 'pg_database_owner')};",
        )


def extensions(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the extensions that are missing, and those that should not be in the schema."""
    for name in expected.extensions:
        if name not in found.extensions:
            mend = f"CREATE EXTENSION {quote(name)} SCHEMA {quote(expected.schema)};"
            cause = "dropped, or not restored"
            yield Difference(f"extension {name}", "created", "not created", cause, mend)
    for name in found.extensions:
        if name not in expected.extensions:
            where = f"in schema {expected.schema}"
            cause = "created by hand, or by another tool"
            mend = f"DROP EXTENSION {quote(name)};"
            yield Difference(f"extension {name}", f"not {where}", where, cause, mend)


def functions_wanted(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the functions that are missing, and those that are another."""
    for signature, definition in expected.functions.items():
        there = found.functions.get(signature)
        if there != definition:
            cause = None if there is None else "replaced by hand"
            yield Difference(
                f"function {signature}",
                definition.strip(),
                there.strip() if there else MISSING,
                cause,
                definition.rstrip() + ";",
            )


# What is made of tables, where the rest (sequences, types) is what tables are made of.
_OF_TABLES = {"view", "materialized view", "rule", "policy", "statistics"}


def of_tables(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the views, rules, policies and statistics that differ."""
    yield from _others(expected, found, lambda other: other.kind in _OF_TABLES)


def others(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the sequences, types, operators and the like that differ."""
    yield from _others(expected, found, lambda other: other.kind not in _OF_TABLES)


def _others(
    expected: Catalog, found: Catalog, chosen: Callable[[Other], bool]
) -> Iterator[Difference]:
    for name, other in expected.others.items():
        there = found.others.get(name)
        if chosen(other) and there != other:
            mend = f"-- Make the {other.kind} {name} again: {' '.join(other.definition.split())}"
            was = there.definition if there else MISSING
            yield Difference(f"{other.kind} {name}", other.definition, was, None, mend)
    for name, other in found.others.items():
        if chosen(other) and name not in expected.others:
            yield Difference(
                f"{other.kind} {name}",
                f"no such {other.kind}",
                other.definition or "is there",
                "made by hand, or by another tool",
                f"DROP {other.kind.upper()} IF EXISTS {name};",
            )


def functions_surplus(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the functions that should not be there."""
    for signature, definition in found.functions.items():
        if signature not in expected.functions:
            yield Difference(
                f"function {signature}",
                "no such function",
                definition.strip(),
                "made by hand or another tool",
                f"DROP ROUTINE {signature};",
            )


def comments(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield the comments that differ."""
    for name in sorted({*expected.comments, *found.comments}):
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
