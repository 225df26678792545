from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from django.db import connection

from media import services
from media.models import HlsStream, HlsTranscodeJob
from media.services import Lease
from streaming.models import Track
from streaming.services import set_like
from tests.support.examples.media import STREAM
from tests.support.rows import Rows

MINUTE = timedelta(minutes=1)


@dataclass
class World:
    user: UUID
    tracks: list[UUID]
    leases: list[Lease] = field(default_factory=list)
    completed: dict[tuple[UUID, datetime], UUID] = field(default_factory=dict)


def prepare(rows: Rows) -> World:
    """Make six tracks, of which most have been transcoded soon."""
    return World(rows.insert("users"), [rows.insert("tracks", is_public=True) for _ in range(6)])


def act(world: World, random: Random) -> None:
    """Call one service on a few tracks, jobs or leases, old ones too; or let time pass."""
    random.choice(
        [
            enqueue,
            enqueue,
            claim,
            claim,
            complete,
            fail,
            extend,
            reap,
            close,
            moderate,
            like,
            pass_time,
        ]
    )(world, random)


def enqueue(world: World, random: Random) -> None:
    services.enqueue_transcode(
        track_id=random.choice(world.tracks), priority=random.randint(1, 3), max_attempts=2
    )


def claim(world: World, random: Random) -> None:
    worker = f"worker-{random.randint(1, 2)}"
    world.leases += services.claim_jobs(worker=worker, lease=MINUTE, limit=random.randint(1, 4))


def any_lease(world: World, random: Random) -> Lease | None:
    return random.choice(world.leases[-12:]) if world.leases else None


def complete(world: World, random: Random) -> None:
    if lease := any_lease(world, random):
        stream = services.complete_job(lease=lease, **STREAM, codec=random.choice(["aac", "opus"]))
        claim = (lease.job_id, lease.started_at)
        assert world.completed.setdefault(claim, stream) == stream, "completed twice"


def fail(world: World, random: Random) -> None:
    if lease := any_lease(world, random):
        services.fail_job(lease=lease, error="ffmpeg: out of space")


def extend(world: World, random: Random) -> None:
    if lease := any_lease(world, random):
        services.heartbeat(lease=lease, extension=MINUTE)


def reap(_world: World, random: Random) -> None:
    services.fail_exhausted_jobs(limit=random.randint(1, 6))


def close(world: World, random: Random) -> None:
    if jobs := HlsTranscodeJob.objects.filter(track__in=world.tracks).values_list("pk")[:20]:
        (job_id,) = random.choice(jobs)
        random.choice([services.cancel_job, services.retry_job])(job_id=job_id)


def moderate(world: World, random: Random) -> None:
    """Delete a stream, or restore one."""
    if streams := HlsStream.objects.filter(track__in=world.tracks).values_list("pk")[:20]:
        (stream_id,) = random.choice(streams)
        random.choice([services.delete_stream, services.restore_stream])(stream_id=stream_id)


def like(world: World, random: Random) -> None:
    """Lock a track as another domain does."""
    set_like(track_id=random.choice(world.tracks), user_id=world.user, liked=random.random() < 0.5)


def pass_time(world: World, random: Random) -> None:
    """Let leases run out and back-offs end, or delete and restore a track."""
    track = Track.objects.filter(pk=random.choice(world.tracks))
    random.choice([track.soft_delete, track.restore, track.restore])()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE hls_transcode_queue SET"
            " lease_expires_at = lease_expires_at - interval '1 minute',"
            " available_at = available_at - interval '1 hour'"
            " WHERE id IN (SELECT id FROM hls_transcode_queue"
            " WHERE status IN ('pending', 'processing') FOR UPDATE SKIP LOCKED)"
        )


def prepare_many(rows: Rows) -> World:
    """Make sixty tracks, for calls that lock many of them and their jobs."""
    return World(rows.insert("users"), [rows.insert("tracks", is_public=True) for _ in range(60)])


def sweep(world: World, random: Random) -> None:
    """Call one service that locks many jobs or tracks, or one that they meet."""
    random.choice([refill, claim_many, exhaust, complete, extend, close, like])(world, random)


def refill(world: World, random: Random) -> None:
    for track in random.sample(world.tracks, 20):
        services.enqueue_transcode(track_id=track, max_attempts=1)


def claim_many(world: World, _random: Random) -> None:
    world.leases += services.claim_jobs(worker="worker-1", lease=MINUTE, limit=40)


def exhaust(world: World, random: Random) -> None:
    """Let all leases run out, each on its last attempt, and end those jobs."""
    pass_time(world, random)
    services.fail_exhausted_jobs(limit=60)
