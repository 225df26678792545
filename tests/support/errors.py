import contextlib
from collections.abc import Iterator

from django.db import IntegrityError, transaction
from django.test import TestCase


@contextlib.contextmanager
def refused_by(test: TestCase, constraint: str) -> Iterator[None]:
    """Expect that the database refuses what happens inside, by the constraint of this name."""
    with test.assertRaises(IntegrityError) as refusal, transaction.atomic():
        yield
        # A deferred constraint answers now, not at the end of the test.
        transaction.get_connection().check_constraints()
    test.assertEqual(refusal.exception.__cause__.diag.constraint_name, constraint)
