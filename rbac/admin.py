from django.contrib import admin

from rbac.models import Permission, Role, RolePermission, UserProfile, UserRole, UserSettings
from veza_site.admin import V1Admin


@admin.register(Role)
class RoleAdmin(V1Admin):
    pass


@admin.register(Permission)
class PermissionAdmin(V1Admin):
    pass


@admin.register(UserRole)
class UserRoleAdmin(V1Admin):
    pass


@admin.register(RolePermission)
class RolePermissionAdmin(V1Admin):
    pass


@admin.register(UserProfile)
class UserProfileAdmin(V1Admin):
    pass


@admin.register(UserSettings)
class UserSettingsAdmin(V1Admin):
    pass
