"""
The same tables in Django's own admin, written as one does for small tables.

It is the other side of benchmarks.admin. This module is also the URL configuration of a server with
both admins.
"""

from django.contrib import admin
from django.db import models
from django.urls import path

from accounts.models import User
from media.models import HlsTranscodeJob
from streaming.models import Track, TrackComment, TrackPlay
from veza_site.models import V1Model
from veza_site.urls import urlpatterns as ours

SEARCH = {
    User: ["id", "email", "username"],
    Track: ["id", "title", "slug", "artist"],
    TrackPlay: ["id", "track__title", "user__email"],
    TrackComment: ["id", "content", "user__email"],
    HlsTranscodeJob: ["id", "track__title"],
}

# Filters by relation have a site of their own: they would make every other page slower too.
site = admin.AdminSite("stock")
site_with_filters = admin.AdminSite("stock_with_filters")


def columns(model: type[models.Model]) -> list[str]:
    """Return the columns of our list of this table that are fields."""
    fields = {field.name for field in model._meta.concrete_fields}
    return [name for name in admin.site.get_model_admin(model).list_display if name in fields]


def register() -> None:
    """Register the V1 models of our admin with both stock sites."""
    for model in admin.site._registry:
        if not issubclass(model, V1Model):
            continue
        options = {
            "list_display": columns(model) or ["__str__"],
            "search_fields": SEARCH.get(model, ["id"]),
        }
        relations = [field.name for field in model._meta.concrete_fields if field.is_relation]
        site.register(model, **options)
        site_with_filters.register(model, list_filter=relations, **options)


register()

urlpatterns = [
    *ours,
    path("stock/", site.urls),
    path("stock_with_filters/", site_with_filters.urls),
]
