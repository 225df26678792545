"""The app that all domains share: its checks of their models."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks


class VezaSiteConfig(AppConfig):
    """Registers the checks of the Standard, which every `manage.py check` then runs."""

    name = "veza_site"
    verbose_name = "Veza"

    def ready(self) -> None:
        checks.register(check_models, checks.Tags.models)


def check_models(
    app_configs: Sequence[AppConfig] | None, **options: Any
) -> list[checks.CheckMessage]:
    """Return what breaks the Standard, or PostgreSQL's limits, in the models."""
    # Imported here, as every command imports this module, and few need the Standard.
    from veza_site.schema.checks import check_names, check_standard

    return [*check_standard(app_configs, **options), *check_names(app_configs, **options)]
