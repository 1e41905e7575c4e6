"""The durable driver: the machine of a run inside one DBOS workflow, which is the same for every flow.

- Only effects cost anything. One that is alone is a step of the run's workflow; of several at once, each is a child
  workflow of its own, and what arrives first is recorded as the one that arrived first.
- A run whose open effects are all for others (a person, a message, a clock) is **parked**: it leaves the worker, as a
  cancelled row in the words of DBOS, and costs nothing until an answer or an alarm resumes it.
- What a killed worker had recorded is fed to a fresh machine; what was in flight is done again, with the same key.

Every step's output is an arrival (see `course`), so the run's journal can be made from its rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
from dbos import DBOS, SetWorkflowAttributes, SetWorkflowID
from lev_os.core.bidirectional.effects import Effect, Step
from lev_os.core.bidirectional.tracing import spans_of
from lev_os.core.constitutional.gate import Gate

from . import names, tracing
from .beside import EffectOrder, carry_beside
from .course import Arrival, Course, Order, is_input, later_gate, stages
from .ending import RunEnded, leave, spared
from .host import Host, now, timed_out
from .places import name_of

if TYPE_CHECKING:
    from dbos import WorkflowHandleAsync
    from lev_os.core.bidirectional.executor import Executor
    from lev_os.core.bidirectional.tracing import Spans
    from lev_os.core.constitutional import Constitution

_BRIEF = 5.0
"""A sleep of at most so many seconds is slept; a longer one is an alarm, and the run is parked."""
_POLL = 0.05


class Drive:
    """One execution of a run's workflow: from its beginning, or from where another execution was stopped."""

    def __init__(self, host: Host, order: Order) -> None:
        self._host = host
        self._order = order
        self._run = order["run"]
        self._linked = host.linked(order)
        self._executor: Executor = host.executor(self._linked, self._run)
        self._course: Course | None = None
        self._fresh = False
        self._added: list[Constitution] = []
        self._beside: dict[str, Effect] = {}
        """Open effects that were handed over, by the ids that their results come under."""
        self._signals: dict[str, int] = {}
        self._spans: Spans | None = None
        self._live = False
        """Whether what was recorded has been read out, and steps are carried out."""

    @property
    def course(self) -> Course:
        assert self._course is not None, "the run has begun"
        return self._course

    async def to_the_end(self) -> dict[str, Any]:
        """Drive the run; returns its outcome, or raises `RunEnded`."""
        with tracing.continued(self._order.get("trace")):
            try:
                return await self._to_the_end()
            finally:
                if self._spans is not None:
                    self._spans.close(now())
                self._executor.close()

    async def _to_the_end(self) -> dict[str, Any]:
        first: Arrival = await DBOS.run_step_async({"name": "lev.begin"}, self._begin)
        if not self._fresh:
            await self._again(first)
        if is_input(first):
            self._take(first)
        machine = self.course.machine
        while machine.outcome is None:
            effect = self._alone()
            arrival: Arrival
            if effect is not None:
                arrival = await DBOS.run_step_async({"name": name_of(self._linked, effect)}, self._carry, effect)
            else:
                await self._hand_over()
                arrival = await self._first()
            self._take(arrival)
        outcome = machine.outcome
        if outcome.status != "done":
            raise RunEnded(outcome)
        return {**msgspec.to_builtins(outcome), "usage": msgspec.to_builtins(machine.usage)}

    # -- beginning, and beginning again --------------------------------------------------------------------

    @spared
    async def _begin(self) -> Arrival:
        """The first step: start the machine and, when it asks for one effect alone, carry that out at once."""
        self._fresh = True
        await self._host.look_for_end(self._run)
        added = self._host.added(self._linked, [])
        gate = Gate(*added).pinned if added else None
        self._course = Course(self._order, self._linked, gate=gate)
        self._spans = spans_of(self.course.machine, self._executor)
        self._live = True
        began = now()
        self._steps(self.course.begin(began))
        noted: Arrival = {"began": began} | ({"gate": gate} if gate else {})
        effect = self._alone()
        return (
            noted if effect is None else {**noted, "step": name_of(self._linked, effect), **await self._carry(effect)}
        )

    async def _again(self, first: Arrival) -> None:
        """Another execution has begun this run; what it recorded is fed to a new machine as DBOS reads it out."""
        await self._host.look_for_end(self._run)
        known = stages(await self._host.arrivals(self._run))
        self._added = self._host.added(self._linked, known)
        later = later_gate([*known, self._added] if self._added else known)
        self._course = Course(self._order, self._linked, gate=first.get("gate"), later=later)
        self._spans = spans_of(self.course.machine, self._executor)
        self._steps(self.course.begin(first["began"]))

    def _going_on(self) -> None:
        """From here on nothing is recorded yet."""
        if not self._live:
            self._live = True
            if self._spans is not None:
                self._spans.going_on(self.course.machine.effects, now())

    def _take(self, arrival: Arrival) -> None:
        key = arrival.get("key")
        if (signal := arrival.get("signal")) is not None:
            self._signals[signal] = self._signals.get(signal, 0) + 1
        for name, effect in list(self._beside.items()):
            if effect.key == key:
                self._forget(name, effect)
        self._steps([self.course.take(arrival)])

    def _steps(self, taken: list[Step]) -> None:
        """Drop what a step does not want any more."""
        if self._live and self._spans is not None:
            for step in taken:
                self._spans.step(step)
        dropped = {token for step in taken for token in step.cancelled}
        if not dropped:
            return
        for name, effect in list(self._beside.items()):
            if effect.token in dropped:
                self._forget(name, effect)
                if effect.kind != "wait":
                    self._host.drop(name)

    def _forget(self, name: str, effect: Effect) -> None:
        del self._beside[name]
        if effect.kind == "wait" and effect.deadline is not None:
            self._host.drop(names.deadline(self._run, effect.key, effect.attempt))

    def _alone(self) -> Effect | None:
        """The open effect that is a step of the run itself: the only one, for us, and not under way already."""
        open_effects = self.course.machine.effects
        if len(open_effects) != 1 or self._beside:
            return None
        effect = open_effects[0]
        return None if _for_others(effect) else effect

    # -- an effect that is alone ---------------------------------------------------------------------------

    @spared
    async def _carry(self, effect: Effect) -> Arrival:
        """The body of a step: carried out now, or stopped because the run is to end."""
        await self._may_go_on()
        self._going_on()
        noted: Arrival = {"after": self.course.after}
        if self._added:
            noted["added"] = [constitution.pinned() for constitution in self._added]
            self._added = []
        since = self.course.machine.now
        carry_out: Callable[[], Awaitable[Arrival]] = partial(
            self._host.carry_out, effect, self._executor, self._run, since=since
        )
        if self._spans is not None:
            carry_out = self._spans.around(effect, carry_out)
        if (reason := self._host.wanted_end.get(self._run)) is not None:
            return {**noted, "at": now(), "cancel": reason}
        return {**noted, **await self._unless_ended(carry_out())}

    async def _unless_ended(self, work: Awaitable[Arrival]) -> Arrival:
        """What comes of `work`, or that the run is to end, whichever is first."""
        task = asyncio.current_task()
        assert task is not None, "a step runs in a task"
        self._host.stoppable[self._run] = task
        try:
            return await work
        except asyncio.CancelledError:
            reason = self._host.wanted_end.get(self._run)
            if reason is None:
                raise
            task.uncancel()
            return {"at": now(), "cancel": reason}
        finally:
            self._host.stoppable.pop(self._run, None)

    async def _may_go_on(self) -> None:
        """Before anything leaves: not while this worker drains, and not with a tool that is not what it was."""
        if self._host.draining.is_set():
            await self._hand_back()
        changed = self._host.changed_tools(self._linked)
        if changed and not await self._host.accepted(self._run, changed):
            await self._host.hold(self._run, changed)
            leave()

    async def _hand_back(self) -> NoReturn:
        """Put the run back into its queue, for another worker."""
        await self._host.give_back(self._order)
        leave()

    # -- several at once -----------------------------------------------------------------------------------

    async def _hand_over(self) -> None:
        """Start what is ours as child workflows; set the alarms of what is for others."""
        known = {effect.token for effect in self._beside.values()}
        for effect in self.course.machine.effects:
            if effect.token in known:
                continue
            name = names.beside(self._run, effect.key, effect.attempt)
            self._beside[name] = effect
            if not _for_others(effect):
                await self._may_go_on()
                given: EffectOrder = {
                    "run": self._run,
                    "digest": self._order["digest"],
                    "effect": msgspec.to_builtins(effect),
                    "since": self.course.machine.now,
                }
                with SetWorkflowID(name), SetWorkflowAttributes({"queue": self._order["queue"]}):
                    await DBOS.start_workflow_async(carry_beside, given)
            elif effect.kind == "sleep":
                await self._host.alarm(name, self._run, self.course.machine.now + effect.request["seconds"])
            elif effect.deadline is not None:
                own = names.deadline(self._run, effect.key, effect.attempt)
                await self._host.alarm(own, self._run, effect.deadline)

    def _expected(self) -> dict[str, Effect | None]:
        """Under which ids something may arrive, and for which effect; None for the wish that the run ends."""
        expected: dict[str, Effect | None] = {names.cancel(self._run): None}
        for name, effect in self._beside.items():
            expected[name] = effect
            if effect.kind != "wait":
                continue
            if effect.deadline is not None:
                expected[names.deadline(self._run, effect.key, effect.attempt)] = effect
            if effect.request.get("purpose") != "approval":
                called = effect.request["name"]
                expected.setdefault(names.signal(self._run, called, self._signals.get(called, 0)), effect)
        return expected

    async def _first(self) -> Arrival:
        """What arrives first. The run is parked when nothing has, and nothing is under way here."""
        expected = self._expected()
        if not await self._host.over(list(expected)):
            if all(_for_others(effect) for effect in self._beside.values()):
                await self._host.park(self._order, self._waits(), list(expected))
                leave()
            await self._may_go_on()
        return await DBOS.run_step_async({"name": "lev.first"}, self._arrived, expected)

    @spared
    async def _arrived(self, expected: dict[str, Effect | None]) -> Arrival:
        """The body of a step: wait for the first of several, and say what came of it."""
        self._going_on()
        handles: list[WorkflowHandleAsync[Any]] = [
            await DBOS.retrieve_workflow_async(name, existing_workflow=False) for name in expected
        ]
        waiting = asyncio.ensure_future(DBOS.wait_first_async(handles, polling_interval_sec=_POLL))
        draining = asyncio.ensure_future(self._host.draining.wait())
        try:
            await asyncio.wait((waiting, draining), return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                await self._hand_back()
            name = waiting.result().workflow_id
        finally:
            waiting.cancel()
            draining.cancel()
        result = await self._host.result(name)
        effect = expected[name]
        noted: Arrival = {"after": self.course.after}
        if self._added:
            noted["added"] = [constitution.pinned() for constitution in self._added]
            self._added = []
        if effect is None:
            return {**noted, "at": result["at"], "cancel": result["value"]}
        named: Arrival = {**noted, "key": effect.key, "attempt": effect.attempt, "at": result["at"]}
        if "failure" in result:
            return {**named, "failure": result["failure"]}
        if "alarm" in result:
            ended = {"value": None} if effect.kind == "sleep" else {"failure": msgspec.to_builtins(timed_out(effect))}
            return {**named, **ended}
        if name.startswith(f"{self._run}/signal/"):
            named["signal"] = effect.request["name"]
        return {**named, "value": result["value"]}

    def _waits(self) -> list[dict[str, Any]]:
        """What a parked run waits for, for lists."""
        return [
            {
                "name": effect.request.get("name", effect.kind),
                "kind": effect.kind,
                "key": effect.key,
                "attempt": effect.attempt,
                "path": effect.path,
                "deadline": effect.deadline,
            }
            for effect in self._beside.values()
        ]


def _for_others(effect: Effect) -> bool:
    """Whether nothing has to be done here for it: a wait, or a sleep long enough for an alarm."""
    return effect.kind == "wait" or (effect.kind == "sleep" and effect.request["seconds"] > _BRIEF)
