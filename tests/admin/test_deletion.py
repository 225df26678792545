"""Deletion in the admin: what it announces, what it costs, and that it is all or nothing."""

from unittest import mock

from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.messages import get_messages
from django.db import connection, transaction
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from rbac.models import Permission, Role, RoleGrant, RolePermission
from rbac.system_roles import create_missing
from streaming.models import Track, TrackComment, TrackPlay
from tests.support.admin import AdminTests, admin_url
from tests.support.databases import v1_models
from tests.support.demo import copy_demo
from tests.support.rows import rows
from tests.support.services import ServiceTests
from veza_site.admin.actions import batches
from veza_site.admin.actions.deletion import FOLLOWED, foresee_deletion
from veza_site.admin.lookups import ONLY_INDEXES


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


def play_each_track():
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO track_plays (track_id) SELECT id FROM tracks")


def words(deletion):
    return [str(part) for part in deletion.taken], [str(part) for part in deletion.loosened]


class WhatADeletionTakes(TestCase):
    def setUp(self):
        self.rows = rows()
        self.user = self.rows.insert("users", username="doomed")

    def of_user(self):
        return words(foresee_deletion(User, User.objects.filter(username="doomed")))

    def test_is_nothing_where_nothing_refers_to_the_row(self):
        self.assertEqual(self.of_user(), ([], []))
        self.assertEqual(words(foresee_deletion(User, User.objects.none())), ([], []))
        self.assertEqual(words(foresee_deletion(User, [])), ([], []))

    def test_is_the_same_for_a_row_and_for_a_query(self):
        self.rows.insert("tracks", creator_id=self.user)
        row = User.objects.get(pk=self.user)
        self.assertEqual(words(foresee_deletion(User, [row])), self.of_user())

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
        self.assertEqual(words(foresee_deletion(TrackComment, first)), ([], []))
        self.assertEqual(foresee_deletion(TrackComment, first).rows.number, 4)

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

    def test_follows_a_hundred_rows_of_a_table_and_says_so(self):
        many_tracks(self.user, FOLLOWED)
        play_each_track()
        deletion = foresee_deletion(User, [User(pk=self.user)])
        self.assertCountEqual(words(deletion)[0], ["100 tracks", "100 track plays"])
        self.assertIsNone(deletion.limit)
        many_tracks(self.user, 1)
        deletion = foresee_deletion(User, [User(pk=self.user)])
        self.assertCountEqual(words(deletion)[0], ["101 tracks", "at least 100 track plays"])
        self.assertEqual(deletion.limit, FOLLOWED)

    def test_counts_what_hangs_on_each_of_more_than_a_hundred_rows_at_least(self):
        many_tracks(self.user, FOLLOWED + 1)
        deletion = foresee_deletion(Track, Track.objects.all())
        self.assertEqual((str(deletion.rows), words(deletion)), ("101", ([], [])))
        play_each_track()
        self.assertEqual(
            words(foresee_deletion(Track, Track.objects.all()))[0], ["at least 100 track plays"]
        )

    def test_is_perhaps_there_where_it_was_not_looked_for_unless_the_table_is_empty(self):
        many_tracks(self.user, FOLLOWED + 1)
        self.assertEqual(self.of_user(), (["101 tracks"], []))
        self.rows.insert("track_shares")
        self.assertEqual(self.of_user(), (["101 tracks", "perhaps some track shares"], []))

    def test_does_not_say_for_sure_that_those_stay_which_may_go_too(self):
        many_tracks(self.user, 1001)
        self.rows.cursor.execute(
            "INSERT INTO track_plays (track_id, user_id) SELECT id, creator_id FROM tracks"
        )
        taken, loosened = self.of_user()
        self.assertIn("1,000+ tracks", taken)
        self.assertEqual(loosened, ["perhaps some track plays (user)"])

    def test_takes_as_many_statements_and_no_scan_however_much_there_is(self):
        def sent():
            with CaptureQueriesContext(connection) as queries:
                foresee_deletion(User, User.objects.filter(username="doomed"))
            return [query["sql"] for query in queries]

        few = sent()
        many_tracks(self.user, 1500)
        many = sent()
        self.assertEqual(len(many), len(few))
        self.assertEqual(many[-2], few[-2])
        with connection.cursor() as cursor:
            cursor.execute(many[-3])
            cursor.execute(f"EXPLAIN {many[-2]}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        self.assertIn("WITH RECURSIVE", many[-2])
        self.assertNotIn("Seq Scan", plan)
        self.assertNotIn("Bitmap", plan)

    def test_leaves_the_planner_s_settings_as_they_were(self):
        foresee_deletion(User, [User(pk=self.user)])
        for name in ONLY_INDEXES:
            self.assertEqual(self.rows.fetch(f"SHOW {name}"), "on")


class WhatIsTold(ServiceTests):
    """
    On committed rows.

    If the same transaction wrote a row, PostgreSQL checks all its references again when it sets one
    of them to NULL, and the rows that they refer to may be gone by then.
    """

    few_rows = False

    def setUp(self):
        super().setUp()
        create_missing()
        copy_demo()

    def test_is_what_the_database_then_does(self):
        """For each table of the demo catalogue: which rows are missing after a DELETE."""
        before = {model: model.objects.count() for model in v1_models()}
        for model in v1_models():
            with self.subTest(model):
                some = model.objects.filter(pk__in=model.objects.order_by("pk")[:5])
                deletion = foresee_deletion(model, some)
                told = {part.model: part.amount.number for part in deletion.taken}
                with transaction.atomic():
                    model.objects.filter(pk__in=[row.pk for row in some]).delete()
                    gone = {other: before[other] - other.objects.count() for other in before}
                    transaction.set_rollback(True)
                gone = {other: number for other, number in gone.items() if number}
                self.assertEqual(gone, {model: deletion.rows.number} | told)


class Deleting(AdminTests):
    """Both ways: from the row's own page, and by the action on the list."""

    def setUp(self):
        super().setUp()
        self.me = self.user(role="super_admin")
        self.client.force_login(self.me)
        LogEntry.objects.all().delete()

    def user(self, **values):
        return User.objects.get(pk=rows().insert("users", **values))

    def ways(self, row):
        """Return a function for each way, which asks, or deletes with post="yes"."""
        model = type(row)

        def on_page(**values):
            url = admin_url(model, "delete", row.pk)
            return self.post(url, values) if values else self.get(url)

        def on_list(**values):
            chosen = {"action": "delete_selected", "_selected_action": row.pk}
            return self.post(admin_url(model, "changelist") + "?deleted=all", chosen | values)

        return on_page, on_list

    def read_message(self, answer):
        self.assertEqual(answer.status_code, 302)
        return [str(message) for message in get_messages(answer.wsgi_request)][-1]

    def log(self):
        return list(LogEntry.objects.values_list("object_repr", "action_flag", "user_id"))

    def test_asks_first_and_then_writes_down_what_is_gone(self):
        for number in range(2):
            role = Role.objects.create(name=f"old{number}", display_name="x")
            way = self.ways(role)[number]
            with self.subTest(way.__name__):
                LogEntry.objects.all().delete()
                self.assertContains(way(), "Nothing else is deleted with")
                self.assertEqual((self.log(), Role.objects.filter(pk=role.pk).count()), ([], 1))
                self.assertIn("deleted", self.read_message(way(post="yes")))
                self.assertFalse(Role.objects.filter(pk=role.pk).exists())
                self.assertEqual(self.log(), [(role.name, DELETION, self.me.pk)])

    def test_says_beforehand_how_much_of_a_large_deletion_was_counted(self):
        user = self.user()
        many_tracks(user.pk, FOLLOWED + 1)
        for way in self.ways(user):
            with self.subTest(way.__name__):
                answer = way()
                self.assertContains(answer, "<li>101 tracks</li>")
                self.assertContains(answer, "<li>perhaps some track plays</li>")
                self.assertContains(answer, "Where a table loses more than 100 rows")

    def test_loads_no_child_and_costs_the_same_with_many(self):
        """Both ways, asking and deleting, with 2,000 plays and with none."""

        def queries(plays):
            found = []
            for number in range(2):
                track = Track.objects.get(pk=rows().insert("tracks"))
                many("track_plays", plays, track_id=f"'{track.pk}'")
                way = self.ways(track)[number]
                for values in [{}, {"post": "yes"}]:
                    with CaptureQueriesContext(connection) as sent:
                        way(**values)
                    found.append(len(sent))
                    for query in sent:
                        if "track_plays" in query["sql"]:
                            self.assertTrue(query["sql"].startswith("WITH RECURSIVE"))
                self.assertFalse(TrackPlay.objects.filter(track=track.pk).exists())
            return found

        queries(0)  # for what is read once a process
        self.assertEqual(queries(2000), queries(0))

    def test_of_all_that_match_is_done_in_batches(self):
        Role.objects.bulk_create([Role(name=f"old{n}", display_name="x") for n in range(7)])
        Role.objects.filter(name__startswith="old").soft_delete()
        chosen = {"action": "delete_selected", "select_across": "1"}
        first = Role.objects.deleted().first()
        url = admin_url(Role, "changelist") + "?deleted=only"
        with mock.patch.object(batches, "SIZE", 3), CaptureQueriesContext(connection) as sent:
            told = self.read_message(
                self.post(url, chosen | {"_selected_action": first.pk, "post": "yes"})
            )
        self.assertEqual(told, "7 roles deleted.")
        deletes = [query for query in sent if query["sql"].startswith('DELETE FROM "roles"')]
        self.assertEqual(len(deletes), 3)
        self.assertFalse(Role.objects.deleted().exists())
        self.assertTrue(Role.objects.alive().exists())
        self.assertEqual(LogEntry.objects.filter(action_flag=DELETION).count(), 7)

    def test_that_is_refused_leaves_everything(self):
        """The last super_admin stays, by the column or by a grant, and so do the other users."""
        others = [self.user() for _ in range(3)]
        User.objects.filter(role="super_admin").exclude(pk=self.me.pk).update(role="user")
        for is_granted in (False, True):
            if is_granted:
                RoleGrant.objects.get_or_create(
                    user=self.me, role=Role.objects.get(name="super_admin")
                )
                User.objects.filter(pk=self.me.pk).update(role="moderator")
            on_page, _ = self.ways(self.me)
            for batch in (1, batches.SIZE):
                with self.subTest(granted=is_granted, batch=batch):
                    before = User.objects.count()
                    with mock.patch.object(batches, "SIZE", batch):
                        for answer in [
                            on_page(post="yes"),
                            self.post(
                                admin_url(User, "changelist"),
                                {
                                    "action": "delete_selected",
                                    "_selected_action": [row.pk for row in [*others, self.me]],
                                    "post": "yes",
                                },
                            ),
                        ]:
                            told = self.read_message(answer)
                            self.assertIn("This would leave no permanent super_admin", told)
                            self.assertIn("Nothing was deleted.", told)
                    self.assertEqual(User.objects.count(), before)
                    self.assertEqual(self.log(), [])

    def test_never_takes_a_system_role(self):
        before = Role.objects.count()
        for role in Role.objects.filter(is_system=True):
            for way in self.ways(role):
                with self.subTest(role, way=way.__name__):
                    self.assertIn("Nothing was deleted.", self.read_message(way(post="yes")))
        self.assertEqual((Role.objects.count(), self.log()), (before, []))

    def test_of_nothing_says_so(self):
        gone = Role(pk=self.me.pk, name="gone")
        _, on_list = self.ways(gone)
        self.assertEqual(self.read_message(on_list(post="yes")), "No row matches any more.")

    def may_delete(self, *tables):
        """Sign in as a moderator who may also delete from these tables."""
        user = self.sign_in("moderator")
        role = Role.objects.create(name="janitor", display_name="Janitor")
        RoleGrant.objects.create(user=user, role=role)
        for table in tables:
            right = Permission.objects.create(resource=table, action="delete")
            RolePermission.objects.create(role=role, permission=right)

    def test_needs_the_right_to_delete_what_goes_along(self):
        self.may_delete("users")
        doomed = self.user()
        rows().insert("tracks", creator_id=doomed.pk)
        for way in self.ways(doomed):
            with self.subTest(way.__name__):
                self.assertContains(way(), "<li>tracks</li>")
                self.assertEqual(way(post="yes").status_code, 403)
        self.assertTrue(User.objects.filter(pk=doomed.pk).exists())

    def test_needs_no_right_on_what_is_not_there_or_only_the_database_deletes(self):
        self.may_delete("users", "tracks")
        for number in range(2):
            doomed = self.user()
            track = rows().insert("tracks", creator_id=doomed.pk)
            rows().insert("track_plays", track_id=track)
            with self.subTest(number):
                self.assertIn("deleted", self.read_message(self.ways(doomed)[number](post="yes")))

    def test_needs_the_right_to_delete_what_may_go_along_unseen(self):
        self.may_delete("users", "tracks")
        doomed = self.user()
        many_tracks(doomed.pk, FOLLOWED + 1)
        for way in self.ways(doomed):
            with self.subTest(way.__name__):
                self.assertContains(way(), "<li>HLS streams</li>")
                self.assertEqual(way(post="yes").status_code, 403)

    def test_of_neither_kind_is_for_who_only_reads(self):
        self.sign_in("moderator")
        role = Role.objects.create(name="old", display_name="x")
        on_page, on_list = self.ways(role)
        self.assertEqual(on_page(post="yes").status_code, 403)
        on_list(post="yes")  # there is no such action
        self.assertTrue(Role.objects.filter(pk=role.pk).exists())
