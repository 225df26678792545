"""Django's executor of migrations, telling `migrate` what it will do and what it has done."""

from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from veza_site.postgresql.schema_editor import DatabaseSchemaEditor

# Each migration, and whether it is to be unapplied.
Plan = list[tuple[Migration, bool]]


class Executor(MigrationExecutor):
    """
    Applies migrations as Django does.

    `check_plan` gets the plan before anything is changed, and may refuse it; `keep` gets each
    migration that was applied, with the statements that made it.
    """

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        progress_callback: Callable[..., Any],
        *,
        check_plan: Callable[[Plan], None],
        keep: Callable[[Migration, list[str]], None],
    ) -> None:
        super().__init__(connection, progress_callback)
        self.report = progress_callback
        self.check_plan = check_plan
        self.keep = keep

    def migration_plan(self, targets: Any, clean_start: bool = False) -> Plan:
        plan = super().migration_plan(targets, clean_start)
        if not clean_start:  # that one is of all migrations, to render their states
            self.check_plan(plan)
        return plan

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """Apply and record a migration. `migrate` has refused --fake and --fake-initial."""
        self.report("apply_start", migration, fake)
        with DatabaseSchemaEditor(self.connection, atomic=migration.atomic) as editor:
            state = migration.apply(state, editor)
            if recorded := not editor.deferred_sql:  # in the migration's transaction
                self.record_migration(migration.app_label, migration.name)
        if not recorded:
            self.record_migration(migration.app_label, migration.name)
        self.keep(migration, editor.statements)
        self.report("apply_success", migration, fake)
        return state
