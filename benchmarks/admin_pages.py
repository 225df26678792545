"""The pages that benchmarks.admin times, in our admin and in stock."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.http import urlencode

from benchmarks import stock_admin
from benchmarks.fill_rows import row_id
from streaming.models import TrackPlay
from veza_site.admin.lists.keyset import Cursor, Order


@dataclass(frozen=True)
class Page:
    """A page: its address below /admin/ and, if stock has such a page, below a stock site."""

    name: str
    path: str
    parameters: dict[str, Any] = field(default_factory=dict)
    stock: str | None = "stock"
    stock_parameters: dict[str, Any] | None = None  # None: the same as ours

    def url(self) -> str:
        return f"/admin/{self.path}?{urlencode(self.parameters, doseq=True)}"

    def stock_url(self) -> str:
        parameters = self.parameters if self.stock_parameters is None else self.stock_parameters
        return f"/{self.stock}/{self.path}?{urlencode(parameters, doseq=True)}"


def pages() -> list[Page]:
    """Return the pages to time: each kind of page, where it has most to do."""
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
        Page("users, by email", users, {"q": "listener77@listeners.example"}),
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
        Page("add a grant, with two relations", "rbac/rolegrant/add/"),
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
    """Return the number of the last page of the stock list."""
    return -(-fetch(f"SELECT count(*) FROM {table}") // 100)


def play_cursor(condition: str) -> str:
    """Return the cursor of the page after the newest play that meets the condition."""
    row = fetch(f"SELECT id FROM track_plays WHERE {condition} ORDER BY created_at DESC LIMIT 1")
    play = TrackPlay.objects.get(pk=row)
    order = Order(TrackPlay._meta.get_field("created_at"), descending=True)
    return Cursor("after", (play.created_at, play.pk)).encode(order)
