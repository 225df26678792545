"""People to look at: staff who can sign in, and listeners in every state."""

from datetime import timedelta
from random import Random

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from accounts.models import (
    EmailVerificationToken,
    FederatedIdentity,
    PasswordResetToken,
    RefreshToken,
    User,
    UserRole,
    UserSession,
    UserStatus,
)
from veza_site.demo import EMAIL, PASSWORD, ago, digest

STAFF = [("admin", UserRole.SUPER_ADMIN), ("odile", UserRole.ADMIN), ("marek", UserRole.MODERATOR)]
PEOPLE = [
    "amara",
    "basil",
    "camille",
    "dimitri",
    "elif",
    "farid",
    "greta",
    "hugo",
    "ines",
    "jonas",
    "kaori",
    "leila",
    "milo",
    "nadia",
    "oskar",
    "paloma",
    "quentin",
    "rosa",
    "samir",
    "tilda",
    "umar",
    "vera",
    "wanda",
    "xavier",
    "yasmin",
    "zeno",
]
DEVICES = ["Firefox on Linux", "Safari on iPhone", "Chrome on Windows", "Veza for Android"]


def load(random: Random) -> None:
    """Create users in every state, with sessions, tokens and federated identities."""
    password = make_password(PASSWORD)
    users = [
        User(
            email=EMAIL if name == "admin" else f"{name}@veza.example",
            username=name,
            password=password,
            role=role,
            is_verified=True,
            created_at=ago(random, 400, 300),
        )
        for name, role in STAFF
    ]
    users += [
        User(
            email=f"{name}@listeners.example",
            username=name,
            password=password,
            role=random.choices([UserRole.USER, UserRole.PREMIUM], [4, 1])[0],
            is_verified=random.random() < 0.9,
            last_login=ago(random, 20),
            last_login_ip=f"192.0.2.{random.randrange(1, 255)}",
            created_at=ago(random, 300, 30),
        )
        for name in PEOPLE
    ]
    by_name = {user.username: user for user in users}
    by_name["tilda"].status = UserStatus.SUSPENDED
    by_name["umar"].status = UserStatus.BANNED
    by_name["vera"].status = UserStatus.INACTIVE
    by_name["wanda"].failed_login_attempts = 5
    by_name["wanda"].locked_until = timezone.now() + timedelta(minutes=15)
    by_name["xavier"].password = "!"  # logs in with Google only
    by_name["yasmin"].deleted_at = ago(random, 10)
    User.objects.bulk_create(users)

    listeners = users[len(STAFF) :]
    FederatedIdentity.objects.bulk_create(
        FederatedIdentity(
            user=user,
            provider=provider,
            provider_user_id=str(random.randrange(10**9, 10**10)),
            email=user.email,
            display_name=user.username.title(),
            last_login_at=user.last_login,
        )
        for user, provider in [
            (by_name["xavier"], "google"),
            (by_name["kaori"], "github"),
            (by_name["milo"], "discord"),
        ]
    )
    tokens = RefreshToken.objects.bulk_create(
        RefreshToken(
            user=user,
            token_hash=digest(random),
            expires_at=timezone.now() + timedelta(days=random.uniform(1, 30)),
            ip_address=user.last_login_ip,
            user_agent=random.choice(DEVICES),
        )
        for user in listeners
    )
    RefreshToken.objects.bulk_create(
        RefreshToken(
            user=token.user,
            replaced_by=token,
            token_hash=digest(random),
            expires_at=token.expires_at - timedelta(days=1),
            revoked_at=timezone.now() - timedelta(days=1),
            revoked_reason="rotated",
        )
        for token in tokens[::3]
    )
    UserSession.objects.bulk_create(
        UserSession(
            user=token.user,
            refresh_token=token,
            session_token_hash=digest(random),
            ip_address=token.ip_address,
            device_name=token.user_agent,
            device_info={"app": random.choice(["web", "mobile"])},
            last_activity_at=ago(random, 3),
            expires_at=token.expires_at,
        )
        for token in tokens
    )
    PasswordResetToken.objects.create(
        user=by_name["hugo"],
        token_hash=digest(random),
        expires_at=timezone.now() + timedelta(hours=1),
    )
    EmailVerificationToken.objects.bulk_create(
        EmailVerificationToken(
            user=user,
            email=user.email,
            token_hash=digest(random),
            expires_at=timezone.now() + timedelta(days=1),
        )
        for user in listeners
        if not user.is_verified
    )
