"""Deletion in the admin: what it says beforehand, what it costs, and that it is all or nothing."""

from django.db import connection, transaction
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from streaming.models import TrackComment
from tests.admin import load_demo
from tests.databases import v1_models
from tests.rows import rows
from veza_site.admin.deletion import deletion_of


def many(table, number, **values):
    """Insert so many rows, with `values` as SQL."""
    columns, given = ", ".join(values), ", ".join(str(value) for value in values.values())
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {given} FROM generate_series(1, {number}) AS n"
        )


def many_tracks(creator_id, number):
    many(
        "tracks",
        number,
        creator_id=f"'{creator_id}'",
        title="'x'",
        slug="gen_random_uuid()::text",
        artist="'x'",
        file_path="'x'",
        file_size=0,
        mime_type="'x'",
    )


def words(deletion):
    return [str(part) for part in deletion.taken], [str(part) for part in deletion.loosened]


class WhatADeletionTakes(TestCase):
    def setUp(self):
        self.rows = rows()
        self.user = self.rows.insert("users", username="doomed")

    def of_user(self):
        return words(deletion_of(User, User.objects.filter(username="doomed")))

    def test_is_nothing_where_nothing_refers_to_the_row(self):
        self.assertEqual(self.of_user(), ([], []))
        self.assertEqual(words(deletion_of(User, User.objects.none())), ([], []))
        self.assertEqual(words(deletion_of(User, [])), ([], []))

    def test_is_the_same_for_a_row_and_for_a_query(self):
        self.rows.insert("tracks", creator_id=self.user)
        row = User.objects.get(pk=self.user)
        self.assertEqual(words(deletion_of(User, [row])), self.of_user())

    def test_follows_the_foreign_keys_from_table_to_table(self):
        track = self.rows.insert("tracks", creator_id=self.user)
        stream = self.rows.insert("hls_streams", track_id=track)
        self.rows.insert("bitrate_adaptation_logs", stream_id=stream)
        taken, _ = self.of_user()
        self.assertEqual(sorted(taken), ["1 HLS stream", "1 bitrate adaptation log", "1 track"])

    def test_counts_once_what_goes_by_two_ways(self):
        track = self.rows.insert("tracks", creator_id=self.user)
        self.rows.insert("track_likes", track_id=track, user_id=self.user)
        self.assertIn("1 track like", self.of_user()[0])

    def test_follows_comments_to_the_replies_to_replies(self):
        track = self.rows.insert("tracks")
        comment = self.rows.insert("track_comments", track_id=track, user_id=self.user)
        for _ in range(3):
            comment = self.rows.insert("track_comments", track_id=track, parent_id=comment)
        self.assertEqual(self.of_user(), (["4 track comments"], []))
        first = TrackComment.objects.filter(parent=None)
        self.assertEqual(words(deletion_of(TrackComment, first)), ([], []))
        self.assertEqual(deletion_of(TrackComment, first).rows.number, 4)

    def test_tells_what_stays_without_its_reference(self):
        track = self.rows.insert("tracks")
        self.rows.insert("track_plays", track_id=track, user_id=self.user)
        self.assertEqual(self.of_user(), ([], ["1 track play (user)"]))

    def test_does_not_count_as_staying_what_goes(self):
        track = self.rows.insert("tracks", creator_id=self.user)
        self.rows.insert("track_plays", track_id=track, user_id=self.user)
        taken, loosened = self.of_user()
        self.assertIn("1 track play", taken)
        self.assertEqual(loosened, [])

    def test_counts_up_to_a_thousand(self):
        many_tracks(self.user, 1000)
        self.assertEqual(self.of_user()[0], ["1,000 tracks"])
        many_tracks(self.user, 1)
        self.assertIn("1,000+ tracks", self.of_user()[0])

    def test_says_at_least_of_what_hangs_on_more_than_a_thousand(self):
        many_tracks(self.user, 1001)
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO track_plays (track_id) SELECT id FROM tracks LIMIT 1001")
            cursor.execute(
                "INSERT INTO track_plays (track_id, user_id) SELECT id, %s FROM tracks LIMIT 3",
                [self.user],
            )
        taken, loosened = self.of_user()
        self.assertIn("1,000+ tracks", taken)
        self.assertIn("perhaps some HLS streams", taken)
        if loosened:  # those of the plays that were not among the counted ones
            self.assertEqual(loosened, ["some track plays (user)"])

    def test_takes_one_statement_however_much_there_is(self):
        def statements():
            with CaptureQueriesContext(connection) as queries:
                deletion_of(User, User.objects.filter(username="doomed"))
            return len(queries)

        self.assertEqual(statements(), 1)
        many_tracks(self.user, 1500)
        self.assertEqual(statements(), 1)


class WhatIsTold(TestCase):
    @classmethod
    def setUpTestData(cls):
        load_demo()

    def test_is_what_the_database_then_does(self):
        """For each table of the demo catalogue: the rows that are missing after a DELETE."""
        before = {model: model.objects.count() for model in v1_models()}
        for model in v1_models():
            with self.subTest(model):
                some = model.objects.filter(pk__in=model.objects.order_by("pk")[:5])
                deletion = deletion_of(model, some)
                told = {part.model: part.amount.number for part in deletion.taken}
                with transaction.atomic():
                    model.objects.filter(pk__in=[row.pk for row in some]).delete()
                    gone = {other: before[other] - other.objects.count() for other in before}
                    transaction.set_rollback(True)
                gone = {other: number for other, number in gone.items() if number}
                self.assertEqual(gone, {model: deletion.rows.number} | told)
