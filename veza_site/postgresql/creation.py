import contextlib
from typing import Any

from django.db.backends.postgresql import creation


class DatabaseCreation(creation.DatabaseCreation):
    """Makes test databases, for one test run at a time on a server: another one waits."""

    _turn: contextlib.ExitStack | None = None

    def create_test_db(self, *arguments: Any, **options: Any) -> str:
        name = self._get_test_db_name()
        with contextlib.ExitStack() as turn:
            cursor = turn.enter_context(self._nodb_cursor())
            cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name])
            if not cursor.fetchone()[0]:
                self.log(f"Waiting for another test run, which has {name!r}.")
                cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
            made = super().create_test_db(*arguments, **options)
            self._turn = turn.pop_all()  # the lock lasts as long as its connection
        return made

    def destroy_test_db(self, *arguments: Any, suffix: str | None = None, **options: Any) -> None:
        super().destroy_test_db(*arguments, suffix=suffix, **options)
        if suffix is None and self._turn is not None:  # the clones of a parallel run go first
            self._turn.close()
