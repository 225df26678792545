"""The list of a table's rows: pages, counts, order, search and filters, at any size."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.admin.options import ShowFacets
from django.contrib.admin.widgets import AutocompleteSelect
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from veza_site.admin.lists import ordering, search
from veza_site.admin.lists.change_list import V1ChangeList
from veza_site.admin.lists.columns import Column, column
from veza_site.admin.lists.filters import (
    filter_for,
    filters_of,
    pinned,
    relation_parameter,
    shows_live_rows,
)
from veza_site.admin.wording.labels import LabelledAdmin


class ListAdmin(LabelledAdmin):
    """
    A list of the rows of a V1 table, whose pages cost the same at any size.

    An admin declares `list_display` with plain names of fields, and `search_fields` with names of
    fields that lead an index. Order, filters and what the columns look like follow from the model.
    """

    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    empty_value_display = "–"
    search_fields: Sequence[str] = ["id"]

    @property
    def media(self) -> forms.Media:
        relation = next((field for field in self.opts.local_fields if field.is_relation), None)
        box = AutocompleteSelect(relation, self.admin_site).media if relation else forms.Media()
        return super().media + box + forms.Media(css={"all": ["veza_site/lists.css"]})

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[V1ChangeList]:
        return V1ChangeList

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        declared = super().get_list_display(request)
        if declared == ("__str__",):
            declared = default_columns(self.model)
        links = self.get_list_display_links(request, declared) or []
        return [column(self, name, request, is_link=name in links) for name in declared]

    def get_list_display_links(self, request: HttpRequest, list_display: Sequence[Any]) -> Any:
        declared = self.list_display_links
        if not declared:
            return super().get_list_display_links(request, list_display)
        return [name for name in list_display if getattr(name, "__name__", name) in declared]

    def get_list_select_related(self, request: HttpRequest) -> Sequence[str]:
        shown = [part for part in self.get_list_display(request) if isinstance(part, Column)]
        names = {part.field.name for part in shown if part.field.is_relation}
        return sorted(names | {*(self.list_select_related or ())})

    def get_sortable_by(self, request: HttpRequest) -> list[Any]:
        names = ordering.sortable(
            self.model, pinned(self.model, request.GET), shows_live_rows(self.model, request.GET)
        )
        return [
            shown
            for shown in self.get_list_display(request)
            if getattr(shown, "admin_order_field", shown) in names
        ]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Return the declared filters, a field's name with the filter that suits it, or all."""
        if not self.list_filter:
            return filters_of(self.model)
        return [
            (part, filter_for(self.opts.get_field(part))) if isinstance(part, str) else part
            for part in self.list_filter
        ]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """
        Allow the parameters of this list's filters, and those that name the row of a relation.

        Any other would read the whole table, or tell a secret letter by letter.
        """
        allowed = {
            relation_parameter(field) for field in self.opts.local_fields if field.is_relation
        }
        for part in self.get_list_filter(request):
            if isinstance(part, tuple):
                allowed.update(part[1].parameters(self.opts.get_field(part[0])))
            else:
                allowed.add(part.parameter_name)
        return lookup in allowed

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["id", *(name for name in self.search_fields if name != "id")]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        live = shows_live_rows(self.model, request.GET)
        names = self.get_search_fields(request)
        return search.search(queryset, search_term, names, live), False

    def get_search_help_text(self, request: HttpRequest) -> str:
        """Return what the search box of this list takes."""
        if self.search_help_text:
            return self.search_help_text
        live = shows_live_rows(self.model, request.GET)
        return search.help_text(self.model, self.get_search_fields(request), live)

    def newest(self, queryset: QuerySet) -> QuerySet:
        """Return live rows among `queryset` in this list's order, for an autocomplete."""
        live = shows_live_rows(self.model, {})
        rows: models.QuerySet = queryset.filter(deleted_at__isnull=True) if live else queryset
        return ordering.default_order(self.model, set(), live).sort(rows)


def default_columns(model: type[models.Model]) -> list[str]:
    """Return a list's columns where none are declared: what a row is, whose, in which state."""
    fields = model._meta.local_fields
    relations = [field.name for field in fields if field.is_relation]
    states = [field.name for field in fields if field.choices]
    return ["__str__", *relations, *states, "created_at"]
