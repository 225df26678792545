"""
The comments in Python source, which Python itself throws away.

What an index is for stands once, in the comment above it in its model's Meta; the SQL files repeat
it from there. Migrations give the reasons for what the lint refuses in comments too.
"""

import ast
import functools
import inspect
import io
import tokenize
from dataclasses import dataclass
from types import ModuleType

from django.db import models


@dataclass
class Comments:
    """The comments of a source, without their `#`: whole lines by number, and the others."""

    lines: dict[int, str]
    others: list[str]

    def take_above(self, line: int) -> list[str]:
        """Return the comment lines that stand directly above a line, and forget them here."""
        above: list[str] = []
        while (line := line - 1) in self.lines:
            above.insert(0, self.lines.pop(line))
        return above


def read_comments(source: str) -> Comments:
    """Return the comments of a Python source."""
    comments = Comments({}, [])
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            text = token.string.lstrip("#").strip()
            if token.line[: token.start[1]].strip():
                comments.others.append(text)
            else:
                comments.lines[token.start[0]] = text
    return comments


def comments_in_meta(model: type[models.Model]) -> dict[str, str]:
    """
    Return the comments above a model's indexes and constraints, by the names of those.

    Read from its module's source, where the name is written out; those of the module's other models
    are among them.
    """
    module = inspect.getmodule(model)
    return {} if module is None else _by_name(module)


@functools.cache
def _by_name(module: ModuleType) -> dict[str, str]:
    source = inspect.getsource(module)
    comments = read_comments(source)
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                    found[str(keyword.value.value)] = " ".join(comments.take_above(node.lineno))
    return {name: comment for name, comment in found.items() if comment}
