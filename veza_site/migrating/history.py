"""
What the applied migrations did: the table `django.migration_sql` has the fingerprint of their SQL.

A migration that has landed is never edited. If one was, the database is not what the code says and
no later migration can be trusted, so `migrate` refuses. The SQL is compared without its comments
and its layout, and only where the bytes of the source file have changed.
"""

import hashlib
from collections.abc import Iterable

from django.core.management import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from veza_site.postgresql.schema_editor import DatabaseSchemaEditor
from veza_site.postgresql.sql_text import normalise
from veza_site.schema.plan import is_ours, v1_plan
from veza_site.schema.records import Key, list_files, migrations_directory, read_records

# App, name, and the fingerprints of the SQL and of the source.
Row = tuple[str, str, str, str]


def check(connection: BaseDatabaseWrapper, loader: MigrationLoader) -> None:
    """
    Refuse a database that this code's migrations can't be trusted to go on from.

    That is one with migrations that this code doesn't have, one whose migrations were changed after
    they were applied here, and one that has lost the record of an applied migration, which would
    then run once more. Raises CommandError, which names the migrations.
    """
    unknown = [
        key
        for key in loader.applied_migrations
        if key not in loader.disk_migrations and key not in loader.replacements
    ]
    if unknown:
        raise CommandError(
            f"The database has migrations that this code does not: {_join(unknown)}. It was "
            "migrated by newer code, or by another branch: migrate with that. Nothing was changed."
        )
    with connection.cursor() as cursor:
        records = read_records(cursor)
    if records and records.lost:
        raise CommandError(
            f"Applied here, and not recorded any more: {_join(records.lost)}. `manage.py schema "
            "diff` gives the SQL that records it again. Nothing was changed."
        )
    changed = [
        key
        for key, (sql, source) in _read(connection).items()
        if key in loader.applied_migrations
        and source != _digest_source(key)
        and sql != render(connection, loader, key)[2]
    ]
    if changed:
        raise CommandError(
            f"Applied here, and changed since: {_join(changed)}. A migration that has landed is "
            "not edited: take the change back, and make it in a new one. Nothing was changed."
        )


def is_complete(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the table has every migration of V1, from the file as it is now."""
    saved = _read(connection)
    return all(
        saved.get(key, ("", ""))[1] == _digest_source(key)
        for key in list_files()
        if is_ours(key[0])
    )


def exists(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the table is there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('django.migration_sql') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def save(connection: BaseDatabaseWrapper, rows: list[Row]) -> None:
    """Write fingerprints, over those of the same migrations if there are any."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django.migration_sql (app, name, sql_sha256, source_sha256)"
            " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])"
            " ON CONFLICT (app, name) DO UPDATE"
            " SET sql_sha256 = EXCLUDED.sql_sha256, source_sha256 = EXCLUDED.source_sha256",
            [list(column) for column in zip(*rows, strict=True)],
        )


def fingerprint(migration: Migration, sql: list[str]) -> Row:
    """Return the row of a migration that these statements make."""
    key = migration.app_label, migration.name
    text = "\n".join(map(normalise, sql))
    return *key, hashlib.sha256(text.encode()).hexdigest(), _digest_source(key)


def find_missing(
    connection: BaseDatabaseWrapper, loader: MigrationLoader, made: dict[Key, Row]
) -> list[Row]:
    """
    Return the rows of V1's applied migrations that the table does not have yet.

    `made` has those of the migrations that were applied just now; the others are rendered.
    """
    saved = _read(connection)
    applied = MigrationRecorder(connection).applied_migrations()
    return [
        made[key] if key in made else render(connection, loader, key)
        for key in v1_plan(loader)
        if key in applied and saved.get(key, ("", ""))[1] != _digest_source(key)
    ]


def render(connection: BaseDatabaseWrapper, loader: MigrationLoader, key: Key) -> Row:
    """Return the row of the migration of this key, without running it."""
    state = loader.project_state(key, at_end=False)
    migration = loader.disk_migrations[key]
    with DatabaseSchemaEditor(connection, collect_sql=True, atomic=migration.atomic) as editor:
        migration.apply(state, editor, collect_sql=True)
    return fingerprint(migration, editor.statements)


def _digest_source(key: Key) -> str:
    """Return the digest of the file that a migration stands in."""
    app, name = key
    return hashlib.sha256((migrations_directory(app) / f"{name}.py").read_bytes()).hexdigest()


def _read(connection: BaseDatabaseWrapper) -> dict[Key, tuple[str, str]]:
    """Return the fingerprint of the SQL and the digest of the source of each migration saved."""
    if not exists(connection):
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name, sql_sha256, source_sha256 FROM django.migration_sql")
        return {(app, name): (sql, source) for app, name, sql, source in cursor.fetchall()}


def _join(keys: Iterable[Key]) -> str:
    return ", ".join(sorted(".".join(key) for key in keys))
