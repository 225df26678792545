"""What a migration will run: the SQL of each of its operations, and which have none to show."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.operations import CreateExtension
from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import SeparateDatabaseAndState
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from veza_site.migrating.operations import CreateTables
from veza_site.postgresql.schema_editor import DatabaseSchemaEditor

DJANGOS_OWN = ("django.db.migrations.operations.", "django.contrib.postgres.operations")


@dataclass
class Step:
    """
    An operation that changes the database, and its place: its number, then those within it.

    A migration that applies itself in its own way has one more step, for that way. `texts` is its
    SQL as it is sent to the server; `rule` is set where that can't be known.
    """

    operation: Operation | Migration
    place: tuple[int, ...]
    texts: list[str] = field(default_factory=list)
    rule: str | None = None

    @property
    def name(self) -> str:
        """What to call it where it has no SQL."""
        code = getattr(getattr(self.operation, "code", None), "__name__", "")
        return f"{type(self.operation).__name__}({code})"


class Collector(DatabaseSchemaEditor):
    """Writes what it is told to do, the same whatever is in the database at hand."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.steps: list[Step] = []

    def _constraint_names(self, *arguments: Any, **options: Any) -> list[str]:
        # Django looks for the names of what it drops. Where this runs there may be no table yet.
        return ["its name in the database"]

    def _take_keys_back(self, table: str) -> None:
        # It may be an earlier step that has the key's statement by now.
        for key in self.collected_keys:
            for step in self.steps:
                if str(key.parts["to_table"]) == self.quote_name(table) and str(key) in step.texts:
                    step.texts.remove(str(key))
                    self.statements.append(str(key))
        super()._take_keys_back(table)


def steps(migration: Migration) -> list[Step]:
    """
    Return what a migration will do, in order.

    It is told by Django's operations as they tell it to sqlmigrate. Nothing is run: no Python of
    the migration's, and no SQL.
    """
    state = MigrationLoader(None).project_state((migration.app_label, migration.name), at_end=False)
    # Not atomic, whatever the migration is: nothing is run, and so no transaction has to begin.
    with Collector(connection, collect_sql=True, atomic=False) as editor:
        for step, before, after in _states(migration, state):
            editor.steps.append(step)
            step.rule = _unreadable(step.operation)
            if step.rule is None:
                step.operation.database_forwards(migration.app_label, editor, before, after)
                step.texts, editor.statements = editor.statements, []
    made = editor.steps
    if made:
        made[-1].texts += editor.statements  # what Django defers to the end
    if type(migration).apply not in (Migration.apply, CreateTables.apply):
        made.append(Step(migration, (), rule="run-python"))
    return made


def _states(
    migration: Migration, state: ProjectState
) -> Iterator[tuple[Step, ProjectState, ProjectState]]:
    """Yield each operation with the states before and after it, as it gets them from migrate."""
    if type(migration).apply is not CreateTables.apply:
        yield from _each(migration.operations, migration.app_label, state)
        return
    created = state.clone()
    for operation in migration.operations:
        operation.state_forwards(migration.app_label, created)
    for number, operation in enumerate(migration.operations):
        yield Step(operation, (number,)), state, created


def _each(
    operations: list[Operation], app: str, state: ProjectState, place: tuple[int, ...] = ()
) -> Iterator[tuple[Step, ProjectState, ProjectState]]:
    for number, operation in enumerate(operations):
        here = (*place, number)
        before = state
        state = state.clone()
        if type(operation) is SeparateDatabaseAndState:
            yield from _each(operation.database_operations, app, before, here)
            operation.state_forwards(app, state)
        else:
            operation.state_forwards(app, state)
            yield Step(operation, here), before, state


def _unreadable(operation: Operation) -> str | None:
    if not operation.reduces_to_sql or not type(operation).__module__.startswith(DJANGOS_OWN):
        return "run-python"
    # It has SQL only where the database at hand has not got the extension.
    return "extension" if isinstance(operation, CreateExtension) else None
