"""Inheritance: what is inherited may only be tightened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from .. import canonical
from ..documents import Document
from ..errors import InvalidInput, LevError, Problem
from .constitution import Constitution
from .data import principle_digest
from .model import Check, Principle
from .sources import Resolve, Source

if TYPE_CHECKING:
    from ..packaging import Package

_SEVERITIES: Final = ("info", "warning", "error")
_AUTHORITIES: Final = ("guideline", "default", "hard")
_STRICTER: Final[dict[str, frozenset[str]]] = {
    "warn": frozenset({"warn", "revise", "escalate", "block"}),
    "revise": frozenset({"revise", "block"}),
    "escalate": frozenset({"escalate", "block"}),
    "block": frozenset({"block"}),
}
"""What may replace each `on_violation`. Never `escalate` for `revise`: then a person could let it pass."""

Loaded = tuple[int, Constitution]
"""The index in `extends`, and what was found there."""


def parents_of(
    document: Document,
    package: Package | None,
    resolve: Resolve,
    chain: tuple[str, ...],
    load: Callable[[Source], Constitution],
) -> tuple[list[Loaded], list[Problem]]:
    """The constitutions that `extends` names, and a problem at each name that leads nowhere, round or to a bad file."""
    loaded: list[Loaded] = []
    problems: list[Problem] = []
    for index, reference in enumerate(document.data.get("extends", ())):
        at = document.at(("extends", index))
        try:
            source = resolve(reference, package)
            if source.specifier in chain:
                round_trip = " extends ".join(
                    f"`{name}`" for name in (*chain[chain.index(source.specifier) :], reference)
                )
                problems.append(Problem("CON201", f"a circle: {round_trip}", at, "remove one of these `extends`"))
                continue
            loaded.append((index, load(source)))
        except InvalidInput as error:
            problems.append(Problem("CON202", f"`{reference}` cannot be inherited: it has problems of its own", at))
            problems.extend(error.problems)
        except LevError as error:
            problems.append(Problem("CON202", f"`{reference}` cannot be inherited: {error.message}", at, error.help))
    return loaded, problems


def inherit(document: Document, parents: Sequence[Loaded]) -> tuple[dict[str, Principle], list[Problem]]:
    """All inherited principles by id. Of two versions of one the stricter stands; if neither is, that is a problem."""
    found: dict[str, Principle] = {}
    problems: list[Problem] = []
    for index, parent in parents:
        for principle in parent.principles:
            other = found.setdefault(principle.id, principle)
            if principle_digest(other) == principle_digest(principle) or not any(loosened(principle, other)):
                continue
            if not any(loosened(other, principle)):
                found[principle.id] = principle
                continue
            message = f"{principle.id} of {_place(principle)} and of {_place(other)} differ and neither is the stricter"
            help = "inherit one of them, or let one extend the other"
            problems.append(Problem("CON203", message, document.at(("extends", index)), help))
    return found, problems


def loosening(document: Document, own: Mapping[int, Principle], inherited: dict[str, Principle]) -> Iterator[Problem]:
    """A problem for everything in the document's principles that is laxer than what they inherit."""
    for index, child in own.items():
        parent = inherited.get(child.id)
        if parent is None:
            continue
        for key, what in loosened(parent, child):
            path: tuple[str | int, ...] = ("principles", index, *key)
            message = f"{child.id} loosens what {_place(parent)} says: {what}"
            yield Problem("CON204", message, document.at(path, key=True), "what is inherited may only be tightened")


def loosened(parent: Principle, child: Principle) -> Iterator[tuple[tuple[str, ...], str]]:
    """In what `child` is laxer than `parent`: the key in the file, and why."""
    if _SEVERITIES.index(child.severity) < _SEVERITIES.index(parent.severity):
        yield ("severity",), f"severity {parent.severity} became {child.severity}"
    if _AUTHORITIES.index(child.authority) < _AUTHORITIES.index(parent.authority):
        yield ("authority",), f"authority {parent.authority} became {child.authority}"
    if child.on_violation not in _STRICTER[parent.on_violation]:
        yield ("on_violation",), f"on_violation {parent.on_violation} became {child.on_violation}"
    for key, before, after in (
        ("artifacts", parent.artifacts, child.artifacts),
        ("phase", parent.phases, child.phases),
    ):
        if gone := before - after:
            yield ("scope", key), f"the scope no longer holds {', '.join(sorted(gone))}"
    kept = {_check_key(check): check for check in child.checks}
    for check in parent.checks:
        same = kept.get(_check_key(check))
        if same is None:
            yield ("checks",), f"its check `{check.kind}: {_short(check.argument)}` is gone"
        elif same.fail_open and not check.fail_open:
            yield ("checks",), f"its check `{check.kind}` now fails open"
    yield from _judge(parent, child)


def _judge(parent: Principle, child: Principle) -> Iterator[tuple[tuple[str, ...], str]]:
    before, after = parent.judge, child.judge
    if before is None:
        return
    if after is None or after.rubric != before.rubric:
        yield ("judge",), "its judge has another rubric"
        return
    if after.fail_open and not before.fail_open:
        yield ("judge",), "its judge now fails open"
    for name in ("min_tpr", "min_tnr"):
        if (getattr(after, name) or 0) < (getattr(before, name) or 0):
            yield ("judge",), f"its judge needs a smaller {name}"


def _check_key(check: Check) -> str:
    """Two checks that say the same, however they fail; a strict twin beside a lax one still counts as kept."""
    return canonical.digest([check.kind, check.argument])


def _short(argument: Any) -> str:
    text = canonical.encode(argument).decode()
    return text if len(text) <= 80 else text[:79] + "…"


def _place(principle: Principle) -> str:
    return f"{principle.at}" if principle.at.path else principle.source
