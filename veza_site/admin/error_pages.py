"""The pages for what is refused: a clear word in place of an error 500, or of a bare 403."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from django.conf import settings
from django.contrib import admin
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
    """What a page says of an error, and the status that it is sent with."""

    status: int
    title: str
    advice: str


def page_for(error: BaseException) -> ErrorPage | None:
    """Return what to say of an error that the database raised, or None for a bug of ours."""
    match psycopg_error(error):
        case psycopg.errors.QueryCanceled():
            # Not 503 or 504: proxies take those for a server in trouble, and some send the same
            # request once more. What has to change is the request.
            return ErrorPage(
                422,
                f"This took longer than {settings.ADMIN_STATEMENT_TIMEOUT:g} s and was stopped",
                "Narrow the filter or the search, or choose fewer rows, and try again.",
            )
        case psycopg.errors.LockNotAvailable() | psycopg.errors.DeadlockDetected():
            return ErrorPage(
                409,
                "Somebody else is changing the same rows",
                "Wait a moment, look at what they are now, and try again.",
            )
        case psycopg.DataError():
            return ErrorPage(
                400,
                "The database can't read what was asked",
                "A value in the address or in the form has no meaning for its column.",
            )
    return None


def _refusal(error: BaseException) -> ErrorPage | None:
    """Return what to say where Django's own page has no more than the status; it logs these."""
    match error:
        case PermissionDenied():
            return ErrorPage(
                403,
                "Your role doesn't allow this",
                "Ask a super admin for a role that does, or somebody who has one.",
            )
        case Http404():
            return ErrorPage(404, "There is no such page", "Look whether the address is whole.")
    return None


class ErrorPages:
    """Answers with a page where a view, or the rendering of its template, raised such an error."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if "admin" not in request.resolver_match.app_names:
            return None
        if page := _refusal(error):
            return HttpResponse(_render(request, page), status=page.status)
        if (page := page_for(error)) is None:
            return None
        logger.warning("%s: %s %r", page.title, request.method, request.path, exc_info=error)
        return HttpResponse(_render(request, page), status=page.status)


def _render(request: HttpRequest, page: ErrorPage) -> str:
    """
    Return the page's HTML, for which nothing is asked of the database.

    So it has neither the person's name nor the list of apps: both would need their rights.
    """
    back, back_name = _way_back(request)
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


def _way_back(request: HttpRequest) -> tuple[str, str]:
    """Return the address and the name of the list, unfiltered, or else of the start page."""
    model_admin = getattr(request.resolver_match.func, "model_admin", None)
    if model_admin is None:
        return reverse("admin:index"), "the start page"
    return list_address(model_admin.model), f"all {model_admin.opts.verbose_name_plural}"
