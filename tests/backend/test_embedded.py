"""The embedded server is shared by the commands that use it, and gone after the last of them."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
from django.conf import settings
from django.db import OperationalError
from django.test import SimpleTestCase, tag

from veza_site.errors import explain
from veza_site.postgresql import embedded

COMMAND = """
import sys
from pathlib import Path
from veza_site.postgresql import embedded
from veza_site.errors import explain
print(embedded.start(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


class Command:
    """A process that uses the server of a data directory until it is told to end."""

    def __init__(self, data_directory):
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, data_directory],
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.socket_directory = self.process.stdout.readline().strip()

    def end(self):
        """Let it end by itself, and return what it wrote on the terminal since it was ready."""
        return "".join(self.process.communicate(timeout=60))

    def signal(self, number):
        self.process.send_signal(number)
        self.process.communicate(timeout=60)


@tag("slow")  # each test makes a server, and starts and stops it
class EmbeddedServer(SimpleTestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.data = Path(directory.name) / "data"

    def command(self):
        command = Command(self.data)
        self.addCleanup(command.process.kill)
        return command

    def running(self):
        return (self.data / "postmaster.pid").exists()

    def test_is_shared_and_stops_with_the_last_command(self):
        first = self.command()
        server = (self.data / "postmaster.pid").read_text()
        second = self.command()
        self.assertEqual(second.socket_directory, first.socket_directory)
        self.assertEqual((self.data / "postmaster.pid").read_text(), server)
        self.assertEqual(first.end(), "")
        with psycopg.connect(
            host=second.socket_directory, user=embedded.USER, dbname=embedded.DATABASE
        ) as connection:
            self.assertGreaterEqual(connection.info.server_version, 180000)
        self.assertEqual(second.end(), "")
        self.assertFalse(self.running())

    def test_stops_when_commands_that_started_at_once_have_ended(self):
        commands = [self.command() for _ in range(3)]
        self.assertEqual(len({command.socket_directory for command in commands}), 1)
        for command in commands:
            self.assertEqual(command.end(), "")
        self.assertFalse(self.running())

    def test_stops_after_a_command_that_is_ended_or_killed(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            with self.subTest(number):
                command = self.command()
                server = self.server()
                command.signal(number)
                self.assert_ends(server)

    def test_stops_though_another_command_was_killed_meanwhile(self):
        first, second = self.command(), self.command()
        second.signal(signal.SIGKILL)
        self.assertTrue(self.running())
        self.assertEqual(first.end(), "")
        self.assertFalse(self.running())

    def test_starts_again_while_it_stops(self):
        command = self.command()
        for _ in range(3):
            command.signal(signal.SIGKILL)
            command = self.command()
            with psycopg.connect(
                host=command.socket_directory, user=embedded.USER, dbname=embedded.DATABASE
            ) as connection:
                connection.execute("SELECT 1")
        self.assertEqual(command.end(), "")
        self.assertFalse(self.running())

    def test_starts_after_it_crashed_and_was_stopped_by_hand(self):
        command = self.command()
        server = self.server()
        server.kill()
        self.assert_ends(server)
        self.assertEqual(command.end(), "")
        self.assertEqual(self.command().end(), "")
        self.assertFalse(self.running())

    def server(self):
        return psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))

    def assert_ends(self, server):
        """Wait until the server's process is gone, or a zombie that nobody reaps."""
        for _ in range(600):
            with contextlib.suppress(psutil.TimeoutExpired):
                server.wait(timeout=0.05)
            if not server.is_running() or server.status() == psutil.STATUS_ZOMBIE:
                return
        self.fail("the server still runs")

    def test_is_shared_by_commands_that_make_it_at_once(self):
        """Neither waits for the other to end."""
        with ThreadPoolExecutor() as threads:
            first, second = threads.map(lambda _: self.command(), range(2))
        self.assertEqual(first.socket_directory, second.socket_directory)
        self.assertEqual((first.end(), second.end()), ("", ""))

    def test_starts_after_its_first_start_was_interrupted(self):
        for number in (signal.SIGINT, signal.SIGKILL):
            with self.subTest(number):
                while not self.interrupted_while_initdb_is_at_work(number):
                    shutil.rmtree(self.data)  # it was made before that was seen
                self.assertFalse(self.data.exists())
        self.assertEqual(self.command().end(), "")
        self.assertEqual(
            {path.name for path in self.data.parent.iterdir()} - {"data"},
            {"data.lock", "data.lock.watch"},
        )

    def interrupted_while_initdb_is_at_work(self, number):
        """Start a first command and interrupt it, and return whether initdb was still at work."""
        before = set(self.data.parent.glob("data.new-*/base"))
        first = subprocess.Popen(
            [sys.executable, "-c", COMMAND, self.data],
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        at_work = False
        while not at_work and not self.data.exists():
            self.assertIsNone(first.poll())
            at_work = bool(set(self.data.parent.glob("data.new-*/base")) - before)
        if at_work:
            os.killpg(first.pid, number)
        first.communicate(timeout=60)  # which lets it end by itself otherwise
        return at_work and not self.data.exists()

    def test_is_not_started_below_a_path_with_a_space(self):
        with self.assertRaisesMessage(OperationalError, "the path has a space"):
            embedded.start(self.data.parent / "a b" / "data")

    def test_that_can_not_start_says_where_its_log_is(self):
        self.command().end()
        (self.data / "PG_VERSION").write_text("9.4\n")
        with self.assertRaises(OperationalError) as refusal:
            embedded.start(self.data)
        self.assertIn(f"its log is {self.data / 'log'}", explain(refusal.exception))
