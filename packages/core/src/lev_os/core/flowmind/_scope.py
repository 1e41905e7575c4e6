"""Which names an expression may read at one place of a flow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

from ..documents import nearest
from ..errors import Location

FIXED = frozenset({"input", "error"})
"""Names that steps and `set` cannot take."""


_MANY = 200
"""Names that are compared with an unknown one, or listed: more would cost more than all else."""


def _hint(name: str, known: Collection[str], listed: str) -> str:
    near = nearest(name, known) if len(known) <= _MANY else None
    return near or listed


class Scope:
    """The names of one scope. A branch of `parallel` and a body of `for_each` is a scope that sees a copy.

    Names appear in document order and stay: after an `if`, the ids of both branches are visible, one null.
    """

    def __init__(self, outer: Scope | None = None, body: str = "") -> None:
        self.body = body
        """What makes it an inner scope: `parallel` or `for_each`; empty for the flow itself."""
        self.outer: Mapping[str, Any] = dict(outer.visible()) if outer else {}
        self.own: dict[str, Any] = {}
        self.ids: dict[str, Location] = {}
        self.outer_ids: Mapping[str, Location] = {**outer.outer_ids, **outer.ids} if outer else {}
        self._temporary: list[str] = []

    def visible(self) -> Mapping[str, Any]:
        """All readable names and the schemas of their values (None: unknown)."""
        return {**self.outer, **self.own}

    def define(self, name: str, schema: Any = None) -> None:
        """Make a name readable from here on; set twice, its schema is unknown."""
        self.own[name] = schema if self.own.get(name, schema) == schema else None

    @contextmanager
    def catching(self) -> Iterator[None]:
        """`error` is readable inside."""
        before = self.own.get("error", self)
        self.own["error"] = _ERROR
        yield
        if before is self:
            del self.own["error"]

    def unknown(self, path: tuple[str, ...]) -> tuple[str, str | None] | None:
        """Why `path` cannot be read here, and the way out; None when it can, as far as is known."""
        name = path[0]
        if name in self.own:
            schema = self.own[name]
        elif name in self.outer:
            schema = self.outer[name]
        else:
            known = self.visible()
            help = _hint(name, known, f"known here: {', '.join(sorted(known)[:_MANY])}")
            return f"`{name}` is not defined here", help
        for index, field in enumerate(path[1:], 1):
            properties = schema.get("properties") if isinstance(schema, Mapping) else None
            if not isinstance(properties, Mapping):
                return None
            if field not in properties:
                if schema.get("additionalProperties") is not False:
                    return None
                help = _hint(field, properties, f"it has {', '.join(islice(properties, _MANY)) or 'no fields'}")
                return f"`{'.'.join(path[:index])}` has no field `{field}`", help
            schema = properties[field]
        return None


_ERROR = {
    "properties": {"kind": {}, "message": {}, "step": {}},
    "additionalProperties": False,
}
