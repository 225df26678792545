"""Taking over a database whose V1 was built by something else than `migrate`."""

from typing import Any

from django.core.management.sql import emit_post_migrate_signal
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from veza_site.migrating import history
from veza_site.schema import contract, plan
from veza_site.schema.diff import Difference, differences
from veza_site.schema.reader import read_catalog

# Ours that are about Django's own tables, and have to run; the others' effect is there already.
ABOUT_DJANGO = {
    ("veza_site", "0901_django_schema"),
    ("veza_site", "0902_migration_sql"),
    ("veza_site", "0903_admin_log_indexes"),
}


class Differs(Exception):
    """The database is not V1; `differences` says how, and nothing was changed."""

    def __init__(self, differences: list[Difference]) -> None:
        super().__init__(f"{len(differences)} differences")
        self.differences = differences


class Executor(MigrationExecutor):
    """Records the migrations that make V1 as applied, and runs those of Django's own tables."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__(connection)
        self.v1 = set(plan.v1_plan(self.loader)) - ABOUT_DJANGO

    def apply_migration(
        self, state: ProjectState, migration: Migration, **options: Any
    ) -> ProjectState:
        if (migration.app_label, migration.name) not in self.v1:
            return super().apply_migration(state, migration, **options)
        self.record_migration(migration.app_label, migration.name)
        return migration.mutate_state(state, preserve=False)  # on which later ones build


def is_migrated(connection: BaseDatabaseWrapper) -> bool:
    """Return whether `migrate` has recorded any of V1's migrations here already."""
    loader = MigrationLoader(connection)
    return any(key in loader.applied_migrations for key in plan.v1_plan(loader))


def adopt(connection: BaseDatabaseWrapper) -> contract.Contract:
    """
    Let `migrate` go on from a database that has V1, and return the contract that it carries.

    One transaction makes the schema `django` with Django's own tables, records V1's migrations as
    applied and writes the contract. Of V1's tables only `users` is locked, until it ends: a foreign
    key of Django's admin log refers to it. Raises Differs if the catalog is not V1's.
    """
    executor = Executor(connection)
    loader = executor.loader
    # Before the transaction: it takes longer than all the rest.
    rows = [history.rendered(connection, loader, key) for key in plan.v1_plan(loader)]
    full_plan = executor.migration_plan(loader.graph.leaf_nodes())
    with transaction.atomic(using=connection.alias):
        with connection.cursor() as cursor:
            found = differences(contract.expected_catalog(), read_catalog(cursor))
        if found := [difference for difference in found if not difference.is_tuning]:
            raise Differs(found)
        state = executor.migrate(loader.graph.leaf_nodes(), full_plan)
        history.keep(connection, rows)
        carried = contract.write(connection, loader)
    # As after every `migrate`, which does it again if this is interrupted; but V1's rows stay as
    # they are, and those that V1 is shipped with come with the next `migrate`.
    emit_post_migrate_signal(
        verbosity=0,
        interactive=False,
        db=connection.alias,
        apps=state.apps,
        plan=full_plan,
        keeps_rows=True,
    )
    return carried
