"""The outline of a file: steps of a flow, headings of a Markdown text, principles, exports."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from ..files import MARKDOWN_KINDS
from ..rule import Span
from .outline import Outline, Step
from .workspace import Open
from .yaml_view import YamlView

Kind = Literal["step", "branch", "heading", "principle", "export"]
_EXPORT = re.compile(r"^\"(\.[^\"\n]*)\"\s*=", re.MULTILINE)


@dataclass(slots=True)
class Symbol:
    """A named part: `whole` is all of it, `name_span` its name."""

    name: str
    kind: Kind
    detail: str
    whole: Span
    name_span: Span
    inside: list[Symbol] = field(default_factory=list)


def symbols(opened: Open) -> list[Symbol]:
    """The parts of a file in order; empty for one that cannot be read just now."""
    if opened.outline is not None:
        return _steps(opened.outline, opened.outline.steps, len(opened.file.text))
    if opened.file.kind == "constitution" and opened.view is not None:
        return _principles(opened.view)
    if opened.file.kind == "manifest":
        return [
            Symbol(match[1], "export", "", match.span(), match.span(1)) for match in _EXPORT.finditer(opened.file.text)
        ]
    return _headings(opened) if opened.file.kind in MARKDOWN_KINDS else []


def _steps(outline: Outline, steps: list[Step], end: int) -> list[Symbol]:
    starts = [outline.view.offset(step.path) or 0 for step in steps]
    found = []
    for index, (step, start) in enumerate(zip(steps, starts, strict=True)):
        whole = (start, starts[index + 1] if index + 1 < len(starts) else max(end, start))
        said = step.data.get(step.kind)
        detail = said if isinstance(said, str) and step.id else ""
        span = outline.view.span((*step.path, "id")) if step.id else None
        if span is None and step.kind:
            span = outline.view.span((*step.path, step.kind), key=True)
        symbol = Symbol(step.id or step.kind or "step", "step", detail[:80], whole, _within(span, whole))
        for label, body in step.inside.items():
            inside = _steps(outline, body, whole[1])
            if inside:
                reach = (inside[0].whole[0], inside[-1].whole[1])
                symbol.inside.append(Symbol(label, "branch", "", reach, (reach[0], reach[0]), inside))
        found.append(symbol)
    return found


def _principles(view: YamlView) -> list[Symbol]:
    data = view.document.data
    principles = data.get("principles") if isinstance(data, dict) else None
    found = []
    for index, principle in enumerate(principles if isinstance(principles, list) else ()):
        if isinstance(principle, dict) and isinstance(principle.get("id"), str):
            start = view.offset(("principles", index)) or 0
            span = view.span(("principles", index, "id")) or (start, start)
            said = str(principle.get("statement", ""))[:80]
            found.append(Symbol(principle["id"], "principle", said, (start, max(span[1], start)), span))
    return found


def _headings(opened: Open) -> list[Symbol]:
    top: list[Symbol] = []
    chain: list[tuple[int, Symbol]] = []
    headings = opened.file.markdown.headings
    for index, heading in enumerate(headings):
        end = next(
            (other.span[0] for other in headings[index + 1 :] if other.level <= heading.level), len(opened.file.text)
        )
        symbol = Symbol(heading.text or "heading", "heading", "", (heading.span[0], end), heading.span)
        while chain and chain[-1][0] >= heading.level:
            chain.pop()
        (chain[-1][1].inside if chain else top).append(symbol)
        chain.append((heading.level, symbol))
    return top


def _within(span: Span | None, whole: Span) -> Span:
    """A name's span, which the protocol wants inside the whole."""
    if span is None or not whole[0] <= span[0] <= span[1] <= whole[1]:
        return whole[0], whole[0]
    return span
