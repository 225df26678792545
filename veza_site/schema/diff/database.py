"""All that differs in a database: the schemas, what is around them, what it says of itself."""

from dataclasses import dataclass, replace
from typing import Any

from veza_site.migrating.records import read_records
from veza_site.postgresql.sql_text import normalised
from veza_site.schema import contract
from veza_site.schema.catalog import Catalog
from veza_site.schema.ddl import literal
from veza_site.schema.diff import Difference, differences
from veza_site.schema.reader import read_catalog, with_dependents
from veza_site.schema.surroundings import Surroundings, read_surroundings

# What a comparison leaves out, said at its end.
LEFT_OUT = (
    "Not compared: rows, rights (only with --against), tablespaces, large objects, subscriptions, "
    "the order of columns, the server's configuration; schemas other than public and django."
)


@dataclass(frozen=True)
class Comparison:
    """
    What a database should hold in `public` and what it holds, in an order in which to mend it.

    `notes` are for people: what is no difference and worth a word, what could not be compared.
    """

    expected: Catalog
    found: Catalog
    carried: contract.Contract | None
    differences: list[Difference]
    notes: list[str]


def compare_with_code(cursor: Any) -> Comparison:
    """Compare a database, through any DB-API cursor, with what this code's migrations make."""
    expected, found = _both(contract.expected_catalog(), cursor, "public")
    around, records = read_surroundings(cursor), read_records(cursor)
    carried = contract.read(cursor)
    before, after, notes = _around(around)
    catalogs = [*differences(expected, found), *_django(cursor)]
    differing = [*before, *catalogs, *after]
    is_v1 = expected.tables.keys() <= found.tables.keys()
    lost = records.lost if records else ()
    if records is None:
        notes.append("The applied migrations were not compared: this role can't read them here.")
    elif records.none and is_v1:  # built by SQL files, or restored without rows
        lost = () if catalogs else records.unapplied
    elif records.unknown:
        names = _listed(records.unknown)
        notes.append(f"Newer code has migrated this database ({names}): compare it with that code.")
        differing = _not_to_be_mended(differing, f"Ask the code that has {names} first.")
    elif records.unapplied:
        names = _listed(records.unapplied)
        notes.append(f"Not applied yet: {names}. Run `manage.py migrate`, then compare again.")
        differing = _not_to_be_mended(
            differing, "Run `manage.py migrate` first, then compare again."
        )
    differing += _lost(lost)
    differing += _comment(carried, differing)
    return Comparison(expected, found, carried, differing, notes)


def compare_databases(cursor: Any, other: Any) -> Comparison:
    """Compare the database of `cursor` with that of `other`, rights and settings included."""
    from veza_site.schema.diff import surroundings

    expected, found = _both(read_catalog(other), cursor, "public")
    theirs, ours = (read_surroundings(each, rights=True) for each in (other, cursor))
    differing, notes = [*surroundings.before(theirs, ours), *differences(expected, found)], []
    if _has_django(cursor) and _has_django(other):
        both = _both(read_catalog(other, "django"), cursor, "django")
        differing += _in_django(differences(*both))
    else:
        notes.append("The schema django was not compared: one of the two has none.")
    differing += surroundings.after(theirs, ours)
    differing += surroundings.of_another_database(theirs, ours)
    return Comparison(expected, found, contract.read(cursor), differing, notes)


def _around(found: Surroundings) -> tuple[list[Difference], list[Difference], list[str]]:
    """Return what differs around V1, before and after the rest, and what is worth a word."""
    nothing = Surroundings(owner=found.owner)
    if found == nothing:
        return [], [], []
    from veza_site.schema.diff import surroundings  # here, where it is asked for

    return (
        list(surroundings.before(nothing, found)),
        list(surroundings.after(nothing, found)),
        surroundings.notes(found),
    )


def _not_to_be_mended(differing: list[Difference], why: str) -> list[Difference]:
    """Return differences without SQL that would be in the way of a migration's."""
    return [replace(difference, mend=f"-- {why}") for difference in differing]


def _django(cursor: Any) -> list[Difference]:
    """Return what differs in the schema of Django's own tables."""
    if not _has_django(cursor):
        cause = "V1 was built by something else than migrate"
        mend = "-- `manage.py schema adopt` takes it over."
        return [Difference("schema django", "is there", "missing", cause, mend)]
    return _in_django(differences(*_both(contract.expected_catalog("django"), cursor, "django")))


def _both(expected: Catalog, cursor: Any, schema: str) -> tuple[Catalog, Catalog]:
    """Return what a schema should hold and what it holds, with its dependents if that differs."""
    found = read_catalog(cursor, schema)
    if found != expected:
        found = with_dependents(cursor, found)
    return expected, found


def _has_django(cursor: Any) -> bool:
    cursor.execute("SELECT to_regnamespace('django') IS NOT NULL")
    return cursor.fetchone()[0]


def _in_django(differing: list[Difference]) -> list[Difference]:
    return [
        replace(difference, object=f"{difference.object} (schema django)")
        for difference in differing
    ]


def _lost(keys: tuple[tuple[str, str], ...]) -> list[Difference]:
    return [
        Difference(
            f"migration {app}.{name}",
            "recorded as applied",
            "applied, and not recorded in django.django_migrations",
            "deleted by hand, or not restored",
            "INSERT INTO django.django_migrations (app, name, applied)"
            f" VALUES ({literal(app)}, {literal(name)}, now());",
        )
        for app, name in keys
    ]


def _comment(carried: contract.Contract | None, others: list[Difference]) -> list[Difference]:
    """
    Return whether the database says of itself which contract it carries.

    Where a person has to see to one of the others, it is not to be said before.
    """
    expected = contract.expected()
    if carried and (carried.version, carried.fingerprint) == (
        expected.version,
        expected.fingerprint,
    ):
        return []
    wanted = contract.at_the_end().as_json()
    return [
        Difference(
            "comment on SCHEMA public",
            wanted,
            carried.as_json() if carried else "no contract",
            "not migrated by this code, or written over by another tool",
            "-- `manage.py migrate` writes it, when nothing else differs."
            if any(not normalised(difference.mend) for difference in others)
            else f"COMMENT ON SCHEMA public IS {literal(wanted)};",
        )
    ]


def _listed(keys: tuple[tuple[str, str], ...]) -> str:
    shown = ", ".join(f"{app}.{name}" for app, name in keys[:3])
    return f"{shown} and {len(keys) - 3} more" if len(keys) > 3 else shown
