"""`manage.py makemigrations`, with one chain of migrations for all apps."""

from graphlib import TopologicalSorter

from django.db.migrations import Migration
from django_linear_migrations.management.commands import makemigrations

from veza_site.schema import plan


class Command(makemigrations.Command):
    """
    Django's `makemigrations`, whose new migrations come after all existing ones.

    Each depends on the one before it, whatever their apps. So it finds V1 complete, and its version
    of the contract is newer than the earlier ones'.
    """

    def write_migration_files(
        self, changes: dict[str, list[Migration]], updated: dict[str, str] | None = None
    ) -> None:
        if updated is None:  # with --update, the migration has its place already
            _chain(changes)
        super().write_migration_files(changes, updated)


def _chain(changes: dict[str, list[Migration]]) -> None:
    """Make new migrations, by their apps, depend on the newest one and on each other."""
    new = {
        (app, migration.name): migration
        for app, migrations in changes.items()
        if plan.is_ours(app)
        for migration in migrations
    }
    last = plan.newest_migration()
    before = (last.app_label, last.name)
    graph = {key: new.keys() & migration.dependencies for key, migration in new.items()}
    for key in TopologicalSorter(graph).static_order():
        if before not in new[key].dependencies:
            # The autodetector makes a list of it.
            new[key].dependencies.append(before)  # type: ignore[attr-defined]
        before = key
