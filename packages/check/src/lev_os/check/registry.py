"""Every rule there is: our own, and those of plugins that the user's own configuration names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules, walk_packages

from .rule import RULES, Rule, Subject

_OF_PACKAGES = (
    "constitution.contexts",
    "constitution.flows",
    "constitution.names",
    "constitution.sense",
    "constitution.tests",
    "flows.",
    "manifest.contents",
    "manifest.exports",
    "manifest.promises",
)
"""Modules with rules on packages and flows alone, which take longest to load: most projects have neither."""


@cache
def rules() -> Mapping[str, Rule]:
    """Our own rules by code, in the order of their codes."""
    for module in _modules():
        import_module(module)
    return dict(sorted(RULES.items()))


def rules_on(subject: Subject) -> Iterator[Rule]:
    """The rules on one kind of subject, in the order of their codes; no more modules are loaded than hold them."""
    if subject in ("flow", "package"):
        rules()
    else:
        _load_the_others()
    return (rule for _, rule in sorted(RULES.items()) if rule.on == subject and rule.check is not None)


def unknown(codes: Iterable[str]) -> list[str]:
    """Those of some codes, or beginnings of codes, that nothing has."""
    _load_the_others()
    return [code for code in codes if not _begins(RULES, code) and not _begins(rules(), code)]


def _begins(known: Iterable[str], code: str) -> bool:
    return any(each.startswith(code) for each in known)


@cache
def _load_the_others() -> None:
    start = len(f"{__package__}.rules.")
    for module in _modules():
        if not module.startswith(_OF_PACKAGES, start):
            import_module(module)


@cache
def _modules() -> tuple[str, ...]:
    package = import_module(f"{__package__}.rules")
    families = [found.name for found in iter_modules(package.__path__, f"{package.__name__}.") if found.ispkg]
    return tuple(
        module.name
        for family in families
        for module in walk_packages(import_module(family).__path__, f"{family}.")
        if not module.name.rpartition(".")[2].startswith("_")
    )


def matches(code: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a code is one of those that `--select` or `--ignore` name: a whole code, a family, or its beginning."""
    return code.startswith(prefixes)
