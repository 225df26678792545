"""How `manage.py dbshell` starts psql."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.backends.postgresql import client


class DatabaseClient(client.DatabaseClient):
    """Starts psql; for the embedded server, the one that comes with it."""

    if TYPE_CHECKING:
        from veza_site.postgresql.base import DatabaseWrapper

        connection: DatabaseWrapper

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        arguments, environment = super().settings_to_cmd_args_env(settings_dict, parameters)
        if settings_dict.get("EMBEDDED"):
            from veza_site.postgresql import embedded

            arguments[0] = embedded.program("psql")
        if options := settings_dict["OPTIONS"].get("options"):
            environment = {**(environment or {}), "PGOPTIONS": options}  # the search_path
        return arguments, environment

    def runshell(self, parameters: Iterable[str]) -> None:
        self.connection.start_embedded_server()
        super().runshell(parameters)
