"""
The contract that a database carries: the comment on schema `public`, as JSON, for every service.

`schema/catalog.json` is what the migrations make of `public`; `schema/contract.json` is the history
of the contract, the newest version last. A migration that changes V1 makes a new version. One that
only changes Django's own tables does not (they are in schema `django`, and `schema/django.json`).
"""

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from veza_site.schema.catalog import Catalog
from veza_site.schema.ddl import literal
from veza_site.schema.plan import OURS, newest_migration, v1_plan
from veza_site.schema.reader import read_catalog

HISTORY = settings.BASE_DIR / "schema" / "contract.json"

# What the migrations make of each schema, as `schema.reader` returns it.
CATALOGS = {
    "public": settings.BASE_DIR / "schema" / "catalog.json",
    "django": settings.BASE_DIR / "schema" / "django.json",
}


@dataclass(frozen=True)
class Contract:
    """
    A contract with the services.

    `version` only grows; `fingerprint` is the catalog's; `migration` is the last of V1's that is
    applied ("streaming.0041_…").
    """

    version: int
    fingerprint: str
    migration: str

    def as_json(self) -> str:
        """Return the text of the comment on schema `public`."""
        return json.dumps(dataclasses.asdict(self))


def fingerprint(catalog: Catalog) -> str:
    """Return the SHA-256, in hex, of everything in a catalog that is part of the contract."""
    text = json.dumps(_contents(catalog), indent=2, sort_keys=True) + "\n"
    return hashlib.sha256(text.encode()).hexdigest()


def _contents(catalog: Catalog) -> dict[str, Any]:
    """
    Return a catalog without what is each server's own business: tuning, extensions, comments.

    In the form in which version 1 was fingerprinted: what catalogs have gained since is left out,
    and what they have lost is filled in, always the same.
    """
    contents = catalog.contents() | {"extensions": (), "comments": {}, "owner": None}
    for table in contents["tables"].values():
        table |= {"properties": (), "owner": None}
        for column in table["columns"].values():
            column["properties"] = ()
        for index in table["indexes"].values():
            del index["properties"]
    return contents


def load_history() -> list[Contract]:
    """Return every version of the contract, the oldest first."""
    return parse(HISTORY.read_text())


def parse(text: str) -> list[Contract]:
    """Return the versions in the text of a `contract.json`, the oldest first."""
    return [Contract(**version) for version in json.loads(text)]


def load_newest() -> Contract:
    """Return the contract that this code's migrations make."""
    return load_history()[-1]


@functools.cache
def load_catalog(schema: str = "public") -> Catalog:
    """Return what this code's migrations make of a schema, `public` or `django`."""
    return Catalog.from_json(CATALOGS[schema].read_text())


def history_as_json(catalog: Catalog, migration: str) -> str:
    """
    Return the text of `schema/contract.json` if the last migration, `migration`, makes `catalog`.

    A changed catalog is a new version. It replaces one that `migration` itself made before, since
    nothing builds on that yet. The versions of earlier migrations stay.
    """
    versions = load_history() if HISTORY.exists() else []
    now = fingerprint(catalog)
    if versions and versions[-1].migration == migration:
        versions.pop()
    if not versions or versions[-1].fingerprint != now:
        versions.append(Contract(len(versions) + 1, now, migration))
    return json.dumps([dataclasses.asdict(version) for version in versions], indent=2) + "\n"


def read(cursor: Any) -> Contract | None:
    """Return the contract that the database says it carries, or None if it names none."""
    cursor.execute("SELECT obj_description(to_regnamespace('public'), 'pg_namespace')")
    (comment,) = cursor.fetchone()
    try:
        values = json.loads(comment)
        carried = Contract(*(values[field.name] for field in dataclasses.fields(Contract)))
    except (TypeError, ValueError, KeyError):
        return None  # no comment, or not ours
    return carried if type(carried.version) is int else None


class Drifted(Exception):
    """The database is not what its migrations make. No contract was written into it."""


def write(connection: BaseDatabaseWrapper, loader: MigrationLoader) -> Contract | None:
    """
    Write into the database which contract it carries: the newest whose migration is applied.

    Returns it, or None if V1 is not complete and there is none yet. Raises Drifted, and writes
    nothing, if the database does not have the fingerprint of that version.
    """
    recorded = MigrationRecorder(connection).applied_migrations()
    applied = [str(loader.graph.nodes[key]) for key in v1_plan(loader) if key in recorded]
    reached = [version for version in load_history() if version.migration in applied]
    if not reached:
        return None
    carried = replace(reached[-1], migration=applied[-1])
    with connection.cursor() as cursor:
        if fingerprint(read_catalog(cursor)) != carried.fingerprint:
            raise Drifted
        if read(cursor) != carried:
            cursor.execute(f"COMMENT ON SCHEMA public IS {literal(carried.as_json())}")
    return carried


def is_true(cursor: Any) -> bool:
    """
    Return whether a database keeps this code's contract, and says so.

    It must have all of this code's migrations. Statements: those of `read_catalog`, and 2.
    """
    carried = read(cursor)
    cursor.execute(
        "SELECT app || '.' || name FROM django.django_migrations WHERE app = ANY (%s)"
        " ORDER BY id DESC LIMIT 1",
        [OURS],
    )
    ((newest,),) = cursor.fetchall()
    wanted = replace(load_newest(), migration=newest)
    return carried == wanted and fingerprint(read_catalog(cursor)) == wanted.fingerprint


def when_migrated() -> Contract:
    """Return the contract of a database to which all of this code's migrations are applied."""
    return replace(load_newest(), migration=str(newest_migration()))
