"""Any sequence of calls on the transcode queue does what a queue in Python's memory would do."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.test import TestCase
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from media.models import HlsTranscodeJob
from media.services import (
    Lease,
    LeaseLost,
    cancel_job,
    claim_jobs,
    complete_job,
    enqueue_transcode,
    fail_exhausted_jobs,
    fail_job,
    heartbeat,
    retry_job,
)
from streaming.models import Track
from tests.support.examples.media import STREAM
from tests.support.invariants import find_unsound
from tests.support.rows import rows
from veza_site.transactions import Conflict

TRACKS = 4
LEASE = timedelta(minutes=10)


@dataclass
class Job:
    track: int
    priority: int
    max_attempts: int
    age: int
    status: str = "pending"
    attempts: int = 0
    is_available: bool = True
    lease: Lease | None = None
    has_lapsed: bool = False
    rerun: int | None = None  # the priority of one more run
    ended_by: tuple[str, Lease] | None = None  # "complete" or "fail", and by which lease

    def close(self, status, ended_by=None):
        self.status, self.lease, self.has_lapsed = status, None, False
        self.ended_by = ended_by

    def fold_rerun(self):
        """Be the run that was to follow, if there is one."""
        if self.rerun is not None:
            self.priority, self.attempts = min(self.priority, self.rerun), 0
        self.rerun = None

    @property
    def is_open(self):
        return self.status in ("pending", "processing")

    @property
    def can_be_claimed(self):
        if self.status == "pending":
            return self.is_available
        return self.has_lapsed and self.attempts < self.max_attempts


class Queue(RuleBasedStateMachine):
    """The queue in the database beside the one in memory. Time passes only where a rule says so."""

    @initialize()
    def start(self):
        self.before = transaction.savepoint_create()
        self.rows = rows()
        self.tracks = [self.rows.insert("tracks") for _ in range(TRACKS)]
        self.statuses = ["uploading"] * TRACKS
        self.has_stream = [False] * TRACKS
        self.jobs: dict = {}
        self.leases: list[Lease] = []
        self.clock = 0

    def teardown(self):
        if hasattr(self, "before"):
            assert find_unsound() == {}
            transaction.savepoint_rollback(self.before)

    def tick(self):
        self.clock += 1
        return self.clock

    def any_job(self, number):
        return list(self.jobs)[number % len(self.jobs)]

    def open_job(self, track):
        return next(
            (job_id for job_id, job in self.jobs.items() if job.track == track and job.is_open), 0
        )

    def follow(self, job, otherwise):
        self.statuses[job.track] = "ready" if self.has_stream[job.track] else otherwise

    def holds(self, lease):
        """Tell whether a lease, old or new, is worth something."""
        job = self.jobs[lease.job_id]
        return job.lease is lease and not job.has_lapsed

    @rule(
        track=st.integers(0, TRACKS - 1), priority=st.integers(1, 3), max_attempts=st.integers(1, 2)
    )
    def enqueue(self, track, priority, max_attempts):
        enqueued = enqueue_transcode(
            track_id=self.tracks[track], priority=priority, max_attempts=max_attempts
        )
        assert enqueued.is_new != bool(self.open_job(track))
        if enqueued.is_new:
            self.follow(self.add_job(enqueued.job_id, track, priority, max_attempts), "processing")
            return
        assert enqueued.job_id == self.open_job(track)
        job = self.jobs[enqueued.job_id]
        job.max_attempts = max(job.max_attempts, max_attempts)
        if job.status == "pending":
            job.priority = min(job.priority, priority)
        else:
            job.rerun = min(job.rerun or priority, priority)

    def add_job(self, job_id, track, priority, max_attempts):
        # In one transaction, CURRENT_TIMESTAMP would make them all of one age.
        self.set("available_at = clock_timestamp()", job_id)
        self.jobs[job_id] = Job(track, priority, max_attempts, self.tick())
        return self.jobs[job_id]

    @rule(worker=st.sampled_from(["worker-1", "worker-2"]), limit=st.integers(1, 3))
    def claim(self, worker, limit):
        candidates = [(job.priority, job.age, job_id) for job_id, job in self.jobs.items()]
        expected = sorted(c for c in candidates if self.jobs[c[2]].can_be_claimed)[:limit]
        leases = claim_jobs(worker=worker, lease=LEASE, limit=limit)
        assert [lease.job_id for lease in leases] == [job_id for *_, job_id in expected]
        for lease in leases:
            job = self.jobs[lease.job_id]
            job.status, job.has_lapsed, job.lease = "processing", False, lease
            job.attempts += 1
            job.ended_by = None
            assert lease.attempt == job.attempts
        self.leases += leases

    @precondition(lambda self: self.leases)
    @rule(number=st.integers(0, 100), service=st.sampled_from(["complete", "fail", "heartbeat"]))
    def use_lease(self, number, service):
        lease = self.leases[-1 - number % len(self.leases)]
        job = self.jobs[lease.job_id]
        held = self.holds(lease)
        try:
            if service == "complete":
                complete_job(lease=lease, **STREAM)
            elif service == "fail":
                status = fail_job(lease=lease, error="x")
            else:
                heartbeat(lease=lease, extension=2 * LEASE)
        except LeaseLost:
            assert not held
            assert job.ended_by != (service, lease)
            return
        if job.ended_by == (service, lease):
            return  # it was done before
        assert held
        if service == "complete":
            job.close("completed", ended_by=("complete", lease))
            self.has_stream[job.track] = True
            self.follow(job, "ready")
            if job.rerun is not None:
                (new,) = set(HlsTranscodeJob.objects.values_list("pk", flat=True)) - set(self.jobs)
                self.add_job(new, job.track, job.rerun, job.max_attempts)
        elif service == "fail":
            is_over = job.attempts == job.max_attempts and job.rerun is None
            job.close("failed" if is_over else "pending", ended_by=("fail", lease))
            assert status == job.status
            job.fold_rerun()
            job.is_available, job.age = False, self.tick()
            self.follow(job, "failed" if status == "failed" else "processing")

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, 100))
    def cancel(self, number):
        job_id = self.any_job(number)
        job = self.jobs[job_id]
        try:
            cancel_job(job_id=job_id)
        except Conflict:
            assert job.status in ("completed", "failed")
            return
        assert job.is_open or job.status == "cancelled"
        if job.is_open:
            job.close("cancelled")
            job.rerun = None
            self.follow(job, "failed")

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, 100))
    def retry(self, number):
        job_id = self.any_job(number)
        job = self.jobs[job_id]
        allowed = job.status in ("failed", "cancelled") and not self.open_job(job.track)
        try:
            retry_job(job_id=job_id)
        except Conflict:
            assert not allowed
            return
        assert allowed
        job.close("pending")
        job.attempts, job.is_available, job.age = 0, True, self.tick()
        self.follow(job, "processing")

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, 100))
    def let_a_lease_lapse(self, number):
        job_id = self.any_job(number)
        job = self.jobs[job_id]
        if job.status == "processing":
            self.set("lease_expires_at = clock_timestamp()", job_id)
            job.has_lapsed = True

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, 100))
    def let_a_backoff_end(self, number):
        job_id = self.any_job(number)
        job = self.jobs[job_id]
        if not job.is_available:
            self.set("available_at = clock_timestamp()", job_id)
            job.is_available, job.age = True, self.tick()

    @rule()
    def fail_exhausted(self):
        exhausted = [
            job for job in self.jobs.values() if job.has_lapsed and job.attempts == job.max_attempts
        ]
        assert fail_exhausted_jobs() == len(exhausted)
        for job in exhausted:
            if job.rerun is None:
                job.close("failed")
                self.follow(job, "failed")
            else:
                job.close("pending")
                job.fold_rerun()
                job.age = self.tick()

    def set(self, assignment, job_id):
        self.rows.cursor.execute(
            f"UPDATE hls_transcode_queue SET {assignment} WHERE id = %s", [job_id]
        )

    @invariant()
    def is_as_in_memory(self):
        if not hasattr(self, "before"):
            return
        jobs = HlsTranscodeJob.objects.values_list(
            "pk", "status", "priority", "attempts", "locked_by", "rerun_priority"
        )
        assert set(jobs) == {
            (
                job_id,
                job.status,
                job.priority,
                job.attempts,
                job.lease.worker if job.lease else None,
                job.rerun,
            )
            for job_id, job in self.jobs.items()
        }
        statuses = dict(Track.objects.values_list("pk", "status"))
        assert [statuses[track] for track in self.tracks] == self.statuses


class TranscodeMachine(TestCase):
    def test_runs(self):
        run_state_machine_as_test(
            Queue,
            settings=settings(
                max_examples=25,
                stateful_step_count=30,
                derandomize=True,
                database=None,
                deadline=None,
            ),
        )
