"""Columns in the order that people read them in."""

from django.db import models

from veza_site.schema.catalog import Column, Table

# At the end of a table, the others in the order of the model.
LAST_COLUMNS = ["created_at", "updated_at", "deleted_at"]


def columns_in_order(
    table: Table, model: type[models.Model] | None
) -> list[tuple[Column, models.Field | None]]:
    """Return the columns of a table, each with the model's field, where there is one."""
    fields = {} if model is None else {field.column: field for field in model._meta.local_fields}
    order = [*fields, *(name for name in table.columns if name not in fields)]
    order.sort(key=lambda name: name in LAST_COLUMNS)
    return [(table.columns[name], fields.get(name)) for name in order if name in table.columns]
