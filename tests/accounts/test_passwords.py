"""Passwords go back and forth between this project and the Go backend."""

import os
import subprocess
from pathlib import Path
from unittest import mock

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import TestCase, tag

from accounts.models import User, UserRole
from tests.support.effort import need
from tests.support.passwords import ROUNDS, QuickHashes

PASSWORD = "correct horse battery staple"
# Made by golang.org/x/crypto/bcrypt with tests/go/bcrypt.go.
FROM_GO = "$2a$10$8yekxpokweAEBnnXgLoqgumZOuUk/fAq42fH48Uy0MxpcwvdGZABy"
FROM_GO_NOT_ASCII = "$2a$04$6DoxTygAURfd2UZ/9wkoaexe9R1xlNsA.y75.8iF4uhMe7tNyIsTC"

GO_PATH = Path("/usr/share/gocode")  # where Debian installs Go's packages

LONGEST = "x" * 72
TOO_LONG = "é" * 36 + "x"  # 73 bytes, 37 characters


def user_with_hash(password_hash):
    """Return a user whom another service created, with this in the column."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO users (email, username, password_hash)"
            " VALUES ('nadia@veza.example', 'nadia', %s) RETURNING id",
            [password_hash],
        )
        (user_id,) = cursor.fetchone()
    return User.objects.get(pk=user_id)


def column(user):
    """Return what is in the column."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT password_hash FROM users WHERE id = %s", [user.pk])
        return cursor.fetchone()[0]


def login(password):
    return authenticate(None, username="nadia@veza.example", password=password)


class HashFromGo(TestCase):
    def test_logs_in(self):
        user = user_with_hash(FROM_GO)
        self.assertEqual(login(PASSWORD), user)
        self.assertIsNone(login(PASSWORD + "!"))

    def test_of_a_password_that_is_not_ascii_is_verified(self):
        self.assertTrue(user_with_hash(FROM_GO_NOT_ASCII).check_password("pässwörd ✓"))

    def test_becomes_one_of_ours_that_go_can_read(self):
        user = user_with_hash(FROM_GO)
        login(PASSWORD)
        self.assertRegex(column(user), r"^\$2b\$12\$.{53}$")
        self.assertEqual(login(PASSWORD), user)

    def test_is_left_alone_by_a_wrong_password(self):
        user = user_with_hash(FROM_GO)
        login("wrong")
        self.assertEqual(column(user), FROM_GO)

    def test_with_more_rounds_than_ours_is_left_alone(self):
        user = user_with_hash(FROM_GO)
        with mock.patch("accounts.passwords.BcryptHasher.rounds", 4):
            login(PASSWORD)
        self.assertEqual(column(user), FROM_GO)

    def test_that_go_replaces_during_the_login_is_not_overwritten(self):
        user = user_with_hash(FROM_GO)
        User.objects.filter(pk=user.pk).update(password="bcrypt$" + FROM_GO_NOT_ASCII)
        self.assertTrue(user.check_password(PASSWORD))  # what this instance had read
        self.assertEqual(column(user), FROM_GO_NOT_ASCII)

    @mock.patch("accounts.passwords.BcryptHasher.rounds", ROUNDS)
    def test_that_is_malformed_is_simply_wrong(self):
        for malformed in [
            "",
            "x",
            "$",
            "$2a$10$short",
            "$2a$99$" + FROM_GO[7:],
            "$2a$10$" + "a" * 53,
        ]:
            with self.subTest(malformed):
                user = user_with_hash(malformed)
                self.assertIsNone(login(PASSWORD))
                user.save()
                self.assertEqual(column(user), malformed)
                user.delete()


class HashFromHere(TestCase):
    def test_is_bare_bcrypt(self):
        user = User.objects.create_user("nadia@veza.example", "nadia", PASSWORD)
        self.assertRegex(column(user), r"^\$2b\$12\$[./A-Za-z0-9]{53}$")

    def test_survives_saving_the_user(self):
        user = User.objects.create_user("nadia@veza.example", "nadia", PASSWORD)
        before = column(user)
        User.objects.get(pk=user.pk).save()
        self.assertEqual(column(user), before)

    def test_is_found_by_its_value(self):
        user = user_with_hash(FROM_GO)
        self.assertEqual(User.objects.get(password=user.password), user)


class NoPassword(QuickHashes, TestCase):
    def test_is_an_exclamation_mark(self):
        user = User.objects.create_user("nadia@veza.example", "nadia")
        self.assertEqual(column(user), "!")

    def test_lets_nobody_in(self):
        user_with_hash("!")
        for password in ["", "!", "!!"]:
            with self.subTest(password):
                self.assertIsNone(login(password))


class PasswordOver72Bytes(QuickHashes, TestCase):
    def test_is_refused_when_it_is_set(self):
        for refuse in (make_password, User().set_password, validate_password):
            with self.subTest(refuse), self.assertRaisesMessage(ValidationError, "72 bytes"):
                refuse(TOO_LONG)

    def test_is_refused_by_createsuperuser(self):
        environment = {"DJANGO_SUPERUSER_PASSWORD": TOO_LONG}
        with (
            mock.patch.dict(os.environ, environment),
            self.assertRaisesMessage(CommandError, "72 bytes"),
        ):
            call_command(
                "createsuperuser", email="root@veza.example", username="root", interactive=False
            )
        self.assertFalse(User.objects.exists())

    def test_is_wrong_when_it_is_typed(self):
        user = user_with_hash(FROM_GO)
        user.set_password(LONGEST)
        user.save()
        self.assertEqual(login(LONGEST), user)
        self.assertIsNone(login(LONGEST + "x"))

    def test_is_wrong_for_a_hash_with_few_rounds_and_for_nobody(self):
        user_with_hash(FROM_GO_NOT_ASCII)
        self.assertIsNone(login(TOO_LONG))
        self.assertIsNone(authenticate(None, username="nobody@veza.example", password=TOO_LONG))

    def test_of_characters_that_have_no_bytes_is_wrong(self):
        user_with_hash(FROM_GO)
        self.assertIsNone(login("\ud800"))


@tag("slow")  # Go compiles it
class Go(TestCase):
    """The real exchange, where Go and its x/crypto are installed, as .ci/run installs them."""

    def setUp(self):
        need(
            "golang-go and golang-golang-x-crypto-dev",
            ["go"],
            [GO_PATH / "src/golang.org/x/crypto/bcrypt"],
        )

    def test_verifies_our_hash_and_its_hash_is_verified_here(self):
        ours = make_password(PASSWORD).removeprefix("bcrypt$")
        self.assertEqual(self.go("verify", ours, PASSWORD).returncode, 0)
        self.assertNotEqual(self.go("verify", ours, PASSWORD + "!").returncode, 0)
        theirs = self.go("hash", "10", PASSWORD).stdout.strip()
        self.assertTrue(check_password(PASSWORD, "bcrypt$" + theirs))

    def go(self, *arguments):
        return subprocess.run(
            ["go", "run", settings.BASE_DIR / "tests" / "go" / "bcrypt.go", *arguments],
            env=os.environ | {"GO111MODULE": "off", "GOPATH": str(GO_PATH)},
            capture_output=True,
            text=True,
            check=False,
        )


class SuperUser(QuickHashes, TestCase):
    def test_is_a_super_admin(self):
        with mock.patch.dict(os.environ, {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}):
            call_command(
                "createsuperuser",
                email="root@VEZA.example",
                username="root",
                interactive=False,
                verbosity=0,
            )
        user = authenticate(None, username="root@veza.example", password=PASSWORD)
        self.assertEqual(user.role, UserRole.SUPER_ADMIN)
        self.assertTrue(user.is_staff and user.is_active)

    def test_with_an_address_that_is_taken_is_an_error_in_one_line(self):
        User.objects.create_user("root@veza.example", "someone")
        with self.assertRaisesMessage(CommandError, "There is a user with this email address."):
            call_command(
                "createsuperuser", email="root@veza.example", username="root", interactive=False
            )
