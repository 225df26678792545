"""What staff do to rows: asked first, all or nothing, written down."""

from unittest import mock

from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from streaming.models import Track
from tests.rows import rows
from veza_site.admin import batches


class ActionTests(TestCase):
    """Tests that choose actions as a browser does."""

    @classmethod
    def setUpTestData(cls):
        User.objects.create_superuser("root@veza.example", "root")
        cls.root = User.objects.get(username="root")

    def setUp(self):
        self.rows = rows()
        self.client.force_login(self.root)

    def list_of(self, model):
        return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    def page_of(self, row):
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
        return reverse(name, args=[row.pk])

    def send(self, url, parameters):
        """Send a form, and return the answer."""
        return self.client.post(url, parameters, secure=True)

    def choose(self, model, action, *chosen, everything=False, query="", **values):
        """Choose an action on the list, for these rows or for all that match; return the answer."""
        keys = [row.pk for row in chosen] or [self.root.pk]
        parameters = {"action": action, "_selected_action": keys, "select_across": int(everything)}
        return self.send(self.list_of(model) + query, parameters | values)

    def confirm(self, model, action, *chosen, **options):
        """Choose an action on the list and confirm it; return the messages."""
        return self.told(self.choose(model, action, *chosen, confirmed="yes", **options))

    def confirm_on_page(self, row, action, **values):
        """Choose an action on the row's own page and confirm it; return the messages."""
        parameters = {"CHANGE_FORM-action": action, "_selected_action": row.pk, "confirmed": "yes"}
        return self.told(self.send(self.page_of(row), parameters | values))

    def told(self, answer):
        self.assertEqual(answer.status_code, 302, answer.content.decode())
        return " ".join(map(str, get_messages(answer.wsgi_request)))

    def log(self):
        return list(LogEntry.objects.order_by("pk").values_list("object_repr", "change_message"))


class EveryAction(ActionTests):
    def setUp(self):
        super().setUp()
        for number in range(12):
            self.rows.insert("tracks", title=f"Song {number:02}")
        self.tracks = list(Track.objects.order_by("title"))

    def test_asks_first_how_many_rows_it_is_about_and_names_ten(self):
        answer = self.choose(Track, "soft_delete", *self.tracks)
        self.assertContains(answer, "Soft-delete 12 tracks?")
        self.assertContains(answer, " – Song ", count=10)
        self.assertEqual(Track.objects.alive().count(), 12)

    def test_asks_with_what_has_to_be_sent_again(self):
        answer = self.choose(Track, "soft_delete", *self.tracks[:2])
        for track in self.tracks[:2]:
            self.assertContains(answer, f'name="_selected_action" value="{track.pk}"')
        self.assertContains(answer, 'name="action" value="soft_delete"')

    def test_is_done_to_the_chosen_rows_and_told(self):
        told = self.confirm(Track, "soft_delete", *self.tracks[:3])
        self.assertEqual(told, "3 tracks soft-deleted.")
        self.assertEqual(Track.objects.deleted().count(), 3)
        self.assertCountEqual(
            self.log(), [(str(track), "Soft-deleted.") for track in self.tracks[:3]]
        )

    def test_is_done_to_a_row_from_its_page(self):
        self.assertEqual(
            self.confirm_on_page(self.tracks[4], "soft_delete"), "1 track soft-deleted."
        )
        self.assertEqual(Track.objects.deleted().get(), self.tracks[4])

    def test_is_done_to_all_that_match_in_batches(self):
        with mock.patch.object(batches, "SIZE", 5), CaptureQueriesContext(connection) as sent:
            told = self.confirm(Track, "soft_delete", everything=True)
        self.assertEqual(told, "12 tracks soft-deleted.")
        updates = [query for query in sent if query["sql"].startswith('UPDATE "tracks"')]
        self.assertEqual(len(updates), 3)


class Restoring(ActionTests):
    def test_says_which_live_row_has_the_name_and_changes_nothing(self):
        old = self.rows.insert("tracks", slug="song", deleted_at="2001-02-03T04:05:06Z")
        other = self.rows.insert("tracks", deleted_at="2001-02-03T04:05:06Z")
        new = self.rows.insert("tracks", slug="song")
        told = self.confirm(Track, "restore", *Track.objects.filter(pk__in=[old, other]))
        self.assertIn(f"({new}) has the slug song too; nothing was changed.", told)
        self.assertEqual(Track.objects.deleted().count(), 2)
        self.assertEqual(self.log(), [])

    def test_says_which_of_the_restored_rows_have_the_same_name(self):
        for _ in range(2):
            self.rows.insert("tracks", slug="song", deleted_at="2001-02-03T04:05:06Z")
        told = self.confirm(Track, "restore", *Track.objects.all())
        self.assertIn("has the slug song too; nothing was changed.", told)
