"""The list of a table's rows: pages, counts, order, search and filters, at any size."""

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin.options import ShowFacets
from django.contrib.admin.views.main import ERROR_FLAG
from django.contrib.admin.widgets import AutocompleteSelect
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from veza_site.admin.fields import find_relations, get_column
from veza_site.admin.lists import search
from veza_site.admin.lists.change_list import V1ChangeList
from veza_site.admin.lists.columns import Column, make_column
from veza_site.admin.lists.filters import DeletedFilter, choose_filters
from veza_site.admin.lists.scope import Scope, read_scope
from veza_site.admin.wording.labels import LabelledAdmin
from veza_site.models import SoftDeletableModel


class ListAdmin(LabelledAdmin):
    """
    A list of the rows of a V1 table, whose pages cost the same at any size.

    An admin declares the names of fields: `list_display`, and `search_fields` that lead an index.
    Order, filters and the look of the columns follow from the model.
    """

    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    empty_value_display = "–"
    search_fields: ClassVar[list[str] | tuple[str, ...]] = ["id"]

    @property
    def media(self) -> forms.Media:
        relations = find_relations(self.model)
        box = (
            AutocompleteSelect(relations[0], self.admin_site).media if relations else forms.Media()
        )
        return super().media + box + forms.Media(css={"all": ["veza_site/lists.css"]})

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say so where Django left out all filters, because one of them made no sense."""
        if ERROR_FLAG in request.GET:
            if len(request.GET) > 1:
                return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")
            messages.warning(
                request,
                "This list has no such filter, or the filter no such value. All rows follow.",
            )
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[V1ChangeList]:
        return V1ChangeList

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        declared: Any = super().get_list_display(request)
        if declared == ("__str__",):
            declared = choose_columns(self.model)
        links = self.get_list_display_links(request, declared) or []
        return [make_column(self, name, request, is_link=name in links) for name in declared]

    def get_list_select_related(self, request: HttpRequest) -> list[str]:
        shown = [part for part in self.get_list_display(request) if isinstance(part, Column)]
        return sorted({part.field.name for part in shown if part.field.is_relation})

    def get_sortable_by(self, request: HttpRequest) -> list[Any]:
        names = read_scope(request, self.model).sortable
        return [
            shown
            for shown in self.get_list_display(request)
            if getattr(shown, "admin_order_field", shown) in names
        ]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return choose_filters(self.model)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """
        Allow the parameters of this list's filters, and no other.

        Any other could read the whole table, or give a secret away letter by letter.
        """
        allowed: set[str] = set()
        for part in self.get_list_filter(request):
            if part is DeletedFilter:
                allowed.add(DeletedFilter.parameter_name)
            else:
                name, chosen = part
                allowed.update(chosen.list_parameters(get_column(self.model, name)))
        return lookup in allowed

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["id", *(name for name in self.search_fields if name != "id")]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        names = self.get_search_fields(request)
        return search.search(queryset, search_term, names, read_scope(request, self.model)), False

    def sort_newest(self, queryset: QuerySet) -> QuerySet:
        """Return the live rows of `queryset` in this list's order, for an autocomplete."""
        live = issubclass(self.model, SoftDeletableModel)
        rows = queryset.filter(deleted_at__isnull=True) if live else queryset
        return Scope(self.model, live=live).default_order.sort(rows)


def choose_columns(model: type[models.Model]) -> list[str]:
    """Return a list's columns where none are declared: the row, its relations, its states."""
    relations = [field.name for field in find_relations(model)]
    states = [field.name for field in model._meta.local_fields if field.choices]
    return ["__str__", *relations, *states, "created_at"]
