"""`manage.py schema`: audit, diff, export, adopt and docs."""

import contextlib
import dataclasses
import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, Error, NotSupportedError, connections
from django.db.backends.postgresql.features import DatabaseFeatures
from psycopg.conninfo import conninfo_to_dict

from veza_site.environment import CONNECT_TIMEOUT
from veza_site.errors import first_line
from veza_site.postgresql.session import lift_limits, startup_options, without_limits
from veza_site.schema import contract, plan
from veza_site.schema.catalog import Catalog
from veza_site.schema.reader import read_catalog

if TYPE_CHECKING:
    from veza_site.schema.diff import Difference
    from veza_site.schema.standard import Finding

# Each subcommand imports the rest that it needs: to import all would take as long as its work.


class Command(BaseCommand):
    help = "Look after the schema, which is a contract with the services that share it."
    requires_system_checks = []  # it works on any database, whatever state the models are in

    def add_arguments(self, parser: ArgumentParser) -> None:
        subcommands = parser.add_subparsers(dest="subcommand", required=True)
        audit = subcommands.add_parser(
            "audit",
            help="Judge a database by the Standard; exit with 1 if it fails, with 2 if there is "
            "nothing to judge.",
        )
        _add_database(audit)
        audit.add_argument("--schema", default="public", help="The schema to judge.")
        audit.add_argument("--format", choices=["text", "json"], default="text")
        diff = subcommands.add_parser(
            "diff",
            help="Compare a database with what the migrations make; exit with 1 if they differ.",
        )
        _add_database(diff)
        diff.add_argument(
            "--against", metavar="DATABASE", help="Compare with this database instead."
        )
        diff.add_argument("--format", choices=["text", "json"], default="text")
        export = subcommands.add_parser(
            "export", help="Write V1 as SQL files, with the catalog and the contract beside them."
        )
        export.add_argument("directory", type=Path)
        _add_database(export)
        adopt = subcommands.add_parser(
            "adopt",
            help="Take over a database whose V1 was built by SQL files; exit with 1 if it differs.",
        )
        adopt.add_argument(
            "--database", default=DEFAULT_DB_ALIAS, choices=tuple(connections), help="The database."
        )
        docs = subcommands.add_parser(
            "docs", help="Write the data dictionary: every table, the diagrams, the migrations."
        )
        docs.add_argument("file", nargs="?", default=settings.BASE_DIR / "docs" / "schema.md")
        _add_database(docs)

    def handle(self, *, subcommand: str, **options: Any) -> None:
        getattr(self, subcommand)(**options)

    def audit(self, *, database: str, schema: str, **options: Any) -> None:
        from veza_site.schema.standard import judge

        with open_cursor(database) as cursor:
            catalog = _read(cursor, schema)
        if not catalog.tables:
            raise CommandError(
                f"There is nothing to judge: the schema {schema} has no tables. Is this the right "
                "database?",
                returncode=2,
            )
        judged = judge(catalog)
        breaches = [finding for finding in judged if finding.exception is None]
        write = self._write_json if options["format"] == "json" else self._write_text
        write(catalog, breaches, [finding for finding in judged if finding.exception])
        if breaches:
            sys.exit(1)

    def diff(self, *, database: str, against: str | None, **options: Any) -> None:
        from veza_site.schema.diff.database import LEFT_OUT, compare_databases, compare_with_code

        with contextlib.ExitStack() as stack:
            cursor = stack.enter_context(open_cursor(database))
            _check_server(cursor, "public")
            if against is None:
                compared = compare_with_code(cursor)
                expected = contract.load_newest().fingerprint
            else:
                other = stack.enter_context(open_cursor(against))
                _check_server(other, "public")
                compared = compare_databases(cursor, other)
                expected = contract.fingerprint(compared.expected)
        differing, says = compared.differences, compared.carried
        is_same = compared.found == compared.expected
        report = {
            "expected": expected,
            # To compute it takes longer than to compare.
            "found": expected if is_same else contract.fingerprint(compared.found),
            "contract": dataclasses.asdict(says) if says else None,
            "differences": [dataclasses.asdict(difference) for difference in differing],
            "notes": compared.notes,
            "not_compared": LEFT_OUT,
        }
        if options["format"] == "json":
            self.stdout.write(json.dumps(report, indent=2))
        else:
            for difference in differing:
                self._write_difference(difference)
            for note in compared.notes:
                self.stdout.write(self.style.WARNING(f"note: {note}"))
            self.stdout.write(f"fingerprint expected  {report['expected']}")
            self.stdout.write(f"            found     {report['found']}")
            self.stdout.write(
                f"            carried   {says.fingerprint}, contract {says.version}"
                if says
                else "            carried   none: the database carries no contract"
            )
            plural = "" if len(differing) == 1 else "s"
            self.stdout.write(f"{len(differing)} difference{plural}")
            self.stdout.write(LEFT_OUT)
        if differing:
            sys.exit(1)

    def docs(self, *, database: str, file: str | Path, **options: Any) -> None:
        from veza_site.schema.dictionary import schema_document

        with open_cursor(database) as cursor:
            catalog = _read(cursor, "public")
        if not catalog.tables:
            raise CommandError("The schema public has no tables to write about.")
        document = schema_document(catalog)
        path = Path(file)
        with _explain_write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(document, encoding="utf-8")
        self.stdout.write(f"Wrote {path}")

    def export(self, *, directory: Path, database: str, **options: Any) -> None:
        from veza_site.schema import sql_files

        with open_cursor(database) as cursor:
            _check_server(cursor, "django")
            if contract.fingerprint(_read(cursor, "public")) != contract.load_newest().fingerprint:
                raise CommandError(
                    "The database differs from the migrations: see `manage.py schema diff`."
                )
            with _explain_write_errors(directory):
                carried = sql_files.write(directory, cursor, str(plan.newest_migration()))
        self.stdout.write(f"Wrote V1 into {directory}.")
        self.stdout.write(f"contract {carried.version}, fingerprint {carried.fingerprint}")

    def adopt(self, *, database: str, **options: Any) -> None:
        from veza_site.migrating import adoption, preflight
        from veza_site.migrating.patience import Patience
        from veza_site.migrating.turn import take_turn

        connection = connections[database]
        preflight.check_connection(connection)
        with take_turn(connection, settings.MIGRATE_TURN_TIMEOUT, self.stdout.write):
            if adoption.is_migrated(connection):
                self.stdout.write("migrate has built or adopted this database: nothing to do.")
                return
            preflight.check_rights(connection)
            patience = Patience(
                connection,
                settings.MIGRATE_LOCK_TIMEOUT,
                settings.MIGRATE_HOLD_TIMEOUT,
                settings.MIGRATE_PATIENCE,
                self.stdout.write,
            )
            try:
                carried = patience.run(lambda: adoption.adopt(connection))
            except adoption.Differs as error:
                for difference in error.differences:
                    self._write_difference(difference)
                many = len(error.differences)
                differ = "1 object differs" if many == 1 else f"{many} objects differ"
                raise CommandError(f"This is not V1: {differ}. Nothing was changed.") from None
            except Error as error:
                raise CommandError(
                    f"Not adopted: {first_line(error)}. Nothing was changed."
                ) from error
        self.stdout.write(
            "Adopted: V1's migrations are recorded as applied, and Django's own tables are there."
        )
        self.stdout.write(f"contract {carried.version}, fingerprint {carried.fingerprint}")

    def _write_difference(self, difference: "Difference") -> None:
        self.stdout.write(self.style.ERROR(difference.object))
        for label, text in [
            ("expected", difference.expected),
            ("found", difference.found),
            ("cause", difference.cause),
            ("mend", difference.mend),
        ]:
            if text is not None:
                self.stdout.write(f"    {label:10}" + text.replace("\n", "\n" + " " * 14))

    def _write_text(
        self, catalog: Catalog, breaches: "list[Finding]", excepted: "list[Finding]"
    ) -> None:
        from veza_site.schema.standard import RULES

        for finding in breaches:
            self.stdout.write(self.style.ERROR(f"{finding.object}  [{finding.rule}]"))
            self.stdout.write(f"    found   {finding.found}")
            self.stdout.write(f"    wanted  {finding.wanted}")
            self.stdout.write(f"    mend    {finding.mend}")
        for finding in excepted:
            self.stdout.write(f"{finding.object}  [{finding.rule}]  excepted: {finding.exception}")
        self.stdout.write(
            f"Tables of the schema {catalog.schema}: {len(catalog.tables)}; rules: {len(RULES)}; "
            f"breaches: {len(breaches)}; exceptions: {len(excepted)}"
        )

    def _write_json(
        self, catalog: Catalog, breaches: "list[Finding]", excepted: "list[Finding]"
    ) -> None:
        report = {
            "schema": catalog.schema,
            "tables": len(catalog.tables),
            "breaches": [dataclasses.asdict(finding) for finding in breaches],
            "exceptions": [dataclasses.asdict(finding) for finding in excepted],
        }
        self.stdout.write(json.dumps(report, indent=2))


def _add_database(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--database",
        default=DEFAULT_DB_ALIAS,
        help="A database of the settings, or any other by postgresql://USER@HOST:PORT/NAME (the "
        "password comes from PGPASSWORD or ~/.pgpass).",
    )


@contextlib.contextmanager
def _explain_write_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}.") from error


@contextlib.contextmanager
def open_cursor(database: str) -> Iterator[Any]:
    """Yield a cursor on a database of the settings, or a read-only one on a URL's."""
    if database.startswith(("postgresql://", "postgres://")):
        try:
            parameters: dict[str, Any] = {
                "connect_timeout": CONNECT_TIMEOUT,
                **conninfo_to_dict(database),
            }
            parameters["options"] = startup_options(parameters.get("options", ""))
        except psycopg.Error:  # it would quote the URL, which may hold a password
            raise CommandError("libpq can't read the URL of the database.") from None
        with (
            psycopg.connect(**parameters, autocommit=True) as connection,
            connection.cursor() as read_only,
        ):
            lift_limits(read_only)
            read_only.execute("BEGIN READ ONLY")
            yield read_only
    elif database in connections:
        with connections[database].cursor() as cursor, without_limits(cursor):
            yield cursor
    else:
        known = ", ".join(connections)
        name = database.partition("://")[0] + "://…" if "://" in database else database
        raise CommandError(
            f"{name} is no database of the settings ({known}), and no URL of the form "
            "postgresql://USER@HOST:PORT/NAME."
        )


def _read(cursor: Any, schema: str) -> Catalog:
    _check_server(cursor, schema)
    return read_catalog(cursor, schema)


def _check_server(cursor: Any, schema: str) -> None:
    """Refuse a server that is too old to be read, and a database without the schema."""
    cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
    (version,) = cursor.fetchone()
    oldest = (DatabaseFeatures.minimum_database_version or (0,))[0]
    if version < oldest:
        raise NotSupportedError(f"PostgreSQL {oldest} or later is required (found {version}).")
    cursor.execute("SELECT FROM pg_namespace WHERE nspname = %s", [schema])
    if cursor.fetchone() is None:
        raise CommandError(f"The database has no schema {schema}.", returncode=2)
