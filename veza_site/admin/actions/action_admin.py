"""The actions on the rows of a table: which ones it has, and who may do them to which rows."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import ActionLocation
from django.core.exceptions import BadRequest, ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse

from veza_site.admin.actions.soft_deletion import Restore, SoftDelete
from veza_site.admin.names import permission_to
from veza_site.models import SoftDeletableModel


class ActionAdmin(admin.ModelAdmin):
    """
    The actions on the rows of a V1 table: `actions` lists instances of RowAction.

    A soft-deletable table also has "soft-delete" and "restore", unless it declares its own.
    """

    def __init__(self, model: type[models.Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        self.actions: list[Any] = list(self.actions or ())
        if issubclass(model, SoftDeletableModel):
            names = {action.__name__ for action in self.actions if callable(action)}
            self.actions += [each for each in (SoftDelete(), Restore()) if each.name not in names]

    def has_moderate_permission(
        self, request: HttpRequest, obj: models.Model | None = None
    ) -> bool:
        """Tell whether this person may change the state of rows: by `moderate`, or by `update`."""
        return any(
            request.user.has_perm(permission_to(verb, self.model))
            for verb in ("moderate", "change")
        )

    def check_rows(self, request: HttpRequest, ids: Collection[Any]) -> None:
        """
        Refuse to let this person change, delete or act on rows that they may not.

        Permissions decide whether they may do it at all; this decides to which rows. Called before
        the change, in its transaction, once for each batch.

        Locks: the rows, perhaps, and others that come before them.

        Statements: as many for one row as for a batch.

        Raises Refused.
        """

    def save_model(
        self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool
    ) -> None:
        if change:
            self.check_rows(request, [obj.pk])
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
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
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(key)
        except ValidationError as error:
            raise BadRequest("A selected row has no valid key.") from error
        return super().response_action(request, queryset, action_location=action_location)
