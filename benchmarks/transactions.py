"""
Every transaction beside the same SQL sent by psycopg alone.

    .venv/bin/python -m benchmarks.transactions [ROUNDS]

The calls are the tests' examples, each on rows of its own. psycopg has its default settings: it
prepares a statement on the server once it has sent it a few times.
"""

import sys
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection, transaction

from benchmarks.databases import migrated_database
from benchmarks.measure import timed
from tests.support.databases import connect
from tests.support.rows import Rows, rows
from tests.support.services import SAVEPOINTS, Prepare, all_examples

SIZE = 10

Sent = list[tuple[str, Any, list[tuple[Any, ...]]]]


def capture(run: Callable[[], object]) -> Sent:
    """Run it, undo it, and return the statements that it sent, with their parameters and rows."""
    sent: Sent = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        result = execute(sql, parameters, many, context)
        if not sql.startswith(SAVEPOINTS):
            cursor = context["cursor"].cursor
            found = []
            if cursor.description and (found := cursor.fetchall()):
                cursor.scroll(0, "absolute")
            sent.append((sql, parameters, found))
        return result

    with transaction.atomic(), connection.execute_wrapper(note):
        run()
        transaction.set_rollback(True)
    return sent


def replay(server: psycopg.Connection, sent: Sent) -> None:
    """Send the statements again, in a transaction if there is more than one."""
    if len(sent) == 1:
        ((sql, parameters, _),) = sent
        server.execute(sql, parameters)
        return
    ids: dict[UUID, UUID] = {}  # those that the database made then, and those that it makes now
    with server.transaction():
        for sql, parameters, before in sent:
            cursor = server.execute(sql, with_ids(parameters, ids))
            if cursor.description:
                for old, new in zip(before, cursor.fetchall(), strict=True):
                    ids.update((a, b) for a, b in zip(old, new, strict=True) if isinstance(a, UUID))


def with_ids(value: Any, ids: dict[UUID, UUID]) -> Any:
    if isinstance(value, dict):
        return {name: with_ids(item, ids) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(with_ids(item, ids) for item in value)
    return ids.get(value, value) if isinstance(value, UUID) else value


def prepared(service: Callable, prepare: Prepare, made: Rows) -> Callable[[], object]:
    with transaction.atomic():
        return partial(service, **prepare(made, SIZE))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print(f"{'':40} {'service':>10} {'psycopg':>10}   as fast as psycopg")
    slowest = ("", 1.0)
    with migrated_database() as name, connect(name) as server:
        made = rows()
        for example, service, prepare in all_examples():
            ours, theirs = [], []
            for _ in range(rounds + 1):  # the first warms up
                ours.append(timed(prepared(service, prepare, made)))
                sent = capture(prepared(service, prepare, made))
                theirs.append(timed(partial(replay, server, sent)))
            service_time, psycopg_time = median(ours[1:]), median(theirs[1:])
            ratio = psycopg_time / service_time
            slowest = min(slowest, (example, ratio), key=lambda pair: pair[1])
            print(
                f"{example:40} {service_time * 1000:7.2f} ms {psycopg_time * 1000:7.2f} ms"
                f"   {ratio:.0%}",
                flush=True,
            )
    print(f"slowest: {slowest[1]:.0%} ({slowest[0]})")


if __name__ == "__main__":
    main()
