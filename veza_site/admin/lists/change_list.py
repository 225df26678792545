"""The list of a table's rows, page by page, with a count that no page waits for."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.views.main import (
    ORDER_VAR,
    PAGE_VAR,
    SEARCH_VAR,
    ChangeList,
    ChangeListSearchForm,
)
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst

from veza_site.admin.lists import keyset, ordering, search
from veza_site.admin.lists.counts import CAP, Count, capped_count, estimate, in_words, is_costly
from veza_site.admin.lists.filters import pinned, shows_live_rows
from veza_site.admin.secrets import telling_secrets, without_secrets


class SearchForm(ChangeListSearchForm):
    """The search box, which takes anything: what no row can have finds nothing."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields = {SEARCH_VAR: forms.Field(required=False)}


class V1ChangeList(ChangeList):
    """
    A list of a V1 table, in pages by keyset.

    `page` is the one that is shown; `result_count` is how many rows there are as far as that is
    known, and `count_text` says it in words.
    """

    search_form_class = SearchForm

    def __init__(self, request: HttpRequest, *arguments: Any, **options: Any) -> None:
        super().__init__(request, *arguments, **options)
        if not self.is_popup:
            self.title = capfirst(self.opts.verbose_name_plural)
        self.search_help_text = self.model_admin.get_search_help_text(request)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[str]:
        """Return the order of the list: one that an index has, whatever the URL asks for."""
        fixed, live = pinned(self.model, request.GET), shows_live_rows(self.model, request.GET)
        self.order = (
            self._order_by_url(fixed, live)
            or self._order_by_search(request, fixed, live)
            or self._order_by_admin(request, fixed, live)
        )
        sign = "-" if self.order.descending else ""
        return [sign + column.name for column in self.order.columns]

    def _order_by_url(self, fixed: set[str], live: bool) -> keyset.Order | None:
        """Return the order that `o` asks for: its first column, if rows can be sorted by it."""
        place = self.params.get(ORDER_VAR, "").split(".")[0]
        if not place.removeprefix("-").isdecimal() or len(place) > 4:
            return None
        number = int(place.removeprefix("-"))
        if number >= len(self.list_display):
            return None
        name = self._field_name(self.list_display[number])
        field = ordering.sortable(self.model, fixed, live).get(name)
        return field and keyset.Order(field, descending=place.startswith("-"))

    def _order_by_search(
        self, request: HttpRequest, fixed: set[str], live: bool
    ) -> keyset.Order | None:
        """
        Return the order by the one column that is searched, whose index then gives the page.

        In another order all that the search finds would have to be read, and all else passed over.
        """
        names = self.model_admin.get_search_fields(request)
        searched = search.searchable(self.model, names, live)
        if not self.query or len(searched) != 1 or search.as_uuid(self.query.strip()):
            return None
        field = ordering.sortable(self.model, fixed, live).get(searched[0].name)
        return field and keyset.Order(field, descending=False)

    def _order_by_admin(self, request: HttpRequest, fixed: set[str], live: bool) -> keyset.Order:
        """Return the order that the admin declares, if an index has it, or else the best one."""
        for declared in self.model_admin.get_ordering(request)[:1]:
            field = ordering.sortable(self.model, fixed, live).get(declared.removeprefix("-"))
            if field:
                return keyset.Order(field, descending=declared.startswith("-"))
        return ordering.default_order(self.model, fixed, live)

    def get_ordering_field_columns(self) -> dict[int, str]:
        """Return the column by which the list is sorted, with the direction."""
        for number, column in enumerate(self.list_display):
            if self._field_name(column) == self.order.field.name:
                return {number: "desc" if self.order.descending else "asc"}
        return {}

    def _field_name(self, column: Any) -> Any:
        """Return the name of the field that a column shows."""
        return getattr(column, "admin_order_field", column)

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page that the URL names, and say how many rows there are."""
        try:
            cursor = keyset.Cursor.decode(request.GET.get(PAGE_VAR, ""), self.order)
        except keyset.BrokenCursor:
            cursor = keyset.Cursor("first")
            messages.warning(
                request, "There is no such page in this list and order. This is the first one."
            )
        shown = without_secrets(telling_secrets(self.root_queryset), *self.list_select_related)
        self.page = keyset.page(self.queryset, self.order, cursor, self.list_per_page, shown)
        self.result_list = self.page.rows
        self._count(is_whole=not (self.page.previous or self.page.next))

        self.is_first_page = cursor.side == "first"
        # What Django's templates ask of a list in numbered pages, which this is not.
        self.multi_page = False
        self.can_show_all = False
        self.paginator = None
        self.show_full_result_count = False
        self.full_result_count = None
        self.show_admin_actions = bool(self.result_list)

    def _count(self, is_whole: bool) -> None:
        """Set `result_count` and `count_text`; no query if the page holds all rows."""
        if is_whole:
            self.result_count = len(self.result_list)
            self.count_text = f"{self.result_count:,}"
            return
        is_narrowed = bool(self.query or self.has_active_filters)
        if is_narrowed and is_costly(self.queryset):
            count = Count(len(self.result_list), is_capped=True)
        else:
            count = capped_count(self.queryset)
        self.result_count, self.count_text = count.number, str(count)
        if count.is_capped and not is_narrowed and (expected := estimate(self.queryset)) > CAP:
            self.result_count, self.count_text = expected, in_words(expected)

    @property
    def pages(self) -> dict[str, str]:
        """The addresses of the first, previous, next and last page, of those that there are."""
        before, after = self.page.previous, self.page.next
        cursors = {
            "first": keyset.Cursor("first") if before or not self.is_first_page else None,
            "previous": before,
            "next": after,
            "last": keyset.Cursor("last") if after else None,
        }
        return {
            name: self.get_query_string({PAGE_VAR: cursor.encode(self.order) or None})
            for name, cursor in cursors.items()
            if cursor
        }

    @property
    def other_parameters(self) -> list[tuple[str, str]]:
        """What the address says besides the search and the page, each value of it."""
        pairs = self.filter_params.items()
        return [(name, value) for name, values in pairs if name != SEARCH_VAR for value in values]

    @property
    def all_rows(self) -> str:
        """The address of the list without a search and filters."""
        return "?_popup=1" if self.is_popup else "?"
