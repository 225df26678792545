"""What was revoked or used stays so, whoever writes: the database keeps it."""

from django.db import IntegrityError, connection, transaction
from django.test import TestCase

from tests.support.rows import Rows
from veza_site.errors import psycopg_error

SPENT = [
    ("refresh_tokens", "revoked_at"),
    ("user_sessions", "revoked_at"),
    ("password_reset_tokens", "used_at"),
    ("email_verification_tokens", "used_at"),
]


class Spent(TestCase):
    def setUp(self):
        cursor = self.enterContext(connection.cursor())
        self.rows = Rows(cursor)

    def update(self, table, assignment, key):
        self.rows.cursor.execute(f"UPDATE {table} SET {assignment} WHERE id = %s", [key])

    def assert_refused(self, table, column, assignment, key):
        with self.assertRaises(IntegrityError) as caught, transaction.atomic():
            self.update(table, assignment, key)
        cause = psycopg_error(caught.exception)
        self.assertEqual(cause.diag.constraint_name, f"keep_{table}_{column}")
        self.assertEqual(str(caught.exception), f"{column} of {table} can't be taken back")

    def test_stays_spent(self):
        for table, column in SPENT:
            with self.subTest(table):
                key = self.rows.insert(table)
                self.update(table, f"{column} = CURRENT_TIMESTAMP", key)
                self.assert_refused(table, column, f"{column} = NULL", key)
                # Anything else may change.
                self.update(table, f"{column} = {column} + interval '1 s'", key)
                self.update(table, "expires_at = CURRENT_TIMESTAMP", key)

    def test_tokens_that_were_outdated_stay_outdated(self):
        key = self.rows.insert("users", token_version=3)
        self.assert_refused("users", "token_version", "token_version = 2", key)
        self.update("users", "token_version = 4, username = 'ada'", key)
