"""Which migration makes what, read from the migrations on disk."""

import re
import sys
from collections.abc import Iterator

from django.db.migrations import CreateModel, Migration, RunSQL
from django.db.migrations.loader import MigrationLoader

from veza_site.catalog import Catalog
from veza_site.contract import v1_plan
from veza_site.dictionary.markdown import code, link, prose, table

MADE_BY_SQL = re.compile(
    r"\b(?:CREATE(?:\s+OR\s+REPLACE)?(?:\s+UNIQUE)?|ADD)\s+"
    r"(TABLE|TYPE|DOMAIN|FUNCTION|TRIGGER|VIEW|INDEX|SCHEMA|CONSTRAINT)\s+"
    r"(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?([a-z_][\w.]*)",
    re.IGNORECASE,
)


def origins(catalog: Catalog) -> str:
    """Return the table of this project's migrations, by their numbers, with what each makes."""
    rows = []
    for migration in _migrations():
        made: dict[str, list[str]] = {}
        for kind, name in _made_by(migration):
            shown = link(name) if kind == "table" and name in catalog.tables else code(name)
            made.setdefault(kind, []).append(shown)
        rows.append(
            [
                code(str(migration)),
                prose((sys.modules[type(migration).__module__].__doc__ or "").partition("\n\n")[0]),
                "<br>".join(
                    f"{kind if len(names) == 1 else _plural(kind)}: {', '.join(names)}"
                    for kind, names in made.items()
                ),
            ]
        )
    return table(["migration", "what for", "makes"], rows)


def _plural(kind: str) -> str:
    return f"{kind}es" if kind.endswith("x") else f"{kind}s"


def makers() -> dict[str, str]:
    """Return the name of the migration that makes each table."""
    return {
        name: str(migration)
        for migration in _migrations()
        for kind, name in _made_by(migration)
        if kind == "table"
    }


def _migrations() -> list[Migration]:
    loader = MigrationLoader(None)
    plan = [loader.graph.nodes[key] for key in v1_plan(loader)]
    return sorted(plan, key=lambda migration: migration.name)


def _made_by(migration: Migration) -> Iterator[tuple[str, str]]:
    """Return what the operations of a migration make, each with its kind."""
    for operation in migration.operations:
        if isinstance(operation, CreateModel):
            default = f"{migration.app_label}_{operation.name_lower}"
            yield "table", operation.options.get("db_table", default)
        elif isinstance(operation, RunSQL):
            for kind, name in MADE_BY_SQL.findall(str(operation.sql)):
                yield kind.lower(), name.lower().removeprefix("public.")
        else:
            yield "change", operation.describe()
