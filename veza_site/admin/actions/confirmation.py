"""What confirmation pages share: the rows they name, and what they send to go on."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import ActionLocation
from django.db import models
from django.http import HttpRequest

from veza_site.admin.fields import find_relations
from veza_site.admin.names import row_address
from veza_site.admin.secrets import defer_secrets
from veza_site.admin.wording.labels import name_row

NAMED = 10  # rows

# The parameter that holds an action chosen on a row's own page.
ON_ROW = f"{ActionLocation.CHANGE_FORM.value}-action"


def make_context(
    model_admin: admin.ModelAdmin, request: HttpRequest, queryset: models.QuerySet, number: int
) -> dict[str, Any]:
    """Return what the template of such a page needs; the first of the `number` rows by name."""
    rows = defer_secrets(
        queryset.order_by(), *(field.name for field in find_relations(model_admin.model))
    )
    request.current_app = model_admin.admin_site.name
    return {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "named": [(name_row(row), row_address(type(row), row.pk)) for row in rows[:NAMED]],
        "more": number > NAMED,
        "back": request.get_full_path(),
    }


def repeat_choice(request: HttpRequest, action: str) -> dict[str, list[str]]:
    """Return the parameters that chose the action and its rows, to send them again."""
    keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
    if ON_ROW in request.POST:
        return {ON_ROW: [action], ACTION_CHECKBOX_NAME: keys}
    chosen = {"action": [action], ACTION_CHECKBOX_NAME: keys}
    if forms.BooleanField(required=False).clean(request.POST.get("select_across")):
        # Django wants one key all the same.
        chosen |= {"select_across": ["1"], ACTION_CHECKBOX_NAME: keys[:1]}
    return chosen
