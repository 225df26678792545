"""
The databases of a test run, under either runner: one is migrated, and the others are copies of it.

Each process that runs tests has its own copy. One more is for tests to copy, and nobody connects to
it, since PostgreSQL can't copy a database that has a session.
"""

from collections.abc import Set
from typing import Any

from django.db import connection
from django.test.runner import DiscoverRunner
from django.test.utils import setup_databases, teardown_databases

TEMPLATE = "template"  # after the name of the test database

Made = list[Any]  # what Django's setup_databases returns, for its teardown_databases


class Runner(DiscoverRunner):
    """Django's test runner with warnings as errors, as pyproject.toml has it for pytest."""

    def setup_databases(self, **options: Any) -> Made:
        made: Made = super().setup_databases(**options)
        if made:
            _make_template()
        return made

    def teardown_databases(self, old_config: Made, **options: Any) -> None:
        if old_config:
            drop_copy(TEMPLATE)
        super().teardown_databases(old_config, **options)

    def get_test_runner_kwargs(self) -> dict[str, Any]:
        return super().get_test_runner_kwargs() | {"warnings": "error"}


def make_databases() -> Made:
    """Make the test database and its template, for pytest."""
    made: Made = setup_databases(
        verbosity=0, interactive=False, aliases={"default"}, serialized_aliases=set()
    )
    _make_template()
    return made


def drop_databases(made: Made, copies: Set[str] = frozenset()) -> None:
    """Drop what make_databases() made, and the copies of these names."""
    for name in [*copies, TEMPLATE]:
        drop_copy(name)
    teardown_databases(made, verbosity=0)


def make_copy(name: str) -> dict[str, str]:
    """Copy the test database, and return what the process that is to use it has to know."""
    connection.creation.clone_test_db(name, verbosity=0)
    given = connection.settings_dict
    return {"NAME": given["NAME"], "TEMPLATE": given["TEST"]["COPIED"], "COPY": name}


def use_copy(copy: dict[str, str]) -> None:
    """Run the tests of this process on a copy that another process made."""
    connection.creation.use_server_of_tests()
    connection.settings_dict["NAME"] = copy["NAME"]
    connection.settings_dict["TEST"]["COPIED"] = copy["TEMPLATE"]
    connection.creation.setup_worker_connection(copy["COPY"])


def drop_copy(name: str) -> None:
    """Drop a copy that this process made of its test database."""
    connection.creation.destroy_test_db(suffix=name, verbosity=0)


def _make_template() -> None:
    test = connection.settings_dict["TEST"]
    test["COPIED"] = connection.creation.get_test_db_clone_settings(TEMPLATE)["NAME"]
    connection.creation.clone_test_db(TEMPLATE, verbosity=0)
