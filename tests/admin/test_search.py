"""The search box of the lists: ids in any form, beginnings where an index finds them."""

import random
import uuid
from unittest import mock

from django.db import connection
from django.test import SimpleTestCase, TestCase
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from rbac.models import Role
from streaming.models import Playlist, Track
from tests.support.admin import AdminTests, admin_of, admin_url
from tests.support.databases import migrated_catalog, v1_models
from veza_site.admin.lists import search
from veza_site.admin.lists.scope import Scope
from veza_site.admin.secrets import is_secret

LINGUISTIC = mock.patch.object(search, "has_byte_order", return_value=False)
BY_BYTES = mock.patch.object(search, "has_byte_order", return_value=True)

GARBAGE = [
    "\0",
    "a\0b",
    "x" * 10_000,
    "'",
    '"',
    "''\"",
    "%",
    "_",
    "\\",
    "a%",
    "🦀🦀",
    "\udcff",
    "'; DROP TABLE users; --",
    "12345678-1234",
    "{}",
    "urn:uuid:",
    "@",
    "\uffff",
    "\U0010ffff",
]


class SearchBox(AdminTests):
    def found(self, model, term, **parameters):
        answer = self.get(admin_url(model, "changelist"), {"q": term, **parameters})
        self.assertEqual(answer.status_code, 200)
        return list(answer.context["cl"].result_list)

    def test_finds_a_row_by_its_id_in_every_list(self):
        for model, row in self.first_rows().items():
            with self.subTest(model):
                self.assertEqual(self.found(model, str(row.pk)), [row])

    def test_takes_an_id_in_any_form(self):
        row = Track.objects.alive().first()
        for form in [
            str(row.pk),
            row.pk.hex,
            str(row.pk).upper(),
            f"{{{row.pk}}}",
            row.pk.urn,
            f"  {row.pk}\t",
            row.pk.urn.upper().replace("URN:UUID:", "urn:uuid:"),
        ]:
            with self.subTest(form):
                self.assertEqual(self.found(Track, form), [row])
        self.assertEqual(self.found(Track, str(uuid.uuid4())), [])

    def test_finds_nothing_for_garbage_and_says_no_error(self):
        for term in GARBAGE:
            with self.subTest(ascii(term[:20])):
                parameters = {"q": term.encode("utf-8", "surrogatepass")}
                answer = self.get(admin_url(User, "changelist"), parameters)
                self.assertEqual(answer.status_code, 200)
                self.assertEqual(answer.context["cl"].result_list, [])
                self.assertNotContains(answer, "errornote")

    def test_asks_nothing_where_no_row_can_be(self):
        for model, term in [(User, "\0"), (User, "x" * 10_000), (Track, "x" * 256)]:
            url = admin_url(model, "changelist")
            self.get(url)
            with self.subTest(term[:9]), CaptureQueriesContext(connection) as sent:
                self.get(url, {"q": term})
            table = f'FROM "{model._meta.db_table}"'
            asked = [
                one["sql"] for one in sent if table in one["sql"] and one["sql"][-7:] != "LIMIT 1"
            ]
            self.assertEqual(asked, [])

    def test_finds_a_user_whose_domain_is_written_otherwise(self):
        user = User.objects.create_user("Some.One@veza.example", "someone")
        self.assertEqual(self.found(User, "Some.One@VEZA.Example"), [user])
        self.assertEqual(self.found(User, "some.one@veza.example"), [])

    def test_finds_nothing_by_text_among_deleted_rows_but_ids(self):
        user = User.objects.create_user("gone@veza.example", "gone")
        user.soft_delete()
        for shown in ("only", "all"):
            self.assertEqual(self.found(User, "gone", deleted=shown), [])
            self.assertEqual(self.found(User, str(user.pk), deleted=shown), [user])
        self.assertEqual(self.found(User, str(user.pk)), [])

    def test_says_what_it_takes(self):
        for patch, text in [
            (BY_BYTES, "By id, or by the beginning of the email or username."),
            (LINGUISTIC, "By id, or by the whole email or username."),
        ]:
            with patch:
                self.assertContains(self.get(admin_url(User, "changelist")), text)
        self.assertContains(self.get(admin_url(User, "changelist"), {"deleted": "only"}), "By id.<")

    def test_of_every_list_looks_into_indexed_columns_alone(self):
        catalog = migrated_catalog()
        for model in v1_models():
            indexes = catalog.tables[model._meta.db_table].indexes.values()
            leading = {
                index.columns[0]
                for index in indexes
                if index.method == "btree" and index.predicate in (None, "(deleted_at IS NULL)")
            }
            names = admin_of(model).get_search_fields(None)
            self.assertEqual(names[0], "id")
            for name in names:
                with self.subTest(model=model, name=name):
                    field = model._meta.get_field(name)
                    self.assertIn(field.column, leading)
                    self.assertFalse(is_secret(field))


class Search(TestCase):
    """On users whose names are close, both in bytes and in languages."""

    names = ["amy", "Amy", "amy1", "amy%", "amy_x", "amya", "amz", "am", "ämy", "amy\U0001f980"]

    def setUp(self):
        for number, name in enumerate(self.names):
            User.objects.create(email=f"{number}@veza.example", username=f"{name}__")

    def found(self, term):
        rows = search.search(
            User.objects.all(), term, ["email", "username"], Scope(User, live=True)
        )
        return {user.username for user in rows}

    def test_by_beginning_takes_every_character_for_itself(self):
        with BY_BYTES:
            for term in ["a", "am", "amy", "amy%", "amy_", "Amy", "ä", "amy\U0001f980", "z"]:
                with self.subTest(term):
                    expected = {f"{name}__" for name in self.names if f"{name}__".startswith(term)}
                    self.assertEqual(self.found(term), expected)

    def test_finds_whole_texts_where_a_language_sorts(self):
        with LINGUISTIC:
            self.assertEqual(self.found("amy"), set())
            self.assertEqual(self.found("amy__"), {"amy__"})
            self.assertEqual(self.found("3@VEZA.example"), {"amy%__"})

    def test_knows_how_this_database_sorts(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT username FROM users ORDER BY username")
            found = [name for (name,) in cursor.fetchall()]
        by_bytes = found == sorted(found, key=str.encode)
        self.assertEqual(search.has_byte_order("default"), by_bytes)

    def test_is_served_by_the_index(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO users (email, username, password_hash)"
                " SELECT i || '@x.example', 'user' || i, '!' FROM generate_series(1, 3000) i"
            )
            cursor.execute("ANALYZE users")
            cursor.execute("SET LOCAL enable_seqscan = off")  # the other tables are empty
        for patch in (BY_BYTES, LINGUISTIC):
            for model, names in [
                (User, ["email", "username"]),
                (Role, ["name"]),
                (Playlist, ["slug"]),
            ]:
                with self.subTest(model), patch:
                    rows = search.search(
                        model.objects.alive(), "amy", names, Scope(model, live=True)
                    )
                    plan = rows.order_by().explain()
                    self.assertEqual(plan.count("Index Cond"), len(names), plan)
                    self.assertNotIn("Seq Scan", plan)


class Beginnings(TestCase):
    def test_are_found_in_the_order_of_bytes(self):
        chance = random.Random(3)
        letters = [
            "a",
            "b",
            "z",
            "é",
            "\ud7ff",
            "\ue000",
            "\uffff",
            "\U0001f980",
            "\U0010ffff",
            "%",
        ]
        texts = ["".join(chance.choices(letters, k=chance.randint(1, 5))) for _ in range(300)]
        for text in texts:
            end = search._find_successor(text)
            for other in texts:
                inside = text.encode() <= other.encode() and (
                    not end or other.encode() < end.encode()
                )
                self.assertEqual(inside, other.startswith(text), (text, other))


class Collations(SimpleTestCase):
    def test_of_bytes_are_told_from_those_of_languages(self):
        for provider, collation, expected in [
            ("c", "C", True),
            ("c", "POSIX", True),
            ("c", "C.UTF-8", True),
            ("c", "C.utf8", True),
            ("b", "C", True),
            ("c", "en_US.UTF-8", False),
            ("c", "de_DE.utf8", False),
            ("i", "C", False),
            ("d", "C", False),
        ]:
            with self.subTest(provider=provider, collation=collation):
                self.assertEqual(search.is_byte_order(provider, collation), expected)
