from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import pre_migrate


class VezaSiteConfig(AppConfig):
    name = "veza_site"
    verbose_name = "Veza"

    def ready(self) -> None:
        from veza_site.extensions import report_missing
        from veza_site.forward_only import refuse_to_unapply

        checks.register(check_models, checks.Tags.models)
        pre_migrate.connect(refuse_to_unapply, sender=self)
        pre_migrate.connect(report_missing, sender=self)


def check_models(
    app_configs: Sequence[AppConfig] | None, **options: Any
) -> list[checks.CheckMessage]:
    """Return what the Standard and PostgreSQL have against the models."""
    # Here, where it is asked for: every command would import the Standard with it.
    from veza_site.schema.checks import check_names, check_standard

    return [*check_standard(app_configs, **options), *check_names(app_configs, **options)]
