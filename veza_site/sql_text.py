"""What a text of SQL says, told apart from how it is laid out and what is in its quotes."""

import re

# Literals and names in quotes; comments and white space; the end of a statement.
TOKENS = re.compile(
    r"""(?P<literal> [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
      | (?P<name> "[^"]*" )
      | (?P<layout> (?: --[^\n]* | /\*.*?\*/ | \s )+ )
      | (?P<end> ; )""",
    re.DOTALL | re.VERBOSE,
)

UNCLOSED = re.compile(r"'.*|\$\w*\$.*", re.DOTALL)


def normalised(sql: str) -> str:
    """Return SQL without comments, and with single spaces, outside of its quotes."""
    return TOKENS.sub(lambda token: " " if token["layout"] else token[0], sql).strip(" ;")


def statements(sql: str) -> list[str]:
    """Return the statements of a script; one with a body in BEGIN ATOMIC is left whole."""
    if re.search(r"\bBEGIN\s+ATOMIC\b", bare(sql), re.IGNORECASE):
        return [sql]
    ends = [token.end() for token in TOKENS.finditer(sql) if token["end"]]
    parts = [sql[start:end] for start, end in zip([0, *ends], [*ends, len(sql)], strict=True)]
    return [part.strip() for part in parts if normalised(part)]


def bare(sql: str) -> str:
    """Return SQL without comments, with single spaces, and with nothing in its literals."""
    return TOKENS.sub(
        lambda token: "''" if token["literal"] else " " if token["layout"] else token[0], sql
    )


def masked(sql: str) -> str:
    """Return SQL to show to people: on one line, and with nothing that was in a literal."""
    if "\\" in sql:  # which may end a literal, or not
        sql = UNCLOSED.sub("'", sql, count=1)
    return UNCLOSED.sub("'…'", bare(sql).replace("''", "\0")).replace("\0", "'…'").strip()
