"""Any number of rows, a batch at a time, so that memory does not grow with them."""

from collections.abc import Iterator
from itertools import batched
from typing import Any

from django.db import models

SIZE = 1000  # rows; what an action holds in memory at once


def batch_ids(queryset: models.QuerySet, *order: str) -> Iterator[tuple[Any, ...]]:
    """
    Yield the primary keys of the rows that match, `SIZE` at a time.

    They come from a cursor of the server, so use them up in the transaction in which you began.
    What is done to the rows meanwhile doesn't matter: these are the rows that matched at the start.
    In the order of the fields `order`, and then of the keys.
    """
    keys = queryset.order_by(*order, "pk").values_list("pk", flat=True)
    yield from batched(keys.iterator(chunk_size=SIZE), SIZE)
