"""
Media's transactions: from enqueueing a track for transcoding to the stream that plays.

Locks are taken in this order: the track, its streams, its jobs. Claiming locks jobs only, and waits
for nobody. What each locks, and the SQL it sends, is in docs/transactions.md. Ids are UUIDs.
"""

from media.services.claims import claim_jobs
from media.services.leases import Lease, LeaseLost, heartbeat
from media.services.queue import Enqueued, cancel_job, enqueue_transcode, retry_job
from media.services.results import complete_job, fail_exhausted_jobs, fail_job
from media.services.streams import delete_stream, restore_stream

__all__ = [
    "Enqueued",
    "Lease",
    "LeaseLost",
    "cancel_job",
    "claim_jobs",
    "complete_job",
    "delete_stream",
    "enqueue_transcode",
    "fail_exhausted_jobs",
    "fail_job",
    "heartbeat",
    "restore_stream",
    "retry_job",
]
