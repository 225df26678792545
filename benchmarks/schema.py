"""
`manage.py schema audit`, `schema diff` and a second `migrate`, beside a bare `django.setup()`.

    .venv/bin/python -m benchmarks.schema [ROUNDS]

All are whole processes on the same running server. The lines of the rounds also show pg_dump
--schema-only, to compare.
"""

import subprocess
import sys
from functools import partial

from django.core.management import call_command

from benchmarks.measure import bare_setup, in_turns, timed
from tests.support.databases import alias, database_url, empty_database, process_environment
from veza_site.postgresql.embedded import program


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with empty_database() as name, alias(name):
        call_command("migrate", database=name, verbosity=0)
        run = partial(subprocess.run, stdout=subprocess.DEVNULL, check=True)
        manage = [sys.executable, "manage.py"]
        dump = [program("pg_dump"), "--schema-only", database_url(name)]
        environment = process_environment(name)
        medians = in_turns(
            rounds,
            setup=lambda: bare_setup(environment),
            audit=lambda: timed(lambda: run([*manage, "schema", "audit"], env=environment)),
            diff=lambda: timed(lambda: run([*manage, "schema", "diff"], env=environment)),
            migrate=lambda: timed(lambda: run([*manage, "migrate"], env=environment)),
            pg_dump=lambda: timed(lambda: run(dump)),
        )
    for command in ("audit", "diff", "migrate"):
        print(f"{command} / setup: {medians[command] / medians['setup']:.2f} (at most 1.3)")


if __name__ == "__main__":
    main()
