"""The connections that services run on: dead ones, other isolation levels, limits, and tries."""

from datetime import timedelta
from unittest import mock
from uuid import uuid4

import psycopg
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.test import SimpleTestCase, TestCase, TransactionTestCase

from accounts.models import User
from media.services import claim_jobs
from streaming.services import record_play
from tests.support.databases import connect
from tests.support.services import ServiceTests
from veza_site import retrying
from veza_site.postgresql.session import startup_options
from veza_site.retrying import is_transient, retry
from veza_site.transactions import (
    Invalid,
    NotFound,
    Taken,
    WrongIsolation,
    check_duration,
    check_json,
    check_text,
    close_if_dead,
    execute,
    fetch_one,
    fetch_rows,
    fetch_rows_prepared,
    in_transaction,
    make_storable,
)


class AfterTheServerEndedTheSession(ServiceTests):
    def setUp(self):
        super().setUp()
        connection.ensure_connection()
        self._terminate(connection.connection.info.backend_pid)

    def test_the_next_single_statement_works(self):
        claimed = claim_jobs(worker="w", lease=timedelta(minutes=1))
        self.assertEqual(claimed, [])

    def test_the_next_play_is_answered_by_the_database(self):
        with self.assertRaises(NotFound):
            record_play(track_id=uuid4(), duration_played_seconds=1)

    def test_the_next_transaction_works(self):
        with in_transaction():
            self.assertEqual(fetch_one("SELECT 1"), (1,))

    def test_other_queries_work_once_it_was_closed(self):
        close_if_dead()
        self.assertEqual(User.objects.count(), 0)


class ADeadConnection(ServiceTests):
    def test_is_not_replaced_within_a_transaction(self):
        with self.assertRaises(DatabaseError), transaction.atomic():
            execute("SELECT 1")
            self._terminate(connection.connection.info.backend_pid)
            execute("SELECT 1")
        self.assertEqual(fetch_one("SELECT 1"), (1,))

    def test_that_nobody_noticed_fails_one_call_and_not_the_next(self):
        execute("SELECT 1")
        with (
            mock.patch("veza_site.transactions._has_news", return_value=False),
            self.assertRaises(OperationalError),
        ):
            self._terminate(connection.connection.info.backend_pid)
            execute("SELECT 1")
        self.assertEqual(fetch_one("SELECT 1"), (1,))

    def test_is_not_made_of_one_with_a_notice(self):
        (session,) = fetch_one("SELECT pg_backend_pid()")
        with mock.patch("veza_site.transactions._has_news", return_value=True):
            self.assertEqual(fetch_one("SELECT pg_backend_pid()"), (session,))


class Isolation(TransactionTestCase):
    def test_of_a_service_is_read_committed_whatever_the_session_has_set(self):
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_isolation = 'serializable'")
        self.addCleanup(connection.close)
        with in_transaction():
            self.assertEqual(fetch_one("SHOW transaction_isolation"), ("read committed",))

    def test_of_a_connection_that_is_another_one_is_refused(self):
        connection.ensure_connection()
        self.addCleanup(connection.close)
        for level in ["REPEATABLE_READ", "SERIALIZABLE", "READ_UNCOMMITTED"]:
            connection.connection.isolation_level = psycopg.IsolationLevel[level]
            with (
                self.subTest(level),
                self.assertRaisesMessage(WrongIsolation, f"not in {level.replace('_', ' ')}."),
                in_transaction(),
            ):
                self.fail("it ran")

    def test_of_a_callers_transaction_that_is_another_one_is_refused(self):
        for level in ["REPEATABLE READ", "SERIALIZABLE"]:
            with self.subTest(level), transaction.atomic():
                execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
                with (
                    self.assertRaisesMessage(WrongIsolation, f"not in {level}."),
                    in_transaction(),
                ):
                    self.fail("it ran")
                execute("SELECT 1")  # the caller can go on

    def test_of_a_callers_transaction_that_is_right_is_accepted(self):
        with transaction.atomic(), in_transaction():
            self.assertEqual(fetch_one("SELECT 1"), (1,))


class Uniqueness(ServiceTests):
    def insert(self):
        execute("INSERT INTO roles (id, name, display_name) VALUES (gen_random_uuid(), 'dj', 'DJ')")

    def test_that_another_session_has_used_is_a_conflict(self):
        self.insert()
        with self.assertRaises(Taken) as caught, in_transaction():
            self.insert()
        self.assertEqual(caught.exception.index, "idx_roles_name")
        self.assertNotIn("dj", str(caught.exception))

    def test_that_is_checked_at_commit_is_a_conflict(self):
        with connect(connection.settings_dict["NAME"]) as server:
            server.execute("CREATE TABLE once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            self.addCleanup(self.drop)
            server.execute("INSERT INTO once VALUES (1)")
        with self.assertRaises(Taken) as caught, in_transaction():
            execute("INSERT INTO once VALUES (1)")
        self.assertEqual(caught.exception.index, "once_n_key")

    def drop(self):
        with connect(connection.settings_dict["NAME"]) as server:
            server.execute("DROP TABLE once")

    def test_does_not_hide_the_other_constraints(self):
        with self.assertRaises(IntegrityError), in_transaction():
            execute("INSERT INTO track_likes (user_id, track_id) SELECT gen_random_uuid(), NULL")


class Limits(TestCase):
    def test_are_set_in_every_session(self):
        for name, limit in [
            ("lock_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "1min"),
        ]:
            with self.subTest(name):
                self.assertEqual(fetch_one(f"SHOW {name}"), (limit,))

    def test_give_way_to_those_of_the_url(self):
        options = startup_options("-c lock_timeout=1", {"lock_timeout": 10})
        self.assertLess(options.index("-c lock_timeout=10000"), options.index("-c lock_timeout=1 "))


class Retry(SimpleTestCase):
    def setUp(self):
        self.enterContext(mock.patch.object(retrying, "FIRST_PAUSE", 0))
        self.enterContext(mock.patch.object(retrying, "close_if_dead"))

    def work(self, *errors):
        """Return work that raises these, one after the other, and then succeeds."""
        left = iter(errors)

        def work():
            for error in left:
                raise error
            return "done"

        return work

    def error(self, cause):
        """Return Django's error for one of psycopg's."""
        error = OperationalError("cut off")
        error.__cause__ = cause
        return error

    def test_does_it_again_after_what_passes(self):
        for cause in [
            psycopg.errors.DeadlockDetected(),
            psycopg.errors.SerializationFailure(),
            psycopg.errors.LockNotAvailable(),
            psycopg.errors.AdminShutdown(),
            psycopg.errors.CannotConnectNow(),
            psycopg.errors.ConnectionFailure(),
            psycopg.OperationalError("the connection is closed"),
        ]:
            with self.subTest(type(cause).__name__):
                self.assertEqual(retry(self.work(self.error(cause))), "done")

    def test_gives_up_after_its_attempts_with_the_last_error(self):
        errors = [self.error(psycopg.errors.DeadlockDetected()) for _ in range(3)]
        with self.assertRaises(OperationalError) as caught:
            retry(self.work(*errors), attempts=3)
        self.assertIs(caught.exception, errors[-1])

    def test_does_not_repeat_what_would_fail_again(self):
        for error in [
            NotFound("no"),
            ValueError("no"),
            self.error(psycopg.errors.UniqueViolation()),
            self.error(psycopg.errors.QueryCanceled()),
        ]:
            with self.subTest(repr(error)):
                self.assertFalse(is_transient(error))
                with self.assertRaises(type(error)):
                    retry(self.work(error))


class RetryInATransaction(TestCase):
    def test_is_left_to_who_began_it(self):
        calls = []

        def fail():
            calls.append(1)
            raise OperationalError from psycopg.errors.DeadlockDetected()

        with self.assertRaises(OperationalError):
            retry(fail)
        self.assertEqual(len(calls), 1)


class Values(SimpleTestCase):
    """What PostgreSQL can't store is refused before it is sent."""

    def test_of_text(self):
        for text in ["", " ", "\u200b", "\u3164 ", "\x00", "a\x00", "nice \ud83d", "x" * 11]:
            with self.subTest(ascii(text)), self.assertRaises(Invalid):
                check_text("It", text, least=1, most=10)
        for text in ["é", "👍", "👩\u200d🎤", "a b"]:
            check_text("It", text, least=1, most=10)

    def test_of_json(self):
        nested = []
        for _ in range(100_000):
            nested = [nested]
        for value in [
            float("nan"),
            {"a": float("inf")},
            {"a": ["\x00"]},
            {"\ud83d": 1},
            ["\\\x00"],
            object(),
            10**5000,
            nested,
        ]:
            with self.subTest(type(value).__name__), self.assertRaises(Invalid):
                check_json("It", value)
        for value in [{}, None, ["\\u0000", 1.5, "👍"]]:
            check_json("It", value)

    def test_of_durations(self):
        for days in [0, -1, 366 * 101, 3_650_000]:
            with self.subTest(days), self.assertRaises(Invalid):
                check_duration("It", timedelta(days=days))
        check_duration("It", timedelta(days=366))

    def test_can_be_made_storable(self):
        self.assertEqual(make_storable("a\x00 \ud83d👍"), "a ?👍")


class Prepared(TestCase):
    def test_is_planned_once_in_a_session(self):
        for number in range(10):
            self.assertEqual(
                fetch_rows_prepared("SELECT %(n)s::int + 1", n=number), [(number + 1,)]
            )
        planned = "SELECT custom_plans FROM pg_prepared_statements WHERE statement LIKE %(text)s"
        ((plans,),) = fetch_rows(planned, text="SELECT $1::int + 1%")
        self.assertLessEqual(plans, 5)

    def test_reads_what_other_statements_read(self):
        for sql in ["SELECT '{\"a\": 1}'::jsonb", "SELECT 'infinity'::timestamptz", "SELECT now()"]:
            with self.subTest(sql):
                self.assertEqual(fetch_rows_prepared(sql), fetch_rows(sql))
