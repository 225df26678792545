"""The rooms of the old chat. Modern chat lives in the schema `chat`, which nothing here touches."""

from django.db import models

from accounts.models import User
from veza_site.fields import EnumField
from veza_site.indexes import Index
from veza_site.models import SoftDeletableModel


class RoomType(models.TextChoices):
    """What a room is for."""

    DIRECT = "direct"
    GROUP = "group"
    CHANNEL = "channel"
    SUPPORT = "support"


class Room(SoftDeletableModel):
    """A room of the old chat."""

    creator = models.ForeignKey(
        User, models.DB_SET_NULL, null=True, blank=True, db_index=False, related_name="rooms"
    )
    name = models.CharField(max_length=100)
    description = models.TextField(db_default="", blank=True)
    room_type = EnumField(RoomType, db_default=RoomType.GROUP)
    is_private = models.BooleanField(db_default=False)
    password_hash = models.CharField(max_length=255, null=True, blank=True)
    max_members = models.IntegerField(db_default=1000)
    is_archived = models.BooleanField(db_default=False)

    class Meta:
        db_table = "rooms"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(max_members__gt=0), name="chk_rooms_max_members"
            ),
            models.UniqueConstraint(
                fields=["name"],
                condition=models.Q(deleted_at__isnull=True),
                name="idx_rooms_name",
                violation_error_message="There is a room with this name.",
            ),
        ]
        indexes = [
            # A person's rooms: ON DELETE SET NULL.
            Index(fields=["creator"], name="idx_rooms_creator_id"),
            # The newest rooms.
            Index(fields=["-created_at"], name="idx_rooms_created_at"),
        ]

    def __str__(self) -> str:
        return self.name
