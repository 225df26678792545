"""The catalog's SQL as people would write it."""

import re

from veza_site.schema.catalog import Column, Constraint

SHORT_TYPES = {"character varying": "varchar", "timestamp with time zone": "timestamptz"}


def strip_schema(sql: str) -> str:
    """Return SQL without the schema that the catalog writes before every name."""
    return sql.replace("public.", "")


def short_type(column: Column) -> str:
    """Return the short name of a column's type."""
    name = strip_schema(column.type)
    for long, short in SHORT_TYPES.items():
        name = name.replace(long, short)
    return name


def short_default(column: Column) -> str:
    """Return the default of a column; a constant loses the cast that repeats the type."""
    return re.sub(r"^('.*')::[\w. ]+(\[\])?$", r"\1", column.default or "")


def condition(check: Constraint) -> str:
    """Return the condition of a CHECK."""
    return strip_parentheses(
        strip_parentheses(strip_schema(check.definition).removeprefix("CHECK "))
    )


def strip_parentheses(expression: str) -> str:
    """Return an expression without the parentheses around all of it."""
    depth = 0
    for place, character in enumerate(expression):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return expression[1:-1] if 0 < place == len(expression) - 1 else expression
    return expression
