"""
The Standard: the rules that every V1 table keeps, each written once, in a module of its family.

A rule judges a catalog: either a database's, as `schema.reader` reads it from any server, or the
models', as `schema.models_as_catalog` derives it before there is a migration. A new table is
covered on the day it is added.
"""

from dataclasses import dataclass

from veza_site.schema.catalog import Catalog
from veza_site.schema.standard import checks, identity, indexes, integrity, text, times
from veza_site.schema.standard.rule import Rule

__all__ = ["EXCEPTIONS", "RULES", "Finding", "Rule", "find_breaches", "judge"]

# In the order in which `schema audit` reports them.
RULES = [
    rule
    for family in (identity, times, integrity, indexes, checks, text)
    for rule in vars(family).values()
    if isinstance(rule, Rule)
]

# The breaches that may stay, by rule and object, each with the reason.
EXCEPTIONS = {
    ("unique-handles", "federated_identities.email"): (
        "the address at the provider, as the provider gave it; several identities may share one"
    ),
    ("unique-handles", "email_verification_tokens.email"): (
        "the address being verified; each try has a token of its own"
    ),
}


@dataclass(frozen=True)
class Finding:
    """
    A breach of a rule: the object, what was found, what the Standard wants, the SQL that mends it.

    `exception` is the reason why it may stay, from EXCEPTIONS, or None.
    """

    rule: str
    object: str
    found: str
    wanted: str
    mend: str
    exception: str | None


def judge(catalog: Catalog) -> list[Finding]:
    """Return every breach of the Standard in `catalog`, including the excepted ones."""
    return [
        Finding(rule.id, *breach, EXCEPTIONS.get((rule.id, breach[0])))
        for rule in RULES
        for breach in rule.judge(catalog)
    ]


def find_breaches(catalog: Catalog) -> list[Finding]:
    """Return every breach of the Standard in `catalog` for which there is no exception."""
    return [finding for finding in judge(catalog) if finding.exception is None]
