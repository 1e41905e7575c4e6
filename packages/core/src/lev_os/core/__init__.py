"""Leviathan's core: packages that both programs and language models can import.

Every name here loads on first use, so importing this module costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .constitutional import Constitution as Constitution
    from .contexts import Context as Context
    from .errors import InvalidInput as InvalidInput
    from .errors import LevError as LevError
    from .errors import Problem as Problem
    from .flowmind import Flow as Flow
    from .packaging import Package as Package
    from .packaging import PackageConfig as PackageConfig
    from .packaging import expose as expose
    from .packaging import load_package as load_package
    from .packaging import package_for_llm as package_for_llm
    from .tools import ToolContext as ToolContext
    from .tools import tool as tool

_HOMES = {
    "Constitution": "constitutional",
    "Context": "contexts",
    "Flow": "flowmind",
    "InvalidInput": "errors",
    "LevError": "errors",
    "Package": "packaging",
    "PackageConfig": "packaging",
    "Problem": "errors",
    "ToolContext": "tools",
    "expose": "packaging",
    "load_package": "packaging",
    "package_for_llm": "packaging",
    "tool": "tools",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
