"""What `migrate` is told before it starts, through Django's signal pre_migrate."""

from typing import Any

from django.core.management import CommandError
from django.db.migrations import Migration


def refuse_to_unapply(plan: list[tuple[Migration, bool]], **options: Any) -> None:
    """
    Stop a `migrate` that would unapply V1, before it has changed anything.

    Receives pre_migrate, which Django sends when its plan stands and nothing is done. Raises
    CommandError.
    """
    from veza_site.schema.plan import is_ours  # here, where it is asked for

    for migration, backwards in plan:
        if backwards and is_ours(migration.app_label):
            raise CommandError(
                f"V1's migrations are forward-only: {migration} is not unapplied, and nothing was "
                "changed. To go back, restore a backup; in development, build the schema again "
                "with `python manage.py reset_db`."
            )
