"""`manage.py schema diff` notices every drift, and the SQL that it gives takes the drift back."""

import subprocess

from django.test import TestCase
from psycopg import errors, sql

from tests.support.databases import (
    connect,
    database_url,
    empty_database,
    manage,
    migrated_database,
    role,
)
from tests.support.servers import programs
from veza_site.postgresql.sql_text import split_statements
from veza_site.schema import contract
from veza_site.schema.diff import compare
from veza_site.schema.diff.database import compare_with_code
from veza_site.schema.reader import read_catalog

EXPECTED = contract.load_catalog()
DJANGO = contract.load_catalog("django")


def drift(change, *objects, cause=""):
    """Return a test that lets the database drift, and wants these objects to be named, no other."""

    def test(self):
        self.assert_noticed(change, objects, cause)

    return test


class Drift(TestCase):
    """Each test makes one drift in a migrated database, and mends it with the SQL of the report."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_database()

    @classmethod
    def make_database(cls):
        name = cls.enterClassContext(migrated_database())
        cls.server = cls.enterClassContext(connect(name))

    def differing(self):
        return compare_with_code(self.server.cursor()).differences

    def assert_noticed(self, change, objects, cause, by_hand=False):
        self.addCleanup(lambda: self.mended or self.make_database())
        self.mended = False
        for statement in change if isinstance(change, list) else [change]:
            self.server.execute(statement)
        found = self.differing()
        self.assertEqual([difference.object for difference in found], list(objects))
        for difference in found:
            self.assertNotEqual(difference.expected, difference.found)
        self.assertIn(cause, " ".join(difference.cause or "" for difference in found))
        if not by_hand:
            self.run_mends(found)
            self.assertEqual(self.differing(), [])
            self.mended = True

    def run_mends(self, found):
        for difference in found:
            for statement in split_statements(difference.mend):
                self.server.execute(statement)

    def test_is_nothing_in_a_database_that_migrate_built(self):
        self.assertEqual(self.differing(), [])

    # Indexes

    test_tuned_index = drift(
        "ALTER INDEX idx_users_email SET (fillfactor = 70)", "index idx_users_email", cause="tuned"
    )
    test_tuned_primary_key = drift(
        "ALTER INDEX rooms_pkey SET (fillfactor = 70, deduplicate_items = off)",
        "index rooms_pkey",
    )
    test_index_that_is_tuned_and_another = drift(
        "DROP INDEX idx_tracks_genre;"
        "CREATE INDEX idx_tracks_genre ON tracks (genre, bpm) WITH (fillfactor = 70)",
        "index idx_tracks_genre",
        "index idx_tracks_genre",
    )
    test_renamed_index_of_which_there_are_two = drift(
        "ALTER INDEX idx_rooms_name RENAME TO a;"
        "CREATE UNIQUE INDEX b ON rooms (name) WHERE deleted_at IS NULL",
        "index idx_rooms_name",
        "index b",
        cause="renamed",
    )
    test_dropped_index = drift(
        "DROP INDEX idx_rooms_creator_id", "index idx_rooms_creator_id", cause="dropped"
    )
    test_dropped_unique_index = drift("DROP INDEX idx_users_email", "index idx_users_email")
    test_index_made_by_hand = drift(
        "CREATE INDEX ON tracks (title)", "index tracks_title_idx", cause="made by hand"
    )
    test_index_of_sqlalchemy = drift(
        "CREATE INDEX ix_tracks_title ON tracks (title)",
        "index ix_tracks_title",
        cause="SQLAlchemy",
    )
    test_unique_constraint_made_by_hand = drift(
        "ALTER TABLE rooms ADD UNIQUE (name, creator_id)", "index rooms_name_creator_id_key"
    )
    test_index_without_its_predicate = drift(
        "DROP INDEX idx_rooms_name; CREATE UNIQUE INDEX idx_rooms_name ON rooms (name)",
        "index idx_rooms_name",
    )
    test_index_that_is_not_unique_any_more = drift(
        "DROP INDEX idx_rooms_name;"
        "CREATE INDEX idx_rooms_name ON rooms (name) WHERE deleted_at IS NULL",
        "index idx_rooms_name",
    )
    test_index_in_another_order = drift(
        "DROP INDEX idx_rooms_created_at; CREATE INDEX idx_rooms_created_at ON rooms (created_at)",
        "index idx_rooms_created_at",
    )
    test_index_of_other_columns = drift(
        "DROP INDEX idx_tracks_genre; CREATE INDEX idx_tracks_genre ON tracks (genre, bpm)",
        "index idx_tracks_genre",
    )
    test_index_of_another_method = drift(
        "DROP INDEX idx_tracks_genre; CREATE INDEX idx_tracks_genre ON tracks USING hash (genre)",
        "index idx_tracks_genre",
    )
    test_renamed_index = drift(
        "ALTER INDEX idx_tracks_genre RENAME TO genres", "index idx_tracks_genre", cause="renamed"
    )
    test_invalid_index = drift(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_tracks_genre'::regclass",
        "index idx_tracks_genre",
        cause="CREATE INDEX CONCURRENTLY",
    )
    test_position_that_is_checked_at_once = drift(
        "ALTER TABLE playlist_tracks DROP CONSTRAINT idx_playlist_tracks_playlist_id_position;"
        "CREATE UNIQUE INDEX idx_playlist_tracks_playlist_id_position"
        " ON playlist_tracks (playlist_id, position)",
        "index idx_playlist_tracks_playlist_id_position",
    )
    test_position_that_is_deferrable_only_on_demand = drift(
        "ALTER TABLE playlist_tracks DROP CONSTRAINT idx_playlist_tracks_playlist_id_position,"
        " ADD CONSTRAINT idx_playlist_tracks_playlist_id_position UNIQUE (playlist_id, position)"
        " DEFERRABLE",
        "index idx_playlist_tracks_playlist_id_position",
    )

    # Columns

    test_dropped_column = drift(
        "ALTER TABLE rooms DROP description", "column rooms.description", cause="dropped"
    )
    test_dropped_column_with_its_index_and_key = drift(
        "ALTER TABLE rooms DROP creator_id",
        "column rooms.creator_id",
        "constraint rooms.rooms_creator_id_fkey",
        "index idx_rooms_creator_id",
    )
    test_added_column = drift("ALTER TABLE rooms ADD topic text", "column rooms.topic")
    test_renamed_column = drift(
        "ALTER TABLE tracks RENAME musical_key TO tonality",
        "column tracks.musical_key",
        cause="perhaps renamed to tonality",
    )
    test_renamed_column_of_which_there_are_two = drift(
        "ALTER TABLE tracks RENAME musical_key TO mood;ALTER TABLE tracks ADD tonality varchar(10)",
        "column tracks.mood",
        "column tracks.tonality",
        "column tracks.musical_key",
        cause="dropped",
    )
    test_renamed_column_that_may_not_be_null = drift(
        "ALTER TABLE tracks RENAME musical_key TO mood;ALTER TABLE tracks ALTER mood SET NOT NULL",
        "column tracks.mood",
        "column tracks.musical_key",
        cause="dropped",
    )
    test_widened_column = drift(
        "ALTER TABLE rooms ALTER name TYPE varchar(200)", "column rooms.name"
    )
    test_column_of_another_type = drift(
        "ALTER TABLE tracks ALTER bpm TYPE integer", "column tracks.bpm"
    )
    test_time_without_zone = drift(
        "ALTER TABLE rooms ALTER created_at TYPE timestamp", "column rooms.created_at"
    )
    test_text_in_place_of_an_enum = drift(
        ["ALTER TABLE rooms ALTER room_type DROP DEFAULT, ALTER room_type TYPE text"],
        "column rooms.room_type",
    )
    test_text_in_place_of_a_length = drift(
        "ALTER TABLE rooms ALTER name TYPE text", "column rooms.name"
    )
    test_column_that_may_be_null = drift(
        "ALTER TABLE rooms ALTER description DROP NOT NULL", "column rooms.description"
    )
    test_column_that_may_not_be_null = drift(
        "ALTER TABLE tracks ALTER genre SET NOT NULL", "column tracks.genre"
    )
    test_changed_default = drift(
        "ALTER TABLE rooms ALTER max_members SET DEFAULT 500", "column rooms.max_members"
    )
    test_dropped_default = drift("ALTER TABLE users ALTER id DROP DEFAULT", "column users.id")
    test_added_default = drift(
        "ALTER TABLE tracks ALTER title SET DEFAULT 'untitled'", "column tracks.title"
    )
    test_another_collation = drift(
        'ALTER TABLE rooms ALTER name TYPE varchar(100) COLLATE "C"', "column rooms.name"
    )
    test_identity_column = drift(
        "ALTER TABLE rooms ADD number int GENERATED ALWAYS AS IDENTITY", "column rooms.number"
    )
    test_serial_column = drift(
        "ALTER TABLE rooms ADD number serial",
        "column rooms.number",
        "sequence public.rooms_number_seq",
    )
    test_generated_column = drift(
        "ALTER TABLE rooms ADD title text GENERATED ALWAYS AS (upper(name)) STORED",
        "column rooms.title",
    )
    test_tuned_column = drift(
        "ALTER TABLE rooms ALTER name SET STATISTICS 500, ALTER name SET (n_distinct = 5)",
        "column rooms.name",
    )
    test_column_stored_otherwise = drift(
        "ALTER TABLE rooms ALTER description SET STORAGE EXTERNAL", "column rooms.description"
    )

    # Constraints

    test_dropped_foreign_key = drift(
        "ALTER TABLE rooms DROP CONSTRAINT rooms_creator_id_fkey",
        "constraint rooms.rooms_creator_id_fkey",
    )
    test_other_on_delete = drift(
        "ALTER TABLE rooms DROP CONSTRAINT rooms_creator_id_fkey,"
        " ADD CONSTRAINT rooms_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES users",
        "constraint rooms.rooms_creator_id_fkey",
    )
    test_foreign_key_that_was_never_validated = drift(
        "ALTER TABLE rooms DROP CONSTRAINT rooms_creator_id_fkey,"
        " ADD CONSTRAINT rooms_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES users"
        " ON DELETE SET NULL NOT VALID",
        "constraint rooms.rooms_creator_id_fkey",
        cause="never validated",
    )
    test_deferrable_foreign_key = drift(
        "ALTER TABLE rooms ALTER CONSTRAINT rooms_creator_id_fkey DEFERRABLE",
        "constraint rooms.rooms_creator_id_fkey",
    )
    test_renamed_foreign_key = drift(
        "ALTER TABLE rooms RENAME CONSTRAINT rooms_creator_id_fkey TO fk_rooms_creator",
        "constraint rooms.rooms_creator_id_fkey",
        cause="renamed",
    )
    test_foreign_key_added_by_hand = drift(
        "ALTER TABLE tracks ADD FOREIGN KEY (id) REFERENCES rooms",
        "constraint tracks.tracks_id_fkey",
    )
    test_dropped_check = drift(
        "ALTER TABLE rooms DROP CONSTRAINT chk_rooms_max_members",
        "constraint rooms.chk_rooms_max_members",
    )
    test_loosened_check = drift(
        "ALTER TABLE rooms DROP CONSTRAINT chk_rooms_max_members,"
        " ADD CONSTRAINT chk_rooms_max_members CHECK (max_members >= 0)",
        "constraint rooms.chk_rooms_max_members",
    )
    test_check_added_by_hand = drift(
        "ALTER TABLE rooms ADD CHECK (max_members < 5000)",
        "constraint rooms.rooms_max_members_check",
    )
    test_check_that_was_never_validated = drift(
        "ALTER TABLE rooms DROP CONSTRAINT chk_rooms_max_members,"
        " ADD CONSTRAINT chk_rooms_max_members CHECK (max_members > 0) NOT VALID",
        "constraint rooms.chk_rooms_max_members",
        cause="never validated",
    )
    test_exclusion_constraint = drift(
        "ALTER TABLE rooms ADD CONSTRAINT one EXCLUDE (name WITH =)",
        "constraint rooms.one",
        "index one",
    )
    test_dropped_primary_key = drift(
        "ALTER TABLE track_plays DROP CONSTRAINT track_plays_pkey",
        "constraint track_plays.track_plays_pkey",
    )
    test_primary_key_of_other_columns = drift(
        "ALTER TABLE rooms DROP CONSTRAINT rooms_pkey,"
        " ADD CONSTRAINT rooms_pkey PRIMARY KEY (id, created_at)",
        "constraint rooms.rooms_pkey",
    )

    # Triggers and functions

    test_disabled_trigger = drift(
        "ALTER TABLE rooms DISABLE TRIGGER update_rooms_updated_at",
        "trigger update_rooms_updated_at",
        cause="bulk load",
    )
    test_trigger_for_replicas_only = drift(
        "ALTER TABLE rooms ENABLE REPLICA TRIGGER update_rooms_updated_at",
        "trigger update_rooms_updated_at",
    )
    test_trigger_that_fires_always = drift(
        "ALTER TABLE rooms ENABLE ALWAYS TRIGGER update_rooms_updated_at",
        "trigger update_rooms_updated_at",
    )
    test_dropped_trigger = drift(
        "DROP TRIGGER update_rooms_updated_at ON rooms", "trigger update_rooms_updated_at"
    )
    test_trigger_with_a_condition = drift(
        "CREATE OR REPLACE TRIGGER update_rooms_updated_at BEFORE UPDATE ON rooms FOR EACH ROW"
        " WHEN (old.name <> new.name) EXECUTE FUNCTION update_updated_at_column()",
        "trigger update_rooms_updated_at",
    )
    test_trigger_of_another_kind = drift(
        "DROP TRIGGER update_rooms_updated_at ON rooms; CREATE TRIGGER update_rooms_updated_at"
        " AFTER UPDATE ON rooms FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
        "trigger update_rooms_updated_at",
    )
    test_added_trigger = drift(
        "CREATE TRIGGER notify BEFORE INSERT ON rooms FOR EACH ROW"
        " EXECUTE FUNCTION update_updated_at_column()",
        "trigger notify",
    )
    test_changed_body_of_a_function = drift(
        "CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NEW; END $$",
        "function public.update_updated_at_column()",
        cause="replaced by hand",
    )
    test_function_as_its_definer = drift(
        "ALTER FUNCTION update_updated_at_column() SECURITY DEFINER",
        "function public.update_updated_at_column()",
    )
    test_dropped_function = drift(
        "DROP FUNCTION update_updated_at_column() CASCADE",
        "function public.update_updated_at_column()",
        *(
            f"trigger update_{table.name}_updated_at"
            for table in EXPECTED.tables.values()
            if table.triggers
        ),
    )
    test_function_that_returns_another_type = drift(
        "DROP FUNCTION update_updated_at_column() CASCADE;"
        "CREATE FUNCTION update_updated_at_column() RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "ALTER TABLE rooms ALTER max_members SET DEFAULT update_updated_at_column()",
        "function public.update_updated_at_column()",
        "column rooms.max_members",
        *(
            f"trigger update_{table.name}_updated_at"
            for table in EXPECTED.tables.values()
            if table.triggers
        ),
    )
    test_procedure_in_place_of_a_function = drift(
        "DROP FUNCTION update_updated_at_column() CASCADE;"
        "CREATE PROCEDURE update_updated_at_column() LANGUAGE sql AS 'SELECT 1'",
        "function public.update_updated_at_column()",
        *(
            f"trigger update_{table.name}_updated_at"
            for table in EXPECTED.tables.values()
            if table.triggers
        ),
    )
    test_constraint_trigger_under_our_name = drift(
        "DROP TRIGGER update_rooms_updated_at ON rooms; CREATE CONSTRAINT TRIGGER"
        " update_rooms_updated_at AFTER UPDATE ON rooms FOR EACH ROW"
        " EXECUTE FUNCTION update_updated_at_column()",
        "trigger update_rooms_updated_at",
    )
    test_added_function = drift(
        "CREATE FUNCTION now_utc() RETURNS timestamp LANGUAGE sql AS 'SELECT now()'",
        "function public.now_utc()",
    )
    test_added_procedure = drift(
        "CREATE PROCEDURE clean() LANGUAGE sql AS 'DELETE FROM rooms'", "function public.clean()"
    )

    # Enums

    test_added_label = drift(
        "ALTER TYPE room_type ADD VALUE 'forum'", "enum room_type", cause="(forum) added by hand"
    )

    def test_added_label_is_said_to_be_dear_and_who_decides_first(self):
        self.addCleanup(self.make_database)
        self.server.execute("ALTER TYPE room_type ADD VALUE 'forum'")
        (found,) = self.differing()
        self.assertIn("-- Rows with (forum) have to get another label first.\n", found.mend)
        self.assertIn("-- This rewrites every table with this type; meanwhile nobody", found.mend)

    test_added_label_of_a_type_with_checks_and_predicates = drift(
        "ALTER TYPE transcode_status ADD VALUE 'paused' BEFORE 'failed'", "enum transcode_status"
    )
    test_renamed_label = drift(
        "ALTER TYPE room_type RENAME VALUE 'direct' TO 'private'", "enum room_type", cause="renamed"
    )
    test_labels_in_another_order = drift(
        "ALTER TYPE room_type RENAME VALUE 'direct' TO 'x';"
        "ALTER TYPE room_type RENAME VALUE 'group' TO 'direct';"
        "ALTER TYPE room_type RENAME VALUE 'x' TO 'group'",
        "enum room_type",
        "column rooms.room_type",  # whose default is still the same label, by another name
        cause="another order",
    )
    test_missing_label = drift(
        [
            "ALTER TABLE rooms ALTER room_type DROP DEFAULT, ALTER room_type TYPE text",
            "DROP TYPE room_type",
            "CREATE TYPE room_type AS ENUM ('direct', 'channel')",
            "ALTER TABLE rooms ALTER room_type TYPE room_type USING room_type::room_type",
        ],
        "enum room_type",
        "column rooms.room_type",
    )
    test_renamed_enum = drift(
        "ALTER TYPE room_type RENAME TO kind_of_room",
        "enum room_type",
        "column rooms.room_type",
        cause="renamed",
    )
    test_renamed_enum_of_which_there_are_two = drift(
        "ALTER TYPE room_type RENAME TO kind_of_room;"
        "CREATE TYPE type_of_room AS ENUM ('direct', 'group', 'channel', 'support')",
        "enum room_type",
        "column rooms.room_type",
        "enum kind_of_room",
        "enum type_of_room",
    )
    test_added_enum = drift("CREATE TYPE mood AS ENUM ('good', 'bad')", "enum mood")

    # Tables

    test_foreign_keys_that_are_not_enforced = drift(
        "ALTER TABLE tracks DISABLE TRIGGER ALL",
        "table tracks",
        "trigger update_tracks_updated_at",
        cause="bulk load",
    )
    test_foreign_keys_that_are_not_enforced_in_a_table_without_triggers = drift(
        "ALTER TABLE track_plays DISABLE TRIGGER ALL", "table track_plays"
    )
    test_tuned_toast = drift(
        "ALTER TABLE rooms SET (toast.autovacuum_enabled = off)", "table rooms"
    )
    test_clustered_table = drift("ALTER TABLE rooms CLUSTER ON rooms_pkey", "table rooms")
    test_dropped_table = drift(
        "DROP TABLE track_plays", "table track_plays", cause="dropped with its rows"
    )
    test_dropped_table_to_which_others_refer = drift(
        "DROP TABLE hls_streams CASCADE",
        "table hls_streams",
        "constraint bitrate_adaptation_logs.bitrate_adaptation_logs_stream_id_fkey",
        "constraint hls_transcode_queue.hls_transcode_queue_stream_id_fkey",
    )
    test_renamed_table = drift(
        "ALTER TABLE rooms RENAME TO chat_rooms",
        "table rooms",
        cause="perhaps renamed to chat_rooms",
    )
    test_renamed_table_of_which_there_are_two = drift(
        "ALTER TABLE track_plays RENAME TO plays; CREATE TABLE plays_old (LIKE plays)",
        "table plays",
        "table plays_old",
        "table track_plays",
        cause="dropped",
    )
    test_table_of_the_same_columns_of_other_types = drift(
        "CREATE TABLE plays AS SELECT * FROM track_plays;"
        "ALTER TABLE plays ALTER id TYPE text; DROP TABLE track_plays",
        "table plays",
        "table track_plays",
        cause="dropped",
    )
    test_table_of_another_tool = drift(
        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean)",
        "table schema_migrations",
        cause="golang-migrate",
    )
    test_table_that_refers_to_v1 = drift(
        "CREATE TABLE notes (id uuid PRIMARY KEY, room_id uuid REFERENCES rooms)", "table notes"
    )
    test_unlogged_table = drift("ALTER TABLE rooms SET UNLOGGED", "table rooms")
    test_unlogged_tables_that_refer_to_each_other = drift(
        "ALTER TABLE bitrate_adaptation_logs SET UNLOGGED;"
        "ALTER TABLE hls_transcode_queue SET UNLOGGED; ALTER TABLE hls_streams SET UNLOGGED",
        "table hls_streams",
        "table bitrate_adaptation_logs",
        "table hls_transcode_queue",
    )
    test_table_with_row_level_security = drift(
        "ALTER TABLE rooms ENABLE ROW LEVEL SECURITY", "table rooms"
    )
    test_forced_row_level_security = drift(
        "ALTER TABLE rooms FORCE ROW LEVEL SECURITY", "table rooms"
    )
    test_policy = drift("CREATE POLICY mine ON rooms USING (true)", "policy mine ON public.rooms")
    test_rule = drift(
        "CREATE RULE keep AS ON DELETE TO rooms DO INSTEAD NOTHING", "rule keep ON public.rooms"
    )
    test_tuned_table = drift(
        "ALTER TABLE rooms SET (fillfactor = 70, autovacuum_enabled = off)",
        "table rooms",
        "table rooms",
    )
    test_table_that_inherits = drift(
        ["CREATE TABLE base ()", "ALTER TABLE rooms INHERIT base"], "table rooms", "table base"
    )
    test_replica_identity = drift("ALTER TABLE rooms REPLICA IDENTITY FULL", "table rooms")

    test_partitioned_table = drift(
        [
            "CREATE TABLE plays (id int, at date, room uuid REFERENCES rooms)"
            " PARTITION BY RANGE (at)",
            "CREATE TABLE a_plays PARTITION OF plays FOR VALUES FROM ('2024-01-01') TO (MAXVALUE)",
            "CREATE TABLE z_plays PARTITION OF plays FOR VALUES FROM (MINVALUE) TO ('2024-01-01')",
        ],
        "table a_plays",
        "table z_plays",
        "table plays",
    )
    test_tables_that_refer_to_each_other = drift(
        "CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE a (id int PRIMARY KEY REFERENCES b);"
        "CREATE TABLE c (id int REFERENCES a)",
        "table c",
        "table a",
        "table b",
    )
    test_table_to_which_v1_refers = drift(
        "CREATE TABLE notes (id uuid PRIMARY KEY);"
        "ALTER TABLE rooms ADD note_id uuid REFERENCES notes",
        "constraint rooms.rooms_note_id_fkey",
        "table notes",
        "column rooms.note_id",
    )

    # What else a schema holds

    test_view = drift("CREATE VIEW names AS SELECT name FROM rooms", "view public.names")
    test_materialized_view = drift(
        "CREATE MATERIALIZED VIEW names AS SELECT name FROM rooms",
        "materialized view public.names",
    )
    test_views_of_views = drift(
        "CREATE VIEW a AS SELECT name FROM rooms; CREATE VIEW b AS SELECT name FROM a;"
        "CREATE MATERIALIZED VIEW c AS SELECT name FROM b; CREATE VIEW a2 AS SELECT name FROM c;"
        "CREATE RULE keep AS ON DELETE TO rooms DO INSTEAD SELECT name FROM a2;"
        "CREATE POLICY mine ON rooms USING (name IN (SELECT name FROM a2))",
        "rule keep ON public.rooms",
        "policy mine ON public.rooms",
        "view public.a2",
        "materialized view public.c",
        "view public.b",
        "view public.a",
    )
    test_what_is_written_with_a_column_of_another_type = drift(
        "ALTER TABLE tracks ALTER bpm TYPE int; CREATE POLICY mine ON tracks USING (bpm > 100);"
        "ALTER TABLE tracks ADD twice int GENERATED ALWAYS AS (bpm * 2) STORED;"
        "CREATE VIEW fast AS SELECT id FROM tracks WHERE bpm > 180;"
        "CREATE TRIGGER faster AFTER UPDATE OF bpm ON tracks FOR EACH ROW"
        " EXECUTE FUNCTION update_updated_at_column();"
        "CREATE INDEX even ON tracks ((bpm % 2));"
        "ALTER TABLE tracks ADD CONSTRAINT slow CHECK (bpm < 300)",
        "policy mine ON public.tracks",
        "view public.fast",
        "trigger faster",
        "constraint tracks.slow",
        "index even",
        "column tracks.twice",
        "column tracks.bpm",
    )
    test_what_is_made_of_a_column_that_is_not_ours = drift(
        "CREATE TABLE rooms_numbers (id int PRIMARY KEY);"
        "ALTER TABLE rooms ADD a int CHECK (a > 0), ADD b int REFERENCES rooms_numbers,"
        " ADD z int GENERATED ALWAYS AS (a + 1) STORED; CREATE INDEX ON rooms (a);"
        "CREATE VIEW numbers AS SELECT a FROM rooms; COMMENT ON COLUMN rooms.a IS 'x';"
        "COMMENT ON CONSTRAINT rooms_a_check ON rooms IS 'x';"
        "COMMENT ON INDEX rooms_a_idx IS 'x'; COMMENT ON TABLE rooms_numbers IS 'x'",
        "view public.numbers",
        "constraint rooms.rooms_b_fkey",
        "table rooms_numbers",
        "constraint rooms.rooms_a_check",
        "index rooms_a_idx",
        "column rooms.z",
        "column rooms.a",
        "column rooms.b",
    )
    test_view_of_an_enum_with_other_labels = drift(
        "ALTER TYPE room_type ADD VALUE 'forum';CREATE VIEW kinds AS SELECT room_type FROM rooms",
        "view public.kinds",
        "enum room_type",
    )
    test_comments_on_what_is_not_ours = drift(
        "CREATE FUNCTION f(text) RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "COMMENT ON FUNCTION f(text) IS 'x'; CREATE TYPE mood AS ENUM ('good');"
        "COMMENT ON TYPE mood IS 'x'; CREATE DOMAIN moment AS date; COMMENT ON TYPE moment IS 'x';"
        "CREATE PROCEDURE p() LANGUAGE sql AS ''; COMMENT ON PROCEDURE p IS 'x'",
        "function public.f(text)",
        "function public.p()",
        "domain public.moment",
        "enum mood",
    )
    test_function_of_an_enum_and_a_type = drift(
        "CREATE TYPE mood AS ENUM ('good'); CREATE TYPE pair AS (a int);"
        "CREATE FUNCTION f(mood, pair) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "function public.f(public.mood,public.pair)",
        "type public.pair",
        "enum mood",
    )
    test_sequence = drift("CREATE SEQUENCE numbers", "sequence public.numbers")
    test_domain = drift("CREATE DOMAIN moment AS timestamptz", "domain public.moment")
    test_composite_type = drift("CREATE TYPE pair AS (a int, b int)", "type public.pair")
    test_range_type = drift(
        "CREATE TYPE span AS RANGE (subtype = float8)",
        "type public.span",
    )
    test_aggregate = drift(
        "CREATE AGGREGATE last(text) (sfunc = textcat, stype = text)",
        "aggregate public.last(text)",
    )
    test_statistics = drift(
        "CREATE STATISTICS pairs ON genre, bpm FROM tracks", "statistics public.pairs"
    )
    test_operator = drift(
        "CREATE OPERATOR === (leftarg = text, rightarg = text, function = texteq)",
        "operator public.===(text,text)",
    )
    test_operator_class = drift(
        "CREATE OPERATOR CLASS backwards FOR TYPE text USING btree AS OPERATOR 1 >,"
        " OPERATOR 5 <, FUNCTION 1 bttextcmp(text, text)",
        "operator class public.backwards USING btree",
        "operator family public.backwards USING btree",
    )
    test_collation = drift(
        "CREATE COLLATION german (provider = libc, locale = 'C')", "collation public.german"
    )
    test_text_search_objects = drift(
        "CREATE TEXT SEARCH CONFIGURATION words (COPY = simple);"
        "CREATE TEXT SEARCH DICTIONARY stems (TEMPLATE = simple);"
        "ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH stems",
        "text search configuration public.words",
        "text search dictionary public.stems",
    )
    test_conversion = drift(
        "CREATE CONVERSION other FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
        "conversion public.other",
    )
    test_cast = drift(
        "CREATE CAST (text AS user_role) WITH INOUT AS IMPLICIT", "cast (text AS public.user_role)"
    )
    test_comment_on_a_table = drift(
        "COMMENT ON TABLE rooms IS 'old'", "comment on TABLE public.rooms"
    )
    test_comment_on_a_column = drift(
        "COMMENT ON COLUMN rooms.name IS 'it''s old'", "comment on COLUMN public.rooms.name"
    )
    test_comment_on_a_constraint_and_a_trigger = drift(
        "COMMENT ON CONSTRAINT chk_rooms_max_members ON rooms IS 'x';"
        "COMMENT ON TRIGGER update_rooms_updated_at ON rooms IS 'x'",
        "comment on CONSTRAINT chk_rooms_max_members on public.rooms",
        "comment on TRIGGER update_rooms_updated_at on public.rooms",
    )
    test_comment_on_an_index_an_enum_and_a_function = drift(
        "COMMENT ON INDEX idx_rooms_name IS 'x'; COMMENT ON TYPE room_type IS 'x';"
        "COMMENT ON FUNCTION update_updated_at_column IS 'x'",
        "comment on FUNCTION public.update_updated_at_column()",
        "comment on INDEX public.idx_rooms_name",
        "comment on TYPE public.room_type",
    )
    test_comment_that_hides_the_contract = drift(
        "COMMENT ON SCHEMA public IS 'standard public schema'", "comment on SCHEMA public"
    )
    test_extension_of_another_tool = drift("CREATE EXTENSION pg_trgm", "extension pg_trgm")
    test_extension_of_an_index = drift(
        "CREATE EXTENSION pg_trgm; CREATE INDEX similar_titles ON tracks USING gin"
        " (title gin_trgm_ops)",
        "index similar_titles",
        "extension pg_trgm",
    )

    def test_column_that_is_computed_when_it_is_read(self):
        if self.server.info.server_version < 180000:
            self.skipTest("PostgreSQL 18 and later have them.")
        self.assert_noticed(
            "ALTER TABLE rooms DROP max_members CASCADE, ADD max_members int NOT NULL"
            " GENERATED ALWAYS AS (length(name)) VIRTUAL,"
            " ADD CONSTRAINT chk_rooms_max_members CHECK (max_members > 0)",
            ["column rooms.max_members"],
            "",
        )

    def test_rename_says_when_it_is_right(self):
        with self.server.transaction(force_rollback=True):
            self.server.execute("ALTER TABLE tracks RENAME musical_key TO tonality")
            (found,) = self.differing()
            self.assertEqual(
                found.mend,
                "-- Only if tonality holds the data of musical_key.\n"
                "ALTER TABLE public.tracks RENAME COLUMN tonality TO musical_key;",
            )

    def test_values_that_are_too_long_now_are_refused_and_not_cut(self):
        for longer in ["varchar(200)", "text"]:
            with self.subTest(longer), self.server.transaction(force_rollback=True):
                self.server.execute(
                    f"ALTER TABLE rooms ALTER name TYPE {longer};"
                    "INSERT INTO rooms (name) VALUES (repeat('x', 150))"
                )
                (found,) = self.differing()
                with self.assertRaises(errors.StringDataRightTruncation):
                    self.server.execute(found.mend)

    def test_triggers_that_are_to_be_disabled_stay_so_when_foreign_keys_are_enforced_again(self):
        with self.server.transaction(force_rollback=True):
            self.server.execute("ALTER TABLE rooms DISABLE TRIGGER update_rooms_updated_at")
            expected = read_catalog(self.server.cursor())
            self.server.execute("ALTER TABLE rooms DISABLE TRIGGER ALL")
            self.run_mends(compare(expected, read_catalog(self.server.cursor())))
            self.assertEqual(read_catalog(self.server.cursor()), expected)

    def test_is_nothing_after_a_dump_and_a_restore(self):
        dump = [programs() / "pg_dump", database_url(self.server.info.dbname)]
        dumped = subprocess.run(dump, capture_output=True, check=True).stdout
        with empty_database() as name, connect(name) as restored:
            restore = [programs() / "psql", "-q", "-v", "ON_ERROR_STOP=1", database_url(name)]
            subprocess.run(restore, input=dumped, capture_output=True, check=True)
            self.assertEqual(compare_with_code(restored.cursor()).differences, [])
            again = manage("migrate", database=name)
            self.assertIn("No migrations to apply.", again.stdout)

    def test_keys_that_the_server_keeps_among_the_options_are_none_of_anybodys(self):
        """Debian's PostgreSQL 15.20 keeps one in attoptions."""
        with self.server.transaction(force_rollback=True):
            self.server.execute(
                "UPDATE pg_attribute SET attoptions = '{pg_attver=1}', attstattarget = -1"
                " WHERE attrelid = 'rooms'::regclass AND attnum > 0;"
                "UPDATE pg_class SET reloptions = '{pg_relver=1}' WHERE relname = 'rooms'"
            )
            self.assertEqual(self.differing(), [])

    def test_a_column_that_its_heirs_need_not_fill(self):
        if self.server.info.server_version < 180000:
            self.skipTest("PostgreSQL 18 and later have NO INHERIT for NOT NULL.")
        self.assert_noticed(
            "ALTER TABLE rooms ALTER CONSTRAINT rooms_name_not_null NO INHERIT",
            ["column rooms.name"],
            "",
        )

    def test_constraints_that_are_not_enforced(self):
        if self.server.info.server_version < 180000:
            self.skipTest("PostgreSQL 18 and later know NOT ENFORCED.")
        self.assert_noticed(
            "ALTER TABLE rooms DROP CONSTRAINT chk_rooms_max_members, ADD CONSTRAINT"
            " chk_rooms_max_members CHECK (max_members > 0) NOT ENFORCED;"
            "ALTER TABLE rooms ALTER CONSTRAINT rooms_creator_id_fkey NOT ENFORCED",
            ["constraint rooms.chk_rooms_max_members", "constraint rooms.rooms_creator_id_fkey"],
            "NOT ENFORCED",
        )

    def test_other_owners_of_everything(self):
        """As after a restore with --no-owner: named, with who should own it."""
        owner = self.server.info.user
        with role(self.server) as user:
            self.addCleanup(self.make_database)
            for table in EXPECTED.tables:
                self.server.execute(f"ALTER TABLE {table} OWNER TO {user}")
            self.server.execute(f"ALTER TYPE user_role OWNER TO {user}")
            self.server.execute(f"ALTER FUNCTION update_updated_at_column OWNER TO {user}")
            found = self.differing()
            names = {difference.object for difference in found}
            self.assertEqual(
                names,
                {"enum user_role", "function public.update_updated_at_column()"}
                | {f"table {table}" for table in EXPECTED.tables},
            )
            for difference in found:
                self.assertEqual(difference.found, f"owned by {user}")
                self.assertIn(f" OWNER TO {owner};", difference.mend)
            self.run_mends(found)
            self.assertEqual(self.differing(), [])

    def test_a_role_that_has_the_owners_rights_may_own_too(self):
        with role(self.server) as user, role(self.server) as owner:
            self.addCleanup(self.make_database)
            name = self.server.info.dbname
            self.server.execute(f"ALTER DATABASE {name} OWNER TO {owner}; GRANT {owner} TO {user}")
            for kind, objects in [
                ("TABLE", [f"public.{table}" for table in EXPECTED.tables]),
                ("TABLE", [f"django.{table}" for table in DJANGO.tables]),
                ("TYPE", EXPECTED.enums),
                ("ROUTINE", EXPECTED.functions),
                ("SCHEMA", ["django"]),
            ]:
                for each in objects:
                    self.server.execute(f"ALTER {kind} {each} OWNER TO {user}")
            self.assertEqual(self.differing(), [])
            self.server.execute(f"REVOKE {owner} FROM {user}")
            self.assertIn("schema django", [difference.object for difference in self.differing()])
            self.server.execute(f"ALTER DATABASE {name} OWNER TO {self.server.info.user}")

    def test_event_triggers_and_what_hangs_on_a_function(self):
        self.addCleanup(self.make_database)
        self.server.execute(
            "CREATE FUNCTION stop() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
            "CREATE EVENT TRIGGER stopper ON ddl_command_start EXECUTE FUNCTION stop();"
            "CREATE FUNCTION as_role(text) RETURNS user_role LANGUAGE sql RETURN $1::user_role;"
            "CREATE CAST (text AS user_role) WITH FUNCTION as_role(text);"
            "CREATE SCHEMA chat; CREATE TABLE chat.messages (updated_at timestamptz);"
            "CREATE TRIGGER theirs BEFORE UPDATE ON chat.messages FOR EACH ROW"
            " EXECUTE FUNCTION update_updated_at_column();"
            "DROP FUNCTION update_updated_at_column() CASCADE;"
            "CREATE FUNCTION update_updated_at_column(int DEFAULT 1) RETURNS int LANGUAGE sql"
            " RETURN 1; CREATE VIEW chat.one AS SELECT update_updated_at_column(2) AS one"
        )
        mends = {difference.object: difference.mend for difference in self.differing()}
        self.assertIn("-- Run this as a superuser", mends["event trigger stopper"])
        self.assertIn("event trigger stopper", mends["function public.stop()"])
        self.assertIn("cast from text", mends["function public.as_role(text)"])
        self.assertIn("view chat.one", mends["function public.update_updated_at_column(integer)"])

    def test_system_triggers_take_a_superuser(self):
        with self.server.transaction(force_rollback=True):
            self.server.execute("ALTER TABLE track_plays DISABLE TRIGGER ALL")
            (found,) = self.differing()
            self.assertTrue(found.mend.startswith("-- Run this as a superuser"), found.mend)

    def test_a_table_elsewhere_that_inherits(self):
        self.server.execute("CREATE SCHEMA chat")
        self.addCleanup(self.make_database)
        self.assert_noticed(
            "CREATE TABLE chat.rooms () INHERITS (public.rooms)", ["table chat.rooms"], "hand"
        )

    def test_a_publication_that_lacks_a_table(self):
        self.assert_noticed(
            "CREATE PUBLICATION ours FOR TABLE users, tracks (id)",
            ["publication ours"],
            "some of them",
        )
        for whole in ["ALL TABLES", "TABLES IN SCHEMA public", "TABLE django.django_session"]:
            with self.subTest(whole), self.server.transaction(force_rollback=True):
                self.server.execute(f"CREATE PUBLICATION whole FOR {whole}")
                self.assertEqual(self.differing(), [])

    test_generated_column_in_place_of_ours = drift(
        "ALTER TABLE tracks DROP play_count CASCADE, ADD play_count bigint"
        " GENERATED ALWAYS AS (1) STORED; COMMENT ON SCHEMA public IS NULL",
        "column tracks.play_count",
        "constraint tracks.chk_tracks_counters",
        "comment on SCHEMA public",
    )
    test_primary_key_whose_index_is_invalid = drift(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'track_plays_pkey'::regclass",
        "constraint track_plays.track_plays_pkey",
        cause="by hand",
    )

    def test_records_that_are_all_gone(self):
        """Emptied, dropped, or restored without rows: the SQL records what is there."""
        self.addCleanup(self.make_database)
        count = "SELECT count(*) FROM django.django_migrations"
        (records,) = self.server.execute(count).fetchone()
        for statement in [
            "TRUNCATE django.django_migrations",
            "TRUNCATE django.django_migrations, django.migration_sql",
        ]:
            with self.subTest(statement):
                self.server.execute(statement)
                found = self.differing()
                self.assertEqual(len(found), records)
                self.run_mends(found)
                self.assertEqual(self.differing(), [])

    def test_of_an_empty_database_are_left_to_migrate(self):
        with empty_database() as name, connect(name) as server:
            compared = compare_with_code(server.cursor())
        self.assertIn("Run `manage.py migrate`", " ".join(compared.notes))
        self.assertEqual(
            {difference.mend.partition(",")[0] for difference in compared.differences[:-1]},
            {"-- Run `manage.py migrate` first"},
        )
        self.assertTrue(
            compared.differences[-1].mend.startswith("-- `manage.py migrate` writes it")
        )

    def test_are_told_to_a_role_that_may_read_nothing_else(self):
        with role(self.server) as user:
            name = self.server.info.dbname
            with connect(name, user=user, password="x") as reader:
                compared = compare_with_code(reader.cursor())
        self.assertEqual(compared.differences, [])
        self.assertIn("this role can't read them", " ".join(compared.notes))

    def test_a_primary_key_is_mended_with_the_keys_of_other_schemas_to_it(self):
        self.addCleanup(self.make_database)
        self.server.execute(
            "CREATE SCHEMA chat; CREATE TABLE chat.messages (author uuid REFERENCES users);"
            "ALTER TABLE rooms DROP CONSTRAINT rooms_creator_id_fkey"
        )
        keys = (
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE confrelid = 'users'::regclass AND convalidated ORDER BY 1, 2"
        )
        self.run_mends(self.differing())
        before = self.server.execute(keys).fetchall()
        self.server.execute(
            "BEGIN; ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE,"
            " ADD CONSTRAINT users_pkey PRIMARY KEY (id) INCLUDE (email);"
            + "".join(f"ALTER TABLE {table} ADD {key};" for table, key in before)
            + "COMMIT"
        )
        found = [item for item in self.differing() if item.object.endswith(".users_pkey")]
        self.run_mends(found)
        self.assertEqual(self.server.execute(keys).fetchall(), before)

    def test_settings_of_all_roles_and_other_spellings(self):
        with self.server.transaction(force_rollback=True):
            self.server.execute(
                "ALTER ROLE ALL SET default_transaction_read_only = 'ON';"
                f"ALTER DATABASE {self.server.info.dbname} SET session_replication_role = 'REPLICA'"
            )
            found = {item.object: item.mend for item in self.differing()}
            name = "setting default_transaction_read_only of all roles"
            self.assertIn("; ALTER ROLE ALL RESET default_transaction_read_only;", found[name])
            self.assertIn("setting session_replication_role of the database", found)

    def test_settings_that_switch_v1_off(self):
        name = self.server.info.dbname
        with role(self.server) as user:
            for sql_text, named in [
                (f"DATABASE {name} SET session_replication_role", "the database"),
                (
                    f"ROLE {user} IN DATABASE {name} SET session_replication_role",
                    f"role {user} in the database",
                ),
                (f"DATABASE {name} SET default_transaction_read_only", "the database"),
                (f"DATABASE {name} SET search_path", "the database"),
                (f"DATABASE {name} SET  search_path", "the database"),
            ]:
                setting = sql_text.split()[-1]
                value = {"session_replication_role": "replica", "search_path": "chat"}
                if "SET  " in sql_text:  # one name, by a slip
                    value["search_path"] = """'"$user", public'"""
                with self.subTest(sql_text):
                    self.assert_noticed(
                        f"ALTER {sql_text} = {value.get(setting, 'on')}",
                        [f"setting {setting} of {named}"],
                        "set by hand",
                    )

    def test_settings_that_are_worth_a_word_and_no_difference(self):
        name = self.server.info.dbname
        with role(self.server) as user:
            for setting in [
                f"DATABASE {name} SET quote_all_identifiers = on",
                f"ROLE {user} IN DATABASE {name} SET datestyle = 'German'",
                f"ROLE {user} IN DATABASE {name} SET statement_timeout = '20ms'",
                f"ROLE {user} IN DATABASE {name} SET search_path = chat",
            ]:
                with self.subTest(setting):
                    self.server.execute(f"ALTER {setting}")
                    compared = compare_with_code(self.server.cursor())
                    self.assertEqual(compared.differences, [])
                    said = f"has {setting.split(' SET ')[1].split()[0]} = "
                    whose = f"role {user} in" if "ROLE" in setting else "the database"
                    # Roles are the whole server's: another test's may have settings too.
                    said_of = [note for note in compared.notes if note.startswith(whose)]
                    self.assertEqual([said in note for note in said_of], [True])
                    self.server.execute(f"ALTER {setting.partition(' SET ')[0]} RESET ALL")

    def test_what_is_lost_in_the_schema_django(self):
        self.assert_noticed(
            "DROP TABLE django.django_session;ALTER TABLE django.django_admin_log DROP action_time",
            [
                "column django_admin_log.action_time (schema django)",
                "table django_session (schema django)",
                "index django_admin_log_object_id_action_time (schema django)",
                "index django_admin_log_user_id_action_time (schema django)",
            ],
            "dropped",
        )

    def test_a_migration_that_is_recorded_no_more(self):
        for app, migration in [
            ("streaming", "0041_streaming_analytics"),
            ("veza_site", "0903_admin_log_indexes"),
            ("auth", "0001_initial"),
        ]:
            with self.subTest(migration):
                self.assert_noticed(
                    f"DELETE FROM django.django_migrations WHERE app = '{app}'"
                    f" AND name = '{migration}'",
                    [f"migration {app}.{migration}"],
                    "deleted by hand",
                )

    def test_says_who_has_to_be_asked_where_newer_code_has_migrated(self):
        with self.server.transaction(force_rollback=True):
            self.server.execute(
                "ALTER TABLE rooms ADD topic text; INSERT INTO django.django_migrations"
                " (app, name, applied) VALUES ('rbac', '0999_topic', now())"
            )
            compared = compare_with_code(self.server.cursor())
            self.assertIn(
                "Newer code has migrated this database (rbac.0999_topic)", " ".join(compared.notes)
            )
            (found,) = compared.differences
            self.assertEqual(found.mend, "-- Ask the code that has rbac.0999_topic first.")

    def test_gives_no_sql_that_would_be_in_the_way_of_a_migration(self):
        with self.server.transaction(force_rollback=True):
            self.server.execute(
                "DELETE FROM django.django_migrations WHERE name >= '0903';"
                "DELETE FROM django.migration_sql WHERE name >= '0903';"
                "DROP INDEX django.django_admin_log_user_id_action_time"
            )
            compared = compare_with_code(self.server.cursor())
            self.assertRegex(
                " ".join(compared.notes), "Not applied yet: .*accounts.0905_email_in_words"
            )
            (found,) = compared.differences
            self.assertEqual(found.mend, "-- Run `manage.py migrate` first, then compare again.")

    def test_gives_the_contract_that_migrate_would_write(self):
        with self.server.transaction(force_rollback=True):
            read = "SELECT obj_description('public'::regnamespace)"
            (before,) = self.server.execute(read).fetchone()
            self.server.execute("COMMENT ON SCHEMA public IS NULL")
            self.run_mends(self.differing())
            self.assertEqual(self.server.execute(read).fetchone(), (before,))

    def test_other_owners(self):
        with role(self.server) as user:
            name = sql.Identifier(user)
            for statement in [
                "ALTER SCHEMA public OWNER TO {}",
                "ALTER SCHEMA django OWNER TO {}",
                "ALTER TABLE rooms OWNER TO {}",
            ]:
                with self.subTest(statement):
                    what = "table" if "TABLE" in statement else "schema"
                    name_of = statement.split()[2]
                    self.assert_noticed(
                        sql.SQL(statement).format(name), [f"{what} {name_of}"], "another role"
                    )

    def test_no_schema_django(self):
        self.assert_noticed(
            "ALTER SCHEMA django RENAME TO elsewhere",
            ["schema django"],
            "something other",
            by_hand=True,
        )

    def test_many_at_once_are_mended_in_the_order_of_the_report(self):
        drifts = [
            "DROP TABLE track_plays, track_comments, hls_streams CASCADE",
            "ALTER TABLE tracks DROP creator_id, ADD producer text, ALTER bpm TYPE int",
            "ALTER TYPE transcode_status ADD VALUE 'paused'",
            "DROP FUNCTION update_updated_at_column() CASCADE",
            "ALTER TABLE rooms RENAME TO chat_rooms",
            "CREATE TABLE schema_migrations (version bigserial PRIMARY KEY, room uuid"
            " REFERENCES chat_rooms)",
            "CREATE VIEW names AS SELECT slug FROM tracks",
            "ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE",
        ]
        self.addCleanup(lambda: self.mended or self.make_database())
        self.mended = False
        for statement in drifts:
            self.server.execute(statement)
        self.run_mends(self.differing())
        # The renamed table has its own name again, and the rest of it can be compared.
        self.run_mends(self.differing())
        self.assertEqual(self.differing(), [])
        self.mended = True

    def test_everything_missing_is_mended_in_the_order_of_the_report(self):
        self.addCleanup(self.make_database)
        self.server.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        self.run_mends(self.differing())
        self.assertEqual(self.differing(), [])
