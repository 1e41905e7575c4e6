"""Tools: Python functions that flows and models may call, and what is declared about them.

`@tool` only records its arguments, which must be literals: every other command reads them from the syntax
tree, without importing (`lev_os.core.packaging`). A plain function is a tool too; its effects then count
as undeclared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, ParamSpec, TypeVar, get_args

import msgspec

ToolEffect = Literal[
    "reads_private", "ingests_untrusted", "writes_local", "writes_external", "irreversible", "spends", "runs_code"
]
TOOL_EFFECTS: frozenset[str] = frozenset(get_args(ToolEffect))

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D")


class ToolDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """What `@tool(...)` says. `effects` is None when nothing was declared, empty for a pure function."""

    effects: frozenset[str] | None = None
    idempotent: bool = False
    secrets: frozenset[str] = frozenset()
    isolate: Literal["thread", "process"] = "thread"
    tier: int | None = None


class ToolCard(msgspec.Struct, frozen=True, kw_only=True):
    """All that a model, the gate or a host needs to know of a tool. Schemas are JSON Schema 2020-12."""

    specifier: str
    name: str
    description: str = ""
    input_schema: Mapping[str, Any] = msgspec.field(default_factory=dict)
    output_schema: Mapping[str, Any] | None = None
    declaration: ToolDeclaration = ToolDeclaration()
    digest: str = ""


_LABELS = {"ingests_untrusted": "untrusted", "reads_private": "private"}


def tool_labels(card: ToolCard) -> frozenset[str]:
    """How a tool's result is tainted by what the tool does; undeclared effects taint with `undeclared`."""
    effects = card.declaration.effects
    if effects is None:
        return frozenset({"undeclared"})
    return frozenset(_LABELS[effect] for effect in effects if effect in _LABELS)


@dataclass(frozen=True, slots=True)
class ToolContext(Generic[D]):
    """What a tool gets as its first parameter, `ctx`, when it asks for one; never part of its schema."""

    deps: D
    run: str
    idempotency_key: str
    scope: Mapping[str, Any] = field(default_factory=dict)
    deadline: float | None = None
    _secret: Callable[[str], str] | None = None

    def secret(self, name: str) -> str:
        """The value of a secret the tool has declared; raises `KeyError` with the way to declare it."""
        if self._secret is None:
            raise KeyError(f"no secrets were given to this run; pass secrets={{{name!r}: …}}")
        return self._secret(name)


def tool(
    *,
    effects: Collection[ToolEffect] | None = None,
    idempotent: bool = False,
    secrets: Collection[str] = (),
    isolate: Literal["thread", "process"] = "thread",
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare what a function does to the world. Arguments must be literals: they are read without importing."""
    declaration = ToolDeclaration(
        effects=None if effects is None else frozenset(effects),
        idempotent=idempotent,
        secrets=frozenset(secrets),
        isolate=isolate,
    )

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        function.__lev_tool__ = declaration  # type: ignore[attr-defined]  # functions take attributes; typeshed says no
        return function

    return mark
