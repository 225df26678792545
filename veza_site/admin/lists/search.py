"""The search box: it finds what an index can look up, and nothing else."""

import functools
import uuid
from collections.abc import Iterable

from django.db import connections, models
from django.db.models import Q, QuerySet

from veza_site.admin.lists.ordering import usable_keys
from veza_site.admin.wording.labels import label

_LAST = chr(0x10FFFF)
# The collations in which texts are ordered by their characters' numbers, all over.
_BYTE_ORDERS = {"C", "POSIX", "C.UTF-8", "C.UTF8", "C.utf8"}


def is_byte_order(provider: str, collation: str) -> bool:
    """
    Tell whether a database sorts text by bytes, from its provider and collation in pg_database.

    Then the texts with a prefix are next to each other in any index, as in no language.
    """
    return provider == "b" or (provider == "c" and collation in _BYTE_ORDERS)


@functools.cache
def has_byte_order(alias: str) -> bool:
    """Tell whether the database of a connection sorts text by bytes. One query, once."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT datlocprovider::text, datcollate FROM pg_database"
            " WHERE datname = current_database()"
        )
        return is_byte_order(*cursor.fetchone())


def as_uuid(term: str) -> uuid.UUID | None:
    """Return the UUID that `term` writes in any of the usual forms, or None."""
    if len(term) > 50:  # "urn:uuid:{…}" and some
        return None
    try:
        return uuid.UUID(term)
    except ValueError:
        return None


def searchable(model: type[models.Model], names: Iterable[str], live: bool) -> list[models.Field]:
    """Return those of the fields `names` that lead an index which serves the list, but the key."""
    lead = {key.columns[0].name for key in usable_keys(model, live)}
    fields = [model._meta.get_field(name) for name in names if name in lead]
    return [field for field in fields if not field.primary_key]


def search(queryset: QuerySet, term: str, names: Iterable[str], live: bool) -> QuerySet:
    """
    Return the rows of `queryset` whose key is `term`, or in which a field begins with it.

    Where the database sorts text by a language, no index finds a beginning, and the whole text is
    looked for. A term that no row can have is looked for in none, without a query.
    `names` are the admin's search fields; `live` tells whether the list leaves out deleted rows.
    """
    term = term.strip()
    if not term:
        return queryset
    if key := as_uuid(term):
        return queryset.filter(pk=key)
    if "\0" in term:
        return queryset.none()
    found = Q()
    for field in searchable(queryset.model, names, live):
        for text in _spellings(term):
            if field.max_length is None or len(text) <= field.max_length:
                found |= _begins(field, text, has_byte_order(queryset.db))
    return queryset.filter(found) if found else queryset.none()


def _spellings(term: str) -> set[str]:
    """Return `term`, and as an e-mail address whose domain is in lower case, as they are kept."""
    name, at, domain = term.rpartition("@")
    return {term, name + at + domain.lower()} if at else {term}


def _begins(field: models.Field, text: str, by_prefix: bool) -> Q:
    """Return a condition that an index on `field` serves; no LIKE, which serves C alone."""
    if not by_prefix:
        return Q((field.name, text))
    end = _successor(text)
    above = Q((f"{field.name}__gte", text))
    return above & Q((f"{field.name}__lt", end)) if end else above


def _successor(text: str) -> str:
    """Return the least text above all that begin with `text`, or '' if there is none."""
    kept = text.rstrip(_LAST)
    if not kept:
        return ""
    number = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if number == 0xD800 else number)  # surrogates are no characters


def help_text(
    model: type[models.Model], names: Iterable[str], live: bool, alias: str = "default"
) -> str:
    """Return what a list's search box takes, for the people in front of it."""
    words = [label(field) for field in searchable(model, names, live)]
    if not words:
        return "By id."
    part = "the beginning of the" if has_byte_order(alias) else "the whole"
    return f"By id, or by {part} {' or '.join(words)}."
