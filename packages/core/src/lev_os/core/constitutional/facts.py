"""What checks see of one action: values by path, texts, effects and the run's history, each extracted once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .model import Action

if TYPE_CHECKING:
    from .history import History

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


class Texts(NamedTuple):
    """The strings below a field: all of them joined by newlines as UTF-8, and each with its path."""

    joined: bytes
    parts: tuple[tuple[str, str], ...]


class Facts:
    """One action as its checks see it. Everything is computed on first use and kept."""

    __slots__ = ("_effects", "_scope", "_texts", "action", "history")

    def __init__(self, action: Action, history: History) -> None:
        self.action = action
        self.history = history
        self._effects: frozenset[str] | None = None
        self._texts: dict[str, Texts] = {}
        self._scope: dict[str, Any] | None = None

    @property
    def effects(self) -> frozenset[str]:
        """The tool's declared effects; `undeclared` alone when there is no declaration."""
        if self._effects is None:
            self._effects = effects_of(self.action)
        return self._effects

    def value(self, path: str) -> Any:
        """The value at a dotted path from `request`, `result`, `args`, `about` or `instruction`; else `MISSING`."""
        return value_at(self.action, path)

    def texts(self, field: str) -> Texts:
        """Every string at or below `field`, keys of objects included."""
        texts = self._texts.get(field)
        if texts is None:
            value = self.value(field)
            parts = () if value is MISSING else tuple(_strings(value, field))
            joined = "\n".join([text for _, text in parts]).encode("utf-8", "replace")
            texts = self._texts[field] = Texts(joined, parts)
        return texts

    @property
    def scope(self) -> dict[str, Any]:
        """The variables of CEL checks: phase, kind, request, result, tool, effects, args, taint."""
        if self._scope is None:
            action = self.action
            self._scope = {
                "phase": action.phase,
                "kind": action.kind,
                "request": action.request,
                "result": action.result,
                "tool": tool_name(action),
                "effects": sorted(self.effects) if action.kind == "tool" else [],
                "args": action.request.get("arguments") or {},
                "taint": {path: sorted(labels) for path, labels in action.taint.items()},
            }
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
    first, *rest = path.split(".")
    keys: tuple[str, ...] = (*_ALIASES.get(first, (first,)), *rest)
    if keys[0] == "request":
        value: Any = action.request
    elif keys[0] == "result" and action.phase == "post":
        value = action.result
    else:
        return MISSING
    for key in keys[1:]:
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, (list, tuple)) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return MISSING
    return value


def _strings(value: Any, path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif depth > _MAX_DEPTH:
        raise ValueError(f"`{path}` is nested more than {_MAX_DEPTH} deep")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield path, str(key)
            if isinstance(item, str):
                yield f"{path}.{key}", item
            elif item.__class__ not in _WORDLESS:
                yield from _strings(item, f"{path}.{key}", depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            if item.__class__ not in _WORDLESS:
                yield from _strings(item, f"{path}.{index}", depth + 1)


_WORDLESS: Final = frozenset({int, float, bool, type(None)})
