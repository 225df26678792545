"""`manage.py schema audit` judges any database, the system checks judge the models: by one rule."""

import itertools
import json

from django.core.management import CommandError
from django.db import connection, models
from django.db.models.functions import Lower
from django.test import SimpleTestCase, TestCase
from django.test.utils import isolate_apps

from tests.support.databases import (
    connect,
    database_url,
    empty_database,
    manage,
    migrated_catalog,
    role,
    schema,
    v1_models,
)
from veza_site.indexes import Index
from veza_site.models import AppendOnlyModel, MutableModel
from veza_site.schema.checks import check_standard
from veza_site.schema.models_as_catalog import catalog_of_models
from veza_site.schema.standard import RULES, find_breaches

# A schema as no one at Veza would write it: it breaks every rule.
FOREIGN = """
CREATE TABLE accounts (id serial PRIMARY KEY, number int GENERATED ALWAYS AS IDENTITY,
    email varchar, extra json, nickname_token text, seen timestamp, created_at timestamptz,
    CONSTRAINT positive CHECK (number > 0));
ALTER TABLE accounts ADD CONSTRAINT chk_accounts_number CHECK (number < 1000) NOT VALID;
CREATE TABLE posts (id uuid PRIMARY KEY, account_id int REFERENCES accounts,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX by_time ON posts (created_at);
CREATE INDEX by_time_too ON posts (created_at);
"""


def audit(**options):
    return schema("audit", **options)


class Audit(TestCase):
    def test_passes_v1_and_shows_the_exceptions_with_their_reasons(self):
        status, output = audit()
        self.assertEqual(status, 0)
        self.assertIn("federated_identities.email  [unique-handles]  excepted: the address", output)
        self.assertIn("breaches: 0; exceptions: 2", output)

    def test_fails_with_the_object_the_rule_what_was_found_and_what_mends_it(self):
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX idx_rooms_creator_id")
        status, output = audit()
        self.assertEqual(status, 1)
        for line in [
            "rooms.creator_id  [foreign-key-index]",
            "    found   no index that it leads",
            "    wanted  an index over all non-null rows",
            "    mend    CREATE INDEX CONCURRENTLY idx_rooms_creator_id ON public.rooms",
        ]:
            self.assertIn(line, output)

    def test_is_for_programs_too(self):
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX idx_rooms_creator_id")
        status, output = audit(format="json")
        report = json.loads(output)
        self.assertEqual((status, report["schema"], report["tables"]), (1, "public", 27))
        self.assertEqual([found["rule"] for found in report["breaches"]], ["foreign-key-index"])
        self.assertEqual(len(report["exceptions"]), 2)

    def test_finds_every_rule_broken_in_a_foreign_database_without_any_right_on_its_tables(self):
        with empty_database() as name, connect(name) as server, role(server) as user:
            server.execute(FOREIGN)
            url = database_url(name, user=user, password="x")
            status, output = audit(database=url, format="json")
        broken = {found["rule"] for found in json.loads(output)["breaches"]}
        self.assertEqual(status, 1)
        self.assertEqual(broken, {rule.id for rule in RULES})

    def test_says_that_there_is_nothing_to_judge_where_there_is_no_table(self):
        for output in ["text", "json"]:
            with self.subTest(output), empty_database() as name:
                url = database_url(name)
                with self.assertRaises(CommandError) as caught:
                    audit(database=url, format=output)
                self.assertEqual(caught.exception.returncode, 2)
                self.assertIn("There is nothing to judge", str(caught.exception))

    def test_sees_that_foreign_keys_are_switched_off(self):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE track_plays DISABLE TRIGGER ALL")
        status, output = audit()
        self.assertEqual(status, 1)
        self.assertIn("track_plays  [enforced]\n    found   foreign keys are switched off", output)

    def test_judges_another_schema(self):
        status, output = audit(schema="django")
        self.assertEqual(status, 1)
        self.assertIn("auth_group.id  [primary-key]", output)

    def test_says_what_it_does_not_know(self):
        for options, message in [
            ({"database": "nowhere"}, "nowhere is no database of the settings (default), and no"),
            ({"schema": "nowhere"}, "The database has no schema nowhere."),
            ({"database": "mysql://me:secret@host/db"}, "mysql://… is no database of the settings"),
            ({"database": "postgresql://me:secret@host/db?x=1"}, "libpq can't read the URL"),
        ]:
            with self.subTest(options), self.assertRaisesMessage(CommandError, message):
                audit(**options)

    def test_of_a_server_that_does_not_answer_is_an_error_in_one_line(self):
        ended = manage("schema", "audit", "--database", "postgresql://127.0.0.1:1/x")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("error: no connection to PostgreSQL", ended.stderr)
        self.assertEqual(len(ended.stderr.splitlines()), 1)


class Models(TestCase):
    maxDiff = None

    def test_say_what_the_rules_read_in_the_database(self):
        ours, theirs = (
            self.relevant(catalog_of_models(v1_models())),
            self.relevant(migrated_catalog()),
        )
        self.assertEqual(set(ours), set(theirs))
        for table in ours:
            with self.subTest(table):
                self.assertEqual(ours[table], theirs[table])

    def relevant(self, catalog):
        return {
            name: (
                {
                    # The models name an enum's type without its schema.
                    column.name: (column.type.removeprefix("public."), column.nullable)
                    for column in table.columns.values()
                },
                {
                    index.name: (
                        index.method,
                        # PostgreSQL writes the cast that an expression makes.
                        [column.replace("::text", "") for column in index.columns],
                        index.descending,
                        index.unique,
                    )
                    for index in table.indexes.values()
                    if not index.primary
                },
                {
                    item.name: (item.kind, item.on_delete, item.deferrable)
                    for item in table.constraints.values()
                },
                {  # the others are the migrations' own
                    name: trigger
                    for name, trigger in table.triggers.items()
                    if name.endswith("_updated_at")
                },
            )
            for name, table in catalog.tables.items()
        }


class SystemCheck(SimpleTestCase):
    def test_passes_v1(self):
        self.assertEqual(check_standard(None), [])

    @isolate_apps("legacy_chat")
    def test_refuses_what_the_standard_refuses_in_the_database(self):
        class Album(MutableModel):
            class Meta:
                app_label = "legacy_chat"
                db_table = "albums"

        album = {"to": Album, "on_delete": models.DB_CASCADE, "db_index": False}

        numbers = itertools.count()

        def cover(base=AppendOnlyModel, options=None, **attributes):
            options = {"app_label": "legacy_chat", "db_table": "covers", **(options or {})}
            attributes |= {"__module__": __name__, "Meta": type("Meta", (), options)}
            return type(f"Cover{next(numbers)}", (base,), attributes)

        indexed = {"indexes": [Index(fields=["album"], name="idx_covers_album_id")]}
        cases = [
            (cover(base=models.Model), "primary-key"),
            (cover(base=models.Model), "timestamps"),
            (cover(id=models.UUIDField(primary_key=True)), "primary-key"),
            (cover(album=models.ForeignKey(Album, models.CASCADE)), "foreign-key"),
            (cover(album=models.ForeignKey(Album, models.DO_NOTHING)), "foreign-key"),
            (cover(album=models.ForeignKey(**album)), "foreign-key-index"),
            (cover(album=models.ForeignKey(Album, models.DB_CASCADE)), "name-of-index"),
            (cover(name=models.CharField(max_length=9, unique=True)), "name-of-index"),
            (cover(name=models.CharField(max_length=9, db_index=True)), "name-of-index"),
            (cover(slug=models.CharField(max_length=9)), "unique-handles"),
            (cover(name=models.CharField()), "text"),
            (cover(description=models.CharField(max_length=9)), "text"),
            (
                cover(
                    size=models.IntegerField(),
                    options={
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(size__gt=0), name="positive")
                        ]
                    },
                ),
                "name-of-check",
            ),
            (
                cover(
                    options={
                        "indexes": [Index(fields=["created_at"], name="idx_covers_created_at")]
                    }
                ),
                "feeds-descending",
            ),
        ]
        for model, rule in cases:
            with self.subTest(rule):
                found = {finding.rule for finding in find_breaches(catalog_of_models([model]))}
                self.assertIn(rule, found)
        kept = [
            cover(album=models.ForeignKey(**album), options=indexed),
            # All non-null rows are enough for a foreign key.
            cover(
                album=models.ForeignKey(**album, null=True),
                options={
                    "indexes": [
                        Index(
                            fields=["album"],
                            condition=models.Q(album__isnull=False),
                            name="idx_covers_album_id",
                        )
                    ]
                },
            ),
        ]
        for model in kept:
            with self.subTest(model):
                self.assertEqual(find_breaches(catalog_of_models([model])), [])

    @isolate_apps("legacy_chat")
    def test_reads_an_index_on_an_expression(self):
        class Album(AppendOnlyModel):
            parent = models.ForeignKey("self", models.DB_CASCADE, db_index=False)
            name = models.CharField(max_length=9)

            class Meta:
                app_label = "legacy_chat"
                db_table = "albums"
                indexes = [Index(Lower("name"), name="idx_albums_lower")]
                constraints = [models.UniqueConstraint(Lower("name"), name="idx_albums_unique")]

        found = {finding.rule for finding in find_breaches(catalog_of_models([Album]))}
        self.assertIn("foreign-key-index", found)
