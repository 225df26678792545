"""Which columns hold secrets, and how to show that there is one without reading it."""

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import models
from django.db.models import Q


def is_secret(field: models.Field) -> bool:
    """Tell whether a field's column holds a secret: V1 names all of them alike."""
    return field.column is not None and field.column.endswith(("_hash", "_secret"))


def find_secrets(model: type[models.Model]) -> list[models.Field]:
    """Return the fields of a model that hold secrets."""
    return [field for field in model._meta.local_fields if is_secret(field)]


def annotate_secrets(queryset: models.QuerySet) -> models.QuerySet:
    """
    Return `queryset` with an attribute for each secret that says whether it is set.

    The database compares; no secret is read. Django marks an account without a password by a hash
    that begins with “!”, which counts as not set.
    """
    is_set = {
        f"{field.name}_is_set": Q((f"{field.name}__isnull", False))
        & ~Q((f"{field.name}__startswith", UNUSABLE_PASSWORD_PREFIX))
        for field in find_secrets(queryset.model)
    }
    return queryset.annotate(**is_set) if is_set else queryset


def defer_secrets(queryset: models.QuerySet, *relations: str) -> models.QuerySet:
    """Return `queryset` joined to the rows of these relations, reading no secret of either."""
    model = queryset.model
    left_out = [field.name for field in find_secrets(model)]
    for name in relations:
        related = model._meta.get_field(name).related_model
        left_out += [f"{name}__{field.name}" for field in find_secrets(related)]
    queryset = queryset.select_related(*relations) if relations else queryset
    return queryset.defer(*left_out) if left_out else queryset
