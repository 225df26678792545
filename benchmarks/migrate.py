"""
`manage.py migrate` on an empty database, beside psql with the same schema as one file.

    .venv/bin/python -m benchmarks.migrate [ROUNDS]

Both are whole processes on the same running server. The file is pg_dump's, of a migrated database:
V1 and Django's own tables, like what migrate creates.
"""

import subprocess
import sys
import tempfile

from benchmarks.measure import in_turns, timed
from tests.support.databases import database_url, empty_database, process_environment
from veza_site.postgresql.embedded import program


def manage_migrate(name: str, **environment: str) -> float:
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    environ = process_environment(name, **environment)
    return timed(lambda: subprocess.run(command, env=environ, check=True))


def migrate_empty() -> float:
    with empty_database() as name:
        return manage_migrate(name)


def psql(file: str) -> float:
    with empty_database() as name:
        command = [program("psql"), "-q", "-f", file, database_url(name)]
        return timed(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with empty_database() as migrated, tempfile.NamedTemporaryFile(suffix=".sql") as file:
        manage_migrate(migrated)
        dump = [program("pg_dump"), "--schema-only", "-f", file.name, database_url(migrated)]
        subprocess.run(dump, check=True)
        medians = in_turns(
            rounds,
            migrate=migrate_empty,
            psql=lambda: psql(file.name),
        )
    print(f"migrate / psql: {medians['migrate'] / medians['psql']:.1f} (at most 4)")


if __name__ == "__main__":
    main()
