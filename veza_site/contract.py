"""
Which contract a database carries: the comment on schema `public`, as JSON, for every service.

`schema/catalog.json` is what the migrations make of `public`, `schema/contract.json` the history of
the contract, the newest version last. A migration that changes V1 makes a new version; what is only
Django's (a table in schema `django`) does not.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from veza_site.catalog import Catalog, read_catalog
from veza_site.ddl import literal
from veza_site.differences import Difference

HISTORY = settings.BASE_DIR / "schema" / "contract.json"
CATALOG = settings.BASE_DIR / "schema" / "catalog.json"


@dataclass(frozen=True)
class Contract:
    """
    A contract with the services.

    `version` only grows, and is 0 before V1 is whole; `fingerprint` is that of the catalog, as
    `fingerprint` takes it; `migration` is the last of V1's ("streaming.0041_…"), or empty.
    """

    version: int
    fingerprint: str
    migration: str

    def as_json(self) -> str:
        """Return it as the comment on schema `public` has it."""
        return json.dumps(dataclasses.asdict(self))


def fingerprint(catalog: Catalog) -> str:
    """Return the SHA-256, in hex, of all that is contract in `catalog`."""
    return hashlib.sha256(_essence(catalog).as_json().encode()).hexdigest()


def _essence(catalog: Catalog) -> Catalog:
    """Return the catalog without what is each server's own business: owners, tuning, remarks."""
    tables = {
        table.name: replace(
            table,
            columns={
                column.name: replace(column, properties=()) for column in table.columns.values()
            },
            owner=None,
            properties=(),
        )
        for table in catalog.tables.values()
    }
    return replace(catalog, tables=tables, extensions=(), comments={}, owner=None)


def history() -> list[Contract]:
    """Return every version of the contract, the oldest first."""
    return parsed(HISTORY.read_text())


def parsed(text: str) -> list[Contract]:
    """Return the versions in the text of a `contract.json`."""
    return [Contract(**version) for version in json.loads(text)]


def expected() -> Contract:
    """Return the contract that this code's migrations make."""
    return history()[-1]


def expected_catalog() -> Catalog:
    """Return what this code's migrations make of schema `public`."""
    return Catalog.from_json(CATALOG.read_text())


def history_as_json(catalog: Catalog, migration: str) -> str:
    """
    Return the text of `schema/contract.json` once the last migration, `migration`, makes `catalog`.

    Another catalog is another version. The one that `migration` itself has made before is replaced:
    nothing builds on it yet. Those of earlier migrations stay.
    """
    versions = history() if HISTORY.exists() else []
    now = fingerprint(catalog)
    if versions and versions[-1].migration == migration:
        versions.pop()
    if not versions or versions[-1].fingerprint != now:
        versions.append(Contract(len(versions) + 1, now, migration))
    return json.dumps([dataclasses.asdict(version) for version in versions], indent=2) + "\n"


def read(cursor: Any) -> Contract | None:
    """Return the contract that the database says it carries, or None where it says none."""
    cursor.execute("SELECT obj_description(to_regnamespace('public'), 'pg_namespace')")
    (comment,) = cursor.fetchone()
    try:
        return Contract(**json.loads(comment))
    except (TypeError, ValueError):
        return None


def differences_around(cursor: Any) -> list[Difference]:
    """Return what differs beside the catalog: what the database says of itself, schema `django`."""
    found = []
    carried, wanted = read(cursor), expected()
    if carried is None or (carried.version, carried.fingerprint) != (
        wanted.version,
        wanted.fingerprint,
    ):
        found.append(
            Difference(
                "comment on SCHEMA public",
                wanted.as_json(),
                carried.as_json() if carried else "no contract",
                "not migrated by this code, or written over by another tool",
                f"COMMENT ON SCHEMA public IS {literal(wanted.as_json())};",
            )
        )
    cursor.execute(
        "SELECT nspowner::regrole::text, nspowner IN (datdba, relowner)"
        " FROM pg_database LEFT JOIN pg_namespace ON nspname = 'django'"
        " LEFT JOIN pg_class ON pg_class.oid = to_regclass('public.users')"
        " WHERE datname = current_database()"
    )
    ((owner, is_ours),) = cursor.fetchall()
    if owner is None:
        cause = "V1 was built by something else than migrate"
        mend = "-- `manage.py schema adopt` takes it over."
        found.append(Difference("schema django", "is there", "missing", cause, mend))
    elif not is_ours:
        found.append(
            Difference(
                "schema django",
                "owned by the owner of the database or of V1's tables",
                f"owned by {owner}",
                "made or restored by another role",
                "ALTER SCHEMA django OWNER TO CURRENT_USER;",
            )
        )
    return found


def write(connection: BaseDatabaseWrapper, loader: MigrationLoader) -> Contract:
    """Let the database say which contract it carries now, and return that."""
    recorded = MigrationRecorder(connection).applied_migrations()
    applied = [str(loader.graph.nodes[key]) for key in v1_plan(loader) if key in recorded]
    with connection.cursor() as cursor:
        carried = Contract(
            version=max((v.version for v in history() if v.migration in applied), default=0),
            fingerprint=fingerprint(read_catalog(cursor)),
            migration=applied[-1] if applied else "",
        )
        if read(cursor) != carried:
            cursor.execute(f"COMMENT ON SCHEMA public IS {literal(carried.as_json())}")
    return carried


def v1_plan(loader: MigrationLoader) -> list[tuple[str, str]]:
    """
    Return the keys of V1's migrations on disk, each after those it depends on.

    Those after V1 are one chain, and its end is the last (`lint_migrations` sees to it).
    """
    ends = [
        key
        for key, node in loader.graph.node_map.items()
        if is_ours(key[0]) and not any(is_ours(child.key[0]) for child in node.children)
    ]
    plan: dict[tuple[str, str], None] = {}
    for end in sorted(ends):
        plan.update(dict.fromkeys(loader.graph.forwards_plan(end)))
    return [key for key in plan if is_ours(key[0])]


def newest_migration() -> Migration:
    """Return the last of V1's migrations on disk."""
    loader = MigrationLoader(None)
    return loader.graph.nodes[v1_plan(loader)[-1]]


def is_ours(app: str) -> bool:
    """Return whether the migrations of the app of this label are V1's."""
    return app in ["veza_site", *settings.V1_APPS]
