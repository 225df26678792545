"""What a deletion takes along, counted without loading it, and the deletion of many rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.decorators import action
from django.contrib.admin.utils import model_ngettext
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, models, transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from veza_site.admin.batches import batches_of_ids
from veza_site.admin.counts import CAP, Count
from veza_site.admin.refusals import in_words
from veza_site.admin.secrets import without_secrets
from veza_site.services import Refused

NAMED = 10  # rows, on the page that asks

TAKES_ALONG = (models.DB_CASCADE, models.CASCADE)
LETS_GO = (models.DB_SET_NULL, models.SET_NULL)


@dataclass(frozen=True)
class Amount:
    """
    How many rows of a table there are, counted up to `CAP` and one more.

    `is_least` is whether some were not looked for, since the table above has too many.
    """

    number: int
    is_least: bool = False

    @property
    def is_open(self) -> bool:
        """Whether there may be rows that were not counted."""
        return self.is_least or self.number > CAP

    def __str__(self) -> str:
        if self.is_least and self.number <= CAP:
            return f"at least {self.number:,}" if self.number else "perhaps some"
        return str(Count(min(self.number, CAP), self.number > CAP))


@dataclass(frozen=True)
class Taken:
    """The rows of one table that go with a deletion."""

    model: type[models.Model]
    amount: Amount

    def __str__(self) -> str:
        return f"{self.amount} {_name(self.model, self.amount)}"


@dataclass(frozen=True)
class Loosened:
    """
    The rows that stay, and lose what they refer to by one column.

    `is_sure` is False where some of them may be gone too: not all of those were counted.
    """

    reference: models.ForeignKey
    amount: Amount
    is_sure: bool

    def __str__(self) -> str:
        amount = self.amount if self.is_sure else "some"
        name = _name(self.reference.model, self.amount)
        return f"{amount} {name} ({self.reference.verbose_name})"


@dataclass(frozen=True)
class Deletion:
    """What a deletion does: how many rows it is about, what goes with them, what lets go."""

    rows: Amount
    taken: list[Taken] = field(default_factory=list)
    loosened: list[Loosened] = field(default_factory=list)


def deletion_of(
    model: type[models.Model], rows: Iterable[models.Model] | models.QuerySet
) -> Deletion:
    """
    Return what the database will do when these rows of a table are deleted.

    One statement, which follows the foreign keys of the models from table to table and keeps of
    each table at most a thousand ids and one, and so takes about the same time for whatever there
    is. What hangs on a table with more is "at least" that many.
    """
    if isinstance(rows, models.QuerySet):
        found = rows.order_by().values("pk")[: CAP + 1]
        if found.query.is_empty():
            return Deletion(Amount(0))
        root, parameters = found.query.sql_with_params()
    else:
        root, parameters = "SELECT unnest(%s::uuid[])", ([row.pk for row in rows],)
    tables = _tables_from(model)
    loose = [reference for table in tables for reference in _references(table, LETS_GO)]
    ctes = [cte for table in tables for cte in _ctes(table, tables, root)]
    counts = [f"(SELECT count(*) FROM {_gone(table, tables)})" for table in tables]
    counts += [_count_loosened(reference, tables) for reference in loose]
    with connection.cursor() as cursor:
        cursor.execute(f"WITH RECURSIVE {', '.join(ctes)} SELECT {', '.join(counts)}", parameters)
        numbers = dict(zip([*tables, *loose], cursor.fetchone(), strict=True))
    return _read(tables, loose, numbers)


def _read(
    tables: list[type[models.Model]], loose: list[models.ForeignKey], numbers: dict[Any, int]
) -> Deletion:
    """Return what the numbers of rows by table and by reference mean."""
    amounts: dict[type[models.Model], Amount] = {}
    for table in tables:
        parents = _parents(table, tables)
        is_least = any(amounts[key.related_model].is_open for key in parents)
        amounts[table] = Amount(numbers[table], is_least)
    root, *others = tables
    deletion = Deletion(amounts[root])
    for table in others:
        if amounts[table].number or amounts[table].is_least:
            deletion.taken.append(Taken(table, amounts[table]))
    for reference in loose:
        amount = Amount(numbers[reference], amounts[reference.related_model].is_open)
        is_sure = reference.model not in amounts or not amounts[reference.model].is_open
        if amount.number:
            deletion.loosened.append(Loosened(reference, amount, is_sure))
    return deletion


# The graph of tables


def _references(
    model: type[models.Model], rules: tuple[Any, ...] = TAKES_ALONG
) -> list[models.ForeignKey]:
    """Return the foreign keys to a table that have one of these rules for its deletion."""
    return [
        relation.field
        for relation in model._meta.get_fields(include_hidden=True)
        if relation.auto_created and not relation.concrete and relation.on_delete in rules
    ]


def _tables_from(model: type[models.Model]) -> list[type[models.Model]]:
    """
    Return a table and those from which its deletion takes rows along, parents before children.

    V1 has no circle of several tables; of one there would be, the way back is not followed.
    """
    done: list[type[models.Model]] = []
    begun: set[type[models.Model]] = set()

    def visit(table: type[models.Model]) -> None:
        begun.add(table)
        for reference in _references(table):
            if reference.model not in begun:
                visit(reference.model)
        done.append(table)

    visit(model)
    return done[::-1]


def _parents(
    table: type[models.Model], tables: list[type[models.Model]]
) -> list[models.ForeignKey]:
    """Return the foreign keys by which rows of a table go with those of one before it."""
    before = tables[: tables.index(table)]
    return [
        reference
        for parent in before
        for reference in _references(parent)
        if reference.model is table
    ]


# The statement


def _ctes(table: type[models.Model], tables: list[type[models.Model]], root: str) -> list[str]:
    """Return the parts of the statement that find the rows of a table that will be gone."""
    gone = _gone(table, tables)
    branches = [
        f"(SELECT child.id FROM {_gone(key.related_model, tables)} AS parent {_of_parent(key)}"
        f" LIMIT {CAP + 1})"
        for key in _parents(table, tables)
    ]
    found = " UNION ".join(branches) or root
    own = [key for key in _references(table) if key.model is table]
    if not own:
        found = f"SELECT * FROM ({found}) AS found LIMIT {CAP + 1}"
        return [f"{gone} (id) AS MATERIALIZED ({found})"]
    if len(own) > 1:
        raise NotImplementedError(f"{table._meta.db_table} takes itself along in two ways.")
    # Read only as far as the limit asks for.
    tree = (
        f"tree_of_{gone} (id) AS (SELECT * FROM ({found}) AS found UNION"
        f" SELECT child.id FROM tree_of_{gone} AS parent {_of_parent(own[0])})"
    )
    return [tree, f"{gone} (id) AS MATERIALIZED (SELECT id FROM tree_of_{gone} LIMIT {CAP + 1})"]


def _count_loosened(reference: models.ForeignKey, tables: list[type[models.Model]]) -> str:
    stays = ""
    if reference.model in tables:
        key = connection.ops.quote_name(reference.model._meta.pk.column)
        stays = f"AND {key} NOT IN (SELECT id FROM {_gone(reference.model, tables)})"
    return (
        f"(SELECT count(*) FROM (SELECT FROM {_gone(reference.related_model, tables)} AS parent"
        f" {_of_parent(reference, stays)} LIMIT {CAP + 1}) AS loosened)"
    )


def _of_parent(reference: models.ForeignKey, condition: str = "") -> str:
    """
    Return the join of `parent` with the rows that refer to it, as `child`.

    LATERAL with a limit of its own, so that the planner looks for each parent's children in the
    index: joined plainly, it would read the whole of a table, expecting to find enough soon.
    """
    quote = connection.ops.quote_name
    opts = reference.model._meta
    return (
        f"CROSS JOIN LATERAL (SELECT {quote(opts.pk.column)} AS id FROM {quote(opts.db_table)}"
        f" WHERE {quote(reference.column)} = parent.id {condition} LIMIT {CAP + 1}) AS child"
    )


def _gone(table: type[models.Model], tables: list[type[models.Model]]) -> str:
    return f"gone_{tables.index(table)}"


# Many rows


def delete_all(model_admin: admin.ModelAdmin, request: HttpRequest, rows: models.QuerySet) -> int:
    """
    Delete the rows that match and return how many they were, with a line of the log for each.

    In batches of bounded memory, and in one transaction. Raises Refused.
    """
    number = 0
    with transaction.atomic():
        for ids in batches_of_ids(rows):
            batch = model_admin.model._base_manager.filter(pk__in=ids)
            named = list(without_secrets(batch))
            model_admin.check_rows(request, ids)
            model_admin.log_deletions(request, named)
            model_admin.delete_queryset(request, batch)
            number += len(named)
        model_admin.after_delete(request)
        connection.check_constraints()
    return number


@action(permissions=["delete"], description="Delete selected %(verbose_name_plural)s")
def delete_selected(
    model_admin: admin.ModelAdmin, request: HttpRequest, queryset: models.QuerySet
) -> HttpResponse | None:
    """Ask, with what the deletion takes along; then delete any number of rows."""
    deletion, _, missing, _ = model_admin.get_deleted_objects(queryset, request)
    if request.POST.get("post"):
        if missing:
            raise PermissionDenied
        try:
            number = delete_all(model_admin, request, queryset)
        except (Refused, DatabaseError) as error:
            refusal = in_words(error, model_admin.model)
            if refusal is None:
                raise
            for message in refusal.messages:
                model_admin.message_user(request, f"{message} Nothing was deleted.", messages.ERROR)
        else:
            name = model_ngettext(model_admin.opts, number)
            model_admin.message_user(request, f"{number:,} {name} deleted.", messages.SUCCESS)
        return None
    is_all = request.POST.get("select_across") == "1"
    selected = request.POST.getlist(helpers.ACTION_CHECKBOX_NAME)
    request.current_app = model_admin.admin_site.name
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Delete {Taken(model_admin.model, deletion.rows)}",
        "subtitle": None,
        "opts": model_admin.opts,
        "media": model_admin.media,
        "deletion": deletion,
        "named": without_secrets(queryset)[:NAMED],
        "more": deletion.rows.number > NAMED,
        "perms_lacking": sorted(missing),
        "action_checkbox_name": helpers.ACTION_CHECKBOX_NAME,
        "is_all": is_all,
        "selected": selected[:1] if is_all else selected,  # Django wants one key all the same
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, model_admin.delete_selected_confirmation_template, context)


def _name(model: type[models.Model], amount: Amount) -> str:
    opts = model._meta
    return str(opts.verbose_name if str(amount) == "1" else opts.verbose_name_plural)
