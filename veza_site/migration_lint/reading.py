"""SQL as PostgreSQL's own parser reads it: its statements, and the comments that belong to each."""

from collections.abc import Iterator
from dataclasses import dataclass

from pglast import ast, parse_sql
from pglast.parser import ParseError, scan

COMMENTS = ("SQL_COMMENT", "C_COMMENT")


@dataclass(frozen=True)
class Statement:
    """
    A statement: its text without comments, the lines of those before and in it, and its parse tree.

    `tree` is None where PostgreSQL can't read the text, which is then all of it.
    """

    text: str
    comments: tuple[str, ...]
    tree: ast.Node | None


def read(text: str) -> list[Statement]:
    """Return the statements of a text of SQL, in order."""
    try:
        parsed = parse_sql(text)
        tokens = [token for token in scan(text) if token.name in COMMENTS]
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
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(text)
        lines = "".join(bare[raw.stmt_location : end]).rstrip().split("\n")
        comments = [
            line
            for token in tokens
            if start <= token.start < end
            for line in _lines(text[token.start : token.end + 1])
        ]
        statements.append(Statement("\n".join(filter(str.strip, lines)), tuple(comments), raw.stmt))
        start = end
    return statements


def _lines(comment: str) -> list[str]:
    if comment.startswith("--"):
        return [comment.removeprefix("--").strip()]
    inner = comment.removeprefix("/*").removesuffix("*/")
    return [line.strip(" \t*") for line in inner.splitlines()]


def within(node: object) -> Iterator[ast.Node]:
    """Yield a node of a parse tree, or of a tuple of them, and all below it."""
    if isinstance(node, tuple):
        for item in node:
            yield from within(item)
    elif isinstance(node, ast.Node):
        yield node
        for name in node:
            yield from within(getattr(node, name))
