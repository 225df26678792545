"""The reader of the environment variables that make the settings: `env`."""

from typing import Any

import psycopg
from environs import Env, ValidationError
from psycopg.conninfo import conninfo_to_dict

env = Env()

# Seconds to connect to each host, where a URL has no other; without it, minutes.
CONNECT_TIMEOUT = 5


def not_empty(value: str | list[str]) -> None:
    """Refuse a variable that is set to nothing, or a list with nothing in it."""
    parts = [value] if isinstance(value, str) else value
    if not parts or not all(part.strip() for part in parts):
        raise ValidationError("It is set but empty.")


def positive(number: float) -> None:
    """Refuse a number of seconds that is no time, or no number at all."""
    if not 0 < number < float("inf"):
        raise ValidationError("It is not a number of seconds greater than 0.")


def host_names(hosts: list[str]) -> None:
    """Refuse what a browser's Host header can't be, such as a URL."""
    for host in hosts:
        if "/" in host:
            raise ValidationError(f"{host} is not a host's name: veza.example, without https://.")


@env.parser_for("postgresql")
def database_from_url(url: str) -> dict[str, Any]:
    """
    Return the entry of Django's DATABASES for a connection URI as libpq defines it.

    Every parameter that libpq knows is taken from the query (`?sslmode=verify-full`).
    Raises ValidationError for anything else, without repeating the URL: it holds a password.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValidationError("It is not of the form postgresql://USER:PASSWORD@HOST:PORT/NAME.")
    try:
        parameters = conninfo_to_dict(url)
    except psycopg.Error:
        raise ValidationError(
            "libpq can't read it as postgresql://USER:PASSWORD@HOST:PORT/NAME "
            "(special characters are percent-encoded)."
        ) from None
    if "dbname" not in parameters:
        raise ValidationError("It names no database: postgresql://USER:PASSWORD@HOST:PORT/NAME.")
    for name in ("port", "connect_timeout"):
        # Several hosts have several ports, and may leave some out.
        if not all(part == "" or part.isdecimal() for part in parameters.get(name, "").split(",")):
            raise ValidationError(f"Its {name} is not a number.")
    return {
        "NAME": parameters.pop("dbname"),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": str(parameters.pop("port", "")),
        "OPTIONS": parameters,
    }
