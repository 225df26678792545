"""
Which migrations a database records as applied, compared with those that this code has.

Read in plain SQL, and without importing the migrations if both are the same: `schema diff` asks
this of any database, as any role.
"""

import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from veza_site.schema.plan import is_ours

Key = tuple[str, str]


@dataclass(frozen=True)
class Records:
    """
    How the recorded migrations differ from this code's, each by app and name.

    `lost` were applied here and are not recorded: the fingerprint of their SQL is there, or, in a
    database without fingerprints, later migrations that depend on them are recorded. `unapplied`
    are this code's that never ran here; `unknown` are recorded, and this code does not have them.
    `none` is whether there is no record at all.
    """

    lost: tuple[Key, ...] = ()
    unapplied: tuple[Key, ...] = ()
    unknown: tuple[Key, ...] = ()
    none: bool = False


def read_records(cursor: Any) -> Records | None:
    """
    Return how a database's recorded migrations differ from this code's.

    Until V1 is complete they stand in `public`. Statements: 4 to 6. Returns None if the role may
    not read them.
    """
    found: dict[str, set[Key]] = {}
    for name in ("django_migrations", "migration_sql"):
        table, readable = _find_table(cursor, name)
        if readable is False:
            return None
        found[name] = set()
        if table is not None:
            cursor.execute(f"SELECT app, name FROM {table}")
            found[name] = set(cursor.fetchall())
    recorded, saved = found["django_migrations"], found["migration_sql"]
    if recorded == list_files() and saved <= recorded:
        return Records()
    graph = MigrationLoader(None).graph
    of_code = set(graph.nodes)
    depended_on = {
        key
        for later in (recorded | saved) & of_code
        for key in graph.forwards_plan(later)
        if not (saved and is_ours(key[0]))
    }
    missing = of_code - recorded
    return Records(
        lost=tuple(sorted(missing & (saved | depended_on))),
        unapplied=tuple(sorted(missing - saved - depended_on)),
        unknown=tuple(sorted(recorded - of_code)),
        none=not recorded and not saved,
    )


def migrations_directory(app: str) -> Path:
    """Return the directory of an app's migrations."""
    return Path(apps.get_app_config(app).path) / "migrations"


def _find_table(cursor: Any, name: str) -> tuple[str | None, bool | None]:
    """Return a table of Django's with its schema, or None, and whether this role may read it."""
    for schema in ("django", "public"):
        cursor.execute(
            "SELECT CASE WHEN has_schema_privilege(%s, 'USAGE')"
            " THEN has_table_privilege(to_regclass(%s), 'SELECT') ELSE false END"
            " WHERE to_regnamespace(%s) IS NOT NULL",
            [schema, f"{schema}.{name}", schema],
        )
        row = cursor.fetchone()
        if row is not None and row[0] is not None:
            return f"{schema}.{name}", row[0]
    return None, None


def list_files() -> set[Key]:
    """Return the migrations that have a file, without importing them."""
    keys = set()
    for config in apps.get_app_configs():
        if config.label in settings.MIGRATION_MODULES:
            return set()  # elsewhere: the loader knows
        for module in pkgutil.iter_modules([str(migrations_directory(config.label))]):
            if not module.ispkg and module.name[0] not in "_~":
                keys.add((config.label, module.name))
    return keys
