"""The pages of tracks, of playlists, and of what listeners do with both."""

from django.contrib import admin

from streaming.admin_actions import COMMENT_ACTIONS, PLAYLIST_ACTIONS
from streaming.models import (
    Playlist,
    PlaylistCollaborator,
    PlaylistFollow,
    PlaylistTrack,
    Track,
    TrackComment,
    TrackHistory,
    TrackLike,
    TrackPlay,
    TrackShare,
    TrackVersion,
)
from veza_site.admin.model_admin import V1Admin

FILE = ["file_path", "file_size", "mime_type", "checksum_sha256"]


@admin.register(Track)
class TrackAdmin(V1Admin):
    """Tracks. Their numbers and files are only shown."""

    labels = {"play_count": "plays"}
    child_names = {"history": "history entries"}
    can_add = False  # uploads make them
    list_display = [
        "title",
        "artist",
        "creator",
        "status",
        "is_public",
        "play_count",
        "published_at",
        "created_at",
    ]
    search_fields = ["slug"]
    # Written by uploads, the transcoder and listeners.
    readonly_fields = [
        "creator",
        *FILE,
        "duration_seconds",
        "waveform_url",
        "status",
        "play_count",
        "like_count",
        "share_count",
        "comment_count",
    ]
    fieldsets = [
        (None, {"fields": ["title", "slug", "artist", "album", "creator", "description"]}),
        (
            "Music",
            {"fields": ["genre", "tags", "bpm", "musical_key", "duration_seconds", "is_explicit"]},
        ),
        ("Publication", {"fields": ["status", "is_public", "published_at"]}),
        ("Listeners", {"fields": ["play_count", "like_count", "share_count", "comment_count"]}),
        ("File", {"fields": [*FILE, "cover_url", "waveform_url"]}),
    ]


@admin.register(TrackVersion)
class TrackVersionAdmin(V1Admin):
    """The files of a track, old and current."""

    can_add = False  # uploads make them
    list_display = ["__str__", "track", "label", "is_current", "file_size", "created_at"]
    readonly_fields = [
        "track",
        "created_by",
        "version_number",
        "is_current",
        *FILE,
        "duration_seconds",
    ]
    fieldsets = [
        (None, {"fields": ["track", "version_number", "is_current", "created_by"]}),
        ("Notes", {"fields": ["label", "change_notes"]}),
        ("File", {"fields": [*FILE, "duration_seconds"]}),
    ]


@admin.register(TrackHistory)
class TrackHistoryAdmin(V1Admin):
    """What was done to tracks, and by whom."""

    list_display = ["created_at", "track", "user", "action"]


@admin.register(Playlist)
class PlaylistAdmin(V1Admin):
    """Playlists. Their numbers are only shown."""

    labels = {"track_count": "tracks", "follower_count": "followers"}
    actions = PLAYLIST_ACTIONS
    list_display = [
        "title",
        "owner",
        "is_public",
        "is_collaborative",
        "track_count",
        "follower_count",
        "created_at",
    ]
    search_fields = ["slug"]
    readonly_fields = ["duplicated_from", "track_count", "follower_count"]
    fieldsets = [
        (None, {"fields": ["title", "slug", "owner", "description", "cover_url"]}),
        ("Access", {"fields": ["is_public", "is_collaborative"]}),
        ("Counts", {"fields": ["track_count", "follower_count", "duplicated_from"]}),
    ]


@admin.register(PlaylistTrack)
class PlaylistTrackAdmin(V1Admin):
    """The tracks of playlists, at their positions."""

    # The services keep positions without gaps and the playlist's counter right.
    can_add = can_change = can_delete = False
    list_display = ["position", "playlist", "track", "added_by", "created_at"]


@admin.register(PlaylistCollaborator)
class PlaylistCollaboratorAdmin(V1Admin):
    """Who may see or edit a playlist besides its owner."""

    list_display = ["permission", "playlist", "user", "invited_by", "accepted_at", "created_at"]


@admin.register(PlaylistFollow)
class PlaylistFollowAdmin(V1Admin):
    """Who follows which playlist."""

    list_display = ["created_at", "playlist", "user"]


@admin.register(TrackPlay)
class TrackPlayAdmin(V1Admin):
    """Every play, in the largest table by far."""

    labels = {
        "created_at": "time",
        "duration_played_seconds": "played",
        "device_type": "device",
        "country_code": "country",
    }
    list_display = [
        "created_at",
        "track",
        "user",
        "duration_played_seconds",
        "completion_percentage",
        "source",
        "device_type",
        "country_code",
    ]


@admin.register(TrackLike)
class TrackLikeAdmin(V1Admin):
    """Who likes which track."""

    list_display = ["created_at", "track", "user"]


@admin.register(TrackShare)
class TrackShareAdmin(V1Admin):
    """Who has shared which track, and where."""

    list_display = ["created_at", "track", "user", "platform"]


@admin.register(TrackComment)
class TrackCommentAdmin(V1Admin):
    """Comments on tracks, and replies to them."""

    actions = COMMENT_ACTIONS
    can_add = False  # listeners write them
    list_display = ["content", "track", "user", "timestamp_seconds", "edited_at", "created_at"]
    readonly_fields = ["track", "user", "parent", "edited_at"]
    fieldsets = [
        (None, {"fields": ["content", "timestamp_seconds", "edited_at"]}),
        ("Where", {"fields": ["track", "user", "parent"]}),
    ]
