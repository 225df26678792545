from django.db.backends.postgresql import operations


class DatabaseOperations(operations.DatabaseOperations):
    def deferrable_sql(self) -> str:
        """Make foreign keys NOT DEFERRABLE, PostgreSQL's default."""
        return ""
