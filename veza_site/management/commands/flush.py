from typing import Any

from django.core.management.commands import flush

from veza_site.management.refusals import EMPTY, refusing


class Command(flush.Command):
    """Django's `flush`, for its test classes only."""

    help = "Refused: in development, see reset_db."
    requires_system_checks = []

    def handle(self, **options: Any) -> None:
        # TransactionTestCase empties the test database by this command; it alone says this.
        if "inhibit_post_migrate" in options:
            super().handle(**options)
        else:
            refusing(EMPTY)(self)
