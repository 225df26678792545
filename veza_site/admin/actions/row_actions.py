"""
What staff can do to rows, from a list or from a row's page.

An action first asks on a confirmation page, then runs in one transaction.
"""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from django import forms
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import ActionLocation
from django.contrib.admin.utils import model_ngettext
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection, models, transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from veza_site.admin.actions.batches import batch_ids
from veza_site.admin.actions.confirmation import make_context, repeat_choice
from veza_site.admin.actor import get_actor_id
from veza_site.admin.fields import get_column
from veza_site.admin.lists.counts import Count, count_up_to
from veza_site.admin.refusals import explain_refusal
from veza_site.admin.secrets import defer_secrets
from veza_site.transactions import Refused

if TYPE_CHECKING:
    from veza_site.admin.actions.action_admin import ActionAdmin

CONFIRMED = "confirmed"  # the parameter that the confirmation page adds


class Change(NamedTuple):
    """A line of the admin's log: a row, of the list's table or of another, and what changed."""

    row: models.Model
    message: str


class RowAction:
    """
    An action on the rows of a table, as Django's admin takes them.

    Subclasses give `name`, `title` and `done`, with {rows} for "3 users", and either `apply_to`,
    which does it to one row, or `apply`, which does it to a batch.
    """

    name: str
    title: str
    done: str
    explanation = ""  # what follows, in a sentence or two
    permissions: tuple[str, ...] = ("moderate",)  # any one of them is enough
    form_class: type[forms.Form] = forms.Form  # asks for what else has to be known
    # The fields by which rows come in batches, before their keys.
    order: tuple[str, ...] = ()
    # A relation whose rows are locked first, as the services lock a track before its children.
    parent = ""

    locations = (ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM)

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def allowed_permissions(self) -> tuple[str, ...]:
        """What Django calls `permissions`."""
        return self.permissions

    @property
    def short_description(self) -> str:
        """The title on a row's page."""
        return self.title.format(rows="this %(verbose_name)s")

    @property
    def plural_description(self) -> str:
        """The title on a list."""
        return self.title.format(rows="selected %(verbose_name_plural)s")

    def check(
        self,
        model_admin: "ActionAdmin",
        request: HttpRequest,
        ids: Collection[Any],
        values: dict[str, Any],
    ) -> None:
        """Refuse, before the rows are locked, what this person may not do to them."""
        model_admin.check_rows(request, ids)

    def lock(self, rows: models.QuerySet) -> models.QuerySet:
        """Lock the rows of a batch, after their parents, by key; return them as they then are."""
        if self.parent:
            parent = get_column(rows.model, self.parent)
            assert isinstance(parent, models.ForeignKey)
            keys = list(rows.values_list(parent.attname, flat=True))
            parents = parent.related_model._base_manager.filter(pk__in=keys)
            list(parents.select_for_update(no_key=True).order_by("pk").values_list("pk"))
        return rows.select_for_update(of=("self",), no_key=True).order_by("pk")

    def apply(
        self, request: HttpRequest, rows: list[Any], values: dict[str, Any]
    ) -> Iterable[Change]:
        """
        Do it to a batch of locked rows, and return what changed.

        `values` are the form's. Rows that need no change are left alone. Raises Refused, with the
        row's name in the message, which rolls the whole action back.
        """
        for row in rows:
            try:
                message = self.apply_to(request, row, values)
            except Refused as refusal:
                raise Refused(f"“{row}”: {refusal}") from refusal
            if message is not None:
                yield Change(row, message)

    def apply_to(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> str | None:
        """Do it to one row; return what changed, or None if nothing had to. Raises Refused."""
        raise NotImplementedError

    def __call__(
        self, model_admin: "ActionAdmin", request: HttpRequest, queryset: models.QuerySet
    ) -> HttpResponse | None:
        """Return the page that asks; or do it and return None, and Django leads back."""
        is_confirmed = CONFIRMED in request.POST
        form = self.form_class(request.POST if is_confirmed else None)
        if not is_confirmed or not form.is_valid():
            return self._ask(model_admin, request, queryset, form)
        try:
            met, changed = self._run(model_admin, request, queryset, form.cleaned_data)
        except (Refused, DatabaseError) as error:
            refusal = explain_refusal(error, model_admin.model)
            if refusal is None:
                raise
            reason = " ".join(refusal.messages).rstrip(".")
            model_admin.message_user(request, f"{reason}; nothing was changed.", messages.ERROR)
        else:
            level = messages.SUCCESS if changed else messages.WARNING
            outcome = self._describe_outcome(model_admin, met, changed)
            model_admin.message_user(request, outcome, level)
        return None

    def _ask(
        self,
        model_admin: "ActionAdmin",
        request: HttpRequest,
        queryset: models.QuerySet,
        form: forms.Form,
    ) -> TemplateResponse | None:
        count = count_up_to(queryset)
        if not count.number:
            model_admin.message_user(request, "No row matches any more.", messages.WARNING)
            return None
        question = self.title.format(rows=_say_number(model_admin, count))
        context = make_context(model_admin, request, queryset, count.number) | {
            "title": f"{question}?",
            "question": question,
            "explanation": self.explanation,
            "form": form,
            "media": form.media,
            "hidden": repeat_choice(request, self.name) | {CONFIRMED: ["yes"]},
        }
        return TemplateResponse(request, "admin/action_confirmation.html", context)

    def _run(
        self,
        model_admin: "ActionAdmin",
        request: HttpRequest,
        queryset: models.QuerySet,
        values: dict[str, Any],
    ) -> tuple[int, int]:
        """Do it to all rows that match; return how many matched, and how many changed."""
        met = changed = 0
        order = (f"{self.parent}_id",) if self.parent else self.order
        with transaction.atomic():
            for ids in batch_ids(queryset, *order):
                self.check(model_admin, request, ids, values)
                rows = list(
                    self.lock(defer_secrets(queryset.model._base_manager.filter(pk__in=ids)))
                )
                met += len(rows)
                changed += _log(request, self.apply(request, rows, values))
            connection.check_constraints()  # the deferred ones, while we can still explain them
        return met, changed

    def _describe_outcome(self, model_admin: "ActionAdmin", met: int, changed: int) -> str:
        left = met - changed
        if not changed:
            return "Nothing was changed: no row needed it."
        outcome = f"{self.done.format(rows=_say_number(model_admin, Count(changed)))}."
        return f"{outcome} {left:,} left as before." if left else outcome


def _say_number(model_admin: "ActionAdmin", count: Count) -> str:
    """Return "3 users", or "1,000+ users"."""
    return f"{count} {model_ngettext(model_admin.opts, count.number)}"


def _log(request: HttpRequest, changes: Iterable[Change]) -> int:
    """Write the changes of a batch to the admin's log, and return how many there are."""
    entries = [
        LogEntry(
            user_id=get_actor_id(request),
            content_type_id=ContentType.objects.get_for_model(change.row).pk,
            object_id=str(change.row.pk),
            object_repr=str(change.row)[:200],
            action_flag=CHANGE,
            change_message=change.message,
        )
        for change in changes
    ]
    LogEntry.objects.bulk_create(entries)
    return len(entries)
