"""The base of every V1 table's admin."""

from typing import Any

from django.http import HttpRequest

from veza_site.admin.actions.action_admin import ActionAdmin
from veza_site.admin.lists.list_admin import ListAdmin
from veza_site.admin.rows.row_admin import DetailAdmin
from veza_site.models import AppendOnlyModel


class V1Admin(ActionAdmin, ListAdmin, DetailAdmin):
    """
    The admin of a V1 table: its list, the page of a row, and the actions on rows.

    Where only the platform makes, changes or deletes the rows, set `can_add`, `can_change` or
    `can_delete` to False. Nobody can change or delete the rows of append-only tables, or add any;
    nor can anybody add a row that needs a secret.
    """

    can_add = can_change = can_delete = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        allowed = self.can_add and not self._is_append_only and not self.needs_secret
        return allowed and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = self.can_change and not self._is_append_only
        return allowed and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = self.can_delete and not self._is_append_only
        return allowed and super().has_delete_permission(request, obj)

    @property
    def _is_append_only(self) -> bool:
        return issubclass(self.model, AppendOnlyModel)
