"""Django's system checks of the models, by the Standard and by what PostgreSQL can store."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.db.models import Model

from veza_site.postgresql.names import NAME_LENGTH
from veza_site.schema.catalog import Constraint
from veza_site.schema.models_as_catalog import catalog_of_models, constraints_and_indexes
from veza_site.schema.standard import find_breaches


def check_standard(
    app_configs: Sequence[AppConfig] | None, **_options: Any
) -> list[checks.CheckMessage]:
    """Return an error for each breach of the Standard by a model of V1's domains."""
    models = {model._meta.db_table: model for model in _v1_models(app_configs)}
    return [
        checks.Error(
            f"{finding.object}: {finding.found}, where the Standard wants {finding.wanted}.",
            hint="See docs/schema.md, “The Standard”.",
            id=f"veza_site.{finding.rule}",
        )
        for finding in find_breaches(catalog_of_models(models.values()))
    ]


def check_names(
    app_configs: Sequence[AppConfig] | None, **_options: Any
) -> list[checks.CheckMessage]:
    """Return an error for each name in V1's domains that PostgreSQL would refuse or cut off."""
    models = _v1_models(app_configs)
    return [*_names_of_schemas(models), *_long_names(models), *_clashes(models)]


def _names_of_schemas(models: list[type[Model]]) -> Iterator[checks.Error]:
    for model in models:
        if '"' in model._meta.db_table:
            yield checks.Error(
                f"{model._meta.label}: its db_table {model._meta.db_table} has a quotation mark.",
                hint="V1's tables are in public, where migrate makes them: name the table alone.",
                id="veza_site.name-of-schema",
            )


def _long_names(models: list[type[Model]]) -> Iterator[checks.Error]:
    for model in models:
        columns = [field.column for field in model._meta.local_concrete_fields if field.column]
        objects = [item.name for item in constraints_and_indexes(model)]
        for name in (model._meta.db_table, *columns, *objects):
            length = len(name.encode())
            if length > NAME_LENGTH:
                yield checks.Error(
                    f"{model._meta.label}: the name {name} has {length} bytes, and PostgreSQL "
                    f"stores only {NAME_LENGTH}.",
                    hint="Choose a shorter one.",
                    id="veza_site.name-too-long",
                )


def _clashes(models: list[type[Model]]) -> Iterator[checks.Error]:
    # A table's or an index's name is unique in the schema, a constraint's in its table.
    taken: dict[tuple[str, str], str] = {}
    for model in models:
        table = model._meta.db_table
        named = [("", table, f"the table of {model._meta.label}")]
        for item in constraints_and_indexes(model):
            in_table = isinstance(item, Constraint) and item.kind != "primary key"
            kind = item.kind if isinstance(item, Constraint) else "index"
            what = f"the {kind} on {table} ({', '.join(item.columns)})"
            named.append((table if in_table else "", item.name, what))
        for scope, name, what in named:
            if (scope, name) in taken:
                yield checks.Error(
                    f"{name}: {what} would have this name, and {taken[scope, name]} has it.",
                    hint="Remove one of the two, or give it another name.",
                    id="veza_site.name-taken",
                )
            taken[scope, name] = what


def _v1_models(app_configs: Sequence[AppConfig] | None) -> list[type[Model]]:
    """Return the models of V1's domains that have a table."""
    return [
        model
        for config in app_configs or apps.get_app_configs()
        if config.label in settings.V1_APPS
        for model in config.get_models()
        if model._meta.managed and not model._meta.proxy
    ]
