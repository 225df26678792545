"""
Which contract a database carries: the comment on schema `public`, as JSON, for every service.

`schema/catalog.json` is what the migrations make of `public`, `schema/contract.json` the history of
the contract, the newest version last. A migration that changes V1 makes a new version; what is only
Django's (a table in schema `django`, of which `schema/django.json` tells) does not.
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

# What the migrations make of each schema of this project, as the reader of the catalog gives it.
CATALOGS = {
    "public": settings.BASE_DIR / "schema" / "catalog.json",
    "django": settings.BASE_DIR / "schema" / "django.json",
}


@dataclass(frozen=True)
class Contract:
    """
    A contract with the services.

    `version` only grows; `fingerprint` is that of the catalog, as `fingerprint` takes it;
    `migration` is the last of V1's that is applied ("streaming.0041_…").
    """

    version: int
    fingerprint: str
    migration: str

    def as_json(self) -> str:
        """Return it as the comment on schema `public` has it."""
        return json.dumps(dataclasses.asdict(self))


def fingerprint(catalog: Catalog) -> str:
    """Return the SHA-256, in hex, of all that is contract in `catalog`."""
    text = json.dumps(_contents(catalog), indent=2, sort_keys=True) + "\n"
    return hashlib.sha256(text.encode()).hexdigest()


def _contents(catalog: Catalog) -> dict[str, Any]:
    """
    Return the catalog without what is each server's own business: tuning, extensions, remarks.

    In the form that version 1 was fingerprinted in: what a catalog has come to know since is left
    out, and what it knows no more is here, always the same.
    """
    contents = catalog.contents() | {"extensions": (), "comments": {}, "owner": None}
    for table in contents["tables"].values():
        table |= {"properties": (), "owner": None}
        for column in table["columns"].values():
            column["properties"] = ()
        for index in table["indexes"].values():
            del index["properties"]
    return contents


def history() -> list[Contract]:
    """Return every version of the contract, the oldest first."""
    return parsed(HISTORY.read_text())


def parsed(text: str) -> list[Contract]:
    """Return the versions in the text of a `contract.json`."""
    return [Contract(**version) for version in json.loads(text)]


def expected() -> Contract:
    """Return the contract that this code's migrations make."""
    return history()[-1]


@functools.cache
def expected_catalog(schema: str = "public") -> Catalog:
    """Return what this code's migrations make of a schema, `public` or `django`."""
    return Catalog.from_json(CATALOGS[schema].read_text())


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
        values = json.loads(comment)
        carried = Contract(*(values[field.name] for field in dataclasses.fields(Contract)))
    except (TypeError, ValueError, KeyError):
        return None  # no comment, or somebody else's
    return carried if type(carried.version) is int else None


class Drifted(Exception):
    """The database is not what its migrations make, and no contract was written into it."""


def write(connection: BaseDatabaseWrapper, loader: MigrationLoader) -> Contract | None:
    """
    Let the database say which contract it carries now, and return that.

    That is the newest version whose migration is applied; before there is one, nothing is written,
    and None is returned. A fingerprint is written only where it is that of what is there: raises
    Drifted where it is not.
    """
    recorded = MigrationRecorder(connection).applied_migrations()
    applied = [str(loader.graph.nodes[key]) for key in v1_plan(loader) if key in recorded]
    reached = [version for version in history() if version.migration in applied]
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
    Return whether a database has this code's contract, and says so.

    It has to have all of this code's migrations. Statements: those of `read_catalog`, and 2.
    """
    carried = read(cursor)
    cursor.execute(
        "SELECT app || '.' || name FROM django.django_migrations WHERE app = ANY (%s)"
        " ORDER BY id DESC LIMIT 1",
        [OURS],
    )
    ((newest,),) = cursor.fetchall()
    return carried == replace(expected(), migration=newest) and (
        fingerprint(read_catalog(cursor)) == carried.fingerprint
    )


def at_the_end() -> Contract:
    """Return the contract of a database that has all of this code's migrations."""
    return replace(expected(), migration=str(newest_migration()))
