"""The test databases under pytest: pytest-xdist's workers get copies of one that is migrated."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker
from pytest_django.plugin import blocking_manager_key

from tests.support import runner

_made = pytest.StashKey[runner.Made]()
_copies = pytest.StashKey[set[str]]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Make the worker's database; at the first one, the database that is copied."""
    stash, worker = node.config.stash, node.workerinput["workerid"]
    with stash[blocking_manager_key].unblock():
        if _made not in stash:
            stash[_made], stash[_copies] = runner.make_databases(), set()
        node.workerinput["database"] = runner.make_copy(worker)
        stash[_copies].add(worker)


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Drop what the workers, which have ended, had."""
    if _made in config.stash:
        with config.stash[blocking_manager_key].unblock():
            runner.drop_databases(config.stash[_made], config.stash[_copies])


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    django_test_environment: None,  # noqa: ARG001  it goes before
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[None]:
    """Make the test database, or use the one that this worker was given."""
    copy = getattr(request.config, "workerinput", {}).get("database")
    with django_db_blocker.unblock():
        made = runner.use_copy(copy) if copy else runner.make_databases()
    yield
    if made:
        with django_db_blocker.unblock():
            runner.drop_databases(made)
