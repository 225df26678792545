"""`manage.py migrate`: how Django's command is made safe beside running services."""

import contextlib
import functools
import importlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.management import CommandError
from django.core.management.commands import migrate
from django.core.management.sql import emit_post_migrate_signal
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.utils.module_loading import module_has_submodule

from veza_site.errors import first_line
from veza_site.management.refusals import FAKE, refuse
from veza_site.migrating import history, preflight
from veza_site.migrating.executor import Executor, Plan
from veza_site.migrating.patience import Patience
from veza_site.migrating.turn import take_turn
from veza_site.postgresql.session import without_limits
from veza_site.schema import contract
from veza_site.schema.records import Key, Records, read_records


class Command(migrate.Command):
    """
    Django's `migrate`, safe to run from many machines and beside running services.

    Only one runs on a database at a time, and nobody queues behind it for long. An error is one
    line, with the state that it leaves and what to do next. At the end, the database says which
    contract it carries.
    """

    connection: BaseDatabaseWrapper
    plan: list[Migration]
    applying: Migration | None = None
    run_checks: Callable[[], None] = staticmethod(lambda: None)  # with --skip-checks
    line_is_open = False

    def handle(self, *arguments: Any, **options: Any) -> None:
        if options["fake"] or options["fake_initial"]:
            refuse(FAKE)(self)
        self.connection = connections[options["database"]]
        self.shown = options["verbosity"]
        preflight.check_connection(self.connection)
        if options["prune"]:
            super().handle(*arguments, **options)
            return
        if options["plan"] or options["check_unapplied"]:
            with self._without_limits():
                history.check(self.connection, MigrationLoader(self.connection))
                super().handle(*arguments, **options)
            return
        self.plan = []
        self.applied = 0
        self.made: dict[Key, history.Row] = {}
        with (
            self._explain_errors(),
            self._without_limits(),
            take_turn(self.connection, settings.MIGRATE_TURN_TIMEOUT, self.say),
        ):
            if self._has_nothing_to_do(options):
                return
            self.run_checks()
            self.loader = MigrationLoader(self.connection)
            history.check(self.connection, self.loader)
            self.has_history = history.exists(self.connection)
            self._migrate(*arguments, **options)
            if history.exists(self.connection):
                rows = history.find_missing(self.connection, self.loader, self.made)
                history.save(self.connection, rows)
            self._write_contract()

    def check(self, *arguments: Any, **options: Any) -> None:
        """
        Put the system checks off until there is something to apply.

        These are the database's checks, and in development the models' too. Checking the admin and
        the URLs would import them, which takes as long as all the rest.
        """
        tags = [checks.Tags.database, *([checks.Tags.models] if settings.DEVELOPMENT else [])]
        self.run_checks = functools.partial(super().check, *arguments, **options | {"tags": tags})

    def _has_nothing_to_do(self, options: dict[str, Any]) -> bool:
        """
        Say so and return True if the database is already what a full `migrate` would leave.

        The records and the catalog tell. Django builds the state of every model to find out, and
        then warns of changes that have no migration: in development, it still does.
        """
        if settings.DEVELOPMENT or options["app_label"] or options["run_syncdb"]:
            return False
        with self.connection.cursor() as cursor:
            if not (
                read_records(cursor) == Records()
                and history.is_complete(self.connection)
                and contract.is_true(cursor)
            ):
                return False
        self.say(self.style.MIGRATE_HEADING("Running migrations:"))
        self.say("  No migrations to apply.")
        for config in apps.get_app_configs():  # they connect receivers of post_migrate there
            if module_has_submodule(config.module, "management"):
                importlib.import_module(f"{config.name}.management")
        emit_post_migrate_signal(
            self.shown,
            options["interactive"],
            self.connection.alias,
            stdout=self.stdout,
            apps=apps,
            plan=[],
        )
        return True

    @contextlib.contextmanager
    def _without_limits(self) -> Iterator[None]:
        """Lift the session's time limits: the role may have some that are meant for a service."""
        with self.connection.cursor() as cursor, without_limits(cursor):
            yield

    def _migrate(self, *arguments: Any, **options: Any) -> None:
        patience = Patience(
            self.connection,
            settings.MIGRATE_LOCK_TIMEOUT,
            settings.MIGRATE_HOLD_TIMEOUT,
            settings.MIGRATE_PATIENCE,
            self.say,
        )

        def go_on() -> None:
            shown = {"verbosity": 0} if self.plan else {}  # the first try wrote the headings
            super(Command, self).handle(*arguments, **options | shown)

        with self._our_executor():
            patience.run(go_on)

    def _write_contract(self) -> None:
        try:
            contract.write(self.connection, self.loader)
        except contract.Drifted:
            self.say(
                self.style.WARNING(
                    "The database is not what the migrations make: see `manage.py schema diff`. "
                    "No contract was written into it; mend it and migrate again."
                )
            )

    @contextlib.contextmanager
    def _our_executor(self) -> Iterator[None]:
        """
        Let Django's command make our executor, and pass it what it calls.

        The command makes one by its name in that module, and has no other place to give it one.
        """
        names, name = vars(migrate), "MigrationExecutor"
        djangos = names[name]
        names[name] = functools.partial(Executor, check_plan=self._check_plan, keep=self._keep)
        try:
            yield
        finally:
            names[name] = djangos

    def _check_plan(self, plan: Plan) -> None:
        """Check the plan before anything is done; after a second try a part of it is done."""
        if self.plan:
            return
        preflight.check_forward_only(plan)
        self.plan = [migration for migration, _ in plan]
        preflight.check_plan(self.connection, self.plan)
        if missing := preflight.missing_extensions(self.connection, self.plan):
            self.say(
                f"This server does not offer {' and '.join(missing)}: left out, V1 needs neither."
            )

    @contextlib.contextmanager
    def _explain_errors(self) -> Iterator[None]:
        """After an error, tell the state that the database is in and what to do next."""
        try:
            yield
        except (Error, KeyboardInterrupt) as error:
            self._close_line()
            what = first_line(error) or "interrupted"
            if self.applied:
                with contextlib.suppress(Error, contract.Drifted):
                    contract.write(self.connection, self.loader)
            raise CommandError(f"{self._where()}: {what}. {self._state()}") from error
        except CommandError:
            self._close_line()
            raise
        except Exception:
            self._close_line()
            self.stderr.write(f"{self._where()}. {self._state()}")
            raise

    def _where(self) -> str:
        return f"{self.applying} failed" if self.applying else "migrate failed"

    def _state(self) -> str:
        done = f"{self.applied} of {len(self.plan)} migrations were applied"
        if self.applying and not self.applying.atomic:
            done += f", and a part of {self.applying}: see `manage.py schema diff`"
        elif self.applying:
            done += f", and nothing of {self.applying}"
        return f"{done}. Mend the cause, and run `python manage.py migrate` again."

    def _keep(self, migration: Migration, statements: list[str]) -> None:
        """Save the fingerprint of what a migration did, at once: the next one may fail."""
        row = history.fingerprint(migration, statements)
        self.made[migration.app_label, migration.name] = row
        if self.has_history:
            history.save(self.connection, [row])

    def say(self, line: str) -> None:
        """Show a line at once to whoever waits."""
        if self.shown:
            self._close_line()
            self.stdout.write(line)
            self.stdout.flush()

    def _close_line(self) -> None:
        if self.line_is_open:
            self.stdout.write("")
            self.line_is_open = False

    def migration_progress_callback(
        self, action: str, migration: Migration | None = None, fake: bool = False
    ) -> None:
        if action == "apply_start":
            self.applying, self.began = migration, time.monotonic()
            if self.shown:
                number = f"{self.applied + 1} of {len(self.plan)}"
                self.stdout.write(f"  Applying {number}, {migration}...", ending="")
                self.stdout.flush()
                self.line_is_open = True
        elif action == "apply_success":
            self.applying = None
            self.applied += 1
            if self.shown:
                if not self.line_is_open:
                    self.stdout.write(f"  {migration}", ending="")
                seconds = time.monotonic() - self.began
                self.stdout.write(self.style.SUCCESS(" OK") + f" ({seconds:.1f} s)")
                self.line_is_open = False
        elif self.shown:
            super().migration_progress_callback(action, migration, fake)
