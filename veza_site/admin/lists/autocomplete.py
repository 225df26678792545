"""What the boxes that complete a relation offer, by the same rules as the lists."""

from typing import Any

from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse

from veza_site.admin.lists.list_admin import ListAdmin

OFFERED = 20  # rows; who does not see the one wanted types on


class V1AutocompleteView(AutocompleteJsonView):
    """The first live rows that a term finds, or the newest ones. One query, and no count."""

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
        return self.model_admin.newest(rows) if isinstance(self.model_admin, ListAdmin) else rows
