"""Differences of what is around V1: owners, settings, rights, and what hangs on it from outside."""

import re
from collections.abc import Iterator

from veza_site.schema.ddl import quote
from veza_site.schema.diff.difference import AS_SUPERUSER, Difference, remarked
from veza_site.schema.surroundings import SWITCHES, Setting, Surroundings


def before(expected: Surroundings, found: Surroundings) -> Iterator[Difference]:
    """Yield what stands in the way of other mends: owners, casts, event triggers, heirs."""
    ours = {item.name: item.owner for item in expected.foreign}
    for item in found.foreign:
        if ours.get(item.name) != item.owner:
            yield Difference(
                item.name,
                f"owned by {found.owner}, as the database",
                f"owned by {item.owner}",
                "made or restored by another role, or the database was given to another one",
                remarked(
                    "As a superuser, or by a role that is both.",
                    f"ALTER {item.sql} OWNER TO {quote(found.owner)};",
                ),
            )
    for name, definition in found.event_triggers.items():
        mend = remarked(AS_SUPERUSER, f"DROP EVENT TRIGGER {name};")
        cause = "made by hand, or by another tool; it runs at each migration"
        yield from _surplus("event trigger", name, expected.event_triggers, definition, cause, mend)
    for name, definition in found.casts.items():
        cause = "made by hand, or by another tool"
        yield from _surplus("cast", name, expected.casts, definition, cause, f"DROP CAST {name};")
    for child, parent in found.heirs.items():
        if expected.heirs.get(child) != parent:
            yield Difference(
                f"table {child}",
                f"no heir of {parent}",
                f"inherits from {parent}, whose queries read its rows too",
                "made by hand",
                f"ALTER TABLE {child} NO INHERIT {parent};",
            )


def _surplus(
    kind: str, name: str, expected: dict[str, str], definition: str, cause: str, mend: str
) -> Iterator[Difference]:
    """Yield an object that should not be there, or not so."""
    wanted = expected.get(name)
    if wanted != definition:
        yield Difference(f"{kind} {name}", wanted or f"no such {kind}", definition, cause, mend)


def after(expected: Surroundings, found: Surroundings) -> Iterator[Difference]:
    """Yield what differs where all objects are there: publications and settings."""
    for name, lacks in found.publications.items():
        if expected.publications.get(name) == lacks:
            continue
        mend = []
        for table in lacks:
            name_of, _, in_part = table.partition(" ")
            if in_part:
                mend.append(f"ALTER PUBLICATION {name} DROP TABLE {name_of};")
            mend.append(f"ALTER PUBLICATION {name} ADD TABLE {name_of};")
        yield Difference(
            f"publication {name}",
            "all of V1's tables, or none",
            f"lacks {', '.join(lacks)}",
            "made before these tables, or meant for a few of them",
            remarked("Only if its subscribers are to have all of V1.", " ".join(mend)),
        )
    there = {(item.whose, item.name): item.value for item in expected.settings}
    for item in found.settings:
        if _is_wrong(item) and there.get((item.whose, item.name)) != item.value:
            yield _setting(item, there.get((item.whose, item.name)))


def of_another_database(expected: Surroundings, found: Surroundings) -> Iterator[Difference]:
    """Yield what is compared only between two databases: rights, and every setting."""
    ours = {(item.whose, item.name): item for item in expected.settings}
    theirs = {(item.whose, item.name): item for item in found.settings}
    for key in sorted(ours.keys() | theirs.keys()):
        mine, there = ours.get(key), theirs.get(key)
        if there is None:
            yield Difference(
                f"setting {mine.name} of {mine.whose}",
                mine.value,
                "not set",
                None,
                f"-- Set {mine.name} = {mine.value} for {mine.whose}, as there.",
            )
        elif not _is_wrong(there) and (mine is None or mine.value != there.value):
            yield _setting(there, mine.value if mine else None)
    for on, to in sorted(expected.rights.keys() | found.rights.keys()):
        mine, there = expected.rights.get((on, to), ()), found.rights.get((on, to), ())
        if mine != there:
            mend = [_revoke(right, on, to) for right in there if right not in mine]
            mend += [_grant(right, on, to) for right in mine if right not in there]
            yield Difference(
                f"rights of {to} on {on}",
                ", ".join(mine) or "none",
                ", ".join(there) or "none",
                "granted or revoked by hand",
                " ".join(mend),
            )


def notes(found: Surroundings) -> list[str]:
    """Return what is no difference, and worth a word."""
    return [
        f"{item.whose} has {item.name} = {item.value}: this project's sessions have their own, the"
        " services' have this"
        for item in found.settings
        if item.name not in SWITCHES
        or (item.value not in ("off", "origin") and not _is_wrong(item))
    ]


def _is_wrong(item: Setting) -> bool:
    """Return whether V1 does not do what it should with a setting, whoever has it."""
    if item.name not in SWITCHES:
        return False
    if item.name == "session_replication_role":
        return item.value != "origin"
    if not item.everyones:  # a service's own business
        return False
    if item.name == "search_path":
        schemas = re.findall(r'"((?:[^"]|"")*)"|([^\s,"]+)', item.value)
        return "public" not in [quoted or bare.lower() for quoted, bare in schemas]
    return item.value == "on"


_WHY = {
    "default_transaction_read_only": "nobody can write",
    "search_path": "the services' SQL does not find V1's tables",
    "session_replication_role": "neither triggers nor foreign keys work",
}


def _setting(item: Setting, expected: str | None) -> Difference:
    mend = f"ALTER {item.sql} RESET {item.name};"
    if expected is not None:
        mend = f"-- Set {item.name} = {expected} for {item.whose}, as there."
    if item.name == "default_transaction_read_only":
        mend = f"SET {item.name} = off; {mend}"  # or this session could not
    if item.name == "session_replication_role":
        mend = remarked(AS_SUPERUSER, mend)
    return Difference(
        f"setting {item.name} of {item.whose}",
        "not set" if expected is None else expected,
        item.value,
        f"set by hand: {_WHY[item.name]}" if _is_wrong(item) else "set by hand",
        mend,
    )


def _grant(right: str, on: str, to: str) -> str:
    right, option, _ = right.partition(" WITH GRANT OPTION")
    return f"{_on(f'GRANT {right}', on)} TO {to}{option};"


def _revoke(right: str, on: str, to: str) -> str:
    return f"{_on(f'REVOKE {right.removesuffix(" WITH GRANT OPTION")}', on)} FROM {to};"


def _on(what: str, on: str) -> str:
    if on.startswith("DEFAULT PRIVILEGES"):
        whose, _, kind = on.rpartition(" ON ")
        return f"ALTER {whose} {what} ON {kind}"
    return f"{what} ON {on}"
