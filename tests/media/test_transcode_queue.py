"""The transcode queue: one open job a track, one lease a job, one completion a lease."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import replace
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.test import tag
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
from media.services.claims import AGEING, LOOK_EVERYWHERE_EVERY, LOOKS_EVERYWHERE, progress
from streaming.models import Track, TrackStatus
from tests.support.databases import connect, process_environment
from tests.support.examples.media import MINUTE, STREAM, queue
from tests.support.examples.streaming import tracks
from tests.support.services import PATIENCE, ServiceTests
from veza_site.transactions import Conflict, Invalid, NotFound

EARLIER = "2001-02-03T04:05:06Z"


class QueueTests(ServiceTests):
    def setUp(self):
        super().setUp()
        self.forget()

    def forget(self):
        """Let this session's next claim look everywhere, as its first one does."""
        progress.last_claimed = {}
        progress.looked_at, progress.claims = None, 0

    def be_busy(self):
        """Let this session have claimed so often that it starts behind what it has claimed."""
        progress.looked_at, progress.claims = time.monotonic(), LOOKS_EVERYWHERE

    def ask_again(self, lease, **options):
        """Enqueue the track of a job that runs."""
        again = enqueue_transcode(track_id=lease.track_id, **options)
        self.assertEqual(again, (lease.job_id, False))

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

    def assert_lost(self, lease, error="an error of its own"):
        """Assert that nothing can be done with the lease any more, and that trying does nothing."""
        before = self.content()
        for attempt in [
            partial(complete_job, lease=lease, **STREAM),
            partial(fail_job, lease=lease, error=error),
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

    def test_again_gives_a_pending_job_what_was_asked_for_last_or_is_more(self):
        track = self.rows.insert("tracks")
        job = enqueue_transcode(track_id=track, priority=5, payload={"codec": "aac"}).job_id
        for wish, expected in [
            ({"priority": 2}, (2, 3, {"codec": "aac"})),
            ({"priority": 9, "max_attempts": 5}, (2, 5, {"codec": "aac"})),
            ({"payload": {"codec": "opus"}}, (2, 5, {"codec": "opus"})),
            ({"payload": {}}, (2, 5, {})),
        ]:
            again = enqueue_transcode(track_id=track, **wish)
            self.assertEqual(again, (job, False))
            found = self.job(job)
            self.assertEqual((found.priority, found.max_attempts, found.payload), expected)
        self.assertIsNone(found.rerun_priority)
        (lease,) = self.claim()
        complete_job(lease=lease, **STREAM)
        self.assertTrue(enqueue_transcode(track_id=track).is_new)

    def test_while_the_job_runs_makes_one_more_run_by_the_most_urgent_wish(self):
        lease = self.lease_job(priority=4, payload={"codec": "aac"})
        for wish in [{"priority": 7, "payload": {"codec": "opus"}}, {"priority": 3}, {}]:
            self.ask_again(lease, **wish)
        self.assertEqual(self.job(lease.job_id).priority, 4)
        complete_job(lease=lease, **STREAM)
        (again,) = self.claim()
        self.assertNotEqual(again.job_id, lease.job_id)
        self.assertEqual((again.track_id, again.attempt), (lease.track_id, 1))
        self.assertEqual((self.job(again.job_id).priority, again.payload), (3, {"codec": "opus"}))
        complete_job(lease=again, **STREAM)
        self.assertEqual(self.claim(), [])
        self.assert_sound()

    def test_while_the_job_runs_makes_one_more_run_if_that_fails(self):
        for max_attempts in (1, 3):
            lease = self.lease_job(max_attempts=max_attempts, priority=2, payload={"old": 1})
            self.ask_again(lease, priority=1, payload={"new": 1}, max_attempts=max_attempts)
            self.assertEqual(fail_job(lease=lease, error="x"), TranscodeStatus.PENDING)
            self.assertEqual(self.state(lease.job_id), ("pending", "processing"))
            self.end_backoff()
            (again,) = self.claim()
            self.assertEqual((again.job_id, again.attempt), (lease.job_id, 1))
            self.assertEqual((self.job(again.job_id).priority, again.payload), (1, {"new": 1}))
            complete_job(lease=again, **STREAM)
            self.assertEqual(self.claim(), [])

    def test_while_the_job_runs_makes_one_more_run_if_its_worker_is_lost(self):
        lease = self.lease_job(max_attempts=1)
        self.ask_again(lease, max_attempts=1)
        self.expire_leases()
        self.assertEqual(fail_exhausted_jobs(), 1)
        self.assertEqual(self.state(lease.job_id), ("pending", "processing"))
        (again,) = self.claim()
        self.assertEqual((again.job_id, again.attempt), (lease.job_id, 1))
        self.assert_lost(lease)

    def test_while_the_job_runs_is_forgotten_if_that_is_cancelled_or_the_track_deleted(self):
        lease = self.lease_job()
        self.ask_again(lease)
        cancel_job(job_id=lease.job_id)
        self.assertEqual(self.claim(), [])
        retry_job(job_id=lease.job_id)
        (lease,) = self.claim()
        self.ask_again(lease)
        Track.objects.soft_delete()
        complete_job(lease=lease, **STREAM)
        self.assertEqual(self.claim(), [])

    def test_at_once_with_the_end_of_the_run_always_makes_one_more(self):
        for end in [
            partial(complete_job, **STREAM),
            partial(fail_job, error="x"),
        ]:
            for _ in range(5):
                lease = self.lease_job(max_attempts=1)
                self.at_once(
                    partial(end, lease=lease), partial(enqueue_transcode, track_id=lease.track_id)
                )
                self.assertEqual(HlsTranscodeJob.objects.filter(status="pending").count(), 1)
                HlsTranscodeJob.objects.all().delete()

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
            (Invalid, {"track_id": track, "payload": {"gain": float("nan")}}),
            (Invalid, {"track_id": track, "payload": {"title": "a\0"}}),
            (Invalid, {"track_id": track, "payload": {"title": "\ud83d"}}),
            (Invalid, {"track_id": track, "payload": {"since": timezone.now()}}),
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
            {"lease": timedelta(days=365 * 1000)},
            {"worker": ""},
            {"worker": "a\0"},
            {"worker": "x" * 256},
        ]:
            with self.subTest(arguments), self.assertRaises(Invalid):
                self.claim(**arguments)


class FairClaims(QueueTests):
    def make_old(self, job_id, time):
        """Let a job be enqueued so long ago."""
        self.rows.cursor.execute(
            "UPDATE hls_transcode_queue SET available_at = clock_timestamp() - %s WHERE id = %s",
            [time, job_id],
        )

    def claimed(self, limit=1):
        return [lease.job_id for lease in self.claim(limit=limit)]

    def test_are_strictly_by_priority_among_jobs_of_about_the_same_age(self):
        jobs = [self.enqueue(priority=priority) for priority in range(10, 0, -1)]
        for number, job in enumerate(jobs):
            self.make_old(job, number * timedelta(seconds=1))
        self.assertEqual([self.claimed() for _ in jobs], [[job] for job in reversed(jobs)])

    def test_let_no_job_wait_for_those_that_come_after_its_bound(self):
        for priority in range(2, 11):
            with self.subTest(priority=priority):
                self.forget()  # the clock is set by hand
                bound = (priority - 1) * AGEING
                job = self.enqueue(priority=priority)
                before, after = self.enqueue(priority=1), self.enqueue(priority=1)
                hour = timedelta(hours=1)
                self.make_old(job, hour + bound)
                self.make_old(before, hour + timedelta(minutes=1))
                self.make_old(after, hour - timedelta(minutes=1))
                self.assertEqual([self.claimed() for _ in range(3)], [[before], [job], [after]])

    def test_let_a_flood_of_urgent_jobs_pass_for_no_longer_than_the_bound(self):
        # In each five minutes a worker claims one job, and two urgent ones come in.
        step = timedelta(minutes=5)
        last = self.enqueue(priority=10)
        steps = 0
        while True:
            steps += 1
            HlsTranscodeJob.objects.filter(status="pending").update(
                available_at=F("available_at") - step
            )
            self.forget()  # the clock is set by hand
            queue(self.rows, 2)
            HlsTranscodeJob.objects.filter(priority=5).update(priority=1)
            if self.claimed() == [last]:
                break
            self.assertLess(steps, 200)
        # The urgent jobs of 2 hours and 15 minutes come first, two for each five minutes.
        self.assertAlmostEqual(steps, 2 * 9 * AGEING / step, delta=3)

    def test_find_what_comes_in_before_the_last_job_if_there_is_nothing_else(self):
        first, second = self.enqueue(), self.enqueue()
        self.assertEqual([self.claimed(), self.claimed()], [[first], [second]])
        self.be_busy()
        late = self.enqueue()
        self.make_old(late, timedelta(hours=1))
        self.assertEqual(self.claimed(), [late])

    def test_find_what_comes_in_before_the_last_job_after_seconds_however_busy_it_is(self):
        self.assertEqual(self.claimed(), [])
        queue(self.rows, 10)
        self.claim()
        self.be_busy()
        late = self.enqueue()
        self.make_old(late, timedelta(hours=1))
        self.assertNotEqual(self.claimed(), [late])
        progress.looked_at -= LOOK_EVERYWHERE_EVERY.total_seconds()
        self.assertEqual(self.claimed(), [late])

    def test_find_leases_that_have_run_out_after_seconds_however_busy_it_is(self):
        lost = self.lease_job(priority=1)
        exhausted = self.lease_job(priority=1, max_attempts=1)
        self.expire_leases()
        queue(self.rows, 10)
        self.be_busy()
        self.assertNotEqual(self.claimed(), [lost.job_id])
        progress.looked_at -= LOOK_EVERYWHERE_EVERY.total_seconds()
        self.assertEqual(self.claimed(), [lost.job_id])
        self.assertEqual(self.state(exhausted.job_id), ("failed", "failed"))

    def test_look_everywhere_in_each_lease_s_time(self):
        self.claim()
        moment = timedelta(seconds=1)
        progress.looked_at -= moment.total_seconds()
        self.assertTrue(progress.is_due(moment))
        self.assertFalse(progress.is_due(MINUTE))

    def test_look_everywhere_where_they_are_few(self):
        first, second = self.enqueue(), self.enqueue()
        self.assertEqual(self.claimed(), [first])
        self.make_old(late := self.enqueue(), timedelta(hours=1))
        self.assertEqual([self.claimed(), self.claimed()], [[late], [second]])

    def test_end_all_lost_jobs_before_they_stop_looking(self):
        queue(self.rows, 250)
        self.claim(limit=250)
        HlsTranscodeJob.objects.update(attempts=3)
        self.expire_leases()
        queue(self.rows, 5)
        self.forget()
        for left in (150, 50, 0, 0):
            self.claim()
            running = HlsTranscodeJob.objects.filter(status="processing", attempts=3)
            self.assertEqual(running.count(), left)

    def test_in_a_transaction_are_not_remembered(self):
        queue(self.rows, 5)
        with transaction.atomic():
            self.claim(limit=5)
            transaction.set_rollback(True)
        self.assertEqual((progress.last_claimed, progress.looked_at), ({}, None))
        self.assertEqual(len(self.claim(limit=5)), 5)

    def test_take_jobs_of_any_time(self):
        jobs = [self.enqueue() for _ in range(3)]
        moments = ["-infinity", "0044-03-15 BC", "infinity"]
        for job, moment in zip(jobs, moments, strict=True):
            self.rows.cursor.execute(
                "UPDATE hls_transcode_queue SET available_at = %s WHERE id = %s", [moment, job]
            )
        claimed = [self.claimed() for _ in range(3)]
        self.assertEqual(claimed, [[jobs[0]], [jobs[1]], []])


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
        self.be_busy()
        scanned = list(scans(self.explain_claim(limit=5)))
        self.assertEqual(
            {index for index, _ in scanned if _},
            {
                "idx_hls_transcode_queue_priority_available_at_id",
                "hls_transcode_queue_pkey",
            },
        )
        self.assertLessEqual(sum(rows for _, rows in scanned), 25)

    def test_reads_no_jobs_that_were_lost_on_their_last_attempt(self):
        lost = 2_000
        tracks(self.rows, lost + 10)
        queue(self.rows, lost)
        self.rows.cursor.execute(
            "UPDATE hls_transcode_queue SET status = 'processing', attempts = max_attempts,"
            " locked_by = 'worker-0', lease_expires_at = '2001-02-03', started_at = '2001-02-03'"
        )
        queue(self.rows, 10)
        self.rows.cursor.execute("VACUUM ANALYZE hls_transcode_queue")
        # A claim in a transaction looks everywhere.
        with transaction.atomic():
            plan = self.explain_claim(limit=1)
        self.assertLessEqual(sum(rows for _, rows in scans(plan)), 5)
        self.assertIn("idx_hls_transcode_queue_started_at", {index for index, _ in scans(plan)})
        self.assertLess(buffers(plan), 80)

    @tag("slow")
    def test_reads_no_more_while_an_old_transaction_is_open(self):
        jobs = 10_000
        tracks(self.rows, jobs + 500)
        self.rows.cursor.execute("ANALYZE tracks")
        queue(self.rows, jobs + 500)  # in one transaction, so that all are of one age
        self.rows.cursor.execute("VACUUM ANALYZE hls_transcode_queue")
        with connect(connection.settings_dict["NAME"]) as other:
            other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            other.execute("SELECT FROM users")
            self.claim()
            before = buffers(self.explain_claim())
            for _ in range(jobs // 100):
                self.claim(limit=100)
            self.be_busy()
            self.assertLessEqual(buffers(self.explain_claim()), 3 * before)
            self.assertEqual(len(self.claim()), 1)

    def explain_claim(self, limit=1):
        """Claim jobs, and return the plan of EXPLAIN ANALYZE of the claim that was rolled back."""
        plans = []

        def explain(execute, sql, parameters, *rest):
            if "locked_by" in sql and not sql.startswith("SAVEPOINT"):
                session = connection.connection
                with session.transaction(force_rollback=True), session.cursor() as cursor:
                    cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", parameters)
                    plans.append(cursor.fetchone()[0][0]["Plan"])
            return execute(sql, parameters, *rest)

        with connection.execute_wrapper(explain):
            self.claim(limit=limit)
        return plans[-1]


def buffers(plan):
    """Return how many buffers a plan of EXPLAIN ANALYZE has read or hit."""
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


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

    def test_writes_no_index(self):
        lease = self.lease_job()
        table = "'hls_transcode_queue'::regclass"
        with transaction.atomic():
            for _ in range(3):
                lease = heartbeat(lease=lease, extension=MINUTE)
            self.assertEqual(
                self.rows.fetch(f"SELECT pg_stat_get_xact_tuples_hot_updated({table})"), 3
            )

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

    def test_again_by_the_same_lease_returns_the_same_stream_and_changes_nothing(self):
        lease = self.lease_job()
        stream_id = complete_job(lease=lease, **STREAM)
        before = self.content()
        self.assertEqual(complete_job(lease=lease, **STREAM | {"segment_count": 1}), stream_id)
        with transaction.atomic():
            self.assertEqual(complete_job(lease=lease, **STREAM), stream_id)
        for attempt in [
            partial(fail_job, lease=lease, error="x"),
            partial(heartbeat, lease=lease, extension=MINUTE),
            # Of another claim of the job.
            partial(complete_job, lease=replace(lease, started_at=lease.expires_at), **STREAM),
        ]:
            with self.assertRaises(LeaseLost):
                attempt()
        self.assertEqual(self.content(), before)
        HlsStream.objects.all().delete()
        with self.assertRaises(LeaseLost):
            complete_job(lease=lease, **STREAM)

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
            *completed, failed, cancelled = [
                not isinstance(outcome, Conflict) for outcome in outcomes
            ]
            # Who completes it once may be told so again.
            self.assertEqual(completed[0] or completed[1], all(completed), outcomes)
            self.assertEqual([completed[0], failed, cancelled].count(True), 1, outcomes)
            self.assert_sound()
            HlsTranscodeJob.objects.all().delete()


class Fail(QueueTests):
    def test_waits_twice_as_long_after_each_attempt_and_then_fails(self):
        job = self.enqueue(max_attempts=3)
        for seconds in (30, 60):
            (lease,) = self.claim()
            self.assertEqual(fail_job(lease=lease, error="no space"), TranscodeStatus.PENDING)
            self.assertEqual(self.state(job), ("pending", "processing"))
            self.assertEqual(self.job(job).error_message, "no space")
            (waits,) = self.waits()
            self.assertGreater(waits, 0.75 * seconds - 1)
            self.assertLessEqual(waits, seconds)
            self.assert_lost(lease)
            self.assertEqual(self.claim(), [])
            self.end_backoff()
        (lease,) = self.claim()
        self.assertEqual(fail_job(lease=lease, error="x"), TranscodeStatus.FAILED)
        self.assertEqual(self.state(job), ("failed", "failed"))
        self.assertIsNotNone(self.job(job).finished_at)

    def waits(self):
        """Return how many seconds each pending job has to wait, in their order."""
        self.rows.cursor.execute(
            "SELECT extract(epoch FROM available_at - updated_at)::float8"
            " FROM hls_transcode_queue WHERE status = 'pending' ORDER BY 1"
        )
        return [seconds for (seconds,) in self.rows.cursor.fetchall()]

    def test_never_waits_for_more_than_an_hour(self):
        lease = self.lease_job(max_attempts=2**31 - 1)
        HlsTranscodeJob.objects.update(attempts=2**31 - 2)
        fail_job(lease=lease, error="x")
        (waits,) = self.waits()
        self.assertGreater(waits, 0.75 * 3600 - 1)
        self.assertLessEqual(waits, 3600)

    def test_spreads_the_jobs_that_fail_together(self):
        queue(self.rows, 20)
        leases = self.claim(limit=20)
        with transaction.atomic():
            for lease in leases:
                fail_job(lease=lease, error="out of space")
        waits = self.waits()
        # In 7.5 s. That all twenty are within 1.5 s happens once in 10^12 runs.
        self.assertGreater(waits[-1] - waits[0], 1.5)

    def test_again_by_the_same_lease_returns_the_same_and_changes_nothing(self):
        lease = self.lease_job(max_attempts=2)
        for status in (TranscodeStatus.PENDING, TranscodeStatus.FAILED):
            self.assertEqual(fail_job(lease=lease, error="x"), status)
            before = self.content()
            self.assertEqual(fail_job(lease=lease, error="x"), status)
            self.assertEqual(self.content(), before)
            self.assert_lost(lease, error="y")
            self.end_backoff()
            older, (lease,) = lease, self.claim() or [lease]
        self.assert_lost(older)
        retry_job(job_id=lease.job_id)
        self.assert_lost(lease)

    def test_keeps_of_any_error_what_can_be_stored(self):
        for error, kept in [
            ("no\0space", "nospace"),
            ("bad \ud83d", "bad ?"),
            ("x" * 100_000 + "end", "x" * 9_997 + "end"),
            ("", ""),
        ]:
            lease = self.lease_job()
            fail_job(lease=lease, error=error)
            self.assertEqual(self.job(lease.job_id).error_message, kept)

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
