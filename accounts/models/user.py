"""Users, and the accounts at other providers by which they log in."""

from collections.abc import Collection
from typing import Any, ClassVar

from asgiref.sync import sync_to_async
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Length, Lower
from django.db.models.lookups import GreaterThanOrEqual
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.names import find_changed, find_taken, normalize_new_names, spellings_of
from accounts.passwords import PasswordHashField
from veza_site.fields import EnumField
from veza_site.indexes import Index
from veza_site.models import SoftDeletableModel, SoftDeletableQuerySet
from veza_site.transactions import is_storable


class UserRole(models.TextChoices):
    """The values of `users.role`. The roles that are granted beside it are rbac's."""

    GUEST = "guest"
    USER = "user"
    PREMIUM = "premium"
    MODERATOR = "moderator"
    ADMIN = "admin"
    SUPER_ADMIN = "super_admin"


class UserStatus(models.TextChoices):
    """The values of `users.status`: only the active may log in."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"
    BANNED = "banned"


_TAKEN = {
    "email": "There is a user with this email address.",
    "username": "There is a user with this username.",
}

STAFF_ROLES = {UserRole.MODERATOR, UserRole.ADMIN, UserRole.SUPER_ADMIN}


# What signing in reads of a user. The times are as PostgreSQL has them, unless Python can't read
# those: `infinity`, or a year before 1 or after 9999.
_SIGN_IN = """
SELECT id, email, username, password_hash, role, status, token_version,
    CASE WHEN locked_until IS NOT NULL
        THEN GREATEST(LEAST(locked_until, '9999-12-30Z'), '0001-01-02Z') END AS locked_until,
    CASE WHEN deleted_at IS NOT NULL
        THEN GREATEST(LEAST(deleted_at, '9999-12-30Z'), '0001-01-02Z') END AS deleted_at
FROM users
"""


# django-stubs knows from_queryset() only in an assignment, and crashes mypy there.
class UserManager(BaseUserManager.from_queryset(SoftDeletableQuerySet)):  # type: ignore[misc]
    """Makes users, and finds those who sign in."""

    def create_user(
        self, email: str, username: str, password: str | None = None, **fields: Any
    ) -> "User":
        """
        Create a user. Without a password, the user can't log in with one.

        The address and the username are normalised, and no live user may have them, in whatever
        case.

        Raises ValidationError for an address or a name that is malformed or taken, and for a
        password over 72 bytes.
        """
        user: User = self.model(email=email, username=username, **fields)
        user.set_password(password)
        with transaction.atomic(using=self._db):
            user.full_clean()
            user.save(using=self._db)
        return user

    def create_superuser(
        self, email: str, username: str, password: str | None = None, **fields: Any
    ) -> "User":
        """Create a user whose role is super_admin. Raises as `create_user` does."""
        fields = {"role": UserRole.SUPER_ADMIN, "is_verified": True} | fields
        return self.create_user(email, username, password, **fields)

    def read(self, user_id: Any) -> "User | None":
        """Return a user, also a deleted one, with the columns that signing in needs."""
        found: User | None = next(iter(self.raw(_SIGN_IN + "WHERE id = %s", [user_id])), None)
        return found

    def find(self, name: str) -> "User | None":
        """
        Return the live user with this email address, else the one with this username.

        The address counts as it is stored; where nobody has it so, in any case, if only one user
        has it. What is read are the columns that signing in needs.
        """
        if not is_storable(name):
            return None
        spellings = spellings_of(name)
        found = list(
            self.raw(
                _SIGN_IN
                + """
                WHERE deleted_at IS NULL AND (
                    username = ANY(%(spellings)s) OR lower(email) = ANY(ARRAY(
                        SELECT lower(spelling) FROM unnest(%(spellings)s::text[]) AS spelling
                    ))
                )
                """,
                {"spellings": spellings},
            )
        )
        lower = {spelling.lower() for spelling in spellings}
        by_address = [user for user in found if user.email.lower() in lower]
        exact = [user for user in by_address if user.email in spellings]
        normalized = [user for user in by_address if user.email == self.normalize_email(name)]
        by_name = [user for user in found if user.username in spellings]
        only = by_address if len(by_address) == 1 else []
        return next(iter([*exact, *normalized, *only, *by_name]), None)

    def get_by_natural_key(self, username: str) -> "User":
        """Return the live user with this email address or username, or raise DoesNotExist."""
        user = self.find(username)
        if user is None:
            raise self.model.DoesNotExist(f"There is no user {username!a}.")
        return user


class User(SoftDeletableModel, AbstractBaseUser, PermissionsMixin):
    """Everyone with an account: listeners, creators, staff."""

    email = models.EmailField(max_length=255)
    username = models.CharField(max_length=30)
    # Django's authentication expects the names `password` and `last_login`; the columns have V1's.
    password = PasswordHashField(
        db_column="password_hash",
        max_length=255,
        help_text="bcrypt; “!” for an account without a password (federated).",
    )
    role = EnumField(UserRole, db_default=UserRole.USER)
    status = EnumField(UserStatus, db_default=UserStatus.ACTIVE)
    is_verified = models.BooleanField(db_default=False, help_text="Email address confirmed.")
    two_factor_enabled = models.BooleanField(db_default=False)
    two_factor_secret = models.CharField(
        max_length=255, null=True, blank=True, help_text="Encrypted TOTP secret."
    )
    token_version = models.IntegerField(
        db_default=0, help_text="Raising it revokes every JWT issued before."
    )
    failed_login_attempts = models.IntegerField(db_default=0)
    locked_until = models.DateTimeField(null=True, blank=True)
    last_login = models.DateTimeField(db_column="last_login_at", null=True, blank=True)
    last_login_ip = models.GenericIPAddressField(null=True, blank=True)

    # V1 keeps roles and permissions in tables of its own, see the app rbac.
    groups = None  # type: ignore[assignment]  # Django's way to leave an inherited field out
    user_permissions = None  # type: ignore[assignment]  # the same

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["username"]

    class Meta:
        db_table = "users"
        constraints = [
            models.CheckConstraint(
                condition=GreaterThanOrEqual(Length("username"), 3),
                name="chk_users_username_length",
                violation_error_message="A username has at least 3 characters.",
            ),
            models.CheckConstraint(
                condition=models.Q(failed_login_attempts__gte=0),
                name="chk_users_failed_login_attempts",
            ),
            models.CheckConstraint(
                condition=models.Q(token_version__gte=0), name="chk_users_token_version"
            ),
            models.UniqueConstraint(
                fields=["email"],
                condition=models.Q(deleted_at__isnull=True),
                name="idx_users_email",
                violation_error_message=_TAKEN["email"],
            ),
            models.UniqueConstraint(
                fields=["username"],
                condition=models.Q(deleted_at__isnull=True),
                name="idx_users_username",
                violation_error_message=_TAKEN["username"],
            ),
        ]
        indexes = [
            # The newest accounts.
            Index(fields=["-created_at"], name="idx_users_created_at"),
            # Who signs in with an address in another case, and whether an address is taken.
            Index(
                Lower("email"),
                condition=models.Q(deleted_at__isnull=True),
                name="idx_users_lower_email",
            ),
            # Whether a username is taken in another case.
            Index(
                Lower("username"),
                condition=models.Q(deleted_at__isnull=True),
                name="idx_users_lower_username",
            ),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def is_active(self) -> bool:  # type: ignore[override]  # nobody sets it: it follows from others
        """Whether the user may log in."""
        return self.status == UserStatus.ACTIVE and self.deleted_at is None

    @property
    def is_locked(self) -> bool:
        """Whether too many failures keep the user out now."""
        return self.locked_until is not None and self.locked_until > timezone.now()

    @property
    def is_staff(self) -> bool:
        """Whether the user may enter the admin."""
        return self.is_active and not self.is_locked and self.role in STAFF_ROLES

    @property
    def is_superuser(self) -> bool:  # type: ignore[override]  # as is_active
        """
        False for everyone: Django wouldn't ask any backend about a superuser.

        Rights come from V1's tables alone, even a super_admin's: see rbac.backends.
        """
        return False

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """
        Return a digest of everything that ends a user's sessions in the admin when it changes.

        That is the password, `token_version`, whether they may log in, and the time of a lock, so
        that a session doesn't come back when the lock has expired.
        """
        return salted_hmac(
            "accounts.User.get_session_auth_hash",
            f"{self.password} {self.token_version} {self.is_active} {self.locked_until}",
            secret=secret,
            algorithm="sha256",
        ).hexdigest()

    def check_password(self, raw_password: str | None) -> bool:
        """
        Tell whether `raw_password` is the user's.

        A password hashed with fewer rounds than ours is hashed again and stored, unless another
        service has changed it meanwhile.
        """
        known = self.password

        def rehash(raw_password: str) -> None:
            rehashed = make_password(raw_password)
            if User.objects.filter(pk=self.pk, password=known).update(password=rehashed):
                self.password = rehashed

        return check_password(raw_password, known, rehash)

    async def acheck_password(self, raw_password: str | None) -> bool:
        """See check_password()."""
        return await sync_to_async(self.check_password)(raw_password)

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        normalize_new_names(self, "email", "username", exclude=exclude)
        super().clean_fields(exclude)

    def clean(self) -> None:
        """Refuse an address or a username that another live user has, in whatever case."""
        changed = find_changed(self, "email", "username")
        if "email" in changed:
            self.email = User.objects.normalize_email(self.email)
        if self.deleted_at is None and changed:
            new = {name: getattr(self, name) for name in changed}
            taken = find_taken(
                user_id=None if self._state.adding else self.pk,
                **{name: value for name, value in new.items() if is_storable(value)},
            )
            if taken:
                raise ValidationError({name: _TAKEN[name] for name in taken})


class FederatedIdentity(SoftDeletableModel):
    """An account at another provider by which a user logs in."""

    user = models.ForeignKey(
        User, models.DB_CASCADE, db_index=False, related_name="federated_identities"
    )
    provider = models.CharField(max_length=50, help_text="google, github, discord…")
    provider_user_id = models.CharField(
        max_length=255, help_text="The provider's immutable subject."
    )
    email = models.EmailField(max_length=255, null=True, blank=True)
    display_name = models.CharField(max_length=100, null=True, blank=True)
    avatar_url = models.TextField(null=True, blank=True)
    last_login_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "federated_identities"
        verbose_name_plural = "federated identities"
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "provider_user_id"],
                condition=models.Q(deleted_at__isnull=True),
                name="idx_federated_identities_provider_provider_user_id",
            ),
        ]
        indexes = [
            # A user's logins.
            Index(fields=["user"], name="idx_federated_identities_user_id"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}: {self.provider_user_id}"

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        normalize_new_names(self, "display_name", exclude=exclude)
        super().clean_fields(exclude)
