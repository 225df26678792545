"""
What the schema should hold according to the models, as a catalog that the Standard can judge.

It is only as exact as the rules need: where no rule looks, a default, a predicate or an expression
may be written differently from PostgreSQL's way. The trigger, which the migration adds, is assumed.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import connection, models

from veza_site.postgresql.names import (
    foreign_key_name,
    index_name,
    trigger_definition,
    trigger_name,
)
from veza_site.schema.catalog import Catalog, Column, Constraint, Index, Table, Trigger

# In reading order these come last; the others are in the order of the model.
LAST_COLUMNS = ["created_at", "updated_at", "deleted_at"]

# A field of any Python type.
type AnyField = models.Field[Any, Any]

DEFAULTS: dict[object, str] = {RandomUUID: "gen_random_uuid()", TransactionNow: "CURRENT_TIMESTAMP"}
ON_DELETE: dict[object, str] = {models.DB_CASCADE: "CASCADE", models.DB_SET_NULL: "SET NULL"}


def catalog_of_models(all_models: Iterable[type[models.Model]]) -> Catalog:
    """Return the catalog of `public` that the migrations of these models would make."""
    tables = {model._meta.db_table: _table(model) for model in all_models}
    return Catalog(schema="public", tables=tables, enums={}, functions={}, others={})


def constraints_and_indexes(model: type[models.Model]) -> list[Constraint | Index]:
    """Return the constraints and indexes of a model's table, including those whose names clash."""
    table, fields = model._meta.db_table, _fields(model)
    return [*_constraints(model, table, fields), *_indexes(model, table, fields)]


def columns_in_order(
    table: Table, model: type[models.Model] | None
) -> list[tuple[Column, AnyField | None]]:
    """Return a table's columns in reading order, each with its field, if the model has one."""
    fields: dict[str, AnyField] = {}
    if model is not None:
        fields = {field.column: field for field in model._meta.local_fields if field.column}
    order = [*fields, *(name for name in table.columns if name not in fields)]
    order.sort(key=lambda name: name in LAST_COLUMNS)
    return [(table.columns[name], fields.get(name)) for name in order if name in table.columns]


def _fields(model: type[models.Model]) -> dict[str, AnyField]:
    """Return the fields of a model by their columns, without those that have none."""
    return {
        field.column: field
        for field in model._meta.local_concrete_fields
        if field.column and field.db_type(connection)
    }


def _table(model: type[models.Model]) -> Table:
    table, fields = model._meta.db_table, _fields(model)
    triggers = {}
    if "updated_at" in fields:
        trigger = Trigger(trigger_name(table), trigger_definition("public", table), "ENABLE")
        triggers[trigger.name] = trigger
    return Table(
        name=table,
        columns={name: _column(name, field) for name, field in fields.items()},
        constraints={item.name: item for item in _constraints(model, table, fields)},
        indexes={index.name: index for index in _indexes(model, table, fields)},
        triggers=triggers,
    )


def _column(name: str, field: AnyField) -> Column:
    default = None
    if field.has_db_default():
        default = DEFAULTS.get(type(field.db_default), "some other default")
    return Column(
        name=name,
        type=(field.db_type(connection) or "").replace("varchar", "character varying"),
        nullable=field.null,
        default=default,
        identity=isinstance(field, models.AutoField),
        generated=field.generated,
    )


def _constraints(
    model: type[models.Model], table: str, fields: dict[str, AnyField]
) -> Iterable[Constraint]:
    for name, field in fields.items():
        if field.primary_key:
            yield _constraint(f"{table}_pkey", "primary key", f"PRIMARY KEY ({name})", name)
        if (
            isinstance(field, models.ForeignKey) and field.db_constraint  # type: ignore[attr-defined]  # which the stubs lack
        ):
            yield _constraint(
                foreign_key_name(table, name),
                "foreign key",
                f"FOREIGN KEY ({name})",
                name,
                references=field.related_model._meta.db_table,
                on_delete=ON_DELETE.get(field.remote_field.on_delete, "NO ACTION"),
            )
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.CheckConstraint):
            yield _constraint(constraint.name, "check", str(constraint.condition))


def _constraint(
    name: str,
    kind: str,
    definition: str,
    *columns: str,
    references: str | None = None,
    on_delete: str | None = None,
) -> Constraint:
    return Constraint(
        name, kind, columns, definition, references, on_delete, deferrable=False, validated=True
    )


def _indexes(model: type[models.Model], table: str, fields: dict[str, AnyField]) -> Iterable[Index]:
    for column, field in fields.items():
        if field.unique and not field.primary_key:
            named = isinstance(field, models.OneToOneField)  # by our backend
            name = index_name(table, column) if named else f"{table}_{column}_key"
            yield _index(name, [column], unique=True)
        elif field.db_index and not field.primary_key:  # type: ignore[attr-defined]  # as above
            yield _index(f"{table}_{column}, which Django names", [column])
    for item in [*model._meta.indexes, *model._meta.constraints]:
        if isinstance(item, models.Index | models.UniqueConstraint):
            unique = isinstance(item, models.UniqueConstraint)
            suffix = "idx" if isinstance(item, models.UniqueConstraint) else item.suffix
            columns = [_ordered_column(model, name) for name in item.fields]
            yield _index(
                item.name,
                columns or [_expression(expression) for expression in item.expressions],
                unique=unique,
                predicate=_predicate(model, item.condition),
                # Django's suffix for an index of another method is the method's name.
                method="btree" if suffix == "idx" else suffix,
            )


def _expression(expression: Any) -> str:
    """Return an expression roughly as the catalog has it: lower(email)."""
    if isinstance(expression, models.F):
        return str(expression.name)  # type: ignore[attr-defined]  # django-stubs doesn't know it
    if isinstance(expression, models.Func) and expression.function:
        arguments = ", ".join(map(_expression, expression.get_source_expressions()))
        return f"{expression.function.lower()}({arguments})"
    return str(expression)


def _index(
    name: str,
    ordered: list[str],
    *,
    unique: bool = False,
    predicate: str | None = None,
    method: str = "btree",
) -> Index:
    return Index(
        name=name,
        method=method,
        columns=tuple(column.removeprefix("-") for column in ordered),
        descending=tuple(column[1:] for column in ordered if column.startswith("-")),
        predicate=predicate,
        unique=unique,
        primary=False,
        deferrable=False,
        deferred=False,
        valid=True,
        definition=f"{name} USING {method} ({', '.join(ordered)}) WHERE {predicate} {unique}",
    )


def _ordered_column(model: type[models.Model], name: str) -> str:
    """Return the column of a field, with the minus of a descending one."""
    minus = "-" if name.startswith("-") else ""
    field = model._meta.get_field(name.removeprefix("-"))
    return f"{minus}{getattr(field, 'column', None)}"


def _predicate(model: type[models.Model], condition: models.Q | None) -> str | None:
    """Return a partial index's predicate; IS NULL and IS NOT NULL as PostgreSQL writes them."""
    if condition is None:
        return None
    if len(condition.children) == 1 and not condition.negated:
        (child,) = condition.children
        if isinstance(child, tuple) and child[0].endswith("__isnull"):
            column = _ordered_column(model, child[0].removesuffix("__isnull"))
            return f"({column} IS {'NULL' if child[1] else 'NOT NULL'})"
    return str(condition)
