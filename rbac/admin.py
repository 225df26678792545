from django.apps import apps
from django.contrib import admin

from veza_site.admin import V1Admin

admin.site.register(apps.get_app_config("rbac").get_models(), V1Admin)
