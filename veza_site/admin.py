"""What every domain's admin shares."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest


def is_secret(field: models.Field) -> bool:
    """Tell whether a field's column holds a secret, by the endings of their names in V1."""
    return field.column is not None and field.column.endswith(("_hash", "_secret"))


class JsonField(forms.JSONField):
    """A form's field for V1's JSON columns: none is NULL, so nothing is written as {}."""

    def prepare_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):  # the database's default
            value = {}
        return super().prepare_value(value)

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return {} if value is None else value


class V1Form(forms.ModelForm):
    """
    A form that checks every constraint of the table before the database does.

    Django leaves out those that name a field which the form does not show, and so all of V1's
    `WHERE deleted_at IS NULL`.
    """

    def validate_constraints(self) -> None:
        try:
            self.instance.validate_constraints()
        except forms.ValidationError as error:
            self._update_errors(error)


class V1Admin(admin.ModelAdmin):
    """
    A plain page for a V1 table.

    Secrets are on no page, and rows that need one can't be added here: the platform makes them.
    Relations are ids, since a select would load the whole other table.
    """

    form = V1Form
    formfield_overrides = {models.JSONField: {"form_class": JsonField}}
    show_full_result_count = False

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

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Refuse a filter by URL that would tell a secret letter by letter."""
        if any(lookup.split("__")[0] == name for name in self.exclude):
            return False
        return super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest, *arguments: Any) -> bool:
        return not self._needs_secret and super().has_add_permission(request, *arguments)
