"""Refuses django-extensions' `syncdata`."""

from django_extensions.management.commands import syncdata

from veza_site.management.refusals import COPY_ROWS, refuse


class Command(syncdata.Command):
    help = "Refused: see docs/operating.md, “Copying rows”."
    requires_system_checks = []
    handle = refuse(COPY_ROWS)
