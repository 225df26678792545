"""Reads SQL with PostgreSQL's own parser: its statements, and the comments of each."""

from collections.abc import Iterator
from dataclasses import dataclass

from pglast import ast, parse_sql
from pglast.parser import ParseError, Token, scan

COMMENTS = ("SQL_COMMENT", "C_COMMENT")


# A table in a parse tree. PostgreSQL's grammar never leaves it out where one is asked for here, but
# pglast's types allow for that.
type Table = ast.RangeVar | None


@dataclass(frozen=True)
class Statement:
    """
    A statement: its text without comments, the comment lines before and in it, its parse tree.

    `tree` is None if PostgreSQL can't read the text, which then is the whole text.
    """

    text: str
    comments: tuple[str, ...]
    tree: ast.Node | None


def read(text: str) -> list[Statement]:
    """Return the statements of a text of SQL, in order."""
    try:
        parsed = parse_sql(text)
        tokens = _comments(text)
    except ParseError:
        return [Statement(text.strip(), (), None)]
    bare = list(text)
    for token in tokens:
        for place in range(token.start, token.end + 1):
            if bare[place] != "\n":
                bare[place] = " "
    statements = []
    start = 0
    for raw in parsed:
        end = _end(raw, text)
        lines = "".join(bare[raw.stmt_location or 0 : end]).rstrip().split("\n")
        own = [token for token in tokens if start <= token.start < end]
        comments = tuple(_lines(text, own))
        statements.append(Statement("\n".join(filter(str.strip, lines)), comments, raw.stmt))
        start = end
    return statements


def comments_at_end(text: str) -> list[str]:
    """Return the comment lines after the last statement, which belong to none."""
    try:
        parsed = parse_sql(text)
        tokens = _comments(text)
    except ParseError:
        return []
    end = _end(parsed[-1], text) if parsed else 0
    return _lines(text, [token for token in tokens if token.start >= end])


def _end(raw: ast.RawStmt, text: str) -> int:
    return (raw.stmt_location or 0) + raw.stmt_len if raw.stmt_len else len(text)


def _comments(text: str) -> list[Token]:
    return [token for token in scan(text) if token.name in COMMENTS]


def _lines(text: str, comments: list[Token]) -> list[str]:
    parts = [text[comment.start : comment.end + 1] for comment in comments]
    return [line for part in parts for line in _lines_of_one(part)]


def _lines_of_one(comment: str) -> list[str]:
    if comment.startswith("--"):
        return [comment.removeprefix("--").strip()]
    inner = comment.removeprefix("/*").removesuffix("*/")
    return [line.strip(" \t*") for line in inner.splitlines()]


def walk(node: object) -> Iterator[ast.Node]:
    """Yield a node of a parse tree, or each of a tuple of them, and all nodes below."""
    if isinstance(node, tuple):
        for item in node:
            yield from walk(item)
    elif isinstance(node, ast.Node):
        yield node
        for name in node:
            yield from walk(getattr(node, name))
