"""Asks squawk to judge a migration; its rules, and why some are off, are in .squawk.toml."""

import json
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError


@dataclass(frozen=True)
class Objection:
    """A rule that a statement breaks, by the statement's number, and the line that breaks it."""

    statement: int
    rule: str
    message: str
    line: str


def find_objections(statements: list[str], *, atomic: bool) -> list[Objection]:
    """
    Return squawk's objections to statements without comments and final semicolons.

    `atomic` is whether they are one transaction. Raises CommandError if squawk fails.
    """
    lines = ["BEGIN;"] if atomic else []
    numbers = [-1] * len(lines)
    for number, statement in enumerate(statements):
        added = f"{statement}\n;".split("\n")
        lines += added
        numbers += [number] * len(added)
    if atomic:
        lines.append("COMMIT;")
        numbers.append(-1)
    squawk = subprocess.run(
        [
            Path(sysconfig.get_path("scripts")) / "squawk",
            *("--config", settings.BASE_DIR / ".squawk.toml"),
            *("--reporter", "json"),
        ],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    if squawk.stderr:
        raise CommandError(f"squawk: {squawk.stderr.strip()}")
    return [
        Objection(
            numbers[found["line"]],
            found["rule_name"],
            f"{found['message']} {found['help'] or ''}".strip(),
            lines[found["line"]].strip(),
        )
        for found in json.loads(squawk.stdout)
        if numbers[found["line"]] >= 0
    ]
