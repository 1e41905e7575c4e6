"""A run begun anew from the middle of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lev_os.core import canonical
from lev_os.core.bidirectional.places import new_run
from lev_os.core.errors import LevError
from lev_os.core.flowmind.link import LinkedFlow

from . import names, rows
from .course import Arrival, Course, Order, is_input, later_gate, stages
from .database import Database, asking
from .places import step_of

if TYPE_CHECKING:
    from lev_os.core.bidirectional.effects import Effect

_OWN = frozenset({"key", "attempt", "at", "value", "failure", "signal"})


@asking
def forked(database: Database, run: str, at: str, name: str | None, queue: str | None) -> Order:
    """The order of a fork: the same flow and input, and what `run` has recorded before `at`, by the new run's keys."""
    row = rows.row(database.client, run, whole=True)
    order = rows.order_of(row)
    arrivals = rows.arrivals(database.client, run)
    if not arrivals:
        raise LevError(f"run {run} has not begun", help="start a new run instead")
    linked = LinkedFlow.from_pinned(canonical.decode(order["pinned"]))
    new: Order = {**order, "run": names.checked_run(name or new_run()), "of": run}
    if queue is not None:
        new["queue"] = names.checked_queue(queue)
    new.pop("prefix", None)
    known = stages(arrivals)
    old = Course(_bare(order), linked, gate=arrivals[0].get("gate"), later=later_gate(known))
    twin = Course(new, linked, gate=arrivals[0].get("gate"), later=later_gate(stages(arrivals)))
    for course in (old, twin):  # what `run` has itself taken over is taken over again
        course.begin(arrivals[0]["began"])
    prefix = [_renamed(arrival, old, twin) for arrival in order.get("prefix", ())]
    inputs = [arrival for arrival in arrivals if is_input(arrival) and "cancel" not in arrival]
    if not _taken_over(old, twin, inputs, at, prefix):
        raise LevError(f"run {run} has no step {at!r}", help=f"`lev runs show {run}` shows its steps")
    new["prefix"] = prefix
    return new


def _bare(order: Order) -> Order:
    copy: Order = {**order}
    copy.pop("prefix", None)
    return copy


def _taken_over(old: Course, twin: Course, inputs: list[Arrival], at: str, prefix: list[Arrival]) -> bool:
    """Take over inputs up to the place `at`, perhaps where the run stands now; False when there is no such place."""
    for number, arrival in enumerate(inputs, 1):
        if at in (str(number), *_called(old, old.effect(arrival))):
            return True
        prefix.append(_renamed(arrival, old, twin))
    here = {name for effect in old.machine.effects for name in _called(old, effect)}
    return at in here or (bool(here) and at == str(len(inputs) + 1))


def _called(course: Course, effect: Effect) -> tuple[str, str]:
    """What the place of an effect is called: the id of its step, and its path."""
    return step_of(course.machine.linked, effect), effect.path


def _renamed(arrival: Arrival, old: Course, twin: Course) -> Arrival:
    """Feed an arrival to both runs, the new one by its own keys, which come in the same order."""
    place = [effect.key for effect in old.machine.effects].index(arrival["key"])
    effect = twin.machine.effects[place]
    renamed = {
        **{name: value for name, value in arrival.items() if name in _OWN},
        "key": effect.key,
        "attempt": effect.attempt,
    }
    added = {"added": arrival["added"]} if "added" in arrival else {}
    old.take({**arrival, **added})
    twin.take({**renamed, **added})
    return renamed
