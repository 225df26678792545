"""The trigger that keeps `updated_at`, for migrations."""

from django.db.migrations import RunSQL

from veza_site.schema.names import trigger_definition


def updated_at_trigger(table: str) -> RunSQL:
    """
    Return the operation that gives `table` the trigger `update_<table>_updated_at`.

    Every migration that creates a table with `updated_at` ends with it. Migrations that have landed
    call this: what it returns for a table must not change.
    """
    return RunSQL(f"{trigger_definition('public', table)};")
