"""docs/transactions.md tells of every service, with the SQL that it really sends."""

import re
from functools import partial
from importlib import import_module

import sqlparse
from django.conf import settings
from django.db import transaction
from django.test import TestCase, tag

from tests.support.golden import assert_golden
from tests.support.rows import rows
from tests.support.services import all_examples, promised_statements, services, statements

DOCUMENT = settings.BASE_DIR / "docs" / "transactions.md"


class TransactionsDocument(TestCase):
    maxDiff = None

    @tag("golden")
    def test_has_the_sql_of_every_example(self):
        document = DOCUMENT.read_text()
        for app, sql in self.captured().items():
            begin, end = f"<!-- captured: {app} -->\n", f"<!-- end: {app} -->\n"
            before, _, rest = document.partition(begin)
            _, found, after = rest.partition(end)
            self.assertTrue(
                found,
                f"docs/transactions.md has no place for the SQL of {app}: end the section "
                f"“## `{app}`” with the two lines\n{begin}{end}",
            )
            document = before + begin + sql + end + after
        assert_golden(self, DOCUMENT, document)

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
                    module, test_class, method = test.split(".")
                    found = getattr(import_module(f"tests.{module}"), test_class)
                    self.assertTrue(hasattr(found, method), test)

    def captured(self) -> dict[str, str]:
        """Return what stands in the document about each domain's examples."""
        documents: dict[str, str] = {}
        for example, service, prepare in all_examples():
            app, name = example.split(".")
            with transaction.atomic():
                sent = statements(partial(service, **prepare(rows(), 3)))
                transaction.set_rollback(True)
            sql = "\n\n".join(f"{readable(statement)};" for statement in sent)
            title, _, case = name.partition("__")
            heading = f"`{title}`, {case.replace('_', ' ')}" if case else f"`{title}`"
            documents[app] = documents.get(app, "") + f"\n#### {heading}\n\n```sql\n{sql}\n```\n"
        return {app: text + "\n" for app, text in documents.items()}

    def sections(self) -> dict[str, str]:
        """Return the text of each domain's section, by the app of its heading "## `app`"."""
        parts = re.split(r"^## `(\w+)`$", DOCUMENT.read_text(), flags=re.MULTILINE)
        return dict(zip(parts[1::2], parts[2::2], strict=True))


def readable(sql: str) -> str:
    """Return a statement without the indentation of its source; one long line in several."""
    lines = [line.rstrip() for line in sql.strip("\n").splitlines() if line.strip()]
    if len(lines) == 1:
        return sqlparse.format(lines[0].strip(), reindent=True) if len(lines[0]) > 100 else lines[0]
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    return "\n".join(line[indent:] for line in lines)
