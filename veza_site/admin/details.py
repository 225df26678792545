"""The page of one row: what it shows, and what its form writes."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from veza_site.admin.forms import JsonField, V1Form
from veza_site.admin.secrets import is_secret


class DetailAdmin(admin.ModelAdmin):
    """
    A page for a row of a V1 table.

    Secrets are on no page, and rows that need one can't be added here: the platform makes them.
    Relations are ids, since a select would load the whole other table.
    """

    form = V1Form
    formfield_overrides = {models.JSONField: {"form_class": JsonField}}

    def __init__(self, model: type[models.Model], admin_site: admin.AdminSite) -> None:
        fields = model._meta.local_fields
        self.exclude = [field.name for field in fields if is_secret(field)]
        self.raw_id_fields = [field.name for field in fields if field.is_relation]
        self.readonly_fields = [field.name for field in fields if not field.editable]
        self._needs_secret = any(
            is_secret(field) and not field.null and not field.has_db_default() for field in fields
        )
        super().__init__(model, admin_site)

    def formfield_for_dbfield(
        self, db_field: models.Field, request: HttpRequest, **options: Any
    ) -> forms.Field | None:
        if isinstance(db_field, models.TextField) and db_field.null:
            options["empty_value"] = None  # as Django does for a CharField: NULL stays NULL
        return super().formfield_for_dbfield(db_field, request, **options)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not self._needs_secret and super().has_add_permission(request)
