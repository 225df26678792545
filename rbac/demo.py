"""Roles, grants and profiles to look at."""

from datetime import timedelta
from random import Random

from django.utils import timezone

from accounts.models import User
from rbac.models import Permission, Role, RoleGrant, RolePermission, UserProfile, UserSettings

CITIES = ["Lyon", "Berlin", "Kyoto", "Lagos", "São Paulo", "Montréal"]


def load(random: Random) -> None:
    """Create two roles with their permissions, grants, profiles and settings."""
    support, curator = Role.objects.bulk_create(
        [
            Role(name="support", display_name="Support", description="Answers listeners' mail."),
            Role(name="curator", display_name="Curator", description="Keeps the public playlists."),
        ]
    )
    permissions = [
        # The system roles allow some of them, so they are there.
        Permission.objects.get_or_create(resource=resource, action=action)[0]
        for resource, action in [
            ("users", "read"),
            ("user_sessions", "read"),
            ("playlists", "read"),
            ("playlists", "update"),
        ]
    ]
    RolePermission.objects.bulk_create(
        RolePermission(role=role, permission=permission)
        for role, permission in [
            (support, permissions[0]),
            (support, permissions[1]),
            (curator, permissions[2]),
            (curator, permissions[3]),
        ]
    )
    admin = User.objects.get(username="odile")
    RoleGrant.objects.bulk_create(
        [
            RoleGrant(user=User.objects.get(username="greta"), role=support, granted_by=admin),
            RoleGrant(
                user=User.objects.get(username="milo"),
                role=curator,
                granted_by=admin,
                expires_at=timezone.now() + timedelta(days=30),
            ),
        ]
    )
    users = list(User.objects.order_by("username"))
    UserProfile.objects.bulk_create(
        UserProfile(
            user=user,
            display_name=user.username.title(),
            bio=random.choice(["", "Listens more than talks.", "Tape loops and long walks."]),
            location=random.choice(CITIES),
        )
        for user in users
    )
    UserSettings.objects.bulk_create(
        UserSettings(user=user, language=random.choice(["en", "fr", "de"])) for user in users
    )
