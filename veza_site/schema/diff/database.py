"""Compares a whole database: its schemas, what is around them, what it says about itself."""

from dataclasses import dataclass, replace
from typing import Any

from veza_site.postgresql.sql_text import normalise
from veza_site.schema import contract
from veza_site.schema.catalog import Catalog
from veza_site.schema.ddl import literal
from veza_site.schema.diff import Difference, compare
from veza_site.schema.reader import add_dependents, read_catalog
from veza_site.schema.records import read_records
from veza_site.schema.surroundings import Surroundings, read_surroundings

# Said at the end of a comparison.
LEFT_OUT = (
    "Not compared: rows, rights (only with --against), tablespaces, large objects, subscriptions, "
    "the order of columns, the server's configuration; schemas other than public and django."
)


@dataclass(frozen=True)
class Comparison:
    """
    What a database should hold in `public`, what it holds, and how they differ.

    `differences` are in an order to mend them in. `notes` are for people: what is no difference but
    worth knowing, and what could not be compared.
    """

    expected: Catalog
    found: Catalog
    carried: contract.Contract | None
    differences: list[Difference]
    notes: list[str]


def compare_with_code(cursor: Any) -> Comparison:
    """Compare a database, through any DB-API cursor, with what this code's migrations make."""
    expected, found = _read_both(contract.load_catalog(), cursor, "public")
    around, records = read_surroundings(cursor), read_records(cursor)
    carried = contract.read(cursor)
    before, after, notes = _compare_surroundings(around)
    catalogs = [*compare(expected, found), *_compare_django(cursor)]
    differing = [*before, *catalogs, *after]
    is_v1 = expected.tables.keys() <= found.tables.keys()
    lost = records.lost if records else ()
    if records is None:
        notes.append("The applied migrations were not compared: this role can't read them.")
    elif records.none and is_v1:  # built by SQL files, or restored without rows
        lost = () if catalogs else records.unapplied
    elif records.unknown:
        names = _join(records.unknown)
        notes.append(f"Newer code has migrated this database ({names}): compare it with that code.")
        differing = _withhold_mends(differing, f"Ask the code that has {names} first.")
    elif records.unapplied:
        names = _join(records.unapplied)
        notes.append(f"Not applied yet: {names}. Run `manage.py migrate`, then compare again.")
        differing = _withhold_mends(differing, "Run `manage.py migrate` first, then compare again.")
    differing += _report_lost(lost)
    differing += _compare_comment(carried, differing)
    return Comparison(expected, found, carried, differing, notes)


def compare_databases(cursor: Any, other: Any) -> Comparison:
    """Compare the database of `cursor` with that of `other`, rights and settings included."""
    from veza_site.schema.diff import surroundings  # only needed here

    expected, found = _read_both(read_catalog(other), cursor, "public")
    theirs, ours = (read_surroundings(each, rights=True) for each in (other, cursor))
    differing, notes = [*surroundings.compare_before(theirs, ours), *compare(expected, found)], []
    if _has_django(cursor) and _has_django(other):
        both = _read_both(read_catalog(other, "django"), cursor, "django")
        differing += _name_django(compare(*both))
    else:
        notes.append("The schema django was not compared: one of the two has none.")
    differing += surroundings.compare_after(theirs, ours)
    differing += surroundings.compare_with_another(theirs, ours)
    return Comparison(expected, found, contract.read(cursor), differing, notes)


def _compare_surroundings(
    found: Surroundings,
) -> tuple[list[Difference], list[Difference], list[str]]:
    """Return what differs around V1, to be mended before and after the rest, and the notes."""
    nothing = Surroundings(owner=found.owner)
    if found == nothing:
        return [], [], []
    from veza_site.schema.diff import surroundings  # rarely needed

    return (
        list(surroundings.compare_before(nothing, found)),
        list(surroundings.compare_after(nothing, found)),
        surroundings.list_notes(found),
    )


def _withhold_mends(differing: list[Difference], why: str) -> list[Difference]:
    """Return differences with a remark in place of SQL that would be in a migration's way."""
    return [replace(difference, mend=f"-- {why}") for difference in differing]


def _compare_django(cursor: Any) -> list[Difference]:
    """Return what differs in the schema of Django's own tables."""
    if not _has_django(cursor):
        cause = "V1 was built by something other than migrate"
        mend = "-- `manage.py schema adopt` takes it over."
        return [Difference("schema django", "is there", "missing", cause, mend)]
    return _name_django(compare(*_read_both(contract.load_catalog("django"), cursor, "django")))


def _read_both(expected: Catalog, cursor: Any, schema: str) -> tuple[Catalog, Catalog]:
    """Return what a schema should hold and what it holds, with its dependents if they differ."""
    found = read_catalog(cursor, schema)
    if found != expected:
        found = add_dependents(cursor, found)
    return expected, found


def _has_django(cursor: Any) -> bool:
    cursor.execute("SELECT to_regnamespace('django') IS NOT NULL")
    return bool(cursor.fetchone()[0])


def _name_django(differing: list[Difference]) -> list[Difference]:
    return [
        replace(difference, object=f"{difference.object} (schema django)")
        for difference in differing
    ]


def _report_lost(keys: tuple[tuple[str, str], ...]) -> list[Difference]:
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


def _compare_comment(
    carried: contract.Contract | None, others: list[Difference]
) -> list[Difference]:
    """
    Return what differs in the comment that says which contract the database carries.

    It is not to be mended before the others, if a person has to deal with one of them.
    """
    expected = contract.load_newest()
    if carried and (carried.version, carried.fingerprint) == (
        expected.version,
        expected.fingerprint,
    ):
        return []
    wanted = contract.when_migrated().as_json()
    return [
        Difference(
            "comment on SCHEMA public",
            wanted,
            carried.as_json() if carried else "no contract",
            "not migrated by this code, or overwritten by another tool",
            "-- `manage.py migrate` writes it when nothing else differs."
            if any(not normalise(difference.mend) for difference in others)
            else f"COMMENT ON SCHEMA public IS {literal(wanted)};",
        )
    ]


def _join(keys: tuple[tuple[str, str], ...]) -> str:
    shown = ", ".join(f"{app}.{name}" for app, name in keys[:3])
    return f"{shown} and {len(keys) - 3} more" if len(keys) > 3 else shown
