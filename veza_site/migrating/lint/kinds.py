"""Kinds of statements: which are always allowed or refused, which take locks, which take long."""

from pglast import ast
from pglast.enums import AlterTableType, ObjectType

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

# Statements that are always refused, by which rule, or always allowed (None).
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
    ast.RuleStmt: "rewrite-rule",
    ast.TransactionStmt: "transaction-control",
    ast.TruncateStmt: "truncate",
}

# What a migration may set with SET LOCAL, the values, and how the rule describes them. With these
# others never queue for more than ten seconds.
SETTINGS = {
    "lock_timeout": (r"[1-9]\d{0,3} *(ms)?|([1-9]|10) *s", "ten seconds or less"),
    "statement_timeout": (r"[1-9]\d* *(ms|s|min)?", "any time"),
    "maintenance_work_mem": (r"[1-9]\d* *\w*", "any size"),
}

WRITES = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt)

# Statements that take no lock that services wait for; `many-rows` is about locks on rows.
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

# Statements whose duration depends on a table's size, or can't be known.
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
