"""Which columns hold secrets, and how to show that there is one without reading it."""

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import models
from django.db.models import Q


def is_secret(field: models.Field) -> bool:
    """Tell whether a field's column holds a secret, by the endings of their names in V1."""
    return field.column is not None and field.column.endswith(("_hash", "_secret"))


def secrets_of(model: type[models.Model]) -> list[models.Field]:
    """Return the fields of a model that hold secrets."""
    return [field for field in model._meta.local_fields if is_secret(field)]


def is_set(field: models.Field) -> Q:
    """
    Return the condition that a row has the secret, which the database answers by itself.

    What Django marks as unusable is none: an account without a password has “!”.
    """
    return Q(**{f"{field.name}__isnull": False}) & ~Q(
        **{f"{field.name}__startswith": UNUSABLE_PASSWORD_PREFIX}
    )


def telling_secrets(queryset: models.QuerySet) -> models.QuerySet:
    """Return `queryset` with an attribute for each secret that tells whether it is set."""
    told = {f"{field.name}_is_set": is_set(field) for field in secrets_of(queryset.model)}
    return queryset.annotate(**told) if told else queryset


def without_secrets(queryset: models.QuerySet, *relations: str) -> models.QuerySet:
    """
    Return `queryset` with the rows of these relations joined, and with no secret read.

    Neither one of the table's own nor one of the others'.
    """
    model = queryset.model
    left_out = [field.name for field in secrets_of(model)]
    for name in relations:
        related = model._meta.get_field(name).related_model
        left_out += [f"{name}__{field.name}" for field in secrets_of(related)]
    queryset = queryset.select_related(*relations) if relations else queryset
    return queryset.defer(*left_out) if left_out else queryset
