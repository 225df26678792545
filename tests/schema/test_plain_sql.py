"""What the database promises to every service that writes plain SQL."""

from django.db import connection
from django.test import TestCase

from tests.support.databases import v1_models
from tests.support.errors import refused_by
from tests.support.rows import rows
from veza_site.fields import EnumField

EARLY = "2001-02-03T04:05:06Z"

# What is written to meet the predicate of a partial index; the other predicates are met by the
# defaults.
MEETS = {"idx_track_versions_track_id_current": {"is_current": True}}

# For each CHECK, rows that it refuses.
REFUSED = {
    "chk_users_username_length": [{"username": "ab"}],
    "chk_users_failed_login_attempts": [{"failed_login_attempts": -1}],
    "chk_users_token_version": [{"token_version": -1}],
    "chk_user_profiles_bio_length": [{"bio": "x" * 501}],
    "chk_tracks_duration_seconds": [{"duration_seconds": 0}],
    "chk_tracks_bpm": [{"bpm": 0}, {"bpm": 1000}],
    "chk_tracks_file_size": [{"file_size": -1}],
    "chk_tracks_counters": [
        {"play_count": -1},
        {"like_count": -1},
        {"share_count": -1},
        {"comment_count": -1},
    ],
    "chk_track_versions_version_number": [{"version_number": 0}],
    "chk_track_versions_file_size": [{"file_size": -1}],
    "chk_track_versions_duration_seconds": [{"duration_seconds": 0}],
    "chk_playlists_counters": [{"track_count": -1}, {"follower_count": -1}],
    "chk_playlist_tracks_position": [{"position": -1}],
    "chk_track_plays_duration_played_seconds": [{"duration_played_seconds": -1}],
    "chk_track_plays_completion_percentage": [
        {"completion_percentage": -1},
        {"completion_percentage": 101},
    ],
    "chk_track_comments_content_length": [{"content": ""}, {"content": "x" * 2001}],
    "chk_track_comments_timestamp_seconds": [{"timestamp_seconds": -1}],
    "chk_hls_streams_segment_count": [{"segment_count": -1}],
    "chk_hls_streams_segment_duration_seconds": [{"segment_duration_seconds": 0}],
    "chk_hls_streams_total_size": [{"total_size": -1}],
    "chk_hls_streams_ready_has_playlist": [
        {"status": "ready", "segment_count": 1},
        {"status": "ready", "master_playlist_path": "x"},
    ],
    "chk_hls_transcode_queue_priority": [{"priority": 0}, {"priority": 11}],
    "chk_hls_transcode_queue_rerun_priority": [{"rerun_priority": 0}, {"rerun_priority": 11}],
    "chk_hls_transcode_queue_attempts": [{"attempts": -1}, {"attempts": 4}],
    "chk_hls_transcode_queue_lease": [
        {"status": "processing"},
        {"status": "processing", "locked_by": "worker"},
        {"status": "processing", "lease_expires_at": EARLY},
        {"locked_by": "worker", "lease_expires_at": EARLY},
        {"status": "completed", "lease_expires_at": EARLY},
    ],
    "chk_bitrate_adaptation_logs_bitrates": [{"from_bitrate_kbps": -1}, {"to_bitrate_kbps": -1}],
    "chk_rooms_max_members": [{"max_members": 0}],
}


class PlainSql(TestCase):
    def setUp(self):
        self.rows = rows()
        self.tables = self.rows.catalog.tables.values()

    def test_every_default_is_filled_in(self):
        for table in self.tables:
            key = self.rows.insert(table.name)
            for column in table.columns.values():
                if column.default is None:
                    continue
                with self.subTest(table=table.name, column=column.name):
                    expected = (
                        "true" if column.name == "id" else f'"{column.name}" = {column.default}'
                    )
                    self.assertTrue(
                        self.rows.fetch(f"SELECT {expected} FROM {table.name} WHERE id = %s", key)
                    )

    def test_every_update_moves_updated_at(self):
        for table in self.tables:
            if "updated_at" not in table.columns:
                continue
            with self.subTest(table=table.name):
                key = self.rows.insert(table.name, updated_at=EARLY)
                self.rows.cursor.execute(f"UPDATE {table.name} SET created_at = created_at")
                moved = f"SELECT updated_at = CURRENT_TIMESTAMP FROM {table.name} WHERE id = %s"
                self.assertTrue(self.rows.fetch(moved, key))

    def test_no_update_can_set_updated_at(self):
        key = self.rows.insert("users")
        self.rows.cursor.execute("UPDATE users SET updated_at = %s", [EARLY])
        moved = "SELECT updated_at = CURRENT_TIMESTAMP FROM users WHERE id = %s"
        self.assertTrue(self.rows.fetch(moved, key))

    def test_each_on_delete_does_what_it_says(self):
        for table in self.tables:
            for key in table.constraints.values():
                if key.kind != "foreign key":
                    continue
                with self.subTest(key=key.name, on_delete=key.on_delete):
                    (column,) = key.columns
                    parent_table = key.references.split(".")[-1]
                    parent = self.rows.insert(parent_table)
                    child = self.rows.insert(table.name, **{column: parent})
                    self.rows.cursor.execute(f"DELETE FROM {parent_table} WHERE id = %s", [parent])
                    self.rows.cursor.execute(
                        f'SELECT "{column}" FROM {table.name} WHERE id = %s', [child]
                    )
                    left = [] if key.on_delete == "CASCADE" else [(None,)]
                    self.assertEqual(self.rows.cursor.fetchall(), left)

    def test_each_check_refuses_by_its_name(self):
        for table in self.tables:
            for check in table.constraints.values():
                if check.kind != "check":
                    continue
                if check.name not in REFUSED:
                    self.fail(
                        f"add to REFUSED, in tests/schema/test_plain_sql.py, {check.name} with "
                        f"rows of {table.name} that it refuses: {check.definition}"
                    )
                for values in REFUSED[check.name]:
                    refused = refused_by(self, check.name)
                    with self.subTest(check=check.name, values=values), refused:
                        self.rows.insert(table.name, **values)

    def test_each_unique_index_refuses_by_its_name(self):
        for table, index in self.unique_indexes():
            with self.subTest(index=index.name), refused_by(self, index.name):
                first = self.values_of(table, index)
                self.rows.insert(table.name, **first)
                self.rows.insert(table.name, **first)

    def test_a_soft_delete_frees_what_was_unique(self):
        for table, index in self.unique_indexes():
            if index.predicate != "(deleted_at IS NULL)":
                continue
            with self.subTest(index=index.name):
                values = self.values_of(table, index)
                self.rows.insert(table.name, **values, deleted_at=EARLY)
                self.rows.insert(table.name, **values)
                old = self.rows.insert(table.name, **values, deleted_at=EARLY)
                with refused_by(self, index.name):
                    self.rows.cursor.execute(
                        f"UPDATE {table.name} SET deleted_at = NULL WHERE id = %s", [old]
                    )

    def test_an_email_address_is_free_again_after_a_soft_delete(self):
        old = self.rows.insert("users", email="nadia@veza.example")
        with refused_by(self, "idx_users_email"):
            self.rows.insert("users", email="nadia@veza.example")
        self.rows.cursor.execute("UPDATE users SET deleted_at = now() WHERE id = %s", [old])
        self.rows.insert("users", email="nadia@veza.example")

    def test_a_transaction_may_reorder_a_playlist(self):
        playlist = self.rows.insert("playlists")
        for position in range(3):
            self.rows.insert("playlist_tracks", playlist_id=playlist, position=position)
        self.rows.cursor.execute("UPDATE playlist_tracks SET position = 2 - position")
        self.rows.cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_a_track_has_one_open_job(self):
        track = self.rows.insert("tracks")
        self.rows.insert("hls_transcode_queue", track_id=track, status="completed")
        self.rows.insert("hls_transcode_queue", track_id=track)
        with refused_by(self, "idx_hls_transcode_queue_track_id_open"):
            self.rows.insert(
                "hls_transcode_queue",
                track_id=track,
                status="processing",
                locked_by="worker",
                lease_expires_at=EARLY,
            )

    def test_a_user_in_the_admin_log_can_be_deleted(self):
        user = self.rows.insert("users")
        self.rows.cursor.execute(
            "INSERT INTO django.django_admin_log"
            " (action_time, user_id, object_repr, action_flag, change_message)"
            " VALUES (now(), %s, 'x', 1, '')",
            [user],
        )
        self.rows.cursor.execute("DELETE FROM users WHERE id = %s", [user])
        self.assertEqual(self.rows.fetch("SELECT count(*) FROM django.django_admin_log"), 0)

    def unique_indexes(self):
        return [
            (table, index)
            for table in self.tables
            for index in table.indexes.values()
            if index.unique and not index.primary
        ]

    def values_of(self, table, index):
        values = {column: self.rows.value(table, column) for column in index.columns}
        return values | MEETS.get(index.name, {})


class RowsOfDjango(TestCase):
    def test_are_like_those_of_plain_sql(self):
        made = rows()
        for model in v1_models():
            table = made.catalog.tables[model._meta.db_table]
            unique = {
                column
                for index in table.indexes.values()
                if index.unique
                for column in index.columns
            }
            with self.subTest(table=table.name):
                theirs = made.required(table.name)
                ours = made.required(table.name, but=set(theirs) - unique)
                ours |= {column: theirs[column] for column in set(theirs) - unique}
                attributes = {field.column: field.attname for field in model._meta.local_fields}
                instance = model.objects.create(
                    **{attributes[column]: value for column, value in ours.items()}
                )
                self.assertEqual(
                    self.row(table.name, instance.pk, but=unique),
                    self.row(table.name, made.insert(table.name, **theirs), but=unique),
                )

    def row(self, table, key, but):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} WHERE id = %s", [key])
            columns = [column.name for column in cursor.description]
            row = dict(zip(columns, cursor.fetchone(), strict=True))
        return {column: value for column, value in row.items() if column not in but}


class TextChoices(TestCase):
    def test_are_the_labels_of_the_enums_in_their_order(self):
        enums = rows().catalog.enums
        bound = {}
        for model in v1_models():
            for field in model._meta.local_fields:
                if isinstance(field, EnumField):
                    bound[field.enum_type] = [value for value, _ in field.choices]
        self.assertEqual(bound, {name: list(labels) for name, labels in enums.items()})
