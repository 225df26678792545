"""The page of one row: what it shows, and what its form writes."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import ActionLocation
from django.contrib.admin.widgets import AdminTextInputWidget, RelatedFieldWidgetWrapper
from django.contrib.postgres.fields import ArrayField as ArrayModelField
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, connection, models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import override

from veza_site.admin.actions.delete_selected import delete_selected
from veza_site.admin.actions.deletion import Deletion, deletion_of
from veza_site.admin.actions.row_actions import ON_ROW
from veza_site.admin.names import permission_to
from veza_site.admin.refusals import explain_refusal
from veza_site.admin.rows.children import child_links
from veza_site.admin.rows.forms import ArrayField, JsonField, TextField, V1Form
from veza_site.admin.secrets import is_set, secrets_of, without_secrets
from veza_site.admin.wording.labels import LabelledAdmin, name_of
from veza_site.admin.wording.values import reading
from veza_site.models import AppendOnlyModel
from veza_site.transactions import Refused

METADATA = ("id", "created_at", "updated_at", "deleted_at")

Fieldsets = list[tuple[str | None, dict[str, Any]]]


class Line:
    """A line of a page that shows a column otherwise than Django does: read-only, computed."""

    def __init__(self, field: models.Field, label: str, show: Callable[[Any], Any]) -> None:
        self.__name__ = field.name  # for the help text, and the line's class in HTML
        self.short_description = label
        self._show = show

    def __call__(self, row: models.Model) -> Any:
        return self._show(row)


class DetailAdmin(LabelledAdmin):
    """
    A page for a row of a V1 table.

    A domain's admin declares `fieldsets`, or nothing, and in `readonly_fields` the columns that
    services keep. Every column that it does not name comes after these, so that none is left out;
    the key and the times come last. Of a secret the page tells whether there is one. Relations are
    chosen by autocomplete, so that no form loads a table.

    Rows of append-only tables can't be added, changed or deleted, and rows that need a secret can't
    be added: the platform makes them.

    What a service refuses (`Refused`) and what the database does in `save_model`, `delete_model`
    or `delete_queryset` is told to who asked, and nothing of it stays.
    """

    form = V1Form
    formfield_overrides = {
        models.JSONField: {"form_class": JsonField},
        ArrayModelField: {"form_class": ArrayField},
    }
    change_form_template = "admin/detail.html"
    delete_confirmation_template = "admin/deletion.html"
    delete_selected_confirmation_template = "admin/deletion_of_selected.html"

    # What to call the rows that refer to this one, by related_name, where that doesn't read well.
    child_names: dict[str, str] = {}

    def __init__(self, model: type[models.Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        fields, secrets = model._meta.local_fields, secrets_of(model)
        self.exclude = [field.name for field in secrets]
        self._relations = [field.name for field in fields if field.is_relation]
        self._metadata = [name for name in METADATA if name in {field.name for field in fields}]
        self._secrets = {field.name: _secret_line(field) for field in secrets}
        self._json = {
            field.name: _json_line(field) for field in fields if isinstance(field, models.JSONField)
        }
        self._readings = {
            field.name: Line(field, self.label_of(field), _reader(field))
            for field in fields
            if field.name not in self._secrets and reading(field)
        }
        self._needs_secret = any(not field.null and not field.has_db_default() for field in secrets)

    # What the page shows

    def get_detail_queryset(self, request: HttpRequest) -> models.QuerySet:
        """Return the rows as their page shows them: with those that they refer to, no secret."""
        told = {f"{field.name}_is_set": is_set(field) for field in secrets_of(self.model)}
        queryset = self.get_queryset(request).order_by().select_related(None)
        return without_secrets(queryset.annotate(**told), *self._relations)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> models.Model | None:
        field = self.opts.get_field(from_field) if from_field else self.opts.pk
        queryset = self.get_detail_queryset(request)
        if _saves(request):
            # Nobody changes the row between the form's look at it and the UPDATE.
            queryset = queryset.select_for_update(of=("self",), no_key=True)
        try:
            return queryset.get(**{field.name: field.to_python(object_id)})
        except (self.model.DoesNotExist, ValidationError, ValueError):
            return None

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Fieldsets:
        names = [field.name for field in self.opts.local_fields]
        declared = self.fieldsets or [(None, {"fields": self.fields or names})]
        readonly = self._readonly_names()
        is_open = obj is None or self.has_change_permission(request, obj)
        lines = self._secrets | {
            name: line
            for name, line in (self._json | self._readings).items()
            if name in readonly or not is_open
        }
        left_out = {*self._metadata} if obj else {*self._metadata, *readonly, *self._secrets}
        groups: Fieldsets = []
        for title, options in declared:
            if fields := _arranged(options["fields"], left_out, lines):
                groups.append((title, {**options, "fields": fields}))
        named = {name for _, options in declared for name in _flat(options["fields"])}
        if rest := _arranged([name for name in names if name not in named], left_out, lines):
            groups.append(("Other", {"fields": rest}))
        if obj:
            groups.append(("Metadata", {"fields": self._metadata}))
        return groups

    def get_readonly_fields(
        self, request: HttpRequest, obj: models.Model | None = None
    ) -> list[str | Line]:
        lines = self._secrets | self._json | self._readings
        return [*self._readonly_names(), *lines.values()]

    def _readonly_names(self) -> list[str]:
        kept = [field.name for field in self.opts.local_fields if not field.editable]
        return list(dict.fromkeys([*self.readonly_fields, *kept]))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *arguments: Any, **options: Any
    ) -> HttpResponse:
        if context["original"] is not None and not context["is_popup"]:
            key = context["original"].pk
            context["subtitle"] = name_of(context["original"])
            context["children"] = child_links(self, request, key, self.child_names)
        return super().render_change_form(request, context, *arguments, **options)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Let rows be named by their key alone: it is all that V1's relations refer to."""
        return to_field == self.opts.pk.name

    # What the form writes

    def get_autocomplete_fields(self, request: HttpRequest) -> list[str]:
        return self._relations

    def get_field_queryset(
        self, db: str | None, db_field: models.Field, request: HttpRequest
    ) -> models.QuerySet:
        """Return the rows that a relation may be, of which the chosen one is read for its name."""
        return without_secrets(db_field.related_model._default_manager.using(db))

    def formfield_for_dbfield(
        self, db_field: models.Field, request: HttpRequest, **options: Any
    ) -> forms.Field | None:
        if type(db_field) in (models.CharField, models.TextField) and not db_field.choices:
            options.setdefault("form_class", TextField)
        if isinstance(db_field, models.TextField) and db_field.null:
            options["empty_value"] = None  # as Django does for a CharField: NULL stays NULL
        if isinstance(db_field, models.TextField) and db_field.name.endswith("_url"):
            options["widget"] = AdminTextInputWidget({"class": "vLargeTextField"})
        form_field = super().formfield_for_dbfield(db_field, request, **options)
        if form_field and isinstance(form_field.widget, RelatedFieldWidgetWrapper):
            # A link to the chosen row is enough: other tables are changed on their own pages.
            widget = form_field.widget
            widget.can_add_related = widget.can_change_related = widget.can_delete_related = False
        return form_field

    def get_form(
        self, request: HttpRequest, obj: models.Model | None = None, **options: Any
    ) -> type[forms.ModelForm]:
        readonly = set(self._readonly_names())
        if obj is not None and not self.has_change_permission(request, obj):
            readonly = {field.name for field in self.opts.local_fields}
        options["labels"] = {
            field.name: capfirst(self.label_of(field, with_unit=field.name not in readonly))
            for field in self.opts.local_fields
            if field.name not in self._secrets
        }
        # A size that is only read is not in the bytes of which the column's help tells.
        options["help_texts"] = {name: "" for name in readonly if name.endswith("_size")}
        form_class = super().get_form(request, obj, **options)
        form_class.refusal = getattr(request, "refusal", None)
        return form_class

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (Refused, DatabaseError) as error:
            refusal = explain_refusal(error, self.model)
            if refusal is None or request.method != "POST" or _is_action(request):
                raise
        # All is rolled back. The form comes again, as it was sent, with what was wrong.
        request.refusal = refusal
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(
        self, request: HttpRequest, obj: models.Model, form: forms.ModelForm, change: bool
    ) -> None:
        """Write what the form changed and nothing else: other columns may be newer by now."""
        if not change:
            obj.save()
        elif form.changed_data:
            obj.save(update_fields=form.changed_data)
        connection.check_constraints()  # the deferred ones, as long as the form can still tell

    def construct_change_message(
        self, request: HttpRequest, form: forms.ModelForm, formsets: Any, add: bool = False
    ) -> list[dict[str, Any]]:
        if add:
            return super().construct_change_message(request, form, formsets, add)
        with override(None):
            changes = form.changes()
        return [{"changed": {"fields": changes}}] if changes else []

    # Deletion

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[Deletion, dict[str, str], set[str], list[str]]:
        deletion = deletion_of(self.model, objs)
        missing = {
            str(part.model._meta.verbose_name_plural)
            for part in deletion.taken
            if not issubclass(part.model, AppendOnlyModel)
            and not request.user.has_perm(permission_to("delete", part.model))
        }
        return deletion, {}, missing, []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except (Refused, DatabaseError) as error:
            refusal = explain_refusal(error, self.model)
            if refusal is None or request.method != "POST":
                raise
        for message in refusal.messages:
            self.message_user(request, f"{message} Nothing was deleted.", messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def render_delete_form(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        context["escaped_object"] = name_of(context["object"]) or context["escaped_object"]
        return super().render_delete_form(request, context)

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        obj.delete()
        connection.check_constraints()

    def get_actions(
        self,
        request: HttpRequest,
        action_location: ActionLocation = ActionLocation.CHANGE_LIST,
    ) -> dict[str, Any]:
        actions = super().get_actions(request, action_location=action_location)
        if "delete_selected" in actions:
            actions["delete_selected"] = replace(actions["delete_selected"], func=delete_selected)
        return actions

    # Who may

    def has_add_permission(self, request: HttpRequest) -> bool:
        if self._needs_secret or issubclass(self.model, AppendOnlyModel):
            return False
        return super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        if issubclass(self.model, AppendOnlyModel):
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        if issubclass(self.model, AppendOnlyModel):
            return False
        return super().has_delete_permission(request, obj)


def _is_action(request: HttpRequest) -> bool:
    """Tell whether a row's page was sent to start an action, as Django does."""
    is_save = {"_save", "_continue", "_addanother"} & request.POST.keys()
    return ON_ROW in request.POST and not is_save


def _saves(request: HttpRequest) -> bool:
    """Tell whether a row's form was sent to be saved."""
    page = request.resolver_match.url_name if request.resolver_match else ""
    return request.method == "POST" and page.endswith("_change") and not _is_action(request)


def _flat(fields: Any) -> list[Any]:
    """Return the names of a group, in which some may share a line."""
    return [
        name for entry in fields for name in (entry if isinstance(entry, list | tuple) else [entry])
    ]


def _arranged(fields: Any, left_out: set[str], lines: dict[str, Line]) -> list[Any]:
    """Return a group's fields without those left out, and with lines where there are such."""
    arranged: list[Any] = []
    for entry in fields:
        kept = [lines.get(name, name) for name in _flat([entry]) if name not in left_out]
        if len(kept) > 1:
            arranged.append(tuple(kept))
        else:
            arranged += kept
    return arranged


def _secret_line(field: models.Field) -> Line:
    def show(row: models.Model) -> str:
        return "set" if getattr(row, f"{field.name}_is_set") else "not set"

    return Line(field, capfirst(field.column.replace("_", " ")), show)


def _reader(field: models.Field) -> Callable[[models.Model], Any]:
    """Return what shows a row's value of a field, as a list shows it."""

    def show(row: models.Model) -> Any:
        value = getattr(row, field.name)
        return None if value is None else reading(field)(value)

    return show


def _json_line(field: models.Field) -> Line:
    def show(row: models.Model) -> str:
        value = getattr(row, field.name)
        text = json.dumps(value, ensure_ascii=False, indent=2, cls=DjangoJSONEncoder)
        return format_html('<pre class="json">{}</pre>', text)

    return Line(field, capfirst(field.verbose_name), show)
