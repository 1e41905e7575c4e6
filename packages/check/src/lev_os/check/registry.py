"""Every rule there is: our own, and those of plugins that the user's own configuration names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module

from .rule import RULES, Rule, Subject

_OF_PACKAGES = (
    "checker.",
    "commands.",
    "constitution.",
    "contexts.requires",
    "documents.",
    "flows.",
    "manifest.budgets",
    "manifest.building",
    "manifest.contents",
    "manifest.exports",
    "manifest.promises",
    "manifest.reading",
)
"""Modules with rules on packages and flows alone, which take longest to load: most projects have neither; and those
that only name what is reported elsewhere."""
_OF_KINDS: Mapping[str, frozenset[str]] = {
    "manifest.agents_hooks": frozenset({"hooks"}),
    "manifest.agents_json": frozenset({"hooks", "mcp", "plugin"}),
    "manifest.agents_mcp": frozenset({"mcp"}),
    "manifest.agents_plugins": frozenset({"plugin"}),
}
"""Modules whose rules, those on projects too, are about files of these kinds."""


@cache
def rules() -> Mapping[str, Rule]:
    """Our own rules by code, in the order of their codes."""
    for module in _modules():
        import_module(module)
    return dict(sorted(RULES.items()))


def rules_on(subject: Subject, kinds: frozenset[str] | None = None) -> Iterator[Rule]:
    """The rules on one kind of subject, in the order of their codes; no more modules are loaded than hold them.

    `kinds` are those of all files that there are: rules on others, and on projects with others, may be left out.
    """
    if subject in ("flow", "package"):
        rules()
    else:
        _load(kinds)
    return (rule for _, rule in sorted(RULES.items()) if rule.on == subject and rule.check is not None)


def unknown(codes: Iterable[str]) -> list[str]:
    """Those of some codes, or beginnings of codes, that nothing has."""
    _load(None)
    return [code for code in codes if not _begins(RULES, code) and not _begins(rules(), code)]


def _begins(known: Iterable[str], code: str) -> bool:
    return any(each.startswith(code) for each in known)


@cache
def _load(kinds: frozenset[str] | None) -> None:
    start = len(f"{__package__}.rules.")
    for module in _modules():
        only = _OF_KINDS.get(module[start:])
        if not module.startswith(_OF_PACKAGES, start) and (only is None or kinds is None or kinds & only):
            import_module(module)


@cache
def _modules() -> tuple[str, ...]:
    folder = os.path.join(os.path.dirname(__file__), "rules")
    return tuple(
        f"{__package__}.rules.{family}.{name[:-3]}"
        for family in sorted(os.listdir(folder))
        if os.path.isdir(os.path.join(folder, family))
        for name in sorted(os.listdir(os.path.join(folder, family)))
        if name.endswith(".py") and not name.startswith("_")
    )


def matches(code: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a code is one of those that `--select` or `--ignore` name: a whole code, a family, or its beginning."""
    return code.startswith(prefixes)
