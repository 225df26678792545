"""The filters of a list: deleted rows, states, flags, periods and relations."""

import uuid
from collections.abc import Iterator, Mapping
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
from django.http import HttpRequest, QueryDict
from django.utils.text import capfirst

from veza_site.admin.lists import ordering
from veza_site.admin.wording.labels import LabelledAdmin

DELETED_VAR = "deleted"
PERIODS = {
    "hour": ("Last hour", timedelta(hours=1)),
    "day": ("Last day", timedelta(days=1)),
    "week": ("Last week", timedelta(weeks=1)),
    "month": ("Last month", timedelta(days=30)),
}


def is_soft_deletable(model: type[models.Model]) -> bool:
    """Tell whether a model's rows can be soft-deleted."""
    return any(field.name == "deleted_at" for field in model._meta.local_fields)


def shows_live_rows(model: type[models.Model], parameters: Mapping[str, Any]) -> bool:
    """Tell whether a list with these parameters in its URL leaves out the deleted rows."""
    return is_soft_deletable(model) and DELETED_VAR not in parameters


def relation_parameter(field: models.Field) -> str:
    """Return the parameter in a list's URL that names the row to which `field` refers."""
    return f"{field.name}__{field.target_field.name}__exact"


def pinned(model: type[models.Model], parameters: QueryDict) -> set[str]:
    """Return the relations whose row is named in a list's URL: all rows of the list have it."""
    return {
        field.name
        for field in model._meta.local_fields
        if field.is_relation and any(parameters.getlist(relation_parameter(field)))
    }


class DeletedFilter(admin.SimpleListFilter):
    """Live rows, unless asked for deleted ones or for all."""

    title = "deletion"
    parameter_name = DELETED_VAR

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> Any:
        return [("only", "Deleted"), ("all", "All")]

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
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
        self.title = model_admin.label_of(field)
        super().__init__(request, params, model, model_admin)
        # The last one that says something: without JavaScript a form can send an empty one too.
        self.value = ""
        for name in self.parameters(field):
            for value in params.pop(name, []):
                self.value = value.strip() or self.value

    @classmethod
    def parameters(cls, field: models.Field) -> list[str]:
        """Return the parameters of a URL that the filter takes; its own links use the first."""
        return [f"{field.name}__exact", field.name]

    def expected_parameters(self) -> list[str]:
        return self.parameters(self.field)

    def has_output(self) -> bool:
        return True

    def options(self) -> dict[str, str]:
        """Return the choices' labels by their values."""
        raise NotImplementedError

    def condition(self) -> dict[str, Any]:
        """Return what the rows are filtered by for `value`, one of the options."""
        return {self.field.name: self.value}

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if not self.value:
            return queryset
        if self.value not in self.options():
            raise IncorrectLookupParameters(f"{self.field.name} is never {self.value!r}")
        return queryset.filter(**self.condition())

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        names = self.parameters(self.field)
        for value, label in {"": "All", **self.options()}.items():
            # All names go first, by hand: `remove` takes whatever begins with a name.
            yield {
                "selected": value == self.value,
                "query_string": changelist.get_query_string(
                    dict.fromkeys(names) | {names[0]: value or None}
                ),
                "display": label,
            }


class ChoiceFilter(FieldFilter):
    """One of the field's declared choices."""

    def options(self) -> dict[str, str]:
        return {str(value): str(label) for value, label in self.field.flatchoices}


class FlagFilter(FieldFilter):
    """Yes or no."""

    def options(self) -> dict[str, str]:
        return {"1": "Yes", "0": "No"}

    def condition(self) -> dict[str, Any]:
        return {self.field.name: self.value == "1"}


class PeriodFilter(FieldFilter):
    """The last hour, day, week or month, where an index has the rows by this time."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        model, parameters = self.field.model, self.request.GET
        self.is_served = self.field.name in ordering.leading(
            model, pinned(model, parameters), shows_live_rows(model, parameters)
        )

    @classmethod
    def parameters(cls, field: models.Field) -> list[str]:
        return [f"{field.name}__within"]

    def has_output(self) -> bool:
        return self.is_served or bool(self.value)

    def options(self) -> dict[str, str]:
        return {name: label for name, (label, _) in PERIODS.items()} if self.is_served else {}

    def condition(self) -> dict[str, Any]:
        # By the database's clock, which wrote most of these times.
        return {
            f"{self.field.name}__gte": Now() - PERIODS[self.value][1],
            f"{self.field.name}__lte": Now(),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value and not self.is_served:
            messages.warning(
                request,
                f"These rows have no index by {self.title}, so they are not filtered by it.",
            )
            return queryset
        return super().queryset(request, queryset)


class RelationFilter(FieldFilter):
    """The rows that refer to one row of another table, which is found as one types."""

    template = "admin/filter_relation.html"

    @classmethod
    def parameters(cls, field: models.Field) -> list[str]:
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
        (name,) = self.parameters(self.field)
        others = {key: values for key, values in changelist.filter_params.items() if key != name}
        yield {
            "box": self._box(name),
            "name": name,
            "id": f"filter-{self.field.name}",
            "others": [(key, value) for key, values in others.items() for value in values],
            "remove": changelist.get_query_string({name: None}) if self.value else None,
        }

    def _box(self, name: str) -> str:
        """Return the box in HTML: an autocomplete, or one for an id if one may not look there."""
        site, related = self.model_admin.admin_site, self.field.remote_field.model
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


def filter_for(field: models.Field) -> type[FieldFilter] | None:
    """Return the class of the filter that suits a field, or None."""
    if field.is_relation:
        return RelationFilter
    if field.choices:
        return ChoiceFilter
    if isinstance(field, models.BooleanField):
        return FlagFilter
    if isinstance(field, models.DateTimeField):
        return PeriodFilter
    return None


def filters_of(model: type[models.Model]) -> list[Any]:
    """
    Return the filters of a model's list, as `ModelAdmin.list_filter` has them.

    A time has one if an index has the rows by it, be it those of one parent only.
    """
    fields = model._meta.local_fields
    relations = {field.name for field in fields if field.is_relation}
    live = is_soft_deletable(model)
    indexed = {*ordering.leading(model, set(), live)}
    for name in relations:
        indexed |= {*ordering.leading(model, {name}, live)}
    ranks = [ChoiceFilter, FlagFilter, PeriodFilter, RelationFilter]
    found = [
        (field.name, chosen)
        for field in fields
        if (chosen := filter_for(field)) and (chosen is not PeriodFilter or field.name in indexed)
    ]
    found.sort(key=lambda part: ranks.index(part[1]))
    return ([DeletedFilter] if live else []) + found
