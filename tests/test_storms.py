"""
Everything at once, by many threads on few rows: no deadlock, and the data is sound afterwards.

STORM_SECONDS says how long (10); the threads' choices are seeded.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from random import Random

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.test import TestCase, tag

from tests.support.databases import connect, manage, process_environment
from tests.support.effort import STORM_SECONDS
from tests.support.invariants import find_unsound
from tests.support.servers import Server
from tests.support.services import PATIENCE, ServiceTests
from tests.support.storms import load_domains, media, streaming
from veza_site.retrying import is_transient, retry
from veza_site.transactions import Refused

THREADS = 8

# What other programs do in plain SQL, in an order of their own.
FOREIGN = [
    "DELETE FROM users WHERE id IN (SELECT id FROM users ORDER BY random() LIMIT 1)",
    "DELETE FROM tracks WHERE id IN (SELECT id FROM tracks ORDER BY random() LIMIT 1)",
    "DELETE FROM track_likes WHERE id IN (SELECT id FROM track_likes ORDER BY random() LIMIT 1)",
    "INSERT INTO track_likes (user_id, track_id) SELECT users.id, tracks.id FROM users, tracks"
    " ORDER BY random() LIMIT 1 ON CONFLICT DO NOTHING",
    "UPDATE tracks SET title = title || '.' WHERE random() < 0.3",
]

# Ends one of the database's sessions, but for its own.
END_ONE = """
SELECT pg_terminate_backend(pid) FROM (
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND application_name <> 'spared'
    ORDER BY random() LIMIT 1
) AS one
"""

DOMAINS = load_domains()


@tag("slow")
class Storms(ServiceTests):
    """Half of the time for each."""

    def test_of_all_services_end_without_a_deadlock_and_with_sound_data(self):
        self.rage([(domain.act, domain.prepare(self.rows)) for domain in DOMAINS])

    def test_of_what_locks_many_rows_end_without_a_deadlock_and_with_sound_data(self):
        self.rage(
            [
                (domain.sweep, domain.prepare_many(self.rows))
                for domain in DOMAINS
                if hasattr(domain, "sweep")
            ]
        )

    def rage(self, worlds):
        until = time.monotonic() + STORM_SECONDS / 2

        def thread(number):
            random = Random(number)
            outcomes = Counter()
            while time.monotonic() < until:
                act, world = random.choice(worlds)
                try:
                    act(world, random)
                except Refused as refusal:
                    outcomes[type(refusal).__name__] += 1
                else:
                    outcomes["done"] += 1
            return outcomes

        threads = [partial(thread, number) for number in range(THREADS)]
        for outcomes in self.at_once(*threads, patience=STORM_SECONDS + PATIENCE):
            self.assertIsInstance(outcomes, Counter)
            self.assertGreater(outcomes["done"], outcomes.total() / 10)
        self.assert_sound()


@tag("slow")
class Disasters(ServiceTests):
    """What was cut off is tried again; nothing is done by half."""

    def setUp(self):
        super().setUp()
        self.until = time.monotonic() + STORM_SECONDS / 2

    def rage(self, domains, beside):
        self.worlds = [(domain.act, domain.prepare(self.rows)) for domain in domains]
        connection.close()
        threads = [partial(self.call_services, number) for number in range(THREADS)]
        outcomes = self.at_once(beside, *threads, patience=STORM_SECONDS + PATIENCE)
        for outcome in outcomes[1:]:
            self.assertIsInstance(outcome, Counter)
        return sum(outcomes[1:], Counter())

    def call_services(self, number):
        random = Random(number)
        outcomes = Counter()
        while time.monotonic() < self.until:
            act, world = random.choice(self.worlds)
            try:
                retry(partial(act, world, random))
            except (Refused, ObjectDoesNotExist):
                outcomes["refused"] += 1
            except DatabaseError as error:
                self.assertTrue(is_transient(error), repr(error))
                outcomes["cut off"] += 1
            else:
                outcomes["done"] += 1
        return outcomes

    def test_of_sessions_that_are_ended_leave_sound_data(self):
        def end_sessions():
            with connect(connection.settings_dict["NAME"], application_name="spared") as server:
                while time.monotonic() < self.until:
                    server.execute(END_ONE)
                    server.execute("SELECT pg_sleep(0.05)")

        outcomes = self.rage(DOMAINS, end_sessions)
        self.assertGreater(outcomes["done"], outcomes.total() / 10)
        self.assert_sound()

    def test_of_plain_sql_that_deletes_users_and_tracks_are_mended_by_a_repair(self):
        def write_sql():
            random = Random("sql")
            with connect(connection.settings_dict["NAME"]) as server:
                while time.monotonic() < self.until:
                    with suppress(connection.Database.errors.DeadlockDetected):
                        server.execute(random.choice(FOREIGN))
                    server.execute("SELECT pg_sleep(0.05)")

        # The other domains' storms write rows of users themselves, who have to be there.
        outcomes = self.rage([media, streaming], write_sql)
        self.assertGreater(outcomes["done"], 0)
        call_command("repair_counters", verbosity=0)
        self.assert_sound()


class Storm:
    """A process of tests.support.storm_process."""

    def __init__(self, test, url):
        self.test = test
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.storm_process"],
            cwd=settings.BASE_DIR,
            env=process_environment("postgres", DATABASE_URL=url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        test.addCleanup(self.kill)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdin.close()
        self.process.stdout.close()

    def goes_on(self, lines=8):
        """Return when so many lines have come: each is for a hundred calls of a thread."""
        for _ in range(lines):
            self.test.assertRegex(self.process.stdout.readline(), r"^\d+$")

    def end(self):
        """Let it finish what it does, and assert that nothing went wrong."""
        self.process.stdin.close()
        self.test.assertEqual(self.process.wait(PATIENCE), 0)


@tag("slow")
class Crashes(TestCase):
    def test_of_clients_and_of_the_server_leave_sound_data(self):
        server = Server(self)
        storms = {}
        for name in ["killed", "survivor"]:
            with server.connect() as session:
                session.execute(f"CREATE DATABASE {name}")
            url = server.url(name)
            migrated = manage("migrate", database=name, DATABASE_URL=url)
            self.assertEqual(migrated.returncode, 0, migrated.stderr)
            storms[name] = Storm(self, url)
        killed, survivor = storms.values()
        killed.goes_on()
        survivor.goes_on()
        killed.kill()
        survivor.goes_on()
        # The server ends all sessions and recovers when one of its processes is killed.
        with server.connect() as session:
            ((backend,),) = session.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1"
            ).fetchall()
        os.kill(backend, signal.SIGKILL)
        survivor.goes_on()
        server.stop()
        server.start()
        survivor.goes_on()
        survivor.end()
        for name in storms:
            with self.subTest(name), server.connect(name) as session:
                self.assertEqual(find_unsound(session.cursor()), {})
