"""Staff sign in to the admin, guessing is stopped, and a session ends when it has to."""

import unicodedata
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from unittest import mock

import bcrypt
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import DateTimeField
from django.test import Client, SimpleTestCase, TestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.backends import PasswordBackend
from accounts.forms import OwnPasswordForm
from accounts.models import User, UserRole, UserStatus
from accounts.sign_in import LOCKED_FOR, MOST_FAILURES, admit, note_failure
from tests.support.passwords import ROUNDS, QuickHashes
from tests.support.services import ServiceTests, statements
from veza_site.transactions import execute, fetch_rows

PASSWORD = "correct horse battery staple"
FEWER_ROUNDS = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


class Quick(QuickHashes):
    def person(self, name="nadia", role=UserRole.ADMIN, **values):
        values = {"email": f"{name}@veza.example", "username": name} | values
        return User.objects.create(password=make_password(PASSWORD), role=role, **values)

    def try_it(self, name="nadia", password=PASSWORD, request=None):
        return PasswordBackend().authenticate(request, username=name, password=password)

    def count_failures(self, user):
        """Return how many failures are counted, and whether the account is locked."""
        user = User.objects.get(pk=user.pk)
        return user.failed_login_attempts, user.locked_until is not None


def change(user, values, **parameters):
    """Change a user in plain SQL, as another service would."""
    assert execute(f"UPDATE users SET {values} WHERE id = %(id)s", id=user.pk, **parameters) == 1


class Name(Quick, TestCase):
    def test_is_an_email_address_or_a_username(self):
        user = self.person()
        for name in ["nadia", "nadia@veza.example", "nadia@VEZA.example"]:
            with self.subTest(name):
                self.assertEqual(self.try_it(name), user)

    def test_that_is_an_email_address_is_that_before_it_is_a_username(self):
        impostor = self.person("impostor", username="nadia@veza.example")
        self.assertEqual(self.try_it("nadia@veza.example"), impostor)
        user = self.person()
        self.assertEqual(self.try_it("nadia@veza.example"), user)

    def test_in_the_stored_spelling_comes_first_and_any_other_where_one_user_has_it(self):
        user = self.person("ops", email="Ops@Example.COM")
        for name in ["Ops@Example.COM", "ops@example.com", "OPS@EXAMPLE.COM", "Ops@example.com"]:
            with self.subTest(name):
                self.assertEqual(self.try_it(name), user)
        twin = self.person("twin", email="ops@example.com")
        for name, found in [
            ("Ops@Example.COM", user),
            ("ops@example.com", twin),
            ("ops@EXAMPLE.com", twin),  # as Django normalises it
            ("OPS@example.com", None),  # nobody knows whose this is
        ]:
            with self.subTest(name, of="two"):
                self.assertEqual(self.try_it(name), found)
        twin.soft_delete()
        self.assertEqual(self.try_it("OPS@example.com"), user)

    def test_is_found_in_every_form_of_unicode(self):
        for form in ("NFC", "NFD"):
            user = self.person(username=unicodedata.normalize(form, "café"))
            for typed in ("NFC", "NFD"):
                with self.subTest(stored=form, typed=typed):
                    self.assertEqual(self.try_it(unicodedata.normalize(typed, "café")), user)
            user.delete()

    def test_is_looked_up_in_the_indexes_alone(self):
        execute(
            "INSERT INTO users (email, username, password_hash)"
            " SELECT 'U' || n || '@veza.example', 'user-' || n, '!' FROM generate_series(1, 5000) n"
        )
        execute("ANALYZE users")
        with CaptureQueriesContext(connection) as sent:
            self.assertEqual(User.objects.find("u7@VEZA.example").username, "user-7")
        plan = "\n".join(line for (line,) in fetch_rows(f"EXPLAIN {sent[0]['sql']}"))
        for index in ("idx_users_username", "idx_users_lower_email"):
            self.assertIn(f"Bitmap Index Scan on {index}", plan)
        self.assertNotIn("Seq Scan", plan)

    def test_of_a_deleted_user_is_nobodys(self):
        self.person(deleted_at=timezone.now())
        self.assertIsNone(self.try_it())
        successor = self.person()
        self.assertEqual(self.try_it(), successor)


class Lock(Quick, TestCase):
    def setUp(self):
        super().setUp()
        self.user = self.person()

    def fail(self, times):
        for _ in range(times):
            self.assertIsNone(self.try_it(password="wrong"))

    def test_begins_with_the_fifth_failure_and_lasts_fifteen_minutes(self):
        self.assertEqual((MOST_FAILURES, LOCKED_FOR), (5, timedelta(minutes=15)))
        self.fail(4)
        self.assertEqual(self.count_failures(self.user), (4, False))
        self.assertEqual(self.try_it(), self.user)
        self.assertEqual(self.count_failures(self.user), (0, False))
        self.fail(5)
        self.assertEqual(self.count_failures(self.user), (5, True))
        self.user.refresh_from_db()
        left = self.user.locked_until - timezone.now()
        self.assertLess(abs(left - LOCKED_FOR), timedelta(minutes=1))
        self.assertIsNone(self.try_it())

    def test_is_not_extended_by_failures_nor_lifted_by_the_right_password(self):
        until = timezone.now() + timedelta(minutes=1)
        change(self.user, "failed_login_attempts = 5, locked_until = %(until)s", until=until)
        for password in ("wrong", PASSWORD):
            self.assertIsNone(self.try_it(password=password))
            note_failure(self.user.pk)
        self.user.refresh_from_db()
        self.assertEqual((self.user.failed_login_attempts, self.user.locked_until), (5, until))

    def test_that_has_expired_starts_the_count_again(self):
        expired = "failed_login_attempts = 5, locked_until = now() - interval '1 second'"
        change(self.user, expired)
        self.fail(1)
        self.assertEqual(self.count_failures(self.user), (1, False))
        self.fail(4)
        self.assertEqual(self.count_failures(self.user), (5, True))
        change(self.user, expired)
        self.assertEqual(self.try_it(), self.user)
        self.assertEqual(self.count_failures(self.user), (0, False))

    def test_begins_at_once_where_another_service_has_counted_as_many(self):
        change(self.user, "failed_login_attempts = 7")
        self.fail(1)
        self.assertEqual(self.count_failures(self.user), (8, True))

    def test_is_one_users(self):
        other = self.person("odile")
        self.fail(5)
        self.assertEqual(self.count_failures(other), (0, False))
        self.assertEqual(self.try_it("odile"), other)

    def test_that_begins_during_the_check_keeps_the_right_password_out(self):
        for values in [
            "locked_until = now() + interval '15 minutes'",
            "status = 'suspended'",
            "deleted_at = now()",
            "password_hash = '!'",
        ]:
            user = self.person(f"user-{values[:8]}")

            def check(user, _password, values=values):
                change(user, values)
                return True

            with self.subTest(values), mock.patch.object(User, "check_password", check):
                self.assertIsNone(self.try_it(user.username))

    def test_for_ever_or_longer_than_python_can_read_keeps_out_and_breaks_nothing(self):
        for until, is_in in [
            ("infinity", False),
            ("20000-01-01", False),
            ("-infinity", True),
            ("0044-03-15 BC", True),
        ]:
            change(self.user, "locked_until = %(until)s", until=until)
            with self.subTest(until):
                self.assertEqual(self.try_it() is not None, is_in)
                change(self.user, "locked_until = %(until)s", until=until)
                self.assertIsNone(self.try_it(password="wrong"))

    def test_for_ever_is_not_told_from_any_other_refusal(self):
        change(self.user, "locked_until = 'infinity'")
        data = {"username": "nadia", "password": PASSWORD}
        answer = self.client.post(reverse("admin:login"), data, secure=True)
        self.assertContains(answer, "Several wrong passwords lock an account for a while.")

    def test_reads_no_other_time_of_a_user(self):
        times = [field.column for field in User._meta.fields if isinstance(field, DateTimeField)]
        self.assertIn("created_at", times)
        for column in times:
            for time in ("infinity", "20000-01-01", "0044-03-15 BC"):
                user = self.person("another")
                client = Client()
                client.force_login(user)
                change(user, f"{column} = %(time)s", time=time)
                with self.subTest(column, time=time):
                    may_enter = column not in ("locked_until", "deleted_at")
                    answer = client.get("/admin/", secure=True)
                    self.assertEqual(answer.status_code, 200 if may_enter else 302)
                    comes_in = self.try_it("another") is not None
                    self.assertEqual(
                        comes_in, may_enter or (column, time[:4]) == ("locked_until", "0044")
                    )
                execute("DELETE FROM users WHERE id = %(id)s", id=user.pk)

    def test_does_not_move_with_the_time_of_the_transaction(self):
        self.fail(5)  # all in the transaction of the test
        self.assertFalse(admit(self.user))


class AtOnce(Quick, ServiceTests):
    def test_twenty_wrong_attempts_lock_once_and_are_counted_right(self):
        user = self.person()
        wrong = partial(self.try_it, password="wrong")
        self.assertEqual(self.at_once(*[wrong] * 20), [None] * 20)
        self.assertEqual(self.count_failures(user), (5, True))
        began = User.objects.get(pk=user.pk).locked_until
        self.assertEqual(self.at_once(*[wrong] * 5), [None] * 5)
        self.assertEqual(User.objects.get(pk=user.pk).locked_until, began)

    def test_a_failure_is_never_lost(self):
        user = self.person()
        self.at_once(*[partial(note_failure, user.pk)] * 4)
        self.assertEqual(self.count_failures(user), (4, False))
        self.at_once(*[partial(note_failure, user.pk)] * 4)
        self.assertEqual(self.count_failures(user), (5, True))

    def test_the_right_one_among_nineteen_wrong_comes_in_before_the_lock_or_not_at_all(self):
        user = self.person()
        for place in (0, 10, 19):
            change(user, "failed_login_attempts = 0, locked_until = NULL")
            attempts = [partial(self.try_it, password="wrong")] * 19
            attempts.insert(place, self.try_it)
            outcomes = self.at_once(*attempts)
            self.assertLessEqual(set(outcomes), {None, user})
            self.assertLessEqual(outcomes.count(user), 1)
            # Nineteen are enough for a lock on either side of the right one.
            self.assertEqual(self.count_failures(user), (5, True))

    def test_a_check_that_began_before_the_lock_waits_for_it_and_is_refused(self):
        user = self.person()
        change(user, "failed_login_attempts = 4")
        outcome = self.behind(partial(note_failure, user.pk), self.try_it)
        self.assertIsNone(outcome)
        self.assertEqual(self.count_failures(user), (5, True))


class TimeOfAnAnswer(Quick, TestCase):
    """Measured in rounds of bcrypt, which take nearly all of it."""

    @contextmanager
    def rounds(self):
        spent = []
        real = bcrypt.hashpw

        def hashpw(password, salt):
            spent.append(2 ** int(salt[4:6]))
            return real(password, salt)

        with mock.patch("bcrypt.hashpw", hashpw):
            yield spent

    def test_is_that_of_a_wrong_password_whatever_keeps_somebody_out(self):
        self.person()
        self.person("locked", locked_until=timezone.now() + LOCKED_FOR)
        self.person("banned", status=UserStatus.BANNED)
        self.person("deleted", deleted_at=timezone.now())
        self.person("listener", role=UserRole.USER)
        for user in [
            self.person("from-go"),
            self.person("locked-go", locked_until=timezone.now() + LOCKED_FOR),
            self.person("suspended-go", status=UserStatus.SUSPENDED),
        ]:
            change(user, "password_hash = %(hash)s", hash=FEWER_ROUNDS)
        change(self.person("federated"), "password_hash = '!'")
        change(self.person("malformed"), "password_hash = 'secret'")
        for name, password in [
            ("nadia", "wrong"),
            ("nadia", "x" * 1000),
            ("nobody", "wrong"),
            ("nobody", PASSWORD),
            ("nobody", "x" * 1000),
            ("no\x00body", "wrong"),
            ("nadia", "wr\x00ng"),
            ("nadia", "\ud800"),
            ("\ud800", "wrong"),
            ("x" * 100_000, "wrong"),
            ("locked", "wrong"),
            ("locked", PASSWORD),
            ("banned", PASSWORD),
            ("banned", "wrong"),
            ("deleted", PASSWORD),
            ("listener", "wrong"),
            ("from-go", "wrong"),
            ("locked-go", PASSWORD),
            ("locked-go", "wrong"),
            ("suspended-go", PASSWORD),
            ("suspended-go", "wrong"),
            ("federated", "!"),
            ("malformed", "secret"),
        ]:
            with self.subTest(name=name[:20], password=password[:20]), self.rounds() as spent:
                self.assertIsNone(self.try_it(name, password))
                self.assertEqual(sum(spent), 2**ROUNDS)


class Form(Quick, TestCase):
    def post(self, client=None, **data):
        data = {"username": "nadia", "password": PASSWORD} | data
        return (client or self.client).post(reverse("admin:login"), data, secure=True)

    def test_asks_for_an_email_address_or_a_username(self):
        page = self.client.get(reverse("admin:login"), secure=True)
        self.assertContains(page, "Email or username")

    def test_lets_staff_in_and_writes_when_and_from_where(self):
        for role in (UserRole.MODERATOR, UserRole.ADMIN, UserRole.SUPER_ADMIN):
            user = self.person(f"the-{role}", role=role, failed_login_attempts=3)
            client = Client(REMOTE_ADDR="2001:db8::7")
            with self.subTest(role):
                self.assertEqual(self.post(client, username=user.email).status_code, 302)
                self.assertEqual(client.get("/admin/", secure=True).status_code, 200)
                user.refresh_from_db()
                self.assertLess(timezone.now() - user.last_login, timedelta(minutes=1))
                self.assertEqual(user.last_login_ip, "2001:db8::7")
                self.assertEqual(user.failed_login_attempts, 0)

    def test_writes_a_sign_in_in_one_statement(self):
        self.person()
        sent = statements(self.post)
        updates = [sql for sql in sent if sql.startswith("UPDATE") and "last_login_at" in sql]
        self.assertEqual(len(updates), 1)
        self.assertIn("last_login_ip", updates[0])

    def test_gives_everybody_else_the_same_answer(self):
        self.person()
        self.person("locked", locked_until=timezone.now() + LOCKED_FOR)
        for status in (UserStatus.SUSPENDED, UserStatus.BANNED, UserStatus.INACTIVE):
            self.person(str(status), status=status)
        self.person("deleted", deleted_at=timezone.now())
        self.person("listener", role=UserRole.USER)
        answers = set()
        for username, password in [
            ("nadia", "wrong"),
            ("nobody", PASSWORD),
            *((name, PASSWORD) for name in ["locked", "suspended", "banned", "inactive"]),
            *((name, PASSWORD) for name in ["deleted", "listener"]),
            ("na\x00dia", PASSWORD),
            ("nadia", "\x00"),
            ("x" * 100_000, PASSWORD),
            ("nadia", "x" * 100_000),
            (b"\xff\xfe", b"\xff"),
        ]:
            with self.subTest(username=username[:20], password=password[:20]):
                answer = self.post(username=username, password=password)
                self.assertEqual(answer.status_code, 200)
                answers.add(str(answer.context["form"].errors))
                self.assertFalse(Session.objects.exists())
        self.assertEqual(len(answers), 1)
        self.assertIn("email address or username", answers.pop())

    def test_asks_again_for_what_is_left_out(self):
        for field in ("username", "password"):
            self.assertContains(self.post(**{field: ""}), "This field is required.")


class Statements(Quick, TestCase):
    def test_of_a_sign_in_name_no_hash_that_a_server_s_log_could_keep(self):
        user = self.person()
        password_hash = user.password.removeprefix("bcrypt$")
        for name, password in [("nadia", PASSWORD), ("nadia", "wrong")]:
            with CaptureQueriesContext(connection) as sent:
                self.try_it(name, password)
            sql = " ".join(query["sql"] for query in sent)
            self.assertIn(user.pk.hex, sql)  # with its values
            self.assertNotIn(password_hash, sql)


class Address(Quick, TestCase):
    def address(self, **headers):
        self.person()
        client = Client(**headers)
        data = {"username": "nadia", "password": PASSWORD}
        client.post(reverse("admin:login"), data, secure=True)
        user = User.objects.get()
        self.assertIsNotNone(user.last_login)
        user.delete()
        return user.last_login_ip

    def test_is_the_peers_and_null_where_that_is_none(self):
        for peer, address in [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:0db8::0007", "2001:db8::7"),
            ("", None),
            ("unix:", None),
            ("fe80::1%eth0", None),
        ]:
            with self.subTest(peer):
                forwarded = {"HTTP_X_FORWARDED_FOR": "198.51.100.1"}  # anybody can say that
                self.assertEqual(self.address(REMOTE_ADDR=peer, **forwarded), address)

    @override_settings(BEHIND_TLS_PROXY=True)
    def test_behind_a_proxy_is_the_one_that_the_proxy_added(self):
        for forwarded, address in [
            ("192.0.2.7", "192.0.2.7"),
            ("198.51.100.1, 192.0.2.7", "192.0.2.7"),
            ("198.51.100.1,2001:db8::7 ", "2001:db8::7"),
            ("192.0.2.7, unknown", None),
            ("192.0.2.7,", None),
            ("192.0.2.7:8080", None),
            ("", None),
            ("\x00", None),
        ]:
            with self.subTest(forwarded):
                headers = {"REMOTE_ADDR": "203.0.113.1", "HTTP_X_FORWARDED_FOR": forwarded}
                self.assertEqual(self.address(**headers), address)
        with self.subTest("no header"):
            self.assertIsNone(self.address(REMOTE_ADDR="203.0.113.1"))


class SessionEnds(Quick, TestCase):
    def setUp(self):
        super().setUp()
        self.user = self.person()
        self.client.force_login(User.objects.get(pk=self.user.pk))
        self.assertTrue(self.is_in())

    def is_in(self, client=None):
        return (client or self.client).get("/admin/", secure=True).status_code == 200

    def test_at_the_next_request_after_what_another_service_changes(self):
        for values in [
            "token_version = token_version + 1",
            f"password_hash = '{FEWER_ROUNDS}'",
            "password_hash = '!'",
            "status = 'suspended'",
            "status = 'banned'",
            "status = 'inactive'",
            "deleted_at = now()",
            "role = 'user'",
            "locked_until = now() + interval '15 minutes'",
            "locked_until = 'infinity'",
            "deleted_at = 'infinity'",
        ]:
            user = self.person("another")
            client = Client()
            client.force_login(user)
            with self.subTest(values):
                self.assertTrue(self.is_in(client))
                change(user, values)
                self.assertFalse(self.is_in(client))
                user.delete()
        self.assertTrue(self.is_in())

    def test_for_good_though_the_account_is_let_in_again(self):
        for shut, opened in [
            ("status = 'suspended'", "status = 'active'"),
            ("deleted_at = now()", "deleted_at = NULL"),
            ("locked_until = now() + interval '15 minutes'", "locked_until = NULL"),
        ]:
            user = self.person("another")
            client = Client()
            client.force_login(user)
            with self.subTest(shut):
                change(user, shut)
                self.assertFalse(self.is_in(client))
                change(user, opened)
                self.assertFalse(self.is_in(client))
                user.delete()

    def test_for_good_when_the_account_is_locked(self):
        change(self.user, "locked_until = now() + interval '15 minutes'")
        change(self.user, "locked_until = now() - interval '1 second'")
        self.assertFalse(self.is_in())

    def test_not_with_failures_before_the_lock_nor_with_a_change_of_anything_else(self):
        change(self.user, "failed_login_attempts = 4, username = 'nadja', is_verified = TRUE")
        self.assertTrue(self.is_in())

    def test_not_when_the_own_password_is_changed_but_elsewhere(self):
        elsewhere = Client()
        elsewhere.force_login(User.objects.get(pk=self.user.pk))
        change(self.user, "failed_login_attempts = 2")
        new = "a new and long password"
        form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        answer = self.client.post(reverse("admin:password_change"), form, secure=True)
        self.assertEqual(answer.status_code, 302)
        self.assertTrue(self.is_in())
        self.assertFalse(self.is_in(elsewhere))
        self.assertEqual(self.try_it(password=new), self.user)

    def test_not_when_the_secret_key_is_replaced_with_the_old_one_as_a_fallback(self):
        old = settings.SECRET_KEY
        with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[old]):
            self.assertTrue(self.is_in())
        with override_settings(SECRET_KEY="yet another", SECRET_KEY_FALLBACKS=[]):
            self.assertFalse(self.is_in())

    def test_after_an_hour_without_a_request(self):
        session = Session.objects.get()
        for left, is_in in [(timedelta(seconds=5), True), (timedelta(seconds=-1), False)]:
            Session.objects.update(expire_date=timezone.now() + left)
            self.assertEqual(self.is_in(), is_in)
            if is_in:  # and that was a request
                session.refresh_from_db()
                hour = session.expire_date - timezone.now()
                self.assertLess(abs(hour - timedelta(hours=1)), timedelta(minutes=1))

    def test_with_a_cookie_that_scripts_and_other_sites_do_not_get(self):
        cookie = self.client.get("/admin/", secure=True).cookies[settings.SESSION_COOKIE_NAME]
        self.assertEqual((cookie["httponly"], cookie["samesite"]), (True, "Lax"))
        self.assertEqual(cookie["max-age"], 3600)


class OwnPassword(Quick, TestCase):
    def test_is_changed_alone(self):
        user = self.person()
        new = "a new and long password"
        data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        form = OwnPasswordForm(user, data)
        self.assertTrue(form.is_valid(), form.errors)
        change(user, "token_version = 7, status = 'suspended'")  # while it was typed
        form.save()
        user = User.objects.get(pk=user.pk)
        self.assertEqual((user.token_version, user.status), (7, "suspended"))
        self.assertTrue(user.check_password(new))


class Settings(SimpleTestCase):
    def test_keep_a_session_for_an_hour_and_secure_outside_development(self):
        self.assertEqual(settings.SESSION_COOKIE_AGE, 3600)
        self.assertTrue(settings.SESSION_SAVE_EVERY_REQUEST)
        self.assertEqual(settings.SESSION_COOKIE_SECURE, not settings.DEVELOPMENT)
