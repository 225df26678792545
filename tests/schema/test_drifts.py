"""Whatever a database drifts to: no wrong contract is written, and the SQL of `diff` ends it."""

import contextlib
import io
import threading

import psycopg
from django.core.management import call_command
from django.db import connections
from django.test import tag
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.support.databases import alias, connect, migrated_database
from tests.support.effort import ROUNDS
from veza_site.postgresql.sql_text import split_statements
from veza_site.schema import contract
from veza_site.schema.diff.database import compare_with_code
from veza_site.schema.digests import read_digests
from veza_site.schema.reader import read_catalog

EXAMPLES = min(ROUNDS + 1, 12)

# What does not count: tuning, and what is only said of something.
TUNING = [
    "ALTER INDEX idx_users_email SET (fillfactor = 70)",
    "ALTER INDEX rooms_pkey SET (fillfactor = 70)",
    "ALTER TABLE tracks SET (fillfactor = 80, autovacuum_enabled = off)",
    "ALTER TABLE rooms ALTER name SET STATISTICS 500",
    "ALTER TABLE rooms ALTER name SET (n_distinct = 5)",
    "ALTER TABLE users CLUSTER ON users_pkey",
    "COMMENT ON TABLE rooms IS 'old'",
    "ALTER INDEX idx_playlist_tracks_playlist_id_position SET (fillfactor = 50)",
]

DRIFTS = [
    "DROP INDEX idx_rooms_creator_id",
    "DROP INDEX idx_users_email",
    "CREATE INDEX ON tracks (title)",
    "CREATE UNIQUE INDEX idx_new ON rooms (description) WHERE is_private",
    "ALTER INDEX idx_tracks_genre RENAME TO genres",
    "ALTER INDEX idx_rooms_name RENAME TO idx_rooms_name_old",
    "CREATE UNIQUE INDEX rooms_names ON rooms (name) WHERE deleted_at IS NULL",
    "ALTER TABLE rooms ADD UNIQUE (name, creator_id)",
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass('idx_tracks_genre')",
    "DROP INDEX idx_tracks_genre; CREATE INDEX idx_tracks_genre ON tracks USING hash (genre)",
    "ALTER TABLE playlist_tracks DROP CONSTRAINT idx_playlist_tracks_playlist_id_position",
    "ALTER TABLE rooms DROP CONSTRAINT rooms_pkey CASCADE",
    "ALTER TABLE tracks DROP CONSTRAINT tracks_pkey CASCADE,"
    " ADD CONSTRAINT tracks_pkey PRIMARY KEY (id, created_at)",
    "ALTER TABLE rooms DROP CONSTRAINT rooms_creator_id_fkey",
    "ALTER TABLE rooms ALTER CONSTRAINT rooms_creator_id_fkey DEFERRABLE",
    "ALTER TABLE rooms DROP CONSTRAINT chk_rooms_max_members,"
    " ADD CONSTRAINT chk_rooms_max_members CHECK (max_members >= 0) NOT VALID",
    "ALTER TABLE rooms ADD topic text DEFAULT 'x', ADD number serial",
    "ALTER TABLE rooms DROP description",
    "ALTER TABLE tracks ALTER bpm TYPE integer",
    "ALTER TABLE rooms ALTER name TYPE text",
    "ALTER TABLE rooms ALTER name DROP NOT NULL",
    "ALTER TABLE rooms ALTER max_members SET DEFAULT 500",
    "ALTER TABLE users ALTER id DROP DEFAULT",
    "ALTER TABLE tracks RENAME musical_key TO tonality",
    "ALTER TYPE room_type ADD VALUE IF NOT EXISTS 'forum'",
    "ALTER TYPE room_type RENAME VALUE 'direct' TO 'private'",
    "ALTER TYPE track_status RENAME TO status_of_track",
    "DROP TABLE track_plays CASCADE",
    "ALTER TABLE rooms RENAME TO chat_rooms",
    "CREATE TABLE notes (id serial PRIMARY KEY, room_id uuid)",
    "CREATE VIEW names AS SELECT name, room_type FROM rooms",
    "CREATE FUNCTION now_utc() RETURNS timestamp LANGUAGE sql AS 'SELECT now()'",
    "CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql"
    " AS $$ BEGIN RETURN NEW; END $$",
    "ALTER TABLE rooms DISABLE TRIGGER update_rooms_updated_at",
    "DROP TRIGGER update_users_updated_at ON users",
    "ALTER TABLE track_likes DISABLE TRIGGER ALL",
    "ALTER TABLE rooms ENABLE ROW LEVEL SECURITY",
    "CREATE SEQUENCE numbers",
    "DROP TABLE django.django_session",
]

# These leave what is unique so; each is a transaction.
KEEPING = [
    "ALTER INDEX idx_users_email SET (fillfactor = 70)",
    "ALTER INDEX idx_users_email RENAME TO a;"
    " CREATE UNIQUE INDEX b ON users (email) WHERE deleted_at IS NULL",
    "DROP INDEX idx_users_username; CREATE UNIQUE INDEX idx_users_username ON users (username)",
    "ALTER INDEX idx_users_email RENAME TO a; ALTER INDEX idx_users_username RENAME TO"
    " idx_users_email; ALTER INDEX a RENAME TO idx_users_username",
    "DROP INDEX idx_rooms_name; ALTER TABLE rooms ADD CONSTRAINT idx_rooms_name UNIQUE (name)",
    "CREATE UNIQUE INDEX rooms_names ON rooms (name); DROP INDEX idx_rooms_name",
    "ALTER TABLE rooms DROP CONSTRAINT rooms_pkey,"
    " ADD CONSTRAINT rooms_pkey PRIMARY KEY (id) DEFERRABLE",
    "ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE;"
    " CREATE UNIQUE INDEX users_pkey ON users (id)",
    "ALTER TABLE rooms RENAME CONSTRAINT rooms_pkey TO rooms_key",
]

FIRST = """
INSERT INTO users (id, email, username, password_hash)
VALUES ('00000000-0000-0000-0000-000000000001', 'one@veza.example', 'one', 'x');
INSERT INTO rooms (id, name) VALUES ('00000000-0000-0000-0000-000000000001', 'one');
"""

DOUBLES = [
    "INSERT INTO users (email, username, password_hash)"
    " VALUES ('one@veza.example', left(gen_random_uuid()::text, 30), 'x')",
    "INSERT INTO users (email, username, password_hash)"
    " VALUES (gen_random_uuid()::text, 'one', 'x')",
    "INSERT INTO users (id, email, username, password_hash) VALUES"
    " ('00000000-0000-0000-0000-000000000001', gen_random_uuid()::text,"
    " left(gen_random_uuid()::text, 30), 'x')",
    "INSERT INTO rooms (name) VALUES ('one')",
    "INSERT INTO rooms (id, name) VALUES"
    " ('00000000-0000-0000-0000-000000000001', gen_random_uuid()::text)",
]


@tag("slow")  # each makes and mends many databases
class Drifts(TestCase):
    def drift(self, server, drifts):
        for drift in drifts:
            # One may be in the way of another.
            with contextlib.suppress(psycopg.Error), server.transaction():
                server.execute(drift)

    def mend(self, server):
        """Run the SQL of each difference, and return how many there are then."""
        for _ in range(4):  # what was renamed is compared when it has its name again
            found = compare_with_code(server.cursor()).differences
            for difference in found:
                for statement in split_statements(difference.mend):
                    server.execute(statement)
            if not found:
                break
        return compare_with_code(server.cursor()).differences

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(
        drifts=st.lists(st.sampled_from(TUNING + DRIFTS), max_size=4, unique=True),
        comment=st.sampled_from(["kept", None, "standard public schema"]),
    )
    def test_never_let_migrate_write_a_wrong_contract(self, drifts, comment):
        with migrated_database() as name, connect(name) as server, alias(name, self):
            self.drift(server, drifts)
            if comment != "kept":
                text = "NULL" if comment is None else f"'{comment}'"
                server.execute(f"COMMENT ON SCHEMA public IS {text}")
            before = contract.read(server.cursor())
            # In this process: what is lost of django's tables is not for migrate to mend.
            with contextlib.suppress(Exception):
                call_command("migrate", database=name, verbosity=0, stdout=io.StringIO())
            connections[name].close()
            after = contract.read(server.cursor())
            is_v1 = (
                contract.fingerprint(read_catalog(server.cursor()))
                == contract.load_newest().fingerprint
            )
            self.assertEqual(after, contract.when_migrated() if is_v1 else before)

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(st.lists(st.sampled_from(TUNING + DRIFTS), min_size=1, max_size=5, unique=True))
    def test_end_with_the_sql_that_diff_gives(self, drifts):
        with migrated_database() as name, connect(name) as server:
            self.drift(server, drifts)
            self.assertEqual(self.mend(server), [])

    def test_are_mended_without_a_moment_in_which_doubles_could_be_written(self):
        for drift in KEEPING:
            with self.subTest(drift):
                self.assert_keeps_what_is_unique([drift])

    @settings(max_examples=max(EXAMPLES // 2, 2), deadline=None, derandomize=True, database=None)
    @given(st.lists(st.sampled_from(KEEPING + TUNING), min_size=2, max_size=4, unique=True))
    def test_of_several_kinds_are_mended_without_such_a_moment_too(self, drifts):
        self.assert_keeps_what_is_unique(drifts)

    def assert_keeps_what_is_unique(self, drifts):
        """Mend a database while somebody tries to write doubles all the time."""
        with migrated_database() as name, connect(name) as server, connect(name) as writer:
            server.execute(FIRST)
            self.drift(server, drifts)
            written, tries, errors, done = [], 0, [], threading.Event()

            def write():
                nonlocal tries
                while not done.is_set():
                    for double in DOUBLES:
                        try:
                            writer.execute(double)
                            written.append(double)
                        except psycopg.errors.UniqueViolation:
                            tries += 1
                        except psycopg.Error as error:
                            errors.append(error)

            thread = threading.Thread(target=write)
            thread.start()
            try:
                left = self.mend(server)
            finally:
                done.set()
                thread.join()
            self.assertEqual((left, written, errors), ([], [], []))
            self.assertGreater(tries, 0)

    def test_have_the_digests_of_v1_where_they_have_its_fingerprint_and_nowhere_else(self):
        """What the SQL files go by, and what the services are told, are the same."""
        with migrated_database() as name, connect(name) as server:
            v1 = read_digests(server.cursor())
            for drift in TUNING + DRIFTS:
                with self.subTest(drift), server.transaction(force_rollback=True):
                    server.execute(drift)
                    cursor = server.cursor()
                    found = contract.fingerprint(read_catalog(cursor))
                    self.assertEqual(
                        read_digests(cursor) == v1, found == contract.load_newest().fingerprint
                    )
