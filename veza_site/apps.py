from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks


class VezaSiteConfig(AppConfig):
    name = "veza_site"
    verbose_name = "Veza"

    def ready(self) -> None:
        checks.register(check_models, checks.Tags.models)


def check_models(
    app_configs: Sequence[AppConfig] | None, **options: Any
) -> list[checks.CheckMessage]:
    """Return what the Standard and PostgreSQL have against the models."""
    # Here, where it is asked for: every command would import the Standard with it.
    from veza_site.schema.checks import check_names, check_standard

    return [*check_standard(app_configs, **options), *check_names(app_configs, **options)]
