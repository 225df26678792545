"""`manage.py flush`, refused to people."""

from typing import Any

from django.core.management.commands import flush

from veza_site.management.refusals import EMPTY, refuse


class Command(flush.Command):
    """Django's `flush`, for its test classes only."""

    help = "Refused: in development, see reset_db."
    requires_system_checks = []

    def handle(self, **options: Any) -> None:
        # TransactionTestCase empties the test database with this command, and passes this option.
        if "inhibit_post_migrate" in options:
            super().handle(**options)
        else:
            refuse(EMPTY)(self)
