"""The admin, and nothing else: the platform's own pages are other backends'."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from veza_site.admin.apps import discover

discover()

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
]
