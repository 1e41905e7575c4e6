"""What checks see of one action: values by path, texts, effects and the run's history, each extracted once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from .history import History, digest
from .model import Action

if TYPE_CHECKING:
    from ..flowmind.expressions import SharedScope

UNDECLARED: Final = "undeclared"
"""The label of an unknown origin, and the effect of a tool that declares none."""
_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "args": ("request", "arguments"),
    "about": ("request", "about"),
    "instruction": ("request", "instruction"),
}
_MAX_DEPTH: Final = 200


class Missing:
    """The value of a path that leads nowhere; null is a value."""


MISSING: Final = Missing()


class Facts:
    """One action as its checks see it. Everything is computed on first use and kept."""

    __slots__ = ("_effects", "_joined", "_names", "_same", "_scope", "_texts", "action", "history")

    def __init__(self, action: Action, history: History) -> None:
        self.action = action
        self.history = history
        self._effects: frozenset[str] | None = None
        self._names: frozenset[str] | None = None
        self._same: dict[tuple[str, ...], str] = {}
        self._joined: dict[str, bytes] = {}
        self._texts: dict[str, list[tuple[str, str]]] = {}
        self._scope: SharedScope | None = None

    @property
    def effects(self) -> frozenset[str]:
        """The tool's declared effects; `undeclared` alone when there is no declaration."""
        if self._effects is None:
            self._effects = effects_of(self.action)
        return self._effects

    def value(self, path: str) -> Any:
        """The value at a dotted path from `request`, `result`, `args`, `about` or `instruction`; else `MISSING`."""
        return value_at(self.action, path)

    def joined(self, field: str) -> bytes:
        """Every string at or below `field`, keys of objects included, joined by newlines, as UTF-8."""
        joined = self._joined.get(field)
        if joined is None:
            texts: list[str] = []
            value = self.value(field)
            if value is not MISSING:
                _collect(value, texts, 0)
            joined = self._joined[field] = "\n".join(texts).encode("utf-8", "replace")
        return joined

    def texts(self, field: str) -> list[tuple[str, str]]:
        """The same strings one by one, each with its path; of a key, the path of its object."""
        parts = self._texts.get(field)
        if parts is None:
            parts = self._texts[field] = []
            value = self.value(field)
            if value is not MISSING:
                _locate(value, field, parts, 0)
        return parts

    @property
    def names(self) -> frozenset[str]:
        """What the called tool is known by: its specifier and its name."""
        if self._names is None:
            self._names = frozenset(self.known_as) - {""}
        return self._names

    @property
    def known_as(self) -> tuple[str, str, str]:
        """The called tool's specifier, its name in the request, and its name by its card; each may be ""."""
        card, name = self.action.tool, self.action.request.get("name")
        return tool_name(self.action), name if isinstance(name, str) else "", "" if card is None else card.name

    def same(self, paths: tuple[str, ...]) -> str:
        """One name for the values at these paths; actions that agree in all of them share it."""
        name = self._same.get(paths)
        if name is None:
            values = (self.value(path) for path in paths)
            name = self._same[paths] = digest([[] if value is MISSING else [value] for value in values])
        return name

    @property
    def scope(self) -> SharedScope:
        """The variables of CEL checks: phase, kind, request, result, tool, effects, args, taint."""
        if self._scope is None:
            from ..flowmind.expressions import SharedScope

            action = self.action
            self._scope = SharedScope(
                phase=action.phase,
                kind=action.kind,
                request=action.request,
                result=action.result,
                tool=tool_name(action),
                effects=sorted(self.effects) if action.kind == "tool" else [],
                args=action.request.get("arguments") or {},
                taint={path: sorted(labels) for path, labels in action.taint.items()},
            )
        return self._scope


def effects_of(action: Action) -> frozenset[str]:
    """The declared effects of the action's tool; `undeclared` alone when nobody declared any."""
    declared = None if action.tool is None else action.tool.declaration.effects
    return frozenset({UNDECLARED}) if declared is None else declared


def tool_name(action: Action) -> str:
    """The specifier of the tool that the action calls, or ""."""
    if action.tool is not None:
        return action.tool.specifier
    name = action.request.get("tool", "")
    return name if isinstance(name, str) else ""


def value_at(action: Action, path: str) -> Any:
    """The value at a dotted path in an action, or `MISSING`. Numbers index lists."""
    keys = _keys(path)
    if keys[0] == "request":
        value: Any = action.request
    elif keys[0] == "result":
        value = action.result
    else:
        return MISSING
    for key in keys[1:]:
        if (value.__class__ is dict or isinstance(value, Mapping)) and key in value:
            value = value[key]
        elif isinstance(value, (list, tuple)) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return MISSING
    return value


@lru_cache(maxsize=4096)
def _keys(path: str) -> tuple[str, ...]:
    first, *rest = path.split(".")
    return (*_ALIASES.get(first, (first,)), *rest)


def _collect(value: Any, texts: list[str], depth: int) -> None:
    """Append every string at or below a value, keys of objects too."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} deep")
    kind = value.__class__
    if kind is str:
        texts.append(value)
    elif kind is dict or isinstance(value, Mapping):
        texts.extend(value)
        for item in value.values():
            if item.__class__ is str:
                texts.append(item)
            elif item.__class__ not in _WORDLESS:
                _collect(item, texts, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            if item.__class__ not in _WORDLESS:
                _collect(item, texts, depth + 1)


def _locate(value: Any, path: str, parts: list[tuple[str, str]], depth: int) -> None:
    """Append what `_collect` does, with paths."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"`{path}` is nested more than {_MAX_DEPTH} deep")
    if isinstance(value, str):
        parts.append((path, value))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            parts.append((path, key))
            _locate(item, f"{path}.{key}", parts, depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _locate(item, f"{path}.{index}", parts, depth + 1)


_WORDLESS: Final = frozenset({int, float, bool, type(None)})
