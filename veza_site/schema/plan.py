"""V1's migrations on disk: which are ours, in which order they come, and what each makes."""

import re
from collections.abc import Iterator

from django.conf import settings
from django.db.migrations import CreateModel, Migration, RunSQL
from django.db.migrations.loader import MigrationLoader

# The apps whose migrations are V1's.
OURS = ["veza_site", *settings.V1_APPS]

MADE_BY_SQL = re.compile(
    r"\b(?:CREATE(?:\s+OR\s+REPLACE)?(?:\s+UNIQUE)?|ADD)\s+"
    r"(TABLE|TYPE|DOMAIN|FUNCTION|TRIGGER|VIEW|INDEX|SCHEMA|CONSTRAINT)\s+"
    r"(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?([a-z_][\w.]*)",
    re.IGNORECASE,
)


def v1_plan(loader: MigrationLoader) -> list[tuple[str, str]]:
    """
    Return the keys of V1's migrations on disk, each after those that it depends on.

    Those after V1 are one chain, of which the end is the last: `lint_migrations` checks that.
    """
    ends = [
        key
        for key, node in loader.graph.node_map.items()
        if is_ours(key[0]) and not any(is_ours(child.key[0]) for child in node.children)
    ]
    plan: dict[tuple[str, str], None] = {}
    for end in sorted(ends):
        plan.update(dict.fromkeys(loader.graph.forwards_plan(end)))
    return [key for key in plan if is_ours(key[0])]


def newest_migration() -> Migration:
    """Return the last of V1's migrations on disk."""
    loader = MigrationLoader(None)
    newest: Migration = loader.graph.nodes[v1_plan(loader)[-1]]
    return newest


def is_ours(app: str) -> bool:
    """Return whether an app's migrations are V1's, by the app's label."""
    return app in OURS


def find_makers() -> dict[str, str]:
    """Return the name of the migration that makes each table."""
    return {
        name: str(migration)
        for migration in migrations_in_order()
        for kind, name in list_made(migration)
        if kind == "table"
    }


def migrations_in_order() -> list[Migration]:
    """Return V1's migrations, in the order of their numbers."""
    loader = MigrationLoader(None)
    plan = [loader.graph.nodes[key] for key in v1_plan(loader)]
    return sorted(plan, key=lambda migration: migration.name)


def list_made(migration: Migration) -> Iterator[tuple[str, str]]:
    """Yield the kind and the name of everything that a migration's operations make."""
    for operation in migration.operations:
        if isinstance(operation, CreateModel):
            default = f"{migration.app_label}_{operation.name_lower}"
            yield "table", operation.options.get("db_table", default)
        elif isinstance(operation, RunSQL):
            for kind, name in MADE_BY_SQL.findall(str(operation.sql)):
                yield kind.lower(), name.lower().removeprefix("public.")
        else:
            yield "change", operation.describe()
