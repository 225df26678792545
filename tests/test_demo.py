"""`load_demo` fills every table, once, and as the services would have."""

from django.test import TestCase

from accounts.models import User
from tests.support.databases import v1_models
from tests.support.demo import load_demo
from tests.support.rows import rows


class DemoCatalogue(TestCase):
    def test_fills_every_table_and_every_state_of_the_queue(self):
        self.assertIn("Loaded", load_demo())
        for model in v1_models():
            with self.subTest(model):
                self.assertTrue(
                    model.objects.exists(),
                    f"{model._meta.db_table} has no row: add some in load() of "
                    f"{model._meta.app_label}/demo.py",
                )
        states = "SELECT array_agg(DISTINCT status)::text[] FROM hls_transcode_queue"
        made = rows()
        self.assertEqual(set(made.fetch(states)), set(made.catalog.enums["transcode_status"]))

    def test_again_changes_nothing(self):
        load_demo()
        before = {model: model.objects.count() for model in v1_models()}
        self.assertIn("There are users already", load_demo())
        self.assertEqual({model: model.objects.count() for model in v1_models()}, before)

    def test_leaves_a_database_alone_in_which_there_are_users(self):
        User.objects.create_user("nadia@veza.example", "nadia")
        self.assertIn("createsuperuser", load_demo())
        self.assertEqual(User.objects.count(), 1)

    def test_has_counters_that_equal_the_rows(self):
        load_demo()
        wrong = """
            SELECT count(*) FROM tracks WHERE
                play_count <> (SELECT count(*) FROM track_plays WHERE track_id = tracks.id)
                OR like_count <> (SELECT count(*) FROM track_likes WHERE track_id = tracks.id)
                OR share_count <> (SELECT count(*) FROM track_shares WHERE track_id = tracks.id)
                OR comment_count <> (SELECT count(*) FROM track_comments
                                     WHERE track_id = tracks.id AND deleted_at IS NULL)
        """
        self.assertEqual(rows().fetch(wrong), 0)
