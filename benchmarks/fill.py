"""
A database like that of a platform with many plays, filled with COPY in a couple of minutes.

Beside the many rows there are those that a page could stumble over: a user and a track on whom
very many depend, thousands of rows with the same `created_at`, soft-deleted rows, a long queue.
"""

import contextlib
import itertools
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from hashlib import md5
from random import Random
from time import perf_counter
from typing import Self

import psycopg
from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql

from tests.support.databases import connect

PLAYS = 10_000_000
TIED_PLAYS = 20_000  # with one and the same created_at
HEAVY_USERS_PLAYS = 100_000  # of the user `heavy`, who has as many refresh tokens
DAYS = 365  # over which the rows are spread

CHUNK = 10_000  # rows that are sent at once

# Of this session only: the server is shared. Nothing can be lost that is not made again.
SESSION = {
    "synchronous_commit": "off",
    "maintenance_work_mem": "512MB",
    "max_parallel_maintenance_workers": "2",
}

# What fills the other tables, in the order of their references; the sizes are for 10 million plays.
# The id of the n-th row is computed from n, so that it need not be looked up: md5('users' || n).
OTHERS = {
    "users": """
        INSERT INTO users (id, email, username, password_hash, role, status, is_verified,
            locked_until, created_at, deleted_at)
        SELECT md5('users' || n)::uuid, name || '@listeners.example', name, '!',
            CASE WHEN n BETWEEN 1 AND 20 THEN 'moderator' WHEN n % 7 = 0 THEN 'premium'
                ELSE 'user' END::user_role,
            CASE WHEN n % 100 = 30 THEN 'suspended' WHEN n % 100 = 31 THEN 'banned'
                WHEN n % 100 = 32 THEN 'inactive' ELSE 'active' END::user_status,
            n % 9 > 0,
            CASE WHEN n % 5000 = 4999 THEN now() + interval '10 minutes' END,
            {time}, CASE WHEN n % 50 = 40 THEN now() END
        FROM generate_series(0, {people} - 1) AS n,
            LATERAL (SELECT CASE n WHEN 0 THEN 'heavy' ELSE 'listener' || n END) AS named(name)
    """,
    "user_profiles": """
        INSERT INTO user_profiles (user_id, display_name, created_at)
        SELECT md5('users' || n)::uuid, 'Listener ' || n, {time}
        FROM generate_series(0, {people} - 1) AS n
    """,
    "refresh_tokens": """
        INSERT INTO refresh_tokens (id, user_id, replaced_by_id, token_hash, expires_at, created_at)
        SELECT md5('refresh_tokens' || n)::uuid,
            md5('users' || CASE WHEN n % 3 = 0 THEN 0 ELSE n * 2 / 3 END)::uuid,
            CASE WHEN n % 6 = 0 THEN md5('refresh_tokens' || n + 3)::uuid END,
            md5('a' || n) || md5('b' || n), now() + interval '20 days' - n * interval '10 seconds',
            {time}
        FROM generate_series(0, {people} * 3 / 2 - 1) AS n
    """,
    "user_sessions": """
        INSERT INTO user_sessions (user_id, refresh_token_id, session_token_hash, expires_at,
            last_activity_at, created_at)
        SELECT md5('users' || n * 2 / 3)::uuid, md5('refresh_tokens' || n)::uuid,
            md5('c' || n) || md5('d' || n), now() + interval '20 days' - n * interval '10 seconds',
            {time}, {time}
        FROM generate_series(0, {people} - 1) AS n
    """,
    "tracks": """
        INSERT INTO tracks (id, creator_id, title, slug, artist, genre, tags, duration_seconds,
            file_path, file_size, mime_type, status, is_public, published_at, play_count,
            created_at, deleted_at)
        SELECT md5('tracks' || n)::uuid, md5('users' || {user})::uuid, initcap(name), name,
            'Artist ' || n % 5000, (ARRAY['house', 'jazz', 'ambient', 'folk'])[1 + n % 4],
            ARRAY['tag' || n % 100], 60 + n % 400, name || '.flac', 4000000, 'audio/flac',
            CASE WHEN n % 100 = 30 THEN 'failed' WHEN n % 100 = 31 THEN 'processing'
                ELSE 'ready' END::track_status,
            n % 5 > 0, CASE WHEN n % 5 > 0 THEN {time} END, n % 1000, {time},
            CASE WHEN n % 50 = 40 THEN now() END
        FROM generate_series(0, {people} - 1) AS n,
            LATERAL (SELECT CASE n WHEN 0 THEN 'heavy' ELSE 'track-' || n END) AS named(name)
    """,
    "track_versions": """
        INSERT INTO track_versions (track_id, version_number, file_path, file_size, mime_type,
            is_current, created_at)
        SELECT md5('tracks' || n)::uuid, 1, n || '.flac', 4000000, 'audio/flac', true, {time}
        FROM generate_series(0, {people} - 1) AS n
    """,
    "hls_streams": """
        INSERT INTO hls_streams (id, track_id, status, master_playlist_path, segment_count,
            bitrates_kbps, created_at, deleted_at)
        SELECT md5('hls_streams' || n)::uuid, md5('tracks' || n)::uuid,
            CASE WHEN n % 30 = 7 THEN 'failed' ELSE 'ready' END::hls_stream_status,
            n || '/master.m3u8', 40, '{{96,160,320}}', {time}, CASE WHEN n % 50 = 40 THEN now() END
        FROM generate_series(0, {people} - 1) AS n
    """,
    # A fifth of the tracks have an open job.
    "hls_transcode_queue": """
        INSERT INTO hls_transcode_queue (track_id, stream_id, status, priority, attempts,
            locked_by, lease_expires_at, error_message, created_at)
        SELECT md5('tracks' || n % {people})::uuid,
            md5('hls_streams' || n % {people})::uuid,
            status::transcode_status, 1 + n % 10, n % 3,
            CASE status WHEN 'processing' THEN 'worker' || n % 50 END,
            CASE status WHEN 'processing' THEN now() + interval '5 minutes' END,
            CASE status WHEN 'failed' THEN 'ffmpeg ended with status 1' END, {time}
        FROM generate_series(0, {people} * 5 - 1) AS n,
            LATERAL (SELECT CASE
                WHEN n >= {people} * 249 / 50 THEN 'processing'
                WHEN n >= {people} * 24 / 5 THEN 'pending'
                WHEN n % 20 = 7 THEN 'failed'
                WHEN n % 50 = 8 THEN 'cancelled'
                ELSE 'completed' END
            ) AS made(status)
    """,
    "playlists": """
        INSERT INTO playlists (id, owner_id, title, slug, is_public, track_count, created_at,
            deleted_at)
        SELECT md5('playlists' || n)::uuid, md5('users' || {user})::uuid, 'Playlist ' || n,
            'playlist-' || n, n % 2 = 0, 10, {time}, CASE WHEN n % 50 = 40 THEN now() END
        FROM generate_series(0, {people} / 4 - 1) AS n
    """,
    "playlist_tracks": """
        INSERT INTO playlist_tracks (playlist_id, track_id, added_by_id, position, created_at)
        SELECT md5('playlists' || n / 10)::uuid, md5('tracks' || n % {people})::uuid,
            md5('users' || {user})::uuid, n % 10, {time}
        FROM generate_series(0, {people} / 4 * 10 - 1) AS n
    """,
    "track_likes": """
        INSERT INTO track_likes (track_id, user_id, created_at)
        SELECT md5('tracks' || (n / 5 + n % 5 * 7919) % {people})::uuid,
            md5('users' || n / 5)::uuid, {time}
        FROM generate_series(0, {people} * 5 - 1) AS n
    """,
    "track_comments": """
        INSERT INTO track_comments (id, track_id, user_id, parent_id, content, created_at,
            deleted_at)
        SELECT md5('track_comments' || n)::uuid,
            md5('tracks' || CASE WHEN n % 10 = 0 THEN 0 ELSE n / 2 END)::uuid,
            md5('users' || {user})::uuid,
            CASE WHEN n % 20 = 10 THEN md5('track_comments' || n - 10)::uuid END,
            'Comment number ' || n || ', and what there is to say.', {time},
            CASE WHEN n % 50 = 40 THEN now() END
        FROM generate_series(0, {people} * 3 / 2 - 1) AS n
    """,
}

PLAY_COLUMNS = (
    "id, track_id, user_id, duration_played_seconds, completion_percentage, source, device_type, "
    "country_code, ip_address, created_at"
)


def row_id(table: str, number: int = 0) -> str:
    """Return the id of a row by its number; number 0 is `heavy`."""
    return md5(f"{table}{number}".encode()).hexdigest()


@contextlib.contextmanager
def filled_database(plays: int, *, keep: bool) -> Iterator[str]:
    """
    Let Django's connection be to a database with so many plays, and yield its name.

    Where it is not there yet, it is made beside that of the settings, and dropped afterwards unless
    it is to be kept.
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
            print(f"The database {name} of {made} is used again; --drop takes it away.")
        yield name
    finally:
        connections.close_all()
        connection.settings_dict["NAME"] = usual
        if made is None and not keep:
            drop(plays)


def drop(plays: int) -> None:
    """Drop the database with so many plays, if it is there."""
    usual = connection.settings_dict["NAME"]
    with connect(usual) as server:
        _drop(server, _name(usual, plays))


def _name(usual: str, plays: int) -> str:
    return f"{usual}_admin_{plays}"


def _drop(server: psycopg.Connection, name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _made_at(server: psycopg.Connection, name: str) -> str | None:
    """Return when the database was filled, or None if it is not there, or was not finished."""
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    found = server.execute(query, [name]).fetchone()
    return found and found[0]


def fill(server: psycopg.Connection, plays: int) -> None:
    """Fill a migrated database without rows, and mark it as filled."""
    for name, value in SESSION.items():
        server.execute("SELECT set_config(%s, %s, false)", [name, value])
    start = perf_counter()
    with without_indexes(server, [*OTHERS, "track_plays"]):
        _copy_plays(server, plays)
        with Bar("other rows", len(OTHERS)) as bar:
            for number, statement in enumerate(OTHERS.values(), start=1):
                server.execute(_for(statement, plays))
                bar.reached(number)
    with Bar("VACUUM and ANALYZE", 1) as bar:
        server.execute("VACUUM (ANALYZE)")
        bar.reached(1)
    finished = sql.SQL("COMMENT ON DATABASE {} IS {}")
    moment = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    server.execute(finished.format(sql.Identifier(server.info.dbname), moment))
    print(f"Filled {server.info.dbname} in {perf_counter() - start:.0f} s.", flush=True)


def _for(statement: str, plays: int) -> str:
    """Return a statement of OTHERS for so many plays."""
    people = people_for(plays)
    return statement.format(
        people=people,
        user=f"trunc({people} * random())",
        time=f"now() - random() * interval '{DAYS} days'",
    )


def people_for(plays: int) -> int:
    """Return how many users, and how many tracks, go with so many plays."""
    return max(plays // 50, 100)


@contextlib.contextmanager
def without_indexes(server: psycopg.Connection, tables: list[str]) -> Iterator[None]:
    """
    Take the indexes, keys and foreign keys of the tables away, and build them again afterwards.

    With them in place the rows take several times as long.
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
        # Emptied in this transaction, so that FREEZE can write the rows as they stay; otherwise
        # VACUUM writes all of them again.
        cursor.execute("TRUNCATE track_plays")
        with cursor.copy(f"COPY track_plays ({PLAY_COLUMNS}) FROM STDIN (FREEZE)") as stream:
            written = 0
            lines = play_lines(plays)
            while chunk := list(itertools.islice(lines, CHUNK)):
                stream.write("".join(chunk))
                written += len(chunk)
                bar.reached(written)


def play_lines(plays: int) -> Iterator[str]:
    """
    Yield plays in COPY's text format, in the order of their times, as services write them.

    Some tracks are played far more often than others, and a third of the listeners is anonymous.
    """
    random = Random(7)
    people = people_for(plays)
    tracks = [row_id("tracks", number) for number in range(people)]
    users = [row_id("users", number) for number in range(people)]
    rest = [
        f"{random.randrange(300)}\t{random.randrange(101)}"
        f"\t{random.choice(['playlist', 'search', 'profile', 'radio'])}"
        f"\t{random.choice(['web', 'ios', 'android'])}"
        f"\t{random.choice(['DE', 'FR', 'GB', 'SN', 'US'])}\t192.0.2.{random.randrange(256)}"
        for _ in range(9973)
    ]
    clock = [f"{time(second // 3600, second // 60 % 60, second % 60)}" for second in range(86400)]
    tied = plays // 2
    every = plays // (HEAVY_USERS_PLAYS * plays // PLAYS or 1)
    seconds_each = DAYS * 86400 / plays
    start = datetime.now(UTC) - timedelta(days=DAYS)
    after_midnight = start.hour * 3600 + start.minute * 60 + start.second
    days = [f"{start + timedelta(days=day):%Y-%m-%d}" for day in range(DAYS + 1)]
    for number in range(plays):
        if tied <= number < tied + TIED_PLAYS * plays // PLAYS:
            moment = tied * seconds_each
        elif number // 500 % 10 == 0:  # written in one transaction
            moment = number // 500 * 500 * seconds_each
        else:
            moment = number * seconds_each
        day, second = divmod(int(moment + after_midnight), 86400)
        chance = random.random()
        track = tracks[int(people * chance**3)]
        if number % every == 0:
            user = users[0]
        elif number % 3 == 0:
            user = r"\N"
        else:
            user = users[int(people * random.random())]
        yield (
            f"{random.getrandbits(128):032x}\t{track}\t{user}\t{rest[number % 9973]}"
            f"\t{days[day]} {clock[second]}.{int(moment % 1 * 1000):03}+00\n"
        )


class Bar:
    """A progress bar on stderr; where that is not a terminal, a line when it is finished."""

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
        """Show that so many are done, at most ten times a second."""
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
