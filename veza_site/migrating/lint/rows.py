"""What INSERT, UPDATE and DELETE do: which rows they name, and what else they run."""

from collections.abc import Iterable

from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType

from veza_site.migrating.lint.reading import within
from veza_site.schema.contract import CATALOGS, expected_catalog

# As many rows as one INSERT may have: what a person writes and reads.
FEW_ROWS = 100

# Functions that a row's values may be made with, and checked: PostgreSQL's own, quick, and without
# effects.
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


def name_of(table: ast.RangeVar) -> tuple[str, str]:
    """Return the schema and the name of a table."""
    return table.schemaname or "public", table.relname


def rules_of_insert(tree: ast.InsertStmt) -> list[str]:
    """Return the rules that an INSERT breaks."""
    source = tree.selectStmt
    if source and (source.valuesLists is None or len(source.valuesLists) > FEW_ROWS):
        return ["insert-select", *_of_the_catalog(tree.relation)]
    parts = [node for node in within(tree) if node is not source]
    return _calls(parts, QUERIES) + _of_the_catalog(tree.relation)


def rules_of_change(tree: ast.UpdateStmt | ast.DeleteStmt, *, is_new: bool) -> list[str]:
    """Return the rules that an UPDATE or DELETE breaks; `is_new`: its migration made the table."""
    if is_new or _names_its_rows(tree):
        broken = _calls(within(tree), QUERIES)
    else:  # a query within is a part of how it finds its rows
        broken = ["many-rows", *_calls(within(tree), ())]
    return broken + _of_the_catalog(tree.relation)


def _calls(nodes: Iterable[ast.Node], queries: tuple[type[ast.Node], ...]) -> list[str]:
    for node in nodes:
        if isinstance(node, queries):
            return ["function-call"]
        if isinstance(node, ast.FuncCall) and not _is_harmless(node):
            return ["function-call"]
    return []


def calls_a_function(tree: ast.Node) -> bool:
    """Return whether there is a function in a statement of which the lint doesn't know enough."""
    return bool(_calls(within(tree), ()))


def _is_harmless(call: ast.FuncCall) -> bool:
    *schema, name = [part.sval for part in call.funcname]
    return name in HARMLESS and schema in ([], ["pg_catalog"])


def _of_the_catalog(table: ast.RangeVar) -> list[str]:
    is_of_it = table.schemaname in ("pg_catalog", "information_schema")
    return ["system-catalog"] if is_of_it or table.relname.startswith("pg_") else []


def _names_its_rows(tree: ast.UpdateStmt | ast.DeleteStmt) -> bool:
    """Return whether WHERE names the rows by a key; whatever else it says makes them fewer."""
    others = tree.fromClause if isinstance(tree, ast.UpdateStmt) else tree.usingClause
    if others or tree.whereClause is None:
        return False
    columns = _fixed(tree.whereClause)
    return any(key <= columns for key in _keys(tree.relation))


def _keys(table: ast.RangeVar) -> list[set[str]]:
    schema, name = name_of(table)
    known = expected_catalog(schema).tables.get(name) if schema in CATALOGS else None
    indexes = known.indexes.values() if known else []
    # A partial index leaves the rows outside of its predicate as many as they are.
    return [set(index.columns) for index in indexes if index.unique and index.predicate is None]


def _fixed(condition: ast.Node) -> set[str]:
    """Return the columns that have to be equal to a constant, or to one of some."""
    if isinstance(condition, ast.BoolExpr) and condition.boolop != BoolExprType.NOT_EXPR:
        parts = [_fixed(part) for part in condition.args]
        both = condition.boolop == BoolExprType.AND_EXPR
        return set.union(*parts) if both else set.intersection(*parts)
    if not isinstance(condition, ast.A_Expr) or condition.name[-1].sval != "=":
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
        return {column.fields[-1].sval}
    return set()


def _is_constant(node: object) -> bool:
    if isinstance(node, tuple):
        return all(map(_is_constant, node))
    if isinstance(node, ast.TypeCast):
        return _is_constant(node.arg)
    if isinstance(node, ast.A_ArrayExpr):
        return _is_constant(node.elements or ())
    return isinstance(node, ast.A_Const)
