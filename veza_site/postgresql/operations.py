from django.db.backends.postgresql import operations

from veza_site.postgresql.sql_text import statements


class DatabaseOperations(operations.DatabaseOperations):
    def prepare_sql_script(self, sql: str) -> list[str]:
        """Split a script, so that `migrate` can bound how long each statement waits for a lock."""
        return statements(sql)

    def deferrable_sql(self) -> str:
        """Make foreign keys NOT DEFERRABLE, PostgreSQL's default."""
        return ""
