"""
The admin's pages with 10 million plays, beside a stock ModelAdmin on the same rows.

    .venv/bin/python -m benchmarks.admin --keep

    --plays N        fill in fewer plays, and fewer other rows in proportion
    --rounds N       request each page of ours so often, and show the medians
    --only TEXT      time only the pages with this text in their names
    --stock-limit N  give up a stock page after so many seconds; 0 leaves stock out
    --explain        also print the plan of the slowest query of each page of ours
    --keep           leave the database there for the next run
    --drop           only drop the database

One client in this process requests the two in turns, as a super_admin. A stock page that takes
longer than a second is requested once. The database's time is that of all queries of a page, as its
session sees it, until the last row has arrived. Ends with status 1 if a page of ours takes more
than 100 ms of the database's time.
"""

import argparse
import contextlib
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client, override_settings

import benchmarks.measure  # noqa: F401  sets Django up, before the models are imported
from accounts.models import User
from benchmarks.admin_pages import Page, lists, pages
from benchmarks.fill import drop, filled_database
from benchmarks.fill_rows import PLAYS

EMAIL = "benchmark@veza.example"

LIMIT = 0.1  # seconds of the database's time that a page of ours may take
REPEATED = 1.0  # seconds: a stock page that takes longer is requested once


@dataclass
class Answer:
    """What one request took, in seconds, and the SQL and time of each query."""

    status: int
    seconds: float
    queries: list[tuple[float, str]]

    @property
    def database(self) -> float:
        return sum(seconds for seconds, _ in self.queries)

    @property
    def slowest(self) -> tuple[float, str]:
        return max(self.queries, default=(0.0, ""))


class TooLong(KeyboardInterrupt):
    """
    A page took longer than anybody would wait.

    A KeyboardInterrupt, because psycopg then cancels its query, and Django doesn't catch it.
    """


def ask(client: Client, url: str) -> Answer:
    """Request a page, with nothing cached in this process."""
    queries: list[tuple[float, str]] = []

    def note(execute: Any, query: str, parameters: Any, many: bool, context: Any) -> Any:
        start = perf_counter()
        try:
            return execute(query, parameters, many, context)
        finally:
            cursor = context["cursor"]
            sent = connection.ops.last_executed_query(cursor, query, parameters)
            queries.append((perf_counter() - start, sent or query))

    cache.clear()
    with connection.execute_wrapper(note):
        start = perf_counter()
        response = client.get(url)
        response.getvalue()
        seconds = perf_counter() - start
    return Answer(response.status_code, seconds, queries)


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise TooLong in the body if it takes longer."""

    def give_up(*_received: Any) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    except TooLong:
        connection.close()  # it may be in any state
        raise
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@dataclass
class Result:
    """What a page took in ours and in stock, in seconds."""

    page: Page
    ours: list[Answer] = field(default_factory=list)
    stock: list[float] = field(default_factory=list)
    given_up: int | None = None  # seconds after which the stock page was given up

    @property
    def database(self) -> float:
        return median(answer.database for answer in self.ours)

    @property
    def slowest(self) -> tuple[float, str]:
        """The slowest query of the median answer."""
        return sorted(self.ours, key=lambda answer: answer.database)[len(self.ours) // 2].slowest

    def failure(self) -> str | None:
        """Return what is wrong with our page, or None."""
        statuses = {answer.status for answer in self.ours} - {200}
        if statuses:
            return f"answers {', '.join(map(str, sorted(statuses)))}"
        if self.database > LIMIT:
            return f"takes {self.database * 1000:.0f} ms of the database's time"
        return None

    def row(self) -> str:
        """Return the line of the table."""
        ours = median(answer.seconds for answer in self.ours)
        slowest, query = self.slowest
        stock, ratio = "", ""
        if self.given_up:
            stock, ratio = f"> {self.given_up} s", f"> {self.given_up / ours:,.0f}"
        elif self.stock:
            stock = f"{median(self.stock) * 1000:,.0f}"
            ratio = f"{median(self.stock) / ours:,.1f}"
        return (
            f"{self.page.name:38} {ours * 1000:8.0f} {self.database * 1000:8.1f}"
            f" {slowest * 1000:8.1f} {stock:>9} {ratio:>8}  {' '.join(query.split())[:60]}"
        )


HEAD = f"{'':38} {'ours':>8} {'database':>8} {'slowest':>8} {'stock':>9} {'ratio':>8}"


def run(page: Page, client: Client, rounds: int, stock_limit: int) -> Result:
    """Request our page and the stock page in turns; the first request only warms up."""
    result = Result(page)
    ask(client, page.url())
    for _ in range(rounds):
        result.ours.append(ask(client, page.url()))
        slow = result.given_up or (result.stock and result.stock[0] > REPEATED)
        if stock_limit and page.stock and not slow:
            try:
                with time_limit(stock_limit):
                    answer = ask(client, page.stock_url())
            except TooLong:
                result.given_up = stock_limit
                continue
            if answer.status != 200:
                raise RuntimeError(f"{page.stock_url()} answers {answer.status}")
            result.stock.append(answer.seconds)
    return result


def explain(query: str) -> str:
    """Run a query, undo its changes, and return its plan with what it took."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {query.replace('%', '%%')}", [])
        transaction.set_rollback(True)
        return "\n".join(line for (line,) in cursor.fetchall())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plays", type=int, default=PLAYS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--stock-limit", type=int, default=60)
    for option in ("--explain", "--keep", "--drop"):
        parser.add_argument(option, action="store_true")
    options = parser.parse_args()
    if options.drop:
        drop(options.plays)
        return
    with (
        filled_database(options.plays, keep=options.keep),
        override_settings(ROOT_URLCONF="benchmarks.stock_admin"),
    ):
        # A stock filter then gets its rows at once, and a query's time includes them.
        connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True
        sys.exit(compare(options))


def compare(options: argparse.Namespace) -> int:
    """Time all pages, print what they took, and return the exit status."""
    if not User.objects.filter(email=EMAIL).exists():
        User.objects.create_superuser(EMAIL, "benchmark")
    client = Client(SERVER_NAME=settings.ALLOWED_HOSTS[0])
    client.force_login(User.objects.get(email=EMAIL))
    print(f"Milliseconds, medians of {options.rounds}; stock once where it is slow\n\n{HEAD}")
    failures = []
    for page in [*pages(), *lists()]:
        if options.only not in page.name:
            continue
        result = run(page, client, options.rounds, options.stock_limit)
        print(result.row(), flush=True)
        failure = result.failure()
        if failure:
            failures.append(f"{page.name} {failure}: {page.url()}")
        if options.explain and result.slowest[1]:
            print(f"\n{result.slowest[1]}\n{explain(result.slowest[1])}\n", flush=True)
    print()
    for failure in failures:
        print(failure)
    print(f"{len(failures)} pages failed" if failures else "No page takes more than 100 ms.")
    return 1 if failures else 0


if __name__ == "__main__":
    main()
