"""The admin's site: its start page, and what all its pages share."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from veza_site.admin.error_pages import explain_database_error
from veza_site.admin.lists.autocomplete import V1AutocompleteView
from veza_site.admin.start_page import panels


class V1AdminSite(admin.AdminSite):
    """The admin of V1, Django's default site here (see veza_site.admin.apps)."""

    site_title = "Veza"
    site_header = "Veza"
    index_title = "Start page"
    site_url = None  # there is no other site

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Show the numbers of the start page above the list of apps."""
        context: dict[str, Any] = {}
        try:
            context["panels"] = panels.fill_panels(request.user)
        except DatabaseError as error:
            # Let people into the admin while a migration holds a table.
            context["without_panels"] = explain_database_error(error)
            if context["without_panels"] is None:
                raise
        return super().index(request, context | (extra_context or {}))

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the apps and their tables in the schema's order: what matters most comes first."""
        by_label = self._build_app_dict(request, app_label)
        places = {model: place for place, model in enumerate(apps.get_models())}
        for app in by_label.values():
            app["models"].sort(key=lambda entry: places[entry["model"]])
        return sorted(by_label.values(), key=lambda app: places[app["models"][0]["model"]])

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        response = V1AutocompleteView.as_view(admin_site=self)(request)
        assert isinstance(response, HttpResponse)
        return response
