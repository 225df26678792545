"""Model fields for columns as the Standard wants them."""

import re
from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import DatabaseDefault
from django.db.models.sql.compiler import SQLCompiler

from veza_site.postgresql.out_of_range import JsonDecoder, UnreadableJson


class EnumField(models.CharField):
    """
    A column of a PostgreSQL enum type, bound to a TextChoices class.

    The type has the class's name in snake case (`UserRole`: `user_role`) and the class's values as
    labels, in their order. A migration creates it (CREATE TYPE), not this field; a value added to
    the class needs a migration with ALTER TYPE … ADD VALUE.
    """

    def __init__(
        self, enum: type[models.TextChoices] | None = None, *, enum_type: str = "", **options: Any
    ) -> None:
        if enum is not None:
            options["choices"] = enum.choices
            enum_type = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.__name__).lower()
        self.enum_type = enum_type
        super().__init__(**options)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, arguments, options = super().deconstruct()
        return name, path, arguments, options | {"enum_type": self.enum_type}

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return self.enum_type

    def get_placeholder_sql(
        self, value: Any, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        """Cast an expression that is assigned: to PostgreSQL, a CASE of strings is text."""
        if not hasattr(value, "as_sql"):
            return "%s", [value]
        sql, parameters = compiler.compile(value)
        if isinstance(value, DatabaseDefault):
            return sql, parameters
        return f"({sql})::{self.enum_type}", parameters

    def cast_db_type(self, connection: BaseDatabaseWrapper) -> str:
        return self.enum_type  # CharField casts to varchar, which bulk_update can't assign


class JSONField(models.JSONField):
    """
    A column of JSON that is read whatever is in it: what Python can't hold is an UnreadableJson.

    To migrations it is Django's own field.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"decoder": JsonDecoder} | options))

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _, arguments, options = super().deconstruct()
        del options["decoder"]
        return name, "django.db.models.JSONField", arguments, options

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        try:
            return super().from_db_value(value, expression, connection)
        except (ValueError, RecursionError):
            return UnreadableJson(value)


class UpdatedAtField(models.DateTimeField):
    """
    The column `updated_at`, which the table's trigger sets.

    `save()` writes the column only to get it back: the trigger's value replaces the one written
    here, and Django reads that with RETURNING, in the same statement.
    """

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        return super().pre_save(model_instance, add) if add else TransactionNow()
