"""What a deletion takes with it, counted in bounded time and without loading it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, models

from veza_site.admin.lists.counts import CAP, Count
from veza_site.admin.lookups import look_up

FOLLOWED = 100  # rows of a table that are followed to the rows that refer to them

CASCADES = (models.DB_CASCADE, models.CASCADE)
SETS_NULL = (models.DB_SET_NULL, models.SET_NULL)


@dataclass(frozen=True)
class Amount:
    """
    How many rows of a table there are, counted up to `CAP` and one more.

    `is_least` says that some were not looked for, because their parents are too many.
    """

    number: int
    is_least: bool = False

    @property
    def is_open(self) -> bool:
        """Whether there may be more rows than were counted."""
        return self.is_least or self.number > CAP

    @property
    def is_followed(self) -> bool:
        """Whether each of the rows was followed to those that refer to it."""
        return not self.is_least and self.number <= FOLLOWED

    def __str__(self) -> str:
        if self.is_least and self.number <= CAP:
            return f"at least {self.number:,}" if self.number else "perhaps some"
        return str(Count(min(self.number, CAP), self.number > CAP))


@dataclass(frozen=True)
class Taken:
    """The rows of one table that are deleted too."""

    model: type[models.Model]
    amount: Amount

    def __str__(self) -> str:
        return f"{self.amount} {_name(self.model, self.amount)}"


@dataclass(frozen=True)
class Loosened:
    """
    The rows that stay, with NULL in the column that referred to a deleted row.

    `is_sure` is False if some of them may be deleted too, which were not all counted.
    """

    reference: models.ForeignKey
    amount: Amount
    is_sure: bool

    def __str__(self) -> str:
        amount = self.amount if self.is_sure else "perhaps some"
        name = _name(self.reference.model, self.amount)
        return f"{amount} {name} ({self.reference.verbose_name})"


@dataclass(frozen=True)
class Deletion:
    """What a deletion does: how many rows of `model` go, what goes with them, what lets go."""

    model: type[models.Model]
    rows: Amount
    taken: list[Taken] = field(default_factory=list)
    loosened: list[Loosened] = field(default_factory=list)

    @property
    def limit(self) -> int | None:
        """How many rows of a table were followed, if some table has more."""
        amounts = [part.amount for part in self.taken] + [part.amount for part in self.loosened]
        return FOLLOWED if any(amount.is_least for amount in amounts) else None

    def __str__(self) -> str:
        return str(Taken(self.model, self.rows))


def foresee_deletion(
    model: type[models.Model], rows: Iterable[models.Model] | models.QuerySet
) -> Deletion:
    """
    Return what the database will do when these rows of a table are deleted.

    One statement follows the foreign keys of the models from table to table, each from at most a
    hundred rows, and counts at most a thousand rows of each table. So it takes about the same time
    for any data. Of a table whose parents are more, there are "at least" as many as it counts.
    """
    if isinstance(rows, models.QuerySet):
        ids = list(rows.order_by().values_list("pk", flat=True)[: CAP + 1])
    else:
        ids = [row.pk for row in rows]
    if not ids:
        return Deletion(model, Amount(0))
    tables = _find_tables(model)
    loose = [reference for table in tables for reference in _find_references(table, SETS_NULL)]
    ctes = ", ".join(cte for table in tables for cte in _write_ctes(table, tables))
    gone = ", ".join(f"(SELECT count(*) FROM {_name_gone(table, tables)})" for table in tables)
    let_go = ", ".join(_count_loosened(reference, tables) for reference in loose)
    filled = ", ".join(f"EXISTS (SELECT FROM {_quote(table._meta.db_table)})" for table in tables)
    numbers, loosened, have_rows = look_up(
        f"WITH RECURSIVE {ctes} SELECT ARRAY[{gone}], ARRAY[{let_go}]::bigint[], ARRAY[{filled}]",
        [ids],
    )
    return _interpret(
        dict(zip(tables, numbers, strict=True)),
        dict(zip(loose, loosened, strict=True)),
        dict(zip(tables, have_rows, strict=True)),
    )


def _interpret(
    gone: dict[type[models.Model], int],
    let_go: dict[models.ForeignKey, int],
    filled: dict[type[models.Model], bool],
) -> Deletion:
    """Return what these numbers mean: rows gone, rows let go, and whether a table has any row."""
    tables = list(gone)
    amounts: dict[type[models.Model], Amount] = {}
    for table in tables:
        parents = [key.related_model for key in _find_parents(table, tables)]
        is_least = filled[table] and not all(amounts[parent].is_followed for parent in parents)
        amounts[table] = Amount(gone[table], is_least)
    root, *others = tables
    deletion = Deletion(root, amounts[root])
    for table in others:
        if amounts[table].number or amounts[table].is_least:
            deletion.taken.append(Taken(table, amounts[table]))
    for reference, number in let_go.items():
        if number:
            amount = Amount(number, not amounts[reference.related_model].is_followed)
            is_sure = reference.model not in amounts or not amounts[reference.model].is_open
            deletion.loosened.append(Loosened(reference, amount, is_sure))
    return deletion


# The graph of tables


def _find_references(
    model: type[models.Model], rules: tuple[Any, ...] = CASCADES
) -> list[models.ForeignKey]:
    """Return the foreign keys to a table that have one of these rules for its deletion."""
    return [
        relation.field
        for relation in model._meta.get_fields(include_hidden=True)
        if isinstance(relation, models.ManyToOneRel) and relation.on_delete in rules
    ]


def _find_tables(model: type[models.Model]) -> list[type[models.Model]]:
    """
    Return a table and those that its deletion reaches, parents before children.

    V1 has no circle of several tables. If it had one, the way back would not be followed.
    """
    done: list[type[models.Model]] = []
    begun: set[type[models.Model]] = set()

    def visit(table: type[models.Model]) -> None:
        begun.add(table)
        for reference in _find_references(table):
            if reference.model not in begun:
                visit(reference.model)
        done.append(table)

    visit(model)
    return done[::-1]


def _find_parents(
    table: type[models.Model], tables: list[type[models.Model]]
) -> list[models.ForeignKey]:
    """Return the foreign keys through which a table's rows go with those of one before it."""
    before = tables[: tables.index(table)]
    return [
        reference
        for parent in before
        for reference in _find_references(parent)
        if reference.model is table
    ]


# The statement


def _write_ctes(table: type[models.Model], tables: list[type[models.Model]]) -> list[str]:
    """Return the parts of the statement that find the rows of a table that will be gone."""
    gone = _name_gone(table, tables)
    branches = [
        f"(SELECT child.id FROM {_select_children(key, tables)} LIMIT {CAP + 1})"
        for key in _find_parents(table, tables)
    ]
    found = " UNION ".join(branches) or "SELECT unnest(%s::uuid[])"
    own = [key for key in _find_references(table) if key.model is table]
    if not own:
        found = f"SELECT * FROM ({found}) AS found LIMIT {CAP + 1}"
        return [f"{gone} (id) AS MATERIALIZED ({found})"]
    if len(own) > 1:
        raise NotImplementedError(f"{table._meta.db_table} refers to itself in two ways.")
    # PostgreSQL reads only as much of it as the limit asks for.
    tree = (
        f"tree_of_{gone} (id) AS (SELECT * FROM ({found}) AS found UNION"
        f" SELECT child.id FROM tree_of_{gone} AS parent {_join_parent(own[0])})"
    )
    return [tree, f"{gone} (id) AS MATERIALIZED (SELECT id FROM tree_of_{gone} LIMIT {CAP + 1})"]


def _count_loosened(reference: models.ForeignKey, tables: list[type[models.Model]]) -> str:
    stays = ""
    if reference.model in tables:
        key = _quote(reference.model._meta.pk.column)
        stays = f"AND {key} NOT IN (SELECT id FROM {_name_gone(reference.model, tables)})"
    children = _select_children(reference, tables, stays)
    return f"(SELECT count(*) FROM (SELECT FROM {children} LIMIT {CAP + 1}) AS loosened)"


def _select_children(
    reference: models.ForeignKey, tables: list[type[models.Model]], condition: str = ""
) -> str:
    """Return the FROM clause of the rows that refer to those that are followed."""
    followed = f"(SELECT id FROM {_name_gone(reference.related_model, tables)} LIMIT {FOLLOWED})"
    return f"{followed} AS parent {_join_parent(reference, condition)}"


def _join_parent(reference: models.ForeignKey, condition: str = "") -> str:
    """
    Return the join of `parent` with the rows that refer to it, as `child`.

    LATERAL and with its own limit, so that each parent's children are looked up in the index.
    """
    opts = reference.model._meta
    return (
        f"CROSS JOIN LATERAL (SELECT {_quote(opts.pk.column)} AS id FROM {_quote(opts.db_table)}"
        f" WHERE {_quote(reference.column)} = parent.id {condition} LIMIT {CAP + 1}) AS child"
    )


def _name_gone(table: type[models.Model], tables: list[type[models.Model]]) -> str:
    return f"gone_{tables.index(table)}"


def _quote(name: str | None) -> str:
    return connection.ops.quote_name(str(name))


def _name(model: type[models.Model], amount: Amount) -> str:
    opts = model._meta
    return str(opts.verbose_name if str(amount) == "1" else opts.verbose_name_plural)
