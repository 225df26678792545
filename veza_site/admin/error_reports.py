"""What a report of an error shows: Django's page with DEBUG on, and its mail to ADMINS."""

from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter


class WithoutValues(SafeExceptionReporterFilter):
    """
    Shows code and names but no values, whether DEBUG is on or off.

    Any variable, form field, cookie or header may hold a password, or a row with a secret. Django
    would judge them by their names alone.
    """

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        return self._blank(tb_frame.f_locals).items()

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        return {} if request is None else self._blank(request.POST)

    def get_safe_cookies(self, request: HttpRequest | None) -> dict[str, Any]:
        return self._blank(getattr(request, "COOKIES", {}))

    def get_safe_request_meta(self, request: HttpRequest | None) -> dict[str, Any]:
        # With runserver it includes the process's environment, and so DATABASE_URL.
        return self._blank(getattr(request, "META", {}))

    def _blank(self, values: Any) -> dict[str, Any]:
        return dict.fromkeys(values, self.cleansed_substitute)
