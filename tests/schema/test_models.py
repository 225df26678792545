"""The abstract bases: values come from the database, soft delete is explicit."""

from datetime import UTC, datetime

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Lower
from django.test import TestCase, TransactionTestCase

from accounts.models import User
from legacy_chat.models import Room, RoomType
from rbac.models import Permission
from streaming.models import PlaylistFollow, TrackPlay
from tests.support.rows import rows

LONG_AGO = datetime(2001, 2, 3, tzinfo=UTC)


def now():
    """Return the time of the current transaction, which is what the database writes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_TIMESTAMP")
        return cursor.fetchone()[0]


class Save(TestCase):
    def test_creates_with_the_values_of_the_database_in_one_query(self):
        with self.assertNumQueries(1):
            room = Room.objects.create(name="lobby")
        self.assertEqual((room.created_at, room.updated_at), (now(), now()))
        self.assertEqual((room.room_type, room.max_members), (RoomType.GROUP, 1000))
        self.assertEqual(room, Room.objects.get())

    def test_updates_with_the_time_of_the_trigger_in_one_query(self):
        room = Room.objects.create(name="lobby", updated_at=LONG_AGO)
        self.assertEqual(room.updated_at, LONG_AGO)
        for save in (
            lambda: room.save(),
            lambda: room.save(update_fields=["name"]),
            lambda: room.save(update_fields={"name"}, force_update=True),
        ):
            room.updated_at = LONG_AGO
            with self.assertNumQueries(1):
                save()
            self.assertEqual(room.updated_at, now())

    def test_with_no_fields_to_update_does_nothing(self):
        room = Room.objects.create(name="lobby")
        with self.assertNumQueries(0):
            room.save(update_fields=[])

    def test_of_a_deferred_instance_leaves_no_stale_time(self):
        key = Room.objects.create(name="lobby", updated_at=LONG_AGO).pk
        room = Room.objects.only("name").get(pk=key)
        room.name = "hall"
        room.save()
        self.assertEqual(room.updated_at, now())

    def test_keeps_a_key_that_is_given(self):
        key = Room.objects.create(name="lobby").pk
        Room.objects.all().delete()
        self.assertEqual(Room.objects.create(id=key, name="lobby").pk, key)


class SavedTime(TransactionTestCase):
    def test_is_that_of_the_transaction_that_saved(self):
        room = Room.objects.create(name="lobby")
        created_at = room.created_at
        room.save()
        self.assertGreater(room.updated_at, created_at)
        self.assertEqual(room.updated_at, Room.objects.get().updated_at)
        self.assertEqual(room.created_at, created_at)


class Bulk(TestCase):
    def test_create_fills_the_instances(self):
        rooms = Room.objects.bulk_create(Room(name=f"room {n}") for n in range(3))
        self.assertEqual(
            {room.pk for room in rooms}, set(Room.objects.values_list("pk", flat=True))
        )
        self.assertEqual({room.updated_at for room in rooms}, {now()})
        self.assertEqual({room.room_type for room in rooms}, {RoomType.GROUP})

    def test_create_that_updates_conflicts_moves_updated_at(self):
        Permission.objects.create(resource="tracks", action="read", updated_at=LONG_AGO)
        Permission.objects.bulk_create(
            [Permission(resource="tracks", action="read", description="See tracks.")],
            update_conflicts=True,
            unique_fields=["resource", "action"],
            update_fields=["description"],
        )
        permission = Permission.objects.get(resource="tracks", action="read")
        self.assertEqual((permission.description, permission.updated_at), ("See tracks.", now()))

    def test_update_moves_updated_at(self):
        Room.objects.create(name="one", updated_at=LONG_AGO)
        Room.objects.create(name="two", updated_at=LONG_AGO)
        changed = list(Room.objects.all())
        for room in changed:
            room.room_type = RoomType.SUPPORT
        Room.objects.bulk_update(changed, ["room_type"])
        self.assertEqual(
            list(Room.objects.values_list("room_type", "updated_at")), [("support", now())] * 2
        )

    def test_queryset_update_moves_updated_at(self):
        room = Room.objects.create(name="lobby", updated_at=LONG_AGO)
        Room.objects.update(max_members=F("max_members") + 1)
        room.refresh_from_db()
        self.assertEqual((room.max_members, room.updated_at), (1001, now()))

    def test_update_or_create_creates_then_updates(self):
        room, created = Room.objects.update_or_create(name="lobby", defaults={"max_members": 5})
        self.assertTrue(created)
        Room.objects.filter(pk=room.pk).update(name="lobby")
        room, created = Room.objects.update_or_create(name="lobby", defaults={"max_members": 6})
        self.assertFalse(created)
        self.assertEqual((room.max_members, room.updated_at), (6, now()))


class EnumColumn(TestCase):
    def test_is_filtered_sorted_and_searched_like_any_other(self):
        for number, room_type in enumerate(RoomType):
            Room.objects.create(name=f"room {number}", room_type=room_type)
        types = Room.objects.values_list("room_type", flat=True)
        self.assertEqual(list(types.order_by("room_type")), list(RoomType))
        self.assertEqual(types.get(room_type=RoomType.SUPPORT), "support")
        self.assertEqual(types.filter(room_type__in=["group", "direct"]).count(), 2)
        self.assertEqual(types.exclude(room_type="group").count(), 3)
        self.assertEqual(types.get(room_type__icontains="UPP"), "support")

    def test_takes_an_expression(self):
        Room.objects.create(name="lobby")
        Room.objects.create(name="hall")
        support = Case(When(name="lobby", then=Value("support")), default=Value("channel"))
        Room.objects.update(room_type=support)
        self.assertEqual(
            dict(Room.objects.values_list("name", "room_type")),
            {"lobby": "support", "hall": "channel"},
        )
        Room.objects.filter(room_type="support").update(room_type=F("room_type"))
        room = Room.objects.create(name="attic", room_type=Lower(Value("GROUP")))
        self.assertEqual(room.room_type, "group")

    def test_refuses_what_is_no_label(self):
        with self.assertRaises(DatabaseError), transaction.atomic():
            Room.objects.create(name="lobby", room_type="kitchen")


class SoftDelete(TestCase):
    def setUp(self):
        self.room = Room.objects.create(name="lobby", updated_at=LONG_AGO)
        self.other = Room.objects.create(name="hall")

    def test_marks_the_row_in_one_query(self):
        with self.assertNumQueries(1):
            self.room.soft_delete()
        self.assertEqual((self.room.deleted_at, self.room.updated_at), (now(), now()))
        self.assertEqual(Room.objects.get(name="lobby").deleted_at, now())

    def test_again_keeps_the_first_time(self):
        Room.objects.filter(pk=self.room.pk).update(deleted_at=LONG_AGO)
        self.room.soft_delete()
        self.assertEqual(self.room.deleted_at, LONG_AGO)
        self.assertEqual(Room.objects.filter(pk=self.room.pk).soft_delete(), 0)
        self.assertEqual(Room.objects.get(name="lobby").deleted_at, LONG_AGO)

    def test_is_undone_by_restore_in_one_query(self):
        self.room.soft_delete()
        with self.assertNumQueries(1):
            self.room.restore()
        self.assertIsNone(self.room.deleted_at)
        self.assertIsNone(Room.objects.get(name="lobby").deleted_at)

    def test_can_not_be_undone_beside_a_live_row_with_the_same_name(self):
        self.room.soft_delete()
        Room.objects.create(name="lobby")
        for restore in (self.room.restore, Room.objects.deleted().restore):
            with self.assertRaisesMessage(IntegrityError, "idx_rooms_name"), transaction.atomic():
                restore()
        self.assertEqual(self.room.deleted_at, now())
        self.assertEqual(Room.objects.deleted().count(), 1)

    def test_of_a_row_that_is_gone_says_so_and_leaves_the_instance(self):
        Room.objects.filter(pk=self.room.pk).delete()
        with self.assertRaises(Room.NotUpdated), transaction.atomic():
            self.room.soft_delete()
        self.assertIsNone(self.room.deleted_at)

    def test_of_many_counts_those_it_changed(self):
        self.assertEqual(Room.objects.soft_delete(), 2)
        self.assertEqual(Room.objects.soft_delete(), 0)
        self.assertEqual(Room.objects.restore(), 2)
        self.assertEqual(Room.objects.restore(), 0)

    def test_is_visible_in_alive_and_deleted_and_hidden_nowhere(self):
        self.room.soft_delete()
        self.assertEqual(list(Room.objects.deleted()), [self.room])
        self.assertEqual(list(Room.objects.alive()), [self.other])
        self.assertEqual(Room.objects.count(), 2)

    def test_is_not_what_delete_does(self):
        self.room.delete()
        self.assertEqual(list(Room.objects.all()), [self.other])

    def test_is_offered_by_the_manager_of_users(self):
        User.objects.create_user("nadia@veza.example", "nadia").soft_delete()
        self.assertEqual(User.objects.deleted().count(), 1)


class Delete(TestCase):
    def test_of_a_user_lets_the_database_take_the_rows_along(self):
        made = rows()
        user = made.insert("users")
        play = made.insert("track_plays", user_id=user)
        made.insert("playlist_follows", user_id=user)
        with self.assertNumQueries(3):  # the user, the admin's log, the DELETE
            User.objects.get(pk=user).delete()
        self.assertIsNone(TrackPlay.objects.get(pk=play).user_id)
        self.assertFalse(PlaylistFollow.objects.exists())
