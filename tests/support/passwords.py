"""Passwords whose hashes take a hundredth of the time that they take in production."""

from unittest import mock

from django.test import SimpleTestCase

ROUNDS = 5


class QuickHashes(SimpleTestCase):
    """Lets bcrypt take few rounds in the tests of a class."""

    def setUp(self) -> None:
        self.enterContext(mock.patch("accounts.passwords.BcryptHasher.rounds", ROUNDS))
        super().setUp()
