from django.core.management.commands import dumpdata

from veza_site.management.refusals import COPY_ROWS, refusing


class Command(dumpdata.Command):
    help = "Refused: see docs/operating.md, “Copying rows”."
    requires_system_checks = []
    handle = refusing(COPY_ROWS)
