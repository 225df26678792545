"""docs/transactions.md has a row for every service, and the SQL that it really sends, once each."""

import inspect
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module

import sqlparse
from django.conf import settings
from django.db import transaction
from django.test import TestCase, tag

from tests.support.golden import assert_golden
from tests.support.rows import rows
from tests.support.services import Sent, all_examples, capture, promised_statements, services
from veza_site.schema.dictionary.markdown import anchor, link

DOCUMENT = settings.BASE_DIR / "docs" / "transactions.md"
CONNECTIONS = settings.BASE_DIR / "docs" / "connections.md"
SHARED = "shared"  # the section of the statements that several transactions send


@dataclass(frozen=True)
class Example:
    """An example call of a service, and what it sent."""

    app: str
    name: str
    sent: list[Sent]

    @property
    def heading(self) -> str:
        service, _, case = self.name.partition("__")
        return f"`{service}`, {case.replace('_', ' ')}" if case else f"`{service}`"

    def owns(self, statement: Sent) -> bool:
        """Tell whether the service itself sent the statement, and not a function that it called."""
        return statement.sender.__name__ == self.name.partition("__")[0]


class Captured:
    """
    The sections of the document that hold SQL, by name: `shared`, and each domain's app.

    A statement that a function sends for several examples stands in `shared`, under the function's
    name. One that a service sends itself stands at its first example. Elsewhere are links.
    """

    def __init__(self, examples: list[Example]) -> None:
        self.examples = examples
        self.printed: dict[str, str] = {}  # a link to each statement that a domain's section has

    def sections(self) -> dict[str, str]:
        found = {SHARED: "".join(map(self._shared_section, self.shared)) + "\n"}
        for example in self.examples:
            found[example.app] = found.get(example.app, "\n") + self._example_section(example)
        return found

    @cached_property
    def shared(self) -> dict[str, tuple[str, Sent]]:
        """The heading of each statement that functions send for several examples, and itself."""
        senders, seen = {}, Counter()
        for example in self.examples:
            for statement in example.sent:
                seen[statement.sql] += not example.owns(statement)
                senders.setdefault(statement.sql, statement)
        repeated = [statement for sql, statement in senders.items() if seen[sql] > 1]
        names = Counter(name_of(statement) for statement in repeated)
        headings = {
            statement.sql: f"`{name_of(statement)}`"
            + (f" of {table_of(statement.sql)}" if names[name_of(statement)] > 1 else "")
            for statement in repeated
        }
        ordered = sorted(repeated, key=lambda statement: headings[statement.sql].strip("`"))
        return {statement.sql: (headings[statement.sql], statement) for statement in ordered}

    def _shared_section(self, sql: str) -> str:
        heading, statement = self.shared[sql]
        module = statement.sender.__module__.replace(".", "/")
        does, *_ = inspect.getdoc(statement.sender).splitlines()
        return f"\n#### {heading}\n\n{does} (`{module}.py`)\n\n{code_block(sql)}\n"

    def _example_section(self, example: Example) -> str:
        items = [
            f"{number}. {self._item(example, number, statement)}\n"
            for number, statement in enumerate(example.sent, start=1)
        ]
        return f"#### {example.heading}\n\n{''.join(items)}\n"

    def _item(self, example: Example, number: int, statement: Sent) -> str:
        if statement.sql in self.shared:
            heading, _ = self.shared[statement.sql]
            return link(heading)
        if statement.sql in self.printed:
            return self.printed[statement.sql]
        self.printed[statement.sql] = f"As {number} of {link(example.heading)}"
        indent = " " * len(f"{number}. ")
        return code_block(statement.sql).replace("\n", f"\n{indent}")


class TransactionsDocument(TestCase):
    maxDiff = None

    @tag("golden")
    def test_has_the_sql_of_every_example(self):
        document = DOCUMENT.read_text()
        for section, text in Captured(examples()).sections().items():
            begin, end = f"<!-- captured: {section} -->\n", f"<!-- end: {section} -->\n"
            before, _, rest = document.partition(begin)
            _, found, after = rest.partition(end)
            self.assertTrue(
                found,
                f"docs/transactions.md has no place for the SQL of {section}: end its section with "
                f"the two lines\n{begin}{end}",
            )
            document = before + begin + text + end + after
        assert_golden(self, DOCUMENT, document)

    def test_has_each_statement_once_under_a_heading_of_its_own(self):
        document = DOCUMENT.read_text()
        blocks = re.findall(r"```sql\n(.*?)```", document, flags=re.DOTALL)
        self.assertEqual([sql for sql, number in Counter(blocks).items() if number > 1], [])
        headings = re.findall(r"^#+ (.+)$", document, flags=re.MULTILINE)
        anchors = Counter(map(anchor, headings))
        self.assertEqual([name for name, number in anchors.items() if number > 1], [])
        self.assertLessEqual(set(re.findall(r"\(#(.*?)\)", document)), set(anchors))

    def test_is_joined_by_what_a_second_call_of_every_service_does(self):
        _, _, section = CONNECTIONS.read_text().partition("## What may be repeated blindly\n")
        section, _, _ = section.partition("\n## ")
        named = set(re.findall(r"`(\w+)`", section))
        self.assertEqual({name.partition(".")[2] for name in services()} - named, set())

    def test_has_a_row_for_every_service_with_its_statements_and_a_test_that_is_there(self):
        table = {
            f"{app}.{cells[0].strip('`')}": cells
            for app, section in self.sections().items()
            for line in section.splitlines()
            if line.startswith("| `")
            for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
        }
        self.assertEqual(
            set(table),
            set(services()),
            "docs/transactions.md has a row for each service of an app's __all__, in the table of "
            "the section “## `<app>`”",
        )
        for name, service in services().items():
            with self.subTest(name):
                *_, count, tests = table[name]
                self.assertEqual(count, promised_statements(service))
                for test in re.findall(r"`([\w.]+)`", tests):
                    module, test_class, method = test.rsplit(".", 2)
                    found = getattr(import_module(f"tests.{module}"), test_class)
                    self.assertTrue(hasattr(found, method), test)

    def sections(self) -> dict[str, str]:
        """Return the text of each domain's section, by the app of its heading "## `app`"."""
        parts = re.split(r"^## `(\w+)`$", DOCUMENT.read_text(), flags=re.MULTILINE)
        return dict(zip(parts[1::2], parts[2::2], strict=True))


def examples() -> list[Example]:
    """Run every example, and return what each sent, with the SQL as people read it."""
    found = []
    for name, service, prepare in all_examples():
        app, example = name.split(".")
        with transaction.atomic():
            sent = capture(partial(service, **prepare(rows(), 3)))
            transaction.set_rollback(True)
        found.append(Example(app, example, [Sent(readable(s.sql), s.sender) for s in sent]))
    return found


def name_of(statement: Sent) -> str:
    """Return what to call a statement: the public name of the function that sends it."""
    return statement.sender.__name__.removeprefix("_")


def table_of(sql: str) -> str:
    """Return the first table of a statement."""
    return re.search(r"\b(?:UPDATE|FROM|INTO)\s+(\w+)", sql)[1]


def code_block(sql: str) -> str:
    return f"```sql\n{sql};\n```"


def readable(sql: str) -> str:
    """Return a statement without the indentation of its source; one long line in several."""
    lines = [line.rstrip() for line in sql.strip("\n").splitlines() if line.strip()]
    if len(lines) == 1:
        return sqlparse.format(lines[0].strip(), reindent=True) if len(lines[0]) > 100 else lines[0]
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    return "\n".join(line[indent:] for line in lines)
