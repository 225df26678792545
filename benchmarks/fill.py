"""
A database like that of a platform with many plays, filled with COPY in a few minutes.

benchmarks.fill_rows has the rows.
"""

import contextlib
import itertools
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from time import perf_counter
from typing import Self

import psycopg
from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql

from benchmarks.fill_rows import OTHERS, PLAY_COLUMNS, for_plays, play_lines
from tests.support.databases import connect

CHUNK = 10_000  # rows sent at once

# Only for this session, as others use the server. A crash loses nothing that can't be made again.
SESSION = {
    "synchronous_commit": "off",
    "maintenance_work_mem": "512MB",
    "max_parallel_maintenance_workers": "2",
}


@contextlib.contextmanager
def filled_database(plays: int, *, keep: bool) -> Iterator[str]:
    """
    Connect Django to a database with so many plays, and yield its name.

    If there is none yet, make one on the server of the settings, and drop it afterwards unless
    `keep` is true.
    """
    usual = connection.settings_dict["NAME"]
    name = _name(usual, plays)
    with connect(usual) as server:
        made = _made_at(server, name)
        if made is None:
            _drop(server, name)  # one whose filling was interrupted
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0)
        if made is None:
            with connect(name) as server:
                fill(server, plays)
        else:
            print(f"Using the database {name} of {made} again; --drop removes it.")
        yield name
    finally:
        connections.close_all()
        connection.settings_dict["NAME"] = usual
        if made is None and not keep:
            drop(plays)


def drop(plays: int) -> None:
    """Drop the database with so many plays, if there is one."""
    usual = connection.settings_dict["NAME"]
    with connect(usual) as server:
        _drop(server, _name(usual, plays))


def _name(usual: str, plays: int) -> str:
    return f"{usual}_admin_{plays}"


def _drop(server: psycopg.Connection, name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _made_at(server: psycopg.Connection, name: str) -> str | None:
    """Return when the database was filled, or None if it doesn't exist or isn't complete."""
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    found = server.execute(query, [name]).fetchone()
    return found and found[0]


def fill(server: psycopg.Connection, plays: int) -> None:
    """Fill an empty, migrated database, and mark it as filled."""
    for name, value in SESSION.items():
        server.execute("SELECT set_config(%s, %s, false)", [name, value])
    start = perf_counter()
    with without_indexes(server, [*OTHERS, "track_plays"]):
        _copy_plays(server, plays)
        with Bar("other rows", len(OTHERS)) as bar:
            for number, statement in enumerate(OTHERS.values(), start=1):
                server.execute(for_plays(statement, plays))
                bar.reached(number)
    with Bar("VACUUM and ANALYZE", 1) as bar:
        server.execute("VACUUM (ANALYZE)")
        bar.reached(1)
    finished = sql.SQL("COMMENT ON DATABASE {} IS {}")
    moment = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    server.execute(finished.format(sql.Identifier(server.info.dbname), moment))
    print(f"Filled {server.info.dbname} in {perf_counter() - start:.0f} s.", flush=True)


@contextlib.contextmanager
def without_indexes(server: psycopg.Connection, tables: list[str]) -> Iterator[None]:
    """
    Drop the indexes, keys and foreign keys of the tables, and build them again afterwards.

    With them in place, filling takes several times as long.
    """
    constraints = server.execute(
        """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint
        WHERE contype IN ('p', 'u', 'f')
            AND ARRAY[conrelid, confrelid]::regclass[] && %s::regclass[]
        ORDER BY contype = 'f', conrelid::regclass::text, conname
        """,
        [tables],
    ).fetchall()
    indexes = server.execute(
        """
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
        FROM pg_index
        WHERE indrelid = ANY (%s::regclass[])
            AND indexrelid NOT IN (SELECT conindid FROM pg_constraint WHERE contype <> 'f')
        ORDER BY 1
        """,
        [tables],
    ).fetchall()
    for table, name, _ in reversed(constraints):
        server.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    for name, _ in indexes:
        server.execute(f"DROP INDEX {name}")
    yield
    again = [definition for _, definition in indexes]
    again += [
        f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}'
        for table, name, definition in constraints
    ]
    with Bar("indexes and keys", len(again)) as bar:
        for number, statement in enumerate(again, start=1):
            server.execute(statement)
            bar.reached(number)


def _copy_plays(server: psycopg.Connection, plays: int) -> None:
    with Bar("plays", plays) as bar, server.transaction(), server.cursor() as cursor:
        # COPY may freeze rows only in a table that was emptied in the same transaction. Rows that
        # aren't frozen are all written again by VACUUM.
        cursor.execute("TRUNCATE track_plays")
        with cursor.copy(f"COPY track_plays ({PLAY_COLUMNS}) FROM STDIN (FREEZE)") as stream:
            written = 0
            lines = play_lines(plays)
            while chunk := list(itertools.islice(lines, CHUNK)):
                stream.write("".join(chunk))
                written += len(chunk)
                bar.reached(written)


class Bar:
    """A progress bar on stderr; if that is no terminal, one line at the end."""

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total = name, total

    def __enter__(self) -> Self:
        self.start = perf_counter()
        self.shown = 0.0
        self.reached(0)
        return self

    def __exit__(self, *error: object) -> None:
        if sys.stderr.isatty():
            print(file=sys.stderr)
        else:
            print(f"{self.name}: {perf_counter() - self.start:.0f} s", file=sys.stderr)

    def reached(self, number: int) -> None:
        """Show how many are done, at most ten times a second."""
        now = perf_counter()
        if not sys.stderr.isatty() or (now - self.shown < 0.1 and number < self.total):
            return
        self.shown = now
        share = number / self.total
        print(
            f"\r{self.name:18} [{'#' * int(40 * share):40}] {share:4.0%} {now - self.start:4.0f} s",
            end="",
            file=sys.stderr,
            flush=True,
        )
