"""
`manage.py schema audit` and `schema diff` on V1, beside pg_dump --schema-only.

    .venv/bin/python -m benchmarks.schema [ROUNDS]

All are whole processes on the same running server.
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
        schema = [sys.executable, "manage.py", "schema"]
        dump = [program("pg_dump"), "--schema-only", database_url(name)]
        environment = process_environment(name)
        medians = in_turns(
            rounds,
            audit=lambda: timed(lambda: run([*schema, "audit"], env=environment)),
            diff=lambda: timed(lambda: run([*schema, "diff"], env=environment)),
            pg_dump=lambda: timed(lambda: run(dump)),
        )
    for command in ("audit", "diff"):
        print(f"{command}: {medians[command]:.2f} s (under 1 s)")
        print(f"{command} / pg_dump: {medians[command] / medians['pg_dump']:.1f}")


if __name__ == "__main__":
    main()
