"""
Everything at once, by many threads on few rows: no deadlock, and the data is sound afterwards.

STORM_SECONDS says how long (10); the threads' choices are seeded.
"""

import importlib
import pkgutil
import time
from collections import Counter
from functools import partial
from random import Random

from django.test import tag

from tests.support import storms
from tests.support.effort import STORM_SECONDS
from tests.support.services import PATIENCE, ServiceTests
from veza_site.transactions import Refused

THREADS = 8


DOMAINS = [
    importlib.import_module(f"tests.support.storms.{module.name}")
    for module in pkgutil.iter_modules(storms.__path__)
]


@tag("slow")
class Storms(ServiceTests):
    """Half of the time for each."""

    def test_of_all_services_end_without_a_deadlock_and_with_sound_data(self):
        self.rage([(domain.act, domain.prepare(self.rows)) for domain in DOMAINS])

    def test_of_what_locks_many_rows_end_without_a_deadlock_and_with_sound_data(self):
        self.rage(
            [
                (domain.sweep, domain.prepare_many(self.rows))
                for domain in DOMAINS
                if hasattr(domain, "sweep")
            ]
        )

    def rage(self, worlds):
        until = time.monotonic() + STORM_SECONDS / 2

        def thread(number):
            random = Random(number)
            outcomes = Counter()
            while time.monotonic() < until:
                act, world = random.choice(worlds)
                try:
                    act(world, random)
                except Refused as refusal:
                    outcomes[type(refusal).__name__] += 1
                else:
                    outcomes["done"] += 1
            return outcomes

        threads = [partial(thread, number) for number in range(THREADS)]
        for outcomes in self.at_once(*threads, patience=STORM_SECONDS + PATIENCE):
            self.assertIsInstance(outcomes, Counter)
            self.assertGreater(outcomes["done"], outcomes.total() / 10)
        self.assert_sound()
