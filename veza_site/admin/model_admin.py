"""The base of every V1 table's admin."""

from veza_site.admin.actions import ActionAdmin
from veza_site.admin.details import DetailAdmin
from veza_site.admin.lists import ListAdmin


class V1Admin(ActionAdmin, ListAdmin, DetailAdmin):
    """The admin of a V1 table: its list, the page of a row, and the actions on rows."""
