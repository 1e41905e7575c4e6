"""What a journal tells of its run, gathered by effect. Needs neither the package nor a model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ..bidirectional.effects import Decision, Failure, Usage
from ..bidirectional.journal import Entry, read_journal
from ..bidirectional.replaying import run_info, started
from ..flowmind.link import LinkedContext, LinkedFlow
from ..flowmind.model import Step, SubFlow
from ..flowmind.walk import walk
from .taken import Visits, taken

_ROUND = re.compile(r"\[(\d+)\]\|")


@dataclass(slots=True)
class AttemptView:
    """One attempt of an effect. Times are seconds since the epoch.

    `state` is `done`, `failed`, `refused` (the result did not fit, or a principle wanted another), `cancelled`,
    `denied` (it never left), `held` (it waits for approval) or `open`.
    """

    number: int
    left: float | None = None
    arrived: float | None = None
    state: str = "open"
    request: Mapping[str, Any] = field(default_factory=dict)
    digest: str | None = None
    value: Any = None
    failure: Failure | None = None
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    approvals: list[dict[str, Any]] = field(default_factory=list)

    @property
    def seconds(self) -> float | None:
        return None if self.left is None or self.arrived is None else self.arrived - self.left

    @property
    def tokens(self) -> tuple[int, int] | None:
        """Tokens read and written, if a model has said so."""
        usage = self._usage
        if usage is None:
            return None
        read, written = usage.get("input_tokens"), usage.get("output_tokens")
        return (read if isinstance(read, int) else 0, written if isinstance(written, int) else 0)

    @property
    def cost(self) -> float | None:
        """US dollars, if known."""
        cost = None if self._usage is None else self._usage.get("cost")
        return float(cost) if isinstance(cost, (int, float)) else None

    @property
    def decided_by(self) -> str | None:
        by = self.value.get("decided_by") if isinstance(self.value, Mapping) else None
        return by if isinstance(by, str) else None

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What principles had to say, over all verdicts."""
        return [finding for verdict in self.verdicts for finding in verdict.get("findings") or ()]

    @property
    def _usage(self) -> Mapping[str, Any] | None:
        usage = self.value.get("usage") if isinstance(self.value, Mapping) else None
        return usage if isinstance(usage, Mapping) and self.request.get("purpose") is not None else None


@dataclass(slots=True)
class EffectView:
    """An effect over all its attempts. `flow` and `step` are its place in the graph, when that is known."""

    key: str
    kind: str
    path: str
    flow: str | None
    step: str
    title: str
    attempts: list[AttemptView]

    @property
    def state(self) -> str:
        return self.attempts[-1].state


@dataclass(frozen=True, kw_only=True)
class RunView:
    """A run. `visits` counts the steps it has taken; without a replay (`replayed` False), those that had effects."""

    run: str
    status: str
    flow: str
    started: float
    updated: float
    records: int
    input: Any
    output: Any
    error: Failure | None
    usage: Usage
    decisions: tuple[Decision, ...]
    effects: tuple[EffectView, ...]
    linked: LinkedFlow
    visits: Visits
    replayed: bool
    cancelled: str | None

    @property
    def contexts(self) -> dict[str, LinkedContext]:
        """The pinned contexts of all flows, by digest."""
        return {context.digest: context for flow in flows(self.linked) for context in flow.contexts.values()}


def flows(linked: LinkedFlow) -> Iterator[LinkedFlow]:
    """A flow and those it runs, each once."""
    seen: set[str] = set()
    pending = [linked]
    while pending:
        flow = pending.pop(0)
        if flow.specifier not in seen:
            seen.add(flow.specifier)
            yield flow
            pending += flow.flows.values()


def read_run(path: Path | str) -> RunView:
    """Read a run from its journal; raises `JournalDamaged`, or `LevError` when it cannot be read."""
    path = Path(path)
    entries = read_journal(path)
    first = started(path, entries)
    linked = LinkedFlow.from_pinned(first["pinned"])
    effects = _effects(entries, _Places(linked))
    outcome: Mapping[str, Any] = next((entry.body for entry in reversed(entries) if entry.type == "outcome"), {})
    replayed = taken(path, entries)
    visits, decisions = replayed or (_visits(effects), ())
    told = outcome.get("usage")
    return RunView(
        run=first["run"],
        status=run_info(path).status,
        flow=linked.specifier,
        started=entries[0].at,
        updated=entries[-1].at,
        records=len(entries),
        input=first["input"],
        output=outcome.get("output"),
        error=msgspec.convert(outcome["error"], Failure) if outcome.get("error") else None,
        usage=msgspec.convert(told, Usage) if told else _usage(effects),
        decisions=tuple(msgspec.convert(outcome.get("decisions") or (), tuple[Decision, ...])) or decisions,
        effects=tuple(effects),
        linked=linked,
        visits=visits,
        replayed=replayed is not None,
        cancelled=next((entry.body["reason"] for entry in entries if entry.type == "cancel"), None),
    )


class _Places:
    """Finds the step of an effect's path: `…>` leads into a sub-flow, `…|` into a round or a branch."""

    def __init__(self, linked: LinkedFlow) -> None:
        self._root = linked
        self._steps: dict[int, dict[str, Step]] = {}

    def find(self, path: str) -> tuple[str | None, str]:
        """The specifier of the flow, None when it is not known, and the path of the step in it."""
        flow = self._root
        *outer, last = path.split(">")
        for segment in outer:
            step = self._in(flow).get(segment.rsplit("|", 1)[-1])
            inner = flow.flows.get(step.flow) if isinstance(step, SubFlow) else None
            if inner is None:
                return None, last
            flow = inner
        return flow.specifier, last.rsplit("|", 1)[-1]

    def _in(self, flow: LinkedFlow) -> dict[str, Step]:
        found = self._steps.get(id(flow))
        if found is None:
            found = self._steps[id(flow)] = {step.path: step for step in walk(flow.tree.steps)}
        return found


def _effects(entries: Sequence[Entry], places: _Places) -> list[EffectView]:
    effects: dict[str, EffectView] = {}
    early: dict[tuple[str, int], AttemptView] = {}
    for entry in entries:
        if entry.key is None or entry.attempt is None:
            continue
        body = entry.body if isinstance(entry.body, dict) else {}
        effect = effects.get(entry.key)
        attempt = None
        if effect is not None:
            attempt = next((one for one in reversed(effect.attempts) if one.number == entry.attempt), None)
        if entry.type == "effect":
            if effect is None:
                flow, step = places.find(body["path"])
                title = _title(body["kind"], body["request"], body["path"], step)
                effect = effects[entry.key] = EffectView(entry.key, body["kind"], body["path"], flow, step, title, [])
            elif effect.attempts and effect.attempts[-1].state == "done":
                effect.attempts[-1].state = "refused"
            leaves = early.pop((entry.key, entry.attempt), None) or AttemptView(entry.attempt)
            leaves.left, leaves.request, leaves.digest = entry.at, body["request"], body["digest"]
            effect.attempts.append(leaves)
        elif entry.type in ("verdict", "approval"):
            # A gate and a person are heard before the effect leaves.
            if attempt is None:
                attempt = early.setdefault((entry.key, entry.attempt), AttemptView(entry.attempt))
            said = attempt.verdicts if entry.type == "verdict" else attempt.approvals
            said.append({**body, "at": entry.at})
        elif attempt is not None:
            _happened(attempt, entry, body)
    return [*effects.values(), *_denied(early, effects)]


def _happened(attempt: AttemptView, entry: Entry, body: dict[str, Any]) -> None:
    state = {"result": "done", "failure": "failed", "cancelled": "cancelled"}.get(entry.type)
    if state is None:
        return
    attempt.arrived, attempt.state = entry.at, state
    if entry.type == "result":
        attempt.value = body["value"]
    elif entry.type == "failure":
        attempt.failure = msgspec.convert(body["failure"], Failure)


def _denied(early: Mapping[tuple[str, int], AttemptView], effects: Mapping[str, EffectView]) -> Iterator[EffectView]:
    """Effects that have not left, by a verdict or a person's answer or for want of one: no record has their request."""
    for (key, _), attempt in early.items():
        ruling = attempt.verdicts[-1]["ruling"]
        if ruling in ("allow", "warn"):
            continue
        waits = ruling == "ask" and not attempt.approvals
        attempt.left, attempt.state = attempt.verdicts[-1]["at"], "held" if waits else "denied"
        known = effects.get(key)
        if known is None:
            title = "waits for approval" if waits else "kept from leaving"
            yield EffectView(key, "held" if waits else "denied", "", None, "", title, [attempt])
        else:
            known.attempts.append(attempt)


def _title(kind: str, request: Mapping[str, Any], path: str, step: str) -> str:
    """What an effect is about, and in which rounds of the loops around it."""
    rounds = "".join(f" [{number}]" for number in _ROUND.findall(path))
    if kind == "sleep":
        return f"{request.get('seconds')} s{rounds}"
    return str(request.get("name") or request.get("step") or step) + rounds


def _visits(effects: Sequence[EffectView]) -> Visits:
    """Steps that had effects, and those around them."""
    visits: Visits = Counter()
    for effect in effects:
        if effect.flow is not None:
            parts = effect.step.split("/")
            visits.update((effect.flow, "/".join(parts[:end])) for end in range(2, len(parts) + 1))
    return visits


def _usage(effects: Sequence[EffectView]) -> Usage:
    """What a run that has not ended has used so far."""
    usage = Usage()
    for effect in effects:
        for attempt in effect.attempts:
            usage.asks += effect.kind == "model"
            usage.judgements += effect.kind == "judge"
            usage.tool_calls += effect.kind == "tool"
            read, written = attempt.tokens or (0, 0)
            usage.input_tokens += read
            usage.output_tokens += written
            if attempt.cost is not None:
                usage.cost = (usage.cost or 0.0) + attempt.cost
    return usage
