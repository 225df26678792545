"""What a migration will run: the SQL of its operations, and which of them can't be read."""

from collections.abc import Iterator, Sequence
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

type Place = tuple[int, ...]
type Pair = tuple[Operation, Place, ProjectState, ProjectState]

DJANGOS_OWN = ("django.db.migrations.operations.", "django.contrib.postgres.operations")


@dataclass
class Step:
    """
    An operation that changes the database.

    `place` is its number, followed by the numbers within it. `texts` is its SQL as it is sent to
    the server; if nobody can know that, `rule` is the rule that it breaks. A migration that has its
    own way of applying itself has one more step, for that.
    """

    operation: Operation | Migration
    place: Place
    texts: list[str] = field(default_factory=list)
    rule: str | None = None

    @property
    def name(self) -> str:
        """What to call it if it has no SQL."""
        code = getattr(getattr(self.operation, "code", None), "__name__", "")
        return f"{type(self.operation).__name__}({code})"


class Collector(DatabaseSchemaEditor):
    """Collects SQL, the same whatever is in the database at hand."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.steps: list[Step] = []

    def _constraint_names(self, *arguments: Any, **options: Any) -> list[str]:
        # Django looks up the names of what it drops. Here there may be no table yet.
        return ["its name in the database"]

    def _take_keys_back(self, table: str) -> None:
        # By now an earlier step may have the key's statement.
        for key in self.collected_keys:
            for step in self.steps:
                if str(key.parts["to_table"]) == self.quote_name(table) and str(key) in step.texts:
                    step.texts.remove(str(key))
                    self.statements.append(str(key))
        super()._take_keys_back(table)


def read_steps(migration: Migration) -> list[Step]:
    """
    Return what a migration will do, in order.

    Django's operations write their SQL as they do for sqlmigrate. Nothing is run: neither Python of
    the migration's nor SQL.
    """
    state = MigrationLoader(None).project_state((migration.app_label, migration.name), at_end=False)
    # Not atomic, whatever the migration is: nothing runs, so no transaction has to begin.
    with Collector(connection, collect_sql=True, atomic=False) as editor:
        for operation, place, before, after in _pair_with_states(migration, state):
            step = Step(operation, place, rule=_find_rule(operation))
            editor.steps.append(step)
            if step.rule is None:
                operation.database_forwards(migration.app_label, editor, before, after)
                step.texts, editor.statements = editor.statements, []
    made = editor.steps
    if made:
        made[-1].texts += editor.statements  # what Django defers to the end
    if type(migration).apply not in (Migration.apply, CreateTables.apply):
        made.append(Step(migration, (), rule="run-python"))
    return made


def _pair_with_states(migration: Migration, state: ProjectState) -> Iterator[Pair]:
    """Yield each operation with its place and the states before and after it, as in `migrate`."""
    if type(migration).apply is not CreateTables.apply:
        yield from _pair_each(migration.operations, migration.app_label, state)
        return
    created = state.clone()
    for operation in migration.operations:
        operation.state_forwards(migration.app_label, created)
    for number, operation in enumerate(migration.operations):
        yield operation, (number,), state, created


def _pair_each(
    operations: Sequence[Operation], app: str, state: ProjectState, place: Place = ()
) -> Iterator[Pair]:
    for number, operation in enumerate(operations):
        here = (*place, number)
        before = state
        state = state.clone()
        if type(operation) is SeparateDatabaseAndState:
            yield from _pair_each(operation.database_operations, app, before, here)
            operation.state_forwards(app, state)
        else:
            operation.state_forwards(app, state)
            yield operation, here, before, state


def _find_rule(operation: Operation) -> str | None:
    """Return the rule that an operation breaks because nobody can know its SQL, or None."""
    if not operation.reduces_to_sql or not type(operation).__module__.startswith(DJANGOS_OWN):
        return "run-python"
    # It has SQL only if the database at hand doesn't have the extension.
    return "extension" if isinstance(operation, CreateExtension) else None
