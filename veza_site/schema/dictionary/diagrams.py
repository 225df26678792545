"""Entity-relationship diagrams, as Mermaid draws them."""

from collections.abc import Iterable, Iterator

from veza_site.schema.catalog import Catalog, Constraint, Table
from veza_site.schema.dictionary.sql import short_type, strip_schema

# From left to right, and this close together, the largest diagram still fits on a page.
HEADER = """\
%%{init: {"er": {"nodeSpacing": 60, "rankSpacing": 100}}}%%
erDiagram
    direction LR"""


def diagram(catalog: Catalog, names: Iterable[str]) -> str:
    """Return the diagram of these tables and their keys, and of the tables they refer to."""
    tables = [catalog.tables[name] for name in names]
    entities = [line for table in tables for line in _entity(table)]
    relations = [
        f'{_line(table, key)} : "{", ".join(key.columns)}"'
        for table in tables
        for key in _keys(table)
    ]
    return _mermaid([*entities, *relations])


def diagram_without_columns(catalog: Catalog, names: Iterable[str]) -> str:
    """Return the diagram of which of these tables refers to which."""
    tables = [catalog.tables[name] for name in names]
    relations = [f'{_line(table, key)} : ""' for table in tables for key in _keys(table)]
    return _mermaid([*(table.name for table in tables), *dict.fromkeys(relations)])


def _mermaid(lines: Iterable[str]) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f"```mermaid\n{HEADER}\n{body}\n```"


def _entity(table: Table) -> Iterator[str]:
    """Yield the lines of a table, with the columns that identify a row or refer to one."""
    marks: dict[str, list[str]] = {}
    for constraint in table.constraints.values():
        for name in constraint.columns:
            if constraint.kind == "primary key":
                marks.setdefault(name, []).append("PK")
            elif constraint.references:
                marks.setdefault(name, []).append("FK")
    for index in table.indexes.values():
        among_live = index.predicate in (None, "(deleted_at IS NULL)")
        if index.unique and not index.primary and len(index.columns) == 1 and among_live:
            marks.setdefault(index.columns[0], []).append("UK")
    yield f"{table.name} {{"
    columns = [column for column in table.columns.values() if column.name in marks]
    for column in sorted(columns, key=lambda column: "PK" not in marks[column.name]):
        yield f"    {short_type(column)} {column.name} {', '.join(marks[column.name])}"
    yield "}"


def _line(table: Table, key: Constraint) -> str:
    """Return the line from the table that `key` refers to, with both ends."""
    one = "|o" if any(table.columns[column].nullable for column in key.columns) else "||"
    unique = any(
        index.unique and index.columns == key.columns and index.predicate is None
        for index in table.indexes.values()
    )
    many = "o|" if unique else "o{"
    return f"{strip_schema(key.references or '')} {one}--{many} {table.name}"


def _keys(table: Table) -> list[Constraint]:
    return [key for key in table.constraints.values() if key.references]
