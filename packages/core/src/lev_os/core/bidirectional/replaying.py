"""Runs read back from their journals: replayed without any model, tool or package, listed and described.

A journal's inputs (`run_started`, `result`, `failure`, `late`, `cancel`), fed in order to a fresh machine built from
the pinned text, must lead to the very records that follow them. What differs is a divergence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .. import canonical
from ..constitutional.constitution import Constitution
from ..constitutional.gate import Gate
from ..errors import LevError
from .effects import Failure, Outcome, Record, Step, Usage
from .journal import Entry, JournalDamaged, is_busy, read_journal
from .resuming import LaterGate, added_since, stages

if TYPE_CHECKING:
    from ..flowmind.link import LinkedFlow
    from .machine import Machine

_TOLD = ("kind", "path", "phase", "ruling", "findings", "failure", "problems", "approved", "status")
_INPUTS = frozenset({"run_started", "result", "failure", "late", "cancel"})


@dataclass(frozen=True, slots=True)
class Divergence:
    """The journal says one thing on `line` (from 1), the machine another now; None: nothing at all."""

    line: int
    what: str
    recorded: Any
    recomputed: Any

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}"


@dataclass(frozen=True, slots=True)
class Replay:
    """`outcome` is None for a run that had not ended. `verdicts` counts those that were recomputed."""

    run: str
    outcome: Outcome | None
    divergences: tuple[Divergence, ...]
    records: int
    verdicts: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A machine brought to where its journal ends; `missing` are records that a torn batch has lost."""

    machine: Machine
    gates: tuple[Gate, ...]
    """The gate the run was given, and what came to hold since."""
    divergences: tuple[Divergence, ...]
    missing: tuple[Record, ...]
    emitted: dict[str, float]
    """When the effect of each token left, in seconds since the epoch."""
    added: tuple[dict[str, Any], ...]
    """The constitutions that hold from here on and did not before, pinned."""


def replay(path: Path | str) -> Replay:
    """Recompute a run from its journal alone; raises `JournalDamaged`, or `LevError` if there is nothing in it."""
    path = Path(path)
    entries = read_journal(path)
    rebuilt = rebuild(path, entries)
    machine = rebuilt.machine
    return Replay(
        run=machine.run,
        outcome=machine.outcome,
        divergences=rebuilt.divergences,
        records=len(entries),
        verdicts=sum(entry.type == "verdict" for entry in entries),
        usage=machine.usage,
    )


def rebuild(
    path: Path,
    entries: Sequence[Entry],
    *,
    secret: bytes | None = None,
    latest: LinkedFlow | None = None,
    make: Callable[..., Machine] | None = None,
) -> Rebuilt:
    """Feed the inputs of a journal to a fresh machine, comparing what it says with what was said.

    Afterwards the machine also obeys the constitutions of `latest`. `make` is called in place of `Machine`.
    """
    from ..flowmind.link import LinkedFlow
    from .machine import Machine

    first = started(path, entries)
    linked = LinkedFlow.from_pinned(first["pinned"])
    given = _given_gate(first["gate"])
    known = stages(entries)
    added = added_since(linked, latest, known)
    later = LaterGate([*known, added] if added else known)
    machine = (make or Machine)(
        linked, gate=given, later=later if later.constitutions else None, run=first["run"], secret=secret
    )
    divergences: list[Divergence] = []
    missing: tuple[Record, ...] = ()
    emitted: dict[str, float] = {}
    index = 0
    while index < len(entries):
        entry = entries[index]
        if entry.type == "constitution":
            later.begin()
            index += 1
            continue
        if entry.type not in _INPUTS:
            divergences.append(Divergence(index + 1, f"an unexpected {entry.type}", _said(entry), None))
            index += 1
            continue
        step = _feed(path, machine, entry)
        emitted |= {effect.token: entry.at for effect in step.effects}
        end = min(index + len(step.records), len(entries))
        for offset, record in enumerate(step.records):
            if index + offset >= end:
                missing = step.records[offset:]
                break
            divergences += _compared(entries[index + offset], record)
        index = max(end, index + 1)
    if added:
        later.begin()
    return Rebuilt(
        machine=machine,
        gates=tuple(gate for gate in (given, Gate(*later.constitutions) if later.constitutions else None) if gate),
        divergences=tuple(divergences),
        missing=missing,
        emitted=emitted,
        added=tuple(constitution.pinned() for constitution in added),
    )


def _given_gate(pinned: dict[str, Any] | None) -> Gate | None:
    if pinned is None:
        return None
    return Gate(*map(Constitution.from_pinned, pinned["constitutions"]), mode=pinned["mode"])


def started(path: Path, entries: Sequence[Entry]) -> dict[str, Any]:
    """The body of `run_started`; raises `LevError` for a journal that does not begin with one."""
    if not entries:
        raise LevError(f"{path}: the journal is empty: the run was stopped before it began", help="start it again")
    body = entries[0].body
    if entries[0].type != "run_started" or not isinstance(body, dict):
        raise JournalDamaged(path, 1, "it does not begin with `run_started`")
    return body


def _feed(path: Path, machine: Machine, entry: Entry) -> Step:
    body: dict[str, Any] = entry.body if isinstance(entry.body, dict) else {}
    if entry.type == "run_started":
        return machine.start(body["input"], at=entry.at, taint=body.get("taint", ()))
    if entry.type == "cancel":
        return machine.cancel(body["reason"], at=entry.at)
    if entry.key is None or entry.attempt is None:
        raise JournalDamaged(path, entry.seq + 1, f"a {entry.type} without its key and attempt")
    token = machine.token(entry.key, entry.attempt)
    if "failure" in body:
        return machine.fail(token, msgspec.convert(body["failure"], Failure), at=entry.at)
    return machine.submit(token, body["value"], at=entry.at)


def _said(entry: Entry | Record) -> dict[str, Any]:
    return {"type": entry.type, "key": entry.key, "attempt": entry.attempt, "body": entry.body}


def _compared(entry: Entry, record: Record) -> list[Divergence]:
    was, now = _said(entry), _said(record)
    if canonical.encode(was) == canonical.encode(now):
        return []
    field = next(name for name in was if canonical.encode(was[name]) != canonical.encode(now[name]))
    where = f" of {entry.key}" if entry.key else ""
    return [Divergence(entry.seq + 1, f"the {entry.type}{where} differs in its {field}", was, now)]


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run of a folder. `status` adds `running` and `interrupted` (resume it) to those of outcomes and `waiting`.

    `error` says why a journal cannot be read; the other fields are then what its name tells.
    """

    run: str
    path: Path
    status: str
    flow: str | None = None
    started: float | None = None
    updated: float | None = None
    records: int = 0
    waits: tuple[dict[str, Any], ...] = ()
    error: str | None = None


def list_runs(folder: Path | str) -> list[RunInfo]:
    """The runs whose journals lie in a folder, the newest first; damaged ones are listed with their error."""
    return sorted((run_info(path) for path in Path(folder).glob("*.jsonl")), key=lambda info: info.run, reverse=True)


def run_info(path: Path | str) -> RunInfo:
    """What a journal says of its run, without a machine."""
    return _info(Path(path))[0]


def describe(path: Path | str) -> dict[str, Any]:
    """A run for people and `--json`: what `run_info` says, input, output, and one line for each record."""
    info, entries = _info(Path(path))
    return {
        **canonical.decode(msgspec.json.encode(info, enc_hook=str)),
        "input": entries[0].body.get("input") if entries else None,
        "outcome": next((entry.body for entry in reversed(entries) if entry.type == "outcome"), None),
        "entries": [_entry_line(entry) for entry in entries],
    }


def _info(path: Path) -> tuple[RunInfo, list[Entry]]:
    try:
        entries = read_journal(path)
        first = started(path, entries)
    except LevError as error:
        return RunInfo(run=path.stem, path=path, status="damaged", error=str(error)), []
    open_effects = _open(entries)
    outcome = next((entry for entry in reversed(entries) if entry.type == "outcome"), None)
    status: str
    if outcome is not None:
        status = outcome.body["status"]
    elif is_busy(path):
        status = "running"
    elif open_effects and all(entry.body["kind"] == "wait" for entry in open_effects):
        status = "waiting"
    else:
        status = "interrupted"
    flow = first.get("flow")
    return RunInfo(
        run=first["run"],
        path=path,
        status=status,
        flow=flow if isinstance(flow, str) else None,
        started=entries[0].at,
        updated=entries[-1].at,
        records=len(entries),
        waits=tuple(
            {"key": entry.key, "attempt": entry.attempt, "path": entry.body["path"], **_request(entry)}
            for entry in open_effects
            if entry.body["kind"] == "wait" and outcome is None
        ),
    ), entries


def _open(entries: Sequence[Entry]) -> list[Entry]:
    opened: dict[tuple[str | None, int | None], Entry] = {}
    for entry in entries:
        if entry.type == "effect":
            opened[entry.key, entry.attempt] = entry
        elif entry.type in ("result", "failure", "cancelled"):
            opened.pop((entry.key, entry.attempt), None)
    return list(opened.values())


def _request(entry: Entry) -> dict[str, Any]:
    request = entry.body.get("request", {})
    return {name: request[name] for name in ("name", "about", "purpose", "returns", "for") if name in request}


def _entry_line(entry: Entry) -> dict[str, Any]:
    body = entry.body if isinstance(entry.body, dict) else {}
    kept = {name: body[name] for name in _TOLD if name in body}
    return {"seq": entry.seq, "at": entry.at, "type": entry.type, "key": entry.key, "attempt": entry.attempt, **kept}
