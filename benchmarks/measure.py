"""How the benchmarks run: side by side, in turns, so that a slow moment hits both sides."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
os.environ["DEBUG"] = "false"  # under DEBUG Django keeps every statement
django.setup()


def in_turns(rounds: int, **contenders: Callable[[], float]) -> dict[str, float]:
    """
    Run each contender once a round and return the median of what each returned, in seconds.

    Prints a line a round as it goes.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, run in contenders.items():
            seconds[name].append(run())
        times = ", ".join(f"{name} {values[-1]:.3f} s" for name, values in seconds.items())
        print(f"round {number + 1} of {rounds}: {times}", flush=True)
    return {name: median(values) for name, values in seconds.items()}


def bare_setup(environment: dict[str, str]) -> float:
    """Return how many seconds a process takes that sets Django up, and ends."""
    command = [sys.executable, "-c", "import django; django.setup()"]
    environment = environment | {"DJANGO_SETTINGS_MODULE": "veza_site.settings"}
    return timed(lambda: subprocess.run(command, env=environment, check=True))


def timed(run: Callable[[], object]) -> float:
    """Run it and return how many seconds it took."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
