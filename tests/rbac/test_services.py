"""Roles are granted, revoked, filled and deleted whole, and one super_admin always stays."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from random import Random

from django.db import transaction

from accounts.models import User, UserRole, UserStatus
from accounts.services import change_user_role, change_user_status, soft_delete_user
from accounts.super_admins import protect_last_super_admin
from rbac.models import Permission, Role, RoleGrant, RolePermission
from rbac.services import (
    LastSuperAdmin,
    delete_role,
    grant_role,
    replace_permissions,
    revoke_role,
)
from rbac.system_roles import create_missing
from tests.support.examples.rbac import permissions
from tests.support.services import ServiceTests
from veza_site.transactions import Invalid, NotAllowed, NotFound

EARLIER = datetime(2001, 2, 3, tzinfo=UTC)
SOON = datetime(2100, 1, 1, tzinfo=UTC)
LATER = SOON + timedelta(days=1)


class GrantRole(ServiceTests):
    def setUp(self):
        super().setUp()
        self.user, self.admin, self.other = (self.rows.insert("users") for _ in range(3))
        self.role = self.rows.insert("roles")

    def grant(self, **arguments):
        names = {"user_id": self.user, "role_id": self.role, "granted_by_id": self.admin}
        return grant_role(**names | arguments)

    def granted(self):
        return list(RoleGrant.objects.values_list("user_id", "granted_by_id", "expires_at"))

    def test_grants(self):
        grant = self.grant(expires_at=SOON)
        self.assertEqual(RoleGrant.objects.get().pk, grant)
        self.assertEqual(self.granted(), [(self.user, self.admin, SOON)])

    def test_grants_for_the_platform(self):
        self.grant(granted_by_id=None)
        self.assertEqual(self.granted(), [(self.user, None, None)])

    def test_lets_the_later_expiry_and_its_granter_stay(self):
        cases = [
            # the one that is there, the new one, the one that stays, whether it is the new one
            (SOON, LATER, LATER, True),
            (LATER, SOON, LATER, False),
            (SOON, SOON, SOON, False),
            (SOON, None, None, True),
            (None, SOON, None, False),
            (None, None, None, False),
            (EARLIER, SOON, SOON, True),
            (EARLIER, None, None, True),
        ]
        for old, new, stays, is_new in cases:
            with self.subTest(old=old, new=new):
                RoleGrant.objects.all().delete()
                RoleGrant.objects.create(
                    user_id=self.user, role_id=self.role, granted_by_id=self.other, expires_at=old
                )
                self.assertEqual(self.grant(expires_at=new) is not None, is_new)
                granter = self.admin if is_new else self.other
                self.assertEqual(self.granted(), [(self.user, granter, stays)])

    def test_is_refused(self):
        absent = uuid.uuid4()
        deleted_user = self.rows.insert("users", deleted_at=EARLIER)
        deleted_role = self.rows.insert("roles", deleted_at=EARLIER)
        for error, arguments in [
            (NotFound, {"user_id": absent}),
            (NotFound, {"user_id": deleted_user}),
            (NotFound, {"granted_by_id": absent}),
            (NotFound, {"granted_by_id": deleted_user}),
            (NotFound, {"role_id": absent}),
            (NotFound, {"role_id": deleted_role}),
            (Invalid, {"expires_at": EARLIER}),
            (Invalid, {"expires_at": SOON.replace(tzinfo=None)}),
            (Invalid, {"expires_at": datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))}),
        ]:
            with self.subTest(arguments), self.assertRaises(error):
                self.grant(**arguments)
        self.assertEqual(self.granted(), [])

    def test_is_done_by_the_active_alone_and_to_anybody(self):
        for status in set(UserStatus) - {UserStatus.ACTIVE}:
            other = self.rows.insert("users", status=status)
            with self.subTest(status):
                with self.assertRaisesMessage(NotAllowed, f"is {status}"):
                    self.grant(granted_by_id=other)
                self.assertIsNotNone(self.grant(user_id=other))

    def test_waits_for_a_ban_of_the_granter_and_is_then_refused(self):
        ban = partial(User.objects.filter(pk=self.admin).update, status=UserStatus.BANNED)
        self.assertIsInstance(self.behind(ban, self.grant), NotAllowed)
        self.assertEqual(self.granted(), [])

    def test_at_once_leaves_one_grant_with_the_latest_expiry(self):
        times = [SOON + timedelta(hours=hours) for hours in range(8)]
        Random(0).shuffle(times)
        outcomes = self.at_once(*(partial(self.grant, expires_at=time) for time in times))
        self.assertLessEqual(set(outcomes), {RoleGrant.objects.get().pk, None})
        self.assertEqual(self.granted(), [(self.user, self.admin, max(times))])

    def test_is_undone_with_the_callers_transaction(self):
        with transaction.atomic():
            self.grant()
            transaction.set_rollback(True)
        self.assertEqual(self.granted(), [])

    def test_leaves_the_callers_transaction_usable_when_refused(self):
        with transaction.atomic():
            with self.assertRaises(NotFound):
                self.grant(role_id=uuid.uuid4())
            self.grant()
        self.assertEqual(len(self.granted()), 1)

    def test_waits_for_a_deletion_of_the_role_and_then_finds_none(self):
        granted = self.behind(partial(delete_role, role_id=self.role), self.grant)
        self.assertIsInstance(granted, NotFound)
        self.assertEqual(self.granted(), [])


class GuardedGrant(ServiceTests):
    def setUp(self):
        super().setUp()
        create_missing()
        self.user = self.rows.insert("users")
        self.admin = self.rows.insert("users", role="admin")
        self.role = self.rows.insert("roles")
        self.allow("tracks", "update")

    def allow(self, resource, action):
        permission, _ = Permission.objects.get_or_create(resource=resource, action=action)
        RolePermission.objects.create(role_id=self.role, permission=permission)

    def grant(self, **arguments):
        names = {"user_id": self.user, "role_id": self.role, "granted_by_id": self.admin}
        return grant_role(**names | arguments, guarded=True)

    def test_is_made_within_the_granters_own_rights(self):
        grant = self.grant()
        self.assertEqual(RoleGrant.objects.get().pk, grant)
        self.assertIsNone(self.grant())

    def test_is_refused(self):
        deleted = self.rows.insert("users", deleted_at=EARLIER)
        for error, arguments in [
            (NotAllowed, {"granted_by_id": None}),
            (NotAllowed, {"granted_by_id": self.rows.insert("users")}),
            (NotAllowed, {"granted_by_id": uuid.uuid4()}),
            (NotAllowed, {"granted_by_id": self.user, "user_id": self.admin}),
            (NotAllowed, {"user_id": self.admin}),
            (NotAllowed, {"role_id": Role.objects.get(name="super_admin").pk}),
            (NotFound, {"user_id": deleted}),
            (NotFound, {"user_id": uuid.uuid4()}),
            (NotFound, {"role_id": uuid.uuid4()}),
            (Invalid, {"expires_at": EARLIER}),
        ]:
            with self.subTest(arguments), self.assertRaises(error):
                self.grant(**arguments)
        self.allow("tracks", "delete")
        with self.assertRaises(NotAllowed):
            self.grant()
        self.assertFalse(RoleGrant.objects.exists())

    def test_is_refused_if_the_granter_loses_the_right_meanwhile(self):
        demote = partial(change_user_role, user_id=self.admin, role=UserRole.MODERATOR)
        self.assertIsInstance(self.behind(demote, self.grant), NotAllowed)

    def test_is_refused_if_the_role_comes_to_allow_more_meanwhile(self):
        everything = Permission.objects.get(resource="*", action="*").pk
        widen = partial(replace_permissions, role_id=self.role, permission_ids=[everything])
        self.assertIsInstance(self.behind(widen, self.grant), NotAllowed)


class RevokeRole(ServiceTests):
    def test_takes_one_role_from_one_user(self):
        grant = self.rows.insert("user_roles")
        user, role = RoleGrant.objects.values_list("user_id", "role_id").get()
        same_role = self.rows.insert("user_roles", role_id=role)
        same_user = self.rows.insert("user_roles", user_id=user)
        self.assertTrue(revoke_role(user_id=user, role_id=role))
        self.assertEqual(
            set(RoleGrant.objects.values_list("id", flat=True)), {same_role, same_user}
        )
        self.assertFalse(revoke_role(user_id=user, role_id=role))
        self.assertNotIn(grant, [same_role, same_user])

    def test_of_nobody_and_nothing_is_no_error(self):
        self.assertFalse(revoke_role(user_id=uuid.uuid4(), role_id=uuid.uuid4()))


class ReplacePermissions(ServiceTests):
    def setUp(self):
        super().setUp()
        self.role = self.rows.insert("roles")

    def allowed(self):
        return set(
            RolePermission.objects.filter(role=self.role).values_list("permission_id", flat=True)
        )

    def replace(self, wanted):
        return replace_permissions(role_id=self.role, permission_ids=wanted)

    def test_leaves_these_and_no_others_and_keeps_the_rows_of_those_that_stay(self):
        a, b, c = permissions(self.rows, 3)
        self.assertEqual(self.replace([a, b, b]), (2, 0))
        kept = RolePermission.objects.get(permission=b).pk
        self.assertEqual(self.replace([b, c]), (1, 1))
        self.assertEqual(self.allowed(), {b, c})
        self.assertEqual(RolePermission.objects.get(permission=b).pk, kept)
        self.assertEqual(self.replace([b, c]), (0, 0))
        self.assertEqual(self.replace([]), (0, 2))

    def test_touches_no_other_role(self):
        (permission,) = permissions(self.rows, 1)
        other = self.rows.insert("role_permissions", permission_id=permission)
        self.replace([permission])
        self.replace([])
        self.assertTrue(RolePermission.objects.filter(pk=other).exists())

    def test_is_refused_for_what_is_not_there(self):
        (permission,) = permissions(self.rows, 1)
        self.replace([permission])
        with self.assertRaises(NotFound):
            self.replace([uuid.uuid4()])
        with self.assertRaises(NotFound):
            replace_permissions(role_id=uuid.uuid4(), permission_ids=[permission])
        deleted = self.rows.insert("roles", deleted_at=EARLIER)
        with self.assertRaises(NotFound):
            replace_permissions(role_id=deleted, permission_ids=[permission])
        self.assertEqual(self.allowed(), {permission})

    def test_names_a_few_of_many_that_are_not_there(self):
        with self.assertRaisesRegex(NotFound, r"^There is no permission (\S+ ){4}9997 more\.$"):
            self.replace([uuid.uuid4() for _ in range(10_000)])

    def test_at_once_never_leaves_a_mixture(self):
        everything = permissions(self.rows, 40)
        random = Random(1)
        for _ in range(10):
            sets = [random.sample(everything, 20) for _ in range(6)]
            self.at_once(*(partial(self.replace, wanted) for wanted in sets))
            self.assertIn(self.allowed(), [set(wanted) for wanted in sets])


class DeleteRole(ServiceTests):
    def test_takes_its_grants_and_permissions_with_it(self):
        role = self.rows.insert("roles")
        other = self.rows.insert("user_roles")
        for _ in range(3):
            self.rows.insert("user_roles", role_id=role)
            self.rows.insert("role_permissions", role_id=role)
        self.assertEqual(delete_role(role_id=role), 3)
        self.assertIsNotNone(Role.objects.get(pk=role).deleted_at)
        self.assertEqual(list(RoleGrant.objects.values_list("pk", flat=True)), [other])
        self.assertFalse(RolePermission.objects.exists())
        self.assert_sound()
        with self.assertRaises(NotFound):
            delete_role(role_id=role)

    def test_is_refused_for_a_system_role(self):
        role = self.rows.insert("roles", is_system=True)
        self.rows.insert("user_roles", role_id=role)
        with self.assertRaises(NotAllowed):
            delete_role(role_id=role)
        self.assertEqual(RoleGrant.objects.count(), 1)

    def test_while_it_is_granted_and_filled_leaves_nothing_of_it(self):
        users = [self.rows.insert("users") for _ in range(3)]
        wanted = permissions(self.rows, 5)
        for _ in range(10):
            role = self.rows.insert("roles")
            self.at_once(
                partial(delete_role, role_id=role),
                partial(replace_permissions, role_id=role, permission_ids=wanted),
                *(
                    partial(grant_role, user_id=user, role_id=role, granted_by_id=None)
                    for user in users
                ),
            )
            self.assertFalse(RoleGrant.objects.exists() or RolePermission.objects.exists())
            self.assert_sound()


class SuperAdmins(ServiceTests):
    def setUp(self):
        super().setUp()
        self.role = self.rows.insert("roles", name="super_admin")

    def granted(self, **values):
        return self.granted_to(self.rows.insert("users", role=UserRole.MODERATOR), **values)

    def granted_to(self, user, **values):
        self.rows.insert("user_roles", user_id=user, role_id=self.role, **values)
        return user

    def by_role(self, **values):
        return self.rows.insert("users", role=UserRole.SUPER_ADMIN, **values)

    def revoke(self, user):
        return revoke_role(user_id=user, role_id=self.role)

    def ban(self, user):
        return change_user_status(user_id=user, status=UserStatus.BANNED)

    def demote(self, user):
        return change_user_role(user_id=user, role=UserRole.ADMIN)

    def delete(self, user):
        return soft_delete_user(user_id=user)

    def delete_for_good(self, rows):
        with transaction.atomic(), protect_last_super_admin():
            rows.delete()

    def test_the_last_one_stays_whatever_made_them_one(self):
        # Neither of these is one.
        self.granted(expires_at=EARLIER)
        self.by_role(deleted_at=EARLIER)
        self.by_role(status=UserStatus.SUSPENDED)
        last = self.granted()
        before = self.content()
        for change in [
            partial(self.revoke, last),
            partial(self.ban, last),
            partial(self.delete, last),
            partial(change_user_role, user_id=last, role=UserRole.USER),
            partial(delete_role, role_id=self.role),
        ]:
            with self.subTest(change), self.assertRaises(LastSuperAdmin):
                change()
            self.assertEqual(self.content(), before)
        other = self.by_role()
        self.revoke(last)
        for change in (self.ban, self.demote, self.delete):
            with self.assertRaises(LastSuperAdmin):
                change(other)

    def test_one_whose_grant_expires_is_not_enough(self):
        last = self.granted()
        temporary = self.granted(expires_at=SOON)
        with self.assertRaises(LastSuperAdmin):
            self.revoke(last)
        self.assertTrue(self.revoke(temporary))

    def test_a_listener_who_was_granted_the_role_is_not_enough(self):
        listener = self.granted_to(self.rows.insert("users"))
        last = self.by_role()
        for change in (self.ban, self.demote, self.delete):
            with self.assertRaises(LastSuperAdmin):
                change(last)
        with self.assertRaises(LastSuperAdmin):
            self.delete_for_good(User.objects.filter(pk=last))
        for change in (self.revoke, self.ban, self.delete):  # it takes nothing away
            change(listener)

    def test_who_is_one_twice_can_lose_the_grant(self):
        user = self.by_role()
        self.rows.insert("user_roles", user_id=user, role_id=self.role)
        self.assertTrue(self.revoke(user))

    def test_others_are_not_asked_about_super_admins(self):
        user, role = self.rows.insert("users"), self.rows.insert("roles")
        self.rows.insert("user_roles", user_id=user, role_id=role)
        self.assertTrue(revoke_role(user_id=user, role_id=role))
        self.ban(user)
        # Of these two the role is worth nothing already.
        self.assertTrue(self.revoke(self.granted(expires_at=EARLIER)))
        banned = self.granted()
        User.objects.filter(pk=banned).update(status=UserStatus.BANNED)
        self.assertTrue(self.revoke(banned))

    def test_the_last_one_stays_through_deletions_for_good(self):
        last = self.granted()
        before = self.content()
        for rows in [
            User.objects.filter(pk=last),
            Role.objects.filter(pk=self.role),
            RoleGrant.objects.filter(user=last),
        ]:
            with self.subTest(rows.model), self.assertRaises(LastSuperAdmin):
                self.delete_for_good(rows)
            self.assertEqual(self.content(), before)
        self.by_role()
        self.delete_for_good(User.objects.filter(pk=last))

    def test_where_there_is_none_everything_can_be_deleted(self):
        user = self.rows.insert("users")
        self.delete_for_good(User.objects.filter(pk=user))
        self.assertFalse(User.objects.exists())

    def test_at_once_never_loses_the_last_one(self):
        for _ in range(10):
            RoleGrant.objects.all().delete()
            User.objects.all().delete()
            a, b, e = (self.granted() for _ in range(3))
            c, d = self.by_role(), self.by_role()
            outcomes = self.at_once(
                partial(self.revoke, a),
                partial(self.ban, b),
                partial(self.ban, c),
                partial(self.demote, d),
                partial(self.delete, e),
                partial(delete_role, role_id=self.role),
            )
            self.assertTrue(any(isinstance(outcome, LastSuperAdmin) for outcome in outcomes))
            for outcome in outcomes:
                if isinstance(outcome, Exception):
                    self.assertIsInstance(outcome, LastSuperAdmin)
            active = User.objects.alive().filter(status=UserStatus.ACTIVE)
            self.assertTrue(
                active.filter(role=UserRole.SUPER_ADMIN).exists()
                or active.filter(user_roles__role=self.role).exists()
            )
            Role.objects.filter(pk=self.role).update(deleted_at=None)
