"""
Claiming transcode jobs beside procrastinate and River, with 1, 4 and 16 workers.

    .venv/bin/python -m pip install -r benchmarks/requirements.txt
    .venv/bin/python -m benchmarks.claim_jobs [ROUNDS [JOBS [WORKERS ...]]]

Each side has its own database on the same server and its own Python code: claim_jobs(),
procrastinate's JobManager.fetch_job() with its psycopg connector, and the way River claims, written
anew after `JobGetAvailable` and the table of github.com/riverqueue/river (riverpgxv5), sent by
psycopg alone. A worker is a process with one connection. In a round, all workers together empty a
full queue, job by job.
"""

import asyncio
import multiprocessing
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.core.management import call_command
from django.db import connection
from procrastinate import App, PsycopgConnector
from procrastinate.schema import SchemaManager

from benchmarks.measure import in_turns
from media.services import claim_jobs
from tests.support.databases import alias, connect, database_url, empty_database

WORKERS = (1, 4, 16)
JOBS = 4000

OURS = """
TRUNCATE users CASCADE;
WITH creator AS (
    INSERT INTO users (email, username, password_hash)
    VALUES ('creator@veza.example', 'creator', '!') RETURNING id
), made AS (
    INSERT INTO tracks (creator_id, title, slug, artist, file_path, file_size, mime_type)
    SELECT creator.id, number, number, 'x', 'x', 0, 'audio/flac'
    FROM creator, generate_series(1, %(jobs)s) AS number
    RETURNING id
)
INSERT INTO hls_transcode_queue (track_id, priority)
SELECT id, 1 + row_number() OVER () %% 10 FROM made
"""

PROCRASTINATE = """
TRUNCATE procrastinate_jobs CASCADE;
INSERT INTO procrastinate_jobs (queue_name, task_name, priority)
SELECT 'transcode', 'transcode', number %% 10 FROM generate_series(1, %(jobs)s) AS number
"""

RIVER_TABLE = """
CREATE TYPE river_job_state AS ENUM ('available', 'completed', 'running');
CREATE TABLE river_job (
    id bigserial PRIMARY KEY,
    state river_job_state NOT NULL DEFAULT 'available',
    attempt smallint NOT NULL DEFAULT 0,
    max_attempts smallint NOT NULL DEFAULT 25,
    attempted_at timestamptz,
    attempted_by text[],
    created_at timestamptz NOT NULL DEFAULT now(),
    finalized_at timestamptz,
    scheduled_at timestamptz NOT NULL DEFAULT now(),
    priority smallint NOT NULL DEFAULT 1,
    queue text NOT NULL DEFAULT 'default',
    kind text NOT NULL,
    args jsonb NOT NULL DEFAULT '{}',
    metadata jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX ON river_job (kind);
CREATE INDEX ON river_job (state, finalized_at) WHERE finalized_at IS NOT NULL;
CREATE INDEX ON river_job (state, queue, priority, scheduled_at, id);
CREATE INDEX ON river_job USING gin (args);
CREATE INDEX ON river_job USING gin (metadata);
"""

# River has four priorities.
RIVER = """
TRUNCATE river_job;
INSERT INTO river_job (kind, priority)
SELECT 'transcode', 1 + number %% 4 FROM generate_series(1, %(jobs)s) AS number
"""

RIVER_CLAIM = """
WITH next AS (
    SELECT id FROM river_job
    WHERE state = 'available' AND queue = 'default' AND scheduled_at <= now()
    ORDER BY priority, scheduled_at, id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE river_job AS job
SET state = 'running', attempt = attempt + 1, attempted_at = now(),
    attempted_by = array_append(attempted_by, 'worker')
FROM next WHERE job.id = next.id
RETURNING job.*
"""


def claim_ours(database: str, start: Callable[[], object]) -> int:
    """Wait for `start`, claim jobs until there are none, and return how many."""
    connection.settings_dict["NAME"] = database
    connection.ensure_connection()
    start()
    claimed = 0
    while claim_jobs(worker="worker", lease=timedelta(minutes=10)):
        claimed += 1
    connection.close()
    return claimed


def fetch_procrastinate(database: str, start: Callable[[], object]) -> int:
    """Do what `claim_ours` does, with procrastinate."""
    return asyncio.run(_fetch(database_url(database), start))


async def _fetch(url: str, start: Callable[[], object]) -> int:
    app = App(connector=PsycopgConnector(conninfo=url, min_size=1, max_size=1))
    async with app.open_async():
        worker_id = await app.job_manager.register_worker()
        start()
        claimed = 0
        while await app.job_manager.fetch_job(queues=None, worker_id=worker_id):
            claimed += 1
        return claimed


def claim_river(database: str, start: Callable[[], object]) -> int:
    """Do what `claim_ours` does, as River does it."""
    with connect(database) as server:
        start()
        claimed = 0
        while server.execute(RIVER_CLAIM).fetchone():
            claimed += 1
    return claimed


def work(run: Callable[..., int], database: str, barrier: Any, claimed: Any) -> None:
    """Be a worker process: once all are ready, claim jobs and put their number into `claimed`."""
    claimed.put(run(database, barrier.wait))


def empty_queue(
    run: Callable[..., int], database: str, fill: str, jobs: int, workers: int
) -> float:
    """Fill the queue, let the workers empty it, and return how many seconds they took."""
    with connect(database) as server:
        for statement in fill.split(";"):
            server.execute(statement, {"jobs": jobs})
        server.execute("VACUUM ANALYZE")
        server.execute("CHECKPOINT")
    processes = multiprocessing.get_context("spawn")
    barrier, claimed = processes.Barrier(workers + 1), processes.Queue()
    arguments = (run, database, barrier, claimed)
    started = [processes.Process(target=work, args=arguments) for _ in range(workers)]
    for process in started:
        process.start()
    barrier.wait()
    start = time.perf_counter()
    total = sum(claimed.get() for _ in range(workers))
    seconds = time.perf_counter() - start
    for process in started:
        process.join()
    assert total == jobs, f"{total} jobs were claimed"
    return seconds


def main() -> None:
    rounds, jobs, *workers = map(int, [*sys.argv[1:], *[5, JOBS][len(sys.argv) - 1 :]])
    with (
        empty_database() as ours,
        empty_database() as theirs,
        empty_database() as river,
        alias(ours),
    ):
        call_command("migrate", database=ours, verbosity=0)
        with connect(theirs) as server:
            server.execute(SchemaManager.get_schema())
        with connect(river) as server:
            server.execute(RIVER_TABLE)
        for number in workers or WORKERS:
            print(f"{jobs} jobs, {number} workers")
            empty = partial(empty_queue, jobs=jobs, workers=number)
            medians = in_turns(
                rounds,
                ours=partial(empty, claim_ours, ours, OURS),
                procrastinate=partial(empty, fetch_procrastinate, theirs, PROCRASTINATE),
                river=partial(empty, claim_river, river, RIVER),
            )
            for name, seconds in medians.items():
                print(f"{name}: {jobs / seconds:.0f} jobs a second")
            for name, wanted in [("procrastinate", " (1.5 wanted)"), ("river", "")]:
                ratio = medians[name] / medians["ours"]
                print(f"ours is {ratio:.2f} times as fast as {name}{wanted}")
            print(flush=True)


if __name__ == "__main__":
    main()
