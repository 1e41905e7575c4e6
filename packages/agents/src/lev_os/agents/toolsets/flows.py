"""Flows as tools: each call is a run of its own, with a journal, and every effect in it passes the gates of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lev_os.core.agents.links import tool_name
from lev_os.core.bidirectional import RunResult, run
from lev_os.core.bidirectional.executor import cards
from lev_os.core.bidirectional.places import new_run
from lev_os.core.constitutional import Gate
from lev_os.core.flowmind import Flow
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.llm_runtime.pydantic import PydanticModel
from lev_os.core.schemas import Schema
from lev_os.core.tools import ToolCard, ToolDeclaration, ToolEffect
from pydantic_ai.exceptions import ModelRetry, ToolFailed
from pydantic_ai.models import Model
from pydantic_ai.tools import RunContext
from pydantic_ai.toolsets import AbstractToolset
from pydantic_ai.toolsets.abstract import ToolsetTool

from ..errors import Denied
from ..gating.run import CURRENT, GatedRun
from ..models import ClientModel
from .packages import OBJECT, CardedTool, definition
from .world import World

_SOURCES: tuple[ToolEffect, ...] = ("reads_private", "ingests_untrusted")


class FlowToolset(AbstractToolset[Any]):
    """These flows. A flow's model is the one of the agent that starts it.

    Starting a flow is asked about for what the flow reads alone: what it writes and spends is decided, effect by
    effect, when it comes to that, and it knows of what the agent's conversation is tainted with.
    """

    def __init__(self, flows: Iterable[Flow], world: World, *, id: str | None = None) -> None:
        self._flows = {tool_name(flow.name): flow.link() for flow in flows}
        self._cards = {name: _card(name, linked) for name, linked in self._flows.items()}
        self._world = world
        self._id = id

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
        """The flow's output, or `{status: waiting, …}` when it waits for a person. `Denied` when its gate says no."""
        world, gated = self._world, CURRENT.get()
        schema = Schema.of(self._flows[name].tree.input_schema)
        if problems := tuple(schema.problems(schema.fill(tool_args))):
            raise ModelRetry("; ".join(problems))
        started = new_run()
        result = await run(
            self._flows[name],
            tool_args,
            run=started,
            journal=None if world.runs is None else world.runs / f"{started}.jsonl",
            gate=None if gated is None else Gate(*(law for gate in gated.gates for law in gate.constitutions)),
            taint=() if gated is None else gated.labels,
            model=_client(ctx.model),
            deps=world.deps,
            scope=world.scope,
            secrets=world.secrets,
        )
        return _outcome(result, started, gated)


def _outcome(result: RunResult, started: str, gated: GatedRun | None) -> Any:
    if result.status == "done":
        return result.output
    if result.status == "waiting":
        waits = [str(wait.request.get("name")) for wait in result.waits]
        return {"status": "waiting", "run": started, "for": waits, "note": "a person must answer; it is not done yet"}
    message = "" if result.error is None else result.error.message
    if result.status == "denied":
        denied = Denied(message, help=f"`lev runs show {started}` shows every verdict of the flow")
        if gated is not None:
            gated.denied = denied
        raise denied
    raise ToolFailed(f"the flow {result.status}: {message}")


def _client(model: Any) -> Any:
    """The agent's model as flows ask one; None, the project's own, for what is no model of requests."""
    if isinstance(model, ClientModel):
        return model.client
    return PydanticModel(model) if isinstance(model, Model) else None


def _card(name: str, linked: LinkedFlow) -> ToolCard:
    return ToolCard(
        specifier=linked.specifier,
        name=name,
        description=linked.tree.description,
        input_schema=linked.tree.input_schema,
        output_schema=linked.tree.output_schema,
        declaration=ToolDeclaration(effects=frozenset(_sources(linked))),
        digest=linked.digest,
    )


def _sources(linked: LinkedFlow) -> Iterator[ToolEffect]:
    """What a flow reads; of a tool that does not say, everything."""
    for card in cards(linked).values():
        effects = card.declaration.effects
        yield from (effect for effect in _SOURCES if effects is None or effect in effects)
