"""Times the sides of a benchmark in turns, so that a slow moment hits them all."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
os.environ["DEBUG"] = "false"  # with DEBUG, Django stores every statement
django.setup()


def in_turns(rounds: int, **contenders: Callable[[], float]) -> dict[str, float]:
    """
    Run each contender once a round, and print a line per round.

    A contender returns how many seconds it took. Returns the median of each.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, run in contenders.items():
            seconds[name].append(run())
        times = ", ".join(f"{name} {values[-1]:.3f} s" for name, values in seconds.items())
        print(f"round {number + 1} of {rounds}: {times}", flush=True)
    return {name: median(values) for name, values in seconds.items()}


def bare_setup(environment: dict[str, str]) -> float:
    """Return how many seconds a process takes that only sets Django up."""
    command = [sys.executable, "-c", "import django; django.setup()"]
    environment = environment | {"DJANGO_SETTINGS_MODULE": "veza_site.settings"}
    return timed(lambda: subprocess.run(command, env=environment, check=True))


def timed(run: Callable[[], object]) -> float:
    """Run it, and return how many seconds it took."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
