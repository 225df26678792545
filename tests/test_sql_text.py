"""What is told apart in a text of SQL."""

from django.test import SimpleTestCase

from veza_site.sql_text import bare, masked, normalised, statements


class SqlText(SimpleTestCase):
    def test_is_the_same_with_another_layout_and_other_comments_but_not_with_another_literal(self):
        for one, other, same in [
            ("SELECT  1 ; ", "SELECT 1", True),
            ("SELECT /* one */ 1", "SELECT 1 -- one", True),
            ("SELECT 'a  b'", "SELECT 'a b'", False),
            ("SELECT '--a'", "SELECT '--b'", False),
            ("SELECT 'it''s --a'", "SELECT 'it''s --b'", False),
            ("SELECT E'it\\'s --a'", "SELECT E'it\\'s --b'", False),
            ('SELECT "a  b"', 'SELECT "a b"', False),
            ("DO $$ --a\n $$", "DO $$ --b\n $$", False),
            ("DO $x$ a $$ --b\n $x$", "DO $x$ a $$ --c\n $x$", False),
        ]:
            with self.subTest(one):
                self.assertEqual(normalised(one) == normalised(other), same)

    def test_is_split_into_statements_where_they_end(self):
        for script, parts in [
            ("SELECT 1; SELECT 2;", ["SELECT 1;", "SELECT 2;"]),
            ("SELECT ';'; -- ;\nSELECT 2", ["SELECT ';';", "-- ;\nSELECT 2"]),
            ("DO $$ BEGIN; END $$; SELECT 1", ["DO $$ BEGIN; END $$;", "SELECT 1"]),
            ("  ; -- nothing\n ;", []),
            ("CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END; SELECT 1", None),
        ]:
            with self.subTest(script):
                self.assertEqual(statements(script), [script] if parts is None else parts)

    def test_is_bare_without_what_is_in_literals(self):
        self.assertEqual(
            bare("COMMENT ON a IS 'CONCURRENTLY' -- CONCURRENTLY\n"), "COMMENT ON a IS '' "
        )

    def test_shows_nothing_that_was_in_a_literal(self):
        for sql in [
            "UPDATE users SET password_hash = 'hunter2' WHERE id = 1",
            "SELECT 'it''s hunter2'",
            "SELECT E'it\\'s hunter2'",
            "SELECT 'a\\', 'hunter2'",
            "SELECT $$hunter2$$",
            "SELECT $tag$hunter2$tag$",
            "SELECT 'cut off hunter2",
            "SELECT $$cut off hunter2",
        ]:
            with self.subTest(sql):
                self.assertNotIn("hunter2", masked(sql))
        self.assertEqual(masked("SELECT  'a',\n 1"), "SELECT '…', 1")
