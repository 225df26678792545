"""
Which statements are known to be safe beside running services, and why the others are not.

A list of what is allowed, kept by PostgreSQL's own parse tree: what nobody has thought of is
refused. Where squawk judges a form by itself (a new column, a constraint, what is dropped), it is
left to squawk; the tests hold that it does.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pglast import ast
from pglast.enums import (
    A_Expr_Kind,
    AlterTableType,
    BoolExprType,
    ConstrType,
    GrantTargetType,
    ObjectType,
    VariableSetKind,
)

from veza_site.contract import expected_catalog
from veza_site.migration_lint.reading import within

# As many rows as one INSERT may have: what a person writes and reads.
FEW_ROWS = 100

# Functions that a row's values may be made with.
HARMLESS = {"now", "gen_random_uuid", "lower", "upper", "make_interval", "to_timestamp"}

SERIALS = {"serial", "serial2", "serial4", "serial8", "bigserial", "smallserial"}

SETTINGS = {"lock_timeout", "statement_timeout", "maintenance_work_mem"}

COMMENTED = {
    ObjectType.OBJECT_COLUMN,
    ObjectType.OBJECT_DOMAIN,
    ObjectType.OBJECT_FUNCTION,
    ObjectType.OBJECT_INDEX,
    ObjectType.OBJECT_TABCONSTRAINT,
    ObjectType.OBJECT_TABLE,
    ObjectType.OBJECT_TRIGGER,
    ObjectType.OBJECT_TYPE,
    ObjectType.OBJECT_VIEW,
}

A = AlterTableType

# Changes of a table that make nobody wait, or that squawk judges.
CHANGES = {
    A.AT_AddColumn,
    A.AT_AddConstraint,
    A.AT_AddIdentity,
    A.AT_AlterColumnType,
    A.AT_ColumnDefault,
    A.AT_DropColumn,
    A.AT_DropConstraint,
    A.AT_DropExpression,
    A.AT_DropIdentity,
    A.AT_DropNotNull,
    A.AT_ResetOptions,
    A.AT_ResetRelOptions,
    A.AT_SetCompression,
    A.AT_SetIdentity,
    A.AT_SetNotNull,
    A.AT_SetOptions,
    A.AT_SetRelOptions,
    A.AT_SetStatistics,
    A.AT_SetStorage,
    A.AT_ValidateConstraint,
}

REFUSED_CHANGES = {
    A.AT_AddInherit: "inherits",
    A.AT_AttachPartition: "inherits",
    A.AT_ChangeOwner: "owner",
    A.AT_ClusterOn: "cluster",
    A.AT_DetachPartition: "inherits",
    A.AT_DetachPartitionFinalize: "inherits",
    A.AT_DisableRowSecurity: "row-level-security",
    A.AT_DisableRule: "rewrite-rule",
    A.AT_DisableTrig: "ban-disable-trigger",
    A.AT_DisableTrigAll: "ban-disable-trigger",
    A.AT_DisableTrigUser: "ban-disable-trigger",
    A.AT_DropCluster: "cluster",
    A.AT_DropInherit: "inherits",
    A.AT_EnableAlwaysRule: "rewrite-rule",
    A.AT_EnableAlwaysTrig: "trigger",
    A.AT_EnableReplicaRule: "rewrite-rule",
    A.AT_EnableReplicaTrig: "trigger",
    A.AT_EnableRowSecurity: "row-level-security",
    A.AT_EnableRule: "rewrite-rule",
    A.AT_EnableTrig: "trigger",
    A.AT_EnableTrigAll: "trigger",
    A.AT_EnableTrigUser: "trigger",
    A.AT_ForceRowSecurity: "row-level-security",
    A.AT_NoForceRowSecurity: "row-level-security",
    A.AT_ReplicaIdentity: "replica-identity",
    A.AT_SetAccessMethod: "rewrite-table",
    A.AT_SetExpression: "rewrite-table",
    A.AT_SetLogged: "set-logged",
    A.AT_SetTableSpace: "set-tablespace",
    A.AT_SetUnLogged: "set-logged",
}

# Statements that are refused, or allowed (None), whatever they say.
ALWAYS: dict[type[ast.Node], str | None] = {
    ast.AlterDatabaseRefreshCollStmt: "server-setting",
    ast.AlterDatabaseSetStmt: "server-setting",
    ast.AlterDatabaseStmt: "server-setting",
    ast.AlterDefaultPrivilegesStmt: "default-privileges",
    ast.AlterEnumStmt: None,  # squawk: a value renamed, or added without its place
    ast.AlterEventTrigStmt: "event-trigger",
    ast.AlterExtensionContentsStmt: "extension",
    ast.AlterExtensionStmt: "extension",
    ast.AlterFunctionStmt: "alter-function",
    ast.AlterObjectDependsStmt: "alter-function",
    ast.AlterObjectSchemaStmt: "set-schema",
    ast.AlterOwnerStmt: "owner",
    ast.AlterPolicyStmt: "row-level-security",
    ast.AlterPublicationStmt: "publication",
    ast.AlterRoleSetStmt: "server-setting",
    ast.AlterRoleStmt: "roles",
    ast.AlterSubscriptionStmt: "publication",
    ast.AlterSystemStmt: "server-setting",
    ast.AlterTableMoveAllStmt: "set-tablespace",
    ast.CallStmt: "call",
    ast.ClusterStmt: "cluster",
    ast.CompositeTypeStmt: None,
    ast.CopyStmt: "copy",
    ast.CreateDomainStmt: None,
    ast.CreateEnumStmt: None,
    ast.CreateEventTrigStmt: "event-trigger",
    ast.CreateExtensionStmt: "extension",
    ast.CreatePublicationStmt: "publication",
    ast.CreateRangeStmt: None,
    ast.CreateRoleStmt: "roles",
    ast.CreateSubscriptionStmt: "publication",
    ast.CreateTableAsStmt: "create-table-as",
    ast.DoStmt: "do-block",
    ast.DropOwnedStmt: "drop",
    ast.DropRoleStmt: "roles",
    ast.DropStmt: "drop",
    ast.DropSubscriptionStmt: "publication",
    ast.DropTableSpaceStmt: "drop",
    ast.DropUserMappingStmt: "drop",
    ast.DropdbStmt: "drop",
    ast.ExecuteStmt: "call",
    ast.ExplainStmt: "call",
    ast.LoadStmt: "call",
    ast.LockStmt: "lock-table",
    ast.MergeStmt: "merge",
    ast.PrepareStmt: "call",
    ast.ReassignOwnedStmt: "owner",
    ast.RefreshMatViewStmt: "refresh-materialized-view",
    ast.ReindexStmt: "reindex",
    ast.RenameStmt: "rename",
    ast.TransactionStmt: "transaction-control",
    ast.TruncateStmt: "truncate",
}

# What SELECT 1 is made of.
CONSTANT = (
    ast.A_Const,
    ast.Boolean,
    ast.Float,
    ast.Integer,
    ast.ResTarget,
    ast.SelectStmt,
    ast.String,
)

WRITES = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt)

# Take no lock that services wait for. (Rows that a write locks are what `many-rows` is about.)
LOCK_NOTHING = (
    *WRITES,
    ast.AlterEnumStmt,
    ast.CallStmt,
    ast.CommentStmt,
    ast.CompositeTypeStmt,
    ast.CopyStmt,
    ast.CreateDomainStmt,
    ast.CreateEnumStmt,
    ast.CreateFunctionStmt,
    ast.CreateRangeStmt,
    ast.CreateTableAsStmt,
    ast.DoStmt,
    ast.ExecuteStmt,
    ast.GrantStmt,
    ast.SelectStmt,
    ast.VacuumStmt,
    ast.VariableSetStmt,
    ast.ViewStmt,
)

# Take as long as there are rows, or as it happens.
LONG = (
    ast.CallStmt,
    ast.ClusterStmt,
    ast.CopyStmt,
    ast.CreateTableAsStmt,
    ast.DoStmt,
    ast.ExecuteStmt,
    ast.ExplainStmt,
    ast.MergeStmt,
    ast.RefreshMatViewStmt,
    ast.ReindexStmt,
    ast.VacuumStmt,
)


@dataclass(frozen=True)
class Judgement:
    """
    What is to be said of a statement: the rules that it breaks, and how it makes others wait.

    `locks`: it takes a lock that services wait for, and holds it until the transaction ends.
    `long`: it may take as long as a table has rows, or as it happens. `locks_first`: it is one
    ALTER TABLE, which takes the lock for all that it does before it does anything.
    """

    rules: list[str] = field(default_factory=list)
    locks: bool = False
    long: bool = False
    locks_first: bool = False


class Judge:
    """
    Judges the statements of one migration, in order.

    A table that the migration itself creates is known to nobody, and anything may be done to it.
    """

    def __init__(self) -> None:
        self._new: set[tuple[str, str]] = set()
        self._forms: dict[type[ast.Node], Callable[..., list[str]]] = {
            ast.AlterTableStmt: self._alter_table,
            ast.CommentStmt: self._comment,
            ast.CreateFunctionStmt: self._create_function,
            ast.CreatePolicyStmt: self._policy,
            ast.CreateStmt: self._create_table,
            ast.CreateTrigStmt: self._trigger,
            ast.DeleteStmt: self._change_rows,
            ast.GrantRoleStmt: self._grant_role,
            ast.GrantStmt: self._grant,
            ast.IndexStmt: self._index,
            ast.InsertStmt: self._insert,
            ast.RuleStmt: self._rewrite_rule,
            ast.SelectStmt: self._select,
            ast.UpdateStmt: self._change_rows,
            ast.VacuumStmt: self._vacuum,
            ast.VariableSetStmt: self._setting,
            ast.ViewStmt: self._view,
        }

    def judge(self, tree: ast.Node) -> Judgement:
        """Return what is to be said of a statement."""
        rules = self._rules(tree)
        locks = self._locks(tree)
        long = self._is_long(tree)
        return Judgement(rules, locks, long, locks and isinstance(tree, ast.AlterTableStmt))

    def _rules(self, tree: ast.Node) -> list[str]:
        kind = type(tree)
        if kind in self._forms:
            broken = self._forms[kind](tree)
        else:
            always = ALWAYS.get(kind, "not-on-the-list")
            broken = [always] if always else []
        if any(
            isinstance(node, ast.CommonTableExpr) and isinstance(node.ctequery, WRITES)
            for node in within(tree)
        ):
            broken.append("writing-cte")
        return list(dict.fromkeys(broken))

    def _locks(self, tree: ast.Node) -> bool:
        if isinstance(tree, ast.CreateStmt):
            return bool(self._refers_to_old(tree))
        if isinstance(tree, ast.AlterTableStmt):
            return not self._is_new(tree.relation) and not all(map(_validates, tree.cmds))
        if isinstance(tree, ast.IndexStmt):
            return not tree.concurrent and not self._is_new(tree.relation)
        if isinstance(tree, ast.CreateTrigStmt | ast.RuleStmt):
            return not self._is_new(tree.relation)
        if isinstance(tree, ast.CreatePolicyStmt):
            return not self._is_new(tree.table)
        return not isinstance(tree, LOCK_NOTHING)

    def _is_long(self, tree: ast.Node) -> bool:
        if isinstance(tree, ast.UpdateStmt | ast.DeleteStmt):
            return not self._is_new(tree.relation)
        if isinstance(tree, ast.InsertStmt):
            return bool(self._insert(tree))
        if isinstance(tree, ast.SelectStmt):
            return bool(self._select(tree))
        if isinstance(tree, ast.IndexStmt):
            return not tree.concurrent and not self._is_new(tree.relation)
        if isinstance(tree, ast.AlterTableStmt):
            return any(map(_validates, tree.cmds)) and not self._is_new(tree.relation)
        return isinstance(tree, LONG)

    def _is_new(self, table: ast.RangeVar) -> bool:
        return _name(table) in self._new

    def _create_table(self, tree: ast.CreateStmt) -> list[str]:
        broken = []
        parents = tree.inhRelations or ()
        if not all(self._is_new(parent) for parent in parents):
            broken.append("inherits")
        if tree.if_not_exists:
            broken.append("if-not-exists")
        elif tree.relation.relpersistence == "t":
            broken.append("temporary")
        else:
            self._new.add(_name(tree.relation))
        return broken

    def _refers_to_old(self, tree: ast.CreateStmt) -> list[ast.RangeVar]:
        referred = [
            node.pktable
            for node in within(tree.tableElts or ())
            if isinstance(node, ast.Constraint) and node.contype == ConstrType.CONSTR_FOREIGN
        ]
        own = _name(tree.relation)
        return [
            table
            for table in [*referred, *(tree.inhRelations or ())]
            if _name(table) != own and not self._is_new(table)
        ]

    def _alter_table(self, tree: ast.AlterTableStmt) -> list[str]:
        if tree.objtype not in (ObjectType.OBJECT_TABLE, ObjectType.OBJECT_INDEX):
            return ["alter-table"]
        return [rule for change in tree.cmds for rule in self._change_table(tree.relation, change)]

    def _change_table(self, table: ast.RangeVar, change: ast.AlterTableCmd) -> list[str]:
        kind = change.subtype
        if kind in (A.AT_AddInherit, A.AT_AttachPartition, A.AT_ChangeOwner):
            return [REFUSED_CHANGES[kind]]
        if self._is_new(table):
            return []
        if kind == A.AT_AddColumn and not _is_light(change.def_):
            return ["add-column"]
        if kind in CHANGES:
            return []
        return [REFUSED_CHANGES.get(kind, "alter-table")]

    def _index(self, tree: ast.IndexStmt) -> list[str]:
        return ["if-not-exists"] if tree.if_not_exists else []

    def _trigger(self, tree: ast.CreateTrigStmt) -> list[str]:
        return [] if self._is_new(tree.relation) else ["trigger"]

    def _rewrite_rule(self, tree: ast.RuleStmt) -> list[str]:
        return ["rewrite-rule"]

    def _policy(self, tree: ast.CreatePolicyStmt) -> list[str]:
        return [] if self._is_new(tree.table) else ["row-level-security"]

    def _create_function(self, tree: ast.CreateFunctionStmt) -> list[str]:
        return ["replace"] if tree.replace else []

    def _view(self, tree: ast.ViewStmt) -> list[str]:
        if tree.view.relpersistence == "t":
            return ["temporary"]
        return ["replace"] if tree.replace else []

    def _comment(self, tree: ast.CommentStmt) -> list[str]:
        if tree.objtype == ObjectType.OBJECT_SCHEMA:
            return ["comment-on-schema"]
        return [] if tree.objtype in COMMENTED else ["not-on-the-list"]

    def _grant(self, tree: ast.GrantStmt) -> list[str]:
        if tree.targtype == GrantTargetType.ACL_TARGET_DEFAULTS:
            return ["default-privileges"]
        return [] if tree.is_grant else ["revoke"]

    def _grant_role(self, tree: ast.GrantRoleStmt) -> list[str]:
        return ["roles" if tree.is_grant else "revoke"]

    def _vacuum(self, tree: ast.VacuumStmt) -> list[str]:
        return ["vacuum"] if tree.is_vacuumcmd else []

    def _setting(self, tree: ast.VariableSetStmt) -> list[str]:
        if tree.kind == VariableSetKind.VAR_SET_VALUE and tree.name in SETTINGS:
            (value,) = tree.args
            number = str(getattr(value.val, "ival", getattr(value.val, "sval", "")))
            if number.lstrip("0 ")[:1].isdigit():
                return []
        return ["session-setting"]

    def _select(self, tree: ast.SelectStmt) -> list[str]:
        if tree.intoClause:
            return ["create-table-as"]
        of_constants = all(isinstance(node, CONSTANT) for node in within(tree))
        return [] if of_constants else ["select"]

    def _insert(self, tree: ast.InsertStmt) -> list[str]:
        source = tree.selectStmt
        if source and (source.valuesLists is None or len(source.valuesLists) > FEW_ROWS):
            return ["insert-select", *_of_the_catalog(tree.relation)]
        parts = (node for node in within(tree) if node is not source)
        return _calls(parts) + _of_the_catalog(tree.relation)

    def _change_rows(self, tree: ast.UpdateStmt | ast.DeleteStmt) -> list[str]:
        if self._is_new(tree.relation) or _names_its_rows(tree):
            broken = _calls(within(tree))
        else:  # a query within is a part of how it finds its rows
            broken = ["many-rows", *_calls(within(tree), queries=())]
        return broken + _of_the_catalog(tree.relation)


def _name(table: ast.RangeVar) -> tuple[str, str]:
    return table.schemaname or "public", table.relname


def _validates(change: ast.AlterTableCmd) -> bool:
    return change.subtype == A.AT_ValidateConstraint


def _is_light(column: ast.ColumnDef) -> bool:
    """Return whether adding a column reads no row; its default and its UNIQUE are squawk's."""
    kinds = {constraint.contype for constraint in column.constraints or ()}
    if ConstrType.CONSTR_CHECK in kinds or column.typeName.names[-1].sval in SERIALS:
        return False
    return not {ConstrType.CONSTR_FOREIGN, ConstrType.CONSTR_DEFAULT} <= kinds


def _calls(
    nodes: Iterable[ast.Node], queries: tuple[type[ast.Node], ...] = (ast.SubLink, ast.SelectStmt)
) -> list[str]:
    calls = any(
        isinstance(node, queries)
        or (isinstance(node, ast.FuncCall) and node.funcname[-1].sval not in HARMLESS)
        for node in nodes
    )
    return ["function-call"] if calls else []


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
    schema, name = _name(table)
    known = expected_catalog().tables.get(name) if schema == "public" else None
    indexes = known.indexes.values() if known else []
    return [{"id"}, *(set(index.columns) for index in indexes if index.unique)]


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
