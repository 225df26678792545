"""Refuses django-extensions' `dumpscript`."""

from django_extensions.management.commands import dumpscript

from veza_site.management.refusals import COPY_ROWS, refuse


class Command(dumpscript.Command):
    help = "Refused: see docs/operating.md, “Copying rows”."
    requires_system_checks = []
    handle = refuse(COPY_ROWS)
