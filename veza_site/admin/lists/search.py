"""The search box: it finds what an index can look up, and nothing else."""

import functools
import uuid
from collections.abc import Iterable

from django.db import connections, models
from django.db.models import Q, QuerySet

from veza_site.admin.fields import get_column
from veza_site.admin.lists.scope import Scope
from veza_site.admin.wording.labels import label

_LAST = chr(0x10FFFF)
# The collations that sort text by code point.
_BYTE_ORDERS = {"C", "POSIX", "C.UTF-8", "C.UTF8", "C.utf8"}


def is_byte_order(provider: str, collation: str) -> bool:
    """
    Tell whether a database sorts text by bytes, from its provider and collation in pg_database.

    If it does, texts with the same beginning are neighbours in every index. No language sorts so.
    """
    return provider == "b" or (provider == "c" and collation in _BYTE_ORDERS)


@functools.cache
def has_byte_order(alias: str) -> bool:
    """Tell whether the database of a connection sorts text by bytes. One query a process."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT datlocprovider::text, datcollate FROM pg_database"
            " WHERE datname = current_database()"
        )
        return is_byte_order(*cursor.fetchone())


def parse_uuid(term: str) -> uuid.UUID | None:
    """Return the UUID that `term` writes in any of the usual forms, or None."""
    if len(term) > 50:  # "urn:uuid:{…}" with some blanks
        return None
    try:
        return uuid.UUID(term)
    except ValueError:
        return None


def find_searchable(scope: Scope, names: Iterable[str]) -> list[models.Field]:
    """Return the fields among `names`, other than the key, that lead an index of the scope."""
    lead = {key.columns[0].name for key in scope.keys}
    fields = [get_column(scope.model, name) for name in names if name in lead]
    return [field for field in fields if not field.primary_key]


def search(queryset: QuerySet, term: str, names: Iterable[str], scope: Scope) -> QuerySet:
    """
    Return the rows of `queryset` whose key is `term`, or in which a field begins with it.

    Where the database sorts text by a language no index finds a beginning, so the whole text has to
    match. A term that no row can have finds nothing, without a query. `names` are the admin's
    search fields.
    """
    term = term.strip()
    if not term:
        return queryset
    if key := parse_uuid(term):
        return queryset.filter(pk=key)
    if "\0" in term:
        return queryset.none()
    found = Q()
    for field in find_searchable(scope, names):
        for text in _spell(term):
            if field.max_length is None or len(text) <= field.max_length:
                found |= _match_beginning(field, text, has_byte_order(queryset.db))
    return queryset.filter(found) if found else queryset.none()


def _spell(term: str) -> set[str]:
    """Return `term` as it is, and as an email address is stored: with its domain in lower case."""
    name, at, domain = term.rpartition("@")
    return {term, name + at + domain.lower()} if at else {term}


def _match_beginning(field: models.Field, text: str, by_prefix: bool) -> Q:
    """Return a condition that an index on `field` serves, as LIKE would only in the collation C."""
    if not by_prefix:
        return Q((field.name, text))
    end = _find_successor(text)
    above = Q((f"{field.name}__gte", text))
    return above & Q((f"{field.name}__lt", end)) if end else above


def _find_successor(text: str) -> str:
    """Return the first text after all that begin with `text`, or '' if there is none."""
    stem = text.rstrip(_LAST)
    if not stem:
        return ""
    number = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if number == 0xD800 else number)  # skip the surrogates


def describe_search(scope: Scope, names: Iterable[str], alias: str = "default") -> str:
    """Return what a list's search box takes, for the people in front of it."""
    words = [label(field) for field in find_searchable(scope, names)]
    if not words:
        return "By id."
    part = "the beginning of the" if has_byte_order(alias) else "the whole"
    return f"By id, or by {part} {' or '.join(words)}."
