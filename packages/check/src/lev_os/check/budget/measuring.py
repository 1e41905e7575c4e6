"""The figures of one package; nothing of it is imported here, only in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
from lev_os.core import tokens
from lev_os.core.canonical import digest_bytes
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

    `base` is a git ref whose tokens are put beside, with the parts that are not as they were; `wheel` and `twin` (a
    folder or a packed file) stand for the wheel in `dist/`; `python` is the interpreter that imports. Raises `LevError`
    for what is not there or cannot be read.
    """
    found = [*_of_tokens(package)]
    if base is not None:
        with package_at(package, base) as old:
            before = {} if old is None else {(m.kind, m.name): m for m in _of_tokens(old)}
            found = [m.since(before.get((m.kind, m.name))) for m in found]
        gone = before.keys() - {(m.kind, m.name) for m in found}
        found += [Measure(kind, name, 0, before=before[kind, name].value, note="gone") for kind, name in sorted(gone)]
    budget = package.manifest.budget
    project = project_of(package.root)
    if wheel is not None:
        found.append(wheel_measure(wheel, budget.wheel_kb, package.name))
    elif project is not None and (newest := latest_wheel(project, package.root)) is not None:
        found.append(wheel_measure(newest, budget.wheel_kb))
    if twin is not None:
        found.append(twin_measure(twin, budget.twin_kb, package.name))
    return [*found, import_measure(package, budget.import_ms, python)]


def _of_tokens(package: Package) -> Iterator[Measure]:
    """Each context by its specifier, then all that a model gets before it asks, each file once."""
    budget = package.manifest.budget
    up_front: dict[str, Part] = {}
    for export in package.exports():
        first = package.is_up_front(export.subpath) and "llm-first" in export.conditions
        if export.kind in _CONTEXTS or first:
            condition = "llm-first" if first or "llm" not in export.conditions else "llm"
            loaded = export.for_llm(conditions=condition)
            digest = _digest(export, loaded["text"])
            if first:
                path = package.target(export.subpath, "llm-first").path
                up_front.setdefault(str(path), Part(export.specifier, loaded["tokens"], digest))
            if export.kind in _CONTEXTS:
                # The manifest's limit is for contexts: a skill is read when it is needed, and has its own rules.
                limit = None if export.kind == "skill" else budget.context
                yield Measure(
                    "context", export.specifier, loaded["tokens"], limit, pieces=partial(_sections, export, condition),
                    digest=digest,
                )  # fmt: skip
    parts = tuple(up_front.values())
    whole = digest_bytes("\n".join(f"{part.name} {part.digest}" for part in parts).encode())
    total = sum(part.value for part in parts)
    yield Measure("bundle", package.name, total, budget.bundle, pieces=lambda: parts, digest=whole)


def _digest(export: Export, text: str) -> str:
    """What is compared with a base: the bytes. The card of a tool has another digest, which knows no order of keys."""
    if export.kind == "tool":
        card = export.package.card(export.subpath)
        return digest_bytes(msgspec.json.encode((card.name, card.description, card.input_schema, card.output_schema)))
    return digest_bytes(text.encode())


def _sections(export: Export, condition: str) -> tuple[Part, ...]:
    """The tokens below each heading of a context."""
    text = export.for_llm(conditions=condition)["text"]
    headings = read_markdown(text).headings
    starts = [0, *(heading.span[0] for heading in headings)]
    names = ["(before the first heading)", *(f"{'#' * heading.level} {heading.text}" for heading in headings)]
    sections = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    counts = tokens.count_many(sections)
    return tuple(
        Part(name, count, digest_bytes(section.encode()))
        for name, count, section in zip(names, counts, sections, strict=True)
        if count
    )
