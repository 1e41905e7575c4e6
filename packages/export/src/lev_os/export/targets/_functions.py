"""Tools as the function definitions of model APIs: names that they take, and nothing else of the card."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lev_os.core import Package
from lev_os.core.errors import LevError

from ..target import Lost
from ._parts import Parts

__all__ = ["Function", "functions_of"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    description: str
    schema: dict[str, Any]


def functions_of(packages: Sequence[Package]) -> tuple[list[Function], tuple[Lost, ...]]:
    """Every exported tool by its own name; of those that share one, each with its package's name before it."""
    every = [Parts(package) for package in packages]
    found = [(parts, export, card) for parts in every for export, card in parts.tools]
    taken = Counter(export.name for _, export, _ in found)
    functions = []
    lost = []
    for parts, export, card in found:
        name = export.name
        if taken[name] > 1:
            name = "_".join([parts.package.name.replace(".", "_"), *export.subpath.removeprefix("./tools/").split("/")])
        if not _NAME.fullmatch(name):
            raise LevError(
                f"{export.specifier} would be the function {name!r}; model APIs take 1 to 64 letters, digits, _ and -",
                help="rename the tool",
            )
        functions.append(Function(name, card.description, dict(card.input_schema)))
        if card.declaration.effects:
            effects = ", ".join(sorted(card.declaration.effects))
            lost.append(Lost(export.specifier, f"its effects ({effects}) are not told, and no gate stands before it"))
    lost += [
        Lost(export.specifier, "is no function: serve it with `lev mcp`, or run it with `lev run`")
        for parts in every
        for export, _ in parts.flows
    ]
    return functions, tuple(lost)
