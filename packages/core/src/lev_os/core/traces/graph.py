"""A flow as a picture: steps below one another, branches side by side, in one pass over the steps.

Coordinates are CSS pixels. A block of steps hangs from one point, the middle of its top, and ends in one at its
bottom unless every way through it returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..flowmind.link import LinkedFlow
from ..flowmind.model import (
    Ask,
    Call,
    ForEach,
    If,
    IfSemantic,
    Parallel,
    Return,
    Set,
    Step,
    SubFlow,
    Switch,
    SwitchSemantic,
    Template,
    Try,
    Wait,
    While,
)
from .taken import Visits
from .texts import escaped, one_line

WIDTH, HEIGHT = 190.0, 44.0
_GAP, _BESIDE, _LABEL = 26.0, 22.0, 22.0
_EMPTY = 90.0
_LETTERS = 25

_Branch = tuple[str, tuple[Step, ...]]


@dataclass(slots=True)
class _Box:
    """A step with its branches, sized but not placed. `ends` is False when nothing comes after it."""

    step: Step
    width: float
    height: float
    branches: list[tuple[str, list[_Box], float, float]]
    ends: bool


def drawn(linked: LinkedFlow, visits: Visits, links: dict[str, str]) -> str:
    """The flow as an `<svg>`; `links` leads from a step's path to the anchor of its first effect."""
    boxes = [_box(step) for step in linked.tree.steps]
    width, height = _size(boxes)
    picture = _Picture(linked.specifier, visits, links)
    picture.block(boxes, width / 2 + 8, 8.0, True)
    size = f'width="{width + 16:.0f}" height="{height + 16:.0f}" viewBox="0 0 {width + 16:.0f} {height + 16:.0f}"'
    # What was taken is drawn last, over what was not.
    lines = "".join(picture.lines) + "".join(picture.taken)
    label = escaped(f"The steps of {linked.specifier}; those that were taken are filled")
    return f'<svg class="graph" role="img" aria-label="{label}" {size}>{lines}{"".join(picture.nodes)}</svg>'


def _branches(step: Step) -> list[_Branch]:
    """The branches of a step with what leads into them."""
    match step:
        case If():
            return [("then", step.then), ("else", step.else_)]
        case IfSemantic():
            return [("then", step.then), ("else", step.else_), ("uncertain", step.uncertain)]
        case Switch():
            return [*step.cases.items(), ("default", step.default)]
        case SwitchSemantic():
            return [*step.cases.items(), ("uncertain", step.uncertain)]
        case ForEach() | While():
            return [("each", step.do)]
        case Parallel():
            return list(step.branches.items())
        case Try():
            return [("try", step.body), ("catch", step.catch)]
        case Wait() if step.on_timeout:
            return [("answered", ()), ("timeout", step.on_timeout)]
    return []


def _box(step: Step) -> _Box:
    branches = []
    for label, steps in _branches(step):
        boxes = [_box(inner) for inner in steps]
        width, height = _size(boxes)
        branches.append((label, boxes, max(width, _EMPTY), height))
    if not branches:
        return _Box(step, WIDTH, HEIGHT, [], not isinstance(step, Return))
    width = sum(wide for _, _, wide, _ in branches) + _BESIDE * (len(branches) - 1)
    height = HEIGHT + _GAP + _LABEL + max(high for *_, high in branches) + _GAP
    ends = any(all(box.ends for box in boxes) for _, boxes, _, _ in branches) or isinstance(step, ForEach | While)
    return _Box(step, max(WIDTH, width), height, branches, ends)


def _size(boxes: Sequence[_Box]) -> tuple[float, float]:
    if not boxes:
        return 0.0, 0.0
    return max(box.width for box in boxes), sum(box.height for box in boxes) + _GAP * (len(boxes) - 1)


class _Picture:
    def __init__(self, flow: str, visits: Visits, links: dict[str, str]) -> None:
        self.flow = flow
        self.visits = visits
        self.links = links
        self.nodes: list[str] = []
        self.lines: list[str] = []
        self.taken: list[str] = []

    def block(self, boxes: Sequence[_Box], x: float, y: float, entered: bool) -> tuple[float, bool]:
        """Draw a block that hangs from (x, y); returns where it ends, and whether its end was reached."""
        for number, box in enumerate(boxes):
            if number:
                self.line(f"M{x:g} {y:g}V{y + _GAP:g}", entered and self.count(box.step) > 0)
                y += _GAP
            entered = self.box(box, x, y)
            y += box.height
        return y, entered

    def box(self, box: _Box, x: float, y: float) -> bool:
        """Draw a step and its branches; returns whether it seems to have been left at its end."""
        count = self.count(box.step)
        self.node(box.step, x, y, count)
        if not box.branches:
            return count > 0 and box.ends
        top, bottom = y + HEIGHT, y + box.height
        left = x - (sum(wide for _, _, wide, _ in box.branches) + _BESIDE * (len(box.branches) - 1)) / 2
        known = any(self.visits[self.flow, f"{box.step.path}.{label}"] for label, *_ in box.branches)
        elsewhere = known or any(self.entered(boxes) for _, boxes, _, _ in box.branches)
        left_at_end = False
        for label, boxes, wide, _ in box.branches:
            middle = left + wide / 2
            left += wide + _BESIDE
            # A branch without steps was taken when it was chosen, or when the step was taken and no other branch.
            chosen = self.visits[self.flow, f"{box.step.path}.{label}"] > 0
            entered = self.entered(boxes) if boxes else chosen or (count > 0 and not elsewhere)
            start = top + _GAP + _LABEL
            self.line(f"M{x:g} {top:g}V{top + _GAP / 2:g}H{middle:g}V{start:g}", entered)
            self.label(label, middle, start - 8, wide, entered)
            end, reached = self.block(boxes, middle, start, entered) if boxes else (start, entered)
            if all(one.ends for one in boxes):
                self.line(f"M{middle:g} {end:g}V{bottom - _GAP / 2:g}H{x:g}V{bottom:g}", reached)
            left_at_end = left_at_end or reached
        return left_at_end or (count > 0 and isinstance(box.step, ForEach | While))

    def entered(self, boxes: Sequence[_Box]) -> bool:
        return bool(boxes) and self.count(boxes[0].step) > 0

    def count(self, step: Step) -> int:
        return self.visits[self.flow, step.path]

    def line(self, path: str, taken: bool) -> None:
        if taken:
            self.taken.append(f'<path class="taken" d="{path}"/>')
        else:
            self.lines.append(f'<path d="{path}"/>')

    def label(self, text: str, x: float, y: float, wide: float, taken: bool) -> None:
        shown = escaped(one_line(text, max(6, int(wide / 7))))
        self.nodes.append(f'<text class="way{" taken" if taken else ""}" x="{x:g}" y="{y:g}">{shown}</text>')

    def node(self, step: Step, x: float, y: float, count: int) -> None:
        kind, text = described(step)
        times = f" ×{count}" if count > 1 else ""
        box = f'<rect x="{x - WIDTH / 2:g}" y="{y:g}" width="{WIDTH:g}" height="{HEIGHT:g}" rx="7"/>'
        whole = escaped(one_line(f"{step.path}: {text}", 600))
        name = escaped(one_line(f"{kind} {step.id}" if step.id else kind, _LETTERS - len(times)) + times)
        words = (
            f"<title>{whole}</title>{box}"
            f'<text class="kind" x="{x:g}" y="{y + 18:g}">{name}</text>'
            f'<text x="{x:g}" y="{y + 34:g}">{escaped(one_line(text, _LETTERS + 3))}</text>'
        )
        group = f'<g class="step{" taken" if count else ""}">{words}</g>'
        anchor = self.links.get(step.path)
        self.nodes.append(f'<a href="#{anchor}">{group}</a>' if anchor else group)


def described(step: Step) -> tuple[str, str]:
    """The name of a step's kind, and what it says."""
    match step:
        case Ask():
            return "ask", _written(step.instruction)
        case Call():
            return "call", step.tool
        case If():
            return "if", step.test.source
        case IfSemantic():
            return "if_semantic", _written(step.condition.statement)
        case Switch():
            return "switch", step.value.source
        case SwitchSemantic():
            return "switch_semantic", _written(step.condition.statement)
        case ForEach():
            return "for_each", f"{step.variable} in {step.items.source}"
        case While():
            test = step.condition
            return "while", step.test.source if step.test else _written(test.statement) if test else ""
        case Parallel():
            return "parallel", f"wait for {step.wait_for}"
        case SubFlow():
            return "flow", step.flow
        case Wait():
            return "wait", step.name
        case Try():
            return "try", "and catch what fails"
        case Set():
            return "set", ", ".join(step.values)
        case Return():
            return "return", _short(step.value)


def _written(template: Template) -> str:
    return "".join(part if isinstance(part, str) else "${" + part.source + "}" for part in template.parts)


def _short(value: object) -> str:
    """A value with its templates as they are written."""
    if isinstance(value, Template):
        return _written(value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_short(inner)}" for name, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_short, value))
    return "null" if value is None else str(value)
