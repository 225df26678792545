"""
Django's PostgreSQL backend, with the Standard's names for constraints and errors without rows.

Subclassed as Django documents it: https://docs.djangoproject.com/en/6.1/ref/databases/
(“Subclassing the built-in database backends”).
"""

from pathlib import Path
from typing import Any

from django.db.backends.postgresql import base
from django.utils.functional import cached_property

from veza_site.postgresql import out_of_range, session
from veza_site.postgresql.client import DatabaseClient
from veza_site.postgresql.creation import DatabaseCreation
from veza_site.postgresql.errors import CursorDebugWrapper, CursorWrapper, FirstLines
from veza_site.postgresql.features import DatabaseFeatures
from veza_site.postgresql.introspection import DatabaseIntrospection
from veza_site.postgresql.operations import DatabaseOperations
from veza_site.postgresql.schema_editor import DatabaseSchemaEditor


class DatabaseWrapper(base.DatabaseWrapper):
    """
    A connection to PostgreSQL.

    If its entry in DATABASES has the key EMBEDDED, a data directory, the embedded server is started
    before the first connection. The key LIMITS holds limits of each session, in seconds.
    """

    client_class = DatabaseClient
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    introspection_class = DatabaseIntrospection
    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor

    def start_embedded_server(self) -> None:
        """Start the embedded server if the settings name one, and connect to it from then on."""
        if data_directory := self.settings_dict.get("EMBEDDED"):
            # Imported only here: production does not need the package.
            from veza_site.postgresql import embedded

            self.settings_dict["HOST"] = embedded.start(Path(data_directory))

    def get_connection_params(self) -> dict[str, Any]:
        self.start_embedded_server()
        parameters = super().get_connection_params()
        # At the start of a session they take precedence over what its role or database has set.
        parameters["options"] = session.startup_options(
            parameters.get("options", ""), self.settings_dict.get("LIMITS")
        )
        parameters["context"] = out_of_range.add_to(parameters["context"])
        return parameters

    def create_cursor(self, name: str | None = None) -> Any:
        cursor = super().create_cursor(name)
        out_of_range.register_moments(cursor)  # Django's comes back if the time zone has changed
        return cursor

    def prepared_cursor(self) -> Any:
        """
        Return a cursor whose statements the server plans once in a session, not at each call.

        Values are sent beside the statement, so that each has to say its type where PostgreSQL
        can't tell. It takes a session of its own: a pooler in transaction mode has to know of it.
        """
        self.ensure_connection()
        cursor: Any = base.ServerBindingCursor(self.connection)  # type: ignore[call-arg]
        out_of_range.register_moments(cursor)
        return self._prepare_cursor(cursor)  # type: ignore[attr-defined]  # missing in the stubs

    def make_cursor(self, cursor: Any) -> CursorWrapper:
        return CursorWrapper(cursor, self)

    def make_debug_cursor(self, cursor: Any) -> CursorDebugWrapper:
        return CursorDebugWrapper(cursor, self)

    @cached_property
    def wrap_database_errors(self) -> FirstLines:
        return FirstLines(self)
