"""The page of one row: what it shows, and what its form writes."""

from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import ActionLocation
from django.contrib.admin.widgets import (
    AdminSplitDateTime,
    AdminTextInputWidget,
    RelatedFieldWidgetWrapper,
)
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.text import capfirst
from django.utils.translation import override

from veza_site.admin.actions.confirmation import ON_ROW
from veza_site.admin.actions.delete_selected import delete_selected
from veza_site.admin.actions.deletion import Deletion, foresee_deletion
from veza_site.admin.fields import find_relations, get_column
from veza_site.admin.names import permission_to
from veza_site.admin.refusals import explain_refusal
from veza_site.admin.rows.children import link_children
from veza_site.admin.rows.forms import JsonField, MomentField, RelationBox, TextField, V1Form
from veza_site.admin.rows.lines import (
    Line,
    arrange,
    flatten,
    make_json_line,
    make_line,
    make_secret_line,
)
from veza_site.admin.secrets import annotate_secrets, defer_secrets, find_secrets
from veza_site.admin.wording.labels import LabelledAdmin, name_row
from veza_site.models import AppendOnlyModel
from veza_site.transactions import Refused

METADATA = ("id", "created_at", "updated_at", "deleted_at")

Fieldsets = list[tuple[str | None, dict[str, Any]]]


class DetailAdmin(LabelledAdmin):
    """
    A page for a row of a V1 table.

    A domain's admin may declare `fieldsets`, and in `readonly_fields` the columns that only
    services write. Every other column follows, so that none is missing; the key and the times come
    last. Of a secret the page says whether it is set. Relations are chosen by autocomplete, so that
    no form loads a table.

    What a service refuses, or the database in `save_model`, `delete_model` or `delete_queryset`, is
    rolled back and explained.
    """

    form = V1Form
    formfield_overrides = {
        models.DateTimeField: {"form_class": MomentField, "widget": AdminSplitDateTime},
        models.JSONField: {"form_class": JsonField},
    }
    change_form_template = "admin/detail.html"
    delete_confirmation_template = "admin/deletion.html"

    # What to call the rows that refer to this one, by related_name, where that doesn't read well.
    child_names: dict[str, str] = {}

    def __init__(self, model: type[models.Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        fields, secrets = model._meta.local_fields, find_secrets(model)
        self.needs_secret = any(not field.null and not field.has_db_default() for field in secrets)
        self._relations = [field.name for field in find_relations(model)]
        self._metadata = [name for name in METADATA if name in {field.name for field in fields}]
        self._secrets = {field.name: make_secret_line(field) for field in secrets}
        # The lines of what is only read; with the right to change it, some are in the form.
        self._lines: dict[str, Line] = {}
        for field in fields:
            if isinstance(field, models.JSONField):
                self._lines[field.name] = make_json_line(field)
            elif field not in secrets and (line := make_line(field, self.label_field(field))):
                self._lines[field.name] = line

    # What the page shows

    def get_detail_queryset(self, request: HttpRequest) -> models.QuerySet:
        """Return the rows as their page shows them: joined to what they refer to, no secret."""
        queryset = self.get_queryset(request).order_by().select_related(None)
        return defer_secrets(annotate_secrets(queryset), *self._relations)

    def get_exclude(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        return [*self._secrets]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> models.Model | None:
        field = get_column(self.model, from_field) if from_field else self.opts.pk
        queryset = self.get_detail_queryset(request)
        if _saves(request):
            # So nobody changes the row between the form's check and the UPDATE.
            queryset = queryset.select_for_update(of=("self",), no_key=True)
        try:
            row: models.Model = queryset.get(**{field.name: field.to_python(object_id)})
            return row
        except (self.model.DoesNotExist, ValidationError, ValueError):
            return None

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        names = [field.name for field in self.opts.local_fields]
        fields: Any = self.fields or names
        declared: Any = self.fieldsets or [(None, {"fields": fields})]
        readonly = self._find_readonly()
        is_open = obj is None or self.has_change_permission(request, obj)
        lines = self._secrets | {
            name: line for name, line in self._lines.items() if name in readonly or not is_open
        }
        left_out = {*self._metadata} if obj else {*self._metadata, *readonly, *self._secrets}
        groups: Fieldsets = []
        for title, options in declared:
            if shown := arrange(options["fields"], left_out, lines):
                groups.append((title, {**options, "fields": shown}))
        named = {name for _, options in declared for name in flatten(options["fields"])}
        if rest := arrange([name for name in names if name not in named], left_out, lines):
            groups.append(("Other", {"fields": rest}))
        if obj:
            metadata = [self._lines.get(name, name) for name in self._metadata]
            groups.append(("Metadata", {"fields": metadata}))
        return groups

    def get_readonly_fields(
        self, request: HttpRequest, obj: models.Model | None = None
    ) -> list[Any]:
        return [*self._find_readonly(), *self._secrets.values(), *self._lines.values()]

    def _find_readonly(self) -> list[str]:
        automatic = [field.name for field in self.opts.local_fields if not field.editable]
        return list(dict.fromkeys([*map(str, self.readonly_fields), *automatic]))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *arguments: Any, **options: Any
    ) -> HttpResponse:
        if context["original"] is not None and not context["is_popup"]:
            key = context["original"].pk
            context["subtitle"] = name_row(context["original"])
            context["children"] = link_children(self, request, key, self.child_names)
        return super().render_change_form(request, context, *arguments, **options)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Allow only the key: V1's relations refer to nothing else."""
        return to_field == self.opts.pk.name

    # What the form writes

    def get_autocomplete_fields(self, request: HttpRequest) -> list[str]:
        return self._relations

    def get_field_queryset(
        self, db: str | None, db_field: Any, request: HttpRequest
    ) -> models.QuerySet:
        """Return the rows to choose from; only the chosen one is read, for its name."""
        return defer_secrets(db_field.related_model._default_manager.using(db))

    def formfield_for_dbfield(
        self, db_field: models.Field, request: HttpRequest, **options: Any
    ) -> forms.Field | None:
        if type(db_field) in (models.CharField, models.TextField) and not db_field.choices:
            options.setdefault("form_class", TextField)
        if isinstance(db_field, models.TextField) and db_field.null:
            options["empty_value"] = None  # as Django does for a CharField: NULL stays NULL
        if isinstance(db_field, models.TextField) and db_field.name.endswith("_url"):
            options["widget"] = AdminTextInputWidget({"class": "vLargeTextField"})
        if isinstance(db_field, models.ForeignKey) and db_field.editable:
            options.setdefault("widget", RelationBox(db_field, self.admin_site))
        form_field = super().formfield_for_dbfield(db_field, request, **options)
        if form_field and isinstance(form_field.widget, RelatedFieldWidgetWrapper):
            # A link to the chosen row is enough: its table has pages of its own.
            widget = form_field.widget
            widget.can_add_related = widget.can_change_related = widget.can_delete_related = False
        return form_field

    def get_form(
        self,
        request: HttpRequest,
        obj: models.Model | None = None,
        change: bool = False,
        **options: Any,
    ) -> type[forms.ModelForm]:
        readonly = set(self._find_readonly())
        if obj is not None and not self.has_change_permission(request, obj):
            readonly = {field.name for field in self.opts.local_fields}
        options["labels"] = {
            field.name: capfirst(self.label_field(field, with_unit=field.name not in readonly))
            for field in self.opts.local_fields
            if field.name not in self._secrets
        }
        # A size that is only read is not shown in bytes, as the column's help says.
        options["help_texts"] = {name: "" for name in readonly if name.endswith("_size")}
        form_class = super().get_form(request, obj, change, **options)
        assert issubclass(form_class, V1Form)
        form_class.refusal = vars(request).get("_refusal")
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
        # All is rolled back. Show the form again, as it was sent, with what was wrong.
        vars(request)["_refusal"] = refusal
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(
        self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool
    ) -> None:
        """Write only what the form changed: other columns may have changed meanwhile."""
        if not change:
            obj.save()
        elif form.changed_data:
            obj.save(update_fields=form.changed_data)
        connection.check_constraints()  # the deferred ones, while the form can still explain them

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, Any]]:
        if add:
            return super().construct_change_message(request, form, formsets, add)
        with override(None):
            changes = form.describe_changes()
        return [{"changed": {"fields": changes}}] if changes else []

    # Deletion

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return the Deletion, for the page that asks, instead of Django's list of rows."""
        deletion = foresee_deletion(self.model, objs)
        return deletion, {}, self.find_missing_rights(request, deletion), []

    def find_missing_rights(self, request: HttpRequest, deletion: Deletion) -> set[str]:
        """
        Return the names of the tables from which a deletion takes rows without the right to.

        Nobody has that right for append-only tables, so those don't count.
        """
        return {
            str(part.model._meta.verbose_name_plural)
            for part in deletion.taken
            if not issubclass(part.model, AppendOnlyModel)
            and not request.user.has_perm(permission_to("delete", part.model))
        }

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
        context["escaped_object"] = name_row(context["object"]) or context["escaped_object"]
        return super().render_delete_form(request, context)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        obj.delete()
        connection.check_constraints()

    def get_actions(
        self,
        request: HttpRequest,
        action_location: ActionLocation = ActionLocation.CHANGE_LIST,
    ) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request, action_location=action_location)
        if "delete_selected" in actions:
            actions["delete_selected"] = replace(actions["delete_selected"], func=delete_selected)
        return actions


def _is_action(request: HttpRequest) -> bool:
    """Tell whether a row's page was sent to start an action, as Django does."""
    is_save = {"_save", "_continue", "_addanother"} & request.POST.keys()
    return ON_ROW in request.POST and not is_save


def _saves(request: HttpRequest) -> bool:
    """Tell whether a row's form was sent to be saved."""
    page = request.resolver_match.url_name if request.resolver_match else None
    is_change = page is not None and page.endswith("_change")
    return request.method == "POST" and is_change and not _is_action(request)
