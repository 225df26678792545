from django.contrib import admin

from accounts.models import (
    EmailVerificationToken,
    FederatedIdentity,
    PasswordResetToken,
    RefreshToken,
    User,
    UserSession,
)
from veza_site.admin import V1Admin


@admin.register(User)
class UserAdmin(V1Admin):
    pass


@admin.register(FederatedIdentity)
class FederatedIdentityAdmin(V1Admin):
    pass


@admin.register(RefreshToken)
class RefreshTokenAdmin(V1Admin):
    pass


@admin.register(PasswordResetToken)
class PasswordResetTokenAdmin(V1Admin):
    pass


@admin.register(EmailVerificationToken)
class EmailVerificationTokenAdmin(V1Admin):
    pass


@admin.register(UserSession)
class UserSessionAdmin(V1Admin):
    pass
