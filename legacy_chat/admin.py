from django.contrib import admin

from legacy_chat.models import Room
from veza_site.admin.model_admin import V1Admin


@admin.register(Room)
class RoomAdmin(V1Admin):
    list_display = [
        "name",
        "room_type",
        "creator",
        "is_private",
        "is_archived",
        "max_members",
        "created_at",
    ]
    search_fields = ["name"]
    fieldsets = [
        (None, {"fields": ["name", "room_type", "description", "creator"]}),
        ("Who may enter", {"fields": ["is_private", "max_members", "is_archived"]}),
    ]
