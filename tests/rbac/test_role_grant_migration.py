"""A database that was migrated before UserRole became RoleGrant is migrated on, rows and all."""

from io import StringIO

from django.core.management import call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.test import TestCase

from tests.support.databases import alias, connect, empty_database
from veza_site.migrating import history
from veza_site.schema import contract

BEFORE = ("veza_site", "0903_admin_log_indexes")
MIGRATION = ("rbac", "0904_role_grant")
TABLES = (
    "SELECT oid, relname, relfilenode FROM pg_class WHERE relnamespace = 'public'::regnamespace"
)
CONTENT_TYPES = """
    SELECT id, model FROM django.django_content_type
    WHERE app_label = 'rbac' AND model IN ('userrole', 'rolegrant')
"""
PERMISSIONS = """
    SELECT permission.id, codename FROM django.auth_permission AS permission
    JOIN django.django_content_type AS type ON type.id = content_type_id
    WHERE app_label = 'rbac' AND codename LIKE ANY (ARRAY['%userrole', '%rolegrant'])
    ORDER BY codename
"""


class RoleGrantMigration(TestCase):
    def test_renames_what_django_knows_and_nothing_of_v1(self):
        with empty_database() as name, alias(name, self), connect(name) as server:

            def fetch(query):
                return server.execute(query).fetchall()

            for app in ("auth", "admin", "sessions"):
                call_command("migrate", app, database=name, verbosity=0)
            call_command("migrate", *BEFORE, database=name, verbosity=0)
            ((content_type, model),) = fetch(CONTENT_TYPES)
            self.assertEqual(model, "userrole")
            permissions = fetch(PERMISSIONS)
            self.assertEqual(len(permissions), 4)
            server.execute(
                "INSERT INTO users (email, username, password_hash) VALUES ('a@b.c', 'nadia', '!');"
                "INSERT INTO user_roles (user_id, role_id)"
                " SELECT users.id, roles.id FROM users, roles WHERE roles.name = 'admin';"
                "INSERT INTO django.django_admin_log"
                " (user_id, content_type_id, object_id, object_repr, action_flag, change_message,"
                " action_time)"
                f" SELECT id, {content_type}, '1', 'a grant', 1, '', now() FROM users"
            )
            v1 = fetch("TABLE user_roles"), fetch(TABLES), fetch("TABLE permissions")
            carried = contract.read(server.cursor())

            call_command("migrate", *MIGRATION, database=name, verbosity=0)
            self.assertEqual(fetch(CONTENT_TYPES), [(content_type, "rolegrant")])
            renamed = [(key, name.replace("userrole", "rolegrant")) for key, name in permissions]
            self.assertEqual(fetch(PERMISSIONS), renamed)
            self.assertEqual(
                fetch("SELECT object_repr, content_type_id FROM django.django_admin_log"),
                [("a grant", content_type)],
            )
            self.assertEqual(
                (fetch("TABLE user_roles"), fetch(TABLES), fetch("TABLE permissions")), v1
            )
            now = contract.read(server.cursor())
            self.assertEqual((now.version, now.fingerprint), (carried.version, carried.fingerprint))
            call_command("migrate", database=name, verbosity=0)
            self.assertEqual(contract.read(server.cursor()), contract.when_migrated())

            # What is kept of the migration is what it would be on any other database.
            loader = MigrationLoader(connections[name])
            kept = fetch(
                "SELECT app, name, sql_sha256, source_sha256 FROM django.migration_sql"
                f" WHERE (app, name) = {MIGRATION}"
            )
            self.assertEqual(kept, [history.render(connections[name], loader, MIGRATION)])
            output = StringIO()
            call_command("migrate", database=name, stdout=output)
            self.assertIn("No migrations to apply", output.getvalue())

    def test_sends_no_sql(self):
        output = StringIO()
        call_command("sqlmigrate", *MIGRATION, stdout=output)
        lines = [line for line in output.getvalue().splitlines() if not line.startswith("--")]
        self.assertEqual(lines, ["BEGIN;", "COMMIT;"])
