"""Deleting many rows permanently: Django's action, but in batches, and all or nothing."""

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.admin.decorators import action
from django.contrib.admin.utils import model_ngettext
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, models, transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from veza_site.admin.actions.batches import batch_ids
from veza_site.admin.actions.confirmation import make_context, repeat_choice
from veza_site.admin.actions.deletion import foresee_deletion
from veza_site.admin.refusals import explain_refusal
from veza_site.admin.secrets import defer_secrets
from veza_site.transactions import Refused

if TYPE_CHECKING:
    from veza_site.admin.rows.row_admin import DetailAdmin


@action(permissions=["delete"], description="Delete selected %(verbose_name_plural)s")
def delete_selected(
    model_admin: "DetailAdmin", request: HttpRequest, queryset: models.QuerySet
) -> HttpResponse | None:
    """Show what the deletion takes with it, and ask; then delete any number of rows."""
    deletion = foresee_deletion(model_admin.model, queryset)
    missing = model_admin.find_missing_rights(request, deletion)
    if not deletion.rows.number:
        model_admin.message_user(request, "No row matches any more.", messages.WARNING)
        return None
    if request.POST.get("post"):
        if missing:
            raise PermissionDenied
        _delete(model_admin, request, queryset)
        return None
    context = make_context(model_admin, request, queryset, deletion.rows.number) | {
        "title": f"Delete {deletion}",
        "subtitle": None,
        "media": model_admin.media,
        "deletion": deletion,
        "perms_lacking": sorted(missing),
        "hidden": repeat_choice(request, "delete_selected") | {"post": ["yes"]},
    }
    return TemplateResponse(request, "admin/deletion_of_selected.html", context)


def _delete(model_admin: "DetailAdmin", request: HttpRequest, rows: models.QuerySet) -> None:
    """Delete the rows that match, write a line of the log for each, and say how many they were."""
    number = 0
    try:
        with transaction.atomic():
            for ids in batch_ids(rows):
                batch = defer_secrets(rows.model._base_manager.filter(pk__in=ids))
                number += len(batch)  # which loads it
                model_admin.log_deletions(request, batch)
                model_admin.delete_queryset(request, batch)
            connection.check_constraints()  # the deferred ones, while we can still explain them
    except (Refused, DatabaseError) as error:
        refusal = explain_refusal(error, model_admin.model)
        if refusal is None:
            raise
        for message in refusal.messages:
            model_admin.message_user(request, f"{message} Nothing was deleted.", messages.ERROR)
    else:
        name = model_ngettext(model_admin.opts, number)
        model_admin.message_user(request, f"{number:,} {name} deleted.", messages.SUCCESS)
