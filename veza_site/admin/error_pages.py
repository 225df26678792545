"""Pages that explain what was refused, instead of an error 500 or a bare 403."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse

from veza_site.admin.names import list_address
from veza_site.errors import psycopg_error

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ErrorPage:
    """What a page says about an error, and its HTTP status."""

    status: int
    title: str
    advice: str


def explain_database_error(error: BaseException) -> ErrorPage | None:
    """Return the page for an error that the database raised, or None for a bug of ours."""
    match psycopg_error(error):
        case psycopg.errors.QueryCanceled():
            # Not 503 or 504: proxies take those for a server in trouble, and some repeat the
            # request. It is the request that has to change.
            return ErrorPage(
                422,
                f"This took longer than {settings.ADMIN_STATEMENT_TIMEOUT:g} s and was stopped",
                "Narrow the filter or the search, or choose fewer rows, and try again.",
            )
        case psycopg.errors.LockNotAvailable() | psycopg.errors.DeadlockDetected():
            return ErrorPage(
                409,
                "Somebody else is changing the same rows",
                "Wait a moment, look at the rows again, and try once more.",
            )
        case psycopg.DataError():
            return ErrorPage(
                400,
                "The database can't read one of the values",
                "A value in the address or in the form doesn't fit its column.",
            )
    return None


def _explain_refusal(error: BaseException) -> ErrorPage | None:
    """Return the page for an error that Django shows by its status alone, and logs itself."""
    match error:
        case PermissionDenied():
            return ErrorPage(
                403,
                "Your role doesn't allow this",
                "Ask a super admin for a role that does, or ask somebody who has one.",
            )
        case Http404():
            return ErrorPage(404, "There is no such page", "Check the address.")
        case DisallowedModelAdminLookup():
            return ErrorPage(
                400, "This list has no such filter", "Use the filters beside the list."
            )
    return None


class ErrorPages:
    """Answers with such a page if a view, or the rendering of its template, raised an error."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if request.resolver_match is None or "admin" not in request.resolver_match.app_names:
            return None
        if page := _explain_refusal(error):
            return HttpResponse(_render(request, page), status=page.status)
        if (page := explain_database_error(error)) is None:
            return None
        logger.warning("%s: %s %r", page.title, request.method, request.path, exc_info=error)
        return HttpResponse(_render(request, page), status=page.status)


def _render(request: HttpRequest, page: ErrorPage) -> str:
    """
    Return the page's HTML, without a query.

    So it shows neither the person's name nor the list of apps, which depends on their rights.
    """
    back, back_name = _find_way_back(request)
    context = {
        "site_title": admin.site.site_title,
        "site_header": admin.site.site_header,
        "user": AnonymousUser(),
        "title": page.title,
        "advice": page.advice,
        "changed_nothing": request.method == "POST",
        "back": back,
        "back_name": back_name,
    }
    return render_to_string("admin/error_page.html", context, request)


def _find_way_back(request: HttpRequest) -> tuple[str, str]:
    """Return the address and the name of the model's list, or else of the start page."""
    view = request.resolver_match.func if request.resolver_match else None
    model_admin = getattr(view, "model_admin", None)
    if model_admin is None:
        return reverse("admin:index"), "the start page"
    return list_address(model_admin.model), f"all {model_admin.opts.verbose_name_plural}"
