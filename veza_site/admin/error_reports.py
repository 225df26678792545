"""What a report of an error shows: Django's page where DEBUG is on, and its mail to ADMINS."""

from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter


class WithoutValues(SafeExceptionReporterFilter):
    """
    Shows code and names, and no value, whether DEBUG is on or off.

    Any variable, form field, cookie or header may hold a password or a row with a secret in it, and
    Django knows them only by their names.
    """

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        return self._without_values(tb_frame.f_locals).items()

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        return {} if request is None else self._without_values(request.POST)

    def get_safe_cookies(self, request: HttpRequest | None) -> dict[str, Any]:
        return self._without_values(getattr(request, "COOKIES", {}))

    def get_safe_request_meta(self, request: HttpRequest | None) -> dict[str, Any]:
        # runserver puts the process's environment into it, DATABASE_URL included.
        return self._without_values(getattr(request, "META", {}))

    def _without_values(self, values: Any) -> dict[str, Any]:
        return dict.fromkeys(values, self.cleansed_substitute)
