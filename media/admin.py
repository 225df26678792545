"""The pages of streams and of the transcode queue."""

from django.contrib import admin

from media.admin_actions import JOB_ACTIONS, STREAM_ACTIONS
from media.models import BitrateAdaptationLog, HlsStream, HlsTranscodeJob
from veza_site.admin.model_admin import V1Admin


@admin.register(HlsStream)
class HlsStreamAdmin(V1Admin):
    """The streams of tracks, one for each codec."""

    labels = {"segment_count": "segments", "total_size": "size"}
    actions = STREAM_ACTIONS
    can_add = can_change = False  # only the transcoder writes them
    list_display = ["created_at", "track", "codec", "status", "segment_count", "total_size"]
    fieldsets = [
        (None, {"fields": ["track", "codec", "status", "error_message"]}),
        (
            "Files",
            {
                "fields": [
                    "master_playlist_path",
                    "bitrates_kbps",
                    "segment_count",
                    "segment_duration_seconds",
                    "total_size",
                ]
            },
        ),
    ]


@admin.register(HlsTranscodeJob)
class HlsTranscodeJobAdmin(V1Admin):
    """The transcode queue."""

    labels = {"locked_by": "worker"}
    actions = JOB_ACTIONS
    can_add = False  # uploads enqueue jobs
    list_display = [
        "created_at",
        "track",
        "status",
        "priority",
        "attempts",
        "locked_by",
        "finished_at",
    ]
    # What only the queue's services write.
    readonly_fields = [
        "track",
        "stream",
        "status",
        "attempts",
        "locked_by",
        "lease_expires_at",
        "started_at",
        "finished_at",
        "error_message",
        "payload",
        "rerun_priority",
        "rerun_payload",
    ]
    fieldsets = [
        (None, {"fields": ["track", "stream", "status", "error_message"]}),
        ("Queue", {"fields": ["priority", "available_at", "attempts", "max_attempts", "payload"]}),
        ("Worker", {"fields": ["locked_by", "lease_expires_at", "started_at", "finished_at"]}),
        ("One more run", {"fields": ["rerun_priority", "rerun_payload"]}),
    ]


@admin.register(BitrateAdaptationLog)
class BitrateAdaptationLogAdmin(V1Admin):
    """When players changed the bitrate, and why."""

    labels = {"from_bitrate_kbps": "from", "to_bitrate_kbps": "to", "buffer_ms": "buffer"}
    list_display = [
        "created_at",
        "stream",
        "user",
        "from_bitrate_kbps",
        "to_bitrate_kbps",
        "bandwidth_kbps",
        "reason",
    ]
