"""What has changed since a run began: constitutions that now hold besides the pinned ones, and cards of tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..constitutional.constitution import Constitution
from ..constitutional.gate import ALLOW, Gate, GateSession
from ..constitutional.model import Action, Verdict
from ..errors import LevError
from .executor import cards
from .journal import Entry

if TYPE_CHECKING:
    from ..flowmind import Flow
    from ..flowmind.link import LinkedFlow
    from ..packaging import Package


class ToolChanged(LevError):
    """A run would go on with a tool that is not what it was; a person has to accept that."""

    exit_code = 5


class LaterGate(GateSession):
    """What constitutions that came after a run's start say of its new effects.

    Every stage sees the run's history from the beginning, but rules only once it is `begin`-ned.
    """

    __slots__ = ("_begun", "_sessions", "constitutions")

    def __init__(self, stages: Sequence[Sequence[Constitution]]) -> None:
        self.constitutions: tuple[Constitution, ...] = ()
        self._sessions: list[GateSession] = []
        self._begun = 0
        for stage in stages:
            self.constitutions += tuple(stage)
            self._sessions.append(Gate(*self.constitutions).session())

    def begin(self) -> None:
        """From now on the next stage rules too."""
        self._begun += 1

    def judge(self, action: Action) -> Verdict:
        return self._sessions[self._begun - 1].judge(action) if self._begun else ALLOW

    def settle(self, action: Action, verdict: Verdict, answers: Mapping[str, bool | None]) -> Verdict:
        return self._sessions[self._begun - 1].settle(action, verdict, answers)

    def left(self, action: Action) -> None:
        for session in self._sessions:
            session.left(action)

    def approved(self, action: Action) -> None:
        for session in self._sessions:
            session.approved(action)

    def person(self, at: float, name: str, value: Any, result: Any) -> None:
        for session in self._sessions:
            session.person(at, name, value, result)


def stages(entries: Sequence[Entry]) -> list[list[Constitution]]:
    """The constitutions that earlier resumptions have added."""
    return [
        [Constitution.from_pinned(data) for data in entry.body["added"]]
        for entry in entries
        if entry.type == "constitution"
    ]


def added_since(
    pinned: LinkedFlow, latest: LinkedFlow | None, earlier: Sequence[Sequence[Constitution]]
) -> list[Constitution]:
    """The constitutions of `latest` that the run does not obey yet."""
    if latest is None:
        return []
    known = {c.digest for c in _constitutions(pinned)} | {c.digest for stage in earlier for c in stage}
    added = {c.digest: c for c in _constitutions(latest) if c.digest not in known}
    return list(added.values())


def _constitutions(flow: LinkedFlow) -> Iterator[Constitution]:
    """Those of a flow, of the packages of its tools, and of the flows it runs."""
    yield from flow.constitutions
    for guards in flow.guards.values():
        yield from guards
    for inner in flow.flows.values():
        yield from _constitutions(inner)


def linked_flow(flow: str | Flow | LinkedFlow, tools: Mapping[str, Any] | None) -> tuple[LinkedFlow, Package | None]:
    """A flow ready to run, given by itself or by its name, and the package it comes from.

    Raises `InvalidInput` with what cannot be resolved, and `LevError` for a name that is none of a flow.
    """
    from ..flowmind.link import LinkedFlow

    if isinstance(flow, str):
        from ..flowmind import Flow
        from ..packaging import find

        package, subpath = find(flow)
        text, path = package.read(subpath, "llm")
        flow = Flow.parse(text, package=package, path=str(path), specifier=package.specifier(subpath))
    return (flow, None) if isinstance(flow, LinkedFlow) else (flow.link(tools=tools), flow.package)


def current_version(
    specifier: str, current: Flow | LinkedFlow | None, tools: Mapping[str, Any] | None, package: Package | None
) -> tuple[LinkedFlow | None, Package | None]:
    """The flow as it is now, if it is still to be found; raises `InvalidInput` when it is there but cannot be used."""
    if current is not None:
        return linked_flow(current, tools)
    from ..errors import InvalidInput
    from ..flowmind import Flow
    from ..packaging import find

    try:
        package, subpath = find(specifier, within=package)
        text, path = package.read(subpath)
    except InvalidInput:
        raise
    except LevError:
        return None, None
    return linked_flow(Flow.parse(text, package=package, path=str(path), specifier=specifier), tools)


def refuse_changed_cards(path: Path, pinned: LinkedFlow, latest: LinkedFlow | None) -> None:
    """Raises `ToolChanged` when a tool is declared otherwise now."""
    if latest is None:
        return
    now = cards(latest)
    changed = sorted(
        specifier
        for specifier, card in cards(pinned).items()
        if specifier in now and now[specifier].digest != card.digest
    )
    if changed:
        raise ToolChanged(
            f"{path}: tools have changed since the run began: {', '.join(changed)}",
            help="look at what has changed, then resume with --accept-change (accept_change=True)",
        )
