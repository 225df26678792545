"""The columns of a model, as the admin asks for them."""

from django.db import models


def get_column(model: type[models.Model], name: str) -> models.Field:
    """Return the column of a model's own table that a field is stored in, by the field's name."""
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    return field


def find_relations(model: type[models.Model]) -> list[models.ForeignKey]:
    """Return a model's foreign keys, in its order."""
    return [field for field in model._meta.local_fields if isinstance(field, models.ForeignKey)]


def relation_parameter(field: models.ForeignKey) -> str:
    """Return the parameter of a list's URL that names the row a foreign key refers to."""
    return f"{field.name}__{field.target_field.name}__exact"
