"""What is known at a place of a flow: the labels and values of its names, the approvals, and the calls before it.

Labels come in pairs. `may` is what a value can be labelled with on some way to the place, `must` on every way. A
scope follows the machine's (`bidirectional`): branches of `parallel` and rounds of `for_each` get a child, `if` and its
kin do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from .symbols import Symbol, Symbols

Labels = frozenset[str]
_NONE: Labels = frozenset()


class Mark(NamedTuple):
    """The labels of a value: possible ones, and those among them that are certain."""

    may: Labels = _NONE
    must: Labels = _NONE

    def also(self, *others: Mark) -> Mark:
        """The label of what is made of all of these."""
        others = tuple(other for other in others if other.may)
        if not others:
            return self
        return Mark(self.may.union(*(o.may for o in others)), self.must.union(*(o.must for o in others)))

    def either(self, other: Mark) -> Mark:
        """The label of what is one of these."""
        return Mark(self.may | other.may, self.must & other.must)

    def maybe(self) -> Mark:
        return Mark(self.may)


CLEAN = Mark()


EVERY_FIELD = "input.*"
"""The name under which a scope holds what all fields of `input` together are labelled with."""


def sure(labels: Iterable[str]) -> Mark:
    """Labels that a value certainly has."""
    labels = frozenset(labels)
    return Mark(labels, labels)


@dataclass(slots=True)
class Names:
    """One scope. A name that is in `unsure` may not have been bound here: an outer one may then be meant.

    Copies of one scope share its `scope`."""

    scope: object = field(default_factory=object)
    parent: Names | None = None
    control: Mark = CLEAN
    marks: dict[str, Mark] = field(default_factory=dict)
    values: dict[str, Symbol] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)

    def copy(self) -> Names:
        return Names(self.scope, self.parent, self.control, dict(self.marks), dict(self.values), set(self.unsure))

    def bind(self, name: str, value: Symbol, mark: Mark) -> None:
        self.values[name] = value
        self.marks[name] = mark.also(self.control)
        self.unsure.discard(name)

    def taint(self, name: str, mark: Mark) -> None:
        self.marks[name] = self.marks.get(name, CLEAN).also(mark)
        if name not in self.values:
            self.unsure.add(name)

    def mark(self, name: str, path: str | None) -> Mark:
        """The labels of a name as an expression reads it; see the machine's scope for fields of `input`.

        `path` is that of the expression: see `reading.path_of`.
        """
        here: Names | None = self
        found: Mark | None = None
        while here is not None:
            if name in here.values or name in here.marks:
                one = here._own(name, path)
                found = one if found is None else found.either(one)
                if name not in here.unsure:
                    return found
            here = here.parent
        return CLEAN if found is None else found.either(CLEAN)

    def _own(self, name: str, path: str | None) -> Mark:
        whole = self.marks.get(name, CLEAN)
        if name != "input":  # nothing else has labels of single fields
            return whole
        if path is None or path == name:
            return whole.also(self.marks.get(EVERY_FIELD, CLEAN))
        return whole.also(self.marks.get(path, CLEAN)) if path.startswith("input.") else whole

    def value(self, name: str, symbols: Symbols) -> Symbol:
        here: Names | None = self
        while here is not None:
            if name in here.values:
                own = here.values[name]
                if name not in here.unsure:
                    return own
                outer = here.parent is not None and here.parent.has(name)
                return symbols.unknown("either", name, own) if outer else symbols.or_null(own)
            here = here.parent
        return symbols.literal(None)

    def has(self, name: str) -> bool:
        return name in self.values or (self.parent is not None and self.parent.has(name))


@dataclass(frozen=True, slots=True)
class Approval:
    """An answered wait: what was `shown`. It counts only where its answer is known to be yes (`granted`).

    `certain`: it is known which values those are, so that others were not shown but by accident. `spent`: another call
    may have left on its strength; only some checks mind.
    """

    name: str
    shown: frozenset[Symbol]
    certain: bool = True
    granted: bool = False
    spent: bool = False

    def named(self, names: frozenset[str]) -> bool:
        """Whether it is one of these; `approval` is any."""
        return "approval" in names or self.name in names


@dataclass(slots=True)
class State:
    """All that is known at one place. `dead`: no run gets here."""

    names: Names
    approvals: dict[Symbol, Approval] = field(default_factory=dict)
    """By the symbol of the wait's answer, oldest first."""
    called: dict[tuple[str, tuple[tuple[str, Symbol], ...]], None] = field(default_factory=dict)
    """Calls that surely left before: the tool's specifier, and its arguments."""
    dead: bool = False

    def copy(self) -> State:
        return State(self.names.copy(), dict(self.approvals), dict(self.called), self.dead)

    def inside(self, control: Mark = CLEAN) -> State:
        """The state at the start of a child scope."""
        child = self.copy()
        child.names = Names(parent=self.names, control=self.names.control.also(control))
        return child

    def spend_all(self) -> None:
        """Whatever was approved may have been used by something else."""
        for answer, approval in self.approvals.items():
            if not approval.spent:
                self.approvals[answer] = replace(approval, spent=True)

    def believe(self, true: Iterable[Symbol], symbols: Symbols) -> None:
        """These values are true here: where one is the `approved` of an answer, a person has said yes."""
        true = set(true)
        for answer, approval in self.approvals.items():
            if symbols.field(answer, "approved") in true:
                self.approvals[answer] = replace(approval, granted=True)

    def forget(self, names: Iterable[str], symbols: Symbols, place: str) -> None:
        """These names may have been bound to anything."""
        for name in names:
            if name not in self.names.values:
                self.names.unsure.add(name)
            self.names.values[name] = symbols.unknown("any", place, name)

    def become(self, other: State) -> None:
        """Go on from another state of the same scope."""
        self.names, self.approvals, self.called, self.dead = other.names, other.approvals, other.called, other.dead


def join(one: State, other: State, symbols: Symbols, place: str) -> State:
    """What is known where two ways meet."""
    if one.dead or other.dead:
        return other if one.dead else one
    approvals = dict(one.approvals)
    for answer, approval in other.approvals.items():
        known = approvals.get(answer)
        if known is approval:
            continue
        # One that was asked for on one way only has to be looked at again: its answer is null on the other.
        granted = known is not None and known.granted and approval.granted
        approvals[answer] = replace(approval, granted=granted, spent=approval.spent or bool(known and known.spent))
    for answer in one.approvals.keys() - other.approvals.keys():
        approvals[answer] = replace(approvals[answer], granted=False)
    return State(
        _join_names(one.names, other.names, symbols, place),
        approvals,
        {call: None for call in one.called if call in other.called},
    )


def _join_names(one: Names, other: Names, symbols: Symbols, place: str) -> Names:
    """Nearly all names are the very same on both ways; only the others are looked at."""
    marks = dict(one.marks)
    for name in _unlike(one.marks, other.marks):
        marks[name] = one.marks.get(name, CLEAN).either(other.marks.get(name, CLEAN))
    values = dict(one.values)
    unsure = one.unsure | other.unsure
    for name in _unlike(one.values, other.values):
        here, there = one.values.get(name), other.values.get(name)
        if here is not None and there is not None:
            values[name] = symbols.unknown("meets", place, name)
            continue
        unsure.add(name)
        if there is not None:
            values[name] = there
    return Names(one.scope, one.parent, one.control.either(other.control), marks, values, unsure)


def _unlike(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """The keys whose values are not one and the same."""
    found = [key for key, value in other.items() if one.get(key) is not value and one.get(key) != value]
    return found if len(one) == len(other) and not found else found + [key for key in one if key not in other]


def same_labels(one: State, other: State) -> bool:
    """Whether two states of one place label everything alike."""
    return (one.names.control, _labelled(one.names)) == (other.names.control, _labelled(other.names))


def _labelled(names: Names) -> dict[str, Mark]:
    return {name: mark for name, mark in names.marks.items() if mark != CLEAN}
