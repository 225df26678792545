from datetime import UTC, datetime

from django.contrib.auth import authenticate
from django.test import TestCase

from accounts.models import User, UserRole, UserStatus
from tests.support.passwords import QuickHashes

LONG_AGO, IN_THE_FUTURE = datetime(2001, 2, 3, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Flags(TestCase):
    def test_follow_from_role_status_and_deletion(self):
        cases = [
            # role, status, deleted, is_active, is_staff
            (UserRole.USER, UserStatus.ACTIVE, None, True, False),
            (UserRole.PREMIUM, UserStatus.ACTIVE, None, True, False),
            (UserRole.MODERATOR, UserStatus.ACTIVE, None, True, True),
            (UserRole.ADMIN, UserStatus.ACTIVE, None, True, True),
            (UserRole.SUPER_ADMIN, UserStatus.ACTIVE, None, True, True),
            (UserRole.SUPER_ADMIN, UserStatus.INACTIVE, None, False, False),
            (UserRole.SUPER_ADMIN, UserStatus.SUSPENDED, None, False, False),
            (UserRole.SUPER_ADMIN, UserStatus.BANNED, None, False, False),
            (UserRole.SUPER_ADMIN, UserStatus.ACTIVE, LONG_AGO, False, False),
        ]
        for role, status, deleted_at, *expected in cases:
            with self.subTest(role=role, status=status, deleted=deleted_at):
                user = User(role=role, status=status, deleted_at=deleted_at)
                self.assertEqual([user.is_active, user.is_staff], expected)
                self.assertFalse(user.is_superuser)

    def test_say_that_nobody_is_staff_while_locked(self):
        locked = User(role=UserRole.ADMIN, status=UserStatus.ACTIVE, locked_until=IN_THE_FUTURE)
        self.assertEqual((locked.is_active, locked.is_locked, locked.is_staff), (True, True, False))
        locked.locked_until = LONG_AGO
        self.assertEqual((locked.is_locked, locked.is_staff), (False, True))

    def test_are_not_columns(self):
        columns = {field.column for field in User._meta.local_fields}
        self.assertFalse(columns & {"is_active", "is_staff", "is_superuser"})


class Login(QuickHashes, TestCase):
    def setUp(self):
        super().setUp()
        self.user = User.objects.create_user("nadia@veza.example", "nadia", "tape loops")

    def login(self):
        return authenticate(None, username="nadia@veza.example", password="tape loops")

    def test_is_by_email_address_or_username(self):
        self.assertEqual(self.login(), self.user)
        self.assertEqual(
            authenticate(None, username="nadia@VEZA.example", password="tape loops"), self.user
        )
        self.assertEqual(authenticate(None, username="nadia", password="tape loops"), self.user)
        self.assertIsNone(authenticate(None, username="Nadia", password="tape loops"))

    def test_is_closed_to_users_who_are_not_active_or_are_deleted(self):
        for status in [UserStatus.INACTIVE, UserStatus.SUSPENDED, UserStatus.BANNED]:
            with self.subTest(status):
                User.objects.update(status=status)
                self.assertIsNone(self.login())
        User.objects.update(status=UserStatus.ACTIVE)
        self.user.soft_delete()
        self.assertIsNone(self.login())

    def test_finds_the_live_user_among_deleted_ones_with_the_same_address(self):
        self.user.soft_delete()
        successor = User.objects.create_user("nadia@veza.example", "nadia", "tape loops")
        self.assertEqual(self.login(), successor)


class CreateUser(TestCase):
    def test_refuses_what_the_database_would_refuse_with_a_sentence(self):
        User.objects.create_user("nadia@veza.example", "nadia")
        for email, username, message in [
            ("nadia@veza.example", "other", "There is a user with this email address."),
            ("other@veza.example", "nadia", "There is a user with this username."),
            ("other@veza.example", "ab", "A username has at least 3 characters."),
            ("no address", "other", "Enter a valid email address."),
            ("", "other", "This field cannot be blank."),
        ]:
            with self.subTest(message), self.assertRaisesMessage(Exception, message):
                User.objects.create_user(email, username)
        self.assertEqual(User.objects.count(), 1)
