"""docs/schema.md says what the database holds, all of it, and its links lead somewhere."""

import io
import re
import tempfile
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import TestCase, tag

from tests.support.databases import migrated_catalog, v1_models
from tests.support.golden import assert_golden
from veza_site.schema.catalog import Table
from veza_site.schema.dictionary import schema_document
from veza_site.schema.dictionary.document import MAP
from veza_site.schema.dictionary.markdown import anchor, code, prose, table

GOLDEN = settings.BASE_DIR / "docs" / "schema.md"


class Document(TestCase):
    maxDiff = None

    def setUp(self):
        self.catalog = migrated_catalog()
        self.document = schema_document(self.catalog)

    @tag("golden")
    def test_is_the_committed_one(self):
        assert_golden(self, GOLDEN, self.document)

    def test_says_where_it_can_not_be_written(self):
        with (
            tempfile.TemporaryDirectory() as folder,
            self.assertRaisesMessage(CommandError, "can't be written: Is a directory."),
        ):
            call_command("schema", "docs", folder, stdout=io.StringIO())

    def test_is_what_the_command_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "new" / "page.md"
            call_command("schema", "docs", str(file), stdout=io.StringIO())
            self.assertEqual(file.read_text(encoding="utf-8"), self.document)

    def test_has_each_thing_that_the_catalog_has(self):
        for described in self.catalog.tables.values():
            section = self.section(described.name)
            things = [*described.columns, *described.triggers]
            things += [index.name for index in described.indexes.values() if not index.primary]
            things += [item.name for item in described.constraints.values() if item.kind == "check"]
            for thing in things:
                with self.subTest(table=described.name, thing=thing):
                    self.assertIn(f"`{thing}", section)
        for name, labels in self.catalog.enums.items():
            row = f"| `{name}` | {', '.join(f'`{label}`' for label in labels)} |"
            self.assertIn(row, self.document)

    def test_says_of_each_table_what_it_is_for(self):
        for model in v1_models():
            with self.subTest(model):
                # Django makes up a docstring where there is none: “Room(id, name)”.
                self.assertNotIn(f"{model.__name__}(", self.section(model._meta.db_table))

    def test_says_of_each_reference_what_a_deletion_does(self):
        self.assertIn(
            "| `creator_id` | `uuid` | yes | | | [users](#users), SET NULL |",
            self.section("rooms"),
        )
        self.assertIn(
            "Deleting a row deletes those that refer to it by "
            "[bitrate_adaptation_logs](#bitrate_adaptation_logs).stream_id.",
            self.section("hls_streams"),
        )

    def test_draws_each_reference_with_its_ends(self):
        streaming = self.section("Streaming")
        self.assertIn('users ||--o{ tracks : "creator_id"', streaming)
        self.assertIn('users |o--o{ track_plays : "user_id"', streaming)
        self.assertIn('users ||--o| user_profiles : "user_id"', self.section("Roles and profiles"))
        references = {
            (key.references.removeprefix("public."), described.name)
            for described in self.catalog.tables.values()
            for key in described.constraints.values()
            if key.references
        }
        drawn = re.findall(r"^ +(\w+) [|o}{-]+ (\w+) : \"\"$", self.section("All tables"), re.M)
        self.assertEqual(set(drawn), references)

    def test_tells_which_migration_makes_a_table(self):
        self.assertIn("made by [legacy_chat.0050_legacy_chat]", self.section("rooms"))
        (row,) = re.findall(r"^\| `veza_site.0900.*$", self.document, re.M)
        self.assertIn("function: `update_updated_at_column`", row)
        origins = self.section(MAP)
        for described in self.catalog.tables.values():
            for trigger in described.triggers:
                with self.subTest(trigger):
                    self.assertIn(f"`{trigger}`", origins)

    def test_has_links_that_lead_to_one_heading_each(self):
        headings = [anchor(title) for title in re.findall(r"^#+ (.*)$", self.document, re.M)]
        self.assertEqual(len(headings), len(set(headings)))
        links = set(re.findall(r"\]\(#([^)]*)\)", self.document))
        self.assertGreater(len(links), len(self.catalog.tables))
        self.assertEqual(links - set(headings), set())

    def test_has_tables_whose_rows_have_as_many_cells_as_their_heading(self):
        for block in re.findall(r"(?:^\|.*\n)+", self.document, re.M):
            cells = {len(re.split(r"(?<!\\)\|", row)) for row in block.splitlines()}
            self.assertEqual(len(cells), 1, block)

    def test_leaves_no_table_out_that_has_no_model(self):
        stray = Table("stray", columns={}, constraints={}, indexes={}, triggers={})
        with_stray = replace(self.catalog, tables={**self.catalog.tables, "stray": stray})
        self.assertIn("### stray", schema_document(with_stray))

    def section(self, title):
        """Return what is below a heading, as far as the next one."""
        (found,) = re.findall(rf"^#+ {title}\n(.*?)(?=^#|\Z)", self.document, re.M | re.S)
        return found


class Markdown(TestCase):
    def test_survives_what_a_cell_may_hold(self):
        self.assertEqual(
            table(["a", "b"], [[code("x || y"), prose("1 < 2\nor * [all]")], ["", ""]]),
            "| a | b |\n| --- | --- |\n| `x \\|\\| y` | 1 \\< 2 or \\* \\[all\\] |\n| | |",
        )

    def test_makes_the_ids_that_github_makes(self):
        self.assertEqual(anchor("Roles, and profiles (old)"), "roles-and-profiles-old")
        self.assertEqual(anchor("user_roles"), "user_roles")
