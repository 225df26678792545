"""
V1 as numbered SQL files, one for each domain: for the services' own tests, and for people.

They are written from the catalog, with comments from the models: a table's docstring, the columns'
help texts, and what stands above each index in the model's source. A table is in the file with the
number of the migration that makes it, a foreign key in the file of the later of its two tables.
Applied in order, once or twice, they make the same catalog.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import CommandError
from django.db import models

from veza_site.schema import contract
from veza_site.schema.catalog import Catalog, Constraint, Table
from veza_site.schema.ddl import (
    column_definition,
    constraint_definition,
    create_enum,
    create_index,
    create_trigger,
    literal,
    quote,
    sort_tables,
    tuning,
    unique_constraint,
)
from veza_site.schema.digests import digests_query, read_digests
from veza_site.schema.models_as_catalog import columns_in_order
from veza_site.schema.plan import find_makers
from veza_site.schema.reader import PINNED, read_catalog
from veza_site.schema.source_comments import comments_in_meta

FIRST = "001_extensions_and_types.sql"
FUNCTIONS = "900_triggers_and_functions.sql"
CONTRACT = "990_contract.sql"

HEADING = """\
-- {title}
-- Written by `manage.py schema export`. It can be run again, and does not change what is there:
-- `manage.py schema diff` tells whether that is right.
"""

EXTENSIONS = """\
-- V1 itself needs neither, older code does. They are created if the server offers them.
DO $$
DECLARE
    offered name;
BEGIN
    FOR offered IN
        SELECT name FROM pg_available_extensions WHERE name IN ({names}) ORDER BY name
    LOOP
        EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I SCHEMA {schema}', offered);
    END LOOP;
END
$$;
"""

ENUM = """\
DO $$
BEGIN
    IF to_regtype({name}) IS NULL THEN
        {create}
    END IF;
END
$$;
"""

FOREIGN_KEY = """\
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_constraint WHERE conrelid = {table}::regclass AND conname = {name}
    ) THEN
        ALTER TABLE {on_table} ADD {definition};
    END IF;
END
$$;
"""


STAMP = """\
-- The contract, for every service to read (docs/contract.md). It is written only into a database
-- that keeps it: each object here is compared with V1's.
DO $contract$
DECLARE
    settings constant text[] := {settings};
    before constant text[] := ARRAY(SELECT current_setting(name) FROM unnest(settings) AS name);
    differing text;
BEGIN
    -- Whatever this session has set: they change how PostgreSQL reads and writes text.
    PERFORM set_config(name, value, true)
    FROM unnest(settings, {values}) AS setting (name, value);

    WITH v1 (object, digest) AS (
        VALUES
            {digests}
    ),
    here (object, digest) AS (
        {query}
    )
    SELECT string_agg(COALESCE(v1.object, here.object), ', ' ORDER BY v1.object, here.object)
    INTO differing
    FROM v1 FULL JOIN here USING (object)
    WHERE v1.digest IS DISTINCT FROM here.digest;

    IF differing IS NOT NULL THEN
        RAISE EXCEPTION 'the schema {schema} is not V1, and no contract was written: %', differing
            USING HINT = '`manage.py schema diff` says what differs, and how to mend it.';
    END IF;
    COMMENT ON SCHEMA {schema} IS {comment};
    PERFORM set_config(name, value, true)
    FROM unnest(settings, before) AS setting (name, value);
END
$contract$;
"""


def sql_files(
    catalog: Catalog, carried: contract.Contract, digests: dict[str, str]
) -> dict[str, str]:
    """
    Return the text of each SQL file by its name, in the order in which they are applied.

    `digests` are those of the catalog's objects, as `read_digests` gives them. Raises CommandError
    if the catalog's tables are not those that the migrations make.
    """
    made_by = {table: by for table, by in find_makers().items() if "." not in table}  # of `public`
    if differing := sorted(catalog.tables.keys() ^ made_by.keys()):
        raise CommandError(
            f"The database does not have the tables that the migrations make: {differing[0]} and "
            "perhaps others differ. Migrate it, or see `manage.py schema diff`."
        )
    domains: dict[str, list[Table]] = {}
    for table in sort_tables(catalog):
        # streaming.0040_streaming_core: 040_streaming_core.sql
        file = made_by[table.name].partition(".")[2][1:] + ".sql"
        domains.setdefault(file, []).append(table)
    files = {FIRST: "\n".join([_heading(FIRST), *_types(catalog)])}
    there: set[str] = set()
    waiting: list[tuple[Table, Constraint]] = []
    for file in sorted(domains):
        parts = [_heading(file)]
        for table in domains[file]:
            there.add(quote(catalog.schema, table.name))
            later = [key for key in table.constraints.values() if _waits(key, there)]
            waiting += [(table, key) for key in later]
            parts.append(_table(catalog, table, later))
        for table, key in waiting:
            if not _waits(key, there):
                parts.append(_foreign_key(catalog, table, key))
        waiting = [(table, key) for table, key in waiting if _waits(key, there)]
        if file > FUNCTIONS:  # the triggers' functions are there
            parts += _triggers(catalog, domains[file])
        files[file] = "\n".join(parts)
    before = [table for file in domains if file < FUNCTIONS for table in domains[file]]
    before.sort(key=lambda table: table.name)
    functions = (definition.rstrip() + ";\n" for definition in catalog.functions.values())
    files[FUNCTIONS] = "\n".join([_heading(FUNCTIONS), *functions, *_triggers(catalog, before)])
    comments = (f"COMMENT ON {name} IS {literal(text)};" for name, text in catalog.comments.items())
    files[CONTRACT] = "\n".join([_heading(CONTRACT), *comments, _stamp(catalog, carried, digests)])
    return dict(sorted(files.items()))


def write(directory: Path, cursor: Any, migration: str) -> contract.Contract:
    """
    Write the SQL files, the catalogs and `contract.json` into a directory.

    They say what the database of `cursor` holds; `migration` is the last of V1's that made it.

    Returns the contract that the files carry. Raises OSError if they can't be written.
    """
    catalog = read_catalog(cursor)
    history = contract.history_as_json(catalog, migration)
    carried = replace(contract.parse(history)[-1], migration=migration)
    texts = {
        **sql_files(catalog, carried, read_digests(cursor)),
        contract.CATALOGS["public"].name: catalog.as_json(),
        contract.CATALOGS["django"].name: read_catalog(cursor, "django").as_json(),
        contract.HISTORY.name: history,
    }
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")
    return carried


def _heading(file: str) -> str:
    title = file.removesuffix(".sql").replace("_", " ").replace(" ", " · ", 1)
    return HEADING.format(title=title)


def _types(catalog: Catalog) -> Iterator[str]:
    names = ", ".join(map(literal, catalog.extensions))
    yield EXTENSIONS.format(names=names, schema=quote(catalog.schema))
    for enum, labels in catalog.enums.items():
        name = literal(quote(catalog.schema, enum))
        yield ENUM.format(name=name, create=create_enum(catalog.schema, enum, labels))


def _table(catalog: Catalog, table: Table, later: list[Constraint]) -> str:
    model = _models().get(table.name)
    comments = {} if model is None else comments_in_meta(model)
    lines = []
    for column, field in columns_in_order(table, model):
        meaning = " ".join(str(field.help_text).split()) if field is not None else ""
        lines.append((column_definition(column), meaning))
    constraints = [key for key in table.constraints.values() if key not in later]
    constraints.sort(key=lambda item: item.kind != "primary key")
    lines += [(constraint_definition(item), comments.get(item.name, "")) for item in constraints]
    lines += [
        (unique_constraint(item), comments.get(item.name, ""))
        for item in table.indexes.values()
        if item.deferrable
    ]
    body = []
    for number, (line, meaning) in enumerate(lines, start=1):
        comma = "," if number < len(lines) else ""
        body.append(f"    {line}{comma}" + (f"  -- {meaning}" if meaning else ""))
    statements = [
        f"CREATE TABLE IF NOT EXISTS {quote(catalog.schema, table.name)} (",
        *body,
        f"){tuning(table.properties)};",
    ]
    for index in table.indexes.values():
        if not (index.primary or index.deferrable):
            if index.name in comments:
                statements.append(f"-- {comments[index.name]}")
            statements.append(create_index(catalog, table, index, "IF NOT EXISTS"))
    if model is not None:
        what = " ".join((model.__doc__ or "").strip().partition("\n\n")[0].split())
        statements.insert(0, f"-- {what}")
    return "\n".join(statements) + "\n"


def _models() -> dict[str, type[models.Model]]:
    return {model._meta.db_table: model for model in apps.get_models()}


def _waits(key: Constraint, there: set[str]) -> bool:
    """Return whether a foreign key refers to a table that is not made yet."""
    return key.references is not None and key.references not in there


def _foreign_key(catalog: Catalog, table: Table, key: Constraint) -> str:
    on_table = quote(catalog.schema, table.name)
    return FOREIGN_KEY.format(
        table=literal(on_table),
        name=literal(key.name),
        on_table=on_table,
        definition=constraint_definition(key),
    )


def _triggers(catalog: Catalog, tables: Iterable[Table]) -> Iterator[str]:
    for table in tables:
        for trigger in table.triggers.values():
            yield "\n".join(create_trigger(catalog, table, trigger))


def _stamp(catalog: Catalog, carried: contract.Contract, digests: dict[str, str]) -> str:
    # The client's encoding is psql's business.
    pinned = {name: value for name, value in PINNED.items() if name != "client_encoding"}
    rows = [f"({literal(name)}, {literal(digest)})" for name, digest in digests.items()]
    return STAMP.format(
        schema=quote(catalog.schema),
        settings=_array(pinned),
        values=_array(pinned.values()),
        digests=(",\n" + " " * 12).join(rows),
        query=digests_query(literal(catalog.schema)).strip().replace("\n", "\n" + " " * 8),
        comment=literal(carried.as_json()),
    )


def _array(texts: Iterable[str]) -> str:
    return f"ARRAY[{', '.join(map(literal, texts))}]"
