from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import pre_migrate


class VezaSiteConfig(AppConfig):
    name = "veza_site"
    verbose_name = "Veza"

    def ready(self) -> None:
        from veza_site.checks import check_names, check_standard
        from veza_site.extensions import report_missing
        from veza_site.forward_only import refuse_to_unapply

        checks.register(check_standard, checks.Tags.models)
        checks.register(check_names, checks.Tags.models)
        pre_migrate.connect(refuse_to_unapply, sender=self)
        pre_migrate.connect(report_missing, sender=self)
