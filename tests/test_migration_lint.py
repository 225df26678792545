"""A migration after V1 is refused where services would have to wait for it, or break."""

import contextlib
import io
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

from django.conf import settings
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.test import TestCase, TransactionTestCase, override_settings

from tests.databases import empty_database
from tests.project import Project
from veza_site.contract import newest_migration
from veza_site.migration_lint import lint, lint_sql, migrations_after_v1

MIGRATION = """
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from veza_site.indexes import Index
from veza_site.triggers import updated_at_trigger

class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = {dependencies}
    operations = [{operations}]
"""


@contextlib.contextmanager
def after_v1(operations: str, *, atomic: bool = True) -> Iterator[Path]:
    """Give legacy_chat a migration 0051_new with these operations, and yield its folder."""
    package = f"migrations_{uuid.uuid4().hex}"
    newest = newest_migration()
    dependencies = [("legacy_chat", "0050_legacy_chat"), (newest.app_label, newest.name)]
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path) / package
        shutil.copytree(
            settings.BASE_DIR / "legacy_chat" / "migrations",
            folder,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        (folder / "0051_new.py").write_text(
            MIGRATION.format(atomic=atomic, dependencies=dependencies, operations=operations)
        )
        sys.path.insert(0, path)
        try:
            with override_settings(MIGRATION_MODULES={"legacy_chat": package}):
                yield folder
        finally:
            sys.path.remove(path)
            for name in [name for name in sys.modules if name.startswith(package)]:
                del sys.modules[name]


def rules(operations: str, *, atomic: bool = True) -> set[str]:
    """Return the rules by which a migration of these operations is refused."""
    with after_v1(operations, atomic=atomic):
        (new,) = [found for found in migrations_after_v1() if found.name == "0051_new"]
        return {finding.partition("[")[2].partition("]")[0] for finding in lint(new)}


class Linter(TestCase):
    def test_refuses(self):
        for rule, operations in {
            # A volatile default rewrites the table.
            "adding-field-with-default": "migrations.AddField("
            "'room', 'key', models.UUIDField(db_default=RandomUUID()))",
            "adding-required-field": "migrations.RunSQL("
            "'ALTER TABLE rooms ADD COLUMN size integer NOT NULL')",
            # Django's own default is gone for the services that insert.
            "ban-drop-default": "migrations.AddField("
            "'room', 'size', models.IntegerField(default=0))",
            "require-concurrent-index-creation": "migrations.AddIndex("
            "'room', Index(fields=['room_type'], name='idx_rooms_room_type'))",
            "require-concurrent-index-deletion": "migrations.RemoveIndex("
            "'room', 'idx_rooms_created_at')",
            "renaming-column": "migrations.RenameField('room', 'name', 'title')",
            "renaming-table": "migrations.AlterModelTable('room', 'chat_rooms')",
            "ban-drop-column": "migrations.RemoveField('room', 'description')",
            "ban-drop-table": "migrations.DeleteModel('room')",
            "changing-column-type": "migrations.AlterField("
            "'room', 'max_members', models.BigIntegerField(db_default=1000))",
            "constraint-missing-not-valid": "migrations.AddConstraint('room', "
            "models.CheckConstraint(condition=models.Q(max_members__lt=9), name='chk_rooms_few'))",
            "disallowed-unique-constraint": "migrations.AddConstraint('room', "
            "models.UniqueConstraint(fields=['creator'], name='idx_rooms_creator_id_one'))",
            "ban-disable-trigger": "migrations.RunSQL("
            "'ALTER TABLE rooms DISABLE TRIGGER update_rooms_updated_at')",
            "ban-concurrent-index-creation-in-transaction": "migrations.RunSQL("
            "'CREATE INDEX CONCURRENTLY idx_rooms_room_type ON rooms (room_type)')",
            "syntax-error": "migrations.RunSQL('ALTER TABLE rooms ADD COLUMN')",
        }.items():
            with self.subTest(rule):
                self.assertIn(rule, rules(operations))

    def test_refuses_more_than_one_operation_outside_a_transaction(self):
        one = "AddIndexConcurrently('room', Index(fields=['{0}'], name='idx_rooms_{0}')),"
        both = one.format("room_type") + one.format("is_archived")
        self.assertEqual(rules(both, atomic=False), {"one-operation"})

    def test_lets_pass(self):
        for case, operations in [
            (
                "a column with a constant default",
                "migrations.AddField('room', 'topic', models.TextField(db_default=''))",
            ),
            (
                "an empty foreign key",
                "migrations.AddField('room', 'heir', models.ForeignKey('accounts.User', "
                "models.DB_SET_NULL, null=True, db_index=False, related_name='+'))",
            ),
            (
                "a constraint that is validated later",
                "migrations.RunSQL("
                "'ALTER TABLE rooms ADD CONSTRAINT chk_rooms_x CHECK (max_members < 9) NOT VALID')",
            ),
            (
                "a table, with everything that belongs to it",
                """migrations.CreateModel("Mute", [
                    ("id", models.UUIDField(primary_key=True, db_default=RandomUUID())),
                    ("room", models.ForeignKey(
                        "legacy_chat.Room", models.DB_CASCADE, db_index=False)),
                    ("reason", models.CharField(max_length=9)),
                    ("minutes", models.IntegerField()),
                    ("updated_at", models.DateTimeField()),
                ], {
                    "db_table": "mutes",
                    "indexes": [Index(fields=["room"], name="idx_mutes_room_id")],
                    "constraints": [models.CheckConstraint(
                        condition=models.Q(minutes__gt=0), name="chk_mutes_minutes")],
                }), updated_at_trigger("mutes")""",
            ),
            (
                "what gives a reason",
                '''migrations.RunSQL("""
                    -- Nobody has read it since the chat moved.
                    -- squawk-ignore ban-drop-column
                    ALTER TABLE rooms DROP COLUMN description;
                """)''',
            ),
        ]:
            with self.subTest(case):
                self.assertEqual(rules(operations), set())

    def test_leaves_v1_alone_and_misses_nothing_after_it(self):
        with after_v1(""):
            numbers = [migration.name.partition("_")[0] for migration in migrations_after_v1()]
        self.assertIn("0051", numbers)
        v1 = {"0001", "0010", "0020", "0040", "0041", "0042", "0050", "0900", "0901"}
        self.assertFalse(v1 & set(numbers))

    def test_shows_the_line_and_the_rule(self):
        (finding,) = lint_sql("streaming.0043_new", "BEGIN;\nALTER TABLE t DROP COLUMN a;\nCOMMIT;")
        self.assertIn("streaming.0043_new  [ban-drop-column]", finding)
        self.assertIn("ALTER TABLE t DROP COLUMN a;", finding)


class LintMigrations(TransactionTestCase):
    """Outside a transaction, as the command runs: CONCURRENTLY is refused inside one."""

    def test_lets_an_index_pass_that_is_made_concurrently(self):
        operation = "AddIndexConcurrently('room', Index(fields=['name'], name='idx_rooms_name_x'))"
        self.assertEqual(rules(operation, atomic=False), set())

    def test_fails_the_command(self):
        errors = io.StringIO()
        with (
            after_v1("migrations.RenameField('room', 'name', 'title')"),
            self.assertRaisesMessage(CommandError, "squawk-ignore"),
        ):
            call_command("lint_migrations", stderr=errors)
        self.assertIn("legacy_chat.0051_new  [renaming-column]", errors.getvalue())

    def test_finds_nothing_in_the_project(self):
        output = io.StringIO()
        call_command("lint_migrations", stdout=output)
        self.assertIn("nothing to refuse", output.getvalue())


class Chain(TestCase):
    """Migrations after V1 come one after the other, whatever their apps."""

    def setUp(self):
        self.project = Project(self, self.enterContext(empty_database()))

    def make(self, *apps, name):
        made = self.project.manage("makemigrations", *apps, "--empty", "--name", name)
        self.assertEqual(made.returncode, 0, made.stderr)

    def lint(self):
        ended = self.project.manage("lint_migrations")
        return ended.stdout + ended.stderr

    def test_is_what_makemigrations_writes_in_one_app_after_another_and_at_once(self):
        for apps in [["streaming"], ["streaming"], ["accounts"], ["veza_site", "media", "rbac"]]:
            with self.subTest(apps):
                self.make(*apps, name="new")
                self.assertIn("nothing to refuse", self.lint())

    def test_is_mended_by_hand_after_two_branches_made_a_migration_each(self):
        last = newest_migration()
        max_migration = self.project.directory / "streaming" / "migrations" / "max_migration.txt"
        before = max_migration.read_text()
        self.make("streaming", name="ours")
        ours = self.project.migration("streaming", "ours")
        aside = ours.rename(self.project.directory / ours.name)
        max_migration.write_text(before)
        self.make("media", name="theirs")
        theirs = self.project.migration("media", "theirs")
        aside.rename(ours)
        max_migration.write_text(f"{ours.stem}\n")
        self.assertIn(
            f"CommandError: media.{theirs.stem} and streaming.{ours.stem} do not come one after "
            "the other. Each migration depends on the last one before it, whatever its app: add "
            "the older of the two to the `dependencies` of the newer.",
            self.lint(),
        )
        self.project.replace(
            theirs, f"('{last.app_label}', '{last.name}')", f"('streaming', '{ours.stem}')"
        )
        self.assertIn("nothing to refuse", self.lint())


class MaxMigration(TestCase):
    """Two branches that add a migration each both change max_migration.txt: git sees a conflict."""

    def test_is_the_last_one_of_each_app(self):
        self.assertEqual([error for error in run_checks() if error.id.startswith("dlm.")], [])

    def test_that_is_stale_fails_the_system_checks(self):
        conflict = dedent("""\
            <<<<<<< HEAD
            0050_legacy_chat
            =======
            0051_new
            >>>>>>> theirs
        """)
        for content, error in {
            "0050_legacy_chat\n": "dlm.E004",
            "0049_gone\n": "dlm.E003",
            conflict: "dlm.E002",
        }.items():
            with self.subTest(error), after_v1("") as folder:
                (folder / "max_migration.txt").write_text(content)
                found = [found.id for found in run_checks() if "legacy_chat's" in found.msg]
                self.assertEqual(found, [error])
