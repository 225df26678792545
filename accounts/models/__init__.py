from accounts.models.session import UserSession
from accounts.models.token import EmailVerificationToken, PasswordResetToken, RefreshToken
from accounts.models.user import FederatedIdentity, User, UserRole, UserStatus

__all__ = [
    "EmailVerificationToken",
    "FederatedIdentity",
    "PasswordResetToken",
    "RefreshToken",
    "User",
    "UserRole",
    "UserSession",
    "UserStatus",
]
