import unicodedata
from datetime import UTC, datetime
from functools import partial
from io import StringIO
from unittest import mock

from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import SimpleTestCase, TestCase

from accounts.models import FederatedIdentity, User, UserRole, UserStatus
from accounts.names import normalize_name
from rbac.models import UserProfile
from tests.support.passwords import QuickHashes
from tests.support.services import ServiceTests

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


class Names(SimpleTestCase):
    def test_are_in_nfkc_and_without_outer_spaces(self):
        for written, stored in [
            ("Nadia", "Nadia"),
            (unicodedata.normalize("NFD", "café"), "café"),
            ("Bob ", "Bob"),
            ("\u00a0\u3000Bob\t", "Bob"),
            ("Ｎａｄｉａ", "Nadia"),
            ("Ada\u2003Lovelace", "Ada Lovelace"),
            ("أمارة", "أمارة"),
            ("नादिया", "नादिया"),
            ("", ""),
        ]:
            with self.subTest(ascii(written)):
                self.assertEqual(normalize_name(written), stored)

    def test_show_every_character(self):
        for code in [
            *(0x00, 0x07, 0x0A, 0x7F, 0x85),  # control
            *(0xAD, 0x200B, 0x200D, 0x202E, 0x2060, 0xFEFF, 0xE0041),  # format
            *(0x034F, 0x115F, 0x3164, 0xFFA0, 0x2800, 0x17B4, 0xFE0F, 0xE0100),  # shown as nothing
            *(0x1680, 0x2028, 0x2029),  # spaces that NFKC leaves
            *(0xD800, 0xE000, 0xFDD0),  # surrogates, private, not a character
        ]:
            with self.subTest(hex(code)), self.assertRaisesMessage(ValidationError, "U+"):
                normalize_name(f"Ada{chr(code)}Lovelace")


class CreateUser(TestCase):
    def test_refuses_what_the_database_would_refuse_with_a_sentence(self):
        User.objects.create_user("nadia@veza.example", "nadia")
        for email, username, message in [
            ("nadia@veza.example", "other", "There is a user with this email address."),
            ("other@veza.example", "nadia", "There is a user with this username."),
            ("other@veza.example", "ab", "A username has at least 3 characters."),
            ("no address", "other", "Enter a valid email address."),
            ("", "other", "This field cannot be blank."),
            ("other@veza.example", "", "This field cannot be blank."),
            ("other@veza.example", "   ", "This field cannot be blank."),
            # What the database would not refuse.
            ("Nadia@Veza.Example", "other", "There is a user with this email address."),
            ("other@veza.example", "NADIA", "There is a user with this username."),
            ("other@veza.example", "nadia ", "There is a user with this username."),
            ("other@veza.example", "ｎａｄｉａ", "There is a user with this username."),
            ("other@veza.example", "na\u200bdia", "U+200B"),
            ("other\u200b@veza.example", "other", "U+200B"),
            ("other@veza.example", "oth\ud800er", "U+D800"),
        ]:
            with self.subTest(message, username=ascii(username)):
                with self.assertRaises(ValidationError) as refusal:
                    User.objects.create_user(email, username)
                self.assertEqual(len(refusal.exception.messages), 1)
                self.assertIn(message, refusal.exception.messages[0])
        self.assertEqual(User.objects.count(), 1)

    def test_stores_a_name_in_its_one_form(self):
        user = User.objects.create_user(
            " Nadia@VEZA.Example", unicodedata.normalize("NFD", " café ")
        )
        user.refresh_from_db()
        self.assertEqual((user.email, user.username), ("Nadia@veza.example", "café"))

    def test_may_take_what_only_a_deleted_user_has(self):
        User.objects.create_user("nadia@veza.example", "nadia").soft_delete()
        self.assertTrue(User.objects.create_user("Nadia@veza.example", "Nadia").pk)


class Form(TestCase):
    """What a form of the admin checks, full_clean()."""

    def test_keeps_an_old_name_that_it_does_not_change(self):
        User.objects.create(email="Ops@Example.COM", username="Ada\u200b")
        User.objects.create(email="ops@example.com", username="ADA\u200b")
        for user in User.objects.all():
            email = user.email
            user.is_verified = True
            user.full_clean(exclude=["password"])
            self.assertEqual(user.email, email)

    def test_refuses_a_new_name_that_somebody_has(self):
        User.objects.create_user("ops@example.com", "ops")
        other = User.objects.create_user("other@example.com", "other")
        for field, value in [("email", "OPS@example.com"), ("username", "Ops")]:
            with self.subTest(field), self.assertRaises(ValidationError) as refusal:
                user = User.objects.get(pk=other.pk)
                setattr(user, field, value)
                user.full_clean(exclude=["password"])
            self.assertEqual(list(refusal.exception.message_dict), [field])
        other.username = "OTHER"  # one's own
        other.full_clean(exclude=["password"])

    def test_normalises_the_other_names_of_a_person(self):
        user = User.objects.create_user("ops@example.com", "ops")
        for row, fields in [
            (UserProfile(user=user), ["display_name", "first_name", "last_name"]),
            (FederatedIdentity(user=user, provider="x", provider_user_id="y"), ["display_name"]),
        ]:
            row.full_clean()
            for field in fields:
                with self.subTest(type(row).__name__, field=field):
                    setattr(row, field, " Ｎadia ")
                    row.full_clean()
                    self.assertEqual(getattr(row, field), "Nadia")
                    setattr(row, field, "Na\u202edia")
                    with self.assertRaises(ValidationError) as refusal:
                        row.full_clean()
                    self.assertEqual(list(refusal.exception.message_dict), [field])
                    setattr(row, field, "")


class AtOnce(ServiceTests):
    def test_two_accounts_of_one_address_or_name_are_not_made(self):
        for number in range(5):
            outcomes = self.at_once(
                partial(User.objects.create_user, f"a{number}@veza.example", f"one-{number}"),
                partial(User.objects.create_user, f"A{number}@veza.example", f"two-{number}"),
                partial(User.objects.create_user, f"b{number}@veza.example", f"Nadia-{number}"),
                partial(User.objects.create_user, f"c{number}@veza.example", f"nadia-{number}"),
            )
            kinds = [type(outcome) for outcome in outcomes]
            for pair in (kinds[:2], kinds[2:]):
                self.assertCountEqual(pair, [User, ValidationError])


class Commands(QuickHashes, TestCase):
    def setUp(self):
        super().setUp()
        User.objects.create_user("nadia@veza.example", "nadia", "tape loops").soft_delete()
        self.user = User.objects.create_user("nadia@veza.example", "nadia", "tape loops")

    def change(self, name, *typed):
        output = StringIO()
        with mock.patch("getpass.getpass", side_effect=typed):
            call_command("changepassword", name, stdout=output, stderr=output)
        return output.getvalue()

    def test_changepassword_takes_the_live_user(self):
        for name in ["nadia@veza.example", "NADIA@veza.example", "nadia"]:
            new = f"a new and long one for {len(name)}"
            said = self.change(name, "not the same", "as this", "123", "123", new, new)
            self.assertIn("has a new password", said)
            self.assertIn("too short", said)
            self.user.refresh_from_db()
            self.assertTrue(self.user.check_password(new))
        deleted = User.objects.exclude(pk=self.user.pk).get()
        self.assertTrue(deleted.check_password("tape loops"))

    def test_changepassword_changes_nothing_else(self):
        def type_it(_prompt):
            User.objects.filter(pk=self.user.pk).update(status="suspended")
            return "a new and long one"

        with mock.patch("getpass.getpass", type_it):
            call_command("changepassword", "nadia", stdout=StringIO())
        self.user.refresh_from_db()
        self.assertEqual(self.user.status, "suspended")
        self.assertTrue(self.user.check_password("a new and long one"))

    def test_changepassword_is_refused_in_one_line(self):
        with self.assertRaisesMessage(CommandError, "There is no user 'nobody'"):
            self.change("nobody")
        with self.assertRaisesMessage(CommandError, "After 3 attempts"):
            self.change("nadia", *"123456")
        with self.assertRaisesMessage(CommandError, "No password was typed"):
            self.change("nadia", "")
        self.user.soft_delete()
        with self.assertRaisesMessage(CommandError, "or they are deleted"):
            self.change("nadia@veza.example")

    def test_createsuperuser_makes_one_account_per_address_and_name(self):
        for email, username in [
            ("Nadia@VEZA.example", "other"),
            ("other@veza.example", "Nadia"),
            ("other@veza.example", "na\u200bdia"),
        ]:
            with self.subTest(email), self.assertRaises(CommandError):
                call_command("createsuperuser", email=email, username=username, interactive=False)
        self.assertEqual(User.objects.count(), 2)

    def test_a_natural_key_is_the_live_user_s(self):
        self.assertEqual(User.objects.get_by_natural_key("nadia@veza.example"), self.user)
        self.user.soft_delete()
        with self.assertRaises(User.DoesNotExist):
            User.objects.get_by_natural_key("nadia@veza.example")
