"""
Judges statements: which are known to be safe beside running services, and why others are not.

It is a list of what is allowed, by PostgreSQL's own parse tree: what nobody has thought of is
refused. A form that squawk judges (a new column, a constraint, a DROP) is left to squawk, and the
tests check that squawk does.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pglast import ast
from pglast.enums import AlterTableType as A
from pglast.enums import ConstrType, GrantTargetType, ObjectType, VariableSetKind

from veza_site.migrating.lint.kinds import (
    ALWAYS,
    CHANGES,
    COMMENTED,
    LOCK_NOTHING,
    LONG,
    REFUSED_CHANGES,
    SETTINGS,
    WRITES,
)
from veza_site.migrating.lint.reading import Table, walk
from veza_site.migrating.lint.rows import (
    calls_a_function,
    name_of,
    rules_of_change,
    rules_of_insert,
)

SERIALS = {"serial", "serial2", "serial4", "serial8", "bigserial", "smallserial"}

# The one trigger function that a migration may run: it sets updated_at, on every table.
SETS_UPDATED_AT = (["update_updated_at_column"], ["public", "update_updated_at_column"])

# The nodes of a SELECT of constants.
CONSTANT = (
    ast.A_Const,
    ast.Boolean,
    ast.Float,
    ast.Integer,
    ast.ResTarget,
    ast.SelectStmt,
    ast.String,
)


@dataclass(frozen=True)
class Judgement:
    """
    The rules that a statement breaks, and how it makes others wait.

    `locks`: it takes a lock that services wait for, and holds it until the transaction ends.
    `long`: how long it takes depends on a table's size, or can't be known. `locks_first`: it is an
    ALTER TABLE, which takes its lock before it does anything.
    """

    rules: list[str] = field(default_factory=list)
    locks: bool = False
    long: bool = False
    locks_first: bool = False


class Judge:
    """
    Judges the statements of one migration, in order.

    Nobody knows a table yet that the migration itself creates, so anything may be done to it.
    """

    def __init__(self) -> None:
        self._new: set[tuple[str, str]] = set()
        # The tables whose writes run a function that the lint doesn't know; whether all writes may.
        self._calling: set[tuple[str, str]] = set()
        self._all_call = False
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
            ast.SelectStmt: self._select,
            ast.UpdateStmt: self._change_rows,
            ast.VacuumStmt: self._vacuum,
            ast.VariableSetStmt: self._setting,
            ast.ViewStmt: self._view,
        }

    def judge(self, tree: ast.Node) -> Judgement:
        """Judge a statement."""
        rules = self._rules(tree)
        locks = self._locks(tree)
        long = self._is_long(tree, rules)
        self._note_calls(tree)
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
            for node in walk(tree)
        ):
            broken.append("writing-cte")
        return list(dict.fromkeys(broken))

    def _locks(self, tree: ast.Node) -> bool:
        if isinstance(tree, ast.CreateStmt):
            return self._locks_others(tree)
        if isinstance(tree, ast.AlterTableStmt):
            if self._is_new(tree.relation):
                return self._locks_others(tree)
            return not all(map(_validates, tree.cmds or ()))
        if isinstance(tree, ast.IndexStmt):
            return not tree.concurrent and not self._is_new(tree.relation)
        if isinstance(tree, ast.CreateTrigStmt | ast.RuleStmt):
            return not self._is_new(tree.relation)
        if isinstance(tree, ast.CreatePolicyStmt):
            return not self._is_new(tree.table)
        return not isinstance(tree, LOCK_NOTHING)

    def _is_long(self, tree: ast.Node, rules: list[str]) -> bool:
        if isinstance(tree, ast.UpdateStmt | ast.DeleteStmt):  # FROM and USING read whole tables
            tables = [node for node in walk(tree) if isinstance(node, ast.RangeVar)]
            return bool(rules) or not all(map(self._is_new, tables))
        if isinstance(tree, ast.InsertStmt):
            return bool(rules)
        if isinstance(tree, ast.SelectStmt):
            return bool(self._select(tree))
        if isinstance(tree, ast.IndexStmt):
            return not tree.concurrent and not self._is_new(tree.relation)
        if isinstance(tree, ast.AlterTableStmt):
            return any(map(_validates, tree.cmds or ())) and not self._is_new(tree.relation)
        return isinstance(tree, LONG)

    def _note_calls(self, tree: ast.Node) -> None:
        """Note what later writes may run because of this statement."""
        if isinstance(tree, ast.CreateFunctionStmt):
            self._all_call = True  # anything may call it: an operator, a type, another function
        elif isinstance(tree, ast.CreateTrigStmt):
            is_known = [part.sval for part in tree.funcname or ()] in SETS_UPDATED_AT
            self._all_call |= not is_known or calls_a_function(tree)
        elif isinstance(tree, ast.CreateDomainStmt | ast.AlterDomainStmt):
            self._all_call |= calls_a_function(tree)
        elif isinstance(tree, ast.CreateStmt):
            parents = list(tree.inhRelations or ())
            likes = [node.relation for node in walk(tree) if isinstance(node, ast.TableLikeClause)]
            inherited = any(name_of(table) in self._calling for table in [*parents, *likes])
            if inherited or calls_a_function(tree):  # a parent's row may be in the partition
                self._calling |= {name_of(table) for table in [tree.relation, *parents]}
        elif isinstance(tree, ast.AlterTableStmt | ast.IndexStmt) and calls_a_function(tree):
            self._calling.add(name_of(tree.relation))
        elif isinstance(tree, ast.CreatePolicyStmt) and calls_a_function(tree):
            self._calling.add(name_of(tree.table))
        elif isinstance(tree, ast.ViewStmt) and calls_a_function(tree):
            self._calling.add(name_of(tree.view))

    def _calls_by(self, table: Table) -> list[str]:
        return ["function-call"] if self._all_call or name_of(table) in self._calling else []

    def _is_new(self, table: Table) -> bool:
        return name_of(table) in self._new

    def _create_table(self, tree: ast.CreateStmt) -> list[str]:
        broken = []
        parents = tree.inhRelations or ()
        if not all(self._is_new(parent) for parent in parents):
            broken.append("inherits")
        if tree.if_not_exists:
            broken.append("if-not-exists")
        elif _is_temporary(tree.relation):
            broken.append("temporary")
        else:
            self._new.add(name_of(tree.relation))
        return broken

    def _locks_others(self, tree: ast.CreateStmt | ast.AlterTableStmt) -> bool:
        """Return whether it refers to a table that was there before, and so locks that one too."""
        return any(
            isinstance(node, ast.RangeVar)
            and node is not tree.relation
            and name_of(node) != name_of(tree.relation)
            and not self._is_new(node)
            for node in walk(tree)
        )

    def _alter_table(self, tree: ast.AlterTableStmt) -> list[str]:
        if tree.objtype not in (ObjectType.OBJECT_TABLE, ObjectType.OBJECT_INDEX):
            return ["alter-table"]
        return [
            rule for change in tree.cmds or () for rule in self._change_table(tree.relation, change)
        ]

    def _change_table(self, table: Table, change: ast.AlterTableCmd) -> list[str]:
        kind = change.subtype
        assert kind is not None
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

    def _policy(self, tree: ast.CreatePolicyStmt) -> list[str]:
        return [] if self._is_new(tree.table) else ["row-level-security"]

    def _create_function(self, tree: ast.CreateFunctionStmt) -> list[str]:
        return ["replace"] if tree.replace else []

    def _view(self, tree: ast.ViewStmt) -> list[str]:
        if _is_temporary(tree.view):
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
        if tree.kind != VariableSetKind.VAR_SET_VALUE or tree.name not in SETTINGS:
            return ["session-setting"]
        if not tree.is_local:
            return ["session-setting"]
        values, _ = SETTINGS[tree.name]
        value = (tree.args or ())[0].val
        text = str(value.ival if isinstance(value, ast.Integer) else getattr(value, "sval", ""))
        return [] if re.fullmatch(values, text) else ["session-setting"]

    def _insert(self, tree: ast.InsertStmt) -> list[str]:
        return rules_of_insert(tree) + self._calls_by(tree.relation)

    def _change_rows(self, tree: ast.UpdateStmt | ast.DeleteStmt) -> list[str]:
        broken = rules_of_change(tree, is_new=self._is_new(tree.relation))
        return broken + self._calls_by(tree.relation)

    def _select(self, tree: ast.SelectStmt) -> list[str]:
        if tree.intoClause:
            return ["create-table-as"]
        of_constants = all(isinstance(node, CONSTANT) for node in walk(tree))
        return [] if of_constants else ["select"]


def _is_temporary(table: Table) -> bool:
    assert table is not None
    return table.relpersistence == "t" or table.schemaname == "pg_temp"


def _validates(change: ast.AlterTableCmd) -> bool:
    return change.subtype == A.AT_ValidateConstraint


def _is_light(column: object) -> bool:
    """
    Return whether adding a column reads no rows.

    Squawk judges its default and its UNIQUE, but does not look into ARRAY[…].
    """
    assert isinstance(column, ast.ColumnDef)
    kinds = {constraint.contype for constraint in column.constraints or ()}
    if ConstrType.CONSTR_CHECK in kinds or _type_name(column) in SERIALS:
        return False
    arrays = [node for node in walk(column) if isinstance(node, ast.A_ArrayExpr)]
    if any(isinstance(node, ast.FuncCall) and not _is_now(node) for node in walk(tuple(arrays))):
        return False
    return not {ConstrType.CONSTR_FOREIGN, ConstrType.CONSTR_DEFAULT} <= kinds


def _type_name(column: ast.ColumnDef) -> str:
    names = column.typeName.names if column.typeName else None
    return str(names[-1].sval) if names else ""


def _is_now(call: ast.FuncCall) -> bool:
    names = [part.sval for part in call.funcname or ()]
    return names in (["now"], ["pg_catalog", "now"]) and not call.args
