"""Roles, what they allow and who has them; and what users show and prefer."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RbacConfig(AppConfig):
    """Has the system roles created after every `migrate`."""

    name = "rbac"
    verbose_name = "Roles and profiles"

    def ready(self) -> None:
        post_migrate.connect(create_system_roles, sender=self)


def create_system_roles(
    using: str, verbosity: int = 1, keeps_rows: bool = False, stdout: Any = None, **_signal: Any
) -> None:
    """Create the system roles that are missing, after every `migrate` and `flush`."""
    from rbac.system_roles import create_missing

    if keeps_rows:
        return
    names = create_missing(using)
    if names and verbosity and stdout is not None:
        stdout.write(
            f"Left the role {', '.join(names)} alone, which is not a system role: users.role of"
            " that name allows nothing in the admin until you rename it and run `migrate` again."
        )
