"""CONTRIBUTING.md, “Adding a table”, followed to the letter in a copy of this project."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import TestCase, override_settings, tag

from legacy_chat.models import Room
from tests.support.admin import AdminTests, admin_url
from tests.support.databases import empty_database, process_environment
from tests.support.golden import assert_golden
from tests.support.project import Project
from tests.support.rows import Rows

MODELS = '''"""What reviewers write about tracks."""

from django.db import models
from django.db.models import Q

from accounts.models import User
from streaming.models.track import Track
from veza_site.fields import EnumField
from veza_site.indexes import GinIndex, Index
from veza_site.models import MutableModel, SoftDeletableModel


class ReviewVerdict(models.TextChoices):
    """What a review comes to."""

    PRAISE = "praise"
    PAN = "pan"


class TrackReview(SoftDeletableModel):
    """What a reviewer wrote about a track."""

    track = models.ForeignKey(Track, models.DB_CASCADE, db_index=False, related_name="reviews")
    verdict = EnumField(ReviewVerdict, db_default=ReviewVerdict.PRAISE)
    score = models.IntegerField(
        help_text="Of ten. This is longer than a line of a migration may be, and makemigrations "
        "writes it in one."
    )

    scores_by_aspect = models.JSONField(null=True, blank=True)

    class Meta:
        db_table = "track_reviews"
        constraints = [
            models.CheckConstraint(
                condition=Q(score__gte=0) & Q(score__lte=10), name="chk_track_reviews_score"
            )
        ]
        indexes = [
            Index(fields=["track", "-created_at"], name="idx_track_reviews_track_id_created_at"),
            GinIndex(fields=["scores_by_aspect"], name="idx_track_reviews_scores_by_aspect"),
        ]


class TrackReviewVote(MutableModel):
    """Whether somebody found a review useful."""

    review = models.ForeignKey(
        TrackReview, models.DB_CASCADE, db_index=False, related_name="votes"
    )
    user = models.ForeignKey(
        User, models.DB_SET_NULL, null=True, blank=True, db_index=False, related_name="votes"
    )

    class Meta:
        db_table = "track_review_votes"
        indexes = [
            Index(fields=["review"], name="idx_track_review_votes_review_id"),
            Index(fields=["user"], name="idx_track_review_votes_user_id"),
        ]
'''

DEMO = """    review = TrackReview.objects.create(track=tracks[0], score=9)
    TrackReviewVote.objects.create(review=review, user=listeners[0])
"""

ADMIN = '''

@admin.register(TrackReview)
class TrackReviewAdmin(V1Admin):
    """The newest reviews, with what they come to."""

    list_display = ["score", "verdict", "track", "created_at"]


@admin.register(TrackReviewVote)
class TrackReviewVoteAdmin(V1Admin):
    """Votes are cast on the platform."""

    can_add = False
    list_display = ["created_at", "review", "user"]
'''


@tag("slow")  # it runs `make golden` and a part of the suite
class Guide(TestCase):
    def setUp(self):
        self.project = Project(self, self.enterContext(empty_database()))
        (self.project.directory / ".venv").symlink_to(sys.prefix)

    def run_in_project(self, *command):
        """Run a command in the project, assert that it ends with status 0, return its output."""
        ended = subprocess.run(
            command,
            cwd=self.project.directory,
            env=process_environment(self.project.database, PYTHONDONTWRITEBYTECODE="1"),
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        return ended.stdout

    def make(self, target):
        return self.run_in_project("make", "-o", ".venv/installed", target)

    def manage(self, *arguments):
        return self.run_in_project(".venv/bin/python", "manage.py", *arguments)

    def test_adds_a_table_in_steps_that_each_work_the_first_time(self):
        self.write_models()
        self.make_migration()
        self.write_demo_and_admin()
        written = self.make("golden")
        for file in [
            "docs/schema.md: ",
            "schema/001_extensions_and_types.sql: ",
            "schema/941_reviews.sql: new",
            "schema/catalog.json: ",
            "schema/contract.json: ",
            "tests/admin/query_counts.json: ",
        ]:
            self.assertIn(f"\n{file}", written)
        self.fill_lists()
        self.manage(
            "test",
            "--noinput",
            "tests.schema.test_export",
            "tests.schema.test_dictionary",
            "tests.schema.test_plain_sql",
        )

    def write_models(self):
        (self.project.directory / "streaming/models/review.py").write_text(MODELS)
        package = "streaming/models/__init__.py"
        module = "from streaming.models.review import ReviewVerdict, TrackReview, TrackReviewVote\n"
        self.project.replace(
            package, "from streaming.models.track", f"{module}from streaming.models.track"
        )
        names = '"ReviewVerdict", "TrackReview", "TrackReviewVote",'
        self.project.replace(package, "__all__ = [", f"__all__ = [{names}")

    def make_migration(self):
        self.manage("makemigrations", "streaming", "--name", "reviews")
        migration = self.project.migration("streaming", "reviews")
        enum = "migrations.RunSQL(\"CREATE TYPE review_verdict AS ENUM ('praise', 'pan');\"),"
        self.project.replace(migration, "operations = [", f"operations = [{enum}")
        trigger = "from veza_site.migrating.operations import updated_at_trigger\n"
        self.project.replace(migration, "from django.db import", f"{trigger}from django.db import")
        text = migration.read_text()
        self.assertTrue(text.endswith("    ]\n"))
        triggers = "updated_at_trigger('track_reviews'), updated_at_trigger('track_review_votes')"
        migration.write_text(text.removesuffix("]\n") + f"{triggers}]\n")
        self.make("format")

    def write_demo_and_admin(self):
        names = "TrackReview, TrackReviewVote"
        self.project.replace(
            "streaming/demo.py", "    TrackVersion,\n", f"    TrackVersion, {names}\n"
        )
        self.project.replace("streaming/demo.py", "    comments[-1]", f"{DEMO}    comments[-1]")
        self.project.replace(
            "streaming/admin.py", "    TrackVersion,\n", f"    TrackVersion, {names}\n"
        )
        self.project.append("streaming/admin.py", ADMIN)
        self.make("format")

    def fill_lists(self):
        """Fill the lists that the failing tests ask for."""
        check = '"chk_track_reviews_score": [{"score": -1}, {"score": 11}],'
        self.project.replace(
            "tests/schema/test_plain_sql.py", "REFUSED = {", f"REFUSED = {{{check}"
        )


class WhatIsMissing(AdminTests):
    """A test that fails says what to add, and where."""

    def test_is_a_row_in_the_demo(self):
        Room.objects.all().delete()
        with self.assertRaisesMessage(
            AssertionError,
            "the demo has no live row of rooms: add some in load() of legacy_chat/demo.py",
        ):
            self.first_rows()

    def test_is_a_page_in_the_admin(self):
        with self.assertRaisesMessage(
            AssertionError,
            "the admin has no pages of django_content_type: register ContentType in "
            "contenttypes/admin.py, with a V1Admin",
        ):
            admin_url(ContentType, "add")

    def test_is_a_value_that_a_check_accepts_where_none_can_be_guessed(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM rooms;"
                "ALTER TABLE rooms ADD score int NOT NULL CHECK (score BETWEEN 0 AND 10),"
                " ADD code varchar(5) NOT NULL CONSTRAINT chk_rooms_code CHECK (code ~ '^[A-Z]+$')"
            )
        made = Rows(connection.cursor())
        with self.assertRaisesMessage(
            AssertionError,
            "chk_rooms_code refuses what tests/support/rows.py makes up for rooms.code: add",
        ):
            made.insert("rooms")
        accepted = mock.patch.dict(
            "tests.support.rows.ACCEPTED", {"rooms.code": lambda _number: "ABC"}
        )
        with accepted:
            for _ in range(12):
                made.insert("rooms")

    def test_is_what_make_golden_writes(self):
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(override_settings(BASE_DIR=directory))
        file = directory / "schema" / "new.sql"
        with mock.patch.dict("os.environ"):
            os.environ.pop("UPDATE_GOLDEN", None)
            with self.assertRaisesMessage(AssertionError, "schema/new.sql is not up to date"):
                assert_golden(self, file, "a\nb\n")
            os.environ["UPDATE_GOLDEN"] = "1"
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                for text in ["a\nb\n", "a\nc\n", "a\nc\n", None]:
                    assert_golden(self, file, text)
        self.assertEqual(
            printed.getvalue(),
            "schema/new.sql: new\nschema/new.sql: +1 -1 lines\nschema/new.sql: removed\n",
        )
        self.assertFalse(file.exists())
