"""Every table keeps every rule of the Standard, and every rule notices when one does not."""

import contextlib

from django.conf import settings
from django.db import connection
from django.test import TestCase, tag

from tests.support.databases import migrated_catalog
from veza_site.postgresql.sql_text import split_statements
from veza_site.schema.catalog import Catalog
from veza_site.schema.standard import EXCEPTIONS, RULES, find_breaches, judge


class Standard(TestCase):
    def test_is_kept_by_every_table(self):
        whole = migrated_catalog()
        for table in whole.tables.values():
            alone = Catalog(whole.schema, {table.name: table}, whole.enums, {}, {})
            for rule in RULES:
                with self.subTest(table=table.name, rule=rule.id):
                    found = [finding for finding in find_breaches(alone) if finding.rule == rule.id]
                    self.assertEqual(found, [])

    def test_is_kept_by_the_schema_as_a_whole(self):
        self.assertEqual(find_breaches(migrated_catalog()), [])

    def test_every_exception_is_needed(self):
        whole = migrated_catalog()
        self.assertEqual({(found.rule, found.object) for found in judge(whole)}, set(EXCEPTIONS))
        self.assertTrue(all(found.exception for found in judge(whole)))


# What no statement alone can mend.
BY_HAND = [
    ("secrets", "rooms.password"),
    ("foreign-key", "rooms.owner_number"),
    ("foreign-key", "playlist_tracks_pair"),
]

# Each breaks one rule once: the rule, the object that it names, the SQL.
BREACHES = [
    ("primary-key", "x", "CREATE TABLE x (created_at timestamptz NOT NULL DEFAULT now())"),
    ("primary-key", "rooms.id", "ALTER TABLE rooms ALTER id DROP DEFAULT"),
    ("no-sequence", "public.numbers", "CREATE SEQUENCE numbers"),
    ("no-sequence", "public.rooms_number_seq", "ALTER TABLE rooms ADD number serial"),
    (
        "no-identity",
        "rooms.number",
        "ALTER TABLE rooms ADD number int GENERATED ALWAYS AS IDENTITY",
    ),
    ("timestamps", "rooms.created_at", "ALTER TABLE rooms DROP created_at"),
    ("timestamps", "rooms.created_at", "ALTER TABLE rooms ALTER created_at DROP NOT NULL"),
    ("timestamps", "rooms.updated_at", "ALTER TABLE rooms DROP updated_at"),
    ("timestamps", "rooms.updated_at", "ALTER TABLE rooms ALTER updated_at DROP DEFAULT"),
    ("timestamps", "rooms.deleted_at", "ALTER TABLE rooms ALTER deleted_at SET DEFAULT now()"),
    ("time-zone", "rooms.opened_at", "ALTER TABLE rooms ADD opened_at timestamp"),
    (
        "updated-at-trigger",
        "update_rooms_updated_at",
        "DROP TRIGGER update_rooms_updated_at ON rooms",
    ),
    (
        "updated-at-trigger",
        "update_rooms_updated_at",
        "ALTER TABLE rooms DISABLE TRIGGER update_rooms_updated_at",
    ),
    (
        "updated-at-trigger",
        "update_rooms_updated_at",
        "ALTER TABLE rooms ENABLE REPLICA TRIGGER update_rooms_updated_at",
    ),
    (
        "updated-at-trigger",
        "update_rooms_updated_at",
        "CREATE OR REPLACE TRIGGER update_rooms_updated_at AFTER UPDATE ON rooms "
        "FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    ),
    (
        "updated-at-trigger",
        "update_track_plays_updated_at",
        "CREATE TRIGGER update_track_plays_updated_at BEFORE UPDATE ON track_plays "
        "FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    ),
    (
        "foreign-key",
        "rooms.owner_number",
        "CREATE TABLE owners (number int UNIQUE);"
        "ALTER TABLE rooms ADD owner_number int REFERENCES owners (number) ON DELETE CASCADE",
    ),
    (
        "foreign-key",
        "rooms_creator",
        "ALTER TABLE rooms RENAME CONSTRAINT rooms_creator_id_fkey TO rooms_creator",
    ),
    (
        "foreign-key",
        "rooms_creator_id_fkey",
        "ALTER TABLE rooms ALTER CONSTRAINT rooms_creator_id_fkey DEFERRABLE",
    ),
    (
        "enforced",
        "rooms_creator_id_fkey",
        "ALTER TABLE rooms DROP CONSTRAINT rooms_creator_id_fkey, ADD CONSTRAINT "
        "rooms_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES users ON DELETE CASCADE "
        "NOT VALID",
    ),
    (
        "enforced",
        "chk_rooms_size",
        "ALTER TABLE rooms ADD CONSTRAINT chk_rooms_size CHECK (max_members > 0) NOT VALID",
    ),
    (
        "foreign-key",
        "rooms_creator_id_fkey",
        "ALTER TABLE rooms DROP CONSTRAINT rooms_creator_id_fkey, ADD CONSTRAINT "
        "rooms_creator_id_fkey FOREIGN KEY (creator_id) REFERENCES users",
    ),
    ("foreign-key", "rooms_creator_id_fkey", "ALTER TABLE rooms ALTER creator_id SET NOT NULL"),
    (
        "foreign-key",
        "playlist_tracks_pair",
        "ALTER TABLE playlist_tracks ADD CONSTRAINT playlist_tracks_pair "
        "FOREIGN KEY (playlist_id, track_id) REFERENCES playlist_tracks (playlist_id, track_id)",
    ),
    ("foreign-key-index", "rooms.creator_id", "DROP INDEX idx_rooms_creator_id"),
    (
        "foreign-key-index",
        "rooms.creator_id",
        "DROP INDEX idx_rooms_creator_id;"
        "CREATE INDEX idx_rooms_creator_id ON rooms (creator_id) WHERE deleted_at IS NULL",
    ),
    ("name-of-index", "rooms_name", "ALTER INDEX idx_rooms_name RENAME TO rooms_name"),
    (
        "name-of-index",
        "idx_rooms_creator_id_old",
        "ALTER INDEX idx_rooms_creator_id RENAME TO idx_rooms_creator_id_old",
    ),
    ("unique-handles", "tracks.slug", "DROP INDEX idx_tracks_slug"),
    (
        "unique-handles",
        "tracks.slug",
        "DROP INDEX idx_tracks_slug; CREATE UNIQUE INDEX idx_tracks_slug ON tracks (slug)",
    ),
    (
        "feeds-descending",
        "idx_rooms_created_at",
        "DROP INDEX idx_rooms_created_at; CREATE INDEX idx_rooms_created_at ON rooms (created_at)",
    ),
    (
        "sound-indexes",
        "idx_rooms_creator_id_again",
        "CREATE INDEX idx_rooms_creator_id_again ON rooms (creator_id)",
    ),
    (
        "sound-indexes",
        "idx_rooms_created_at",
        "UPDATE pg_index SET indisvalid = false "
        "WHERE indexrelid = 'idx_rooms_created_at'::regclass",
    ),
    (
        "name-of-check",
        "positive",
        "ALTER TABLE rooms ADD CONSTRAINT positive CHECK (max_members > 0)",
    ),
    ("text", "rooms.description", "ALTER TABLE rooms ALTER description TYPE varchar(500)"),
    ("text", "rooms.topic", "ALTER TABLE rooms ADD topic varchar"),
    ("text", "rooms.code", "ALTER TABLE rooms ADD code char(4)"),
    ("names", "rooms.invite_code", "ALTER TABLE rooms ADD invite_code text"),
    ("secrets", "rooms.password", "ALTER TABLE rooms ADD password varchar(50)"),
    ("jsonb", "rooms.extra", "ALTER TABLE rooms ADD extra json"),
]


# What the Standard says nothing against.
KEPT = [
    "ALTER TABLE rooms ADD has_bio boolean, ADD notes jsonb, ADD opens time",
    "CREATE INDEX idx_rooms_is_private_old ON rooms (is_private) WHERE is_archived;"
    "CREATE INDEX idx_rooms_is_private ON rooms (is_private) WHERE NOT is_archived",
    "ALTER TABLE rooms ADD description_in_the_language_of_the_person_who_made_it_id uuid "
    "CONSTRAINT rooms_description_in_the_language_of_the_person_who_made_it_id_fkey "
    "REFERENCES users ON DELETE SET NULL;"
    "CREATE INDEX idx_rooms_description_in_the_language_of_the_person_who_made_it_id "
    "ON rooms (description_in_the_language_of_the_person_who_made_it_id);",
]


class Rule(TestCase):
    def test_leaves_alone_what_keeps_it(self):
        for sql in KEPT:
            with self.subTest(sql), undone() as cursor:
                cursor.execute(sql)
                self.assertEqual(find_breaches(migrated_catalog()), [])

    def test_notices_each_breach(self):
        for rule, named, breach in BREACHES:
            with self.subTest(rule=rule, breach=breach), undone() as cursor:
                cursor.execute(breach)
                found = [
                    finding.object
                    for finding in find_breaches(migrated_catalog())
                    if finding.rule == rule
                ]
                self.assertEqual(found, [named])

    @tag("slow")  # it breaks and mends each rule
    def test_mends_each_breach_with_the_sql_that_it_gives(self):
        for rule, named, breach in BREACHES:
            with self.subTest(rule=rule, breach=breach), undone() as cursor:
                cursor.execute(breach)
                mend(cursor)
                if (rule, named) not in BY_HAND:
                    self.assertEqual(find_breaches(migrated_catalog()), [])

    def test_tells_not_enforced_from_not_valid_and_mends_it(self):
        if connection.pg_version < 180000:
            self.skipTest("PostgreSQL 18 and later know NOT ENFORCED.")
        for name, definition in [
            ("chk_rooms_size", "CHECK (max_members > 0)"),
            ("rooms_id_fkey", "FOREIGN KEY (id) REFERENCES users ON DELETE CASCADE"),
        ]:
            with self.subTest(name), undone() as cursor:
                cursor.execute(f"ALTER TABLE rooms ADD CONSTRAINT {name} {definition} NOT ENFORCED")
                found = [
                    (finding.object, finding.found) for finding in find_breaches(migrated_catalog())
                ]
                self.assertEqual(found, [(name, "NOT ENFORCED")])
                mend(cursor)
                self.assertEqual(find_breaches(migrated_catalog()), [])

    def test_keeps_the_one_of_two_doubles_that_keeps_more(self):
        """A UNIQUE index is never dropped for one that is not, nor a whole one for one that is."""
        for index, dropped in [
            ("CREATE INDEX a_double ON rooms (name) WHERE deleted_at IS NULL", "a_double"),
            ("CREATE UNIQUE INDEX a_double ON rooms (creator_id)", "idx_rooms_creator_id"),
            ("CREATE INDEX z_double ON rooms (id)", "z_double"),
        ]:
            with self.subTest(index), undone() as cursor:
                cursor.execute(index)
                doubles = [
                    finding.object
                    for finding in find_breaches(migrated_catalog())
                    if finding.rule == "sound-indexes"
                ]
                self.assertEqual(doubles, [dropped])

    def test_drops_what_a_failed_reindex_has_left(self):
        with undone() as cursor:
            cursor.execute(
                "CREATE INDEX idx_rooms_creator_id_ccnew ON rooms (creator_id);"
                "UPDATE pg_index SET indisvalid = false"
                " WHERE indexrelid = 'idx_rooms_creator_id_ccnew'::regclass"
            )
            mends = {
                finding.mend
                for finding in find_breaches(migrated_catalog())
                if finding.rule == "sound-indexes"
            }
            drop = "DROP INDEX CONCURRENTLY IF EXISTS public.idx_rooms_creator_id_ccnew;"
            self.assertEqual(mends, {drop})

    def test_has_a_reason_and_a_breach_that_proves_it(self):
        self.assertEqual({rule.id for rule in RULES}, {rule for rule, *_ in BREACHES})
        self.assertTrue(all(rule.reason for rule in RULES))

    def test_is_in_the_dictionary_with_its_reason(self):
        page = (settings.BASE_DIR / "docs" / "schema.md").read_text(encoding="utf-8")
        for rule in RULES:
            with self.subTest(rule.id):
                self.assertIn(f"| `{rule.id}` | {rule.reason} |", page)


def mend(cursor):
    """Run the SQL of all findings in the transaction of the test, where nothing is concurrent."""
    for finding in find_breaches(migrated_catalog()):
        for statement in split_statements(finding.mend.replace("CONCURRENTLY ", "")):
            if statement not in ("BEGIN;", "COMMIT;"):
                cursor.execute(statement)


@contextlib.contextmanager
def undone():
    """Yield a cursor, and undo what is done with it."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT kept")
        try:
            yield cursor
        finally:
            cursor.execute("ROLLBACK TO kept")
