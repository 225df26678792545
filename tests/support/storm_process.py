"""
A process that calls all services at once, by threads, whatever happens to its connections.

Run with DATABASE_URL as `python -m tests.support.storm_process`. It writes a line for every hundred
calls of a thread, until the end of stdin.
"""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import django

THREADS = 4
CALLS = 100


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    django.setup()
    from tests.support.rows import rows
    from tests.support.storms import load_domains
    from veza_site.transactions import execute

    execute("DELETE FROM roles WHERE is_system; DELETE FROM permissions")  # a storm makes its own
    worlds = [(domain.act, domain.prepare(rows())) for domain in load_domains()]
    stopped = threading.Event()
    threads = [
        threading.Thread(target=call_all, args=[worlds, Random(number), stopped])
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stopped.set()
    for thread in threads:
        thread.join()


def call_all(worlds: list[Any], random: Random, stopped: threading.Event) -> None:
    """Call services until it is stopped. An error that would not pass ends the process."""
    calls = 0
    try:
        while not stopped.is_set():
            act, world = random.choice(worlds)
            call(lambda act=act, world=world: act(world, random))
            calls += 1
            if calls % CALLS == 0:
                os.write(1, b"%d\n" % calls)  # in one piece, beside other threads
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)


def call(act: Callable[[], None]) -> None:
    """Call a service, and again after what passes."""
    from veza_site.retrying import retry
    from veza_site.transactions import Refused

    with suppress(Refused):
        retry(act, attempts=20)


if __name__ == "__main__":
    main()
