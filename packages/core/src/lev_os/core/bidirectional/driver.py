"""Runs under Python: a machine, its journal, and an executor, driven by asyncio.

`run`, `run_sync` and `stream` carry a flow as far as it goes. `Run` is for drivers that share the work with others
(a person who answers a wait, an MCP host that is the model): `advance` carries out all it can, and returns when the
run has ended or only effects of others are open.

Records are written before effects leave and before a result counts. Stopping at any moment, by a cancellation,
Ctrl-C or `kill -9`, leaves a journal from which `Run.resume` goes on: what had finished is not done again, what was
in flight is repeated with the same key.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets as randomness
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import msgspec

from ..errors import LevError
from . import _threads, values
from ._flights import Flights, now
from ._streaming import Streams, gates_of
from .effects import Effect, Failure, FailureKind, Outcome, Record, Step
from .events import EffectFinished, EffectStarted, Event, RunResult, VerdictGiven
from .executor import Executor
from .journal import Journal, JournalUnwritable
from .machine import Machine
from .places import files_folder, new_run
from .replaying import rebuild, started
from .resuming import current_version, linked_flow, refuse_changed_cards
from .tracing import spans_of

if TYPE_CHECKING:
    from ..constitutional import Gate
    from ..flowmind import Flow
    from ..flowmind.link import LinkedFlow
    from ..llm_runtime import Judge, ModelClient
    from ..packaging import Package


class World(TypedDict, total=False):
    """What effects are carried out with. `model` and `judge` are clients; without a client, `model` effects are for
    others and judges abstain. `tools` maps references, specifiers or names to functions, and goes before packages."""

    tools: Mapping[str, Any] | None
    deps: Any
    scope: Mapping[str, Any] | None
    secrets: Mapping[str, str] | None
    model: ModelClient | None
    judge: Judge | None
    package: Package | None


class Run:
    """One run. Made by `start` or `resume`; `close` lets go of the journal and of idle threads."""

    def __init__(
        self,
        machine: Machine,
        executor: Executor,
        journal: Journal | None,
        *,
        gates: tuple[Gate, ...] = (),
        on_event: Callable[[Event], None] | None = None,
        emitted: Mapping[str, float] | None = None,
    ) -> None:
        self.machine = machine
        self.executor = executor
        self.journal = journal
        self.on_event = on_event
        self._spans = spans_of(machine, executor)
        self._streams: Streams | None = None
        if on_event is not None:
            self._streams = Streams(gates_of(machine.linked, gates), on_event)
            executor.on_delta = self._streams.delta
        self._emitted = dict(emitted or {})
        self._open: dict[str, Effect] = {}
        self._unlaunched: deque[Effect] = deque()
        self._flights: Flights | None = None
        self._careful: set[str] = set()

    @classmethod
    def start(
        cls,
        flow: str | Flow | LinkedFlow,
        input: Mapping[str, Any] | None = None,
        *,
        run: str | None = None,
        journal: Path | str | None = None,
        gate: Gate | None = None,
        secret: bytes | None = None,
        taint: Collection[str] = (),
        fsync: bool = True,
        on_event: Callable[[Event], None] | None = None,
        **world: Unpack[World],
    ) -> Run:
        """Begin a run; nothing is carried out before `advance`. `taint` are labels of whoever begins it.

        `secret` signs the tokens: give it when somebody holds tokens beyond this process. `fsync=False` survives a
        killed process, but perhaps not a power cut. Raises `InvalidInput` for
        an input or a flow that does not fit, and `LevError` when there is a journal at the path already.
        """
        if input is not None and not isinstance(input, Mapping):
            raise LevError(f"the input of a flow is an object, not {type(input).__name__}", help='for example {"x": 1}')
        linked, package = linked_flow(flow, world.get("tools"))
        if package is not None:
            world.setdefault("package", package)
        machine = Machine(linked, gate=gate, run=run or new_run(), secret=secret or randomness.token_bytes(32))
        path = Path(journal) if isinstance(journal, str) else journal
        executor = Executor(linked, machine.run, folder=files_folder(path) if path else None, **world)
        step = machine.start(values.plain(dict(input or {}), executor.secrets), at=now(), taint=taint)
        file = Journal.create(path, fsync=fsync) if path else None
        self = cls(machine, executor, file, gates=(gate,) if gate else (), on_event=on_event)
        try:
            self._apply(_with_json(step, linked) if file else step)
        except BaseException:
            self.close()
            raise
        return self

    @classmethod
    def resume(
        cls,
        journal: Path | str,
        *,
        current: Flow | LinkedFlow | None = None,
        accept_change: bool = False,
        secret: bytes | None = None,
        fsync: bool = True,
        on_event: Callable[[Event], None] | None = None,
        **world: Unpack[World],
    ) -> Run:
        """Go on with a run whose process ended. Nothing is carried out before `advance`.

        The run goes on with the text that its journal pins; new effects also obey the constitutions of `current`
        (default: the flow as it is installed now, if it is). Raises `JournalBusy`, `JournalDamaged`, and `LevError`
        when the pinned run cannot be recomputed, or when a tool's card has changed and `accept_change` is not set.
        """
        path = Path(journal)
        file, entries = Journal.open(path, fsync=fsync)
        try:
            name = started(path, entries)["flow"]
            latest, package = current_version(name, current, world.get("tools"), world.get("package"))
            if package is not None:
                world.setdefault("package", package)
            rebuilt = rebuild(path, entries, secret=secret or randomness.token_bytes(32), latest=latest)
            if rebuilt.divergences:
                listed = "; ".join(map(str, rebuilt.divergences[:5]))
                raise LevError(
                    f"{path}: this version of Leviathan does not come to what the journal says: {listed}",
                    help="resume it with the version that began it, or start a new run",
                )
            if not accept_change:
                refuse_changed_cards(path, rebuilt.machine.linked, latest)
            machine = rebuilt.machine
            executor = Executor(machine.linked, machine.run, folder=files_folder(path), **world)
            self = cls(machine, executor, file, gates=rebuilt.gates, on_event=on_event, emitted=rebuilt.emitted)
            self._write(rebuilt.missing, machine.effects)
            if rebuilt.added:
                file.append([Record(type="constitution", at=machine.now, body={"added": rebuilt.added})])
            if self._spans is not None and machine.outcome is None:
                self._spans.going_on(machine.effects, now())
        except BaseException:
            file.close()
            raise
        self._expect(machine.effects)
        return self

    @property
    def run(self) -> str:
        """The run's name."""
        return self.machine.run

    @property
    def outcome(self) -> Outcome | None:
        return self.machine.outcome

    @property
    def open_effects(self) -> tuple[Effect, ...]:
        """What is still to be carried out, by us or by others."""
        return self.machine.effects

    @property
    def waits(self) -> tuple[Effect, ...]:
        """The open effects that somebody else has to answer."""
        return tuple(effect for effect in self.machine.effects if not self.executor.handles(effect))

    @property
    def result(self) -> RunResult:
        """How the run stands."""
        outcome = self.outcome
        return RunResult(
            run=self.run,
            status="waiting" if outcome is None else outcome.status,
            output=None if outcome is None else outcome.output,
            error=None if outcome is None else outcome.error,
            usage=self.machine.usage,
            decisions=tuple(self.machine.decisions),
            waits=() if outcome is not None else self.waits,
            journal=None if self.journal is None else str(self.journal.path),
            abandoned_threads=_threads.abandoned(),
        )

    def submit(self, token: str, result: Any) -> Step:
        """Answer an open effect. The step's `reply` says what became of it; its new effects leave with `advance`.

        Raises `LevError` for a value that is not JSON, `UnknownToken`, and `JournalUnwritable`.
        """
        return self._input(token, values.plain(result, self.executor.secrets))

    def fail(self, token: str, error: str | Failure | BaseException) -> Step:
        """Say that an open effect could not be carried out; raises as `submit`."""
        if not isinstance(error, Failure):
            effect = self._open.get(token)
            kind: FailureKind = "tool" if effect is not None and effect.kind == "tool" else "model"
            error = Failure(kind=kind, message=self.executor.secrets.in_text(str(error) or type(error).__name__))
        return self._input(token, error)

    def cancel(self, reason: str = "cancelled") -> Step:
        """End the run; what is being carried out is stopped."""
        return self._apply(self.machine.cancel(self.executor.secrets.in_text(reason), at=now()))

    async def advance(self) -> Outcome | None:
        """Carry out all we can; returns the outcome, or None when only effects of others are open.

        Cancelling it stops what is in flight, leaves no task behind, and keeps the run as it is: another `advance`
        goes on. Only one `advance` runs at a time.
        """
        if self._flights is not None:
            raise LevError(f"run {self.run} is being advanced already")
        flights = self._flights = Flights()
        try:
            while self.outcome is None:
                if flights.arrived:
                    self._take(*flights.arrived.popleft())
                elif self._unlaunched:
                    self._launch(flights, self._unlaunched.popleft())
                    # It gets as far as it can at once: what blocks the loop must not keep results out of the journal.
                    await asyncio.sleep(0)
                elif flights:
                    await flights.change()
                else:
                    break
        finally:
            await self._settle(flights)
        return self.outcome

    def close(self) -> None:
        """Let go of the journal, its lock, and idle threads; safe to call twice."""
        if self._spans is not None:
            self._spans.close(now())
        self.executor.close()
        if self.journal is not None:
            self.journal.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- inside ------------------------------------------------------------------------------------------

    def _input(self, token: str, value: Any) -> Step:
        if isinstance(value, Failure):
            hidden = self.executor.secrets.in_text(value.message)
            step = self.machine.fail(token, msgspec.structs.replace(value, message=hidden), at=now())
        else:
            step = self.machine.submit(token, value, at=now())
        self._stop(token)
        return self._apply(step)

    def _expect(self, effects: tuple[Effect, ...]) -> None:
        self._open |= {effect.token: effect for effect in effects}
        self._unlaunched.extend(effects)

    def _apply(self, step: Step) -> Step:
        """Write what a step says, then let its effects out and drop those that are not wanted any more."""
        self._write(step.records, step.effects)
        if self._spans is not None:
            self._spans.step(step)
        if step.reply in ("duplicate", "conflict"):
            return step
        for token in step.cancelled:
            self._stop(token)
        at = self.machine.now
        for effect in step.effects:
            self._emitted[effect.token] = at
        self._expect(step.effects)
        if self.on_event is not None:
            for record in step.records:
                self._report(record)
        if self._flights is not None:
            self._flights.wake()
        return step

    def _write(self, records: tuple[Record, ...], effects: tuple[Effect, ...]) -> None:
        if self.journal is None:
            return
        careful = False
        for effect in effects:
            if effect.kind == "wait" or (effect.kind == "tool" and self.executor.is_irreversible(effect)):
                careful = True
                self._careful.add(effect.key)
        for record in records:
            if record.type == "outcome" or (record.type in ("result", "failure") and record.key in self._careful):
                careful = True
        if records:
            self.journal.append(records, sync=careful)

    def _report(self, record: Record) -> None:
        if record.type != "verdict" or self.on_event is None:
            return
        self.on_event(
            VerdictGiven(key=record.key, attempt=record.attempt, ruling=record.body["ruling"], body=record.body)
        )
        if self._streams is not None:
            self._streams.settle(record)

    def _launch(self, flights: Flights, effect: Effect) -> None:
        if effect.token not in self._open or not flights.watch(effect):
            return
        if self.on_event is not None:
            self.on_event(EffectStarted(effect=effect))
        if self.executor.handles(effect):
            remaining = None
            if effect.kind == "sleep":
                remaining = max(0.0, effect.request["seconds"] - self._age(effect))
            work: Callable[[], Awaitable[Any]] = partial(self.executor.carry_out, effect, remaining=remaining)
            flights.launch(effect, work if self._spans is None else self._spans.around(effect, work))

    def _age(self, effect: Effect) -> float:
        """Seconds since an effect left, perhaps in an earlier process."""
        at = now()
        return at - self._emitted.get(effect.token, at)

    def _take(self, effect: Effect, value: Any) -> None:
        if effect.token not in self._open:
            return
        step = self._input(effect.token, value)
        if self.on_event is not None:
            reply = "failed" if isinstance(value, Failure) else step.reply
            self.on_event(
                EffectFinished(
                    key=effect.key,
                    attempt=effect.attempt,
                    kind=effect.kind,
                    path=effect.path,
                    seconds=self._age(effect),
                    reply=reply,
                    problems=(value.message,) if isinstance(value, Failure) else step.problems,
                )
            )

    def _stop(self, token: str) -> None:
        self._open.pop(token, None)
        if self._flights is not None:
            self._flights.drop(token)

    async def _settle(self, flights: Flights) -> None:
        """Stop everything in flight, keep what has finished, and be ready for another `advance`."""
        flights.halt()
        self._flights = None
        with contextlib.suppress(JournalUnwritable):  # the one that stopped us is on its way up already
            while flights.arrived:
                self._take(*flights.arrived.popleft())
        self._unlaunched = deque(self._open.values())
        await flights.gone()


def _with_json(step: Step, linked: LinkedFlow) -> Step:
    """The first step with the pinned flow as JSON text: it is the longest record, and the same in every run."""
    first, *rest = step.records
    body = {**first.body, "pinned": linked.pinned_json}
    return msgspec.structs.replace(step, records=(msgspec.structs.replace(first, body=body), *rest))
