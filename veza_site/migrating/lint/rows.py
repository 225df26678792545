"""Judges INSERT, UPDATE and DELETE: whether they name their rows, and what else they run."""

from collections.abc import Iterable
from typing import Any

from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType

from veza_site.migrating.lint.reading import Table, walk
from veza_site.schema.contract import CATALOGS, load_catalog

# The most rows of one INSERT: as many as a person would write and read.
FEW_ROWS = 100

# The functions that may compute and check the values of a row: PostgreSQL's own, quick, without
# side effects.
HARMLESS = {
    "array_length",
    "btrim",
    "cardinality",
    "char_length",
    "gen_random_uuid",
    "jsonb_typeof",
    "length",
    "lower",
    "make_interval",
    "now",
    "num_nonnulls",
    "octet_length",
    "to_timestamp",
    "to_tsvector",
    "upper",
}

QUERIES = (ast.SubLink, ast.SelectStmt)


def name_of(table: Table) -> tuple[str, str]:
    """Return the schema and the name of a table."""
    assert table is not None
    return table.schemaname or "public", table.relname or ""


def rules_of_insert(tree: ast.InsertStmt) -> list[str]:
    """Return the rules that an INSERT breaks."""
    source = tree.selectStmt
    rows = source.valuesLists if isinstance(source, ast.SelectStmt) else None
    if source and (rows is None or len(rows) > FEW_ROWS):
        return ["insert-select", *_of_the_catalog(tree.relation)]
    parts = [node for node in walk(tree) if node is not source]
    return _calls(parts, QUERIES) + _of_the_catalog(tree.relation)


def rules_of_change(tree: ast.UpdateStmt | ast.DeleteStmt, *, is_new: bool) -> list[str]:
    """Return the rules that an UPDATE or DELETE breaks; `is_new`: its migration makes the table."""
    if is_new or _names_its_rows(tree):
        broken = _calls(walk(tree), QUERIES)
    else:  # a query in it is part of how it finds its rows
        broken = ["many-rows", *_calls(walk(tree), ())]
    return broken + _of_the_catalog(tree.relation)


def _calls(nodes: Iterable[ast.Node], queries: tuple[type[ast.Node], ...]) -> list[str]:
    for node in nodes:
        if isinstance(node, queries):
            return ["function-call"]
        if isinstance(node, ast.FuncCall) and not _is_harmless(node):
            return ["function-call"]
    return []


def calls_a_function(tree: ast.Node) -> bool:
    """Return whether a statement calls a function that the lint doesn't know to be harmless."""
    return bool(_calls(walk(tree), ()))


def _is_harmless(call: ast.FuncCall) -> bool:
    *schema, name = [part.sval for part in call.funcname or ()]
    return name in HARMLESS and schema in ([], ["pg_catalog"])


def _of_the_catalog(table: Table) -> list[str]:
    schema, name = name_of(table)
    is_of_it = schema in ("pg_catalog", "information_schema") or name.startswith("pg_")
    return ["system-catalog"] if is_of_it else []


def _names_its_rows(tree: ast.UpdateStmt | ast.DeleteStmt) -> bool:
    """Return whether WHERE names the rows by a key; other conditions only make them fewer."""
    others = tree.fromClause if isinstance(tree, ast.UpdateStmt) else tree.usingClause
    if others or tree.whereClause is None:
        return False
    columns = _fixed_columns(tree.whereClause)
    return any(key <= columns for key in _keys(tree.relation))


def _keys(table: Table) -> list[set[str]]:
    schema, name = name_of(table)
    known = load_catalog(schema).tables.get(name) if schema in CATALOGS else None
    indexes = known.indexes.values() if known else []
    # A partial index allows any number of rows outside its predicate.
    return [set(index.columns) for index in indexes if index.unique and index.predicate is None]


def _fixed_columns(condition: ast.Node) -> set[str]:
    """Return the columns that have to equal a constant, or one of several."""
    if isinstance(condition, ast.BoolExpr) and condition.boolop != BoolExprType.NOT_EXPR:
        parts = [_fixed_columns(part) for part in condition.args or ()]
        both = condition.boolop == BoolExprType.AND_EXPR
        return set.union(*parts) if both else set.intersection(*parts)
    if not isinstance(condition, ast.A_Expr) or _last(condition.name) != "=":
        return set()
    if condition.kind not in (
        A_Expr_Kind.AEXPR_OP,
        A_Expr_Kind.AEXPR_IN,
        A_Expr_Kind.AEXPR_OP_ANY,
    ):
        return set()
    column, value = condition.lexpr, condition.rexpr
    if condition.kind == A_Expr_Kind.AEXPR_OP and isinstance(value, ast.ColumnRef):
        column, value = value, column
    if isinstance(column, ast.ColumnRef) and _is_constant(value):
        return {_last(column.fields)}
    return set()


def _last(names: tuple[Any, ...] | None) -> str:
    """Return the last part of a name, after the schema or the table."""
    return str(names[-1].sval) if names else ""


def _is_constant(node: object) -> bool:
    if isinstance(node, tuple):
        return all(map(_is_constant, node))
    if isinstance(node, ast.TypeCast):
        return _is_constant(node.arg)
    if isinstance(node, ast.A_ArrayExpr):
        return _is_constant(node.elements or ())
    return isinstance(node, ast.A_Const)
