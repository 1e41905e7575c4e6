"""What a run has done so far, as far as constitutions ask: effects let out and what persons approved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .. import canonical
from .model import Action

APPROVAL: Final = "approval"
"""Names any approval by a person; another name, the wait of that name alone."""
_MAX_NODES: Final = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Approval:
    """A person said yes: to the values in `covers` (digests), at `at`.

    `action` identifies the approved action; None when a flow's own wait was answered.
    """

    at: float
    name: str
    covers: frozenset[str]
    action: tuple[str, ...] | None = None

    def named(self, names: frozenset[str]) -> bool:
        return APPROVAL in names or self.name in names


class History:
    """The memory of one run's gate. Approvals are indexed by the values they cover, so looking one up is constant."""

    __slots__ = ("_actions", "_by_value", "_used", "approvals", "states")

    def __init__(self) -> None:
        self.approvals: list[Approval] = []
        self.states: dict[object, Any] = {}
        self._actions: dict[tuple[str, ...], float] = {}
        self._used: dict[Approval, str] = {}
        self._by_value: dict[str, list[Approval]] = {}

    def approve_action(self, action: Action) -> None:
        """A person approved exactly this action."""
        identity = _identity(action)
        self._actions[identity] = action.at
        self._add(Approval(action.at, APPROVAL, _covers(action.request.get("arguments")), identity))

    def approve_value(self, at: float, name: str, value: Any) -> None:
        """A person who was shown `value` by the wait `name` said yes; None: nothing was shown."""
        self._add(Approval(at, name, frozenset() if value is None else _covers(value)))

    def is_approved(self, action: Action) -> bool:
        return bool(self._actions) and _identity(action) in self._actions

    def approved_at(self, action: Action) -> float | None:
        """When a person approved exactly this action."""
        return self._actions.get(_identity(action)) if self._actions else None

    def covering(self, values: Iterable[Any]) -> list[Approval]:
        """The approvals in which all of these very values were shown, in order; none for no values."""
        found: list[Approval] | None = None
        for value in values:
            here = self._by_value.get(digest(value), [])
            found = here if found is None else [approval for approval in found if approval in here]
        return found or []

    def shown(self, values: Iterable[Any], names: frozenset[str]) -> bool:
        """Whether one of the flow's own waits so named was answered with yes over all of these values."""
        return any(approval.action is None and approval.named(names) for approval in self.covering(values))

    def cleared(self, action: Action, names: frozenset[str]) -> bool:
        """Whether a person approved this action, or was shown and approved all of its arguments at once."""
        return bool(names) and (self.is_approved(action) or next(self._over(action, names), None) is not None)

    def cleared_once(self, action: Action, names: frozenset[str]) -> bool:
        """The same, by an approval that no other effect has used up."""
        return bool(names) and (self.is_approved(action) or self._unused(action, names) is not None)

    def use(self, action: Action, names: frozenset[str]) -> None:
        """The action left on the strength of an approval: no other effect leaves on the same."""
        approval = None if self.is_approved(action) else self._unused(action, names)
        if approval is not None:
            self._used[approval] = action.key

    def _over(self, action: Action, names: frozenset[str]) -> Iterator[Approval]:
        """The answers of a flow's own waits that covered all of the action's arguments."""
        arguments = action.request.get("arguments")
        covering = self.covering(arguments.values()) if isinstance(arguments, Mapping) else []
        return (approval for approval in covering if approval.action is None and approval.named(names))

    def _unused(self, action: Action, names: frozenset[str]) -> Approval | None:
        free: Approval | None = None
        for approval in self._over(action, names):
            user = self._used.get(approval)
            if user == action.key:
                return approval
            if user is None and free is None:
                free = approval
        return free

    def _add(self, approval: Approval) -> None:
        self.approvals.append(approval)
        for covered in approval.covers:
            self._by_value.setdefault(covered, []).append(approval)


def _identity(action: Action) -> tuple[str, ...]:
    """Key and digest; of a result, also what it is: letting a request out does not let its result in."""
    identity = (action.key, action.digest)
    return (*identity, digest(action.result)) if action.phase == "post" else identity


def digest(value: Any) -> str:
    """A value's name; equal JSON values have equal ones, 1 and 1.0 too."""
    return canonical.digest(_plain(value))


def _plain(value: Any) -> Any:
    """The value with whole floats as integers, as CEL and JSON readers differ in which they make."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _covers(value: Any) -> frozenset[str]:
    """Digests of a value and of everything in it; of the value alone when it is too big to walk."""
    found: set[str] = set()
    for node in _nodes(value):
        found.add(digest(node))
        if len(found) > _MAX_NODES:
            return frozenset({digest(value)})
    return frozenset(found)


def _nodes(value: Any) -> Iterator[Any]:
    stack = [value]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Mapping):
            stack.extend(node.values())
        elif isinstance(node, (list, tuple)):
            stack.extend(node)


def said_yes(result: Any) -> bool:
    """Whether the answer to a wait is an approval: an object whose `approved` is true."""
    return isinstance(result, Mapping) and result.get("approved") is True
