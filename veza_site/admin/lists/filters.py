"""The filters of a list: deleted rows, states, flags, periods and relations."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AutocompleteSelect
from django.db import models
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.text import capfirst

from veza_site.admin.fields import find_relations, relation_parameter
from veza_site.admin.lists.scope import DELETED_VAR, Scope, read_scope
from veza_site.admin.wording.labels import LabelledAdmin
from veza_site.models import SoftDeletableModel

PERIODS = {
    "hour": ("Last hour", timedelta(hours=1)),
    "day": ("Last day", timedelta(days=1)),
    "week": ("Last week", timedelta(weeks=1)),
    "month": ("Last month", timedelta(days=30)),
}


class DeletedFilter(admin.SimpleListFilter):
    """Live rows, unless asked for deleted ones or for all."""

    title = "deletion"
    parameter_name = DELETED_VAR

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> Any:
        return [("only", "Deleted"), ("all", "All")]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        live, *others = super().choices(changelist)
        yield live | {"display": "Live"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        match self.value():
            case None:
                return queryset.filter(deleted_at__isnull=True)
            case "only":
                return queryset.filter(deleted_at__isnull=False)
            case "all":
                return queryset
        raise IncorrectLookupParameters(self.value())


class FieldFilter(admin.ListFilter):
    """A filter on one field of the list's own table. A value that is no choice is refused."""

    def __init__(
        self,
        field: models.Field,
        request: HttpRequest,
        params: dict[str, list[str]],
        model: type[models.Model],
        model_admin: LabelledAdmin,
        field_path: str | None = None,
    ) -> None:
        self.field = field
        self.model_admin = model_admin
        self.title = model_admin.label_field(field)
        super().__init__(request, params, model, model_admin)
        # The last that is not empty: without JavaScript a form can send an empty one too.
        self.value = ""
        for name in self.list_parameters(field):
            for value in params.pop(name, []):
                self.value = value.strip() or self.value

    @classmethod
    def list_parameters(cls, field: models.Field) -> list[str]:
        """Return the parameters of a URL that the filter takes; its own links use the first."""
        return [f"{field.name}__exact", field.name]

    def expected_parameters(self) -> list[str | None]:
        return [*self.list_parameters(self.field)]

    def has_output(self) -> bool:
        return True

    def list_options(self) -> dict[str, str]:
        """Return the choices' labels by their values."""
        raise NotImplementedError

    def make_condition(self) -> dict[str, Any]:
        """Return the condition that the rows meet for `value`, one of the options."""
        return {self.field.name: self.value}

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if not self.value:
            return queryset
        if self.value not in self.list_options():
            raise IncorrectLookupParameters(f"{self.field.name} is never {self.value!r}")
        return queryset.filter(**self.make_condition())

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        names = self.list_parameters(self.field)
        for value, label in {"": "All", **self.list_options()}.items():
            # Drop all names by hand: `remove` would drop whatever begins with one.
            yield {
                "selected": value == self.value,
                "query_string": changelist.get_query_string(
                    dict.fromkeys(names) | {names[0]: value or None}
                ),
                "display": label,
            }


class ChoiceFilter(FieldFilter):
    """One of the field's declared choices."""

    def list_options(self) -> dict[str, str]:
        return {str(value): str(label) for value, label in self.field.flatchoices}


class FlagFilter(FieldFilter):
    """Yes or no."""

    def list_options(self) -> dict[str, str]:
        return {"1": "Yes", "0": "No"}

    def make_condition(self) -> dict[str, Any]:
        return {self.field.name: self.value == "1"}


class PeriodFilter(FieldFilter):
    """The last hour, day, week or month, where an index has the rows in order of this time."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.is_served = self.field.name in read_scope(self.request, self.field.model).leading

    @classmethod
    def list_parameters(cls, field: models.Field) -> list[str]:
        return [f"{field.name}__within"]

    def has_output(self) -> bool:
        return self.is_served or bool(self.value)

    def list_options(self) -> dict[str, str]:
        return {name: label for name, (label, _) in PERIODS.items()} if self.is_served else {}

    def make_condition(self) -> dict[str, Any]:
        # By the database's clock, which wrote most of these times.
        return {
            f"{self.field.name}__gte": Now() - PERIODS[self.value][1],
            f"{self.field.name}__lte": Now(),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value and not self.is_served:
            messages.warning(
                request,
                f"These rows have no index by {self.title}, so that filter was left out.",
            )
            return queryset
        return super().queryset(request, queryset)


class RelationFilter(FieldFilter):
    """The rows that refer to one row of another table, which staff find by typing."""

    template = "admin/filter_relation.html"
    field: models.ForeignKey

    @classmethod
    def list_parameters(cls, field: models.Field) -> list[str]:
        assert isinstance(field, models.ForeignKey)
        return [relation_parameter(field)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if not self.value:
            return queryset
        try:
            return queryset.filter(**{self.field.attname: uuid.UUID(self.value)})
        except ValueError as error:
            raise IncorrectLookupParameters(error) from error

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        """Yield what the template shows: the box, and what else the URL says."""
        (name,) = self.list_parameters(self.field)
        others = {key: values for key, values in changelist.filter_params.items() if key != name}
        yield {
            "box": self._render_box(name),
            "name": name,
            "id": f"filter-{self.field.name}",
            "others": [(key, value) for key, values in others.items() for value in values],
            "remove": changelist.get_query_string({name: None}) if self.value else None,
        }

    def _render_box(self, name: str) -> str:
        """Return the box: an autocomplete, or a box for an id if they may not look there."""
        site, related = self.model_admin.admin_site, self.field.related_model
        attributes = {
            "id": f"filter-{self.field.name}",
            "aria-label": capfirst(self.title),
        }
        may_look = site.is_registered(related) and site.get_model_admin(
            related
        ).has_view_permission(self.request)
        if not may_look:
            return forms.TextInput(attributes | {"placeholder": "id"}).render(name, self.value)
        widget = AutocompleteSelect(self.field, site, attrs=attributes)
        box = forms.ModelChoiceField(related._default_manager, required=False, widget=widget)
        return box.widget.render(name, self.value or None)


def choose_filter(field: models.Field) -> type[FieldFilter] | None:
    """Return the class of the filter that suits a field, or None."""
    if isinstance(field, models.ForeignKey):
        return RelationFilter
    if field.choices:
        return ChoiceFilter
    if isinstance(field, models.BooleanField):
        return FlagFilter
    if isinstance(field, models.DateTimeField):
        return PeriodFilter
    return None


def choose_filters(model: type[models.Model]) -> list[Any]:
    """
    Return the filters of a model's list, as `ModelAdmin.list_filter` has them.

    A time has one if an index has the rows in its order, at least under one parent.
    """
    live = issubclass(model, SoftDeletableModel)
    indexed = {*Scope(model, live=live).leading}
    for relation in find_relations(model):
        indexed |= {*Scope(model, frozenset({relation.name}), live).leading}
    ranks = [ChoiceFilter, FlagFilter, PeriodFilter, RelationFilter]
    found = [
        (field.name, chosen)
        for field in model._meta.local_fields
        if (chosen := choose_filter(field))
        and (chosen is not PeriodFilter or field.name in indexed)
    ]
    found.sort(key=lambda part: ranks.index(part[1]))
    return ([DeletedFilter] if live else []) + found
