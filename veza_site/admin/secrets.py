"""Which columns hold secrets."""

from django.db import models


def is_secret(field: models.Field) -> bool:
    """Tell whether a field's column holds a secret, by the endings of their names in V1."""
    return field.column is not None and field.column.endswith(("_hash", "_secret"))
