"""What is told apart in a text of SQL."""

import re

from django.test import SimpleTestCase, tag
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pglast.parser import ParseError, fingerprint, parse_sql, scan, split

from veza_site.postgresql.sql_text import mask, normalise, split_statements, strip_literals

# Whatever may begin, end or be mistaken for a quote, a comment, a parenthesis or a body.
PIECES = [
    *("'", "''", '"', '""', "$", "$$", "$x$", "$1", "$é$", "$1x$", "\\", "\\'", "(", ")", ";", ","),
    *("/*", "*/", "/", "*", "--", "-", "+", "@", "\n", "\r", " ", "\t", "\f", "\u00a0"),
    *("a", "é", "x", "E", "e'", "E'", "U&'", 'u&"', "B'", "X'1F'", "N'", "1", "1.5e3", "tag", "_"),
    *("SELECT", "CASE", "END", "BEGIN", "ATOMIC", "CREATE", "FUNCTION", "AS", "ESCAPE"),
]

# The names of tokens; NCHAR is the N of N'…'.
LITERALS = {"SCONST", "BCONST", "XCONST", "USCONST"}
LAYOUT = {"SQL_COMMENT", "C_COMMENT", "NCHAR"}


def texts():
    return st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


def literals():
    """Return literals of all forms, with nothing in them that says what they are."""
    content = st.text("abc;()-/*\"$' \n\\", max_size=8)
    quoted = content.map(lambda text: text.replace("'", "''"))
    return st.one_of(
        quoted.map(lambda text: f"'{text}'"),
        quoted.map(lambda text: f"'{text}'\n '{text}'"),
        quoted.map(lambda text: f"'{text}' -- '\n '{text}'"),
        content.map(lambda text: "E'" + re.sub(r"(['\\])", r"\\\1", text) + "'"),
        content.filter(lambda text: "$" not in text).map("$${}$$".format),
        content.filter(lambda text: "$x1$" not in text).map("$x1${} $x1$".format),
    )


def layout():
    comment = st.text("ab;'\"$( \n", max_size=6)
    return st.one_of(
        st.sampled_from([" ", "\n", "\t "]),
        comment.map("/*{}*/".format),
        comment.map("/* /*{}*/ ; */".format),
        comment.map(lambda text: f"--{text.replace(chr(10), '')}\n"),
    )


def script():
    """Return scripts of valid statements, with layout between all words."""
    expression = st.one_of(
        literals(),
        st.sampled_from(["1", "$1", "tag$x$", '"a;""b"', '"a\'b"', "CASE WHEN a THEN 1 END", "b"]),
        literals().map(lambda text: f"a LIKE {text} ESCAPE'\\'"),
    )
    select = expression.map("SELECT {}".format)
    body = st.lists(select.map("{} ;".format), max_size=3).map(" ".join)
    statement = st.one_of(
        select,
        expression.map("UPDATE t SET a = {}".format),
        st.tuples(select, select).map(
            lambda pair: f"CREATE RULE r AS ON INSERT TO t DO ALSO ( {pair[0]} ; {pair[1]} )"
        ),
        body.map("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC {} END".format),
        body.map("CREATE OR REPLACE PROCEDURE begin() BEGIN ATOMIC {} END".format),
        select.map(lambda text: f"CREATE FUNCTION f() RETURNS int RETURN ({text})"),
        body.filter(lambda text: "$b$" not in text).map(
            lambda text: f"DO $b$ BEGIN {text} END $b$"
        ),
    )
    return st.lists(st.tuples(statement, layout()), min_size=1, max_size=4).map(
        lambda parts: "".join(f"{text}{after};{after}" for text, after in parts)
    )


def _squeezed(sql):
    return re.sub("('')+", "''", "".join(sql.split()))


class SqlText(SimpleTestCase):
    def test_is_the_same_with_another_layout_and_other_comments_but_not_with_another_literal(self):
        for one, other, same in [
            ("SELECT  1 ; ", "SELECT 1", True),
            ("SELECT /* one */ 1", "SELECT 1 -- one", True),
            ("SELECT /* a /* b */ c */ 1", "SELECT 1", True),
            ("SELECT 'a  b'", "SELECT 'a b'", False),
            ("SELECT '--a'", "SELECT '--b'", False),
            ("SELECT 'it''s --a'", "SELECT 'it''s --b'", False),
            ("SELECT E'it\\'s --a'", "SELECT E'it\\'s --b'", False),
            ('SELECT "a  b"', 'SELECT "a b"', False),
            ('SELECT "a""  b"', 'SELECT "a"" b"', False),
            ("DO $$ --a\n $$", "DO $$ --b\n $$", False),
            ("DO $x$ a $$ --b\n $x$", "DO $x$ a $$ --c\n $x$", False),
            ("SELECT tag$x$ --a\n", "SELECT tag$x$ --b\n", True),
            ("SELECT a LIKE b ESCAPE'\\' --a\n", "SELECT a LIKE b ESCAPE'\\' --b\n", True),
        ]:
            with self.subTest(one):
                self.assertEqual(normalise(one) == normalise(other), same)

    def test_is_split_into_statements_where_they_end(self):
        function = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC {} END;"
        for parts in [
            ["SELECT ';';", "-- ;\nSELECT 2"],
            ["DO $$ BEGIN; END $$;", "SELECT 1"],
            ["/* a /* b */ ; DROP TABLE t; -- */ SELECT 1"],
            ["SELECT tag$x$;", "SELECT $x$;$x$"],
            ["SELECT $1$x$;$x$;", "SELECT 1"],
            ["SELECT $1x$;", "SELECT $1x$"],  # a tag that begins with a digit is none
            ["SELECT a LIKE 'x' ESCAPE'\\';", "SELECT ';'"],
            ["SELECT E'\\';';", "SELECT U&'\\';", "SELECT B'1;', X'1;', N';'"],
            ["SELECT E'a'\n'b\\';';", "SELECT 'a' -- '\n'b;'"],
            ['SELECT "a"";b";', 'SELECT U&"a;"'],
            ["CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);", "SELECT 3"],
            [function.format("SELECT 1;"), "SELECT 2"],
            [function.format("SELECT CASE WHEN a THEN 1 END; SELECT b AS end;"), "SELECT 2"],
            [function.format("SELECT a end; SELECT begin;"), "SELECT 2"],
            [function.format(function.format("SELECT 1;")), "SELECT 2"],
            [function.format(""), "CREATE /**/ or REPLACE procedure p() begin\natomic END;", "END"],
            ["BEGIN;", "SELECT 1;", "END;"],
            ["SELECT begin atomic;", "SELECT 2;", "END"],
        ]:
            with self.subTest(parts):
                self.assertEqual(split_statements(" \n ".join(parts)), parts)

    def test_has_no_statement_where_there_is_nothing_but_layout(self):
        self.assertEqual(split_statements("  ; -- nothing\n ; /* ; */"), [])

    def test_is_left_whole_where_something_is_not_closed(self):
        for script in [
            "SELECT 1; SELECT 'a; SELECT 2",
            "SELECT 1; SELECT E'a\\'; SELECT 2",
            "SELECT 1; SELECT E'a\\",
            'SELECT 1; SELECT "a; SELECT 2',
            "SELECT 1; SELECT $x$; $y$; SELECT 2",
            "SELECT 1; /* /* */ ; SELECT 2",
        ]:
            with self.subTest(script):
                self.assertEqual(split_statements(script), [script])
        for script in [
            "SELECT (1; SELECT 2; SELECT 3",
            "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; SELECT 2;",
        ]:
            with self.subTest(script):
                self.assertEqual(split_statements(script), [script])

    @settings(max_examples=400, deadline=None)
    @given(script())
    def test_is_split_as_postgresql_s_parser_does(self, sql):
        self.assertEqual(
            list(map(fingerprint, split_statements(sql))), list(map(fingerprint, split(sql)))
        )
        self.assertEqual(len(split_statements(sql)), len(parse_sql(sql)))

    @settings(max_examples=400, deadline=None)
    @given(script())
    def test_says_the_same_to_postgresql_when_normalised(self, sql):
        self.assertEqual(fingerprint(normalise(sql)), fingerprint(sql))
        self.assertEqual(normalise(normalise(sql)), normalise(sql))

    @tag("slow")  # hypothesis tries hundreds of texts
    @settings(max_examples=1000, deadline=None)
    @given(texts())
    @example("1E'a\\'b'")
    @example("//* a */ 1 --/* b\n*/")
    @example("'a'--\r'b'")
    def test_has_the_literals_that_postgresql_s_scanner_finds(self, sql):
        try:
            tokens = [token for token in scan(sql) if token.name not in LAYOUT]
        except ParseError:
            assume(False)
        # Offsets are of characters, and the end is the last one.
        expected = ["''" if t.name in LITERALS else sql[t.start : t.end + 1] for t in tokens]
        # B'' and X'' end at a quote that is doubled, and another literal begins there.
        self.assertEqual(_squeezed(strip_literals(sql)), _squeezed("".join(expected)))

    def test_is_bare_without_what_is_in_literals(self):
        self.assertEqual(
            strip_literals("COMMENT ON a IS 'CONCURRENTLY' -- CONCURRENTLY\n"),
            "COMMENT ON a IS '' ",
        )


SECRET = "hunter2"


class SqlTextForPeople(SimpleTestCase):
    def test_shows_nothing_that_was_in_a_literal(self):
        for sql in [
            "UPDATE users SET password_hash = 'hunter2' WHERE id = 1",
            "SELECT 'it''s hunter2'",
            "SELECT E'it\\'s hunter2'",
            "SELECT 'a\\', 'hunter2'",
            "SELECT 'a\\' || E'hunter2\\''",
            "SELECT ESCAPE'\\', 'hunter2'",
            "SELECT 1E'\\'hunter2'",
            "SELECT 'a'\n'hunter2'",
            "SELECT E'a'\n'\\'hunter2'",
            "SELECT U&'hunter2' UESCAPE '!', B'hunter2', X'hunter2', N'hunter2'",
            "SELECT $$hunter2$$",
            "SELECT $tag$hunter2$tag$",
            "SELECT $é$ $e$ hunter2$é$",
            "SELECT tag$x$, 'hunter2', $x$hunter2$x$",
            "SELECT 1 /* /* */ hunter2 */ -- hunter2",
        ]:
            with self.subTest(sql):
                self.assertNotIn(SECRET, mask(sql))
                for end in range(len(sql)):
                    self.assertNotIn(SECRET[:4], mask(sql[:end]))

    @settings(max_examples=300, deadline=None)
    @given(script(), literals(), script(), st.data())
    def test_shows_nothing_that_was_in_a_literal_wherever_cut(self, one, literal, other, data):
        sql = f"{one}SELECT {re.sub('[abc]', SECRET, literal)};{other}"
        end = data.draw(st.integers(0, len(sql)))
        self.assertNotIn(SECRET[:4], mask(sql[:end]))

    def test_is_on_one_line_and_keeps_the_rest(self):
        self.assertEqual(mask("SELECT  'a',\n 1"), "SELECT '…', 1")
        self.assertEqual(mask('SELECT "a""b", tag$x$ -- c'), 'SELECT "a""b", tag$x$')
        self.assertEqual(mask("SELECT $$a$$, 'cut off"), "SELECT '…', '…'")
