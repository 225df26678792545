"""The linting of migrations: what one may not do to a database that others are working on."""

import io
import itertools
import json
import subprocess
import sysconfig
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

from veza_site.contract import v1_plan

# V1 is this migration and all it depends on. It was made on an empty database, for nobody to wait.
LAST_OF_V1 = ("veza_site", "0901_django_schema")


def migrations_after_v1() -> list[Migration]:
    """Return this project's migrations that came after V1, in order."""
    loader = MigrationLoader(None)
    v1 = loader.graph.forwards_plan(LAST_OF_V1)
    return [loader.graph.nodes[key] for key in v1_plan(loader) if key not in v1]


def out_of_line() -> list[str]:
    """
    Return where the migrations after V1 are not one chain, an item for each place, for people.

    Two branches that each add one make two ends, and neither would be the newest.
    """
    loader = MigrationLoader(None)
    keys = [(migration.app_label, migration.name) for migration in migrations_after_v1()]
    return [
        f"{one[0]}.{one[1]} and {other[0]}.{other[1]} do not come one after the other"
        for one, other in itertools.pairwise(keys)
        if one not in loader.graph.forwards_plan(other)
    ]


def lint(migration: Migration) -> list[str]:
    """
    Return what is wrong with a migration, an item for each finding, for people to read.

    Judged is the SQL that `sqlmigrate` prints; a RunPython operation is not.
    """
    if not migration.atomic and len(migration.operations) > 1:
        return [
            f"{migration}  [one-operation]  It is not atomic, and has "
            f"{len(migration.operations)} operations.\n"
            "    After an error between two it could not be run again: write a migration for each."
        ]
    sql = call_command(
        "sqlmigrate", migration.app_label, migration.name, stdout=io.StringIO(), no_color=True
    )
    return lint_sql(str(migration), sql)


def lint_sql(name: str, sql: str) -> list[str]:
    """
    Return what squawk has against the SQL of the migration `name`, an item for each finding.

    By which rules it judges, and why not by others, is in .squawk.toml.
    """
    squawk = subprocess.run(
        [
            Path(sysconfig.get_path("scripts")) / "squawk",
            *("--config", settings.BASE_DIR / ".squawk.toml"),
            *("--reporter", "json"),
        ],
        input=sql,
        capture_output=True,
        text=True,
        check=False,
    )
    if squawk.stderr:
        raise CommandError(f"squawk: {squawk.stderr.strip()}")
    lines = sql.splitlines()
    return [
        f"{name}  [{finding['rule_name']}]  {finding['message']} {finding['help'] or ''}\n"
        f"    {lines[finding['line']].strip()}"
        for finding in json.loads(squawk.stdout)
    ]
