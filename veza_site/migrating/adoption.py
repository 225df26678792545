"""Takes over a database whose V1 was built by something other than `migrate`."""

from django.core.management.sql import emit_post_migrate_signal
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from veza_site.migrating import history
from veza_site.schema import contract, plan
from veza_site.schema.catalog import Catalog
from veza_site.schema.diff import Difference, compare
from veza_site.schema.reader import read_catalog

# Our migrations that change Django's own tables, and have to run. The others' effect is there.
ABOUT_DJANGO = {
    ("veza_site", "0901_django_schema"),
    ("veza_site", "0902_migration_sql"),
    ("veza_site", "0903_admin_log_indexes"),
}


class Differs(Exception):
    """The database is not V1, as `differences` shows. Nothing was changed."""

    def __init__(self, differences: list[Difference]) -> None:
        super().__init__(f"{len(differences)} differences")
        self.differences = differences


class Executor(MigrationExecutor):
    """Records the migrations that make V1 as applied, and runs those of Django's own tables."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__(connection)
        self.plan = plan.v1_plan(self.loader)
        self.v1 = set(self.plan) - ABOUT_DJANGO

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        if (migration.app_label, migration.name) not in self.v1:
            return super().apply_migration(state, migration, fake, fake_initial)
        self.record_migration(migration.app_label, migration.name)
        return migration.mutate_state(state, preserve=False)  # on which later ones build

    def keys_until(self, version: contract.Contract) -> list[tuple[str, str]]:
        """Return the keys of the migrations that make a version, and of those about Django."""
        last = [str(self.loader.graph.nodes[key]) for key in self.plan].index(version.migration)
        return [
            key for number, key in enumerate(self.plan) if number <= last or key in ABOUT_DJANGO
        ]


def is_migrated(connection: BaseDatabaseWrapper) -> bool:
    """Return whether any of V1's migrations is recorded as applied here."""
    loader = MigrationLoader(connection)
    return any(key in loader.applied_migrations for key in plan.v1_plan(loader))


def adopt(connection: BaseDatabaseWrapper) -> contract.Contract:
    """
    Make a database that has V1, in any version of the contract, one that `migrate` can go on from.

    One transaction makes the schema `django` with Django's own tables, records the migrations of
    that version as applied and writes the contract.

    Locks: of V1's tables only `users`, to which Django's admin log gets a foreign key.

    Returns the contract that the database then carries. Raises Differs if the catalog is not V1's.
    """
    executor = Executor(connection)
    loader = executor.loader
    # Before the transaction, because it takes longer than all the rest.
    rows = {key: history.render(connection, loader, key) for key in executor.plan}
    with transaction.atomic(using=connection.alias):
        with connection.cursor() as cursor:
            adopted = executor.keys_until(_find_version(read_catalog(cursor)))
        later = set(executor.plan) - set(adopted)
        targets = [key for key in loader.graph.leaf_nodes() if key not in later]
        full_plan = [
            (migration, backwards)
            for migration, backwards in executor.migration_plan(loader.graph.leaf_nodes())
            if (migration.app_label, migration.name) not in later
        ]
        state = executor.migrate(targets, full_plan)
        history.save(connection, [rows[key] for key in adopted])
        carried = contract.write(connection, loader)
        assert carried is not None  # all migrations of a version are recorded
    # As after every `migrate`, which does it again if this is interrupted. But V1's rows stay as
    # they are: the next `migrate` adds those that V1 is shipped with.
    emit_post_migrate_signal(
        verbosity=0,
        interactive=False,
        db=connection.alias,
        apps=state.apps,
        plan=full_plan,
        keeps_rows=True,
    )
    return carried


def _find_version(found: Catalog) -> contract.Contract:
    """Return the version of the contract that a catalog is. Raises Differs if it is none."""
    fingerprint = contract.fingerprint(found)
    for version in contract.load_history():
        if version.fingerprint == fingerprint:
            return version
    differences = compare(contract.load_catalog(), found)
    raise Differs([difference for difference in differences if not difference.is_tuning])
