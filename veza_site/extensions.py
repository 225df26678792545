"""The extensions that `migrate` creates where the server offers them."""

from typing import Any, TextIO

from django.db import connections
from django.db.migrations import Migration

from veza_site.schema.reader import EXTENSIONS


def report_missing(
    plan: list[tuple[Migration, bool]],
    using: str,
    verbosity: int,
    stdout: TextIO,
    **options: Any,
) -> None:
    """
    Say which extensions the server lacks, in the `migrate` that would create them.

    Receives Django's signal pre_migrate.
    """
    creating = ("veza_site", "0001_extensions_and_types")
    if verbosity < 1 or creating not in [(m.app_label, m.name) for m, _ in plan]:
        return
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) AS wanted (name) "
            "WHERE name NOT IN (SELECT name FROM pg_available_extensions)",
            [EXTENSIONS],
        )
        missing = [name for (name,) in cursor.fetchall()]
    if missing:
        stdout.write(
            f"  This server does not offer {' and '.join(missing)}: left out, V1 needs neither."
        )
