"""Every check of a package, before any model runs; and of the files with which people instruct their agents.

    >>> from lev_os.check import check
    >>> report = check(["examples"])

Everything loads on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .diagnostics import Diagnostic, Edit, Fix, NotChecked, Report
    from .engine import check
    from .files import File
    from .rule import Example, Finding, Rule

__all__ = ["Diagnostic", "Edit", "Example", "File", "Finding", "Fix", "NotChecked", "Report", "Rule", "check"]
_HOMES = {"check": "engine", "File": "files", "Example": "rule", "Finding": "rule", "Rule": "rule"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f".{_HOMES.get(name, 'diagnostics')}", __name__), name)
    return value
