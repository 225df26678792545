"""The demo catalogue, made once in a process and copied from memory from then on."""

import functools
from io import StringIO
from typing import Any
from unittest import mock

from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connection, transaction
from django.test import override_settings

from tests.support.databases import v1_models

# The demo's users have one password; its hash takes as long as the rest of the catalogue.
hash_once = functools.cache(make_password)

# The rows of each table, in COPY's format, by the rows that were there before them.
_made: dict[str, dict[str, bytes]] = {}


@override_settings(DEVELOPMENT=True)
def load_demo() -> str:
    """Load the demo catalogue, and return what the command wrote."""
    output = StringIO()
    with mock.patch("accounts.demo.make_password", hash_once):
        call_command("load_demo", stdout=output)
    return output.getvalue()


@transaction.atomic
def copy_demo() -> None:
    """
    Do what load_demo() does, in a tenth of the time, where there are no rows but the system roles.

    The rows are the same in every test of a process, down to their ids and times.
    """
    with connection.cursor() as cursor:
        before = _ids(cursor)
        if (made := _made.get(str(before))) is None:
            load_demo()
            _made[str(before)] = {table: _rows(cursor, table, ids) for table, ids in before.items()}
            return
        # Every row has been accepted before: no trigger has to look at it again.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table, rows in made.items():
            with cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
                copy.write(rows)
        cursor.execute("SET LOCAL session_replication_role = origin")


def _ids(cursor: Any) -> dict[str, list[str]]:
    tables = [model._meta.db_table for model in v1_models()]
    ids = "SELECT ARRAY(SELECT id::text FROM {} ORDER BY id)"
    cursor.execute(" UNION ALL ".join(ids.format(table) for table in tables))
    return dict(zip(tables, (ids for (ids,) in cursor.fetchall()), strict=True))


def _rows(cursor: Any, table: str, but: list[str]) -> bytes:
    """Return the rows of a table in COPY's format, `but` for those with these ids."""
    rows = f"SELECT * FROM {table} WHERE id <> ALL (%s::uuid[])"
    with cursor.copy(f"COPY ({rows}) TO STDOUT (FORMAT binary)", [but]) as copy:
        return b"".join(copy)
