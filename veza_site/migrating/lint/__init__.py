"""
Lints migrations: what one may not do to a database that others are working on.

`operations` finds out what a migration will run, `reading` parses it with PostgreSQL's parser,
`statements` and `squawk` judge it, `reasons` finds the reasons that the migration gives, and
`rules` explains the rules.
"""

import itertools
import textwrap
from dataclasses import dataclass, field

from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RunSQL

from veza_site.migrating.lint import squawk
from veza_site.migrating.lint.operations import Step, read_steps
from veza_site.migrating.lint.reading import Statement, comments_at_end, read
from veza_site.migrating.lint.reasons import Reason, parse_reasons, read_source_comments
from veza_site.migrating.lint.rules import FINAL, GENERAL, RULES
from veza_site.migrating.lint.statements import Judge, Judgement
from veza_site.schema.plan import v1_plan

# V1 is this migration and all that it depends on. It ran on empty databases, where nobody waits.
LAST_OF_V1 = ("veza_site", "0901_django_schema")


@dataclass(frozen=True)
class Finding:
    """A rule that a migration breaks, what it says, and the line that breaks it."""

    rule: str
    message: str
    line: str

    def __str__(self) -> str:
        return f"[{self.rule}]  {self.message}\n    {self.line}"


@dataclass
class _Part:
    """A statement, or an operation without SQL: what is judged, and may have a reason."""

    step: Step
    statement: Statement | None
    reasons: list[Reason]
    findings: list[Finding] = field(default_factory=list)

    @property
    def line(self) -> str:
        if self.statement is None:
            return self.step.name
        return textwrap.shorten(self.statement.text, 90, placeholder=" …")

    def add(self, rule: str) -> None:
        finding = Finding(rule, str(RULES[rule]), self.line)
        if finding not in self.findings:
            self.findings.append(finding)

    def is_excused(self, rule: str) -> bool:
        """Return whether there is a reason for breaking a rule."""
        return any(reason.rule == rule and reason.text for reason in self.reasons)


def migrations_after_v1() -> list[Migration]:
    """Return this project's migrations that came after V1, in order."""
    loader = MigrationLoader(None)
    v1 = loader.graph.forwards_plan(LAST_OF_V1)
    return [loader.graph.nodes[key] for key in v1_plan(loader) if key not in v1]


def find_branches() -> list[str]:
    """
    Return a phrase for each place where the migrations after V1 are not one chain.

    If two branches each add a migration, there are two ends, and neither is the newest.
    """
    loader = MigrationLoader(None)
    keys = [(migration.app_label, migration.name) for migration in migrations_after_v1()]
    return [
        f"{one[0]}.{one[1]} and {other[0]}.{other[1]} do not come one after the other"
        for one, other in itertools.pairwise(keys)
        if one not in loader.graph.forwards_plan(other)
    ]


def lint(migration: Migration) -> list[Finding]:
    """
    Return what is wrong with a migration, in the order of its statements.

    It judges the SQL that the migration will run, statement by statement, and runs none of it. What
    can't be read is refused. A written reason lifts a finding. Raises CommandError if squawk fails.
    """
    source = read_source_comments(migration)
    above = {place: parse_reasons(lines) for place, lines in source.of_operation.items()}
    written = [*itertools.chain.from_iterable(above.values()), *parse_reasons(source.others)]
    return _collect_findings(read_steps(migration), above, written, atomic=migration.atomic)


def lint_sql(sql: str, *, atomic: bool = True) -> list[Finding]:
    """Return what is wrong with the SQL of a migration of one RunSQL, as `lint` does."""
    return _collect_findings([Step(RunSQL(sql), (0,), [sql])], {}, [], atomic=atomic)


def _collect_findings(
    found_steps: list[Step],
    above: dict[tuple[int, ...], list[Reason]],
    written: list[Reason],
    *,
    atomic: bool,
) -> list[Finding]:
    parts = [part for step in found_steps for part in _split(step, above)]
    _judge(parts, atomic=atomic)
    _ask_squawk(parts, atomic=atomic)
    found = [finding for part in parts for finding in _remove_excused(part)]
    if not atomic and len(parts) > 1:
        found.append(Finding("one-statement", str(RULES["one-statement"]), parts[1].line))
    in_sql = [reason for part in parts for reason in part.reasons]
    texts = [text for step in found_steps for text in step.texts]
    # A comment after the last statement belongs to none, so a reason there is not needed.
    in_sql += [reason for text in texts for reason in parse_reasons(comments_at_end(text))]
    return found + [
        Finding(rule, str(RULES[rule]), reason.comment)
        for reason in dict.fromkeys([*written, *in_sql])
        for rule in reason.find_flaws()
    ]


def _split(step: Step, above: dict[tuple[int, ...], list[Reason]]) -> list[_Part]:
    # A comment above a SeparateDatabaseAndState is about all operations in it.
    places = [step.place[:length] for length in range(1, len(step.place) + 1)]
    of_operation = [reason for place in places for reason in above.get(place, [])]
    if step.rule:
        return [_Part(step, None, of_operation)]
    statements = [statement for text in step.texts for statement in read(text)]
    if isinstance(step.operation, RunSQL) and len(statements) > 1:
        of_operation = []  # each statement can have its own
    parts: list[_Part] = []
    earlier: list[Reason] = []
    for statement in statements:
        own = parse_reasons(statement.comments, earlier)
        earlier += own
        parts.append(_Part(step, statement, of_operation + own))
    return parts


def _judge(parts: list[_Part], *, atomic: bool) -> None:
    """Add this project's own findings."""
    judge = Judge()
    lock_is_held = False
    for part in parts:
        if part.statement is None:
            part.add(part.step.rule or "run-python")
            judgement = Judgement(long=True)
        elif part.statement.tree is None:
            part.add("syntax-error")
            continue
        else:
            judgement = judge.judge(part.statement.tree)
            for rule in judgement.rules:
                part.add(rule)
        # Whoever gives a reason for an index that is not built concurrently has counted the rows.
        waits = judgement.long and not part.is_excused("require-concurrent-index-creation")
        if atomic and waits and (lock_is_held or judgement.locks_first):
            part.add("lock-held")
        lock_is_held = lock_is_held or judgement.locks


def _ask_squawk(parts: list[_Part], *, atomic: bool) -> None:
    """Add squawk's findings, each in place of the general ones about its statement."""
    readable = [part for part in parts if part.statement and part.statement.tree is not None]
    texts = [part.statement.text for part in readable if part.statement]
    for objection in squawk.find_objections(texts, atomic=atomic) if texts else []:
        part = readable[objection.statement]
        if objection.rule == "syntax-error":
            part.add("not-read-by-squawk")
            continue
        part.findings = [found for found in part.findings if found.rule not in GENERAL]
        part.findings.append(Finding(objection.rule, objection.message, objection.line))


def _remove_excused(part: _Part) -> list[Finding]:
    left = []
    for finding in part.findings:
        excuses = [reason for reason in part.reasons if reason.rule == finding.rule]
        for reason in excuses if finding.rule not in FINAL else []:
            reason.needed = True
        if finding.rule in FINAL or not part.is_excused(finding.rule):
            left.append(finding)
    return left
