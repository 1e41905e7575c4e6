"""Names and their values while a flow runs, and the taint that each value carries.

A scope is a chain: branches and iterations get a child, so they see what is outside and change nothing there.
Copying is never needed, so the cost of a step does not grow with what was bound before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..flowmind.model import Expr, Template, Value

Labels = frozenset[str]
CLEAN: Labels = frozenset()


class Scope(Mapping[str, Any]):
    """A chain of bindings. `control` is what decided that the code of this scope runs at all."""

    __slots__ = ("_labels", "_parent", "_sizes", "_values", "control")

    def __init__(self, parent: Scope | None = None, control: Labels = CLEAN) -> None:
        self._parent = parent
        self._values: dict[str, Any] = {}
        self._labels: dict[str, Labels] = {}
        self._sizes: dict[str, int] = {}
        self.control: Labels = control if parent is None else control | parent.control

    def __getitem__(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None:
            if name in scope._values:
                return scope._values[name]
            scope = scope._parent
        return None  # the id of a skipped step is null; unknown names were refused when the flow was parsed

    def __iter__(self) -> Iterator[str]:
        seen: set[str] = set()
        scope: Scope | None = self
        while scope is not None:
            yield from scope._values.keys() - seen
            seen |= scope._values.keys()
            scope = scope._parent

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return True

    def bind(self, name: str, value: Any, labels: Labels, size: int) -> int:
        """Bind here; returns by how many bytes the scope has grown."""
        grown = size - self._sizes.get(name, 0)
        self._values[name] = value
        self._sizes[name] = size
        if self.control:
            labels |= self.control
        if labels:
            self._labels[name] = labels
        else:
            self._labels.pop(name, None)
        return grown

    def mark(self, path: str, labels: Labels) -> None:
        """Label one field, `input.message`, apart from the rest of its name."""
        self._labels[path] = labels

    def taint(self, name: str, labels: Labels) -> None:
        """Label a name besides, bound or not: that it was not bound tells something too."""
        self._labels[name] = self._labels.get(name, CLEAN) | labels

    def local(self) -> dict[str, Any]:
        """What was bound in this very scope."""
        return dict(self._values)

    def local_labels(self) -> Labels:
        return CLEAN.union(*self._labels.values())

    def bytes(self) -> int:
        """The size of what was bound in this very scope."""
        return sum(self._sizes.values())

    @property
    def clean(self) -> bool:
        """Whether nothing that can be read here carries a label."""
        scope: Scope | None = self
        while scope is not None:
            if scope._labels:
                return False
            scope = scope._parent
        return True

    def labels(self, value: Value) -> Labels:
        """The taint of everything that a value, template or expression refers to."""
        return CLEAN if self.clean else self._of_value(value)

    def _of_value(self, value: Value) -> Labels:
        if isinstance(value, Template):
            found = CLEAN
            for part in value.parts:
                if isinstance(part, Expr):
                    found |= self._of_expression(part)
            return found
        if isinstance(value, Expr):
            return self._of_expression(value)
        if isinstance(value, Mapping):
            return CLEAN.union(*(self._of_value(item) for item in value.values()))
        if isinstance(value, (list, tuple)):
            return CLEAN.union(*(self._of_value(item) for item in value))
        return CLEAN

    def _of_expression(self, expression: Expr) -> Labels:
        found = CLEAN
        for name in expression.names:
            found |= self._of_name(name, expression.source)
        return found

    def _of_name(self, name: str, source: str) -> Labels:
        scope: Scope | None = self
        while scope is not None:
            if name in scope._values or name in scope._labels:
                break
            scope = scope._parent
        if scope is None or not scope._labels:
            return CLEAN
        whole = scope._labels.get(name, CLEAN)
        fields = {path: labels for path, labels in scope._labels.items() if path.startswith(name + ".")}
        if not fields:
            return whole
        if source.replace(".", "").replace("_", "").isalnum():  # a bare path names one field
            exact = ".".join(source.split(".")[:2])
            return whole | fields.get(exact, CLEAN) if exact != name else whole.union(*fields.values())
        return whole.union(*fields.values())
