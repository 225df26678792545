"""A database for a benchmark, and processes that work on it at once."""

import contextlib
import multiprocessing
import time
from collections.abc import Callable, Iterator

from django.core.management import call_command
from django.db import connection, connections

import benchmarks.measure  # noqa: F401  sets Django up, before the tests' modules are imported
from tests.support.databases import empty_database


@contextlib.contextmanager
def migrated_database() -> Iterator[str]:
    """
    Make a database with V1, connect Django to it, and yield its name.

    It is on the server of the settings, and is dropped afterwards.
    """
    with empty_database() as name:
        usual = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = name
        try:
            call_command("migrate", verbosity=0)
            yield name
        finally:
            connections.close_all()
            connection.settings_dict["NAME"] = usual


def by_processes(number: int, run: Callable[[], object]) -> float:
    """
    Run it in so many processes at once, each with its own connection.

    Returns how many seconds pass from when all are connected until the last is done.
    """
    connections.close_all()  # a fork can't share a session
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(number + 1)

    def work() -> None:
        connection.ensure_connection()
        barrier.wait()
        run()
        connection.close()

    processes = [context.Process(target=work) for _ in range(number)]
    for process in processes:
        process.start()
    barrier.wait()
    start = time.perf_counter()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    return time.perf_counter() - start
