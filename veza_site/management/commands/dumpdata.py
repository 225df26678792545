"""Refuses Django's `dumpdata`."""

from django.core.management.commands import dumpdata

from veza_site.management.refusals import COPY_ROWS, refuse


class Command(dumpdata.Command):
    help = "Refused: see docs/operating.md, “Copying rows”."
    requires_system_checks = []
    handle = refuse(COPY_ROWS)
