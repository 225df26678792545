"""PostgreSQL servers of their own, for tests that stop one."""

import os
import subprocess
import tempfile
from pathlib import Path

import psycopg
from django.db import connection


def programs():
    """Return the directory of the programs (psql, pg_dump…) of the tests' server."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        (directory,) = cursor.fetchone()
    return Path(directory)


def owner():
    """Return the number of the user who runs the tests' server: PostgreSQL refuses to, as root."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        (directory,) = cursor.fetchone()
    return os.stat(directory).st_uid


class Server:
    """A server of the same version as the tests', that runs until the test ends."""

    def __init__(self, test, **parameters):
        """Make and start it, with these parameters in its configuration."""
        self.programs, self.user = programs(), owner()
        directory = tempfile.TemporaryDirectory(prefix="veza")
        test.addCleanup(directory.cleanup)
        os.chown(directory.name, self.user, -1)
        self.socket_directory = directory.name
        self.data = Path(directory.name) / "data"
        self._run("initdb", "-U", "veza", "-A", "trust", "-E", "UTF8", "--no-sync")
        with open(self.data / "postgresql.conf", "a") as configuration:
            configuration.writelines(f"{name} = '{of}'\n" for name, of in parameters.items())
        test.addCleanup(self.stop)
        self.start()

    def start(self):
        """Start it, after a crash too."""
        # What the machine keeps in memory outlives the server, however that ends.
        options = f"-c listen_addresses='' -c fsync=off -k {self.socket_directory}"
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


class Pooler:
    """PgBouncer in transaction mode, before the tests' server, until the test ends."""

    def __init__(self, test):
        user = owner()
        directory = tempfile.TemporaryDirectory(prefix="veza")
        test.addCleanup(directory.cleanup)
        os.chown(directory.name, user, -1)
        self.socket_directory = directory.name
        given = connection.settings_dict
        server = {"host": given["HOST"], "port": given["PORT"], "user": given["USER"]}
        server["password"] = given["PASSWORD"]
        configuration = Path(directory.name) / "pgbouncer.ini"
        configuration.write_text(
            "[databases]\n"
            f"* = {' '.join(f'{key}={value}' for key, value in server.items() if value)}\n"
            "[pgbouncer]\n"
            f"unix_socket_dir = {directory.name}\n"
            "listen_port = 6432\n"
            "auth_type = any\n"
            "pool_mode = transaction\n"
            "ignore_startup_parameters = options\n"
        )
        process = subprocess.Popen(
            ["pgbouncer", "-q", configuration], user=user, cwd="/", stderr=subprocess.DEVNULL
        )
        test.addCleanup(process.wait)
        test.addCleanup(process.terminate)
        while not (Path(directory.name) / ".s.PGSQL.6432").exists():
            test.assertIsNone(process.poll())

    def url(self, database):
        """Return the DATABASE_URL of a database, through the pooler."""
        user = connection.settings_dict["USER"]
        return f"postgresql://{user}@/{database}?host={self.socket_directory}&port=6432"
