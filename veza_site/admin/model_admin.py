"""The base of every V1 table's admin."""

from typing import Any

from django.http import HttpRequest

from veza_site.admin.actions.row_actions import ActionAdmin
from veza_site.admin.lists.list_admin import ListAdmin
from veza_site.admin.rows.row_admin import DetailAdmin


class V1Admin(ActionAdmin, ListAdmin, DetailAdmin):
    """
    The admin of a V1 table: its list, the page of a row, and the actions on rows.

    `can_add`, `can_change` and `can_delete` say what anybody can do on these pages at all: of many
    tables the platform alone makes the rows, or keeps them.
    """

    can_add = can_change = can_delete = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.can_add and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_change and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_delete and super().has_delete_permission(request, obj)
