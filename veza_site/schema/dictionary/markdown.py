"""Markdown as GitHub reads it."""

import re
from collections.abc import Iterable


def table(heading: list[str], rows: Iterable[list[str]]) -> str:
    """Return a table; its cells are Markdown already."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(
        "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|" for cells in lines
    )


def code(text: str) -> str:
    """Return text as code, in a cell too."""
    return f"`{_one_line(text)}`"


def prose(text: str) -> str:
    """Return text of a help text or a docstring as a paragraph, in a cell too."""
    return re.sub(r"([*<\[\]])", r"\\\1", _one_line(text))


def link(heading: str, text: str | None = None) -> str:
    """Return a link to a heading of the same page, with its words or with `text`."""
    return f"[{text or heading}](#{anchor(heading)})"


def anchor(heading: str) -> str:
    """Return the id that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
