"""The pages of the old chat's rooms."""

from django.contrib import admin

from legacy_chat.models import Room
from veza_site.admin.model_admin import V1Admin


@admin.register(Room)
class RoomAdmin(V1Admin):
    """Chat rooms, which staff may add and moderate."""

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
        ("Access", {"fields": ["is_private", "max_members", "is_archived"]}),
    ]
