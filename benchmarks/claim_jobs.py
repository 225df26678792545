"""
Claiming transcode jobs beside procrastinate's own fetch, with 1, 4 and 16 workers.

    .venv/bin/python -m pip install -r benchmarks/requirements.txt
    .venv/bin/python -m benchmarks.claim_jobs [ROUNDS]

Each side has its own database on the same server and its own Python code: claim_jobs(), and
procrastinate's JobManager.fetch_job() with its psycopg connector. A worker is a process with one
connection. In a round, all workers together empty a full queue, job by job.
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

OURS = f"""
TRUNCATE users CASCADE;
WITH creator AS (
    INSERT INTO users (email, username, password_hash)
    VALUES ('creator@veza.example', 'creator', '!') RETURNING id
), made AS (
    INSERT INTO tracks (creator_id, title, slug, artist, file_path, file_size, mime_type)
    SELECT creator.id, number, number, 'x', 'x', 0, 'audio/flac'
    FROM creator, generate_series(1, {JOBS}) AS number
    RETURNING id
)
INSERT INTO hls_transcode_queue (track_id, priority)
SELECT id, 1 + row_number() OVER () % 10 FROM made
"""

PROCRASTINATE = f"""
TRUNCATE procrastinate_jobs CASCADE;
INSERT INTO procrastinate_jobs (queue_name, task_name, priority)
SELECT 'transcode', 'transcode', number % 10 FROM generate_series(1, {JOBS}) AS number
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


def work(run: Callable[..., int], database: str, barrier: Any, claimed: Any) -> None:
    """Be a worker process: once all are ready, claim jobs and put their number into `claimed`."""
    claimed.put(run(database, barrier.wait))


def empty_queue(run: Callable[..., int], database: str, fill: str, workers: int) -> float:
    """Fill the queue, let the workers empty it, and return how many seconds they took."""
    with connect(database) as server:
        server.execute(fill)
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
    assert total == JOBS, f"{total} jobs were claimed"
    return seconds


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with empty_database() as ours, empty_database() as theirs, alias(ours):
        call_command("migrate", database=ours, verbosity=0)
        with connect(theirs) as server:
            server.execute(SchemaManager.get_schema())
        for workers in WORKERS:
            print(f"{JOBS} jobs, {workers} workers")
            medians = in_turns(
                rounds,
                ours=partial(empty_queue, claim_ours, ours, OURS, workers),
                procrastinate=partial(
                    empty_queue, fetch_procrastinate, theirs, PROCRASTINATE, workers
                ),
            )
            for name, seconds in medians.items():
                print(f"{name}: {JOBS / seconds:.0f} jobs a second")
            ratio = medians["procrastinate"] / medians["ours"]
            print(f"ours is {ratio:.2f} times as fast (1 wanted)\n", flush=True)


if __name__ == "__main__":
    main()
