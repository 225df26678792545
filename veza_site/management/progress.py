"""
How far a long command has come.

Written by hand: tqdm imports in 0.14 s where this whole file takes none, and where there is no
terminal it has either nothing or its bars in the log, where a line now and then is wanted.
"""

import time
from typing import Self

from django.core.management.base import OutputWrapper

BAR_WIDTH = 40
SECONDS_BETWEEN_LINES = 10


class Progress:
    """
    Shows how many of `total` are done: a bar on a terminal, and a line now and then elsewhere.

    There may be more than `total` in the end, if some have come since they were counted.
    """

    def __init__(self, stream: OutputWrapper, label: str, total: int) -> None:
        self.stream = stream
        self.label = label
        self.total = total
        self.has_bar = False
        self.shown_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.has_bar:
            self._write("\n")

    def show(self, done: int) -> None:
        """Show that so many are done."""
        if self.stream.isatty():
            part = min(done / max(self.total, 1), 1)
            bar = ("#" * round(part * BAR_WIDTH)).ljust(BAR_WIDTH, ".")
            self._write(f"\r{self.label:12} {bar} {part:4.0%} {done:,}")
            self.has_bar = True
        elif time.monotonic() - self.shown_at > SECONDS_BETWEEN_LINES:
            self._write(f"{self.label}: {done:,} of {self.total:,}\n")
            self.shown_at = time.monotonic()

    def _write(self, text: str) -> None:
        # `str` takes the place of the stream's style: stderr's is bold red.
        self.stream.write(text, str, ending="")
        self.stream.flush()
