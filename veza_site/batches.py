"""Batches that are as large as they can be without holding their locks for long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

# In seconds: what a batch should take, so that hardly any takes twice as long.
AIM = 0.05


class BatchSize:
    """
    How many rows the next batch may have: as many as lately took AIM seconds, `most` of them.

    It grows slowly and shrinks at once, since the machine may be busy with other work.
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
        change = min(AIM / max(seconds, AIM / 100), 1.5)
        self.rows = max(1, min(round(self.rows * change + 0.5), self.most))
