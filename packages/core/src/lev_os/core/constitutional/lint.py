"""What a schema cannot say of a constitution: ids, checks that compile, enough tests, nothing loosened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ..documents import Document
from ..errors import Problem
from .build import stated_in
from .checks import KINDS
from .constitution import Constitution
from .inherit import loosening
from .model import Principle

MIN_TESTS: Final = 2
"""How many violating and how many complying actions each principle shows."""


def lint(
    document: Document,
    own: Mapping[int, Principle],
    inherited: dict[str, Principle],
    parents: Sequence[Constitution],
    *,
    orphaned: bool,
) -> tuple[list[Problem], frozenset[int]]:
    """Every problem of a document that fits the schema, and the indexes of principles that cannot be put to use.

    Those of severity warning leave it usable. `orphaned`: not all that it inherits could be read, so what a principle
    lacks may stand there.
    """
    checks = [(index, problem) for index, data in stated_in(document) for problem in _principle(document, index, data)]
    ids = list(_ids(document))
    problems = [
        *(() if orphaned else _emptiness(document)),
        *_mode(document, parents),
        *(problem for _, problem in checks),
        *(problem for _, problem in ids),
        *(
            problem
            for index, principle in own.items()
            if not (
                orphaned and principle.id not in inherited and "statement" not in document.data["principles"][index]
            )
            for problem in _complete(document, index, principle)
        ),
        *loosening(document, own, inherited),
    ]
    return problems, frozenset(index for index, problem in (*checks, *ids) if problem.severity == "error")


def _emptiness(document: Document) -> Iterator[Problem]:
    if "principles" not in document.data and not document.data.get("extends"):
        help = "write `principles: []` if nothing shall be held, or `extends: [lev_os.core/constitution/baseline]`"
        yield Problem("CON103", "this constitution has no principles", document.at(()), help)


def _mode(document: Document, parents: Sequence[Constitution]) -> Iterator[Problem]:
    enforcing = [parent.specifier for parent in parents if parent.mode == "enforce"]
    if document.data.get("mode") == "shadow" and enforcing:
        at = document.at(("mode",))
        message = f"mode shadow loosens {', '.join(enforcing)}, which enforces"
        yield Problem(
            "CON204", message, at, "what is inherited may only be tightened; try a run in shadow mode instead"
        )


def _ids(document: Document) -> Iterator[tuple[int, Problem]]:
    seen: dict[str, str] = {}
    for index, data in stated_in(document):
        at = document.at(("principles", index, "id"))
        if data["id"] in seen:
            message = f"{data['id']} is already the id of a principle at {seen[data['id']]}"
            yield index, Problem("CON104", message, at)
        seen.setdefault(data["id"], str(at))


def _principle(document: Document, index: int, data: Mapping[str, Any]) -> Iterator[Problem]:
    path: tuple[str | int, ...] = ("principles", index)
    for number, item in enumerate(data.get("checks", ())):
        kinds = [kind for kind in item if kind != "fail"]
        here = (*path, "checks", number)
        if len(kinds) != 1:
            yield Problem(
                "CON105", f"a check is one of {', '.join(KINDS)}, and this has {len(kinds)}", document.at(here)
            )
        for kind in kinds:
            for fault in KINDS[kind].faults(item[kind]):
                yield Problem(
                    "CON106", f"`{kind}`: {fault.message}", document.at((*here, kind, *fault.path)), fault.help
                )
        if item.get("fail") == "open":
            yield _fails_open(document, here)
    if data.get("judge", {}).get("fail") == "open":
        yield _fails_open(document, (*path, "judge"))


def _fails_open(document: Document, path: tuple[str | int, ...]) -> Problem:
    return Problem(
        "CON110",
        "this fails open: when it cannot be evaluated, the action is let through with a warning",
        document.at((*path, "fail"), key=True),
        "remove `fail: open` unless that is meant",
        "warning",
    )


def _complete(document: Document, index: int, principle: Principle) -> Iterator[Problem]:
    at = document.at(("principles", index, "id"))
    if not principle.statement:
        yield Problem("CON107", f"{principle.id} has no `statement`", at, "say in one sentence what shall hold")
    if not principle.checks and principle.judge is None:
        yield Problem("CON108", f"{principle.id} has neither `checks` nor a `judge`: nothing would enforce it", at)
    for key, fixtures in (("violates", principle.violates), ("complies", principle.complies)):
        if len(fixtures) < MIN_TESTS:
            here = document.at(("principles", index, "tests", key), key=True)
            help = f"show at least {MIN_TESTS} actions under `tests: {{{key}: [...]}}`"
            yield Problem("CON109", f"{principle.id} has {len(fixtures)} tests under `{key}`", here, help)
