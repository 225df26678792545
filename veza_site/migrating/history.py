"""
What the applied migrations did: their SQL's fingerprints, kept in the table `django.migration_sql`.

A migration that has landed is never edited. If one was, this database is not what the code says,
and no later migration can be trusted: `migrate` refuses. Compared is SQL without its comments and
its layout; a source file whose bytes are the same is not even looked into.
"""

import hashlib
import re
import sys
from pathlib import Path

from django.core.management import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from veza_site.contract import v1_plan

Key = tuple[str, str]

# Literals and names in quotes stay as they are; comments and layout go.
TOKENS = re.compile(
    r"""(?P<kept> '(?:[^']|'')*' | "[^"]*" | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
      | (?: --[^\n]* | /\*.*?\*/ | \s )+""",
    re.DOTALL | re.VERBOSE,
)


def check(connection: BaseDatabaseWrapper) -> None:
    """
    Refuse a database that is ahead of this code, or that another form of a migration has made.

    Raises CommandError, which names the migrations.
    """
    loader = MigrationLoader(connection)
    unknown = [
        key
        for key in loader.applied_migrations
        if key not in loader.disk_migrations and key not in loader.replacements
    ]
    if unknown:
        raise CommandError(
            f"The database has migrations that this code does not: {_listed(unknown)}. It was "
            "migrated by newer code, or by another branch: migrate with that. Nothing was changed."
        )
    changed = [
        key
        for key, (sql, source) in _recorded(connection).items()
        if key in loader.applied_migrations
        and source != _source(loader, key)
        and sql != _fingerprint(statements(connection, loader, key))
    ]
    if changed:
        raise CommandError(
            f"Applied here, and changed since: {_listed(changed)}. A migration that has landed is "
            "not edited: take the change back, and make it in a new one. Nothing was changed."
        )


def record(connection: BaseDatabaseWrapper, made: dict[Key, list[str]]) -> None:
    """
    Keep the fingerprints of V1's applied migrations, as far as they are not kept yet.

    `made` has the statements of those that were applied just now; others' are rendered again.
    """
    loader = MigrationLoader(connection)
    recorded = _recorded(connection)
    rows = []
    for key in v1_plan(loader):
        source = _source(loader, key)
        if key in loader.applied_migrations and recorded.get(key, (None, None))[1] != source:
            sql = made[key] if key in made else statements(connection, loader, key)
            rows.append((*key, _fingerprint(sql), source))
    if rows and ("veza_site", "0902_migration_sql") in loader.applied_migrations:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django.migration_sql (app, name, sql_sha256, source_sha256)"
                " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])"
                " ON CONFLICT (app, name) DO UPDATE"
                " SET sql_sha256 = EXCLUDED.sql_sha256, source_sha256 = EXCLUDED.source_sha256",
                [list(column) for column in zip(*rows, strict=True)],
            )


def statements(connection: BaseDatabaseWrapper, loader: MigrationLoader, key: Key) -> list[str]:
    """Return the statements that the migration of this key is made of, without running them."""
    state = loader.project_state(key, at_end=False)
    migration = loader.disk_migrations[key]
    with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
        migration.apply(state, editor, collect_sql=True)
    return editor.statements


def normalised(sql: str) -> str:
    """Return SQL without comments, and with single spaces, outside of its literals."""
    return TOKENS.sub(lambda match: match["kept"] or " ", sql).strip(" ;")


def _fingerprint(sql: list[str]) -> str:
    return hashlib.sha256("\n".join(map(normalised, sql)).encode()).hexdigest()


def _source(loader: MigrationLoader, key: Key) -> str:
    """Return the fingerprint of the file that the migration of this key stands in."""
    module = sys.modules[type(loader.disk_migrations[key]).__module__]
    return hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest()


def _recorded(connection: BaseDatabaseWrapper) -> dict[Key, tuple[str, str]]:
    """Return the fingerprints of the SQL and of the source of each migration that has them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('django.migration_sql') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return {}
        cursor.execute("SELECT app, name, sql_sha256, source_sha256 FROM django.migration_sql")
        return {(app, name): (sql, source) for app, name, sql, source in cursor.fetchall()}


def _listed(keys: list[Key]) -> str:
    return ", ".join(sorted(".".join(key) for key in keys))
