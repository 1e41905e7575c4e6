"""From a checked document to principles; a principle that restates an inherited one starts from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..documents import Document
from .model import Check, JudgeSpec, Principle


def principles_of(
    document: Document, source: str, inherited: Mapping[str, Principle]
) -> Iterator[tuple[int, Principle]]:
    """The document's own principles, in order, by index. What one leaves out comes from the inherited one of its id."""
    for index, data in stated_in(document):
        yield index, _principle(document, index, data, source, inherited.get(data["id"]))


def stated_in(document: Document) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The principles of a document as written, by index, without those that could not be read."""
    return ((index, data) for index, data in enumerate(document.data.get("principles", ())) if data is not None)


def _principle(
    document: Document, index: int, data: Mapping[str, Any], source: str, parent: Principle | None
) -> Principle:
    base = parent or Principle(id=data["id"], statement="")
    scope = data.get("scope", {})
    tests = data.get("tests", {})
    return Principle(
        id=data["id"],
        statement=data.get("statement", base.statement),
        rationale=data.get("rationale", base.rationale),
        authority=data.get("authority", base.authority),
        severity=data.get("severity", base.severity),
        artifacts=frozenset(scope.get("artifacts", base.artifacts)),
        phases=frozenset(scope.get("phase", base.phases)),
        checks=_checks(document, index, data["checks"]) if "checks" in data else base.checks,
        judge=_judge(data["judge"]) if "judge" in data else base.judge,
        on_violation=data.get("on_violation", base.on_violation),
        violates=(*base.violates, *tests.get("violates", ())),
        complies=tuple(tests.get("complies", base.complies)),
        maps={**base.maps, **{name: tuple(tags) for name, tags in data.get("maps", {}).items()}},
        source=source,
        at=document.at(("principles", index, "id")),
    )


def _checks(document: Document, index: int, items: list[dict[str, Any]]) -> tuple[Check, ...]:
    checks: list[Check] = []
    for number, item in enumerate(items):
        fail_open = item.get("fail") == "open"
        for kind, argument in item.items():
            if kind != "fail":
                at = document.at(("principles", index, "checks", number, kind), key=True)
                checks.append(Check(kind=kind, argument=argument, fail_open=fail_open, at=at))
    return tuple(checks)


def _judge(data: Mapping[str, Any]) -> JudgeSpec:
    return JudgeSpec(
        rubric=data["rubric"],
        min_tpr=data.get("min_tpr"),
        min_tnr=data.get("min_tnr"),
        fail_open=data.get("fail") == "open",
    )
