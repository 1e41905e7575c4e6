"""The card of any tool of a Pydantic AI agent: what it does to the world, as far as somebody has said so.

In this order: what `effects=` of the capability says of the name, the card of a package's tool, `@tool(...)` of a
Python function. Nobody else is believed: what an MCP server says of itself is no declaration.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from lev_os.core import LevError, canonical
from lev_os.core.tools import TOOL_EFFECTS, ToolCard, ToolDeclaration, ToolEffect
from pydantic_ai.toolsets import AbstractToolset
from pydantic_ai.toolsets.abstract import ToolsetTool
from pydantic_ai.toolsets.function import FunctionToolset, FunctionToolsetTool

Effects = Mapping[str, Collection[ToolEffect]]


def check_effects(effects: Effects) -> Effects:
    """`effects`, or `LevError` when one is not known."""
    for name, declared in effects.items():
        unknown = sorted(set(declared) - TOOL_EFFECTS)
        if isinstance(declared, str) or unknown:
            raise LevError(
                f"effects of {name!r}: {declared!r} holds what is no effect",
                help=f"a collection of {', '.join(sorted(TOOL_EFFECTS))}; empty for a pure tool",
            )
    return effects


def card_of(tool: ToolsetTool[Any], effects: Effects) -> ToolCard:
    """The card by which the gate knows a tool."""
    definition = tool.tool_def
    known = effects.get(definition.name)
    inner = _innermost(tool)
    carded = getattr(inner, "card", None)
    if isinstance(carded, ToolCard):
        return carded if known is None else _with_effects(carded, known)
    declaration = _declared(inner) if known is None else ToolDeclaration(effects=frozenset(known))
    return ToolCard(
        specifier=definition.name,
        name=definition.name,
        description=definition.description or "",
        input_schema=definition.parameters_json_schema,
        declaration=declaration,
        digest=_digest(definition.name, definition.description),
    )


def card_by_name(name: str, effects: Effects) -> ToolCard:
    """The card of a tool of which only the name is known."""
    known = effects.get(name)
    declaration = ToolDeclaration() if known is None else ToolDeclaration(effects=frozenset(known))
    return ToolCard(specifier=name, name=name, declaration=declaration)


@lru_cache(maxsize=1024)
def _digest(name: str, description: str | None) -> str:
    return canonical.digest({"name": name, "description": description})


def _with_effects(card: ToolCard, more: Collection[ToolEffect]) -> ToolCard:
    """A package's card with more effects: what it declares itself stays."""
    effects = frozenset(more) | (card.declaration.effects or frozenset())
    declaration = msgspec.structs.replace(card.declaration, effects=effects)
    return msgspec.structs.replace(card, declaration=declaration)


def _innermost(tool: ToolsetTool[Any]) -> ToolsetTool[Any]:
    """The tool that its own toolset made, without what combining toolsets put around it."""
    while isinstance(inner := getattr(tool, "source_tool", None), ToolsetTool):
        tool = inner
    return tool


def _declared(tool: ToolsetTool[Any]) -> ToolDeclaration:
    toolset: AbstractToolset[Any] = tool.toolset
    if isinstance(tool, FunctionToolsetTool) and isinstance(toolset, FunctionToolset):
        held = toolset.tools.get(tool.original_name or tool.tool_def.name)
        declared = getattr(getattr(held, "function", None), "__lev_tool__", None)
        if isinstance(declared, ToolDeclaration):
            return declared
    return ToolDeclaration()
