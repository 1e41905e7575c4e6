"""The course of a run: its machine, and the recorded inputs that brought it to where it is. No I/O, no clock.

An order is what a run begins with, and travels in the database: the linked flow as text, its digest, the input. An
arrival is one recorded input of the machine, a JSON object that names itself, so that a machine can be fed with
arrivals alone:

- `{"key", "attempt", "at", "value" | "failure"}` what came of an attempt of an effect, at which time;
- `{"at", "cancel": REASON}` somebody wanted the run to end;
- in the first one, `"began"` is when the run began, and `"gate"` what it has to obey besides its own constitutions;
- `"added"`: constitutions that came to hold before it; `"after"`: what the machine had said until then, as a digest.

The same arrivals lead to the same records, which is how the journal of a run is made from them; `after` shows when
they do not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import msgspec
from lev_os.core import canonical
from lev_os.core.bidirectional import Machine, UnknownToken
from lev_os.core.bidirectional.effects import Effect, Failure, Record, Step
from lev_os.core.bidirectional.resuming import LaterGate
from lev_os.core.constitutional import Constitution
from lev_os.core.constitutional.gate import Gate
from lev_os.core.errors import LevError

if TYPE_CHECKING:
    from lev_os.core.flowmind.link import LinkedFlow

Arrival = dict[str, Any]
_AFTER_BYTES = 8


class Order(TypedDict):
    """What a run begins with. `pinned` is JSON text, so that a worker reads it once for all runs of a flow."""

    run: str
    flow: str
    digest: str
    pinned: str
    input: dict[str, Any]
    queue: str
    prefix: NotRequired[list[Arrival]]
    """For a fork: what it takes over from the run `of`, by its own keys."""
    of: NotRequired[str]
    trace: NotRequired[dict[str, str]]
    """The W3C trace context of who started it."""
    refused: NotRequired[str]
    """Why the run cannot begin: then it ends with that, and there is no flow."""


class Diverged(LevError):
    """A machine does not come to what was recorded."""

    exit_code = 3


class Course:
    """One run's machine, fed with arrivals. `records` are those of the last step."""

    def __init__(
        self, order: Order, linked: LinkedFlow, *, gate: Mapping[str, Any] | None = None, later: LaterGate | None = None
    ) -> None:
        given = None if gate is None else _gate(gate)
        # The tokens of a durable run never leave its process, so their secret may be known.
        self.machine = Machine(linked, gate=given, later=later, run=order["run"], secret=order["run"].encode())
        self.order = order
        self.later = later
        self._said = hashlib.blake2b(digest_size=_AFTER_BYTES)

    @property
    def after(self) -> str:
        """What the machine has said so far, as a digest."""
        return self._said.hexdigest()

    def begin(self, at: float) -> list[Step]:
        """Start the machine and, in a fork, take over what it has of another run. Raises `InvalidInput`."""
        step = self.machine.start(self.order["input"], at=at)
        self._hear(step.records[1:])  # the first holds the flow itself
        steps = [step]
        for arrival in self.order.get("prefix", ()):
            try:
                steps.append(self.take(arrival))
            except UnknownToken:  # a newer constitution has something to ask here first: from here on it is another run
                break
        return steps

    def take(self, arrival: Arrival) -> Step:
        """Feed one arrival; raises `Diverged` when it was recorded after something else than what was said here."""
        if arrival.get("added") and self.later is not None:
            self.later.begin()
        if (after := arrival.get("after")) is not None and after != self.after:
            raise Diverged(
                f"run {self.order['run']}: this version of Leviathan does not come to what was recorded",
                help="give it a worker of the version that began it, or start it anew",
            )
        step = feed(self.machine, arrival)
        self._hear(step.records)
        return step

    def effect(self, arrival: Arrival) -> Effect:
        """The open effect an arrival belongs to."""
        return next(e for e in self.machine.effects if (e.key, e.attempt) == (arrival["key"], arrival["attempt"]))

    def _hear(self, records: Iterable[Record]) -> None:
        for record in records:
            self._said.update(canonical.encode([record.type, record.key, record.attempt, record.body]))


def feed(machine: Machine, arrival: Arrival) -> Step:
    """Give one arrival to a machine."""
    at = arrival["at"]
    if "cancel" in arrival:
        return machine.cancel(arrival["cancel"], at=at)
    token = machine.token(arrival["key"], arrival["attempt"])
    if "failure" in arrival:
        return machine.fail(token, msgspec.convert(arrival["failure"], Failure), at=at)
    return machine.submit(token, arrival["value"], at=at)


def is_input(arrival: Mapping[str, Any]) -> bool:
    """Whether an arrival is an input of the machine; a first one may say no more than when the run began."""
    return "key" in arrival or "cancel" in arrival


def later_gate(stages: Sequence[Sequence[Constitution]]) -> LaterGate | None:
    """The gate of constitutions that came to hold in these stages, each begun by an arrival."""
    return LaterGate(stages) if stages else None


def stages(arrivals: Iterable[Arrival]) -> list[list[Constitution]]:
    """The constitutions that came to hold while the run was under way."""
    return [[Constitution.from_pinned(data) for data in a["added"]] for a in arrivals if a.get("added")]


def rebuilt(order: Order, linked: LinkedFlow, arrivals: Sequence[Arrival]) -> tuple[Course, list[Record]]:
    """A run brought to where its arrivals end, and the records of its journal until there.

    Without arrivals the run has not begun, and there are no records. Raises `Diverged`.
    """
    first = arrivals[0] if arrivals else {}
    course = Course(order, linked, gate=first.get("gate"), later=later_gate(stages(arrivals)))
    if not arrivals:
        return course, []
    records = [record for step in course.begin(first["began"]) for record in step.records]
    for arrival in arrivals:
        if not is_input(arrival):
            continue
        if arrival.get("added"):
            body = {"added": arrival["added"]}
            records.append(Record(type="constitution", at=course.machine.now, body=body))
        records += course.take(arrival).records
    return course, records


def _gate(pinned: Mapping[str, Any]) -> Gate:
    return Gate(*map(Constitution.from_pinned, pinned["constitutions"]), mode=pinned["mode"])
