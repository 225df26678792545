from datetime import timedelta
from typing import Any

from media import services
from media.services import Lease
from tests.support.examples.streaming import tracks
from tests.support.rows import Rows

MINUTE = timedelta(minutes=1)
STREAM = {"master_playlist_path": "hls/1/master.m3u8", "segment_count": 40}


def enqueue_transcode(rows: Rows, size: int) -> dict[str, Any]:
    queue(rows, size)
    return {"track_id": rows.insert("tracks")}


def claim_jobs(rows: Rows, size: int) -> dict[str, Any]:
    queue(rows, size)
    return {"worker": "worker-1", "lease": MINUTE, "limit": size}


def enqueue_transcode__again(rows: Rows, size: int) -> dict[str, Any]:
    return {"track_id": lease_job(rows, size).track_id, "priority": 2}


def heartbeat(rows: Rows, size: int) -> dict[str, Any]:
    return {"lease": lease_job(rows, size), "extension": 2 * MINUTE}


def complete_job(rows: Rows, size: int) -> dict[str, Any]:
    return {"lease": lease_job(rows, size), **STREAM, "bitrates_kbps": [64, 128, 256]}


def complete_job__asked_for_again(rows: Rows, size: int) -> dict[str, Any]:
    lease = lease_job(rows, size)
    services.enqueue_transcode(track_id=lease.track_id)
    return {"lease": lease, **STREAM}


def fail_job(rows: Rows, size: int) -> dict[str, Any]:
    return {"lease": lease_job(rows, size), "error": "ffmpeg: Invalid data found"}


def fail_exhausted_jobs(rows: Rows, size: int) -> dict[str, Any]:
    queue(rows, size)
    services.claim_jobs(worker="worker-1", lease=MINUTE, limit=size)
    rows.cursor.execute(
        "UPDATE hls_transcode_queue SET attempts = max_attempts,"
        " lease_expires_at = CURRENT_TIMESTAMP - interval '1 minute' WHERE status = 'processing'"
    )
    return {"limit": size}


def cancel_job(rows: Rows, size: int) -> dict[str, Any]:
    return {"job_id": lease_job(rows, size).job_id}


def retry_job(rows: Rows, size: int) -> dict[str, Any]:
    queue(rows, size)
    return {"job_id": rows.insert("hls_transcode_queue", status="failed", attempts=3)}


def delete_stream(rows: Rows, size: int) -> dict[str, Any]:
    return {"stream_id": stream(rows, size)}


def restore_stream(rows: Rows, size: int) -> dict[str, Any]:
    return {"stream_id": stream(rows, size, deleted_at="2001-02-03T04:05:06Z")}


def stream(rows: Rows, size: int, **values: Any) -> Any:
    """Insert a ready stream of a track that has `size` deleted ones, and return its id."""
    deleted = values.get("deleted_at") is not None
    track_id = rows.insert("tracks", status="failed" if deleted else "ready")
    rows.cursor.execute(
        "INSERT INTO hls_streams (track_id, deleted_at)"
        " SELECT %s, CURRENT_TIMESTAMP FROM generate_series(1, %s)",
        [track_id, size],
    )
    return rows.insert("hls_streams", track_id=track_id, status="ready", **STREAM, **values)


def queue(rows: Rows, size: int) -> None:
    """Insert `size` pending jobs, of tracks that have no open one."""
    is_open = "status IN ('pending', 'processing')"
    busy = rows.fetch(f"SELECT count(*) FROM hls_transcode_queue WHERE {is_open}")
    rows.cursor.execute(
        f"""
        INSERT INTO hls_transcode_queue (track_id)
        SELECT track_id FROM unnest(%s::uuid[]) AS track_id
        WHERE track_id NOT IN (SELECT track_id FROM hls_transcode_queue WHERE {is_open})
        LIMIT %s
        """,
        [tracks(rows, size + busy), size],
    )


def lease_job(rows: Rows, size: int = 0) -> Lease:
    """Return the lease on a new job, the most urgent of a queue with `size` others."""
    queue(rows, size)
    services.enqueue_transcode(track_id=rows.insert("tracks"), priority=1)
    (lease,) = services.claim_jobs(worker="worker-1", lease=MINUTE)
    return lease
