"""
The reasons that a migration gives for breaking a rule.

In SQL they are a comment before the statement: `-- lint-ignore RULE: reason`. Above an operation
without SQL of its own, the same is a comment in the migration's source. The older form is
`-- squawk-ignore RULE`, with the reason in the lines before it.
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db.migrations import Migration

from veza_site.schema.source_comments import read_comments

IGNORE = re.compile(r"(lint|squawk)-ignore\b[\s:]*([^:]*)(.*)")
SAYS_SOMETHING = re.compile(r"\w")


@dataclass(eq=False)
class Reason:
    """A rule to ignore, the reason, the comment that says so, and whether it was needed."""

    rule: str
    text: str
    comment: str
    needed: bool = False

    def find_flaws(self) -> list[str]:
        """Return the rules that the reason itself breaks."""
        if not self.needed:
            return ["ignore-not-needed"]
        return [] if self.text else ["reason-missing"]


def parse_reasons(comments: Iterable[str], earlier: Iterable[Reason] = ()) -> list[Reason]:
    """
    Return the reasons in the comment lines of one statement or operation.

    `earlier` are those of the operation's earlier statements: a squawk-ignore without lines before
    it repeats the reason that its rule was given there.
    """
    known = {reason.rule: reason.text for reason in earlier}
    found = []
    prose = ""
    for comment in comments:
        match = IGNORE.match(comment)
        if match is None:
            prose += comment
            continue
        tool, rules, text = match.groups()
        for rule in re.split(r"[\s,]+", rules.strip()):
            why = prose or known.get(rule, "") if tool == "squawk" else text.lstrip(": ")
            found.append(Reason(rule, why if SAYS_SOMETHING.search(why) else "", comment))
    return found


@dataclass
class SourceComments:
    """The comments of a migration's source: by the operation below them, and the others."""

    of_operation: dict[tuple[int, ...], list[str]]
    others: list[str]


def read_source_comments(migration: Migration) -> SourceComments:
    """
    Return the comments of a migration's source, without their `#`.

    An operation is known by its place: its number in `operations`, and within a
    SeparateDatabaseAndState also its number there. In a list that is computed, not written out,
    comments belong to no operation.
    """
    source = Path(inspect.getfile(sys.modules[type(migration).__module__])).read_text("utf-8")
    comments = read_comments(source)
    of_operation = {
        place: comments.take_above(line)
        for place, line in _list_places(_find_operations(ast.parse(source)))
    }
    return SourceComments(of_operation, [*comments.others, *comments.lines.values()])


def _find_operations(source: ast.Module) -> ast.expr | None:
    for statement in source.body:
        if isinstance(statement, ast.ClassDef) and statement.name == "Migration":
            for line in statement.body:
                if isinstance(line, ast.Assign | ast.AnnAssign):
                    targets = line.targets if isinstance(line, ast.Assign) else [line.target]
                    if [getattr(target, "id", None) for target in targets] == ["operations"]:
                        return line.value
    return None


def _list_places(
    operations: ast.expr | None, within: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], int]]:
    if not isinstance(operations, ast.List | ast.Tuple):
        return
    if any(isinstance(operation, ast.Starred) for operation in operations.elts):
        return
    for number, operation in enumerate(operations.elts):
        place = (*within, number)
        if isinstance(operation, ast.Call):
            inner = [key.value for key in operation.keywords if key.arg == "database_operations"]
            yield from _list_places(next(iter([*inner, *operation.args]), None), place)
        yield place, operation.lineno
