"""
`manage.py schema audit` on V1, beside pg_dump --schema-only.

    .venv/bin/python -m benchmarks.audit [ROUNDS]

Both are whole processes on the same running server.
"""

import subprocess
import sys
from functools import partial

from django.core.management import call_command

from benchmarks.measure import in_turns, timed
from tests.databases import alias, database_url, empty_database, process_environment
from veza_site.embedded import program


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with empty_database() as name, alias(name):
        call_command("migrate", database=name, verbosity=0)
        run = partial(subprocess.run, stdout=subprocess.DEVNULL, check=True)
        audit = [sys.executable, "manage.py", "schema", "audit"]
        dump = [program("pg_dump"), "--schema-only", database_url(name)]
        medians = in_turns(
            rounds,
            audit=lambda: timed(lambda: run(audit, env=process_environment(name))),
            pg_dump=lambda: timed(lambda: run(dump)),
        )
    print(f"audit: {medians['audit']:.2f} s (under 1 s)")
    print(f"audit / pg_dump: {medians['audit'] / medians['pg_dump']:.1f}")


if __name__ == "__main__":
    main()
