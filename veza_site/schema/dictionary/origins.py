"""The table that tells which migration makes what, read from the migrations on disk."""

import sys

from veza_site.schema.catalog import Catalog
from veza_site.schema.dictionary.markdown import code, link, prose, table
from veza_site.schema.plan import list_made, migrations_in_order


def origins(catalog: Catalog) -> str:
    """Return the table of this project's migrations, by their numbers, with what each makes."""
    rows = []
    for migration in migrations_in_order():
        made: dict[str, list[str]] = {}
        for kind, name in list_made(migration):
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
