"""Rooms to look at."""

from random import Random

from accounts.models import User
from legacy_chat.models import Room, RoomType


def load(random: Random) -> None:
    """Create a room of every type."""
    users = list(User.objects.alive().order_by("username"))
    Room.objects.bulk_create(
        Room(
            name=f"Old {room_type.label.lower()} room",
            room_type=room_type,
            creator=random.choice(users),
            is_private=room_type == RoomType.DIRECT,
            is_archived=room_type == RoomType.SUPPORT,
        )
        for room_type in RoomType
    )
