"""The admin, imported only where it is needed."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks
from django.utils.module_loading import autodiscover_modules


class LazyAdminConfig(SimpleAdminConfig):
    """
    Django's admin, whose modules are imported by the URLs and by the checks.

    Most commands need neither, and start a sixth faster without.
    """

    default_site = "veza_site.admin.site.V1AdminSite"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(check_admin, checks.Tags.admin)


def discover() -> None:
    """
    Import every app's admin and its part of the start page, without the pages of Django's groups.

    Rights come from V1's tables only (see the app rbac): what is ticked there would do nothing.
    """
    admin.autodiscover()
    autodiscover_modules("start_page")
    for model in apps.get_app_config("auth").get_models():
        if admin.site.is_registered(model):
            admin.site.unregister(model)


def check_admin(
    app_configs: Sequence[AppConfig] | None, **options: Any
) -> list[checks.CheckMessage]:
    """Return what Django's checks have against the admin's classes."""
    discover()
    return check_admin_app(app_configs, **options)
