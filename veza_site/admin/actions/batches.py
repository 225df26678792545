"""Any number of rows, a batch at a time, so that memory does not grow with them."""

from collections.abc import Iterator
from itertools import batched
from typing import Any

from django.db import models

SIZE = 1000  # rows; what an action holds in memory at once


def batches_of_ids(queryset: models.QuerySet, *order: str) -> Iterator[tuple[Any, ...]]:
    """
    Yield the primary keys of the rows that match, `SIZE` at a time.

    They come from a cursor of the server, so it has to be consumed in the transaction in which it
    was started. It goes on with what matched at its start, whatever is done to the rows meanwhile.
    In the order of the keys, or of the fields `order` and then the keys.
    """
    keys = queryset.order_by(*order, "pk").values_list("pk", flat=True)
    yield from batched(keys.iterator(chunk_size=SIZE), SIZE, strict=False)
