"""
What the models say that the schema should hold, as a catalog that the Standard's rules can judge.

It is only as exact as the rules need: a default, a predicate or a type that no rule asks for may be
written otherwise than PostgreSQL would. Checks and triggers, which are not of the models alone,
are left out or taken for granted.
"""

from collections.abc import Iterable

from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import connection, models

from veza_site.catalog import Catalog, Column, Constraint, Index, Table, Trigger
from veza_site.standard import foreign_key_name, index_name, trigger_definition, trigger_name

DEFAULTS = {RandomUUID: "gen_random_uuid()", TransactionNow: "CURRENT_TIMESTAMP"}
ON_DELETE = {models.DB_CASCADE: "CASCADE", models.DB_SET_NULL: "SET NULL"}


def catalog_of_models(all_models: Iterable[type[models.Model]]) -> Catalog:
    """Return the catalog of `public` as the migrations of these models would make it."""
    tables = {model._meta.db_table: _table(model) for model in all_models}
    return Catalog(schema="public", tables=tables, enums={}, functions={}, others={})


def _table(model: type[models.Model]) -> Table:
    table = model._meta.db_table
    fields = [field for field in model._meta.local_concrete_fields if field.db_type(connection)]
    triggers = {}
    if any(field.column == "updated_at" for field in fields):
        trigger = Trigger(trigger_name(table), trigger_definition("public", table), enabled=True)
        triggers[trigger.name] = trigger
    return Table(
        name=table,
        columns={field.column: _column(field) for field in fields},
        constraints={item.name: item for item in _constraints(model, table, fields)},
        indexes={index.name: index for index in _indexes(model, table, fields)},
        triggers=triggers,
    )


def _column(field: models.Field) -> Column:
    default = None
    if field.has_db_default():
        default = DEFAULTS.get(type(field.db_default), "another one")
    return Column(
        name=field.column,
        type=field.db_type(connection).replace("varchar", "character varying"),
        nullable=field.null,
        default=default,
        identity=isinstance(field, models.AutoField | models.BigAutoField),
        generated=field.generated,
    )


def _constraints(
    model: type[models.Model], table: str, fields: list[models.Field]
) -> Iterable[Constraint]:
    for field in fields:
        if field.primary_key:
            yield Constraint(
                name=f"{table}_pkey",
                kind="primary key",
                columns=(field.column,),
                definition=f"PRIMARY KEY ({field.column})",
                references=None,
                on_delete=None,
                deferrable=False,
                validated=True,
            )
        if field.is_relation and field.db_constraint:
            yield Constraint(
                name=foreign_key_name(table, field.column),
                kind="foreign key",
                columns=(field.column,),
                definition=f"FOREIGN KEY ({field.column})",
                references=field.related_model._meta.db_table,
                on_delete=ON_DELETE.get(field.remote_field.on_delete, "NO ACTION"),
                deferrable=False,
                validated=True,
            )
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.CheckConstraint):
            yield Constraint(
                name=constraint.name,
                kind="check",
                columns=(),
                definition=str(constraint.condition),
                references=None,
                on_delete=None,
                deferrable=False,
                validated=True,
            )


def _indexes(model: type[models.Model], table: str, fields: list[models.Field]) -> Iterable[Index]:
    def index(
        name: str,
        columns: Iterable[str],
        unique: bool,
        condition: models.Q | None = None,
        method: str = "btree",
    ) -> Index:
        ordered = list(columns)
        plain = tuple(column.removeprefix("-") for column in ordered)
        predicate = _predicate(condition)
        return Index(
            name=name,
            method=method,
            columns=plain,
            descending=tuple(column[1:] for column in ordered if column.startswith("-")),
            predicate=predicate,
            unique=unique,
            primary=False,
            deferrable=False,
            valid=True,
            definition=f"{name} USING {method} ({', '.join(ordered)}) WHERE {predicate} {unique}",
        )

    def columns(names: Iterable[str]) -> list[str]:
        return [
            ("-" if name.startswith("-") else "") + model._meta.get_field(name.lstrip("-")).column
            for name in names
        ]

    for field in fields:
        if field.unique and not field.primary_key:
            named = isinstance(field, models.OneToOneField)  # by our backend
            name = index_name(table, field.column) if named else f"{table}_{field.column}_key"
            yield index(name, [field.column], unique=True)
        elif field.db_index and not field.primary_key:
            yield index(f"{table}_{field.column}, which Django names", [field.column], unique=False)
    for item in model._meta.indexes:
        method = "btree" if item.suffix == "idx" else item.suffix  # as Django names them
        yield index(item.name, columns(item.fields), False, item.condition, method)
    for item in model._meta.constraints:
        if isinstance(item, models.UniqueConstraint):
            yield index(item.name, columns(item.fields), unique=True, condition=item.condition)


def _predicate(condition: models.Q | None) -> str | None:
    """Return a partial index's predicate; the two that rules ask for as PostgreSQL writes them."""
    if condition is None:
        return None
    if len(condition.children) == 1 and not condition.negated:
        (child,) = condition.children
        if isinstance(child, tuple) and child[0].endswith("__isnull"):
            column = child[0].removesuffix("__isnull")
            return f"({column} IS {'NULL' if child[1] else 'NOT NULL'})"
    return str(condition)
