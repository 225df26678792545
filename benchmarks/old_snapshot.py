"""
What a claim reads while an old transaction is open elsewhere, and which heartbeats are HOT.

    .venv/bin/python -m benchmarks.old_snapshot [JOBS]

“Everywhere” is a claim that starts at the front of the index, as every claim did before.
"""

import sys
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from benchmarks.claim_jobs import OURS
from benchmarks.databases import migrated_database
from media.services import claim_jobs, heartbeat
from tests.support.databases import connect

MINUTES = timedelta(minutes=10)


def count_buffers() -> int:
    """Claim a job, and return how many buffers the claim read, by EXPLAIN in a copy of it."""
    found: list[int] = []

    def explain(execute: Any, sql: str, parameters: Any, *rest: Any) -> Any:
        if "LATERAL" in sql:
            session = connection.connection
            with session.transaction(force_rollback=True), session.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", parameters)
                plan = cursor.fetchone()[0][0]["Plan"]
                found.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
        return execute(sql, parameters, *rest)

    with connection.execute_wrapper(explain):
        claim_jobs(worker="worker", lease=MINUTES)
    return found[-1]


def count_everywhere() -> int:
    """Return what `count_buffers` does, of a claim that looks everywhere."""
    with transaction.atomic():
        buffers = count_buffers()
        transaction.set_rollback(True)
    return buffers


def count_hot() -> float:
    """Return which share of many heartbeats were HOT updates."""
    leases = claim_jobs(worker="worker", lease=MINUTES, limit=50)
    with transaction.atomic():
        for _ in range(20):
            for lease in leases:
                heartbeat(lease=lease, extension=MINUTES)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_stat_get_xact_tuples_hot_updated(oid)::float8"
                " / pg_stat_get_xact_tuples_updated(oid)"
                " FROM pg_class WHERE relname = 'hls_transcode_queue'"
            )
            (share,) = cursor.fetchone()
    return float(share)


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with migrated_database() as name:
        with connection.cursor() as cursor:
            for statement in OURS.split(";"):
                cursor.execute(statement, {"jobs": jobs + 1000})
            cursor.execute("VACUUM ANALYZE")
        with connect(name) as other:
            other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            other.execute("SELECT FROM users")
            claim_jobs(worker="worker", lease=MINUTES)
            print(f"at first: {count_buffers()} buffers, everywhere {count_everywhere()}")
            for _ in range(jobs // 100):
                claim_jobs(worker="worker", lease=MINUTES, limit=100)
            print(f"after {jobs} jobs: {count_buffers()}, everywhere {count_everywhere()}")
        print(f"HOT heartbeats: {count_hot():.0%}")


if __name__ == "__main__":
    main()
