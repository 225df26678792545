from typing import Any

from django.test.runner import DiscoverRunner


class Runner(DiscoverRunner):
    """Django's test runner with warnings as errors, as pyproject.toml has it for pytest."""

    def get_test_runner_kwargs(self) -> dict[str, Any]:
        return super().get_test_runner_kwargs() | {"warnings": "error"}
