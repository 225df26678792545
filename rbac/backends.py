"""Answers Django's questions about permissions from V1's tables."""

from typing import Any

from django.apps import apps
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AnonymousUser

from accounts.models import User
from accounts.rights import Right, allow, rights_of

# What V1 calls the actions of Django's verbs. Any other verb is an action of the same name.
ACTIONS = {"view": "read", "add": "create", "change": "update", "delete": "delete"}

# The verbs that get_all_permissions() covers; has_perm() answers for any.
VERBS = [*ACTIONS, "moderate"]


class RolesBackend(BaseBackend):
    """
    Allows staff what their roles allow, with one query for each instance of a user.

    `request.user` is one instance throughout a request, so a change of roles counts from the next
    request on. A role allows something for a whole table, so the row makes no difference. This
    signs nobody in.
    """

    def has_perm(self, user_obj: User | AnonymousUser, perm: str, obj: Any = None) -> bool:
        """
        Tell whether a user has the permission "<app>.<verb>_<model>", whatever the row.

        Nobody has a permission on a model that doesn't exist.
        """
        right = _right(perm)
        return right is not None and allow(_rights(user_obj), right)

    def has_module_perms(self, user_obj: User | AnonymousUser, app_label: str) -> bool:
        """Tell whether a user has any right on any table of an app."""
        resources = {right.resource for right in _rights(user_obj)}
        if not resources or app_label not in apps.app_configs:
            return False
        models = apps.get_app_config(app_label).get_models()
        return any(resources & {"*", model._meta.db_table} for model in models)

    def get_all_permissions(self, user_obj: User | AnonymousUser, obj: Any = None) -> set[str]:
        """Return all that has_perm() allows, of the usual verbs and the models that exist."""
        return {
            f"{model._meta.app_label}.{verb}_{model._meta.model_name}"
            for model in apps.get_models()
            for verb in VERBS
            if allow(_rights(user_obj), Right(model._meta.db_table, ACTIONS.get(verb, verb)))
        }


def _right(permission: str) -> Right | None:
    """Return the right that a permission of Django's stands for, or None for an unknown model."""
    app_label, _, codename = permission.partition(".")
    verb, _, model_name = codename.rpartition("_")  # a model's name has no underscore
    try:
        model = apps.get_model(app_label, model_name)
    except LookupError:
        return None
    return Right(model._meta.db_table, ACTIONS.get(verb, verb)) if verb else None


def _rights(user: User | AnonymousUser) -> frozenset[Right]:
    """Return a user's rights, which are read once for each instance; only staff have any."""
    if not isinstance(user, User) or not user.is_staff:
        return frozenset()
    rights: frozenset[Right] | None = vars(user).get("_rights")
    if rights is None:
        rights = vars(user)["_rights"] = rights_of(user.pk)
    return rights
