"""The catalog's SQL as people write it."""

import re

from veza_site.schema.catalog import Column, Constraint

SHORT_TYPES = {"character varying": "varchar", "timestamp with time zone": "timestamptz"}


def plain(sql: str) -> str:
    """Return SQL without the schema, which the catalog writes before every name."""
    return sql.replace("public.", "")


def short_type(column: Column) -> str:
    """Return the type of a column by its short name."""
    name = plain(column.type)
    for long, short in SHORT_TYPES.items():
        name = name.replace(long, short)
    return name


def short_default(column: Column) -> str:
    """Return the default of a column; a constant without the cast that repeats the type."""
    return re.sub(r"^('.*')::[\w. ]+(\[\])?$", r"\1", column.default or "")


def condition(check: Constraint) -> str:
    """Return what a CHECK asks of a row."""
    return unwrapped(unwrapped(plain(check.definition).removeprefix("CHECK ")))


def unwrapped(expression: str) -> str:
    """Return an expression without the parentheses around the whole of it."""
    depth = 0
    for place, character in enumerate(expression):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return expression[1:-1] if 0 < place == len(expression) - 1 else expression
    return expression
