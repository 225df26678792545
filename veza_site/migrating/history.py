"""
What the applied migrations did: their SQL's fingerprints, kept in the table `django.migration_sql`.

A migration that has landed is never edited. If one was, this database is not what the code says,
and no later migration can be trusted: `migrate` refuses. Compared is SQL without its comments and
its layout; a source file whose bytes are the same is not even looked into.
"""

import hashlib
from collections.abc import Iterable

from django.core.management import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from veza_site.migrating.records import Key, directory, on_disk, read_records
from veza_site.postgresql.sql_text import normalised
from veza_site.schema.plan import is_ours, v1_plan

# App, name, and the fingerprints of the SQL and of the source.
Row = tuple[str, str, str, str]


def check(connection: BaseDatabaseWrapper, loader: MigrationLoader) -> None:
    """
    Refuse a database that is ahead of this code, or that another form of a migration has made.

    The same for one where the record of an applied migration is gone: it would be run once more.

    Raises CommandError, which names the migrations.
    """
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
    with connection.cursor() as cursor:
        records = read_records(cursor)
    if records and records.lost:
        raise CommandError(
            f"Applied here, and not recorded any more: {_listed(records.lost)}. `manage.py schema "
            "diff` gives the SQL that records it again. Nothing was changed."
        )
    changed = [
        key
        for key, (sql, source) in _kept(connection).items()
        if key in loader.applied_migrations
        and source != _source(key)
        and sql != rendered(connection, loader, key)[2]
    ]
    if changed:
        raise CommandError(
            f"Applied here, and changed since: {_listed(changed)}. A migration that has landed is "
            "not edited: take the change back, and make it in a new one. Nothing was changed."
        )


def is_whole(connection: BaseDatabaseWrapper) -> bool:
    """Return whether every migration of V1 is kept as its file has it."""
    kept = _kept(connection)
    return all(kept.get(key, ("", ""))[1] == _source(key) for key in on_disk() if is_ours(key[0]))


def is_kept(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the table for the fingerprints is there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('django.migration_sql') IS NOT NULL")
        return cursor.fetchone()[0]


def keep(connection: BaseDatabaseWrapper, rows: list[Row]) -> None:
    """Keep these fingerprints, in place of those that are kept."""
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


def row(migration: Migration, sql: list[str]) -> Row:
    """Return what is kept of a migration that is made of these statements."""
    key = migration.app_label, migration.name
    return *key, _fingerprint(sql), _source(key)


def rows_to_keep(
    connection: BaseDatabaseWrapper, loader: MigrationLoader, made: dict[Key, Row]
) -> list[Row]:
    """
    Return what is to be kept of V1's applied migrations, and is not yet.

    `made` has what is known of those that were applied just now; others are rendered again.
    """
    kept = _kept(connection)
    applied = MigrationRecorder(connection).applied_migrations()
    return [
        made[key] if key in made else rendered(connection, loader, key)
        for key in v1_plan(loader)
        if key in applied and kept.get(key, ("", ""))[1] != _source(key)
    ]


def rendered(connection: BaseDatabaseWrapper, loader: MigrationLoader, key: Key) -> Row:
    """Return what is to be kept of the migration of this key, without running it."""
    state = loader.project_state(key, at_end=False)
    migration = loader.disk_migrations[key]
    with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
        migration.apply(state, editor, collect_sql=True)
    return row(migration, editor.statements)


def _fingerprint(sql: list[str]) -> str:
    return hashlib.sha256("\n".join(map(normalised, sql)).encode()).hexdigest()


def _source(key: Key) -> str:
    """Return the fingerprint of the file that a migration stands in."""
    app, name = key
    return hashlib.sha256((directory(app) / f"{name}.py").read_bytes()).hexdigest()


def _kept(connection: BaseDatabaseWrapper) -> dict[Key, tuple[str, str]]:
    """Return the fingerprints of the SQL and of the source of each migration that has them."""
    if not is_kept(connection):
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name, sql_sha256, source_sha256 FROM django.migration_sql")
        return {(app, name): (sql, source) for app, name, sql, source in cursor.fetchall()}


def _listed(keys: Iterable[Key]) -> str:
    return ", ".join(sorted(".".join(key) for key in keys))
