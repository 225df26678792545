"""Databases of their own for tests that build, break or drop a schema."""

import contextlib
import io
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.test import TestCase
from psycopg import sql

from tests.support import commands
from veza_site.models import V1Model
from veza_site.schema.catalog import Catalog
from veza_site.schema.reader import read_catalog

SPECIFICATION = settings.BASE_DIR.parent / "shared" / "v1"


def empty_database() -> contextlib.AbstractContextManager[str]:
    """Make an empty database beside the test database, yield its name, drop it afterwards."""
    return copy_of("template1")


def migrated_database() -> contextlib.AbstractContextManager[str]:
    """Make a database as `migrate` leaves it, yield its name, drop it afterwards."""
    return copy_of(connection.settings_dict["TEST"]["COPIED"])


@contextlib.contextmanager
def copy_of(template: str) -> Iterator[str]:
    """
    Make a database like the one named `template`, yield its name, drop it afterwards.

    Nobody may be connected to the template.
    """
    name = f"{connection.settings_dict['NAME']}_{uuid.uuid4().hex[:8]}"
    with _maintenance() as server:
        # Quicker than writing every page to the log, on a server that does not wait for its disk.
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        server.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield name
    finally:
        with _maintenance() as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def alias(name: str, test: TestCase | None = None) -> Iterator[None]:
    """Let Django reach the database `name` by an alias of this name, in `test` if there is one."""
    connections.databases[name] = {**connections.databases["default"], "NAME": name}
    if test is not None:
        # Django's test classes refuse connections that the class does not name.
        test_class, allowed = type(test), test.databases
        test_class.databases = {*allowed, name}
    try:
        yield
    finally:
        connections[name].close()
        del connections[name]
        del connections.databases[name]
        if test is not None:
            test_class.databases = allowed


def connect(name: str, **options: str) -> psycopg.Connection:
    """Return a psycopg connection to the database `name`, in autocommit, as Go would have it."""
    return psycopg.connect(**{**_parameters(), "dbname": name, **options}, autocommit=True)


@contextlib.contextmanager
def role(server: psycopg.Connection) -> Iterator[str]:
    """Make a role that may log in (with the password x) and nothing else, and yield its name."""
    name = f"veza_{uuid.uuid4().hex[:8]}"
    server.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x'").format(sql.Identifier(name)))
    try:
        yield name
    finally:
        server.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def migrated_catalog() -> Catalog:
    """Return the catalog of the test database as it is now."""
    with connection.cursor() as cursor:
        return read_catalog(cursor)


def v1_models() -> list[type[V1Model]]:
    """Return the models of every V1 table."""
    return [model for model in apps.get_models() if issubclass(model, V1Model)]


def manage(
    *arguments: str, database: str | None = None, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    """
    Run manage.py in a process of its own and return it, ended.

    With `database`, it runs as in production, against the database of that name. `environment`
    adds to that; None takes a variable away.
    """
    return commands.run(arguments, process_environment(database, **environment), settings.BASE_DIR)


def start(
    *arguments: str, database: str | None = None, **environment: str | None
) -> commands.Process:
    """Start manage.py as `manage` runs it, and return the process, running."""
    return commands.start(
        arguments, process_environment(database, **environment), settings.BASE_DIR
    )


def interrupted_migrate(
    text: str,
    *command: str | Path,
    user: int | None = None,
    database: str,
    **environment: str | None,
) -> subprocess.CompletedProcess[str]:
    """
    Run `manage.py migrate` as `manage` does, with a command before the statement that has `text`.

    The command is run by the user with the number `user`, which is who runs the tests if not given.
    """
    user = os.getuid() if user is None else user
    return commands.run(
        [text, str(user), *map(str, command)],
        process_environment(database, **environment),
        settings.BASE_DIR,
        program="tests/support/interrupted_migrate.py",
    )


def schema(subcommand: str, **options: Any) -> tuple[int, str]:
    """Return the exit status of `manage.py schema`, run in this process, and what it wrote."""
    output = io.StringIO()
    try:
        call_command("schema", subcommand, stdout=output, **options)
    except SystemExit as end:
        return end.code, output.getvalue()
    return 0, output.getvalue()


def process_environment(database: str | None, **environment: str | None) -> dict[str, str]:
    """Return the environment that `manage` runs in."""
    ours = {"DATABASE_URL", "SECRET_KEY", "ALLOWED_HOSTS", "DEBUG", "DJANGO_SETTINGS_MODULE"}
    variables = {name: value for name, value in os.environ.items() if name not in ours}
    if database is not None:
        variables |= {
            "DATABASE_URL": database_url(database),
            "SECRET_KEY": "only for this test, where nobody is signed in to anything at all",
            "ALLOWED_HOSTS": "veza.example",
        }
    variables |= environment
    return {name: value for name, value in variables.items() if value is not None}


def database_url(name: str, **other: str) -> str:
    """Return the DATABASE_URL of the database `name` on the tests' server."""
    given = {**_parameters(), **other}
    host = given.pop("host", "")
    user, password = given.pop("user", ""), given.pop("password", "")
    query = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in given.items())
    credentials = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return f"postgresql://{credentials}@/{name}?host={quote(host, safe='')}&{query}".rstrip("&")


def _parameters() -> dict[str, str]:
    connection.ensure_connection()
    given = connection.settings_dict
    parameters = {
        "host": given["HOST"],
        "port": given["PORT"],
        "user": given["USER"],
        "password": given["PASSWORD"],
    }
    return {key: str(value) for key, value in parameters.items() if value}


@contextlib.contextmanager
def _maintenance() -> Iterator[psycopg.Connection]:
    with psycopg.connect(**_parameters(), dbname="postgres", autocommit=True) as server:
        yield server


def apply_export(server: psycopg.Connection) -> None:
    """Build V1 from the SQL files in schema/, as a service that knows no Django would."""
    for file in sorted((settings.BASE_DIR / "schema").glob("*.sql")):
        server.execute(file.read_text(encoding="utf-8"))


def apply_specification(server: psycopg.Connection) -> None:
    """Build V1 from the files of the specification, as far as the server has the extensions."""
    offered = {
        name for (name,) in server.execute("SELECT name FROM pg_available_extensions").fetchall()
    }
    for file in sorted(SPECIFICATION.glob("*.sql")):
        lines = file.read_text().splitlines()
        server.execute("\n".join(line for line in lines if _can_run(line, offered)))


def _can_run(line: str, extensions: set[str]) -> bool:
    if not line.startswith("CREATE EXTENSION"):
        return True
    return any(extension in line for extension in extensions)
