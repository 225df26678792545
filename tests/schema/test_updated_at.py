"""`updated_at` as a reader needs it who asks for what has changed since the last time."""

from django.test import TestCase

from tests.support.databases import connect, migrated_database


class UpdatedAt(TestCase):
    def setUp(self):
        self.name = self.enterContext(migrated_database())
        self.server = self.enterContext(connect(self.name))
        self.server.execute("INSERT INTO rooms (name) VALUES ('jazz')")

    def update(self, session, value):
        ((time,),) = session.execute("UPDATE rooms SET name = %s RETURNING updated_at", [value])
        return time

    def test_never_goes_back_where_a_transaction_that_began_earlier_changes_the_row_later(self):
        with connect(self.name) as early:
            early.execute("BEGIN")
            (began,) = early.execute("SELECT CURRENT_TIMESTAMP").fetchone()
            first = self.update(self.server, "blues")
            second = self.update(early, "soul")
            early.execute("COMMIT")
        self.assertLess(began, first)
        self.assertLess(first, second)

    def test_is_the_time_of_the_transaction_for_all_that_one_changes(self):
        self.server.execute("BEGIN")
        (began,) = self.server.execute("SELECT CURRENT_TIMESTAMP").fetchone()
        self.assertEqual(self.update(self.server, "blues"), began)
        self.assertEqual(self.update(self.server, "soul"), began)
        self.server.execute("COMMIT")

    def test_goes_past_a_time_that_lies_ahead(self):
        self.server.execute("DELETE FROM rooms")
        self.server.execute("INSERT INTO rooms (name, updated_at) VALUES ('a', '2999-01-01')")
        times = [self.update(self.server, value) for value in "bc"]
        self.assertEqual([time.year for time in times], [2999, 2999])
        self.assertLess(*times)

    def test_stays_at_the_end_of_time(self):
        for end in ["infinity", "294276-12-31 23:59:59.999999+00"]:
            with self.subTest(end):
                self.server.execute("DELETE FROM rooms")
                self.server.execute("INSERT INTO rooms (name, updated_at) VALUES ('a', %s)", [end])
                self.server.execute("UPDATE rooms SET name = 'b'")
                stays = self.server.execute("SELECT updated_at = %s FROM rooms", [end])
                self.assertEqual(stays.fetchone(), (True,))
