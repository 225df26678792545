"""
What staff can do to rows, from a list or from a row's page.

An action is a subclass of `RowAction`, and `actions` of an admin lists instances. Nothing happens
before a page that says what will; then all of it is one transaction.
"""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import ActionLocation
from django.contrib.admin.utils import model_ngettext
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import BadRequest, ValidationError
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from veza_site.admin.actions.batches import batches_of_ids
from veza_site.admin.actions.collisions import collision
from veza_site.admin.lists.counts import Count, capped_count
from veza_site.admin.names import permission_to, row_address
from veza_site.admin.refusals import explain_refusal
from veza_site.admin.secrets import without_secrets
from veza_site.admin.wording.labels import name_of
from veza_site.models import SoftDeletableModel
from veza_site.transactions import Conflict, Refused

NAMED = 10  # rows, on the page that asks

CONFIRMED = "confirmed"  # the parameter that the page which asks adds to the request
ON_ROW = f"{ActionLocation.CHANGE_FORM.value}-action"  # the one that comes from a row's own page


class Change(NamedTuple):
    """What an action did to a row, of the list's table or of another: a line of the admin's log."""

    row: models.Model
    message: str


class RowAction:
    """
    An action on the rows of a table, as Django's admin takes them.

    Subclasses give `name`, `title` and `done`, with {rows} for "3 users", and `apply`, which does
    it; and where they need them `explanation` (what follows, in a sentence or two), `permissions`
    (any one of them is enough), and `form_class`, a form for what has to be known besides.
    """

    name: str
    title: str
    done: str
    explanation = ""
    permissions = ("moderate",)
    form_class: type[forms.Form] = forms.Form
    # The fields by which rows come in batches, before their keys: the rows to be locked first.
    order: tuple[str, ...] = ()

    locations = (ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM)

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def allowed_permissions(self) -> tuple[str, ...]:
        return self.permissions

    @property
    def short_description(self) -> str:
        return self.title.format(rows="this %(verbose_name)s")

    @property
    def plural_description(self) -> str:
        return self.title.format(rows="selected %(verbose_name_plural)s")

    def check(
        self,
        model_admin: "ActionAdmin",
        request: HttpRequest,
        ids: Collection[Any],
        values: dict[str, Any],
    ) -> None:
        """Raise Refused unless who asks may do it to these rows, before they are locked."""
        model_admin.check_rows(request, ids)

    def lock(self, rows: models.QuerySet) -> Iterable[models.Model]:
        """Lock the rows of a batch in the order of their keys, and return them as they are then."""
        return rows.select_for_update(of=("self",), no_key=True).order_by("pk")

    def apply(
        self, request: HttpRequest, rows: list[models.Model], values: dict[str, Any]
    ) -> Iterable[Change]:
        """
        Do it to a batch of locked rows, and return what was changed.

        Rows that are as they should be already are left alone. `values` are the form's. Raises
        Refused, with a message that names the row; then the whole action is rolled back.
        """
        raise NotImplementedError

    def __call__(
        self, model_admin: "ActionAdmin", request: HttpRequest, queryset: models.QuerySet
    ) -> HttpResponse | None:
        """Ask, or do it and return None, for Django to lead back to where it was chosen."""
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
            model_admin.message_user(request, self._outcome(model_admin, met, changed), level)
        return None

    def _ask(
        self,
        model_admin: "ActionAdmin",
        request: HttpRequest,
        queryset: models.QuerySet,
        form: forms.Form,
    ) -> TemplateResponse | None:
        count = capped_count(queryset)
        if not count.number:
            model_admin.message_user(request, "No row matches any more.", messages.WARNING)
            return None
        question = self.title.format(rows=_counted(model_admin, count))
        request.current_app = model_admin.admin_site.name
        return TemplateResponse(
            request,
            "admin/action_confirmation.html",
            {
                **model_admin.admin_site.each_context(request),
                "title": f"{question}?",
                "opts": model_admin.opts,
                "media": form.media,
                "explanation": self.explanation,
                "question": question,
                "named": named(model_admin, queryset),
                "more": count.number > NAMED,
                "form": form,
                "hidden": selection(request, self.name) | {CONFIRMED: ["yes"]},
                "back": request.get_full_path(),
            },
        )

    def _run(
        self,
        model_admin: "ActionAdmin",
        request: HttpRequest,
        queryset: models.QuerySet,
        values: dict[str, Any],
    ) -> tuple[int, int]:
        """Do it to all rows that match, and return how many they are and how many it changed."""
        met = changed = 0
        with transaction.atomic():
            for ids in batches_of_ids(queryset, *self.order):
                self.check(model_admin, request, ids, values)
                batch = without_secrets(model_admin.model._base_manager.filter(pk__in=ids))
                rows = list(self.lock(batch))
                met += len(rows)
                changed += _log(request, self.apply(request, rows, values))
            connection.check_constraints()  # the deferred ones, while their error can be told
        return met, changed

    def _outcome(self, model_admin: "ActionAdmin", met: int, changed: int) -> str:
        left = met - changed
        if not changed:
            return "Nothing was changed: no row had to be."
        told = f"{self.done.format(rows=_counted(model_admin, changed))}."
        return f"{told} {left:,} left as before." if left else told


class EachRow(RowAction):
    """An action that is done row by row, by a service for one."""

    def apply_to(
        self, request: HttpRequest, row: models.Model, values: dict[str, Any]
    ) -> str | None:
        """
        Do it to one row, and return what was changed, None where nothing had to be.

        Raises Refused.
        """
        raise NotImplementedError

    def apply(
        self, request: HttpRequest, rows: list[models.Model], values: dict[str, Any]
    ) -> Iterable[Change]:
        for row in rows:
            try:
                message = self.apply_to(request, row, values)
            except Refused as refusal:
                raise Refused(f"“{row}”: {refusal}") from refusal
            if message is not None:
                yield Change(row, message)


class SoftDelete(RowAction):
    """Soft-delete rows of a table that has no service for it, a batch in one statement."""

    name = "soft_delete"
    title = "Soft-delete {rows}"
    done = "{rows} soft-deleted"
    explanation = "It stays in the database, marked as deleted, and can be restored."

    def apply(
        self, request: HttpRequest, rows: list[models.Model], values: dict[str, Any]
    ) -> Iterable[Change]:
        live = [row for row in rows if row.deleted_at is None]
        if live:
            _same(live).soft_delete()
        return [Change(row, "Soft-deleted.") for row in live]


class Restore(RowAction):
    """Restore soft-deleted rows of a table that has no service for it."""

    name = "restore"
    title = "Restore {rows}"
    done = "{rows} restored"
    explanation = "What was soft-deleted is live again, unless its name has been taken meanwhile."

    def apply(
        self, request: HttpRequest, rows: list[models.Model], values: dict[str, Any]
    ) -> Iterable[Change]:
        deleted = [row for row in rows if row.deleted_at is not None]
        if deleted:
            try:
                with transaction.atomic():
                    _same(deleted).restore()
            except IntegrityError as error:
                found = collision(deleted)
                if found is None:
                    raise
                raise Conflict(f"“{found.row}”: {found.reason}") from error
        return [Change(row, "Restored.") for row in deleted]


class SoftDeleteEach(SoftDelete, EachRow):
    """Soft-delete rows by a service; subclasses give `soft_delete`."""

    apply = EachRow.apply

    def soft_delete(self, request: HttpRequest, row: models.Model) -> str | None:
        """Soft-delete a live row, and return what that did besides, if anything. Raises Refused."""
        raise NotImplementedError

    def apply_to(
        self, request: HttpRequest, row: models.Model, values: dict[str, Any]
    ) -> str | None:
        if row.deleted_at is not None:
            return None
        besides = self.soft_delete(request, row)
        return f"Soft-deleted: {besides}." if besides else "Soft-deleted."


class RestoreEach(Restore, EachRow):
    """Restore rows by a service; subclasses give `restore`."""

    apply = EachRow.apply

    def restore(self, request: HttpRequest, row: models.Model) -> None:
        """Restore a soft-deleted row. Raises Refused; Conflict where a live row is in its way."""
        raise NotImplementedError

    def apply_to(
        self, request: HttpRequest, row: models.Model, values: dict[str, Any]
    ) -> str | None:
        if row.deleted_at is None:
            return None
        try:
            self.restore(request, row)
        except Conflict as refusal:
            found = collision([row])
            raise Conflict(found.reason if found else str(refusal)) from refusal
        return "Restored."


class ActionAdmin(admin.ModelAdmin):
    """
    The actions on the rows of a V1 table.

    A table with `deleted_at` has "soft-delete" and "restore" besides those that are declared; one
    of the same name takes their place.
    """

    def __init__(self, model: type[models.Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        declared = list(self.actions or ())
        if issubclass(model, SoftDeletableModel):
            names = {action.__name__ for action in declared if callable(action)}
            general = [action for action in (SoftDelete(), Restore()) if action.name not in names]
            declared += general
        self.actions = declared

    def has_moderate_permission(
        self, request: HttpRequest, obj: models.Model | None = None
    ) -> bool:
        """Tell whether who asks may change the state of rows: by `moderate`, or by `update`."""
        return any(
            request.user.has_perm(permission_to(verb, self.model))
            for verb in ("moderate", "change")
        )

    def check_rows(self, request: HttpRequest, ids: Collection[Any]) -> None:
        """
        Raise Refused unless who asks may change, delete or do anything else to these rows.

        That is a rule about the rows; whether they may do it at all the permissions say. Asked in
        the transaction of the change, before it, for each batch of an action. It may lock the rows,
        and others that come before them, and sends a constant number of statements.
        """

    def save_model(
        self, request: HttpRequest, obj: models.Model, form: forms.ModelForm, change: bool
    ) -> None:
        if change:
            self.check_rows(request, [obj.pk])
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        self.check_rows(request, [obj.pk])
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self.check_rows(request, list(queryset.values_list("pk", flat=True)))
        super().delete_queryset(request, queryset)

    def response_action(
        self,
        request: HttpRequest,
        queryset: models.QuerySet,
        action_location: ActionLocation = ActionLocation.CHANGE_LIST,
    ) -> HttpResponse | None:
        try:
            for key in request.POST.getlist(helpers.ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(key)
        except ValidationError as error:
            raise BadRequest("A selected row has no valid key.") from error
        return super().response_action(request, queryset, action_location=action_location)


def selection(request: HttpRequest, action: str) -> dict[str, list[str]]:
    """Return the parameters that choose the action and the rows, to be sent once more."""
    keys = request.POST.getlist(helpers.ACTION_CHECKBOX_NAME)
    if ON_ROW in request.POST:
        return {ON_ROW: [action], helpers.ACTION_CHECKBOX_NAME: keys}
    chosen = {"action": [action], helpers.ACTION_CHECKBOX_NAME: keys}
    if forms.BooleanField(required=False).clean(request.POST.get("select_across")):
        # Django wants one key all the same.
        chosen |= {"select_across": ["1"], helpers.ACTION_CHECKBOX_NAME: keys[:1]}
    return chosen


def named(model_admin: ActionAdmin, queryset: models.QuerySet) -> list[tuple[str, str]]:
    """Return the names and the addresses of the first rows that match, for a page that asks."""
    relations = [field.name for field in model_admin.opts.local_fields if field.is_relation]
    rows = without_secrets(queryset.order_by(), *relations)[:NAMED]
    return [(name_of(row), row_address(type(row), row.pk)) for row in rows]


def _counted(model_admin: ActionAdmin, number: int | Count) -> str:
    """Return "3 users", or "1,000+ users"."""
    if isinstance(number, int):
        number = Count(number, False)
    return f"{number} {model_ngettext(model_admin.opts, number.number)}"


def _log(request: HttpRequest, changes: Iterable[Change]) -> int:
    """Write the changes of a batch to the admin's log, and return how many rows they are."""
    entries = [
        LogEntry(
            user_id=request.user.pk,
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


def _same(rows: list[models.Model]) -> models.QuerySet:
    """Return the query for these rows of a soft-deletable table."""
    return type(rows[0])._default_manager.filter(pk__in=[row.pk for row in rows])
