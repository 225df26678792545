"""The rules about text: its length, secrets, JSON."""

import re
from collections.abc import Iterator

from veza_site.schema.catalog import Table
from veza_site.schema.ddl import quote
from veza_site.schema.standard.rule import Breach, alter_column, by_hand, rule_of_tables

PROSE = re.compile(r"(^|_)(description|bio|content|notes|message|url|path|user_agent)$")


@rule_of_tables
def text(table: Table, schema: str) -> Iterator[Breach]:
    """Give identifiers and codes a length, and prose none: the schema can't know it."""
    for column in table.columns.values():
        alter = alter_column(schema, table, column)
        if PROSE.search(column.name) and column.type.startswith("character"):
            wanted, mend = "text: prose, a path or a URL", f"{alter} TYPE text;"
        elif column.type.removesuffix("[]") == "character varying":
            wanted, mend = "character varying(n), or text", f"{alter} TYPE text;"
        elif column.type.startswith("character("):
            right = column.type.replace("character(", "character varying(")
            wanted, mend = right, f"{alter} TYPE {right};"
        else:
            continue
        yield f"{table.name}.{column.name}", column.type, wanted, mend


NAMES = re.compile(r"(^|_)(name|username|slug|email|title|code|token|hash|mime_type)$")


@rule_of_tables
def names(table: Table, schema: str) -> Iterator[Breach]:
    """Limit the length of names, codes and tokens: otherwise anyone can store a book in one."""
    for column in table.columns.values():
        if NAMES.search(column.name) and column.type == "text":
            mend = f"{alter_column(schema, table, column)} TYPE character varying(255);"
            yield f"{table.name}.{column.name}", "text", "character varying(n)", mend


SECRETS = re.compile(r"(^|_)(password|passwd|secret_key|api_key|access_key|private_key|token)$")


@rule_of_tables
def secrets(table: Table, _schema: str) -> Iterator[Breach]:
    """Store hashes, not secrets: nobody may be able to log in with what a backup or a log holds."""
    for column in table.columns.values():
        if SECRETS.search(column.name):
            mend = by_hand("the secrets have to be replaced by their hashes")
            wanted = f"a hash, in {column.name}_hash"
            yield f"{table.name}.{column.name}", "a secret as it is", wanted, mend


@rule_of_tables
def jsonb(table: Table, schema: str) -> Iterator[Breach]:
    """Use jsonb, which can be compared and indexed; json only stores the text as it was sent."""
    for column in table.columns.values():
        if column.type.removesuffix("[]") == "json":
            right = column.type.replace("json", "jsonb")
            alter = alter_column(schema, table, column)
            mend = f"{alter} TYPE {right} USING {quote(column.name)}::text::{right};"
            yield f"{table.name}.{column.name}", column.type, right, mend
