"""How this backend writes SQL, where that differs from Django's."""

import ipaddress
from typing import Any

from django.db.backends.postgresql import operations
from psycopg.types.json import Jsonb

from veza_site.postgresql.out_of_range import UnreadableJson
from veza_site.postgresql.sql_text import split_statements


class DatabaseOperations(operations.DatabaseOperations):
    """
    Splits scripts into statements, and makes foreign keys that are not deferrable.

    Sends back as it was what Django can only read: an address with a netmask, JSON out of range.
    """

    def prepare_sql_script(self, sql: str) -> list[str]:
        """Split a script, so that `migrate` can bound how long each statement waits for a lock."""
        return split_statements(sql)

    def deferrable_sql(self) -> str:
        """Make foreign keys NOT DEFERRABLE, PostgreSQL's default."""
        return ""

    def adapt_ipaddressfield_value(self, value: str | None) -> Any:
        if value and "/" in value:
            return ipaddress.ip_interface(value)
        return super().adapt_ipaddressfield_value(value)

    def adapt_json_value(self, value: Any, encoder: Any) -> Any:
        if isinstance(value, UnreadableJson):
            return Jsonb(value, dumps=str)
        return super().adapt_json_value(value, encoder)
