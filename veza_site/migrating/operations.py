"""What migrations consist of, besides Django's own operations."""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import CreateModel, Migration, RunSQL
from django.db.migrations.state import ProjectState

from veza_site.postgresql.names import trigger_definition


class CreateTables(Migration):
    """
    A migration of nothing but CreateModel operations, which renders only its own models.

    For each new model Django renders all related models again, and V1's are all related through
    `users`: that took half of the time of `migrate` on an empty database. Here the new models join
    those that are rendered already. Migrations that have landed inherit from this, so what it does
    must not change.
    """

    def apply(
        self,
        project_state: ProjectState,
        schema_editor: BaseDatabaseSchemaEditor,
        collect_sql: bool = False,
    ) -> ProjectState:
        # The rendered models, a cached property. The state before can do without them: it renders
        # them again if somebody asks.
        apps = project_state.__dict__.pop("apps", None)
        created = project_state.clone()
        for operation in self.operations:
            operation.state_forwards(self.app_label, created)
        if apps is not None:
            names = [item.name_lower for item in self.operations if isinstance(item, CreateModel)]
            new = [created.models[self.app_label, name] for name in names]
            apps.render_multiple(new)
            created.apps = apps
        for operation in self.operations:
            if collect_sql:  # for people to read, with Django's heading for each table
                schema_editor.collected_sql += ["--", f"-- {operation.describe()}", "--"]
            operation.database_forwards(self.app_label, schema_editor, project_state, created)
        return created


def updated_at_trigger(table: str) -> RunSQL:
    """
    Return the operation that gives `table` the trigger `update_<table>_updated_at`.

    Every migration that creates a table with `updated_at` ends with it. Migrations that have landed
    call this, so what it returns for a table must not change.
    """
    return RunSQL(f"{trigger_definition('public', table)};")
