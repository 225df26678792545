"""
Reads SQL by PostgreSQL's lexical rules: what it says, apart from layout, comments, literals.

It reads with standard_conforming_strings on, as psql reads a script (src/fe_utils/psqlscan.l).
tests/backend/test_sql_text.py checks it against PostgreSQL's own scanner: that is in pglast, which
production does not install. sqlparse, which Django uses, takes every command 0.05 s of CPU to
import, and takes a semicolon in a nested comment for the end of a statement.
"""

import functools
import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

SPACE = " \t\n\r\f\v"  # nothing else is white space to PostgreSQL

# Between the parts of one literal: white space with a line's end in it, and comments to one.
_GAP = r"(?:[ \t\f\v]|--[^\n\r]*)*+ [\n\r] (?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*+"
_LETTER = r"[A-Za-z_\x80-\U0010ffff]"

_TOKEN = rf"""(?P<layout> [ \t\n\r\f\v] | -- | /\* )
      | (?P<escaped> [eE]' (?:[^'\\]|''|\\.)*+ (?: '{_GAP}' (?:[^'\\]|''|\\.)*+ )*+ ) (?P<e>'?)
      | (?P<literal> (?:[bBnNxX]|[uU]&)?' (?:[^']|'')*+ (?: '{_GAP}' (?:[^']|'')*+ )*+ ) (?P<l>'?)
      | (?P<name> (?:[uU]&)?" (?:[^"]|"")*+ ) (?P<n>"?)
      | (?P<dollar> \$ (?: {_LETTER} [A-Za-z_0-9\x80-\U0010ffff]*+ )? \$ )
      | (?P<word> {_LETTER} [A-Za-z_0-9$\x80-\U0010ffff]*+ )
      | (?P<number> \$[0-9]++ | [0-9]++ [A-Za-z_0-9\x80-\U0010ffff]*+ )
      | (?P<other> . )"""
# The group that shows whether a token in quotes is closed, and the kind of the token.
_QUOTES = {"e": "escaped", "l": "literal", "n": "name"}
_LAYOUT = re.compile(r"(?:[ \t\n\r\f\v]|--[^\n\r]*)*+(?P<comment>/\*)?")
_COMMENT_MARK = re.compile(r"/\*|\*/")
_CREATES_ROUTINE = re.compile(r"create( or replace)? (function|procedure)\b")


class _Token(NamedTuple):
    """
    A token of SQL.

    `kind` is layout, escaped (E'…'), literal (any other), name (one in quotes), word, number or
    other (one character). `whole` is False if the text ends before the token does.
    """

    kind: str
    text: str
    whole: bool = True


def normalise(sql: str) -> str:
    """
    Return SQL without comments and with single spaces, but for what is in quotes.

    The fingerprints of applied migrations are made from this (veza_site.migrating.history), so what
    it returns for a migration that has landed must not change.
    """
    return _join(sql).strip(" ;")


def split_statements(sql: str) -> list[str]:
    """
    Return the statements of a script, each with the comments before it.

    A semicolon in parentheses (CREATE RULE … DO (…; …)) or in a routine's BEGIN ATOMIC … END ends
    no statement. If a parenthesis or a body is not closed, all that follows is one statement; if a
    literal or a comment is not closed, the whole script is.
    """
    parts: list[list[str]] = [[]]
    parentheses = 0
    bodies = 0  # of routines, open, nested
    words: list[str] = []  # of the statement, or of the one in a body, outside parentheses
    before = ""  # the previous token, in lower case; layout does not count
    for token in _tokens(sql):
        if not token.whole:
            return [sql]
        parts[-1].append(token.text)
        if token.kind == "layout":
            continue
        text = token.text.lower() if token.kind in ("word", "other") else "''"
        if text == "(":
            parentheses += 1
        elif text == ")":
            parentheses = max(parentheses - 1, 0)
        elif parentheses == 0:
            if text == "atomic" and before == "begin" and _CREATES_ROUTINE.match(" ".join(words)):
                bodies += 1
                words = []
            elif text == "end" and before in (";", "atomic") and bodies:
                # Every statement of a body ends in a semicolon: an END elsewhere is a CASE's, or
                # the name of a column.
                bodies -= 1
            elif text == ";":
                words = []
                if not bodies:
                    parts.append([])
            elif len(words) < 4:
                words.append(text)
        before = text
    texts = ["".join(part).strip(SPACE) for part in parts]
    return [text for text in texts if normalise(text)]


def strip_literals(sql: str) -> str:
    """Return SQL without comments, with single spaces, and with its literals empty."""
    return _join(sql, "''")


def first_words(sql: str, count: int) -> list[str]:
    """Return the first words of SQL in lower case, `count` of them at most, without comments."""
    words = (token.text.lower() for token in _tokens(sql) if token.kind == "word")
    return list(itertools.islice(words, count))


def mask(sql: str) -> str:
    """
    Return SQL that can be shown to people: on one line, without the contents of its literals.

    The text may be cut off anywhere, as pg_stat_activity does, and may come from a session in which
    a backslash escapes a quote. Nothing is shown after a literal that would end elsewhere there.
    """
    parts = []
    for token in _tokens(sql):
        parts.append(_show(token, "'…'"))
        if token.kind == "literal" and "\\" in token.text and not token.text.startswith("$"):
            parts.append(" …")
            break
    return " ".join("".join(parts).split())


def _join(sql: str, literal: str | None = None) -> str:
    return "".join(_show(token, literal) for token in _tokens(sql))


def _show(token: _Token, literal: str | None) -> str:
    if token.kind == "layout":
        return " "
    if token.kind in ("literal", "escaped") and literal is not None:
        return literal
    return token.text


def _tokens(sql: str) -> Iterator[_Token]:
    """Yield the tokens that make up a text; there are never two tokens of layout in a row."""
    pattern = _compile_pattern()
    position = 0
    while token := pattern.match(sql, position):  # until the end: any character is a token
        kind, end, whole = str(token.lastgroup), token.end(), True
        if kind == "layout":
            end = _end_of_layout(sql, position)
            whole = end > 0
        elif kind == "dollar":
            close = sql.find(token[0], end)
            kind, end, whole = "literal", close + len(token[0]), close >= 0
        elif kind in _QUOTES:
            kind, whole = _QUOTES[kind], token[kind] != ""
        if not whole:
            end = len(sql)
        yield _Token(kind, sql[position:end], whole)
        position = end


@functools.cache
def _compile_pattern() -> re.Pattern[str]:
    # Not when the module is imported, as every command does: it takes 20 ms.
    return re.compile(_TOKEN, re.DOTALL | re.VERBOSE)


def _end_of_layout(sql: str, position: int) -> int:
    """Return where white space and comments end; 0 if a comment, or one in it, is not closed."""
    while layout := _LAYOUT.match(sql, position):  # which matches nothing, too
        position = layout.end()
        depth = 1 if layout["comment"] else 0
        if depth == 0:
            return position
        while depth:
            mark = _COMMENT_MARK.search(sql, position)
            if mark is None:
                return 0
            depth += 1 if mark[0] == "/*" else -1
            position = mark.end()
    return position
