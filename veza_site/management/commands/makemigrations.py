from graphlib import TopologicalSorter

from django.db.migrations import Migration
from django_linear_migrations.management.commands import makemigrations

from veza_site.schema import plan


class Command(makemigrations.Command):
    """
    Django's `makemigrations`, whose new migrations come after all that this project has.

    Each depends on the one before it, whatever their apps: so it finds V1 whole, and its contract
    is newer than theirs.
    """

    def write_migration_files(
        self, changes: dict[str, list[Migration]], updated: dict[str, str] | None = None
    ) -> None:
        if updated is None:  # with --update, what is written has its place already
            _chain(changes)
        super().write_migration_files(changes, updated)


def _chain(changes: dict[str, list[Migration]]) -> None:
    """Let new migrations, by their apps, depend on the newest one, and on each other."""
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
            new[key].dependencies.append(before)
        before = key
