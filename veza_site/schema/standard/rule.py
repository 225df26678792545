"""What a rule of the Standard is, and what its family's modules write it with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from veza_site.schema.catalog import Catalog, Column, Constraint, Table
from veza_site.schema.ddl import quote

# An object, what was found there, what the Standard wants, and the SQL that mends it.
Breach = tuple[str, str, str, str]


@dataclass(frozen=True)
class Rule:
    """
    A rule of the Standard.

    Its id is the name of the function that judges a catalog by it; the reason for it is that
    function's docstring.
    """

    id: str
    reason: str
    judge: Callable[[Catalog], Iterator[Breach]]


def rule(judge: Callable[[Catalog], Iterator[Breach]]) -> Rule:
    """Make a rule of a function that judges the schema as a whole."""
    return _name(judge, judge)


def rule_of_tables(judge: Callable[[Table, str], Iterator[Breach]]) -> Rule:
    """Make a rule of a function that judges one table, given the name of its schema too."""

    def judge_each(catalog: Catalog) -> Iterator[Breach]:
        for table in catalog.tables.values():
            yield from judge(table, catalog.schema)

    return _name(judge_each, judge)


def _name(
    judge: Callable[[Catalog], Iterator[Breach]], named: Callable[..., Iterator[Breach]]
) -> Rule:
    return Rule(named.__name__.replace("_", "-"), " ".join((named.__doc__ or "").split()), judge)


def foreign_keys(table: Table) -> list[Constraint]:
    """Return the foreign keys of a table."""
    return [key for key in table.constraints.values() if key.kind == "foreign key"]


def describe(column: Column) -> str:
    """Return the type of a column, whether it is NOT NULL, and its default, as SQL writes them."""
    parts = [column.type]
    if not column.nullable:
        parts.append("NOT NULL")
    if column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    return " ".join(parts)


def alter_column(schema: str, table: Table, column: Column) -> str:
    """Return the beginning of the statements that alter a column."""
    return f"ALTER TABLE {quote(schema, table.name)} ALTER COLUMN {quote(column.name)}"


def only_if(condition: str, mend: str) -> str:
    """Return SQL with a comment that tells when to run it."""
    return f"-- Only if {condition}.\n{mend}"


def by_hand(why: str) -> str:
    """Return a comment for what no single statement mends."""
    return f"-- No single statement: {why}. Write a migration."
