from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from veza_site.admin.apps import discover

discover()

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
]
