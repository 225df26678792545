"""Batches that are as large as they can be without holding their locks for long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

# In seconds: what a batch should take, so that on a busy machine hardly any takes over 0.1.
AIM = 0.04


class BatchSize:
    """
    How many rows the next batch may have: as many as lately took AIM seconds, `most` of them.

    It shrinks faster than it grows, and no faster than by half: a pause may be somebody else's.
    """

    def __init__(self, first: int = 100, *, most: int = 5000) -> None:
        self.rows = min(first, most)
        self.most = most
        self.longest = 0.0  # seconds that a batch took

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure the batch that is done inside; one that fails says nothing."""
        start = time.monotonic()
        yield
        seconds = time.monotonic() - start
        self.longest = max(self.longest, seconds)
        change = min(max(AIM / max(seconds, AIM / 100), 0.5), 1.5)
        self.rows = max(1, min(int(self.rows * change) + (change > 1), self.most))
