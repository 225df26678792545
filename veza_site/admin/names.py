"""Django's addresses of the admin's pages, and its names of permissions."""

from typing import Any

from django.contrib.auth import get_permission_codename
from django.db import models
from django.urls import reverse


def list_address(model: type[models.Model], query: str = "") -> str:
    """Return the address of a model's list, filtered by a query string if there is one."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?{query}" if query else address


def row_address(model: type[models.Model], key: Any) -> str:
    """Return the address of the page of a model's row."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[key])


def permission_to(verb: str, model: type[models.Model]) -> str:
    """Return the name of the permission to "view", "add", "change" or "delete" a model's rows."""
    return f"{model._meta.app_label}.{get_permission_codename(verb, model._meta)}"
