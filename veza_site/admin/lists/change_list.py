"""The list of a table's rows, page by page, with a count that never takes long."""

from typing import Any, Literal

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

from veza_site.admin.lists import keyset, search
from veza_site.admin.lists.counts import CAP, Count, count_up_to, estimate, is_costly, say_estimate
from veza_site.admin.lists.scope import Scope, read_scope
from veza_site.admin.secrets import annotate_secrets, defer_secrets


class SearchForm(ChangeListSearchForm):
    """The search box. It takes any text: what no row can have finds nothing."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields = {SEARCH_VAR: forms.Field(required=False)}


class V1ChangeList(ChangeList):
    """
    A list of a V1 table, in pages by keyset.

    `page` is the page shown, `result_count` the number of rows as far as it is known, and
    `count_text` the same in words.
    """

    search_form_class = SearchForm

    def __init__(self, request: HttpRequest, *arguments: Any, **options: Any) -> None:
        super().__init__(request, *arguments, **options)
        if not self.is_popup:
            self.title = capfirst(str(self.opts.verbose_name_plural))
        if not self.search_help_text:
            names = self.model_admin.get_search_fields(request)
            self.search_help_text = search.describe_search(read_scope(request, self.model), names)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[Any]:
        """Return the order of the list: one that an index has, whatever the URL asks for."""
        scope = read_scope(request, self.model)
        self.order = (
            self._order_by_url(scope)
            or self._order_by_search(request, scope)
            or self._order_by_admin(request, scope)
        )
        sign = "-" if self.order.descending else ""
        return [sign + column.name for column in self.order.columns]

    def _order_by_url(self, scope: Scope) -> keyset.Order | None:
        """Return the order that `o` asks for: its first column, if rows can be sorted by it."""
        place = self.params.get(ORDER_VAR, "").split(".")[0]
        if not place.removeprefix("-").isdecimal() or len(place) > 4:
            return None
        number = int(place.removeprefix("-"))
        if number >= len(self.list_display):
            return None
        field = scope.sortable.get(self._find_name(self.list_display[number]))
        return keyset.Order(field, descending=place.startswith("-")) if field else None

    def _order_by_search(self, request: HttpRequest, scope: Scope) -> keyset.Order | None:
        """
        Return the order by the one column that is searched: its index then gives the page.

        In any other order PostgreSQL would read all matches, or pass over all other rows.
        """
        names = self.model_admin.get_search_fields(request)
        searched = search.find_searchable(scope, names)
        if not self.query or len(searched) != 1 or search.parse_uuid(self.query.strip()):
            return None
        field = scope.sortable.get(searched[0].name)
        return keyset.Order(field, descending=False) if field else None

    def _order_by_admin(self, request: HttpRequest, scope: Scope) -> keyset.Order:
        """Return the order that the admin declares if an index has it, or else the default one."""
        for declared in map(str, self.model_admin.get_ordering(request)[:1]):
            if field := scope.sortable.get(declared.removeprefix("-")):
                return keyset.Order(field, descending=declared.startswith("-"))
        return scope.default_order

    def get_ordering_field_columns(self) -> dict[int, Literal["desc", "asc"]]:
        """Return the column by which the list is sorted, and the direction."""
        for number, column in enumerate(self.list_display):
            if self._find_name(column) == self.order.field.name:
                return {number: "desc" if self.order.descending else "asc"}
        return {}

    def _find_name(self, column: Any) -> Any:
        """Return the name of the field that a column shows."""
        return getattr(column, "admin_order_field", column)

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page that the URL names, and say how many rows there are."""
        try:
            cursor = keyset.Cursor.decode(request.GET.get(PAGE_VAR, ""), self.order)
        except keyset.BrokenCursor:
            cursor = keyset.Cursor("first")
            messages.warning(
                request, "This list has no such page in this order. This is the first one."
            )
        relations = self.list_select_related
        assert not isinstance(relations, bool)  # ListAdmin names them
        shown = defer_secrets(annotate_secrets(self.root_queryset), *relations)
        self.page = keyset.fetch_page(self.queryset, self.order, cursor, self.list_per_page, shown)
        self.result_list = self.page.rows
        self._count(is_whole=not (self.page.previous or self.page.next))

        self.is_first_page = cursor.side == "first"
        # Django's templates ask these of a list in numbered pages, which this is not.
        self.multi_page = False
        self.can_show_all = False
        self.paginator = None
        self.show_full_result_count = False
        self.full_result_count = None
        self.show_admin_actions = bool(self.result_list)

    def _count(self, is_whole: bool) -> None:
        """Set `result_count` and `count_text`. No query if the page holds all rows."""
        if is_whole:
            self.result_count = len(self.result_list)
            self.count_text = f"{self.result_count:,}"
            return
        is_narrowed = bool(self.query or self.has_active_filters)
        if is_narrowed and is_costly(self.queryset):
            count = Count(len(self.result_list), is_capped=True)
        else:
            count = count_up_to(self.queryset)
        self.result_count, self.count_text = count.number, str(count)
        if count.is_capped and not is_narrowed and (expected := estimate(self.queryset)) > CAP:
            self.result_count, self.count_text = expected, say_estimate(expected)

    @property
    def pages(self) -> dict[str, str]:
        """The addresses of the first, previous, next and last page, of those that exist."""
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
        """The filters in the address, a pair for each value."""
        pairs = self.filter_params.items()
        return [(name, value) for name, values in pairs if name != SEARCH_VAR for value in values]

    @property
    def all_rows(self) -> str:
        """The address of the list without a search and filters."""
        return "?_popup=1" if self.is_popup else "?"
