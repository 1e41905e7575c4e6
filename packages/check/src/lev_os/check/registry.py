"""Every rule there is: our own, and those of plugins that the user's own configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import walk_packages

from .rule import RULES, Rule


@cache
def rules() -> Mapping[str, Rule]:
    """Our own rules by code, in the order of their codes."""
    package = import_module(f"{__package__}.rules")
    for module in walk_packages(package.__path__, f"{package.__name__}."):
        import_module(module.name)
    return dict(sorted(RULES.items()))


def matches(code: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a code is one of those that `--select` or `--ignore` name: a whole code, a family, or its beginning."""
    return code.startswith(prefixes)
