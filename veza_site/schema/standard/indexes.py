"""The rules about indexes: which there have to be, their names and their order."""

import re
from collections.abc import Iterator

from veza_site.postgresql.names import index_name, is_index_name
from veza_site.schema.catalog import Index, Table
from veza_site.schema.ddl import drop_index, make_beside, quote, take_place
from veza_site.schema.standard.rule import Breach, by_hand, foreign_keys, rule_of_tables


@rule_of_tables
def foreign_key_index(table: Table, schema: str) -> Iterator[Breach]:
    """Index foreign keys: otherwise deleting one row of the other table reads this whole table."""
    for key in foreign_keys(table):
        column = key.columns[0]
        if not any(
            index.valid
            and index.method == "btree"
            and index.columns[0] == column
            and index.predicate in (None, f"({column} IS NOT NULL)")
            for index in table.indexes.values()
        ):
            name = index_name(table.name, column)
            mend = _set_index(
                schema,
                table,
                name,
                f"CREATE INDEX CONCURRENTLY … ON {quote(schema, table.name)} ({quote(column)});",
            )
            wanted = "an index over all non-null rows"
            yield f"{table.name}.{column}", "no index that it leads", wanted, mend


@rule_of_tables
def name_of_index(table: Table, schema: str) -> Iterator[Breach]:
    """Name an index for its table and columns: errors and query plans show only the name."""
    for index in table.indexes.values():
        columns = [_in_words(column) for column in index.columns]
        name = index_name(table.name, *columns)
        if index.primary or is_index_name(index.name, table.name, *columns):
            continue
        # Another index begins with the columns of this partial one: a word tells them apart.
        shared = index.predicate and any(
            other.columns[: len(index.columns)] == index.columns
            for other in table.indexes.values()
            if other is not index
        )
        if not (shared and re.fullmatch(re.escape(name) + "_[a-z]+", index.name)):
            right = index_name(table.name, *columns, "partial") if shared else name
            if shared and is_index_name(index.name, table.name, *columns, "partial"):
                continue
            mend = f"ALTER INDEX {quote(schema, index.name)} RENAME TO {quote(right)};"
            if right in table.indexes:
                mend = by_hand(f"there is another index {right}")
            yield index.name, index.name, name + (" and one word" if shared else ""), mend


def _in_words(column: str) -> str:
    """Return a column's name, or the words of an expression: lower_email for lower(email)."""
    if "(" not in column:
        return column
    return "_".join(re.findall(r"\w+", re.sub(r"::\w+( \w+)*", "", column)))


@rule_of_tables
def unique_handles(table: Table, schema: str) -> Iterator[Breach]:
    """Make handles unique among live rows: people and pages are found by them."""
    predicate = "(deleted_at IS NULL)" if "deleted_at" in table.columns else None
    where = " WHERE deleted_at IS NULL" if predicate else ""
    for name in ("email", "username", "slug"):
        if name in table.columns and not any(
            index.unique and index.columns == (name,) and index.predicate == predicate
            for index in table.indexes.values()
        ):
            mend = _set_index(
                schema,
                table,
                index_name(table.name, name),
                f"CREATE UNIQUE INDEX CONCURRENTLY … "
                f"ON {quote(schema, table.name)} ({name}){where};",
            )
            yield f"{table.name}.{name}", "no such index", f"a UNIQUE index{where}", mend


@rule_of_tables
def feeds_descending(table: Table, schema: str) -> Iterator[Breach]:
    """Index created_at in descending order: feeds are read newest first."""
    for index in table.indexes.values():
        if "created_at" in index.columns and "created_at" not in index.descending:
            create = re.sub(r"\bcreated_at(?=[,)])", "created_at DESC", index.definition)
            create = create.replace(f"INDEX {quote(index.name)} ON", "INDEX CONCURRENTLY … ON", 1)
            mend = _set_index(schema, table, index.name, f"{create};")
            yield index.name, "created_at ASC", "created_at DESC", mend


@rule_of_tables
def sound_indexes(table: Table, schema: str) -> Iterator[Breach]:
    """Have no invalid or duplicate index: it slows down every write and serves no query."""
    seen: dict[str, Index] = {}
    for index in sorted(table.indexes.values(), key=_worth, reverse=True):
        if not index.valid:
            mend = f"REINDEX INDEX CONCURRENTLY {quote(schema, index.name)};"
            if re.search(r"_cc(new|old)\d*$", index.name):  # a REINDEX CONCURRENTLY that failed
                mend = drop_index(schema, table.name, index)
            yield index.name, "invalid", "valid", mend
        what = index.definition.partition(" USING ")[2]
        if what in seen and not index.primary:
            mend = drop_index(schema, table.name, index)
            yield index.name, f"the same as {seen[what].name}", "one of the two", mend
        seen.setdefault(what, index)


def _worth(index: Index) -> tuple[bool, ...]:
    """Return a sort key: of two duplicate indexes, the one that guarantees more stays."""
    return index.primary, index.valid and index.unique, index.valid


def _set_index(schema: str, table: Table, name: str, create: str) -> str:
    """Return the SQL that makes an index, named … in `create`, in place of one of its name."""

    def create_as(name: str) -> str:
        return create.replace("…", quote(name), 1)

    if name not in table.indexes:
        return create_as(name)
    return f"{make_beside(schema, name, create_as)} {take_place(schema, table.name, name)}"
