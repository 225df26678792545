"""What every service of every domain promises."""

import inspect
import re
from functools import partial

from django.db import transaction
from django.test import SimpleTestCase, TestCase, TransactionTestCase

from tests.support.effort import MANY_ROWS
from tests.support.examples.streaming import tracks, users
from tests.support.rows import rows
from tests.support.services import (
    ServiceTests,
    all_examples,
    examples_of,
    promised_statements,
    services,
    statements,
)
from veza_site.transactions import WrongIsolation, execute

FEW = 10


class Services(SimpleTestCase):
    def test_have_an_example_each(self):
        for name in services():
            with self.subTest(name):
                app, service = name.split(".")
                self.assertIn(
                    service,
                    examples_of(name),
                    f"write a function {service}(rows, size) in tests/examples/{app}.py that makes "
                    "the rows that a call needs, and returns the call's arguments",
                )

    def test_say_what_they_lock_send_return_and_raise_in_this_order(self):
        parts = ["Locks:", "Statements:", "Returns", "Raises"]
        for name, service in services().items():
            with self.subTest(name):
                first_words = [
                    paragraph.split()[0] for paragraph in inspect.getdoc(service).split("\n\n")
                ]
                said = [word for word in first_words if word in parts]
                returns = inspect.signature(service).return_annotation is not None
                expected = [part for part in parts if part != "Returns" or returns]
                if "Raises" not in said:
                    expected.remove("Raises")
                self.assertEqual(said, expected)


class EveryService(ServiceTests):
    def test_does_all_or_nothing(self):
        for example, service, prepare in all_examples():
            with self.subTest(example):
                self.interrupt_everywhere(partial(service, **prepare(rows(), 3)))
                self.assert_sound()


# Each changes rows in one statement, which is right in any isolation level.
SINGLE_STATEMENTS = {"media.claim_jobs", "streaming.record_play"}


class Isolation(TransactionTestCase):
    def test_but_read_committed_is_refused(self):
        for level in ["REPEATABLE READ", "SERIALIZABLE"]:
            with transaction.atomic():
                execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
                for example, service, prepare in all_examples():
                    if "__" in example or example in SINGLE_STATEMENTS:
                        continue
                    with (
                        self.subTest(example, level=level),
                        self.assertRaisesMessage(WrongIsolation, f"not in {level}."),
                        transaction.atomic(),
                    ):
                        service(**prepare(rows(), FEW))  # which may call services, too
                transaction.set_rollback(True)


class StatementCount(TestCase):
    @classmethod
    def setUpTestData(cls):
        # Once, for the examples to use; they are most of what the examples need.
        tracks(rows(), MANY_ROWS)
        users(rows(), MANY_ROWS)

    def test_is_what_the_docstring_says_with_few_rows_and_with_many(self):
        made = rows()
        for example, service, prepare in all_examples():
            promise = promised_statements(service)
            with self.subTest(example):
                self.assertIsNotNone(promise, "the docstring has no sentence “Statements: …”")
                plain, *others = map(int, re.findall(r"\d+", promise))
                promised = {plain, *others} if "__" in example else {plain}
                for size in (FEW, MANY_ROWS):
                    with transaction.atomic():
                        call = partial(service, **prepare(made, size))
                        self.assertIn(len(statements(call)), promised, f"size {size}")
                        transaction.set_rollback(True)
