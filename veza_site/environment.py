"""The reader of the environment variables that make the settings: `env`."""

from typing import Any

import psycopg
from environs import Env, ValidationError, validate
from psycopg.conninfo import conninfo_to_dict

env = Env()

not_empty = validate.Length(min=1, error="It is set but empty.")


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
    if not all(port.isdecimal() for port in str(parameters.get("port", "5432")).split(",")):
        raise ValidationError("Its port is not a number.")
    return {
        "NAME": parameters.pop("dbname"),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": str(parameters.pop("port", "")),
        "OPTIONS": parameters,
    }
