"""Streams and a transcode queue to look at."""

from datetime import timedelta
from random import Random

from django.utils import timezone

from media.models import (
    BitrateAdaptationLog,
    HlsStream,
    HlsStreamStatus,
    HlsTranscodeJob,
    TranscodeStatus,
)
from streaming.models import Track, TrackStatus
from veza_site.demo import ago


def load(random: Random) -> None:
    """Create a ready stream for every ready track, and a transcode queue in every state."""
    streams = HlsStream.objects.bulk_create(
        HlsStream(
            track=track,
            status=HlsStreamStatus.READY,
            master_playlist_path=f"hls/{track.slug}/master.m3u8",
            bitrates_kbps=[64, 128, 256],
            segment_count=(track.duration_seconds or 0) // 6 + 1,
            total_size=track.file_size // 3,
        )
        for track in Track.objects.filter(status=TrackStatus.READY).order_by("slug")
    )
    now = timezone.now()
    jobs = [
        HlsTranscodeJob(
            track=stream.track,
            stream=stream,
            status=TranscodeStatus.COMPLETED,
            attempts=1,
            started_at=now - timedelta(days=2),
            finished_at=now - timedelta(days=2) + timedelta(seconds=random.randrange(20, 200)),
        )
        for stream in streams[:20]
    ]
    for track in Track.objects.exclude(status=TrackStatus.READY).order_by("slug"):
        job = HlsTranscodeJob(track=track, priority=random.randrange(1, 11))
        if track.status == TrackStatus.PROCESSING:
            job.status, job.attempts = TranscodeStatus.PROCESSING, 1
            job.locked_by, job.lease_expires_at = "worker-1", now + timedelta(minutes=5)
            job.started_at = now
        elif track.status == TrackStatus.FAILED:
            job.status, job.attempts = TranscodeStatus.FAILED, 3
            job.finished_at = now
            job.error_message = "ffmpeg: Invalid data found when processing input"
        jobs.append(job)
    jobs.append(
        HlsTranscodeJob(track=streams[-1].track, status=TranscodeStatus.CANCELLED, finished_at=now)
    )
    HlsTranscodeJob.objects.bulk_create(jobs)
    BitrateAdaptationLog.objects.bulk_create(
        BitrateAdaptationLog(
            stream=random.choice(streams),
            from_bitrate_kbps=256,
            to_bitrate_kbps=128,
            bandwidth_kbps=random.randrange(100, 240),
            buffer_ms=random.randrange(0, 4000),
            reason="bandwidth",
            created_at=ago(random, 7),
        )
        for _ in range(60)
    )
