"""Reads the environment variables that become settings."""

import os
from collections.abc import Callable
from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

# Seconds to connect to each host, if the URL does not say; without a limit it can take minutes.
CONNECT_TIMEOUT = 5

TRUE = {"1", "on", "t", "true", "y", "yes"}
FALSE = {"0", "f", "false", "n", "no", "off"}


def is_set(name: str) -> bool:
    """Return whether a variable is set, even if it is empty."""
    return name in os.environ


def read[T](name: str, parse: Callable[[str], T], *default: T) -> T:
    """
    Return a variable as parsed by `parse`, or the default if it is not set.

    There is no library for this: importing environs took a tenth of django.setup(), which every
    command waits for. Raises ImproperlyConfigured, which names the variable, if there is no default
    or `parse` raises ValueError.
    """
    value = os.environ.get(name)
    if value is None:
        if default:
            return default[0]
        raise ImproperlyConfigured(f"The environment variable {name} is not set.")
    try:
        return parse(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"The environment variable {name}: {error}") from None


def text(value: str) -> str:
    """Return a text. Raises ValueError if it is empty."""
    if not value.strip():
        raise ValueError("It is set but empty.")
    return value


def flag(value: str) -> bool:
    """Return whether the text says yes. Raises ValueError if it says neither yes nor no."""
    if value.strip().lower() not in TRUE | FALSE:
        raise ValueError("It is neither true nor false.")
    return value.strip().lower() in TRUE


def seconds(value: str) -> float:
    """Return a number of seconds. Raises ValueError if it is not a positive number."""
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError("It is not a number of seconds greater than 0.")
    return number


def seconds_or_none(value: str) -> float:
    """
    Return a number of seconds, where 0 means never or none.

    Raises ValueError if it is not a number from 0 to 100 years, which is as far as the database's
    and Python's times are sure to reach.
    """
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100 * 365 * 24 * 60 * 60:
        raise ValueError("It is not a number of seconds from 0 to 100 years.")
    return number


def days(value: str) -> int | None:
    """Return a number of days. Raises ValueError if it is none, or over a hundred years."""
    if not (value.strip().isdecimal() and 0 < int(value) <= 36_500):
        raise ValueError("It is not a whole number of days, from 1 to 36500.")
    return int(value)


def items(value: str) -> list[str]:
    """Return the parts between commas."""
    return [part.strip() for part in value.split(",")] if value.strip() else []


def host_names(value: str) -> list[str]:
    """
    Return names of hosts, as a browser's Host header has them.

    Raises ValueError if one can't be a host's name, such as a URL, or if there is none.
    """
    hosts = items(value)
    if not all(hosts) or not hosts:
        raise ValueError("It is set but empty.")
    for host in hosts:
        if "/" in host:
            raise ValueError(
                f"{host} is not the name of a host: write veza.example, without https://."
            )
    return hosts


def database(url: str) -> dict[str, Any]:
    """
    Return the entry of Django's DATABASES for a connection URI as libpq defines it.

    The query may have every parameter that libpq knows (`?sslmode=verify-full`). Raises ValueError
    for anything else, without quoting the URL, which holds a password.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("It is not of the form postgresql://USER:PASSWORD@HOST:PORT/NAME.")
    try:
        parameters: dict[str, Any] = conninfo_to_dict(url)
    except psycopg.Error:
        raise ValueError(
            "libpq can't read it as postgresql://USER:PASSWORD@HOST:PORT/NAME "
            "(special characters are percent-encoded)."
        ) from None
    if "dbname" not in parameters:
        raise ValueError("It names no database: postgresql://USER:PASSWORD@HOST:PORT/NAME.")
    for name in ("port", "connect_timeout"):
        # With several hosts there are several ports, and some may be missing.
        if not all(part == "" or part.isdecimal() for part in parameters.get(name, "").split(",")):
            raise ValueError(f"Its {name} is not a number.")
    return {
        "NAME": parameters.pop("dbname"),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": str(parameters.pop("port", "")),
        "OPTIONS": parameters,
    }
