"""Tokens are used once, a chain of them is revoked whole, and who is signed out is signed out."""

import hmac
import uuid
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from io import StringIO

from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone

from accounts.models import (
    EmailVerificationToken,
    PasswordResetToken,
    RefreshToken,
    User,
    UserRole,
    UserSession,
    UserStatus,
)
from accounts.services import (
    Rotation,
    TokenSpent,
    change_user_role,
    change_user_status,
    consume_reset_token,
    consume_verification_token,
    purge_expired,
    restore_user,
    rotate_refresh_token,
    sign_out_everywhere,
    soft_delete_user,
)
from tests.support.examples.accounts import (
    EARLIER,
    LATER,
    PASSWORD_HASH,
    chain,
    fill,
    new_hash,
    rotation,
)
from tests.support.services import ServiceTests, statements
from tests.support.terminal import Terminal
from veza_site.transactions import Conflict, Invalid, NotAllowed, NotFound

LONG_AGO = datetime(2001, 2, 3, tzinfo=UTC)


def open_tokens():
    return RefreshToken.objects.filter(revoked_at=None)


def open_sessions():
    return UserSession.objects.filter(revoked_at=None)


def sessions_of(token_hash):
    return UserSession.objects.filter(refresh_token__token_hash=token_hash)


class SignOutEverywhere(ServiceTests):
    def setUp(self):
        super().setUp()
        self.user, self.other = self.rows.insert("users"), self.rows.insert("users")
        for user in (self.user, self.other):
            fill(self.rows, "refresh_tokens", user, 2)
            fill(self.rows, "user_sessions", user, 3)

    def test_revokes_what_is_open_of_one_user(self):
        RefreshToken.objects.filter(pk=open_tokens().first().pk).update(
            user=self.user, revoked_at=LONG_AGO, revoked_reason="rotated"
        )
        tokens = open_tokens().filter(user=self.user).count()
        signed_out = sign_out_everywhere(user_id=self.user, reason="stolen laptop")
        self.assertEqual(signed_out, (tokens, 3))
        self.assertFalse(open_tokens().filter(user=self.user).exists())
        self.assertEqual(open_sessions().count(), 3)
        self.assertEqual(
            set(UserSession.objects.exclude(revoked_at=None).values_list("revoked_reason")),
            {("stolen laptop",)},
        )
        # What was revoked before keeps its time and reason.
        self.assertEqual(RefreshToken.objects.filter(revoked_at=LONG_AGO).count(), 1)
        versions = dict(User.objects.values_list("pk", "token_version"))
        self.assertEqual(versions, {self.user: 1, self.other: 0})

    def test_again_revokes_nothing_but_the_access_tokens(self):
        sign_out_everywhere(user_id=self.user)
        self.assertEqual(sign_out_everywhere(user_id=self.user), (0, 0))
        self.assertEqual(User.objects.get(pk=self.user).token_version, 2)

    def test_is_refused(self):
        deleted = self.rows.insert("users", deleted_at=LONG_AGO)
        for error, arguments in [
            (NotFound, {"user_id": uuid.uuid4()}),
            (NotFound, {"user_id": deleted}),
            (Invalid, {"user_id": self.user, "reason": "x" * 101}),
        ]:
            with self.subTest(arguments), self.assertRaises(error):
                sign_out_everywhere(**arguments)
        self.assertEqual(open_tokens().count(), 4)

    def test_revokes_the_token_that_a_rotation_makes_meanwhile(self):
        (token_hash,) = chain(self.rows, 1)
        user = RefreshToken.objects.get(token_hash=token_hash).user_id
        self.behind(
            partial(rotate_refresh_token, **rotation(token_hash)),
            partial(sign_out_everywhere, user_id=user),
        )
        self.assertEqual(RefreshToken.objects.filter(user=user).count(), 2)
        self.assertFalse(open_tokens().filter(user=user).exists())
        self.assertFalse(open_sessions().filter(user=user).exists())


class ChangeUserStatus(ServiceTests):
    def setUp(self):
        super().setUp()
        self.user = self.rows.insert("users", failed_login_attempts=5, locked_until=LATER)
        fill(self.rows, "refresh_tokens", self.user, 2)
        fill(self.rows, "user_sessions", self.user, 2)

    def change(self, status):
        change_user_status(user_id=self.user, status=status)
        return User.objects.get(pk=self.user)

    def test_signs_out_who_is_not_active(self):
        for status in (UserStatus.SUSPENDED, "banned", "inactive"):
            with self.subTest(status):
                version = User.objects.get(pk=self.user).token_version
                user = self.change(status)
                self.assertEqual((user.status, user.token_version), (status, version + 1))
                self.assertFalse(open_tokens().exists() or open_sessions().exists())
        self.assertEqual(
            set(UserSession.objects.values_list("revoked_reason", flat=True)), {"suspended"}
        )

    def test_lets_who_is_active_log_in(self):
        self.change("suspended")
        user = self.change(UserStatus.ACTIVE)
        self.assertTrue(user.is_active)
        self.assertEqual((user.failed_login_attempts, user.locked_until), (0, None))
        # Active users stay signed in.
        fill(self.rows, "refresh_tokens", self.user, 1)
        self.assertEqual(self.change("active").token_version, user.token_version)
        self.assertEqual(open_tokens().count(), 1)

    def test_is_refused(self):
        deleted = self.rows.insert("users", deleted_at=LONG_AGO)
        for error, arguments in [
            (NotFound, {"user_id": uuid.uuid4(), "status": "banned"}),
            (NotFound, {"user_id": deleted, "status": "banned"}),
            (Invalid, {"user_id": self.user, "status": "retired"}),
        ]:
            with self.subTest(arguments), self.assertRaises(error):
                change_user_status(**arguments)


class ChangeUserRole(ServiceTests):
    def test_revokes_the_access_tokens_that_tell_the_old_role(self):
        user_id, other = self.rows.insert("users"), self.rows.insert("users")
        fill(self.rows, "refresh_tokens", user_id, 1)
        change_user_role(user_id=user_id, role=UserRole.PREMIUM)
        user = User.objects.get(pk=user_id)
        self.assertEqual((user.role, user.token_version), ("premium", 1))
        self.assertEqual(User.objects.get(pk=other).role, "user")
        self.assertTrue(open_tokens().exists())

    def test_is_refused(self):
        user_id = self.rows.insert("users")
        deleted = self.rows.insert("users", deleted_at=LONG_AGO)
        for error, arguments in [
            (NotFound, {"user_id": uuid.uuid4(), "role": "admin"}),
            (NotFound, {"user_id": deleted, "role": "admin"}),
            (Invalid, {"user_id": user_id, "role": "curator"}),
        ]:
            with self.subTest(arguments), self.assertRaises(error):
                change_user_role(**arguments)


class SoftDeleteUser(ServiceTests):
    def test_signs_out_everywhere_and_keeps_everything_else(self):
        user_id, other = self.rows.insert("users"), self.rows.insert("users")
        for user in (user_id, other):
            fill(self.rows, "refresh_tokens", user, 2)
            fill(self.rows, "user_sessions", user, 3)
        grant = self.rows.insert("user_roles", user_id=user_id)
        self.assertEqual(soft_delete_user(user_id=user_id), (2, 3))
        user = User.objects.get(pk=user_id)
        self.assertIsNotNone(user.deleted_at)
        self.assertEqual((user.status, user.token_version), ("active", 1))
        self.assertTrue(user.user_roles.filter(pk=grant).exists())
        self.assertEqual(open_tokens().count(), 2)
        self.assertEqual(open_sessions().count(), 3)
        self.assertEqual(User.objects.alive().filter(pk=other).count(), 1)

    def test_is_refused(self):
        deleted = self.rows.insert("users", deleted_at=LONG_AGO)
        for error, arguments in [
            (NotFound, {"user_id": uuid.uuid4()}),
            (NotFound, {"user_id": deleted}),
            (Invalid, {"user_id": deleted, "reason": "x" * 101}),
        ]:
            with self.subTest(arguments), self.assertRaises(error):
                soft_delete_user(**arguments)
        self.assertEqual(User.objects.get(pk=deleted).deleted_at, LONG_AGO)


class RestoreUser(ServiceTests):
    def test_undoes_a_soft_delete_and_signs_nobody_in(self):
        user_id = self.rows.insert("users", status="suspended")
        fill(self.rows, "refresh_tokens", user_id, 1)
        soft_delete_user(user_id=user_id)
        restore_user(user_id=user_id)
        user = User.objects.get(pk=user_id)
        self.assertEqual((user.deleted_at, user.status), (None, "suspended"))
        self.assertFalse(open_tokens().exists())

    def test_that_collides_names_the_column_and_changes_nothing(self):
        gone = {"email": "nadia@veza.example", "username": "nadia", "deleted_at": LONG_AGO}
        deleted = self.rows.insert("users", **gone)
        for column, name in [("email", "email address"), ("username", "username")]:
            with self.subTest(column):
                other = self.rows.insert("users", **{column: gone[column]})
                before = self.content()
                with transaction.atomic():
                    with self.assertRaisesRegex(Conflict, f"has the {name} of"):
                        restore_user(user_id=deleted)
                    self.assertEqual(User.objects.count(), 2)  # the transaction goes on
                self.assertEqual(self.content(), before)
                User.objects.filter(pk=other).delete()

    def test_that_collides_but_for_case_is_a_conflict_too(self):
        gone = self.rows.insert(
            "users", email="nadia@veza.example", username="nadia", deleted_at=LONG_AGO
        )
        for column, value in [("email", "Nadia@veza.example"), ("username", "NADIA")]:
            with self.subTest(column):
                other = self.rows.insert("users", **{column: value})
                with self.assertRaises(Conflict):
                    restore_user(user_id=gone)
                User.objects.filter(pk=other).delete()
        restore_user(user_id=gone)

    def test_at_once_lets_one_of_two_live_who_differ_only_by_case(self):
        twins = [
            self.rows.insert("users", username=name, deleted_at=LONG_AGO)
            for name in ("nadia", "Nadia")
        ]
        outcomes = self.at_once(*(partial(restore_user, user_id=twin) for twin in twins))
        self.assertEqual({type(outcome) for outcome in outcomes}, {type(None), Conflict})

    def test_is_refused_for_who_is_not_there_and_for_who_is_not_deleted(self):
        for user_id in (uuid.uuid4(), self.rows.insert("users")):
            with self.subTest(user_id), self.assertRaises(NotFound):
                restore_user(user_id=user_id)

    def test_at_once_lets_one_of_two_with_the_same_name_live(self):
        twins = [self.rows.insert("users", username="nadia", deleted_at=LONG_AGO) for _ in range(2)]
        outcomes = self.at_once(*(partial(restore_user, user_id=twin) for twin in twins))
        self.assertEqual({type(outcome) for outcome in outcomes}, {type(None), Conflict})
        self.assertEqual(User.objects.alive().count(), 1)


class RotateRefreshToken(ServiceTests):
    def test_replaces_the_token_and_takes_its_session_over(self):
        (token_hash,) = chain(self.rows, 1)
        arguments = rotation(token_hash)
        outcome = rotate_refresh_token(**arguments, ip_address="192.0.2.7", user_agent="Firefox")
        self.assertFalse(outcome.was_reused)
        old = RefreshToken.objects.get(token_hash=token_hash)
        new = RefreshToken.objects.get(token_hash=arguments["new_token_hash"])
        self.assertEqual((old.replaced_by_id, old.revoked_reason), (new.pk, "rotated"))
        self.assertIsNotNone(old.revoked_at)
        self.assertEqual((outcome.user_id, outcome.token_id), (old.user_id, new.pk))
        self.assertEqual((new.ip_address, new.user_agent), ("192.0.2.7", "Firefox"))
        self.assertEqual(new.expires_at - new.created_at > timedelta(days=29, hours=23), True)
        session = UserSession.objects.get()
        self.assertEqual((session.refresh_token_id, session.expires_at), (new.pk, new.expires_at))
        self.assertIsNone(new.revoked_at)
        self.assert_sound()

    def test_of_a_token_used_before_revokes_its_whole_chain_and_nothing_else(self):
        hashes = chain(self.rows, 5)
        user = RefreshToken.objects.get(token_hash=hashes[0]).user_id
        (other_chain,) = chain(self.rows, 1)
        fill(self.rows, "refresh_tokens", user, 1)
        for shown in (0, 2, 3):
            with self.subTest(shown), transaction.atomic():
                outcome = rotate_refresh_token(**rotation(hashes[shown]))
                self.assertTrue(outcome.was_reused)
                self.assertFalse(open_tokens().filter(token_hash__in=hashes).exists())
                self.assertEqual(
                    RefreshToken.objects.get(token_hash=hashes[-1]).revoked_reason, "reused"
                )
                self.assertFalse(open_sessions().filter(user=user).exists())
                self.assertEqual(RefreshToken.objects.count(), 7)
                self.assertEqual(open_tokens().count(), 2)
                transaction.set_rollback(True)
        rotate_refresh_token(**rotation(hashes[1]))
        with self.assertRaises(TokenSpent):
            rotate_refresh_token(**rotation(hashes[-1]))
        rotate_refresh_token(**rotation(other_chain))

    def test_of_a_token_used_before_is_told_when_it_has_expired_too(self):
        hashes = chain(self.rows, 3)
        RefreshToken.objects.filter(token_hash=hashes[0]).update(expires_at=LONG_AGO)
        self.assertTrue(rotate_refresh_token(**rotation(hashes[0])).was_reused)
        self.assertFalse(open_tokens().exists())

    def test_keeps_the_revocation_when_the_caller_commits(self):
        first, *_ = chain(self.rows, 2)
        with transaction.atomic():
            self.assertTrue(rotate_refresh_token(**rotation(first)).was_reused)
        self.assertFalse(open_tokens().exists())

    def test_ends_at_a_chain_that_bites_its_tail(self):
        hashes = chain(self.rows, 3)
        first, *_, last = (RefreshToken.objects.get(token_hash=token) for token in hashes)
        RefreshToken.objects.filter(pk=last.pk).update(replaced_by=first)
        self.assertTrue(rotate_refresh_token(**rotation(hashes[1])).was_reused)
        self.assertFalse(open_tokens().exists())

    @override_settings(REFRESH_TOKEN_GRACE=0)
    def test_at_once_without_grace_has_one_winner_and_the_others_revoke_its_token(self):
        for _ in range(5):
            (token_hash,) = chain(self.rows, 1)
            outcomes = self.at_once(
                *(partial(rotate_refresh_token, **rotation(token_hash)) for _ in range(4))
            )
            self.assertEqual(sorted(outcome.was_reused for outcome in outcomes), [False] + 3 * [1])
            self.assertFalse(open_tokens().exists() or open_sessions().exists())
            self.assert_sound()

    def test_of_the_last_token_does_not_outlive_a_reuse_at_once(self):
        for _ in range(5):
            hashes = chain(self.rows, 3)
            self.at_once(
                partial(rotate_refresh_token, **rotation(hashes[2])),
                partial(rotate_refresh_token, **rotation(hashes[0])),
            )
            self.assertFalse(open_tokens().exists() or open_sessions().exists())

    def test_is_refused(self):
        (taken,) = chain(self.rows, 1)
        (expired,) = chain(self.rows, 1, expires_at=EARLIER)
        (revoked,) = chain(self.rows, 1)
        RefreshToken.objects.filter(token_hash=revoked).update(revoked_at=LONG_AGO)
        (signed_out,) = chain(self.rows, 1)
        sessions_of(signed_out).update(revoked_at=LONG_AGO)
        (session_over,) = chain(self.rows, 1)
        sessions_of(session_over).update(expires_at=EARLIER)
        (suspended,) = chain(self.rows, 1)
        User.objects.filter(refresh_tokens__token_hash=suspended).update(status="suspended")
        (deleted,) = chain(self.rows, 1)
        User.objects.filter(refresh_tokens__token_hash=deleted).update(deleted_at=LONG_AGO)
        before = self.content()
        for error, arguments in [
            (NotFound, rotation(new_hash())),
            (TokenSpent, rotation(expired)),
            (TokenSpent, rotation(revoked)),
            (TokenSpent, rotation(signed_out)),
            (TokenSpent, rotation(session_over)),
            (NotAllowed, rotation(suspended)),
            (NotAllowed, rotation(deleted)),
            (Conflict, rotation(taken) | {"new_token_hash": expired}),
            (Conflict, rotation(taken) | {"new_token_hash": taken}),
            (Invalid, rotation(taken) | {"lifetime": timedelta(0)}),
            (Invalid, rotation(taken) | {"lifetime": timedelta(days=10_000 * 365)}),
            (Invalid, rotation(taken) | {"ip_address": "192.0.2.256"}),
            (Invalid, rotation(taken) | {"ip_address": "fe80::1%eth0"}),
            (Invalid, rotation(taken) | {"user_agent": "Fire\0fox"}),
            (Invalid, rotation(taken) | {"user_agent": "Fire\ud83dfox"}),
            (Invalid, rotation("the token itself")),
            (Invalid, rotation(taken) | {"new_token_hash": taken.upper()}),
        ]:
            with self.subTest(error=error):
                with self.assertRaises(error) as refusal:
                    rotate_refresh_token(**arguments)
                for secret in (arguments["token_hash"], arguments["new_token_hash"]):
                    self.assertNotIn(secret.lower(), str(refusal.exception).lower())
                self.assertEqual(self.content(), before)


class RotateAgain(ServiceTests):
    """A token shown again, by another tab or after a lost answer."""

    def setUp(self):
        super().setUp()
        (self.token,) = chain(self.rows, 1)
        self.arguments = rotation(self.token)

    def rotate(self):
        return rotate_refresh_token(**self.arguments)

    def revoke_successor(self, **values):
        RefreshToken.objects.filter(token_hash=self.arguments["new_token_hash"]).update(**values)

    def assert_reuse(self):
        self.assertTrue(self.rotate().was_reused)
        self.assertFalse(open_tokens().exists() or open_sessions().exists())

    def test_gets_the_same_successor_and_changes_nothing(self):
        first = self.rotate()
        self.assertEqual((first.was_reused, first.is_repetition), (False, False))
        before = self.content()
        sent = []
        sent += statements(lambda: sent.append(self.rotate()))
        again = sent.pop(0)
        self.assertEqual(len(sent), 2)
        self.assertEqual(again, Rotation(first.user_id, first.token_id, is_repetition=True))
        self.assertFalse(again.was_reused)
        # A caller whose tokens are random is told the same.
        self.assertEqual(rotate_refresh_token(**rotation(self.token)), again)
        self.assertEqual(self.content(), before)

    def test_can_be_answered_with_the_same_token_when_tokens_are_derived(self):
        def derive(token):
            return hmac.new(b"a key of the server", token, "sha256").hexdigest().encode()

        def show(token):
            new = derive(token)
            outcome = rotate_refresh_token(
                token_hash=sha256(token).hexdigest(),
                new_token_hash=sha256(new).hexdigest(),
                lifetime=timedelta(days=30),
            )
            return new, outcome.token_id

        login = b"what the login handed out"
        RefreshToken.objects.filter(token_hash=self.token).update(
            token_hash=sha256(login).hexdigest()
        )
        first, second = self.at_once(partial(show, login), partial(show, login))
        self.assertEqual(first, second)
        new, token_id = first
        self.assertEqual(RefreshToken.objects.get(pk=token_id).token_hash, sha256(new).hexdigest())
        self.assertNotEqual(show(new), first)

    def test_at_once_gets_everybody_the_same_successor(self):
        for _ in range(5):
            (token_hash,) = chain(self.rows, 1)
            outcomes = self.at_once(
                *(partial(rotate_refresh_token, **rotation(token_hash)) for _ in range(4))
            )
            self.assertEqual(len({outcome.token_id for outcome in outcomes}), 1)
            self.assertEqual(sorted(outcome.is_repetition for outcome in outcomes), [0, 1, 1, 1])
            self.assertEqual(
                RefreshToken.objects.filter(replaces__token_hash=token_hash).count(), 1
            )
            self.assert_sound()
        self.assertEqual(open_sessions().count(), 6)

    def test_after_the_grace_period_is_reuse(self):
        self.rotate()
        RefreshToken.objects.filter(token_hash=self.token).update(
            revoked_at=timezone.now() - timedelta(seconds=11)
        )
        self.assert_reuse()

    @override_settings(REFRESH_TOKEN_GRACE=0)
    def test_is_always_reuse_where_the_grace_period_is_zero(self):
        self.rotate()
        self.assert_reuse()

    @override_settings(REFRESH_TOKEN_GRACE=1000)
    def test_is_reuse_once_its_successor_has_been_replaced(self):
        # The trap of django-oauth-toolkit #1617: the grandparent is in its grace period too.
        self.rotate()
        rotate_refresh_token(**rotation(self.arguments["new_token_hash"]))
        self.assert_reuse()

    @override_settings(REFRESH_TOKEN_GRACE=1000)
    def test_never_reaches_further_than_the_immediate_successor_at_once(self):
        self.rotate()
        for _ in range(5):
            old, middle = chain(self.rows, 2)
            RefreshToken.objects.filter(token_hash=old).update(revoked_at=timezone.now())
            newest, again = self.at_once(
                partial(rotate_refresh_token, **rotation(middle)),
                partial(rotate_refresh_token, **rotation(old)),
            )
            user = RefreshToken.objects.get(token_hash=old).user_id
            # Either the old one came first, and got the middle one; or it was told as reused.
            self.assertEqual(open_tokens().filter(user=user).exists(), not again.was_reused)
            self.assertIn(again.token_id, [RefreshToken.objects.get(token_hash=middle).pk, None])
            self.assertFalse(newest.is_repetition)

    def test_is_reuse_where_the_successor_is_not_good_any_more(self):
        self.rotate()
        for values in [{"revoked_at": LONG_AGO}, {"expires_at": LONG_AGO}]:
            with self.subTest(values), transaction.atomic():
                self.revoke_successor(**values)
                self.assertTrue(self.rotate().was_reused)
                transaction.set_rollback(True)

    def test_is_reuse_where_the_session_was_revoked_or_has_expired(self):
        self.rotate()
        for values in [{"revoked_at": LONG_AGO}, {"expires_at": LONG_AGO}]:
            with self.subTest(values), transaction.atomic():
                UserSession.objects.update(**values)
                self.assertTrue(self.rotate().was_reused)
                self.assertFalse(open_tokens().exists())
                transaction.set_rollback(True)

    def test_of_a_user_who_is_not_active_is_refused(self):
        self.rotate()
        User.objects.update(status="suspended")
        with self.assertRaises(NotAllowed):
            self.rotate()

    def test_after_signing_out_everywhere_signs_nobody_in(self):
        sign_out_everywhere(user_id=self.rotate().user_id)
        self.assertTrue(self.rotate().was_reused)


class EndOfAChain(ServiceTests):
    """REFRESH_TOKEN_ABSOLUTE_LIFETIME, which is 90 days if nothing else is set."""

    def begin(self, *, days_ago, size=1, session=True):
        """Make a chain that began so long ago, and return the hash of its newest token."""
        hashes = chain(self.rows, size)
        began = timezone.now() - timedelta(days=days_ago)
        sessions_of(hashes[-1]).update(created_at=began)
        RefreshToken.objects.filter(token_hash=hashes[0]).update(created_at=began)
        if not session:
            sessions_of(hashes[-1]).delete()
        return hashes[-1]

    def left(self, arguments):
        """Rotate, and return how many days the new token has, and that its session has as many."""
        token = RefreshToken.objects.get(pk=rotate_refresh_token(**arguments).token_id)
        for session in token.sessions.all():
            self.assertEqual(session.expires_at, token.expires_at)
        return (token.expires_at - timezone.now()) / timedelta(days=1)

    def test_cuts_the_last_lifetime_short(self):
        for session in (True, False):
            with self.subTest(session=session):
                newest = self.begin(days_ago=80, size=3, session=session)
                self.assertAlmostEqual(self.left(rotation(newest)), 10, places=2)
                newest = self.begin(days_ago=50, size=3, session=session)
                self.assertAlmostEqual(self.left(rotation(newest)), 30, places=2)

    def test_refuses_what_comes_later(self):
        for session in (True, False):
            newest = self.begin(days_ago=91, size=3, session=session)
            before = self.content()
            with self.subTest(session=session), self.assertRaises(TokenSpent):
                rotate_refresh_token(**rotation(newest))
            self.assertEqual(self.content(), before)

    @override_settings(REFRESH_TOKEN_ABSOLUTE_LIFETIME=0)
    def test_never_comes_where_the_setting_is_zero(self):
        newest = self.begin(days_ago=9000)
        self.assertAlmostEqual(self.left(rotation(newest)), 30, places=2)

    def test_survives_times_that_python_cannot_read(self):
        for began, refused in [("infinity", False), ("-infinity", True), ("4000-1-1 BC", True)]:
            newest = self.begin(days_ago=1)
            self.rows.cursor.execute(
                "UPDATE user_sessions SET created_at = %s, expires_at = 'infinity'"
                " WHERE refresh_token_id = (SELECT id FROM refresh_tokens WHERE token_hash = %s)",
                [began, newest],
            )
            with self.subTest(began), self.assertRaises(TokenSpent) if refused else nullcontext():
                rotate_refresh_token(**rotation(newest))


class ConsumeResetToken(ServiceTests):
    def setUp(self):
        super().setUp()
        self.user = self.rows.insert("users", failed_login_attempts=5, locked_until=LATER)
        self.token = self.token_of(self.user)
        for table in ("refresh_tokens", "user_sessions"):
            fill(self.rows, table, self.user, 2)

    def token_of(self, user, expires_at=LATER):
        token_hash = new_hash()
        self.rows.insert(
            "password_reset_tokens", user_id=user, token_hash=token_hash, expires_at=expires_at
        )
        return token_hash

    def consume(self, token_hash):
        return consume_reset_token(token_hash=token_hash, password_hash=PASSWORD_HASH)

    def test_sets_the_password_and_signs_out_everywhere(self):
        other = self.token_of(self.rows.insert("users"))
        self.token_of(self.user)
        self.assertEqual(self.consume(self.token), self.user)
        user = User.objects.get(pk=self.user)
        self.assertEqual(user.password, PASSWORD_HASH)
        self.assertEqual(
            (user.token_version, user.failed_login_attempts, user.locked_until), (1, 0, None)
        )
        self.assertFalse(open_tokens().exists() or open_sessions().exists())
        # None of the user's others can be used any more.
        unused = PasswordResetToken.objects.filter(used_at=None)
        self.assertEqual(list(unused.values_list("token_hash", flat=True)), [other])

    def test_is_refused(self):
        expired = self.token_of(self.user, expires_at=EARLIER)
        deleted = self.token_of(self.rows.insert("users", deleted_at=LONG_AGO))
        used = self.token_of(self.rows.insert("users"))
        self.consume(used)
        before = self.content()
        for error, token_hash, password_hash in [
            (NotFound, new_hash(), PASSWORD_HASH),
            (NotFound, deleted, PASSWORD_HASH),
            (TokenSpent, expired, PASSWORD_HASH),
            (TokenSpent, used, PASSWORD_HASH),
            (Invalid, "the token itself", PASSWORD_HASH),
            (Invalid, self.token, "the password itself"),
            (Invalid, self.token, "!"),
            (Invalid, self.token, PASSWORD_HASH + "\0"),
            (Invalid, self.token, PASSWORD_HASH + "\ud83d"),
            (Invalid, self.token, PASSWORD_HASH + "x" * 255),
        ]:
            with self.subTest(error=error):
                with self.assertRaises(error) as refusal:
                    consume_reset_token(token_hash=token_hash, password_hash=password_hash)
                self.assertNotIn(token_hash, str(refusal.exception))
                self.assertNotIn("itself", str(refusal.exception))
                self.assertEqual(self.content(), before)

    def test_at_once_succeeds_once(self):
        tokens = [self.token, self.token, self.token_of(self.user), self.token_of(self.user)]
        outcomes = self.at_once(*(partial(self.consume, token) for token in tokens))
        self.assertEqual(outcomes.count(self.user), 1)
        self.assertEqual(sum(isinstance(outcome, TokenSpent) for outcome in outcomes), 3)


class ConsumeVerificationToken(ServiceTests):
    def token_for(self, email, expires_at=LATER, **user):
        token_hash = new_hash()
        self.rows.insert(
            "email_verification_tokens",
            user_id=self.rows.insert("users", email="nadia@veza.example", **user),
            email=email,
            token_hash=token_hash,
            expires_at=expires_at,
        )
        return token_hash

    def test_verifies_the_address_once(self):
        token_hash = self.token_for("nadia@veza.example")
        outcomes = self.at_once(*4 * [partial(consume_verification_token, token_hash=token_hash)])
        user = User.objects.get()
        self.assertTrue(user.is_verified)
        self.assertEqual(outcomes.count(user.pk), 1)
        self.assertEqual(sum(isinstance(outcome, TokenSpent) for outcome in outcomes), 3)
        self.assertIsNotNone(EmailVerificationToken.objects.get().used_at)

    def test_is_refused(self):
        for error, arguments in [
            (Conflict, {"email": "former@veza.example"}),
            (TokenSpent, {"email": "nadia@veza.example", "expires_at": EARLIER}),
            (NotFound, {"email": "nadia@veza.example", "deleted_at": EARLIER}),
        ]:
            with self.subTest(arguments):
                User.objects.all().delete()
                token_hash = self.token_for(**arguments)
                before = self.content()
                with self.assertRaises(error) as refusal:
                    consume_verification_token(token_hash=token_hash)
                self.assertNotIn(token_hash, str(refusal.exception))
                self.assertEqual(self.content(), before)
        with self.assertRaises(NotFound):
            consume_verification_token(token_hash=new_hash())
        with self.assertRaises(Invalid):
            consume_verification_token(token_hash="the token itself")


class PurgeExpired(ServiceTests):
    tables = (
        "refresh_tokens",
        "password_reset_tokens",
        "email_verification_tokens",
        "user_sessions",
    )

    def setUp(self):
        super().setUp()
        self.user = self.rows.insert("users")

    def fill(self, size, expires_at):
        for table in self.tables:
            extra = {"email": "x"} if table == "email_verification_tokens" else {}
            if extra:
                for _ in range(size):
                    self.rows.insert(
                        table, user_id=self.user, token_hash=new_hash(), expires_at=expires_at
                    )
            else:
                fill(self.rows, table, self.user, size, expires_at)

    def test_deletes_what_has_expired_in_batches(self):
        self.fill(5, EARLIER)
        self.fill(2, LATER)
        self.assertEqual(purge_expired(limit=3), (3, 3, 3, 3))
        self.assertEqual(purge_expired(limit=3), (2, 2, 2, 2))
        self.assertEqual(purge_expired(limit=3), (0, 0, 0, 0))
        for table in self.tables:
            self.assertEqual(self.rows.fetch(f"SELECT count(*) FROM {table}"), 2)

    def test_keeps_what_is_used_or_revoked_until_it_expires(self):
        self.fill(1, LATER)
        RefreshToken.objects.update(revoked_at=LONG_AGO)
        PasswordResetToken.objects.update(used_at=LONG_AGO)
        self.assertEqual(purge_expired(), (0, 0, 0, 0))

    def test_never_parts_a_chain(self):
        hashes = chain(self.rows, 6)

        def expire(*numbers):
            expired = [hashes[number] for number in numbers]
            RefreshToken.objects.filter(token_hash__in=expired).update(expires_at=LONG_AGO)

        def left():
            return [
                hashes.index(token_hash)
                for token_hash in RefreshToken.objects.values_list("token_hash", flat=True)
            ]

        expire(0, 1, 3)
        while purge_expired(limit=1).refresh_tokens:
            pass
        self.assertEqual(sorted(left()), [2, 3, 4, 5])
        expire(2)
        purge_expired()
        self.assertEqual(sorted(left()), [4, 5])
        self.assertTrue(rotate_refresh_token(**rotation(hashes[4])).was_reused)
        self.assertFalse(open_tokens().exists())

    def test_passes_over_what_is_locked(self):
        self.fill(2, EARLIER)
        other = self.rows.insert("users")
        fill(self.rows, "refresh_tokens", other, 1, EARLIER)

        def purge_beside_a_sign_out():
            with transaction.atomic():
                User.objects.select_for_update(no_key=True).get(pk=self.user)
                UserSession.objects.select_for_update().first()
                (purged,) = self.at_once(purge_expired)
            return purged

        self.assertEqual(purge_beside_a_sign_out(), (1, 2, 2, 1))

    def test_keeps_a_session_that_is_over_while_its_token_could_be_shown(self):
        (token_hash,) = chain(self.rows, 1)
        sessions_of(token_hash).update(expires_at=EARLIER)
        self.assertEqual(purge_expired().user_sessions, 0)
        with self.assertRaises(TokenSpent):
            rotate_refresh_token(**rotation(token_hash))
        RefreshToken.objects.update(revoked_at=LONG_AGO)
        self.assertEqual(purge_expired().user_sessions, 1)

    def test_at_once_shares_the_work(self):
        for _ in range(20):
            chain(self.rows, 10, expires_at=EARLIER)
        fill(self.rows, "user_sessions", self.user, 100, EARLIER)

        def purge():
            batches = []
            while any(batch := purge_expired(limit=7)):
                batches.append(batch)
            return [sum(counts) for counts in zip(*batches, strict=True)]

        outcomes = self.at_once(purge, purge, purge)
        # One that finds everything locked leaves the rest to the others.
        self.assertEqual(sum(counts[0] for counts in outcomes if counts), 200)
        self.assertEqual(sum(counts[3] for counts in outcomes if counts), 100)

    def test_is_refused_for_no_rows(self):
        for limit in (0, -1):
            with self.assertRaises(Invalid):
                purge_expired(limit=limit)


class PurgeExpiredAmongMany(ServiceTests):
    few_rows = False

    def test_uses_the_indexes(self):
        for _ in range(3):
            user = self.rows.insert("users")
            for table in ("refresh_tokens", "user_sessions"):
                fill(self.rows, table, user, 5000)
        connection.cursor().execute("ANALYZE")
        plans = []

        def explain(execute, sql, parameters, *rest):
            with connection.connection.cursor() as cursor:
                plan = cursor.execute(f"EXPLAIN {sql}", parameters).fetchall()
            plans.append("\n".join(line for (line,) in plan))
            return execute(sql, parameters, *rest)

        with connection.execute_wrapper(explain):
            purge_expired.__wrapped__()
        tokens, *_, sessions = plans
        for plan in (tokens, sessions):
            self.assertNotIn("Seq Scan on refresh_tokens", plan)
            self.assertNotIn("Seq Scan on user_sessions", plan)


class PurgeCommand(ServiceTests):
    def test_deletes_everything_that_has_expired_and_says_so(self):
        user = self.rows.insert("users")
        fill(self.rows, "user_sessions", user, 25, EARLIER)
        fill(self.rows, "user_sessions", user, 1, LATER)
        chain(self.rows, 7, expires_at=EARLIER)
        output = StringIO()
        call_command("purge_expired", batch=10, stdout=output)
        self.assertEqual(UserSession.objects.count(), 2)
        self.assertFalse(RefreshToken.objects.exists())
        self.assertIn("refresh_tokens: deleted 7\n", output.getvalue())
        self.assertIn("user_sessions: deleted 25\n", output.getvalue())
        self.assertNotIn("left", output.getvalue())

    def test_says_what_it_had_to_leave(self):
        user = self.rows.insert("users")
        fill(self.rows, "refresh_tokens", user, 2, EARLIER)
        output = StringIO()
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get()
            self.at_once(partial(call_command, "purge_expired", stdout=output))
        self.assertIn("refresh_tokens: deleted 0\n", output.getvalue())
        self.assertIn("2 expired rows are left, because they", output.getvalue())
        RefreshToken.objects.filter(pk=RefreshToken.objects.first().pk).delete()
        output = StringIO()
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get()
            self.at_once(partial(call_command, "purge_expired", stdout=output))
        self.assertIn("1 expired row is left, because it", output.getvalue())

    def test_shows_a_bar_on_a_terminal_and_not_in_the_colour_of_errors(self):
        fill(self.rows, "user_sessions", self.rows.insert("users"), 4, EARLIER)
        terminal = Terminal()
        call_command("purge_expired", batch=2, stdout=StringIO(), stderr=terminal, force_color=True)
        self.assertIn(" 50% 2", terminal.getvalue())
        self.assertTrue(terminal.getvalue().endswith(" 100% 4\n"))
        self.assertNotIn("\x1b", terminal.getvalue())

    def test_refuses_what_is_no_size_of_a_batch_in_one_line(self):
        for batch, message in [
            ("0", "A batch must be 1 to 2147483647, not 0."),
            ("-3", "A batch must be 1 to 2147483647, not -3."),
            (str(2**31), "A batch must be 1 to 2147483647, not 2147483648."),
            (str(10**30), f"A batch must be 1 to 2147483647, not {10**30}."),
            *[(text, f"invalid int value: '{text}'") for text in ("nan", "inf", "1.5", "many", "")],
        ]:
            with self.subTest(batch), self.assertRaisesMessage(CommandError, message):
                call_command("purge_expired", f"--batch={batch}")
