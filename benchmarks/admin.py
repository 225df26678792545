"""
The admin's pages with 10 million plays, beside a stock ModelAdmin on the same rows.

    .venv/bin/python -m benchmarks.admin --keep

    --plays N        fewer plays, and fewer of the others in proportion
    --rounds N       how often a page of ours is asked for; the medians are shown
    --only TEXT      only the pages whose names have this text
    --stock-limit N  seconds after which a stock page is given up; 0 leaves them out
    --explain        also the plan of the slowest query of each page of ours
    --keep           leave the database there, for the next run
    --drop           only take the database away

The two are asked for in turns, by one client in this process, as a super_admin. A stock page that
takes longer than a second is asked for once. The database's time is that of all queries of a page
as its session sees it, until the last row is there. Ends with status 1 if a page of ours takes
more than 100 ms of it.
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
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client, override_settings
from django.utils.http import urlencode

import benchmarks.measure  # noqa: F401  sets Django up, before the models are imported
from accounts.models import User
from benchmarks import stock_admin
from benchmarks.fill import PLAYS, drop, filled_database, row_id
from streaming.models import TrackPlay
from veza_site.admin.lists.keyset import Cursor, Order

EMAIL = "benchmark@veza.example"

LIMIT = 0.1  # seconds of the database's time that a page of ours may take
REPEATED = 1.0  # seconds: a stock page that takes longer is asked for once


@dataclass(frozen=True)
class Page:
    """A page, with its address below /admin/ and, if there is such a page, below a stock site."""

    name: str
    path: str
    parameters: dict[str, Any] = field(default_factory=dict)
    stock: str | None = "stock"
    stock_parameters: dict[str, Any] | None = None  # those of ours, if not given

    def url(self) -> str:
        return f"/admin/{self.path}?{urlencode(self.parameters, doseq=True)}"

    def stock_url(self) -> str:
        parameters = self.parameters if self.stock_parameters is None else self.stock_parameters
        return f"/{self.stock}/{self.path}?{urlencode(parameters, doseq=True)}"


@dataclass
class Answer:
    """What one request took, in seconds, with each query's SQL and its time."""

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
    A page took longer than anybody waits for one.

    A KeyboardInterrupt, since on that psycopg ends its query, and Django lets it pass.
    """


def ask(client: Client, url: str) -> Answer:
    """Ask for a page, with nothing cached in this process."""
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
    """Raise TooLong in what takes longer."""

    def give_up(*received: Any) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    except TooLong:
        connection.close()  # it may have been interrupted anywhere
        raise
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def pages() -> list[Page]:
    """Return the pages that are timed: every page type, where it has most to do."""
    user, track = str(UUID(row_id("users"))), str(UUID(row_id("tracks")))
    other_user = str(UUID(row_id("users", 41)))
    job = fetch("SELECT id FROM hls_transcode_queue WHERE status = 'failed' LIMIT 1")
    plays, users, tracks = "streaming/trackplay/", "accounts/user/", "streaming/track/"
    comments, jobs = "streaming/trackcomment/", "media/hlstranscodejob/"
    playlists = "streaming/playlist/"
    playlist = fetch("SELECT id FROM playlists LIMIT 1")
    play = fetch("SELECT id FROM track_plays WHERE track_id = %s LIMIT 1", track)
    last = {"p": "last"}
    by_track, by_user = {"track__id__exact": track}, {"user__id__exact": user}
    return [
        Page("start page", ""),
        Page("plays", plays),
        Page("plays, last page", plays, last, stock_parameters={"p": last_page("track_plays")}),
        Page(
            "plays, in the middle",
            plays,
            {"p": play_cursor("created_at < now() - interval '180 days'")},
            stock_parameters={"p": last_page("track_plays") // 2},
        ),
        Page(
            "plays, among thousands of one moment",
            plays,
            {
                "p": play_cursor(
                    "created_at = (SELECT mode() WITHIN GROUP (ORDER BY created_at) "
                    "FROM track_plays)"
                )
            },
            stock=None,
        ),
        Page("plays, by id", plays, {"q": play}),
        Page("plays, search for garbage", plays, {"q": "no such thing"}),
        Page("plays of a track", plays, by_track, stock="stock_with_filters"),
        Page("plays of a track, last page", plays, by_track | last, stock=None),
        Page("plays of a user", plays, by_user, stock="stock_with_filters"),
        Page("plays of a user and a track", plays, by_user | by_track, stock=None),
        Page("users", users),
        Page("users, last page", users, last, stock_parameters={"p": last_page("users")}),
        Page("users, by id", users, {"q": user}),
        Page("users, by e-mail", users, {"q": "listener77@listeners.example"}),
        Page("users, by a prefix", users, {"q": "listener7"}),
        Page("users, search for garbage", users, {"q": "no such thing"}),
        Page("users, suspended", users, {"status__exact": "suspended"}),
        Page("users, moderators", users, {"role__exact": "moderator"}),
        Page(
            "users, deleted",
            users,
            {"deleted": "only"},
            stock_parameters={"deleted_at__isnull": "False"},
        ),
        Page("tracks", tracks),
        Page("tracks, last page", tracks, last, stock_parameters={"p": last_page("tracks")}),
        Page("tracks, by slug", tracks, {"q": "track-77"}),
        Page("tracks, failed", tracks, {"status__exact": "failed"}),
        Page(
            "tracks, deleted",
            tracks,
            {"deleted": "only"},
            stock_parameters={"deleted_at__isnull": "False"},
        ),
        Page("comments of a track", comments, by_track, stock="stock_with_filters"),
        Page("jobs", jobs),
        Page("jobs, pending", jobs, {"status__exact": "pending"}),
        Page("jobs, failed", jobs, {"status__exact": "failed"}),
        Page("a play", f"{plays}{play}/change/"),
        Page("a user", f"{users}{user}/change/"),
        Page("a track", f"{tracks}{track}/change/"),
        Page("a job", f"{jobs}{job}/change/"),
        Page("change a playlist, with a relation", f"{playlists}{playlist}/change/"),
        Page("add a grant, with two relations", "rbac/userrole/add/"),
        Page("history of a user", f"{users}{user}/history/"),
        *(
            Page(
                f"autocomplete a track, {what}",
                "autocomplete/",
                {
                    "app_label": "media",
                    "model_name": "hlstranscodejob",
                    "field_name": "track",
                    "term": term,
                },
            )
            for what, term in [("nothing typed", ""), ("a prefix", "track-7"), ("an id", track)]
        ),
        Page("delete a user with many rows", f"{users}{user}/delete/"),
        Page("delete a user with few rows", f"{users}{other_user}/delete/"),
        Page("delete a track with many plays", f"{tracks}{track}/delete/"),
    ]


def lists() -> list[Page]:
    """Return the first and the last page of every list."""
    found = []
    for model in stock_admin.site._registry:
        path = f"{model._meta.app_label}/{model._meta.model_name}/"
        name = model._meta.verbose_name_plural
        found.append(Page(f"list: {name}", path, stock=None))
        found.append(Page(f"list: {name}, last page", path, {"p": "last"}, stock=None))
    return found


def fetch(query: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]


def last_page(table: str) -> int:
    """Return the number of the stock list's last page."""
    return -(-fetch(f"SELECT count(*) FROM {table}") // 100)


def play_cursor(condition: str) -> str:
    """Return the cursor of the page after a play that meets the condition."""
    row = fetch(f"SELECT id FROM track_plays WHERE {condition} ORDER BY created_at DESC LIMIT 1")
    play = TrackPlay.objects.get(pk=row)
    order = Order(TrackPlay._meta.get_field("created_at"), descending=True)
    return Cursor("after", (play.created_at, play.pk)).encode(order)


@dataclass
class Result:
    """What a page took on both sides, in seconds."""

    page: Page
    ours: list[Answer] = field(default_factory=list)
    stock: list[float] = field(default_factory=list)
    given_up: int | None = None  # the limit that stock exceeded

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
    """Ask for a page of ours and of stock in turns; the first of ours only warms up."""
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
    """Return the plan of a query as it runs, whose changes, if it makes any, are undone."""
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
        filled_database(options.plays, keep=options.keep) as name,
        override_settings(ROOT_URLCONF="benchmarks.stock_admin"),
    ):
        # The rows of a page that a stock filter reads come at once, and are in a query's time.
        connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True
        sys.exit(compare(name, options))


def compare(name: str, options: argparse.Namespace) -> int:
    """Time all pages, print what they took, and return the status to end with."""
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
