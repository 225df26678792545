"""The names of permissions, as Django asks for them."""

from django.contrib.auth import get_permission_codename
from django.db import models


def permission_to(verb: str, model: type[models.Model]) -> str:
    """Return the name of the permission to do something with a model's rows."""
    return f"{model._meta.app_label}.{get_permission_codename(verb, model._meta)}"
