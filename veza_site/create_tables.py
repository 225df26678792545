"""The base of migrations that create many tables."""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState


class CreateTables(Migration):
    """
    A migration of nothing but CreateModel operations, which renders its models once.

    Django renders every model that a new one is related to again, for each of them, and V1's are
    all related through `users`: that was half of the time of `migrate` on an empty database.
    Migrations that have landed inherit from this: what it does must not change.
    """

    def apply(
        self,
        project_state: ProjectState,
        schema_editor: BaseDatabaseSchemaEditor,
        collect_sql: bool = False,
    ) -> ProjectState:
        created = project_state.clone()
        created.__dict__.pop("apps", None)  # the rendered models; a cached property
        for operation in self.operations:
            operation.state_forwards(self.app_label, created)
        for operation in self.operations:
            if collect_sql:  # for people to read, with Django's heading for each table
                schema_editor.collected_sql += ["--", f"-- {operation.describe()}", "--"]
            operation.database_forwards(self.app_label, schema_editor, project_state, created)
        return created
