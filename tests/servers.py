"""PostgreSQL servers of their own, for tests that stop one."""

import os
import subprocess
import tempfile
from pathlib import Path

import psycopg
from django.db import connection


class Server:
    """A server of the same version as the tests', that runs until the test ends."""

    def __init__(self, test):
        with connection.cursor() as cursor:
            cursor.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
            (programs,) = cursor.fetchone()
            cursor.execute("SHOW data_directory")
            (data_directory,) = cursor.fetchone()
        self.programs = Path(programs)
        # PostgreSQL refuses to be run by root.
        self.user = os.stat(data_directory).st_uid
        directory = tempfile.TemporaryDirectory(prefix="veza")
        test.addCleanup(directory.cleanup)
        os.chown(directory.name, self.user, -1)
        self.socket_directory = directory.name
        self.data = Path(directory.name) / "data"
        self._run("initdb", "-U", "veza", "-A", "trust", "-E", "UTF8", "--no-sync")
        test.addCleanup(self.stop)
        self.start()

    def start(self):
        """Start it, after a crash too."""
        options = f"-c listen_addresses='' -k {self.socket_directory}"
        self._run("pg_ctl", "-w", "-l", f"{self.data}/log", "-o", options, "start")

    def stop(self):
        """Stop it in an instant, as a loss of power would."""
        command = self.stopping()
        subprocess.run(command, **self._quietly(), check=False)

    def stopping(self):
        """Return the command that stops it in an instant."""
        return [self.programs / "pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop"]

    def url(self, database):
        """Return the DATABASE_URL of one of its databases."""
        return f"postgresql://veza@/{database}?host={self.socket_directory}"

    def connect(self, database="postgres"):
        """Return a connection to one of its databases, in autocommit."""
        return psycopg.connect(self.url(database), autocommit=True)

    def _run(self, program, *arguments):
        command = [self.programs / program, "-D", self.data, *arguments]
        subprocess.run(command, **self._quietly(), check=True)

    def _quietly(self):
        quiet = dict.fromkeys(["stdin", "stdout", "stderr"], subprocess.DEVNULL)
        return {**quiet, "user": self.user, "cwd": "/"}
