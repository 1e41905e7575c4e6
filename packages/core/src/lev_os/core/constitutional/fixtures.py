"""The tests a principle carries: actions as data, run through the gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..bidirectional.effects import EffectKind
from ..errors import Problem
from ..tools import ToolCard, ToolDeclaration
from .constitution import Constitution
from .gate import Gate, GateSession
from .history import digest
from .model import Action, Phase, Principle, Verdict


def run_tests(constitution: Constitution) -> list[Problem]:
    """A problem for every test that does not come out as it says.

    Each `violates` must be objected to by its principle and each `complies` must not. A principle with a judge may
    leave a violation to it, so only its `complies` are held against its checks.
    """
    return [problem for principle in constitution.principles for problem in _run(constitution, principle)]


def action_of(data: Mapping[str, Any], *, key: str = "test") -> Action:
    """The action that a fixture describes; see the format's `tests`."""
    card = _card(data.get("tool"))
    phase: Phase = data.get("phase") or ("post" if "result" in data else "pre" if card is None else "tool")
    kind: EffectKind = data.get("kind") or ("model" if card is None else "tool")
    request: dict[str, Any] = dict(data.get("request", {}))
    if card is not None:
        request = {"tool": card.specifier, "name": card.name, "arguments": data.get("args", {}), **request}
    return Action(
        phase=phase,
        kind=kind,
        key=key,
        attempt=1,
        digest=digest({"kind": kind, "request": request}),
        at=float(data.get("at", 0)),
        request=request,
        result=data.get("result"),
        tool=card,
        taint={path: frozenset(labels) for path, labels in data.get("taint", {}).items()},
    )


def replay(gate: Gate, data: Mapping[str, Any]) -> tuple[Action, Verdict]:
    """The verdict on a fixture's action after its history."""
    session = gate.session()
    for index, event in enumerate(data.get("history", ())):
        _happen(session, event, f"history-{index}")
    action = action_of(data)
    if data.get("approved"):
        session.approved(action)
    return action, session.judge(action)


def _happen(session: GateSession, event: Mapping[str, Any], key: str) -> None:
    if "person" in event:
        session.person(float(event.get("at", 0)), event["person"], event.get("value"), {"approved": True})
    else:
        session.left(action_of(event, key=key))


def _card(tool: Any) -> ToolCard | None:
    if tool is None:
        return None
    if isinstance(tool, str):
        tool = {"specifier": tool}
    specifier = tool.get("specifier") or tool["name"]
    effects = tool.get("effects")
    return ToolCard(
        specifier=specifier,
        name=tool.get("name") or specifier.rsplit("/", 1)[-1],
        declaration=ToolDeclaration(effects=None if effects is None else frozenset(effects)),
    )


def _run(constitution: Constitution, principle: Principle) -> Iterator[Problem]:
    alone = replace(principle, artifacts=principle.artifacts | {"run"})
    gate = Gate(Constitution.of((alone,), name=constitution.name, specifier=constitution.specifier))
    for key, fixtures in (("violates", principle.violates), ("complies", principle.complies)):
        for index, data in enumerate(fixtures):
            _, verdict = replay(gate, data)
            objections = [finding for finding in verdict.findings if finding.ruling != "allow"]
            place = f"{principle.id} tests.{key}[{index}]"
            if key == "violates" and not objections and principle.judge is None:
                help = "is its phase, tool or scope one that the checks meet?"
                yield Problem("CON301", f"{place}: nothing objects to it", principle.at, help)
            elif key == "complies" and objections:
                yield Problem("CON302", f"{place}: {objections[0].message}", principle.at, objections[0].help)
