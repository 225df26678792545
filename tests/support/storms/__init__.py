"""
What a storm is made of, in a module for each domain.

`prepare(rows)` makes few rows, so that the threads meet on them, and returns them as a world of
any kind; `act(world, random)` does something with it. A refusal is fine, any other error is not.
`prepare_many(rows)` and `sweep(world, random)`, where a module has them, are the same for what
locks many rows.
"""

import importlib
import pkgutil
from types import ModuleType


def load_domains() -> list[ModuleType]:
    """Return the modules of the domains."""
    return [
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    ]
