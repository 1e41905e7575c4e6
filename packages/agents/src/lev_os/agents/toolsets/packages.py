"""Tools of packages, called as flows call them: arguments checked, secrets by name, blocking ones on threads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lev_os.core import canonical
from lev_os.core.bidirectional.effects import Effect, Failure
from lev_os.core.bidirectional.executor import Executor
from lev_os.core.schemas import Schema
from lev_os.core.tools import ToolCard
from pydantic_ai.exceptions import ModelRetry, ToolFailed
from pydantic_ai.tools import RunContext, ToolDefinition
from pydantic_ai.toolsets import AbstractToolset
from pydantic_ai.toolsets.abstract import ToolsetTool
from pydantic_core import SchemaValidator, core_schema

from .world import World

OBJECT = SchemaValidator(core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema()))
"""Any arguments: the card's own schema is checked when the tool is called."""


@dataclass(kw_only=True)
class CardedTool(ToolsetTool[Any]):
    """A tool that brings its card."""

    card: ToolCard


def definition(card: ToolCard) -> ToolDefinition:
    """How a model is offered a card's tool."""
    return ToolDefinition(
        name=card.name,
        description=card.description or None,
        parameters_json_schema={"type": "object", "properties": {}, **card.input_schema},
        metadata={"specifier": card.specifier},
    )


class PackageToolset(AbstractToolset[Any]):
    """The tools with these cards; their functions are imported when they are first called."""

    def __init__(self, cards: Iterable[ToolCard], world: World, *, id: str | None = None) -> None:
        self._cards = {card.name: card for card in cards}
        self._world = world
        self._id = id
        self._executor = Executor(
            {card.specifier: card for card in self._cards.values()},
            "",
            package=world.package,
            deps=world.deps,
            scope=world.scope,
            secrets=world.secrets,
        )

    async def for_run(self, ctx: RunContext[Any]) -> PackageToolset:
        """A toolset of its own for each run, whose threads end with it."""
        mine = PackageToolset(self._cards.values(), self._world, id=self._id)
        mine._executor.run = ctx.run_id or ""
        return mine

    async def __aexit__(self, *args: Any) -> bool | None:
        self._executor.close()
        return None

    @property
    def id(self) -> str | None:
        return self._id

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        retries = max(ctx.max_retries, 1)
        return {
            name: CardedTool(
                toolset=self, tool_def=definition(card), max_retries=retries, args_validator=OBJECT, card=card
            )
            for name, card in self._cards.items()
        }

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        """The result as JSON. `ModelRetry` for arguments that do not fit, `ToolFailed` for what the tool says."""
        card = self._cards[name]
        arguments = Schema.of(card.input_schema).fill(tool_args) if card.input_schema else tool_args
        key = canonical.digest([ctx.run_id, ctx.tool_call_id]).removeprefix("sha256:")[:32]
        request = {"tool": card.specifier, "name": name, "arguments": arguments}
        effect = Effect(token=key, kind="tool", key=key, attempt=1, path=name, request=request, digest="")
        result = await self._executor.carry_out(effect)
        if isinstance(result, Failure):
            raise ModelRetry(result.message) if result.kind == "invalid" else ToolFailed(result.message)
        return result
