"""The transcode queue: one open job a track, one lease a job, one completion a lease."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from media.models import HlsStream, HlsStreamStatus, HlsTranscodeJob, TranscodeStatus
from media.services import (
    LeaseLost,
    cancel_job,
    claim_jobs,
    complete_job,
    delete_stream,
    enqueue_transcode,
    fail_exhausted_jobs,
    fail_job,
    heartbeat,
    restore_stream,
    retry_job,
)
from streaming.models import Track, TrackStatus
from tests.support.databases import process_environment
from tests.support.examples.media import MINUTE, STREAM, queue
from tests.support.examples.streaming import tracks
from tests.support.services import PATIENCE, ServiceTests
from veza_site.transactions import Conflict, Invalid, NotFound

EARLIER = "2001-02-03T04:05:06Z"


class QueueTests(ServiceTests):
    def enqueue(self, **options):
        """Return the id of a new job, of a new track."""
        return enqueue_transcode(track_id=self.rows.insert("tracks"), **options).job_id

    def claim(self, worker="worker-1", limit=1, lease=MINUTE):
        return claim_jobs(worker=worker, lease=lease, limit=limit)

    def lease_job(self, **options):
        """Return the lease on a new job, where there are no others."""
        self.enqueue(**options)
        (lease,) = self.claim()
        return lease

    def job(self, job_id):
        return HlsTranscodeJob.objects.select_related("track").get(pk=job_id)

    def state(self, job_id):
        job = self.job(job_id)
        return job.status, job.track.status

    def expire_leases(self):
        """Let the time of every lease pass."""
        self.rows.cursor.execute(
            "UPDATE hls_transcode_queue SET lease_expires_at = clock_timestamp()"
            " WHERE status = 'processing'"
        )

    def end_backoff(self):
        """Let the time pass that failed jobs wait for."""
        self.rows.cursor.execute(
            "UPDATE hls_transcode_queue SET available_at = clock_timestamp()"
            " WHERE status = 'pending'"
        )

    def assert_lost(self, lease):
        """Assert that nothing can be done with the lease any more, and that trying does nothing."""
        before = self.content()
        for attempt in [
            partial(complete_job, lease=lease, **STREAM),
            partial(fail_job, lease=lease, error="x"),
            partial(heartbeat, lease=lease, extension=MINUTE),
        ]:
            with self.assertRaises(LeaseLost):
                attempt()
        self.assertEqual(self.content(), before)


class Enqueue(QueueTests):
    def test_makes_a_pending_job_and_the_track_is_processing(self):
        track = self.rows.insert("tracks")
        enqueued = enqueue_transcode(
            track_id=track, priority=2, max_attempts=4, payload={"codecs": ["aac", "opus"]}
        )
        self.assertTrue(enqueued.is_new)
        job = self.job(enqueued.job_id)
        self.assertEqual((job.status, job.priority, job.max_attempts), ("pending", 2, 4))
        self.assertEqual(job.track.status, TrackStatus.PROCESSING)
        (lease,) = self.claim()
        self.assertEqual(lease.payload, {"codecs": ["aac", "opus"]})
        self.assertEqual(lease.track_id, track)

    def test_again_returns_the_open_job(self):
        track = self.rows.insert("tracks")
        first = enqueue_transcode(track_id=track)
        again = enqueue_transcode(track_id=track, priority=1)
        self.assertEqual(again, (first.job_id, False))
        (lease,) = self.claim()
        self.assertEqual(enqueue_transcode(track_id=track), (first.job_id, False))
        complete_job(lease=lease, **STREAM)
        self.assertTrue(enqueue_transcode(track_id=track).is_new)

    def test_at_once_makes_one_job(self):
        for _ in range(5):
            track = self.rows.insert("tracks")
            outcomes = self.at_once(*4 * [partial(enqueue_transcode, track_id=track)])
            self.assertEqual(len({outcome.job_id for outcome in outcomes}), 1)
            self.assertEqual(sum(outcome.is_new for outcome in outcomes), 1)

    def test_finds_the_stream_of_a_completion_that_it_waited_for(self):
        lease = self.lease_job()
        enqueued = self.behind(
            partial(complete_job, lease=lease, **STREAM),
            partial(enqueue_transcode, track_id=lease.track_id),
        )
        self.assertTrue(enqueued.is_new)
        self.assertEqual(self.state(enqueued.job_id), ("pending", "ready"))

    def test_waits_for_a_deletion_of_the_track_and_then_finds_none(self):
        track = self.rows.insert("tracks")
        enqueued = self.behind(
            Track.objects.filter(pk=track).soft_delete, partial(enqueue_transcode, track_id=track)
        )
        self.assertIsInstance(enqueued, NotFound)

    def test_at_once_with_the_end_of_the_open_job_finds_that_or_makes_another(self):
        for _ in range(10):
            lease = self.lease_job()
            ended, enqueued = self.at_once(
                partial(cancel_job, job_id=lease.job_id),
                partial(enqueue_transcode, track_id=lease.track_id),
            )
            self.assertIsNone(ended)
            self.assertEqual(enqueued.is_new, enqueued.job_id != lease.job_id)
            status = "processing" if enqueued.is_new else "failed"
            self.assertEqual(self.state(enqueued.job_id)[1], status)
            HlsTranscodeJob.objects.all().delete()

    def test_is_refused(self):
        deleted, track = self.rows.insert("tracks", deleted_at=EARLIER), self.rows.insert("tracks")
        for error, arguments in [
            (NotFound, {"track_id": uuid.uuid4()}),
            (NotFound, {"track_id": deleted}),
            (Invalid, {"track_id": track, "priority": 0}),
            (Invalid, {"track_id": track, "priority": 11}),
            (Invalid, {"track_id": track, "max_attempts": 0}),
        ]:
            with self.subTest(arguments), self.assertRaises(error):
                enqueue_transcode(**arguments)
        self.assertFalse(HlsTranscodeJob.objects.exists())


class Claim(QueueTests):
    def claimed(self, limit):
        return [lease.job_id for lease in self.claim(limit=limit)]

    def test_is_by_priority_and_then_by_age(self):
        late = self.enqueue(priority=9)
        old, new = self.enqueue(), self.enqueue()
        urgent = self.enqueue(priority=1)
        crashed = self.enqueue(priority=3)
        HlsTranscodeJob.objects.filter(pk=crashed).update(
            status="processing", locked_by="worker-0", lease_expires_at=EARLIER, attempts=1
        )
        self.assertEqual(self.claimed(2), [urgent, crashed])
        self.assertEqual(self.claimed(2), [old, new])
        self.assertEqual(self.claimed(2), [late])
        self.assertEqual(self.claimed(2), [])

    def test_of_leases_that_have_run_out_is_by_priority_too(self):
        late, urgent = self.enqueue(priority=9), self.enqueue(priority=1)
        for job, minutes in [(late, 2), (urgent, 1)]:
            HlsTranscodeJob.objects.filter(pk=job).update(
                status="processing",
                locked_by="worker-0",
                lease_expires_at=timezone.now() - timedelta(minutes=minutes),
            )
        self.assertEqual(self.claimed(1), [urgent])
        self.assertEqual(self.claimed(1), [late])

    def test_leases_by_the_clock_of_the_database(self):
        with transaction.atomic():
            lease = self.lease_job(max_attempts=2)
            now = "SELECT %s BETWEEN CURRENT_TIMESTAMP AND clock_timestamp()"
            self.assertTrue(self.rows.fetch(now, lease.started_at))
        self.assertEqual(lease.expires_at - lease.started_at, MINUTE)
        self.assertEqual((lease.worker, lease.attempt), ("worker-1", 1))
        self.assertEqual(self.claimed(1), [])
        self.expire_leases()
        (again,) = self.claim("worker-2")
        self.assertEqual((again.job_id, again.attempt), (lease.job_id, 2))
        # There is no third attempt.
        self.expire_leases()
        self.assertEqual(self.claimed(1), [])

    def test_leaves_jobs_that_wait_for_their_time(self):
        job = self.enqueue()
        HlsTranscodeJob.objects.update(available_at="2100-01-01T00:00:00Z")
        self.assertEqual(self.claimed(1), [])
        self.end_backoff()
        self.assertEqual(self.claimed(1), [job])

    def test_locks_no_more_than_it_claims_and_waits_for_nobody(self):
        queue(self.rows, 10)
        with transaction.atomic():
            mine = self.claimed(3)
            (others,) = self.at_once(partial(self.claimed, 10))
        self.assertEqual((len(mine), len(others)), (3, 7))
        self.assertFalse(set(mine) & set(others))

    def test_at_once_gives_each_job_to_one_worker(self):
        queue(self.rows, 100)

        def drain(worker):
            leases = []
            while claimed := self.claim(worker, limit=3):
                leases += claimed
            return leases

        claimed = [
            lease.job_id
            for leases in self.at_once(*(partial(drain, f"worker-{n}") for n in range(4)))
            for lease in leases
        ]
        self.assertEqual(len(claimed), 100)
        self.assertEqual(len(set(claimed)), 100)
        self.assertEqual(set(HlsTranscodeJob.objects.values_list("attempts")), {(1,)})

    def test_is_given_back_with_the_callers_transaction(self):
        job = self.enqueue()
        with transaction.atomic():
            self.claim()
            transaction.set_rollback(True)
        self.assertEqual(self.claimed(1), [job])

    def test_is_refused(self):
        self.enqueue()
        for arguments in [
            {"limit": 0},
            {"limit": -1},
            {"lease": timedelta(0)},
            {"worker": ""},
            {"worker": "x" * 256},
        ]:
            with self.subTest(arguments), self.assertRaises(Invalid):
                self.claim(**arguments)


class ClaimFromALongQueue(QueueTests):
    few_rows = False

    def test_reads_no_more_of_the_queue_than_it_claims(self):
        tracks(self.rows, 10_000)
        # Or else the session checks each foreign key by the plan it made when there were few.
        self.rows.cursor.execute("ANALYZE tracks")
        queue(self.rows, 10_000)
        # Half are still to wait, the most urgent ones; some are leased.
        self.rows.cursor.execute(
            "UPDATE hls_transcode_queue SET priority = numbered.number %% 10 + 1,"
            " available_at = CURRENT_TIMESTAMP"
            "  + CASE WHEN number %% 10 < 5 THEN interval '1 hour' ELSE interval '-1 hour' END"
            " FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM hls_transcode_queue)"
            " AS numbered WHERE numbered.id = hls_transcode_queue.id",
            [],
        )
        self.claim(limit=500)
        self.rows.cursor.execute("VACUUM ANALYZE hls_transcode_queue")
        read = []

        def explain(execute, sql, parameters, *rest):
            with connection.connection.cursor() as cursor:
                explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}"
                ((((plan,),),),) = (cursor.execute(explained, parameters).fetchall(),)
            read.append(plan["Plan"])
            return execute(sql, parameters, *rest)

        with connection.execute_wrapper(explain):
            self.claim(limit=5)
        scanned = list(scans(read[0]))
        self.assertEqual(
            {index for index, _ in scanned},
            {
                "idx_hls_transcode_queue_priority_available_at",
                "idx_hls_transcode_queue_lease_expires_at",
                "hls_transcode_queue_pkey",
            },
        )
        self.assertLessEqual(sum(rows for _, rows in scanned), 20)


def scans(node):
    """Yield the index and the number of rows of each scan in a plan of EXPLAIN ANALYZE."""
    if "Scan" in node["Node Type"] and "Relation Name" in node:
        removed = node.get("Rows Removed by Filter", 0)
        yield node.get("Index Name"), (node["Actual Rows"] + removed) * node["Actual Loops"]
    for child in node.get("Plans", []):
        yield from scans(child)


class Heartbeat(QueueTests):
    def test_extends_the_lease(self):
        lease = self.lease_job()
        extended = heartbeat(lease=lease, extension=timedelta(hours=1))
        self.assertGreater(extended.expires_at - lease.expires_at, timedelta(minutes=58))
        self.assertEqual(self.job(lease.job_id).lease_expires_at, extended.expires_at)
        complete_job(lease=extended, **STREAM)

    def test_and_completing_come_too_late_if_the_lease_runs_out_while_they_wait(self):
        self.enqueue()
        for service, arguments in [(heartbeat, {"extension": MINUTE}), (complete_job, STREAM)]:
            with self.subTest(service.__name__):
                (lease,) = self.claim(lease=timedelta(seconds=1))
                outcome = self.held_up(partial(service, lease=lease, **arguments))
                self.assertIsInstance(outcome, LeaseLost)
                self.assertEqual(self.state(lease.job_id), ("processing", "processing"))

    def held_up(self, call):
        """Let a call wait for a lock on the one job until its lease has run out."""
        locked = threading.Event()

        def hold():
            with transaction.atomic():
                # The row doesn't change, so that a condition on it is not checked again.
                HlsTranscodeJob.objects.select_for_update().get()
                locked.set()
                self.until_waiting()
                self.until_a_lease_has_run_out()

        def wait():
            self.assertTrue(locked.wait(PATIENCE))
            return call()

        held, outcome = self.at_once(hold, wait)
        self.assertIsNone(held)
        return outcome

    def until_a_lease_has_run_out(self):
        deadline = time.monotonic() + PATIENCE
        with connection.cursor() as cursor:
            while time.monotonic() < deadline:
                cursor.execute(
                    "SELECT FROM hls_transcode_queue WHERE lease_expires_at < clock_timestamp()"
                )
                if cursor.fetchone() is not None:
                    return
        self.fail(f"no lease has run out in {PATIENCE} s")

    def test_is_refused_for_no_time(self):
        with self.assertRaises(Invalid):
            heartbeat(lease=self.lease_job(), extension=timedelta(0))


class Complete(QueueTests):
    def test_ends_the_job_and_makes_the_stream_and_the_track_ready_together(self):
        lease = self.lease_job()
        stream_id = complete_job(
            lease=lease, **STREAM, bitrates_kbps=[64, 128], total_size=10**10, codec="opus"
        )
        job = self.job(lease.job_id)
        self.assertEqual((job.status, job.stream_id), (TranscodeStatus.COMPLETED, stream_id))
        self.assertGreaterEqual(job.finished_at, job.started_at)
        self.assertEqual(job.track.status, TrackStatus.READY)
        stream = HlsStream.objects.get()
        self.assertEqual((stream.pk, stream.track_id), (stream_id, lease.track_id))
        self.assertEqual(
            (stream.status, stream.codec, stream.bitrates_kbps, stream.segment_count),
            (HlsStreamStatus.READY, "opus", [64, 128], STREAM["segment_count"]),
        )
        self.assert_sound()
        self.assert_lost(lease)

    def test_again_takes_the_place_of_the_live_stream_in_this_codec(self):
        lease = self.lease_job()
        track = lease.track_id
        deleted = self.rows.insert("hls_streams", track_id=track, deleted_at=EARLIER)
        broken = self.rows.insert(
            "hls_streams", track_id=track, status="failed", error_message="out of space"
        )
        self.assertEqual(complete_job(lease=lease, **STREAM), broken)
        enqueue_transcode(track_id=track)
        (lease,) = self.claim()
        self.assertNotIn(complete_job(lease=lease, **STREAM, codec="opus"), [broken, deleted])
        self.assertIsNone(HlsStream.objects.get(pk=broken).error_message)

    def test_of_a_track_that_was_deleted_meanwhile(self):
        lease = self.lease_job()
        Track.objects.soft_delete()
        complete_job(lease=lease, **STREAM)
        Track.objects.restore()
        self.assertEqual(self.state(lease.job_id), ("completed", "ready"))

    def test_is_refused_for_a_stream_that_cannot_be_played(self):
        lease = self.lease_job()
        before = self.content()
        for change in [
            {"master_playlist_path": ""},
            {"segment_count": 0},
            {"segment_count": -1},
            {"segment_duration_seconds": 0},
            {"total_size": -1},
            {"total_size": 2**63},
            {"master_playlist_path": "hls/\0"},
            {"bitrates_kbps": [128, 0]},
            {"codec": ""},
            {"codec": "x" * 21},
        ]:
            with self.subTest(change), self.assertRaises(Invalid):
                complete_job(lease=lease, **STREAM | change)
        self.assertEqual(self.content(), before)

    def test_at_once_succeeds_once(self):
        for _ in range(5):
            lease = self.lease_job(max_attempts=1)
            outcomes = self.at_once(
                partial(complete_job, lease=lease, **STREAM),
                partial(complete_job, lease=lease, **STREAM),
                partial(fail_job, lease=lease, error="x"),
                partial(cancel_job, job_id=lease.job_id),
            )
            refused = [outcome for outcome in outcomes if isinstance(outcome, LeaseLost | Conflict)]
            self.assertEqual(len(refused), 3, outcomes)
            self.assert_sound()
            HlsTranscodeJob.objects.all().delete()


class Fail(QueueTests):
    def test_waits_twice_as_long_after_each_attempt_and_then_fails(self):
        job = self.enqueue(max_attempts=3)
        for seconds in (30, 60):
            (lease,) = self.claim()
            self.assertEqual(fail_job(lease=lease, error="no\0space"), TranscodeStatus.PENDING)
            self.assertEqual(self.state(job), ("pending", "processing"))
            self.assertEqual(self.job(job).error_message, "nospace")
            self.assertEqual(
                self.rows.fetch(
                    "SELECT round(extract(epoch FROM available_at - clock_timestamp()))"
                    " FROM hls_transcode_queue"
                ),
                seconds,
            )
            self.assert_lost(lease)
            self.assertEqual(self.claim(), [])
            self.end_backoff()
        (lease,) = self.claim()
        self.assertEqual(fail_job(lease=lease, error="x"), TranscodeStatus.FAILED)
        self.assertEqual(self.state(job), ("failed", "failed"))
        self.assertIsNotNone(self.job(job).finished_at)

    def test_never_waits_for_more_than_an_hour(self):
        lease = self.lease_job(max_attempts=2**31 - 1)
        HlsTranscodeJob.objects.update(attempts=2**31 - 2)
        fail_job(lease=lease, error="x")
        self.assertTrue(
            self.rows.fetch(
                "SELECT available_at BETWEEN clock_timestamp() + interval '59 minutes'"
                " AND clock_timestamp() + interval '1 hour' FROM hls_transcode_queue"
            )
        )

    def test_leaves_a_track_ready_that_has_a_ready_stream(self):
        lease = self.lease_job(max_attempts=1)
        complete_job(lease=lease, **STREAM)
        job = enqueue_transcode(track_id=lease.track_id, max_attempts=1).job_id
        (lease,) = self.claim()
        self.assertEqual(self.state(job), ("processing", "ready"))
        fail_job(lease=lease, error="x")
        self.assertEqual(self.state(job), ("failed", "ready"))


class FailExhausted(QueueTests):
    def test_ends_jobs_whose_last_lease_has_run_out(self):
        for _ in range(3):
            self.enqueue(max_attempts=1)
        with_attempts_left = self.enqueue(max_attempts=2)
        leases = self.claim(limit=4)
        self.assertEqual(fail_exhausted_jobs(), 0)
        self.expire_leases()
        self.assertEqual(fail_exhausted_jobs(limit=2), 2)
        self.assertEqual(fail_exhausted_jobs(limit=2), 1)
        self.assertEqual(fail_exhausted_jobs(limit=2), 0)
        self.assertEqual(HlsTranscodeJob.objects.filter(status="failed").count(), 3)
        self.assertEqual(Track.objects.filter(status="failed").count(), 3)
        self.assertEqual(self.state(with_attempts_left), ("processing", "processing"))
        for lease in leases:
            self.assert_lost(lease)

    def test_is_refused_for_no_jobs(self):
        with self.assertRaises(Invalid):
            fail_exhausted_jobs(limit=0)


class Cancel(QueueTests):
    def test_takes_the_lease_away(self):
        lease = self.lease_job()
        cancel_job(job_id=lease.job_id)
        self.assertEqual(self.state(lease.job_id), ("cancelled", "failed"))
        self.assert_lost(lease)
        cancel_job(job_id=lease.job_id)

    def test_is_refused_for_a_job_that_has_ended_otherwise(self):
        lease = self.lease_job()
        complete_job(lease=lease, **STREAM)
        with self.assertRaises(Conflict):
            cancel_job(job_id=lease.job_id)
        with self.assertRaises(NotFound):
            cancel_job(job_id=uuid.uuid4())


class Streams(QueueTests):
    def stream(self):
        """Return the stream of a track that is ready."""
        lease = self.lease_job()
        complete_job(lease=lease, **STREAM)
        return HlsStream.objects.get(track_id=lease.track_id)

    def test_take_their_track_s_readiness_along_and_bring_it_back(self):
        stream = self.stream()
        track = Track.objects.filter(pk=stream.track_id)
        delete_stream(stream_id=stream.pk)
        self.assertEqual(track.get().status, "failed")
        restore_stream(stream_id=stream.pk)
        self.assertEqual(track.get().status, "ready")
        enqueue_transcode(track_id=stream.track_id)
        delete_stream(stream_id=stream.pk)
        self.assertEqual(track.get().status, "processing")
        self.assert_sound()

    def test_leave_a_track_as_it_is_that_is_not_ready_or_stays_so(self):
        stream = self.stream()
        for codec in ("opus", "flac"):
            self.rows.insert("hls_streams", track_id=stream.track_id, codec=codec)
        HlsStream.objects.filter(codec="opus").update(status="ready", **STREAM)
        for codec in ("flac", "opus"):
            delete_stream(stream_id=HlsStream.objects.get(codec=codec).pk)
            self.assertEqual(Track.objects.get().status, "ready")
        Track.objects.update(status="uploading")
        delete_stream(stream_id=stream.pk)
        self.assertEqual(Track.objects.get().status, "uploading")

    def test_are_not_restored_beside_another_of_their_codec(self):
        stream = self.stream()
        with self.assertRaises(NotFound):
            restore_stream(stream_id=stream.pk)
        delete_stream(stream_id=stream.pk)
        with self.assertRaises(NotFound):
            delete_stream(stream_id=stream.pk)
        self.rows.insert("hls_streams", track_id=stream.track_id, codec=stream.codec)
        with self.assertRaises(Conflict):
            restore_stream(stream_id=stream.pk)
        for service in (delete_stream, restore_stream):
            with self.assertRaises(NotFound):
                service(stream_id=uuid.uuid4())


class Retry(QueueTests):
    def test_gives_a_failed_or_cancelled_job_all_its_attempts_again(self):
        lease = self.lease_job(max_attempts=1)
        job = lease.job_id
        fail_job(lease=lease, error="x")
        retry_job(job_id=job)
        self.assertEqual(self.state(job), ("pending", "processing"))
        self.assertIsNone(self.job(job).error_message)
        cancel_job(job_id=job)
        retry_job(job_id=job)
        (again,) = self.claim()
        self.assertEqual((again.job_id, again.attempt), (job, 1))
        # The same worker, job and attempt, and yet not the same lease.
        self.assert_lost(lease)
        complete_job(lease=again, **STREAM)

    def test_is_refused(self):
        lease = self.lease_job()
        with self.assertRaises(Conflict):
            retry_job(job_id=lease.job_id)
        cancel_job(job_id=lease.job_id)
        open_job = enqueue_transcode(track_id=lease.track_id).job_id
        with self.assertRaises(Conflict):
            retry_job(job_id=lease.job_id)
        cancel_job(job_id=open_job)
        Track.objects.soft_delete()
        with self.assertRaises(NotFound):
            retry_job(job_id=lease.job_id)
        with self.assertRaises(NotFound):
            retry_job(job_id=uuid.uuid4())

    def test_at_once_with_another_job_of_the_track_leaves_one_open(self):
        for _ in range(5):
            lease = self.lease_job()
            cancel_job(job_id=lease.job_id)
            *retries, enqueued = self.at_once(
                partial(retry_job, job_id=lease.job_id),
                partial(retry_job, job_id=lease.job_id),
                partial(enqueue_transcode, track_id=lease.track_id),
            )
            refused = [outcome for outcome in retries if isinstance(outcome, Conflict)]
            self.assertEqual(len(refused), 1 + enqueued.is_new, retries)
            open_jobs = HlsTranscodeJob.objects.filter(status="pending")
            self.assertEqual(open_jobs.count(), 1)
            HlsTranscodeJob.objects.all().delete()


class Worker:
    """A process of tests.support.transcode_worker, that has claimed a job."""

    def __init__(self, test, name):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.transcode_worker", name, "600"],
            cwd=settings.BASE_DIR,
            env=process_environment(connection.settings_dict["NAME"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        test.addCleanup(self.end)

    def end(self):
        self.process.kill()  # also ends one that is stopped
        self.process.communicate(timeout=60)

    def reads(self):
        return self.process.stdout.readline().strip()

    def complete(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def signal(self, number):
        self.process.send_signal(number)
        # Until it has arrived: the process is dead, or stopped, or runs again.
        os.waitpid(self.process.pid, os.WUNTRACED | os.WCONTINUED)


class LostWorkers(QueueTests):
    def test_neither_lose_a_job_nor_complete_it_twice(self):
        queue(self.rows, 6)
        workers = {name: Worker(self, name) for name in ("killed", "interrupted", "stopped")}
        jobs = {name: uuid.UUID(worker.reads()) for name, worker in workers.items()}
        self.assertEqual(len(set(jobs.values())), 3)

        # One is killed at work, one in the middle of completing, one is stopped at work.
        workers["killed"].signal(signal.SIGKILL)
        with transaction.atomic():
            Track.objects.select_for_update().get(transcode_jobs=jobs["interrupted"])
            workers["interrupted"].complete()
            self.until_waiting()
            workers["interrupted"].signal(signal.SIGKILL)
        workers["stopped"].signal(signal.SIGSTOP)
        self.assertEqual(HlsTranscodeJob.objects.filter(status="processing").count(), 3)

        self.expire_leases()
        sound = Worker(self, "sound")
        completed = []
        while (job := sound.reads()) != "nothing to do":
            sound.complete()
            self.assertEqual(sound.reads(), "completed")
            completed.append(uuid.UUID(job))
        self.assertEqual(len(completed), 6)
        self.assertEqual(set(completed), set(HlsTranscodeJob.objects.values_list("pk", flat=True)))
        for job in HlsTranscodeJob.objects.select_related("stream", "track"):
            attempts = 2 if job.pk in jobs.values() else 1
            self.assertEqual((job.status, job.attempts), ("completed", attempts))
            self.assertEqual(job.stream.master_playlist_path, f"hls/sound/{attempts}/master.m3u8")
            self.assertEqual(job.track.status, TrackStatus.READY)

        # The one that was stopped goes on, and believes that it has the lease.
        before = self.content()
        workers["stopped"].signal(signal.SIGCONT)
        workers["stopped"].complete()
        self.assertEqual(workers["stopped"].reads(), "lost")
        self.assertEqual(workers["stopped"].reads(), "nothing to do")
        self.assertEqual(self.content(), before)
        self.assert_sound()
