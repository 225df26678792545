"""
A worker of the transcode queue, as a process that can be killed or stopped.

Run with DATABASE_URL as `python -m tests.support.transcode_worker NAME LEASE_SECONDS`. It
claims a job and writes its number to stdout; for each line on stdin it completes the job that it
has, writes "completed" or "lost", and claims the next one.
"""

import os
import sys
from datetime import timedelta

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
    django.setup()
    from media.services import LeaseLost, claim_jobs, complete_job

    name, lease_seconds = sys.argv[1:]
    while claimed := claim_jobs(worker=name, lease=timedelta(seconds=float(lease_seconds))):
        (lease,) = claimed
        print(lease.job_id, flush=True)
        if not sys.stdin.readline():
            return
        try:
            complete_job(
                lease=lease,
                master_playlist_path=f"hls/{name}/{lease.attempt}/master.m3u8",
                segment_count=1,
            )
        except LeaseLost:
            print("lost", flush=True)
        else:
            print("completed", flush=True)
    print("nothing to do", flush=True)


if __name__ == "__main__":
    main()
