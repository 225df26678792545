"""What the box of a relation offers while one types, by the same rules as the lists."""

from typing import Any

from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse

from veza_site.admin.lists.list_admin import ListAdmin

OFFERED = 20  # rows; to see others, type more


class V1AutocompleteView(AutocompleteJsonView):
    """Offers the first live rows that match a term, or the newest. One query, and no count."""

    def get(self, request: HttpRequest, *arguments: Any, **options: Any) -> JsonResponse:
        self.term, self.model_admin, self.source_field, key = self.process_request(request)
        if not (self.source_field.concrete and self.has_perm(request)):
            raise PermissionDenied
        rows = self.get_queryset()[:OFFERED]
        return JsonResponse(
            {
                "results": [self.serialize_result(row, key) for row in rows],
                "pagination": {"more": False},
            }
        )

    def get_queryset(self) -> QuerySet:
        rows = super().get_queryset()
        return (
            self.model_admin.sort_newest(rows) if isinstance(self.model_admin, ListAdmin) else rows
        )
