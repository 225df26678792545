"""The Standard's rules as Django's system checks, before there is a migration."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks

from veza_site.model_catalog import catalog_of_models
from veza_site.standard import findings


def check_standard(
    app_configs: Sequence[AppConfig] | None, **options: Any
) -> list[checks.CheckMessage]:
    """Return an error for each breach of the Standard by a model of V1's domains."""
    models = {
        model._meta.db_table: model
        for config in app_configs or apps.get_app_configs()
        if config.label in settings.V1_APPS
        for model in config.get_models()
        if model._meta.managed and not model._meta.proxy
    }
    return [
        checks.Error(
            f"{finding.object}: {finding.found}, where the Standard wants {finding.wanted}.",
            hint="See README, “The Standard”.",
            id=f"veza_site.{finding.rule}",
        )
        for finding in findings(catalog_of_models(models.values()))
    ]
