"""The deletion of many rows for good: Django's action, in batches and all or nothing."""

from django.contrib import messages
from django.contrib.admin.decorators import action
from django.contrib.admin.utils import model_ngettext
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, models, transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from veza_site.admin.actions.batches import batches_of_ids
from veza_site.admin.actions.deletion import Taken
from veza_site.admin.actions.row_actions import NAMED, ActionAdmin, named, selection
from veza_site.admin.refusals import explain_refusal
from veza_site.admin.secrets import without_secrets
from veza_site.transactions import Refused


@action(permissions=["delete"], description="Delete selected %(verbose_name_plural)s")
def delete_selected(
    model_admin: ActionAdmin, request: HttpRequest, queryset: models.QuerySet
) -> HttpResponse | None:
    """Ask, with what the deletion takes along; then delete any number of rows."""
    deletion, _, missing, _ = model_admin.get_deleted_objects(queryset, request)
    if not deletion.rows.number:
        model_admin.message_user(request, "No row matches any more.", messages.WARNING)
        return None
    if request.POST.get("post"):
        if missing:
            raise PermissionDenied
        _delete(model_admin, request, queryset)
        return None
    request.current_app = model_admin.admin_site.name
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"Delete {Taken(model_admin.model, deletion.rows)}",
        "subtitle": None,
        "opts": model_admin.opts,
        "media": model_admin.media,
        "deletion": deletion,
        "named": named(model_admin, queryset),
        "more": deletion.rows.number > NAMED,
        "perms_lacking": sorted(missing),
        "hidden": selection(request, "delete_selected") | {"post": ["yes"]},
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, model_admin.delete_selected_confirmation_template, context)


def _delete(model_admin: ActionAdmin, request: HttpRequest, rows: models.QuerySet) -> None:
    """Delete the rows that match, with a line of the log for each, and tell how many they were."""
    number = 0
    try:
        with transaction.atomic():
            for ids in batches_of_ids(rows):
                batch = without_secrets(model_admin.model._base_manager.filter(pk__in=ids))
                named = list(batch)
                model_admin.log_deletions(request, named)
                model_admin.delete_queryset(request, batch)
                number += len(named)
            connection.check_constraints()  # the deferred ones, while their error can be told
    except (Refused, DatabaseError) as error:
        refusal = explain_refusal(error, model_admin.model)
        if refusal is None:
            raise
        for message in refusal.messages:
            model_admin.message_user(request, f"{message} Nothing was deleted.", messages.ERROR)
    else:
        name = model_ngettext(model_admin.opts, number)
        model_admin.message_user(request, f"{number:,} {name} deleted.", messages.SUCCESS)
