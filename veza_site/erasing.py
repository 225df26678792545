"""
Deleting a row for good with all that depends on it, a batch at a time.

One DELETE does the same by the database's foreign keys, but holds all its locks until it has been
through the last of a million rows. Here each batch is a transaction of about 40 ms, children before
their parents, so that the row itself has hardly anything left when it goes. What depends on it is
read from the catalog: ON DELETE CASCADE deletes, ON DELETE SET NULL detaches. It may be interrupted
anywhere and begun again.

An app whose rows are counted elsewhere says in DELETERS of its module `erasing`, by table, how they
are deleted such that the counters stay right.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from veza_site.batches import BatchSize
from veza_site.retrying import retry
from veza_site.transactions import Conflict, execute, fetch_one, fetch_rows, in_transaction

READ = 5000  # so many keys are read at a time

# A batch that doesn't get its locks at once gives back those that it has, and is tried again.
LOCK_TIMEOUT = "50ms"
ATTEMPTS = 20

Key = Any  # a UUID in V1, a number in Django's tables


class Deleter(NamedTuple):
    """How rows are deleted by their keys, returning how many were, and in which order."""

    delete: Callable[[list[Key]], int]
    order: str


@dataclass(frozen=True)
class Reference:
    """A foreign key. Names are written as in SQL; `key` is the primary key of its table."""

    table: str
    key: str
    column: str
    target: str
    deletes: bool


@dataclass
class Level:
    """The rows of a reference to `parents`, and the references to these that are to be done."""

    reference: Reference
    parents: list[Key]
    rows: list[Key] = field(default_factory=list)
    below: list[Reference] = field(default_factory=list)


def read_references(target: str) -> dict[str, list[Reference]]:
    """
    Return the foreign keys that lead to a table, directly or by way of rows that go with its rows.

    By the table that they refer to. Raises Conflict for one that would forbid a DELETE.
    """
    references: dict[str, list[Reference]] = defaultdict(list)
    for name, table, key, column, referred, action, width in fetch_rows(_REFERENCES, target=target):
        if action not in ("c", "n") or width != 1:
            raise Conflict(f"The foreign key {name} neither deletes nor detaches its rows.")
        references[referred].append(Reference(table, key, column, referred, action == "c"))
    return references


class Erasure:
    """
    The deletion of all that depends on one row, and what it took.

    `check` is called in each batch's transaction, and what it raises ends the erasure.
    """

    def __init__(
        self, target: str, row: Key, deleters: Mapping[str, Deleter], check: Callable[[], None]
    ) -> None:
        self.target = target
        self.row = row
        self.deleters = deleters
        self.check = check
        self.references = read_references(target)
        self.rows: Counter[Reference] = Counter()  # how many were deleted or detached
        self.sizes: dict[Reference, BatchSize] = defaultdict(BatchSize)

    @property
    def longest(self) -> float:
        """How many seconds the longest batch took."""
        return max((size.longest for size in self.sizes.values()), default=0.0)

    def run(self) -> Iterator[int]:
        """
        Delete and detach, and yield how many rows are done after each batch.

        It goes down to the rows that nothing depends on, and on its way back deletes their parents.

        Raises Conflict if rows stay whatever is done.
        """
        stack = [Level(reference, [self.row]) for reference in self.references[self.target]]
        while stack:
            level = stack[-1]
            if level.below:
                stack.append(Level(level.below.pop(), level.rows))
                continue
            done, before = level.rows, self.rows[level.reference]
            for _ in self._change_all(level):
                yield self.rows.total()
            level.rows = self._read(level, stack)
            if level.rows and level.rows == done and self.rows[level.reference] == before:
                raise Conflict(f"Rows of {level.reference.table} stay whatever is done.")
            if not level.rows:
                stack.pop()
            elif level.reference.deletes:
                level.below = list(self.references[level.reference.table])

    def count(self) -> dict[Reference, int]:
        """
        Return about how many rows run() would change.

        A row that depends on the target in two ways may count twice, and of the replies to replies
        only the first are counted.
        """
        found = {}
        for reference in (item for items in self.references.values() for item in items):
            (rows,) = fetch_one(
                f"SELECT count(*) FROM {reference.table} WHERE {reference.column} IN "
                f"({self._select_deleted(reference.target, [])})",
                row=self.row,
            )
            if rows:
                found[reference] = rows
        return found

    def _select_deleted(self, table: str, path: list[str]) -> str:
        """Return the SELECT of the keys of a table's rows that will be deleted."""
        if table == self.target:
            return "VALUES (%(row)s::uuid)"
        return " UNION ".join(
            f"SELECT {reference.key} FROM {table} WHERE {reference.column} IN "
            f"({self._select_deleted(reference.target, [*path, table])})"
            for references in self.references.values()
            for reference in references
            if reference.table == table
            and reference.deletes
            and reference.target not in path
            and reference.target != table
        )

    def _read(self, level: Level, stack: list[Level]) -> list[Key]:
        """
        Return the keys of the next rows of a level, without those that are being deleted.

        Of rows that are only detached it is the place: to find them by their key takes longer.
        """
        reference = level.reference
        table = reference.table
        passed = [row for other in stack if other.reference.table == table for row in other.rows]
        order = self.deleters[table].order if table in self.deleters else reference.column
        found = fetch_rows(
            f"""
            SELECT {reference.key if reference.deletes else "ctid::text"} FROM {table}
            WHERE {reference.column} = ANY(%(parents)s)
                AND (%(passed)s::text[] IS NULL OR {reference.key}::text <> ALL(%(passed)s::text[]))
            ORDER BY {order}
            LIMIT {READ}
            """,
            parents=level.parents,
            passed=[str(row) for row in passed] or None,
        )
        return [row for (row,) in found]

    def _change_all(self, level: Level) -> Iterator[None]:
        """Change the rows of a level batch by batch."""
        reference, size = level.reference, self.sizes[level.reference]
        while level.rows:
            batch = level.rows[: size.rows]
            changed = retry(partial(self._change, level, batch), attempts=ATTEMPTS)
            level.rows = level.rows[len(batch) :]
            self.rows[reference] += changed
            yield

    def _change(self, level: Level, batch: list[Key]) -> int:
        """Delete or detach a batch of rows in a transaction, and return how many there were."""
        reference = level.reference
        with self.sizes[reference].timed(), in_transaction():
            execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            self.check()
            if not reference.deletes:
                return execute(
                    f"""
                    UPDATE {reference.table} SET {reference.column} = NULL
                    WHERE ctid = ANY(%(batch)s::tid[]) AND {reference.column} = ANY(%(parents)s)
                    """,
                    batch=batch,
                    parents=level.parents,
                )
            if reference.table in self.deleters:
                return self.deleters[reference.table].delete(batch)
            where = f"{reference.key} = ANY(%(batch)s)"
            fetch_rows(
                f"SELECT FROM {reference.table} WHERE {where} ORDER BY {reference.key} FOR UPDATE",
                batch=batch,
            )
            return execute(f"DELETE FROM {reference.table} WHERE {where}", batch=batch)


_REFERENCES = """
    WITH RECURSIVE deleted AS (
        SELECT %(target)s::regclass::oid AS id
        UNION
        SELECT conrelid FROM deleted
        JOIN pg_constraint ON confrelid = id AND contype = 'f' AND confdeltype = 'c'
    )
    SELECT
        conname, conrelid::regclass::text, keys.name, quote_ident(attname),
        confrelid::regclass::text, confdeltype, cardinality(conkey)
    FROM deleted
    JOIN pg_constraint ON confrelid = deleted.id AND contype = 'f' AND conparentid = 0
    JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
    JOIN (
        SELECT indrelid, quote_ident(attname) AS name
        FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
        WHERE indisprimary
    ) AS keys ON indrelid = conrelid
    ORDER BY conname
"""
