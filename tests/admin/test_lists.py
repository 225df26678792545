"""The lists of the admin: pages, order, counts, filters, columns and autocomplete."""

import json
import uuid
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from django.contrib import admin
from django.contrib.admin.options import ShowFacets
from django.contrib.admin.templatetags.admin_list import results
from django.contrib.messages.storage.base import BaseStorage
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models.functions import Now
from django.test import RequestFactory, SimpleTestCase, TestCase
from django.test.utils import CaptureQueriesContext

from accounts.models import RefreshToken, User, UserRole, UserSession
from media.models import HlsTranscodeJob
from rbac.models import Role
from streaming.models import Playlist, PlaylistTrack, Track, TrackHistory, TrackLike, TrackPlay
from tests.support.admin import AdminTests, admin_of, admin_url
from tests.support.databases import migrated_catalog, v1_models
from tests.support.rows import rows
from veza_site.admin.fields import relation_parameter
from veza_site.admin.lists import counts
from veza_site.admin.lists.autocomplete import V1AutocompleteView
from veza_site.admin.lists.keyset import Cursor, Order
from veza_site.admin.lists.scope import Scope
from veza_site.admin.lists.search import has_byte_order
from veza_site.admin.secrets import is_secret
from veza_site.admin.wording.state import show_state
from veza_site.models import SoftDeletableModel

NEWEST = Order(TrackPlay._meta.get_field("created_at"), descending=True)
SIZE = 50


class ListTests(AdminTests):
    def changes(self, model, query=""):
        """Return the list of `model` for a query string, without rendering its page."""
        request = RequestFactory().get(admin_url(model, "changelist") + query)
        request.user = self.staff
        request._messages = BaseStorage(request)
        return admin_of(model).get_changelist_instance(request)

    def setUp(self):
        self.staff = self.sign_in(UserRole.SUPER_ADMIN)
        has_byte_order("default")  # which a process asks once

    def keys(self, model, query=""):
        return [row.pk for row in self.changes(model, query).result_list]


def name(column):
    """Return the name of the field that a column of a list shows."""
    return getattr(column, "admin_order_field", column)


def plays(number):
    """Insert plays of a new track, a second apart, and return the track's id."""
    made = rows()
    track = made.insert("tracks")
    made.cursor.execute(
        "INSERT INTO track_plays (track_id, created_at)"
        " SELECT %s, now() - i * interval '1 second' FROM generate_series(1, %s) AS i",
        [track, number],
    )
    return track


class ListPages(ListTests):
    def test_show_each_row_once_forwards_and_backwards(self):
        track = plays(3 * SIZE + 7)
        query = f"?{relation_parameter(TrackPlay._meta.get_field('track'))}={track}"
        expected = list(
            TrackPlay.objects.filter(track=track)
            .order_by("-created_at", "-pk")
            .values_list("pk", flat=True)
        )
        for start, step in [(query, "next"), (query + "&p=last", "previous")]:
            seen, link = [], start
            while link:
                changes = self.changes(TrackPlay, link)
                keys = [row.pk for row in changes.result_list]
                seen = seen + keys if step == "next" else keys + seen
                link = changes.pages.get(step)
            self.assertEqual(seen, expected)

    def test_have_neither_facets_nor_a_date_hierarchy(self):
        for model in v1_models():
            with self.subTest(model):
                page = admin_of(model)
                self.assertIs(page.show_facets, ShowFacets.NEVER)
                self.assertIsNone(page.date_hierarchy)

    def test_have_links_to_the_others(self):
        plays(3 * SIZE)
        first = self.changes(TrackPlay)
        self.assertEqual(set(first.pages), {"next", "last"})
        second = self.changes(TrackPlay, first.pages["next"])
        self.assertEqual(set(second.pages), {"first", "previous", "next", "last"})
        self.assertEqual(set(self.changes(TrackPlay, "?p=last").pages), {"first", "previous"})
        self.assertContains(self.get(admin_url(TrackPlay, "changelist")), 'rel="next"')

    def test_of_a_broken_cursor_are_the_first_with_a_message(self):
        plays(2 * SIZE)
        first = self.keys(TrackPlay)
        play = TrackPlay.objects.first()
        other = Cursor("after", (play.created_at, play.pk)).encode(NEWEST)
        columns = [name(column) for column in self.changes(TrackPlay).list_display]
        upwards = columns.index("created_at")
        for model, cursor in [
            (TrackPlay, "2"),
            (TrackPlay, "after.zzz"),
            (TrackPlay, "%00"),
            (TrackPlay, other[:-3]),
            (TrackPlay, f"{other}&o={upwards}"),  # the same column, in the opposite direction
        ]:
            with self.subTest(cursor):
                answer = self.get(admin_url(model, "changelist") + f"?p={cursor}")
                self.assertContains(answer, "This list has no such page")
                if "&o=" not in cursor:
                    self.assertEqual([row.pk for row in answer.context["cl"].result_list], first)

    def test_send_no_offset_and_no_count_of_a_large_table(self):
        plays(2 * SIZE)
        url = admin_url(TrackPlay, "changelist")
        for query in ["", "?p=last", "?o=1", self.changes(TrackPlay).pages["next"]]:
            with self.subTest(query), CaptureQueriesContext(connection) as sent:
                self.get(url + query)
            for sql in [one["sql"] for one in sent if "track_plays" in one["sql"]]:
                self.assertNotIn("OFFSET", sql)
                if "COUNT(" in sql:
                    self.assertIn(f"LIMIT {counts.CAP + 1})", sql)
                elif not sql.startswith("EXPLAIN") and '."id" IN (' not in sql:
                    self.assertIn(f"LIMIT {SIZE + 1}", sql)

    def test_send_as_many_queries_whatever_their_rows(self):
        for model in v1_models():
            with self.subTest(model):
                made = rows()
                made.insert(model._meta.db_table)
                self.changes(model)  # asks once how the database sorts
                few = self.queries_of_rows(model)
                for _ in range(5):
                    made.insert(model._meta.db_table)
                self.assertEqual(self.queries_of_rows(model), few)

    def queries_of_rows(self, model):
        """Return how many queries fetch and show the rows of the list, without the count."""
        with CaptureQueriesContext(connection) as sent:
            list(results(self.changes(model)))
        return len([one for one in sent if "COUNT(" not in one["sql"]])


class ListOrders(ListTests):
    """Judged by the live catalog, not by what the models declare."""

    def has_index(self, model, column, pinned, live):
        """Tell whether an index has the rows in the order of `column`, with `pinned` constant."""
        for index in self.catalog.tables[model._meta.db_table].indexes.values():
            fits = index.predicate is None or (live and index.predicate == "(deleted_at IS NULL)")
            if index.method != "btree" or not index.valid or not fits:
                continue
            following = [name for name in index.columns if name not in pinned]
            leading = index.columns[: len(index.columns) - len(following)]
            if following and set(leading) <= pinned and following[0] == column:
                return True
        return False

    def cases(self, model):
        """Yield a query string for each kind of list, its pinned columns, and if it is live."""
        relations = [field for field in model._meta.local_fields if field.is_relation]
        for pinned in [None, *relations]:
            query = f"?{relation_parameter(pinned)}={uuid.uuid4()}" if pinned else "?"
            columns = {pinned.column} if pinned else set()
            if issubclass(model, SoftDeletableModel):
                yield query + "&deleted=all", columns, False
                yield query + "&deleted=only", columns, False
            yield query, columns, issubclass(model, SoftDeletableModel)

    def test_follow_an_index_in_every_list(self):
        self.catalog = migrated_catalog()
        sorted_by = 0
        for model in v1_models():
            table = self.catalog.tables[model._meta.db_table]
            for query, pinned, live in self.cases(model):
                with self.subTest(model=model, query=query):
                    orders = {self.changes(model, query).order}
                    changes = self.changes(model, query)
                    for shown in changes.sortable_by:
                        number = changes.list_display.index(shown)
                        orders.add(self.changes(model, f"{query}&o=-{number}").order)
                    for order in orders:
                        sorted_by += 1
                        column = order.field.column
                        self.assertTrue(self.has_index(model, column, pinned, live), order)
                        self.assertFalse(table.columns[column].nullable)
                        self.assertFalse(is_secret(order.field))
        self.assertGreater(sorted_by, 100)

    def test_are_offered_where_they_are_done(self):
        for model in v1_models():
            changes = self.changes(model)
            for number, shown in enumerate(changes.list_display):
                with self.subTest(model=model, column=shown):
                    upwards = self.changes(model, f"?o={number}").order
                    downwards = self.changes(model, f"?o=-{number}").order
                    self.assertEqual(shown in changes.sortable_by, upwards != downwards)

    def test_are_the_newest_first_where_an_index_has_it(self):
        for model, pinned, expected in [
            (TrackPlay, set(), "-created_at"),
            (TrackPlay, {"track"}, "-created_at"),
            (TrackLike, {"track"}, "-created_at"),
            (TrackLike, {"user"}, "-id"),
            (TrackHistory, set(), "-id"),
            (TrackHistory, {"track"}, "-created_at"),
            (RefreshToken, set(), "-expires_at"),
            (UserSession, set(), "-expires_at"),
            (UserSession, {"user"}, "-expires_at"),
            (PlaylistTrack, {"playlist"}, "position"),
            (Role, set(), "-id"),
        ]:
            with self.subTest(model=model, pinned=pinned):
                live = issubclass(model, SoftDeletableModel)
                scope = Scope(model, frozenset(pinned), live)
                self.assertEqual(scope.default_order.name, expected)

    def test_ignore_what_the_address_asks_for_without_an_index(self):
        names = [name(column) for column in self.changes(User).list_display]
        for asked in [str(names.index("last_login")), "99", "-99", "x", "", "--1", "²", "1" * 5000]:
            with self.subTest(asked[:9]):
                self.assertEqual(self.changes(User, f"?o={asked}").order.name, "-created_at")
        both = f"-{names.index('email')}.{names.index('created_at')}"
        self.assertEqual(self.changes(User, f"?o={both}").order.name, "-email")

    def test_by_a_live_rows_index_are_for_live_rows(self):
        for query, expected in [("", True), ("?deleted=all", False), ("?deleted=only", False)]:
            columns = [name(column) for column in self.changes(User, query).sortable_by]
            self.assertEqual("email" in columns, expected)

    def test_say_in_the_head_by_what_they_are(self):
        self.assertContains(
            self.get(admin_url(User, "changelist")), "sortable column-created_at sorted descending"
        )


class ListCounts(ListTests):
    def test_of_a_page_that_holds_all_rows_ask_nothing(self):
        self.staff.get_all_permissions()
        with self.assertNumQueries(2):  # the keys and the rows of the page
            changes = self.changes(Role)
        self.assertEqual(changes.count_text, str(Role.objects.alive().count()))

    def test_are_exact_up_to_the_cap(self):
        track = plays(counts.CAP)
        query = f"?track__id__exact={track}"
        self.assertEqual(self.changes(TrackPlay, query).count_text, "1,000")
        TrackPlay.objects.create(track_id=track)
        changes = self.changes(TrackPlay, query)
        self.assertEqual((changes.count_text, changes.result_count), ("1,000+", 1000))

    def test_of_a_large_table_are_the_planners(self):
        plays(12_300)
        connection.cursor().execute("ANALYZE track_plays")
        changes = self.changes(TrackPlay)
        self.assertAlmostEqual(changes.result_count, TrackPlay.objects.count(), delta=500)
        self.assertEqual(changes.count_text, counts.say_estimate(changes.result_count))
        answer = self.get(admin_url(TrackPlay, "changelist"))
        self.assertContains(answer, f"{changes.count_text} track plays")

    def test_under_a_filter_that_leaves_few_of_many_are_not_made(self):
        self.assertFalse(counts.is_costly(TrackPlay.objects.filter(source="")))
        plays(200)
        with connection.cursor() as cursor:
            # The statistics of an earlier test outlive its rows.
            cursor.execute("ANALYZE track_plays")
            # As if the table had 10 million rows.
            cursor.execute("SET LOCAL cpu_tuple_cost = 1000")
            self.assertTrue(counts.is_costly(TrackPlay.objects.filter(source="x")))
            changes = self.changes(TrackPlay, "?created_at__within=day")
            self.assertEqual(changes.count_text, f"{SIZE}+")

    def test_are_on_the_page_in_words(self):
        track = plays(counts.CAP + 1)
        answer = self.get(admin_url(TrackPlay, "changelist"), {"track__id__exact": track})
        self.assertContains(answer, "1,000+ track plays")
        self.assertContains(answer, "1,000+ found")


class CountWords(SimpleTestCase):
    def test_have_two_digits(self):
        for number, words in [
            (0, "about 0"),
            (7, "about 7"),
            (1_234, "about 1,200"),
            (98_765, "about 99,000"),
            (999_999, "about 1 million"),
            (9_812_345, "about 9.8 million"),
            (10_000_000, "about 10 million"),
            (123_456_789, "about 120 million"),
            (1_950_000_000, "about 2 billion"),
        ]:
            with self.subTest(number):
                self.assertEqual(counts.say_estimate(number), words)

    def test_of_a_capped_count_say_that_there_are_more(self):
        self.assertEqual(str(counts.Count(1204)), "1,204")
        self.assertEqual(str(counts.Count(1000, is_capped=True)), "1,000+")


class Estimates(TestCase):
    def test_read_no_row(self):
        made = rows()
        made.insert("users")
        with CaptureQueriesContext(connection) as sent:
            self.assertGreaterEqual(counts.estimate(User.objects.alive()), 1)
        self.assertEqual([one["sql"].split()[0] for one in sent], ["EXPLAIN"])
        with self.assertNumQueries(0):
            self.assertEqual(counts.estimate(User.objects.none()), 0)


class ListFilters(ListTests):
    def test_answer_for_each_choice_in_every_list(self):
        filters = 0
        for model in v1_models():
            changes = self.changes(model)
            for spec in changes.filter_specs:
                for choice in spec.choices(changes):
                    if query := choice.get("query_string"):
                        filters += 1
                        with self.subTest(model=model, query=query):
                            self.assertIsInstance(self.keys(model, query), list)
        self.assertGreater(filters, 150)

    def test_ask_the_database_nothing_to_be_shown(self):
        for model in v1_models():
            with self.subTest(model):
                changes = self.changes(model)
                with self.assertNumQueries(0):
                    for spec in changes.filter_specs:
                        list(spec.choices(changes))

    def test_show_live_rows_unless_asked(self):
        live = set(Track.objects.alive().values_list("pk", flat=True))
        gone = Track.objects.first()
        gone.soft_delete()
        self.assertEqual(set(self.keys(Track)), live - {gone.pk})
        deleted = set(Track.objects.deleted().values_list("pk", flat=True))
        self.assertEqual(set(self.keys(Track, "?deleted=only")), deleted)
        self.assertEqual(set(self.keys(Track, "?deleted=all")), live | deleted)

    def test_take_djangos_name_for_a_choice_and_the_short_one(self):
        expected = set(HlsTranscodeJob.objects.filter(status="failed").values_list("pk", flat=True))
        self.assertTrue(expected)
        for query in ["?status__exact=failed", "?status=failed"]:
            self.assertEqual(set(self.keys(HlsTranscodeJob, query)), expected)

    def test_tell_yes_from_no(self):
        for flag in (True, False):
            expected = set(Playlist.objects.filter(is_public=flag).values_list("pk", flat=True))
            found = self.keys(Playlist, f"?is_public__exact={flag:d}&deleted=all")
            self.assertEqual(set(found), expected)

    def test_by_a_period_take_times_up_to_now(self):
        old, new, to_come = (rows().insert("refresh_tokens") for _ in range(3))
        for key, hours in [(old, -25), (new, -23), (to_come, 23)]:
            time = Now() + timedelta(hours=hours)
            RefreshToken.objects.filter(pk=key).update(expires_at=time)
        found = self.keys(RefreshToken, "?expires_at__within=day")
        self.assertIn(new, found)
        self.assertFalse({old, to_come} & set(found))

    def test_by_a_period_wait_for_the_parent_whose_index_has_the_time(self):
        like = TrackLike.objects.first()
        url = admin_url(TrackLike, "changelist")
        self.assertNotContains(self.get(url), "created_at__within")
        one = f"{url}?track__id__exact={like.track_id}"
        self.assertContains(self.get(one), "created_at__within=hour")
        self.assertEqual(self.get(f"{one}&created_at__within=hour").status_code, 200)
        self.assertContains(
            self.get(f"{url}?created_at__within=hour"),
            "have no index by created, so that filter was left out",
        )

    def test_by_a_relation_show_its_row_in_the_box(self):
        play = TrackPlay.objects.select_related("track").first()
        query = f"?track__id__exact={play.track_id}"
        answer = self.get(admin_url(TrackPlay, "changelist") + query)
        option = f'<option value="{play.track_id}" selected>{play.track}</option>'
        self.assertContains(answer, option, html=True)
        self.assertEqual(
            {row.track_id for row in answer.context["cl"].result_list}, {play.track_id}
        )

    def test_by_a_relation_keep_what_else_is_asked(self):
        play = TrackPlay.objects.first()
        query = f"?created_at__within=month&q=x&track__id__exact={play.track_id}"
        answer = self.get(admin_url(TrackPlay, "changelist") + query)
        kept = '<input type="hidden" name="{}" value="{}">'
        self.assertContains(answer, kept.format("created_at__within", "month"), html=True)
        self.assertContains(answer, kept.format("q", "x"), html=True)

    def test_by_a_relation_take_an_id_where_no_script_runs(self):
        play = TrackPlay.objects.first()
        query = f"?track__id__exact=&track__id__exact={play.track_id}"
        both = self.keys(TrackPlay, query)
        self.assertEqual(both, self.keys(TrackPlay, f"?track__id__exact={play.track_id}"))

    def test_refuse_what_is_no_choice(self):
        for model, query in [
            (User, "?role=zzz"),
            (User, "?role__exact=zzz"),
            (User, "?is_verified__exact=2"),
            (User, "?deleted=zzz"),
            (User, "?role__exact=%00"),
            (TrackPlay, "?created_at__within=year"),
            (TrackPlay, "?track__id__exact=zzz"),
            (TrackPlay, "?track__id__exact=%00"),
        ]:
            with self.subTest(query):
                answer = self.get(admin_url(model, "changelist") + query)
                self.assertRedirects(
                    answer, admin_url(model, "changelist") + "?e=1", fetch_redirect_response=False
                )
                self.assertEqual(self.get(answer.url).status_code, 200)

    def test_by_an_address_of_ones_own_are_refused(self):
        for model, query in [
            (User, "?password__startswith=x"),
            (User, "?email__startswith=a"),
            (User, "?created_at__lt=2026-01-01"),
            (User, "?id__in=1"),
            (User, "?nothing=1"),
            (TrackPlay, "?user__password__startswith=x"),
            (TrackPlay, "?user__email=x"),
            (TrackPlay, "?track__creator__id__exact=1"),
            (RefreshToken, "?token_hash=x"),
        ]:
            with self.subTest(query):
                answer = self.get(admin_url(model, "changelist") + query)
                self.assertEqual(answer.status_code, 400)


class ListColumns(ListTests):
    def test_lead_to_the_rows_that_they_name(self):
        play = self.changes(TrackPlay).result_list[0]
        url = admin_url(Track, "change", play.track_id)
        answer = self.get(admin_url(TrackPlay, "changelist"))
        self.assertContains(answer, f'<a href="{url}">{play.track}</a>', html=True)

    def test_name_a_row_without_a_link_where_one_may_not_look(self):
        model_admin = admin_of(Track)
        self.addCleanup(vars(model_admin).pop, "has_view_permission", None)
        model_admin.has_view_permission = lambda _request, _obj=None: False
        play = self.changes(TrackPlay).result_list[0]
        answer = self.get(admin_url(TrackPlay, "changelist"))
        self.assertNotContains(answer, admin_url(Track, "change", play.track_id))
        self.assertContains(answer, str(play.track))

    def test_show_a_state_in_word_and_tone(self):
        answer = self.get(admin_url(HlsTranscodeJob, "changelist"))
        self.assertContains(answer, '<span class="state state-bad">Failed</span>')
        self.assertContains(answer, '<span class="state state-good">Completed</span>')

    def test_escape_what_they_show(self):
        self.assertIn("&lt;b&gt;", show_state("<b>", "<b>"))
        Track.objects.all().update(title="<b>x</b>")
        for model in (Track, TrackPlay):
            self.assertNotContains(self.get(admin_url(model, "changelist")), "<b>x</b>")

    def test_show_nothing_as_a_dash_and_cut_long_text(self):
        playlist = Playlist.objects.alive().first()
        Playlist.objects.filter(pk=playlist.pk).update(title="long " * 50)
        self.assertContains(self.get(admin_url(Playlist, "changelist")), f"{'long ' * 15}long…</a>")
        User.objects.all().update(last_login=None)
        self.assertContains(
            self.get(admin_url(User, "changelist")), '<td class="field-last_login">–</td>'
        )


class Autocomplete(ListTests):
    def offered(self, field, term="", user=None):
        """Return the keys that the box of a relation offers, by label."""
        parameters = {
            "app_label": field.model._meta.app_label,
            "model_name": field.model._meta.model_name,
            "field_name": field.name,
            "term": term,
        }
        request = RequestFactory().get("/", parameters)
        request.user = user or User.objects.get(role="super_admin")
        view = V1AutocompleteView.as_view(admin_site=admin.site)
        with CaptureQueriesContext(connection) as self.sent:
            answer = json.loads(view(request).content)
        self.assertEqual(answer["pagination"], {"more": False})
        return {row["text"]: row["id"] for row in answer["results"]}

    def queries(self, table):
        return [one["sql"] for one in self.sent if f'FROM "{table}"' in one["sql"]]

    user = TrackPlay._meta.get_field("user")

    def test_offers_the_newest_live_rows_at_first(self):
        for number in range(30):
            User.objects.create(email=f"new{number}@veza.example", username=f"new{number}")
        newest = User.objects.alive().order_by("-created_at", "-pk")[:20]
        self.assertEqual(list(self.offered(self.user)), [str(user) for user in newest])
        (sql,) = [sql for sql in self.queries("users") if "LIMIT 20" in sql]
        self.assertNotIn("OFFSET", sql)
        self.assertFalse([one for one in self.sent if "COUNT(" in one["sql"]])

    def test_finds_by_the_beginning_and_by_id(self):
        amara = User.objects.get(username="amara")
        for term in ("ama", "amara", amara.email, str(amara.pk), amara.pk.hex.upper()):
            with self.subTest(term):
                self.assertIn("amara", self.offered(self.user, term))
        self.assertEqual(self.offered(self.user, "mara"), {})

    def test_offers_no_deleted_row(self):
        amara = User.objects.get(username="amara")
        amara.soft_delete()
        for term in ("ama", str(amara.pk)):
            self.assertEqual(self.offered(self.user, term), {})

    def test_finds_nothing_for_garbage(self):
        for term in ("\0", "%", "'", "x" * 10_000, "🦀"):
            with self.subTest(term[:5]):
                self.assertEqual(self.offered(self.user, term), {})

    def test_asks_for_the_permission_to_look(self):
        with self.assertRaises(PermissionDenied):
            self.offered(self.user, user=User.objects.get(username="amara"))

    def test_of_every_relation_answers(self):
        for model in v1_models():
            for field in model._meta.local_fields:
                if field.is_relation:
                    with self.subTest(field):
                        self.assertTrue(self.offered(field))


class Links(ListTests):
    def test_of_a_list_keep_filter_search_and_order(self):
        plays(2 * SIZE)
        query = "?created_at__within=month&o=-1"
        link = parse_qs(urlsplit(self.changes(TrackPlay, query).pages["next"]).query)
        self.assertEqual((link["created_at__within"], link["o"]), (["month"], ["-1"]))
        self.assertTrue(link["p"][0].startswith("after."))
