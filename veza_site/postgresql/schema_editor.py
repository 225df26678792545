"""How this backend changes a schema: with the Standard's names, and nothing deferred."""

# The stubs leave out Django's private methods, which are the hooks that this overrides.
# mypy: disable-error-code="attr-defined, misc, no-any-return"

from collections.abc import Callable, Iterator
from typing import Any, Self

from django.db.backends.ddl_references import ForeignKeyName, Statement
from django.db.backends.postgresql import schema
from django.db.backends.utils import split_identifier
from django.db.models import Field, Model, OneToOneField

from veza_site.postgresql.names import foreign_key_name, index_name
from veza_site.postgresql.sql_text import first_words

type AnyField = Field[Any, Any]

# PostgreSQL refuses these statements while checks of their table's rows are pending.
ALTERS = {"alter", "drop", "truncate", "cluster", "reindex", "refresh"}
WRITES_NO_ROW = {"alter", "create", "comment", "drop", "grant", "revoke", "set"}
MAKES_INDEX = {("create", "index"), ("create", "unique")}


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """
    Writes DDL with the names and the deferrability that V1's Standard asks for.

    It makes a foreign key with its table or column, or as soon as the table is there that it refers
    to. Django would make it at the end of the migration, and then record the migration in another
    transaction: a crash between the two would leave tables behind that the next run can't make.
    """

    # Without Django's SET CONSTRAINTS … IMMEDIATE, which PostgreSQL refuses for a constraint that
    # is not deferrable.
    sql_create_column_inline_fk = (
        "CONSTRAINT %(name)s REFERENCES %(to_table)s(%(to_column)s)%(on_delete_db)s%(deferrable)s"
    )
    sql_delete_fk = schema.DatabaseSchemaEditor.sql_delete_constraint
    sql_rename_constraint = "ALTER TABLE %(table)s RENAME CONSTRAINT %(old)s TO %(new)s"
    # IF EXISTS: Django's own backend gives this index another name.
    sql_rename_own_index = "ALTER INDEX IF EXISTS %(old)s RENAME TO %(new)s"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.statements: list[str] = []  # executed, or collected
        self.collected_keys: list[Statement] = []
        self.tables_there: set[str] = set()
        self.may_have_written = True

    def __enter__(self) -> Self:
        # In a transaction that began earlier, something may have been written already.
        self.may_have_written = self.connection.in_atomic_block
        super().__enter__()
        self.watching = self.connection.execute_wrapper(self._watch_writes)
        self.watching.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            super().__exit__(*error)
        finally:
            self.watching.__exit__(*error)

    def _watch_writes(
        self,
        execute: Callable[..., Any],
        sql: Any,
        params: Any,
        many: bool,
        context: dict[str, Any],
    ) -> Any:
        words = first_words(str(sql), 1)
        self.may_have_written = self.may_have_written or not words or words[0] not in WRITES_NO_ROW
        return execute(sql, params, many, context)

    def execute(self, sql: Any, params: Any = ()) -> None:
        text = str(sql) if params is None else self.connection.ops.compose_sql(str(sql), params)
        self.statements.append(text)
        if not self.collect_sql and self.connection.in_atomic_block and self._needs_checks(text):
            self._check_deferred_constraints()
        super().execute(text, None)

    def _needs_checks(self, sql: str) -> bool:
        words = first_words(sql, 2) if self.may_have_written else []
        return bool(words) and (words[0] in ALTERS or tuple(words) in MAKES_INDEX)

    def _check_deferred_constraints(self) -> None:
        """Check now what the transaction would check at its end: DDL can't wait for that."""
        # Through psycopg: it is not one of the migration's statements.
        with self.connection.wrap_database_errors:
            self.connection.connection.execute(
                "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"
            )

    # Foreign keys

    def create_model(self, model: type[Model]) -> None:
        self._take_keys_back(model._meta.db_table)
        super().create_model(model)
        self._execute_deferred()

    def delete_model(self, model: type[Model]) -> None:
        super().delete_model(model)
        self.tables_there.clear()
        self.collected_keys = [
            key for key in self.collected_keys if not key.references_table(model._meta.db_table)
        ]

    def add_field(self, model: type[Model], field: AnyField) -> None:
        super().add_field(model, field)
        self._execute_deferred()

    def _execute_deferred(self) -> None:
        """Execute what Django defers, except foreign keys to a table that is not there yet."""
        statements, self.deferred_sql = self.deferred_sql, []
        for statement in statements:
            if self._waits(statement):
                self.deferred_sql.append(statement)
            else:
                self.execute(statement, None)

    def _waits(self, statement: Statement | str) -> bool:
        if not isinstance(statement, Statement) or "to_table" not in statement.parts:
            return False
        if self.collect_sql:
            # The database may be older or newer than this migration, so don't ask it.
            self.collected_keys.append(statement)
            return False
        table = str(statement.parts["to_table"])
        if table == str(statement.parts["table"]) or table in self.tables_there:
            return False
        # Through psycopg: it is not one of the migration's statements.
        with self.connection.wrap_database_errors:
            found = self.connection.connection.execute("SELECT to_regclass(%s) IS NULL", [table])
            (waits,) = found.fetchone()
        if not waits:
            self.tables_there.add(table)
        return waits

    def _take_keys_back(self, table: str) -> None:
        """Defer the collected foreign keys to a table that is made only now."""
        for key in list(self.collected_keys):
            if str(key.parts["to_table"]) == self.quote_name(table):
                self.collected_keys.remove(key)
                self.statements.remove(str(key))
                self.collected_sql.remove(f"{key};")
                self.deferred_sql.append(key)

    # Names

    def alter_db_table(self, model: type[Model], old_db_table: str, new_db_table: str) -> None:
        super().alter_db_table(model, old_db_table, new_db_table)
        self.tables_there.clear()
        self._execute_deferred()
        if self.quote_name(old_db_table) != self.quote_name(new_db_table):
            self._rename_constraints(model, old_db_table, new_db_table)

    def _rename_constraints(self, model: type[Model], old_table: str, new_table: str) -> None:
        """Rename what is named after a table."""
        old, new = _name(old_table), _name(new_table)
        self._rename_index(new_table, f"{old}_pkey", f"{new}_pkey")
        there = None if self.collect_sql else self._constraint_names(model, foreign_key=True)
        for field in model._meta.local_fields:
            if _is_one_to_one(field):
                self._rename_index(new_table, _index_name(old, field), _index_name(new, field))
            old_key = _key_name(old, field)
            if field.remote_field and field.db_constraint and (there is None or old_key in there):
                self.execute(
                    self.sql_rename_constraint
                    % {
                        "table": self.quote_name(new_table),
                        "old": self.quote_name(old_key),
                        "new": self.quote_name(_key_name(new, field)),
                    }
                )

    def _rename_index(self, table: str, old: str, new: str) -> None:
        if old == new:
            return
        names = {"old": self._in_schema_of(table, old), "new": self.quote_name(new)}
        self.execute(self.sql_rename_own_index % names)

    def _in_schema_of(self, table: str, index: str) -> str:
        """Return the name of an index, with its table's schema if the table's name has one."""
        schema, _ = split_identifier(table)
        return (
            f"{self.quote_name(schema)}.{self.quote_name(index)}"
            if schema
            else self.quote_name(index)
        )

    def _delete_index_sql(
        self, model: type[Model], name: str, *arguments: Any, **options: Any
    ) -> Statement:
        statement = super()._delete_index_sql(model, name, *arguments, **options)
        statement.parts["name"] = self._in_schema_of(model._meta.db_table, name)
        return statement

    def _rename_index_sql(self, model: type[Model], old_name: str, new_name: str) -> Statement:
        statement = super()._rename_index_sql(model, old_name, new_name)
        statement.parts["old_name"] = self._in_schema_of(model._meta.db_table, old_name)
        return statement

    def _alter_field(
        self,
        model: type[Model],
        old_field: AnyField,
        new_field: AnyField,
        *arguments: Any,
        **options: Any,
    ) -> None:
        super()._alter_field(model, old_field, new_field, *arguments, **options)
        if _is_one_to_one(old_field) and _is_one_to_one(new_field):  # the foreign key is made again
            table = _name(model._meta.db_table)
            old, new = _index_name(table, old_field), _index_name(table, new_field)
            self._rename_index(model._meta.db_table, old, new)

    def _fk_constraint_name(
        self, model: type[Model], field: AnyField, suffix: str
    ) -> ForeignKeyName:
        name = super()._fk_constraint_name(model, field, suffix)
        name.create_fk_name = lambda table, columns, _suffix: self.quote_name(
            foreign_key_name(_name(table), *columns)
        )
        return name

    def _create_unique_sql(
        self, model: type[Model], fields: list[AnyField], name: str | None = None, **options: Any
    ) -> Statement | None:
        if name is None and len(fields) == 1 and _is_one_to_one(fields[0]):
            name = _index_name(_name(model._meta.db_table), fields[0])
        return super()._create_unique_sql(model, fields, name=name, **options)

    def _iter_column_sql(
        self,
        column_db_type: str,
        params: list[Any],
        model: type[Model],
        field: AnyField,
        field_db_params: dict[str, Any],
        include_default: bool,
    ) -> Iterator[str]:
        for part in super()._iter_column_sql(
            column_db_type, params, model, field, field_db_params, include_default
        ):
            if part == "UNIQUE" and isinstance(field, OneToOneField):
                name = self.quote_name(_index_name(_name(model._meta.db_table), field))
                yield f"CONSTRAINT {name} UNIQUE"
            else:
                yield part


def _is_one_to_one(field: AnyField) -> bool:
    """Return whether a field has a OneToOneField's UNIQUE, which this backend names."""
    return isinstance(field, OneToOneField) and not field.primary_key


def _index_name(table: str, field: AnyField) -> str:
    return index_name(table, str(field.column))


def _key_name(table: str, field: AnyField) -> str:
    return foreign_key_name(table, str(field.column))


def _name(table: str) -> str:
    """Return a table's own name, without the schema that a db_table may begin with."""
    return split_identifier(table)[1]
