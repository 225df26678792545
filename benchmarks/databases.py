"""Where the benchmarks of services run: a database of their own, by one session or several."""

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
    Make a database with V1 beside that of the settings, let Django's connection be to it, and yield
    its name.
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
    Run it in so many processes at once, each with a connection of its own, and return how many
    seconds pass from the moment when all are connected until the last is done.
    """
    connections.close_all()  # a session can't be shared with a fork
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
