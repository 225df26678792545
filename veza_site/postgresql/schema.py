from collections.abc import Iterator
from typing import Any

from django.db.backends.postgresql import schema
from django.db.models import Field, Model, OneToOneField

from veza_site.standard import foreign_key_name, index_name


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """
    Writes the DDL with the names and the deferrability that V1's Standard asks for.

    A foreign key is made with its table or column, not at the end of the migration. Django defers
    them, and then records the migration in a transaction of its own: a crash between the two would
    leave tables behind that the next run can't make again.
    """

    # Django's own with SET CONSTRAINTS … IMMEDIATE, which PostgreSQL refuses for a constraint that
    # is not deferrable.
    sql_create_column_inline_fk = (
        "CONSTRAINT %(name)s REFERENCES %(to_table)s(%(to_column)s)%(on_delete_db)s%(deferrable)s"
    )
    sql_delete_fk = schema.DatabaseSchemaEditor.sql_delete_constraint

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # What it has executed, or collected. Where a migration is applied, the connection has it.
        self.statements: list[str] = []
        self.connection.schema_statements = self.statements

    def execute(self, sql: Any, params: Any = ()) -> None:
        text = str(sql) if params is None else self.connection.ops.compose_sql(str(sql), params)
        self.statements.append(text)
        super().execute(text, None)

    def create_model(self, model: type[Model]) -> None:
        super().create_model(model)
        self._execute_deferred()

    def add_field(self, model: type[Model], field: Field) -> None:
        super().add_field(model, field)
        self._execute_deferred()

    def _execute_deferred(self) -> None:
        statements, self.deferred_sql = self.deferred_sql, []
        for statement in statements:
            self.execute(statement, None)

    def _fk_constraint_name(self, model: type[Model], field: Field, suffix: str) -> str:
        return self.quote_name(foreign_key_name(model._meta.db_table, field.column))

    def _iter_column_sql(
        self,
        column_db_type: str,
        params: list[Any],
        model: type[Model],
        field: Field,
        field_db_params: dict[str, Any],
        include_default: bool,
    ) -> Iterator[str]:
        for part in super()._iter_column_sql(
            column_db_type, params, model, field, field_db_params, include_default
        ):
            if part == "UNIQUE" and isinstance(field, OneToOneField):
                name = self.quote_name(index_name(model._meta.db_table, field.column))
                yield f"CONSTRAINT {name} UNIQUE"
            else:
                yield part
