"""
Name the model of the table `user_roles` RoleGrant: accounts has an enum UserRole.

The table and everything in it stay as they are, so this has no SQL; Django renames its content type
and its own permissions, to which the log of the admin refers.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("rbac", "0020_rbac_and_profiles"),
        ("veza_site", "0903_admin_log_indexes"),
    ]

    operations = [
        migrations.RenameModel(old_name="UserRole", new_name="RoleGrant"),
    ]
