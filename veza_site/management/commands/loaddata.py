"""Refuses Django's `loaddata`."""

from django.core.management.commands import loaddata

from veza_site.management.refusals import COPY_ROWS, refuse


class Command(loaddata.Command):
    help = "Refused: see docs/operating.md, “Copying rows”."
    requires_system_checks = []
    handle = refuse(COPY_ROWS)
