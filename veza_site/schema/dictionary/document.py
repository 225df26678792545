"""
The data dictionary's page, as Markdown.

What the tables hold comes from the catalog, what it means from the models, and what made it from
the migrations. The same catalog gives the same text, to the byte.
"""

import itertools
from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.db import models

from veza_site.schema.catalog import Catalog, Column, Index, Table
from veza_site.schema.dictionary.diagrams import diagram, diagram_without_columns
from veza_site.schema.dictionary.markdown import code, link, prose, table
from veza_site.schema.dictionary.origins import origins
from veza_site.schema.dictionary.sql import (
    condition,
    short_default,
    short_type,
    strip_parentheses,
    strip_schema,
)
from veza_site.schema.models_as_catalog import columns_in_order
from veza_site.schema.plan import find_makers
from veza_site.schema.standard import RULES

INTRODUCTION = """\
# The schema `public`, table by table

`manage.py schema docs` writes this page from the database, the models and the migrations, and a
test compares it with them: change those, not this page.

Every table has a UUID `id`, which the database makes, and `created_at`. There are three kinds:

| kind | its rows |
|---|---|
| append-only | are written once and never change |
| mutable | change; a trigger writes `updated_at`, whichever service makes the change |
| soft-deletable | change too; a soft delete sets `deleted_at` (NULL: live) and nothing else |

In the diagrams a line goes from a table to one whose rows refer to it, and is labelled with the
column. At the first table's end, `||` is a required reference and `|o` one that may be NULL; at the
other end, `o{` is any number of rows and `o|` at most one. PK is the primary key, FK a foreign key,
UK a column whose value no other row has (or no other live row)."""

STANDARD = """\
Every V1 table keeps these rules. They are written once, in `veza_site/schema/standard/`. The tests
use them, the system checks, which judge the models before there is a migration, and `manage.py
schema audit`, which judges any database. What may break one, and why, is in `EXCEPTIONS` there."""

MAP = "Which migration makes what"

Domain = dict[str, type[models.Model] | None]


def schema_document(catalog: Catalog) -> str:
    """Return the page about a catalog of `public`, with the meanings from the models."""
    domains = _domains(catalog)
    made_by = find_makers()
    blocks = [
        INTRODUCTION,
        _contents(domains),
        "## All tables",
        diagram_without_columns(catalog, itertools.chain(*domains.values())),
    ]
    for title, domain in domains.items():
        blocks += [f"## {title}", diagram(catalog, list(domain))]
        for name, model in domain.items():
            blocks += _table(catalog, catalog.tables[name], model, made_by.get(name))
    blocks += [
        "## Enum types",
        _enums(catalog),
        "## Functions",
        *(
            f"```sql\n{strip_schema(definition).strip()}\n```"
            for definition in catalog.functions.values()
        ),
        "## The Standard",
        STANDARD,
        table(["rule", "what it asks, and why"], ([code(rule.id), rule.reason] for rule in RULES)),
        f"## {MAP}",
        origins(catalog),
    ]
    return "\n\n".join(blocks) + "\n"


def _domains(catalog: Catalog) -> dict[str, Domain]:
    """Return the catalog's tables by domain, each with its model."""
    domains: dict[str, Domain] = {
        str(config.verbose_name): {
            model._meta.db_table: model
            for model in config.get_models()
            if model._meta.db_table in catalog.tables
        }
        for config in map(apps.get_app_config, settings.V1_APPS)
    }
    known = {name for domain in domains.values() for name in domain}
    if others := [name for name in catalog.tables if name not in known]:
        domains["Tables without a model"] = dict.fromkeys(others)
    return domains


def _contents(domains: dict[str, Domain]) -> str:
    lines = [f"- {link('All tables')}"]
    for title, domain in domains.items():
        lines.append(f"- {link(title)}: {', '.join(map(link, domain))}")
    lines += [f"- {link(title)}" for title in ("Enum types", "Functions", "The Standard", MAP)]
    return "\n".join(lines)


def _table(
    catalog: Catalog, described: Table, model: type[models.Model] | None, made_by: str | None
) -> Iterator[str]:
    yield f"### {described.name}"
    if model is not None:
        yield prose((model.__doc__ or "").strip().partition("\n\n")[0])
    origin = f", made by {link(MAP, text=made_by)}" if made_by else ""
    yield f"{_kind(described).capitalize()}{origin}."
    yield _columns(catalog, described, model)
    if indexes := [index for index in described.indexes.values() if not index.primary]:
        yield table(["index", "columns", "", "where"], map(_index, indexes))
    if checks := [item for item in described.constraints.values() if item.kind == "check"]:
        yield table(
            ["check", "every row has"],
            ([code(item.name), code(condition(item))] for item in checks),
        )
    for trigger in described.triggers.values():
        yield f"Trigger: {code(strip_schema(trigger.definition).removeprefix('CREATE TRIGGER '))}"
    yield from _deletion(catalog, described)


def _kind(described: Table) -> str:
    if "deleted_at" in described.columns:
        return "soft-deletable"
    return "mutable" if "updated_at" in described.columns else "append-only"


def _columns(catalog: Catalog, described: Table, model: type[models.Model] | None) -> str:
    keys = {
        key.columns: (key.references, key.on_delete)
        for key in described.constraints.values()
        if key.references
    }
    rows = []
    for column, field in columns_in_order(described, model):
        target, on_delete = keys.get((column.name,), ("", ""))
        rows.append(
            [
                code(column.name),
                _type(catalog, column),
                "yes" if column.nullable else "no",
                _default(column),
                prose(str(field.help_text)) if field else "",
                f"{link(strip_schema(target))}, {on_delete}" if target else "",
            ]
        )
    return table(["column", "type", "null", "default", "meaning", "references, on delete"], rows)


def _type(catalog: Catalog, column: Column) -> str:
    name = short_type(column)
    return link("Enum types", text=name) if name in catalog.enums else code(name)


def _default(column: Column) -> str:
    if column.default is None:
        return ""
    value = code(short_default(column))
    return f"generated: {value}" if column.generated else value


def _index(index: Index) -> list[str]:
    columns = [
        f"{column} DESC" if column in index.descending else column for column in index.columns
    ]
    words = [
        "unique" * index.unique,
        "deferrable" * index.deferrable,
        index.method * (index.method != "btree"),
    ]
    return [
        code(index.name),
        code(strip_schema(", ".join(columns))),
        ", ".join(filter(None, words)),
        code(strip_parentheses(strip_schema(index.predicate))) if index.predicate else "",
    ]


def _deletion(catalog: Catalog, described: Table) -> Iterator[str]:
    """Tell what happens to other tables' rows when a row of this one is deleted."""
    columns: dict[str | None, list[str]] = {}
    for other in catalog.tables.values():
        for key in other.constraints.values():
            if key.references and strip_schema(key.references) == described.name:
                column = f"{link(other.name)}.{', '.join(key.columns)}"
                columns.setdefault(key.on_delete, []).append(column)
    for action, wording in {
        "CASCADE": "Deleting a row deletes those that refer to it by",
        "SET NULL": "Deleting a row makes NULL of",
        "NO ACTION": "A row can't be deleted while others refer to it by",
        "RESTRICT": "A row can't be deleted while others refer to it by",
    }.items():
        if action in columns:
            yield f"{wording} {', '.join(columns[action])}."


def _enums(catalog: Catalog) -> str:
    """Return the table of the enum types: their labels in order, and the columns of the type."""
    rows = []
    for name, labels in catalog.enums.items():
        used = [
            f"{link(described.name)}.{column.name}"
            for described in catalog.tables.values()
            for column in described.columns.values()
            if strip_schema(column.type) == name
        ]
        rows.append([code(name), ", ".join(map(code, labels)), ", ".join(used)])
    return table(["type", "labels, in order", "used by"], rows)
