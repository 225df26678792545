"""Tracks and playlists to look at, and a month of listening."""

from datetime import timedelta
from random import Random
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.text import slugify

from accounts.models import User
from streaming.models import (
    Playlist,
    PlaylistCollaborator,
    PlaylistFollow,
    PlaylistPermission,
    PlaylistTrack,
    Track,
    TrackComment,
    TrackHistory,
    TrackHistoryAction,
    TrackLike,
    TrackPlay,
    TrackShare,
    TrackStatus,
    TrackVersion,
)
from veza_site.demo import ago, digest

FIRST = [
    "Amber",
    "Broken",
    "Distant",
    "Electric",
    "Faded",
    "Golden",
    "Hollow",
    "Northern",
    "Paper",
    "Quiet",
    "Silver",
    "Velvet",
]
SECOND = [
    "Harbour",
    "Signals",
    "Orchard",
    "Machines",
    "Weather",
    "Lanterns",
    "Static",
    "Rivers",
    "Windows",
    "Parade",
]
GENRES = ["ambient", "house", "jazz", "folk", "techno", "hip-hop"]
PLAYLISTS = ["Late train home", "Sunday, slowly", "Desk work", "Rain on tin", "First light"]
COMMENTS = ["That bass line!", "On repeat since Friday.", "The break at the end…", "More of this."]


def load(random: Random) -> None:
    """Create tracks in every state, playlists, and what listeners do with them."""
    listeners = list(User.objects.alive().filter(last_login__isnull=False).order_by("username"))
    creators = listeners[:8]
    tracks = _tracks(random, creators)
    _playlists(random, listeners, tracks)
    _engagement(random, listeners, [track for track in tracks if track.is_public])
    _set_counters()


def _tracks(random: Random, creators: list[User]) -> list[Track]:
    titles = [f"{first} {second}" for first in FIRST for second in SECOND]
    tracks = []
    for title in random.sample(titles, 48):
        creator = random.choice(creators)
        uploaded = ago(random, 200, 31)
        tracks.append(
            Track(
                creator=creator,
                title=title,
                slug=slugify(title),
                artist=creator.username.title(),
                genre=random.choice(GENRES),
                tags=random.sample(["night", "live", "loop", "demo", "vocal"], 2),
                duration_seconds=random.randrange(90, 480),
                bpm=random.randrange(60, 175),
                file_path=f"tracks/{slugify(title)}.flac",
                file_size=random.randrange(8, 60) * 1_000_000,
                mime_type="audio/flac",
                checksum_sha256=digest(random),
                status=TrackStatus.READY,
                is_public=True,
                published_at=uploaded + timedelta(hours=2),
                created_at=uploaded,
            )
        )
    for track, status in zip(
        tracks,
        [TrackStatus.UPLOADING, TrackStatus.PROCESSING, TrackStatus.FAILED] * 2,
        strict=False,
    ):
        track.status, track.is_public, track.published_at = status, False, None
    for track in tracks[-3:]:
        track.deleted_at = ago(random, 20)
    Track.objects.bulk_create(tracks)
    TrackVersion.objects.bulk_create(
        TrackVersion(
            track=track,
            created_by=track.creator,
            version_number=number,
            label=label,
            file_path=f"tracks/{track.slug}-{number}.flac",
            file_size=track.file_size,
            mime_type=track.mime_type,
            is_current=number == 2,
        )
        for track in tracks[:12]
        for number, label in [(1, "first upload"), (2, "remaster")]
    )
    TrackHistory.objects.bulk_create(
        TrackHistory(
            track=track,
            user=track.creator,
            action=action,
            new_values={"is_public": action == TrackHistoryAction.PUBLISHED},
            created_at=track.created_at + timedelta(hours=hours),
        )
        for track in tracks
        for action, hours in [(TrackHistoryAction.CREATED, 0), (TrackHistoryAction.PUBLISHED, 2)]
        if track.published_at or action == TrackHistoryAction.CREATED
    )
    return [track for track in tracks if track.deleted_at is None]


def _playlists(random: Random, listeners: list[User], tracks: list[Track]) -> None:
    playlists = Playlist.objects.bulk_create(
        Playlist(
            owner=random.choice(listeners),
            title=title,
            slug=slugify(title),
            is_public=True,
            created_at=ago(random, 100, 10),
        )
        for title in PLAYLISTS
    )
    playlists[-1].soft_delete()
    copy = Playlist.objects.create(
        owner=listeners[3],
        duplicated_from=playlists[0],
        title=playlists[0].title,
        slug=playlists[0].slug + "-2",
        is_collaborative=True,
    )
    PlaylistTrack.objects.bulk_create(
        PlaylistTrack(playlist=playlist, track=track, position=position, added_by=playlist.owner)
        for playlist in [*playlists, copy]
        for position, track in enumerate(random.sample(tracks, 12))
    )
    PlaylistCollaborator.objects.bulk_create(
        PlaylistCollaborator(playlist=copy, user=user, invited_by=copy.owner, permission=permission)
        for user, permission in zip(listeners[4:7], PlaylistPermission, strict=True)
    )
    PlaylistFollow.objects.bulk_create(
        PlaylistFollow(playlist=playlist, user=user)
        for playlist in playlists[:4]
        for user in random.sample(listeners, 8)
    )


def _engagement(random: Random, listeners: list[User], tracks: list[Track]) -> None:
    TrackPlay.objects.bulk_create(
        (
            TrackPlay(
                track=random.choices(tracks, range(len(tracks), 0, -1))[0],
                user=random.choice([*listeners, None]),
                duration_played_seconds=random.randrange(5, 300),
                completion_percentage=random.randrange(3, 101),
                source=random.choice(["playlist", "search", "profile", "radio"]),
                device_type=random.choice(["web", "mobile", "desktop"]),
                country_code=random.choice(["FR", "DE", "JP", "NG", "BR", "CA"]),
                created_at=ago(random, 30),
            )
            for _ in range(2_000)
        ),
        batch_size=500,
    )
    TrackLike.objects.bulk_create(
        TrackLike(track=track, user=user, created_at=ago(random, 30))
        for user in listeners
        for track in random.sample(tracks, 6)
    )
    TrackShare.objects.bulk_create(
        TrackShare(
            track=random.choice(tracks),
            user=random.choice(listeners),
            platform=random.choice(["link", "embed", "x", "whatsapp"]),
        )
        for _ in range(40)
    )
    comments = TrackComment.objects.bulk_create(
        TrackComment(
            track=random.choice(tracks),
            user=random.choice(listeners),
            content=random.choice(COMMENTS),
            timestamp_seconds=random.randrange(0, 90),
            created_at=ago(random, 30, 2),
        )
        for _ in range(50)
    )
    TrackComment.objects.bulk_create(
        TrackComment(
            track=comment.track,
            user=comment.track.creator,
            parent=comment,
            content="Thank you!",
            created_at=ago(random, 2),
        )
        for comment in comments[:10]
    )
    comments[-1].soft_delete()


def _set_counters() -> None:
    """Set the counters to the number of their rows."""

    def count(rows: QuerySet[Any], of: str) -> Coalesce:
        grouped = rows.filter(**{of: OuterRef("pk")}).order_by().values(of)
        return Coalesce(Subquery(grouped.annotate(rows=Count("pk")).values("rows")), 0)

    Track.objects.update(
        play_count=count(TrackPlay.objects.all(), "track"),
        like_count=count(TrackLike.objects.all(), "track"),
        share_count=count(TrackShare.objects.all(), "track"),
        comment_count=count(TrackComment.objects.alive(), "track"),
    )
    Playlist.objects.update(
        track_count=count(PlaylistTrack.objects.all(), "playlist"),
        follower_count=count(PlaylistFollow.objects.all(), "playlist"),
    )
