"""V1's roles answer Django's questions and are there after migrate, and nobody widens their own."""

import io
from datetime import UTC, datetime
from functools import partial

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.db import connection, transaction
from django.test import TestCase

from accounts.guards import check_may_act_on, check_may_change_role, check_may_moderate
from accounts.models import User, UserRole, UserStatus
from accounts.services import change_user_role
from rbac.guards import (
    check_may_allow,
    check_may_define,
    check_may_edit_permissions,
    check_may_edit_roles,
    check_may_grant,
    check_may_revoke,
)
from rbac.models import Permission, Role, RoleGrant, RolePermission
from rbac.services import grant_role
from rbac.system_roles import create_missing
from tests.support.databases import alias, connect, empty_database, v1_models
from tests.support.rows import rows
from tests.support.services import ServiceTests, statements
from veza_site.transactions import NotAllowed

EARLIER, LATER = datetime(2001, 2, 3, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
ABOUT_ROLES = {"roles", "permissions", "role_permissions", "user_roles"}
STAFF = [UserRole.MODERATOR, UserRole.ADMIN, UserRole.SUPER_ADMIN]


def person(role=UserRole.USER, **values):
    """Return a new user as a request would have him, without a query before the first question."""
    return User.objects.get(pk=rows().insert("users", role=role, **values))


def permission(model, verb):
    return f"{model._meta.app_label}.{verb}_{model._meta.model_name}"


def role_that_allows(*rights, **values):
    """Return a new role that allows these pairs of table and action."""
    role = Role.objects.get(pk=rows().insert("roles", **values))
    for resource, action in rights:
        allowed, _ = Permission.objects.get_or_create(resource=resource, action=action)
        RolePermission.objects.create(role=role, permission=allowed)
    return role


def system_role(name):
    return Role.objects.get(name=name, is_system=True, deleted_at=None)


class Permissions(TestCase):
    def test_of_the_system_roles_are_those_of_the_issue(self):
        people = {role: person(role) for role in UserRole}
        for model in v1_models():
            table = model._meta.db_table
            expected = {
                UserRole.MODERATOR: {"view"},
                UserRole.ADMIN: {"view", "moderate"},
                UserRole.SUPER_ADMIN: {"view", "moderate", "add", "change", "delete", "dance"},
            }
            if table in ("track_comments", "tracks", "rooms", "users"):
                expected[UserRole.MODERATOR] |= {"moderate"}
            if table not in ABOUT_ROLES:
                expected[UserRole.ADMIN] |= {"change"}
            for role, user in people.items():
                with self.subTest(table=table, role=role):
                    verbs = expected[UserRole.SUPER_ADMIN]
                    allowed = {verb for verb in verbs if user.has_perm(permission(model, verb))}
                    self.assertEqual(allowed, expected.get(role, set()))

    def test_with_a_row_are_those_without(self):
        role = role_that_allows(("tracks", "read"))
        user = person(UserRole.MODERATOR)
        self.assertTrue(user.has_perm("rbac.view_role", role))
        self.assertFalse(user.has_perm("rbac.change_role", role))
        self.assertEqual(user.get_all_permissions(role), user.get_all_permissions())

    def test_are_none_for_who_is_not_in_the_staff_or_not_let_in(self):
        for values in [
            {"role": UserRole.USER},
            {"status": UserStatus.SUSPENDED},
            {"status": UserStatus.BANNED},
            {"status": UserStatus.INACTIVE},
            {"deleted_at": EARLIER},
            {"locked_until": LATER},
        ]:
            user = person(**{"role": UserRole.SUPER_ADMIN} | values)
            RoleGrant.objects.create(user=user, role=role_that_allows(("*", "*")))
            with self.subTest(values):
                self.assertFalse(user.has_perm("accounts.view_user"))
                self.assertFalse(user.has_module_perms("accounts"))
                self.assertEqual(user.get_all_permissions(), set())
        self.assertFalse(AnonymousUser().has_perm("accounts.view_user"))
        self.assertTrue(person(UserRole.ADMIN, locked_until=EARLIER).has_perm("accounts.view_user"))

    def test_come_from_granted_roles_too_until_the_grant_expires(self):
        for expires_at, allowed in [(None, True), (LATER, True), (EARLIER, False)]:
            with self.subTest(expires_at):
                user = person(UserRole.MODERATOR)
                role = role_that_allows(("playlists", "delete"))
                RoleGrant.objects.create(user=user, role=role, expires_at=expires_at)
                self.assertEqual(user.has_perm("streaming.delete_playlist"), allowed)
                self.assertFalse(user.has_perm("streaming.delete_track"))
                self.assertFalse(user.has_perm("streaming.change_playlist"))

    def test_do_not_come_from_a_deleted_role(self):
        user = person(UserRole.MODERATOR)
        role = role_that_allows(("playlists", "delete"), deleted_at=EARLIER)
        RoleGrant.objects.create(user=user, role=role)
        system_role("moderator").soft_delete()
        self.assertEqual(user.get_all_permissions(), set())

    def test_do_not_come_from_a_role_that_only_has_the_name(self):
        system_role("admin").delete()
        role_that_allows(("*", "*"), name="admin")
        self.assertFalse(person(UserRole.ADMIN).has_perm("accounts.view_user"))

    def test_know_any_table_any_action_and_verbs_of_their_own(self):
        user = person(UserRole.MODERATOR)
        system_role("moderator").delete()
        for right in [("*", "export"), ("rooms", "*"), ("users", "sign_out")]:
            RoleGrant.objects.create(user=user, role=role_that_allows(right))
        for asked, answer in [
            ("streaming.export_track", True),
            ("legacy_chat.export_room", True),
            ("legacy_chat.delete_room", True),
            ("legacy_chat.view_message", False),
            ("accounts.sign_out_user", True),
            ("accounts.out_user", False),
        ]:
            with self.subTest(asked):
                self.assertEqual(user.has_perm(asked), answer)

    def test_of_a_model_that_is_unknown_are_nobodys(self):
        user = person(UserRole.SUPER_ADMIN)
        for asked in [
            *["", ".", "user", "accounts", "accounts.", "accounts.user", "accounts.view_"],
            *[
                "accounts._user",
                "accounts.view_nothing",
                "nothing.view_user",
                "accounts.view_users",
            ],
            *["accounts.view_user.x", "\x00.\x00_\x00", "accounts view_user"],
        ]:
            with self.subTest(asked):
                self.assertFalse(user.has_perm(asked))
        self.assertFalse(user.has_module_perms("nothing"))

    def test_of_an_app_are_there_with_any_right_on_one_of_its_tables(self):
        user = person(UserRole.MODERATOR)
        system_role("moderator").delete()
        RoleGrant.objects.create(user=user, role=role_that_allows(("tracks", "moderate")))
        allowed = {app.label for app in apps.get_app_configs() if user.has_module_perms(app.label)}
        self.assertEqual(allowed, {"streaming"})

    def test_together_are_those_that_are_answered_one_by_one(self):
        for role in STAFF:
            user = person(role)
            asked = [
                permission(model, verb)
                for model in apps.get_models()
                for verb in ("view", "add", "change", "delete", "moderate")
            ]
            with self.subTest(role):
                one_by_one = {name for name in asked if user.has_perm(name)}
                self.assertEqual(user.get_all_permissions(), one_by_one)

    def test_take_one_query_for_all_questions_and_none_for_who_is_not_staff(self):
        for role, queries in [(UserRole.ADMIN, 1), (UserRole.USER, 0)]:
            user = person(role)
            with self.subTest(role), self.assertNumQueries(queries):
                for model in apps.get_models():
                    for verb in ("view", "add", "change", "delete", "moderate"):
                        user.has_perm(permission(model, verb))
                        user.has_perm(permission(model, verb), model())
                    user.has_module_perms(model._meta.app_label)
                user.get_all_permissions()


class SystemRoles(TestCase):
    def state(self):
        return (
            set(Role.objects.values_list("id", "name", "display_name", "is_system", "updated_at")),
            set(RolePermission.objects.values_list("id", "role_id", "permission_id")),
        )

    def test_are_there_after_migrate(self):
        names = Role.objects.filter(is_system=True).values_list("name", flat=True)
        self.assertEqual(set(names), {"moderator", "admin", "super_admin"})
        self.assertEqual(create_missing(), [])

    def test_are_created_where_they_or_their_permissions_are_missing(self):
        before = {
            (allowed.role.name, str(allowed.permission))
            for allowed in RolePermission.objects.select_related("role", "permission")
        }
        system_role("moderator").delete()
        system_role("admin").role_permissions.filter(permission__action="read").delete()
        Permission.objects.filter(action="*").delete()
        create_missing()
        self.assertEqual(
            {
                (allowed.role.name, str(allowed.permission))
                for allowed in RolePermission.objects.select_related("role", "permission")
            },
            before,
        )

    def test_that_are_there_stay_as_they_are(self):
        Role.objects.filter(name="admin").update(display_name="Engineers")
        role = system_role("moderator")
        other = role_that_allows(("playlists", "update"))
        RolePermission.objects.create(role=role, permission=Permission.objects.get(action="*"))
        before = self.state()
        create_missing()
        self.assertEqual(self.state(), before)
        self.assertEqual(other.role_permissions.count(), 1)

    def test_leave_a_role_of_that_name_alone_and_migrate_says_so(self):
        system_role("moderator").delete()
        other = role_that_allows(name="moderator")
        output = io.StringIO()
        call_command("migrate", verbosity=1, stdout=output)
        (line,) = [line for line in output.getvalue().splitlines() if "alone" in line]
        self.assertIn("the role moderator alone", line)
        self.assertFalse(other.role_permissions.exists())
        self.assertFalse(person(UserRole.MODERATOR).has_perm("accounts.view_user"))

    def test_take_a_constant_number_of_statements(self):
        self.assertEqual(len(statements(create_missing)), 5)
        Role.objects.all().delete()
        Permission.objects.all().delete()
        self.assertEqual(len(statements(create_missing)), 5)

    def test_wait_for_their_tables_in_whatever_database(self):
        with empty_database() as name, alias(name, self), connect(name) as server:
            call_command("migrate", "accounts", database=name, verbosity=0)
            self.assertEqual(create_missing(name), [])
            call_command("migrate", "rbac", database=name, verbosity=0)
            found = server.execute("SELECT name FROM roles WHERE is_system").fetchall()
            self.assertEqual(len(found), 3)


class Guards(TestCase):
    def setUp(self):
        self.moderator, self.admin, self.super_admin = (person(role) for role in STAFF)
        self.user = person()

    def assert_allowed(self, check, actor, expected, **arguments):
        try:
            check(actor_id=actor.pk, **arguments)
        except NotAllowed as refusal:
            self.assertFalse(expected, refusal)
            self.assertRegex(str(refusal), r"^[A-Z].* .*\.$")
        else:
            self.assertTrue(expected, "it is not refused")

    def test_nobody_acts_on_who_may_more(self):
        other = {role: person(role) for role in STAFF}
        suspended = person(UserRole.ADMIN, status=UserStatus.SUSPENDED)
        by_grant = person()
        RoleGrant.objects.create(user=by_grant, role=system_role("super_admin"))
        curator = person()
        RoleGrant.objects.create(user=curator, role=role_that_allows(("playlists", "delete")))
        for target, by_moderator, by_admin in [
            (self.user, True, True),
            (other["moderator"], True, True),
            (other["admin"], False, True),
            (suspended, False, True),
            (other["super_admin"], False, False),
            (by_grant, False, False),
            (curator, False, False),
        ]:
            for actor, allowed in [
                (self.moderator, by_moderator),
                (self.admin, by_admin),
                (self.super_admin, True),
            ]:
                with self.subTest(actor=actor.role, target=target):
                    several = [self.user.pk, target.pk]
                    self.assert_allowed(check_may_act_on, actor, allowed, user_ids=several)
        for actor in (self.moderator, self.admin, self.super_admin):
            self.assert_allowed(check_may_act_on, actor, True, user_ids=[actor.pk])

    def test_moderators_moderate_listeners_whatever_these_may_elsewhere(self):
        curator = person()
        RoleGrant.objects.create(user=curator, role=role_that_allows(("playlists", "delete")))
        colleague = person(UserRole.MODERATOR)
        for target, allowed in [(curator, True), (colleague, True), (self.admin, False)]:
            with self.subTest(target=target):
                self.assert_allowed(
                    check_may_moderate, self.moderator, allowed, user_ids=[target.pk]
                )
        RoleGrant.objects.create(user=colleague, role=role_that_allows(("playlists", "create")))
        self.assert_allowed(check_may_moderate, self.moderator, False, user_ids=[colleague.pk])

    def test_a_super_admin_is_above_others_whatever_the_tables_say(self):
        system_role("super_admin").delete()
        self.assert_allowed(check_may_act_on, self.admin, False, user_ids=[self.super_admin.pk])

    def test_only_staff_acts(self):
        for values in [
            {"role": UserRole.USER},
            {"status": UserStatus.SUSPENDED},
            {"deleted_at": EARLIER},
            {"locked_until": LATER},
        ]:
            actor = person(**{"role": UserRole.ADMIN} | values)
            with self.subTest(values):
                self.assert_allowed(check_may_act_on, actor, False, user_ids=[self.user.pk])

    def test_nobody_sets_a_role_beyond_his_own_or_his_own(self):
        for actor, target, role, allowed in [
            (self.super_admin, self.user, "super_admin", True),
            (self.super_admin, self.super_admin, "admin", False),
            (self.super_admin, self.admin, "user", True),
            (self.admin, self.admin, "user", False),
            (self.admin, self.user, "moderator", True),
            (self.admin, self.user, "admin", True),
            (self.admin, self.user, "super_admin", False),
            (self.admin, self.super_admin, "user", False),
            (self.moderator, self.user, "premium", True),
            (self.moderator, self.user, "admin", False),
            (self.moderator, self.admin, "user", False),
        ]:
            with self.subTest(actor=actor.role, target=target.role, role=role):
                self.assert_allowed(
                    check_may_change_role, actor, allowed, user_ids=[target.pk], role=role
                )
        system_role("moderator").delete()
        arguments = {"user_ids": [self.user.pk], "role": "moderator"}
        self.assert_allowed(check_may_change_role, self.admin, False, **arguments)
        self.assert_allowed(check_may_change_role, self.super_admin, True, **arguments)

    def test_nobody_grants_what_he_does_not_have_or_to_himself(self):
        within = role_that_allows(("tracks", "moderate"), ("users", "read"))
        beyond = role_that_allows(("tracks", "delete"))
        wide = role_that_allows(("*", "update"))
        empty = role_that_allows()
        for actor, role, allowed in [
            (self.admin, within, True),
            (self.admin, empty, True),
            (self.admin, beyond, False),
            (self.admin, wide, False),
            (self.admin, system_role("super_admin"), False),
            (self.moderator, within, True),
            (self.moderator, system_role("admin"), False),
            (self.super_admin, wide, True),
        ]:
            with self.subTest(actor=actor.role, role=role):
                grant = partial(self.assert_allowed, check_may_grant, actor)
                grant(allowed, user_ids=[self.user.pk], role_id=role.pk)
                grant(False, user_ids=[self.user.pk, actor.pk], role_id=role.pk)
        system_role("super_admin").delete()
        hollow = role_that_allows(name="super_admin")
        self.assert_allowed(
            check_may_grant, self.admin, False, user_ids=[self.user.pk], role_id=hollow.pk
        )

    def test_nobody_revokes_from_himself_or_from_who_may_more(self):
        for actor, target, allowed in [
            (self.super_admin, self.admin, True),
            (self.super_admin, self.super_admin, False),
            (self.admin, self.admin, False),
            (self.admin, self.super_admin, False),
            (self.admin, self.moderator, True),
        ]:
            with self.subTest(actor=actor.role, target=target.role):
                self.assert_allowed(check_may_revoke, actor, allowed, user_ids=[target.pk])

    def test_nobody_edits_a_role_that_he_has_or_that_allows_more(self):
        granted = role_that_allows(("tracks", "read"))
        expired = role_that_allows(("tracks", "read"))
        for actor in (self.admin, self.super_admin):
            RoleGrant.objects.create(user=actor, role=granted)
            RoleGrant.objects.create(user=actor, role=expired, expires_at=EARLIER)
        other = role_that_allows(("tracks", "update"))
        beyond = role_that_allows(("tracks", "delete"))
        for actor, role, allowed in [
            (self.super_admin, system_role("super_admin"), False),
            (self.super_admin, system_role("admin"), True),
            (self.super_admin, granted, False),
            (self.super_admin, expired, True),
            (self.super_admin, beyond, True),
            (self.admin, system_role("admin"), False),
            (self.admin, system_role("moderator"), True),
            (self.admin, system_role("super_admin"), False),
            (self.admin, granted, False),
            (self.admin, other, True),
            (self.admin, beyond, False),
        ]:
            with self.subTest(actor=actor.role, role=role):
                edit = partial(self.assert_allowed, check_may_edit_roles, actor, allowed)
                edit(role_ids=[role.pk])
                edit(role_ids=[other.pk, role.pk])
                self.assert_allowed(
                    check_may_allow, actor, allowed, role_ids=[role.pk], permission_ids=[]
                )

    def test_nobody_gives_a_role_what_he_does_not_have(self):
        role = role_that_allows()
        within, beyond = (
            Permission.objects.get_or_create(resource="tracks", action=action)[0].pk
            for action in ("update", "delete")
        )
        for actor, ids, allowed in [
            (self.admin, [within], True),
            (self.admin, [within, beyond], False),
            (self.moderator, [within], False),
            (self.super_admin, [within, beyond], True),
        ]:
            with self.subTest(actor=actor.role, ids=ids):
                self.assert_allowed(
                    check_may_allow, actor, allowed, role_ids=[role.pk], permission_ids=ids
                )

    def test_nobody_edits_a_permission_of_his_own_or_one_beyond(self):
        everything = Permission.objects.get(resource="*", action="*")
        update = Permission.objects.get(resource="tracks", action="update")
        free = Permission.objects.create(resource="tracks", action="dance")
        for actor, edited, allowed in [
            (self.super_admin, everything, False),
            (self.super_admin, update, True),
            (self.super_admin, free, True),
            (self.admin, update, False),
            (self.admin, everything, False),
            (self.admin, free, False),
        ]:
            with self.subTest(actor=actor.role, permission=edited):
                self.assert_allowed(
                    check_may_edit_permissions, actor, allowed, permission_ids=[edited.pk]
                )
        for actor, right, allowed in [
            (self.admin, ("tracks", "update"), True),
            (self.admin, ("tracks", "*"), False),
            (self.admin, ("*", "update"), False),
            (self.super_admin, ("*", "*"), True),
        ]:
            with self.subTest(actor=actor.role, right=right):
                resource, action = right
                self.assert_allowed(
                    check_may_define, actor, allowed, resource=resource, action=action
                )

    def test_send_as_many_statements_as_they_say_whatever_the_number(self):
        role = role_that_allows(("tracks", "read")).pk
        ids = list(Permission.objects.values_list("pk", flat=True)[:1])
        for size in (1, 20):
            users = [person().pk for _ in range(size)]
            for check, number, arguments in [
                (check_may_act_on, 3, {"user_ids": users}),
                (check_may_change_role, 4, {"user_ids": users, "role": "user"}),
                (check_may_grant, 4, {"user_ids": users, "role_id": role}),
                (check_may_revoke, 3, {"user_ids": users}),
                (check_may_edit_roles, 5, {"role_ids": [role] * size}),
                (check_may_allow, 6, {"role_ids": [role] * size, "permission_ids": ids * size}),
                (check_may_edit_permissions, 4, {"permission_ids": ids * size}),
                (check_may_define, 2, {"resource": "x", "action": "y"}),
            ]:
                with self.subTest(check=check.__name__, size=size):
                    sent = statements(partial(check, actor_id=self.super_admin.pk, **arguments))
                    self.assertEqual(len(sent), number)


class GuardsAtOnce(ServiceTests):
    def setUp(self):
        super().setUp()
        create_missing()

    def test_let_one_of_two_demote_the_other(self):
        def demote(actor, target):
            with transaction.atomic():
                check_may_change_role(actor_id=actor, user_ids=[target], role=UserRole.USER)
                change_user_role(user_id=target, role=UserRole.USER)

        for _ in range(5):
            a, b = (self.rows.insert("users", role="admin") for _ in range(2))
            outcomes = self.at_once(partial(demote, a, b), partial(demote, b, a))
            self.assertEqual(sorted(outcome is None for outcome in outcomes), [False, True])
            refused = [outcome for outcome in outcomes if outcome is not None]
            self.assertIsInstance(refused[0], NotAllowed)

    def test_see_what_a_target_has_been_given_meanwhile(self):
        moderator, target = self.rows.insert("users", role="moderator"), self.rows.insert("users")
        role = Role.objects.get(name="admin").pk

        def act():
            with transaction.atomic():
                check_may_act_on(actor_id=moderator, user_ids=[target])

        outcome = self.behind(
            partial(grant_role, user_id=target, role_id=role, granted_by_id=None), act
        )
        self.assertIsInstance(outcome, NotAllowed)

    def test_see_what_a_role_has_come_to_allow_meanwhile(self):
        admin, user = self.rows.insert("users", role="admin"), self.rows.insert("users")
        role = self.rows.insert("roles")
        everything = Permission.objects.get(resource="*", action="*").pk

        def allow_everything():
            # As replace_permissions() does, which locks the role.
            connection.cursor().execute("SELECT FROM roles WHERE id = %s FOR NO KEY UPDATE", [role])
            self.rows.insert("role_permissions", role_id=role, permission_id=everything)

        def grant():
            with transaction.atomic():
                check_may_grant(actor_id=admin, user_ids=[user], role_id=role)

        self.assertIsInstance(self.behind(allow_everything, grant), NotAllowed)
