"""Contexts, flows and tools as Python names: `from acme_support.contexts import executive`.

`acme_support/contexts/__init__.py` holds one line,
`from lev_os.core import expose; __getattr__, __dir__, __all__ = expose(__name__)`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from ..errors import LevError
from .export import Export
from .for_llm import parsed
from .manifest import FILE_NAME
from .package import Package

CONDITION = "llm-first"
_TOOLS = "./tools/"


def expose(module: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], Sequence[str]]:
    """`__getattr__`, `__dir__` and `__all__` for a module whose names are those of its package's export map.

    Hyphens become underscores; contexts are `Context`, flows `Flow` (an async callable), resolved for `llm-first`.
    In the package's own `tools` module, the tools that are defined elsewhere are their functions.
    Nothing is read until a name is asked for. Raises `LevError` when no `lev.toml` lies above the module.
    """
    names = _Names(module)
    return names.get, names.listing, names


def exposed_exports(package: Package, module: str) -> dict[str, Export]:
    """What `expose` gives in a module of a package, by its names. Raises `InvalidInput` for a broken manifest."""
    found: dict[str, Export] = {}
    for export in package.exports():
        if "python" not in export.conditions:
            continue
        home, _, name = (package.target(export.subpath, "python").object or "").partition(":")
        if home == module:
            if name and CONDITION in export.conditions:
                found[name] = export
        elif module == tools_module(package) and export.subpath.startswith(_TOOLS) and export.kind == "tool":
            found[export.subpath.removeprefix(_TOOLS).replace("-", "_")] = export
    return found


def tools_module(package: Package) -> str:
    """Where `expose` gives the package's tools by the names they are exported under."""
    return f"{package.name}.tools"


class _Names(Sequence[str]):
    """The names of one module; also its `__all__`, which must not read anything before it is looked at."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._values: dict[str, Any] = {}

    @cached_property
    def _exports(self) -> dict[str, Export]:
        return exposed_exports(_package_around(self._module), self._module)

    def get(self, name: str) -> Any:
        """The module's `__getattr__`."""
        if name in self._values:
            return self._values[name]
        if name.startswith("__"):  # the import system asks for these, and a file is never meant
            raise AttributeError(f"module {self._module!r} has no attribute {name!r}")
        export = self._exports.get(name)
        if export is None:
            raise AttributeError(
                f"module {self._module!r} has no attribute {name!r}: it exposes {', '.join(self) or 'nothing'}"
            )
        value = self._values[name] = export.from_python() if export.kind == "tool" else parsed(export, CONDITION)
        return value

    def listing(self) -> list[str]:
        """The module's `__dir__`."""
        return sorted({*vars(sys.modules[self._module]), *self})

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self._exports)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self._sorted[index]

    def __len__(self) -> int:
        return len(self._sorted)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sorted)


def _package_around(module: str) -> Package:
    """The package that a module belongs to: the nearest folder above its file that holds a `lev.toml`."""
    spec = sys.modules[module].__spec__
    origin = spec.origin if spec is not None and spec.has_location else None
    if not origin:
        raise LevError(f"{module!r} has no file, so there is no {FILE_NAME} beside it")
    parts = module.split(".")
    folder = Path(origin).parent
    if Path(origin).name != "__init__.py":
        parts.pop()
    while parts:
        if (folder / FILE_NAME).is_file():
            return Package(".".join(parts), folder)
        folder = folder.parent
        parts.pop()
    raise LevError(f"there is no {FILE_NAME} above {origin}", help=f"put {FILE_NAME} beside the package's __init__.py")
