from django.contrib import admin

from legacy_chat.models import Room
from veza_site.admin import V1Admin


@admin.register(Room)
class RoomAdmin(V1Admin):
    pass
