"""The figures of one package; nothing of it is imported here, only in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from lev_os.core import tokens
from lev_os.core.errors import LevError
from lev_os.core.packaging import Export, Package

from ..manifests.wheels import project_of
from ..markdown import read_markdown
from .archives import latest_wheel, twin_measure, wheel_measure
from .history import package_at
from .importing import import_measure
from .model import Measure, Part

_CONTEXTS = frozenset({"context", "personality", "skill"})


def measure(
    package: Package,
    *,
    base: str | None = None,
    wheel: Path | None = None,
    twin: Path | None = None,
    python: str | None = None,
) -> list[Measure]:
    """Every figure of a package that can be had: contexts and bundle, then wheel, twin and import.

    `base` is a git ref whose tokens are put beside; `wheel` and `twin` (a folder or a packed file) stand for the wheel
    in `dist/`; `python` is the interpreter that imports. Raises `LevError` for what is not there or cannot be read.
    """
    found = [*_of_tokens(package)]
    if base is not None:
        with package_at(package, base) as old:
            before = {} if old is None else {(m.kind, m.name): m.value for m in _of_tokens(old)}
        gone = before.keys() - {(m.kind, m.name) for m in found}
        found = [replace(m, before=before.get((m.kind, m.name))) for m in found]
        found += [Measure(kind, name, 0, before=before[kind, name], note="gone") for kind, name in sorted(gone)]
    budget = package.manifest.budget
    project = project_of(package.root)
    if wheel is None and project is not None:
        wheel = latest_wheel(project, package.root)
    if wheel is not None:
        found.append(wheel_measure(wheel, budget.wheel_kb))
    if twin is not None:
        found.append(twin_measure(twin, budget.twin_kb))
    return [*found, import_measure(package, budget.import_ms, python)]


def _of_tokens(package: Package) -> Iterator[Measure]:
    """Each context by its specifier, then all that a model gets before it asks, each file once."""
    budget = package.manifest.budget
    up_front: dict[str, tuple[str, int]] = {}
    for export in package.exports():
        first = package.is_up_front(export.subpath) and "llm-first" in export.conditions
        if export.kind in _CONTEXTS or first:
            condition = "llm" if "llm" in export.conditions else "llm-first"
            loaded = export.for_llm(conditions="llm-first" if first else condition)
            if first:
                path = package.target(export.subpath, "llm-first").path
                up_front.setdefault(str(path), (export.specifier, loaded["tokens"]))
            if export.kind in _CONTEXTS:
                # The manifest's limit is for contexts: a skill is read when it is needed, and has its own rules.
                limit = None if export.kind == "skill" else budget.context
                yield Measure(
                    "context", export.specifier, loaded["tokens"], limit, parts=partial(_sections, export)
                )  # fmt: skip
    parts = tuple(sorted((Part(*item) for item in up_front.values()), key=lambda part: (-part.value, part.name)))
    yield Measure("bundle", package.name, sum(part.value for part in parts), budget.bundle, parts=lambda: parts)


def _sections(export: Export) -> tuple[Part, ...]:
    """The tokens below each heading of a context."""
    try:
        text = export.for_llm()["text"]
    except LevError:
        text = export.for_llm(conditions="llm-first")["text"]
    headings = read_markdown(text).headings
    starts = [0, *(heading.span[0] for heading in headings)]
    names = ["(before the first heading)", *(f"{'#' * heading.level} {heading.text}" for heading in headings)]
    ends = [*starts[1:], len(text)]
    counts = tokens.count_many(text[start:end] for start, end in zip(starts, ends, strict=True))
    return _biggest(Part(name, count) for name, count in zip(names, counts, strict=True) if count)


def _biggest(parts: Iterator[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: -part.value))
