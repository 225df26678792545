"""Compares what is around V1: owners, settings, rights, and what depends on it from outside."""

import re
from collections.abc import Iterator

from veza_site.schema.ddl import quote
from veza_site.schema.diff.difference import AS_SUPERUSER, Difference, add_remark
from veza_site.schema.surroundings import SWITCHES, Setting, Surroundings


def compare_before(expected: Surroundings, found: Surroundings) -> Iterator[Difference]:
    """Yield what has to be mended before the rest: owners, casts, event triggers, heirs."""
    ours = {item.name: item.owner for item in expected.foreign}
    for item in found.foreign:
        if ours.get(item.name) != item.owner:
            yield Difference(
                item.name,
                f"owned by {found.owner}, as the database",
                f"owned by {item.owner}",
                "made or restored by another role, or the database got another owner",
                add_remark(
                    "Run this as a superuser, or as a member of both roles.",
                    f"ALTER {item.sql} OWNER TO {quote(found.owner)};",
                ),
            )
    for name, definition in found.event_triggers.items():
        mend = add_remark(AS_SUPERUSER, f"DROP EVENT TRIGGER {name};")
        cause = "made by hand, or by another tool; it runs in every migration"
        yield from _compare_one(
            "event trigger", name, expected.event_triggers, definition, cause, mend
        )
    for name, definition in found.casts.items():
        cause = "made by hand, or by another tool"
        yield from _compare_one(
            "cast", name, expected.casts, definition, cause, f"DROP CAST {name};"
        )
    for child, parent in found.heirs.items():
        if expected.heirs.get(child) != parent:
            yield Difference(
                f"table {child}",
                f"does not inherit from {parent}",
                f"inherits from {parent}, whose queries read its rows too",
                "made by hand",
                f"ALTER TABLE {child} NO INHERIT {parent};",
            )


def _compare_one(
    kind: str, name: str, expected: dict[str, str], definition: str, cause: str, mend: str
) -> Iterator[Difference]:
    """Yield an object that should not be there, or be different."""
    wanted = expected.get(name)
    if wanted != definition:
        yield Difference(f"{kind} {name}", wanted or f"no such {kind}", definition, cause, mend)


def compare_after(expected: Surroundings, found: Surroundings) -> Iterator[Difference]:
    """Yield what to mend when all objects are there: publications and settings."""
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
            "made before these tables, or meant for only some of them",
            add_remark("Only if its subscribers should have all of V1.", " ".join(mend)),
        )
    there = {(item.whose, item.name): item.value for item in expected.settings}
    for item in found.settings:
        if _is_wrong(item) and there.get((item.whose, item.name)) != item.value:
            yield _describe_setting(item, there.get((item.whose, item.name)))


def compare_with_another(expected: Surroundings, found: Surroundings) -> Iterator[Difference]:
    """Yield what is compared only between two databases: rights, and all settings."""
    ours = {(item.whose, item.name): item for item in expected.settings}
    theirs = {(item.whose, item.name): item for item in found.settings}
    for key in sorted(ours.keys() | theirs.keys()):
        mine, there = ours.get(key), theirs.get(key)
        if there is None and mine is not None:
            yield Difference(
                f"setting {mine.name} of {mine.whose}",
                mine.value,
                "not set",
                None,
                f"-- Set {mine.name} = {mine.value} for {mine.whose}, as it is there.",
            )
        elif there and not _is_wrong(there) and (mine is None or mine.value != there.value):
            yield _describe_setting(there, mine.value if mine else None)
    for on, to in sorted(expected.rights.keys() | found.rights.keys()):
        wanted, granted = expected.rights.get((on, to), ()), found.rights.get((on, to), ())
        if wanted != granted:
            mend = [_revoke(right, on, to) for right in granted if right not in wanted]
            mend += [_grant(right, on, to) for right in wanted if right not in granted]
            yield Difference(
                f"rights of {to} on {on}",
                ", ".join(wanted) or "none",
                ", ".join(granted) or "none",
                "granted or revoked by hand",
                " ".join(mend),
            )


def list_notes(found: Surroundings) -> list[str]:
    """Return a line for each setting that is no difference but worth knowing."""
    return [
        f"{item.whose} has {item.name} = {item.value}: it applies to the services' sessions, this"
        " project's have their own"
        for item in found.settings
        if item.name not in SWITCHES
        or (item.value not in ("off", "origin") and not _is_wrong(item))
    ]


def _is_wrong(item: Setting) -> bool:
    """Return whether V1 does not work as it should with this setting."""
    if item.name not in SWITCHES:
        return False
    if item.name == "session_replication_role":
        return item.value != "origin"
    if not item.everyones:  # the service's own business
        return False
    if item.name == "search_path":
        schemas = re.findall(r'"((?:[^"]|"")*)"|([^\s,"]+)', item.value)
        return "public" not in [quoted or bare.lower() for quoted, bare in schemas]
    return item.value == "on"


_WHY = {
    "default_transaction_read_only": "nobody can write",
    "search_path": "the services' SQL can't find V1's tables",
    "session_replication_role": "neither triggers nor foreign keys work",
}


def _describe_setting(item: Setting, expected: str | None) -> Difference:
    mend = f"ALTER {item.sql} RESET {item.name};"
    if expected is not None:
        mend = f"-- Set {item.name} = {expected} for {item.whose}, as it is there."
    if item.name == "default_transaction_read_only":
        mend = f"SET {item.name} = off; {mend}"  # or this session can't do it
    if item.name == "session_replication_role":
        mend = add_remark(AS_SUPERUSER, mend)
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
