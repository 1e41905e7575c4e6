"""The budgets that a manifest sets itself. How long importing takes is measured by who imports; nothing does here."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from lev_os.core.errors import LevError
from lev_os.core.packaging import Export
from msgspec.structs import replace

from ...manifests.building import current_wheel
from ...manifests.targets import Manifest, files_below, manifest_of
from ...project import PackageSubject
from ...rule import Finding, rule
from ._package import manifest

_LARGE = 50_000_000
_LONG = "word " * 50 + "\n"


@rule(
    "MAN511",
    "context-over-budget",
    summary="A context has more tokens than the package's budget for one.",
    on="package",
    severity="error",
    why="What a model is given displaces something else; the budget is the author's own promise.",
    mend="Shorten it, split it into two that link to each other, or raise `context` under `[budget]`.",
    bad=manifest("[exports]", "[budget]\ncontext = 40\n\n[exports]", "context = ", {"acme/contexts/long.md": _LONG}),
    good=manifest("[exports]", "[budget]\ncontext = 90\n\n[exports]", files={"acme/contexts/long.md": _LONG}),
)
def context_over_budget(subject: PackageSubject) -> Iterator[Finding]:
    """The text of each context as a model gets it, in o200k tokens."""
    found, budget = _budgeted(subject, "context")
    if found is None or budget is None:
        return
    for export in subject.exports:
        if export.kind in ("context", "personality") and (tokens := _tokens(export, budget)) > budget:
            message = f"`{export.subpath}` has {tokens:,} tokens, of at most {budget:,}"
            yield found.finding(message, "budget", "context")


@rule(
    "MAN512",
    "bundle-over-budget",
    summary="What is loaded up front has more tokens than the package's budget for it.",
    on="package",
    severity="error",
    why="Everything under `llm-first` is read before the first question, each time.",
    mend="Offer more of it under `llm`, on request, or raise `bundle` under `[budget]`.",
    bad=manifest(
        "[exports]",
        '[budget]\nbundle = 40\n\n[exports]\n"." = { llm-first = "./contexts/long.md" }',
        "bundle = ",
        {"acme/contexts/long.md": _LONG},
    ),
    good=manifest("[exports]", "[budget]\nbundle = 40\n\n[exports]", files={"acme/contexts/long.md": _LONG}),
)
def bundle_over_budget(subject: PackageSubject) -> Iterator[Finding]:
    """The files that exports name under `llm-first`, each once."""
    found, budget = _budgeted(subject, "bundle")
    if found is None or budget is None:
        return
    keys = {target.key for target in found.targets() if "llm-first" in target.conditions}
    parts: dict[str, int] = {}
    for export in subject.exports:
        if export.subpath in keys or any(_falls(export.subpath, key) for key in keys):
            path = export.package.target(export.subpath, "llm-first").path
            parts[str(path)] = _tokens(export, 0, "llm-first")
    if sum(parts.values()) > budget:
        message = f"what `llm-first` loads has {sum(parts.values()):,} tokens, of at most {budget:,}"
        yield found.finding(message, "budget", "bundle")


@rule(
    "MAN513",
    "wheel-over-budget",
    summary="The package's files are larger than its budget for the wheel.",
    on="package",
    severity="warning",
    confidence="medium",
    why="Everybody who installs the package downloads it.",
    mend="Leave out what need not travel, or raise `wheel-kb` under `[budget]`. Only the built wheel tells exactly.",
    bad=manifest("[exports]", "[budget]\nwheel-kb = 0\n\n[exports]", "wheel-kb"),
    good=manifest("[exports]", "[budget]\nwheel-kb = 10\n\n[exports]"),
)
def wheel_over_budget(subject: PackageSubject) -> Iterator[Finding]:
    """The wheel in `dist/` if it is of today's sources; else the files, compressed as a wheel's are."""
    found, budget = _budgeted(subject, "wheel-kb")
    if found is None or budget is None:
        return
    _, wheel = current_wheel(subject)
    if wheel is not None:
        size = wheel.path.stat().st_size
        if size > budget * 1000:
            message = f"`{wheel.path.name}` has {size / 1000:,.1f} kB, of at most {budget:,}"
            yield replace(found.finding(message, "budget", "wheel-kb"), severity="error", confidence="high")
        return
    try:
        sizes = [(path, path.stat().st_size) for path in files_below(found.root, ".")]
        if sum(size for _, size in sizes) <= budget * 1000:
            return
        size = sum(len(zlib.compress(path.read_bytes(), 6)) for path, size in sizes if size < _LARGE)
    except OSError:
        return
    if size > budget * 1000:
        message = f"the package's files come to about {size / 1000:,.1f} kB compressed, of at most {budget:,}"
        yield found.finding(message, "budget", "wheel-kb")


def _budgeted(subject: PackageSubject, key: str) -> tuple[Manifest | None, int | None]:
    found = manifest_of(subject)
    return found, None if found is None else getattr(subject.package.manifest.budget, key.replace("-", "_"))


def _tokens(export: Export, budget: int, condition: str = "llm") -> int:
    """The tokens of an export's text; a text of fewer bytes than the budget has tokens is not counted."""
    try:
        path = export.package.target(export.subpath, condition).path
        if path is None or path.stat().st_size <= budget:
            return 0
        return int(export.for_llm(conditions=condition)["tokens"])
    except (LevError, OSError):
        return 0


def _falls(subpath: str, key: str) -> bool:
    head, star, tail = key.partition("*")
    return bool(star) and subpath.startswith(head) and subpath.endswith(tail)
