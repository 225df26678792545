"""How this backend writes SQL, where that differs from Django's."""

from django.db.backends.postgresql import operations

from veza_site.postgresql.sql_text import split_statements


class DatabaseOperations(operations.DatabaseOperations):
    """Splits scripts into statements, and makes foreign keys that are not deferrable."""

    def prepare_sql_script(self, sql: str) -> list[str]:
        """Split a script, so that `migrate` can bound how long each statement waits for a lock."""
        return split_statements(sql)

    def deferrable_sql(self) -> str:
        """Make foreign keys NOT DEFERRABLE, PostgreSQL's default."""
        return ""
