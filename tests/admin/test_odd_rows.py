"""One row never makes a page unreadable, whatever other services write into it."""

from contextlib import contextmanager
from datetime import timedelta
from unittest import mock

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.fields import ArrayField
from django.db import DataError, IntegrityError, connection, models, transaction
from django.test import SimpleTestCase, tag
from django.urls import reverse

from accounts.models import User, UserRole
from media.models import HlsTranscodeJob
from media.services import claim_jobs
from rbac.models import Permission, Role, UserProfile
from streaming.models import Track, TrackPlay
from tests.support.admin import AdminTests, admin_of, admin_url
from tests.support.databases import v1_models
from veza_site.admin.lists.list_admin import ListAdmin
from veza_site.admin.rows.forms import SHOWN
from veza_site.fields import EnumField, JSONField
from veza_site.models import AppendOnlyModel

MOMENTS = [
    "infinity",
    "-infinity",
    "10000-01-01 00:00:00+00",
    "294276-12-31 23:59:59.999999+00",
    "0044-03-15 12:00:00+00 BC",
    "9999-12-31 23:59:59.999999+00",
    "0001-01-01 00:00:00+00",
]
WORDS = {"never", "before all time", "after the year 9999", "before the year 1"}

DEEP = "[" * 3000 + "]" * 3000
JSON = [
    "1e5000",
    '{"number": 1e400}',
    '{"number": 1e400, "float": 0.5}',
    f"{10**400}.5",
    DEEP,
    "null",
    '"text"',
    '{"": [null, {}, 0.1234567890123456789012345]}',
    '{"when": "infinity", "far": "99999-01-01T00:00:00Z"}',
]
TEXTS = ["\u200b", "\u202eevil", "\x01\x1f\x7f", "\uffff\U0010ffff", "<script>'\"&</script>", " "]

# The worst values of each type, as PostgreSQL reads them.
WORST = {
    models.DateTimeField: MOMENTS,
    models.GenericIPAddressField: ["10.0.0.0/8", "2001:db8::/32", "::ffff:1.2.3.4"],
    models.JSONField: JSON,
    models.SmallIntegerField: ["32767", "-32768"],
    models.IntegerField: [str(2**31 - 1), str(-(2**31))],
    models.BigIntegerField: [str(2**63 - 1), str(-(2**63))],
    models.CharField: TEXTS,
    models.TextField: TEXTS,
}
WORST_ARRAYS = {
    models.IntegerField: ["{{1,2},{3,4}}", "{NULL,1}", "{NULL}", "[0:1]={1,2}"],
    models.TextField: ['{{a,b},{c,"d e"}}', "{NULL,a}", "{NULL}", '{"a,b","",NULL}'],
}

# A box of a form, which a number and a text both fit, beside odd ones.
EDITED = {
    Track: "album",
    UserProfile: "location",
    HlsTranscodeJob: "max_attempts",
}


def find_worst(field):
    """Return the worst values of a column, as PostgreSQL reads them."""
    if field.primary_key or field.is_relation or field.unique or isinstance(field, EnumField):
        return []
    if isinstance(field, ArrayField):
        return WORST_ARRAYS[type(field.base_field)]
    return next((WORST[kind] for kind in type(field).__mro__ if kind in WORST), [])


def plant(model, number=4):
    """Write the worst values into the first rows of a table, by SQL, and return their keys."""
    rows = model.objects.order_by("pk").values_list("pk", flat=True)
    if model is User:
        rows = rows.exclude(role=UserRole.SUPER_ADMIN)  # somebody has to look
    if model is Role:
        rows = rows.exclude(name=UserRole.SUPER_ADMIN)
    if model is Permission:
        rows = rows.exclude(resource="*")
    keys = list(rows[:number])
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger
        for place, key in enumerate(keys):
            for start, field in enumerate(model._meta.local_fields, place):
                values = find_worst(field)
                if field.name == "deleted_at" and place % 3:
                    continue
                for turn in range(len(values)):
                    try:
                        with transaction.atomic():
                            cursor.execute(
                                f'UPDATE {table} SET "{field.column}" = %s WHERE id = %s',
                                [values[(start + turn) % len(values)], key],
                            )
                    except (IntegrityError, DataError):  # a CHECK, a length
                        continue
                    break
        cursor.execute("SET LOCAL session_replication_role = origin")
    return keys


@contextmanager
def planted(model):
    """Plant for a while."""
    with transaction.atomic():
        yield plant(model)
        transaction.set_rollback(True)


def set_column(row, column, value):
    """Write one value into a row, by SQL."""
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{row._meta.db_table}" SET "{column}" = %s WHERE id = %s', [value, row.pk]
        )


def read_as_text(model, key, *left_out):
    """Return a row's columns as PostgreSQL writes them."""
    names = [field.column for field in model._meta.local_fields if field.column not in left_out]
    with connection.cursor() as cursor:
        columns = ", ".join(f'"{name}"::text' for name in names)
        cursor.execute(f'SELECT {columns} FROM "{model._meta.db_table}" WHERE id = %s', [key])
        return dict(zip(names, cursor.fetchone(), strict=True))


def fill_in(page):
    """Return what a browser sends if nobody edits a row's form."""
    form = page.context["adminform"].form
    sent = {SHOWN: form.shown}
    for bound in form:
        widget = getattr(bound.field.widget, "widget", bound.field.widget)
        _collect(widget.get_context(bound.html_name, bound.value(), {})["widget"], sent)
    return sent


def _collect(widget, sent):
    if "subwidgets" in widget:
        for part in widget["subwidgets"]:
            _collect(part, sent)
    elif widget.get("type") == "checkbox":
        if widget["attrs"].get("checked"):
            sent[widget["name"]] = "on"
    elif widget["value"] is not None:
        sent[widget["name"]] = widget["value"]


class OddRows(AdminTests):
    def assert_readable(self, *urls):
        """Check that pages answer, and return what they say."""
        said = []
        for url in urls:
            with self.subTest(url):
                answer = self.get(url)
                self.assertEqual(answer.status_code, 200, url)
                said.append(answer.content.decode())
        return "".join(said)

    def orders(self, url):
        """Return the orders that a list offers, as its address has them."""
        changes = self.get(url).context["cl"]
        places = [
            place for place, name in enumerate(changes.list_display) if name in changes.sortable_by
        ]
        return [f"{sign}{place}" for place in places for sign in ("", "-")]

    def walk(self, url):
        """Return the keys of all rows of a list, from its first page to the last."""
        path, keys = url.partition("?")[0], []
        while url:
            changes = self.get(url).context["cl"]
            keys += [row.pk for row in changes.result_list]
            following = changes.pages.get("next")
            url = following and path + following
        return keys

    def test_are_on_the_pages_of_every_table(self):
        for model in v1_models():
            with self.subTest(model), planted(model) as keys:
                pages = [admin_url(model, "change", key) for key in keys]
                pages.append(admin_url(model, "history", keys[0]))
                if may_delete(model):
                    pages.append(admin_url(model, "delete", keys[0]))
                words = self.assert_readable(admin_url(model, "changelist"), *pages)
                self.assertGreaterEqual(len(find_words(words)), 2)
        self.assert_readable(reverse("admin:index"))

    @tag("slow")  # it goes through every list in each of its orders
    @mock.patch.object(ListAdmin, "list_per_page", 40)
    def test_leave_lists_in_their_order_to_the_last_page(self):
        for model in v1_models():
            url = admin_url(model, "changelist")
            with self.subTest(model), planted(model):
                live = model.objects.alive() if hasattr(model.objects, "alive") else model.objects
                for order in self.orders(url):
                    with self.subTest(order):
                        seen = self.walk(f"{url}?o={order}")
                        self.assertEqual(len(seen), len(set(seen)))
                        self.assertEqual(len(seen), live.count())

    def test_stay_as_they_are_when_a_form_is_saved_untouched(self):
        for model in v1_models():
            if not may_change(model):
                continue
            with self.subTest(model), planted(model) as keys:
                for key in keys:
                    url = admin_url(model, "change", key)
                    before = read_as_text(model, key)
                    answer = self.post(url, fill_in(self.get(url)))
                    self.assertEqual(answer.status_code, 302, explain(answer))
                    self.assertEqual(read_as_text(model, key), before)

    def test_let_the_other_boxes_of_their_form_be_edited(self):
        for model, field in EDITED.items():
            with self.subTest(model), planted(model) as keys:
                for key in keys:
                    url = admin_url(model, "change", key)
                    before = read_as_text(model, key, field, "updated_at")
                    sent = fill_in(self.get(url)) | {field: "17"}
                    answer = self.post(url, sent)
                    self.assertEqual(answer.status_code, 302, explain(answer))
                    self.assertEqual(read_as_text(model, key, field, "updated_at"), before)
                    self.assertEqual(read_as_text(model, key)[field], "17")

    def test_can_be_mended_in_a_form(self):
        track = Track.objects.alive().first()
        url = admin_url(Track, "change", track.pk)
        for text in ["infinity", "10000-01-01 00:00:00+00", "0044-03-15 12:00:00+00 BC"]:
            for mended, now in [
                (["2026-02-28", "12:00:00"], "2026-02-28 12:00:00+00"),
                (["", ""], None),
            ]:
                with self.subTest(text, mended=mended):
                    set_column(track, "published_at", text)
                    page = self.get(url)
                    self.assertContains(page, f'value="{text}"')
                    sent = dict(zip(["published_at_0", "published_at_1"], mended, strict=True))
                    answer = self.post(url, fill_in(page) | sent)
                    self.assertEqual(answer.status_code, 302, explain(answer))
                    self.assertEqual(read_as_text(Track, track.pk)["published_at"], now)

    def test_are_on_the_start_page_and_in_the_list_of_users(self):
        job = HlsTranscodeJob.objects.filter(status="pending").first()
        set_column(job, "available_at", "-infinity")
        set_column(TrackPlay.objects.first(), "created_at", "infinity")
        self.assertContains(self.get(reverse("admin:index")), "since before all time")
        user = User.objects.alive().filter(status="active", role="user").first()
        set_column(user, "locked_until", "infinity")
        answer = self.get(admin_url(User, "changelist"), {"q": user.username})
        self.assertContains(answer, "Locked for ever")
        user.refresh_from_db()
        self.assertTrue(user.is_locked)

    def test_may_have_a_state_that_the_models_don_t_know(self):
        user = User.objects.alive().filter(role="user").first()
        set_column(user, "status", "banned")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE pg_enum SET enumlabel = 'paused'"
                " WHERE enumlabel = 'banned' AND enumtypid = 'user_status'::regtype"
            )
        pages = [admin_url(User, page, user.pk) for page in ("change", "history", "delete")]
        self.assertIn("paused", self.assert_readable(admin_url(User, "changelist"), *pages))

    def test_of_django_s_own_tables_break_no_page(self):
        user = User.objects.alive().filter(role="user").first()
        for moment in ("infinity", "0044-03-15 BC"):
            entry = LogEntry.objects.create(
                user=user,
                content_type=ContentType.objects.get_for_model(User),
                object_id=str(user.pk),
                action_flag=CHANGE,
            )
            set_column(entry, "action_time", moment)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_session SET expire_date = 'infinity'")
        self.assert_readable(admin_url(User, "history", user.pk), reverse("admin:index"))

    def test_are_claimed_whatever_their_payload(self):
        job = HlsTranscodeJob.objects.filter(status="pending").first()
        set_column(job, "payload", "1e5000")
        set_column(job, "available_at", "-infinity")
        set_column(job, "priority", 1)
        (lease,) = claim_jobs(worker="w", lease=timedelta(minutes=1))
        self.assertEqual((lease.job_id, len(lease.payload)), (job.pk, 5001))


class JsonColumns(SimpleTestCase):
    def test_are_of_the_field_that_reads_them_all(self):
        for model in v1_models():
            for field in model._meta.local_fields:
                if isinstance(field, models.JSONField):
                    self.assertIsInstance(field, JSONField)


def explain(answer):
    """Return the errors of a form that was not saved."""
    if "adminform" in (answer.context or {}):
        return answer.context["adminform"].form.errors
    return answer.content.decode()[-3000:]


def may_change(model):
    """Tell whether a super_admin may change a table's rows in a form."""
    return admin_of(model).can_change and not issubclass(model, AppendOnlyModel)


def may_delete(model):
    """Tell whether a super_admin may delete a table's rows."""
    return admin_of(model).can_delete and not issubclass(model, AppendOnlyModel)


def find_words(page):
    """Return the phrases for times that Python can't hold, in a page's HTML."""
    return {words for words in WORDS if f">{words}<" in page}
