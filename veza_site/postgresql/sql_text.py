"""
What a text of SQL says, told apart from how it is laid out and what is in its quotes.

Read by PostgreSQL's lexical rules, with standard_conforming_strings on, as psql reads a script
(src/fe_utils/psqlscan.l). tests/backend/test_sql_text.py holds it against PostgreSQL's own scanner.
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
# What tells that a token in quotes is closed, and the kind of the token.
_QUOTES = {"e": "escaped", "l": "literal", "n": "name"}
_LAYOUT = re.compile(r"(?:[ \t\n\r\f\v]|--[^\n\r]*)*+(?P<comment>/\*)?")
_COMMENT_MARK = re.compile(r"/\*|\*/")
_CREATES_ROUTINE = re.compile(r"create( or replace)? (function|procedure)\b")


class _Token(NamedTuple):
    """
    A part of a text of SQL.

    `kind` is layout, escaped (E'…'), literal (any other), name (one in quotes), word, number or
    other (one character). `whole` is False where the text ends before the token does.
    """

    kind: str
    text: str
    whole: bool = True


def normalised(sql: str) -> str:
    """
    Return SQL without comments, and with single spaces, outside of its quotes.

    Fingerprints of applied migrations are made of it (veza_site.migrating.history): what it returns
    for a migration that has landed must not change.
    """
    return _laid_out(sql).strip(" ;")


def statements(sql: str) -> list[str]:
    """
    Return the statements of a script, each with the comments before it.

    A semicolon in parentheses (CREATE RULE … DO (…; …)) or in a routine's BEGIN ATOMIC … END ends
    none. Where a quote, a comment, a parenthesis or a body is not closed, what follows is one
    statement with it; where a literal or a comment is not closed, the script is returned whole.
    """
    parts: list[list[str]] = [[]]
    parentheses = 0
    bodies = 0  # of routines, open, one in the other
    words: list[str] = []  # of the statement, or of that in a body, outside of parentheses
    before = ""  # the token before, without layout, in lower case
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
                # Every statement of a body has its semicolon: an END elsewhere is a CASE's, or a
                # column's name.
                bodies -= 1
            elif text == ";":
                words = []
                if not bodies:
                    parts.append([])
            elif len(words) < 4:
                words.append(text)
        before = text
    texts = ["".join(part).strip(SPACE) for part in parts]
    return [text for text in texts if normalised(text)]


def bare(sql: str) -> str:
    """Return SQL without comments, with single spaces, and with nothing in its literals."""
    return _laid_out(sql, "''")


def first_words(sql: str, count: int) -> list[str]:
    """Return the first words of SQL in lower case, `count` of them at most, without comments."""
    words = (token.text.lower() for token in _tokens(sql) if token.kind == "word")
    return list(itertools.islice(words, count))


def masked(sql: str) -> str:
    """
    Return SQL to show to people: on one line, and with nothing that was in a literal.

    It may be cut anywhere, as pg_stat_activity does, and come from a session in which a backslash
    escapes a quote: what follows a literal that would end elsewhere then is not shown at all.
    """
    parts = []
    for token in _tokens(sql):
        parts.append(_shown(token, "'…'"))
        if token.kind == "literal" and "\\" in token.text and not token.text.startswith("$"):
            parts.append(" …")
            break
    return " ".join("".join(parts).split())


def _laid_out(sql: str, literal: str | None = None) -> str:
    return "".join(_shown(token, literal) for token in _tokens(sql))


def _shown(token: _Token, literal: str | None) -> str:
    if token.kind == "layout":
        return " "
    if token.kind in ("literal", "escaped") and literal is not None:
        return literal
    return token.text


def _tokens(sql: str) -> Iterator[_Token]:
    """Yield the tokens of a text, which together make it up; layout is not followed by layout."""
    pattern = _pattern()
    position = 0
    while position < len(sql):
        token = pattern.match(sql, position)
        kind, end, whole = token.lastgroup, token.end(), True
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
def _pattern() -> re.Pattern[str]:
    # Not where the module is imported, as it is by every command: it takes 20 ms.
    return re.compile(_TOKEN, re.DOTALL | re.VERBOSE)


def _end_of_layout(sql: str, position: int) -> int:
    """Return where white space and comments end; 0 where a comment, or one in it, is not closed."""
    while True:
        layout = _LAYOUT.match(sql, position)
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
