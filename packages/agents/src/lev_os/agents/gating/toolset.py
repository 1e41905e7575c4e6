"""The gate around an agent's tools: whoever calls one, by whatever way, calls it here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from lev_os.core.constitutional.verdict import SHOWN, reasons
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred, ToolFailed
from pydantic_ai.tools import RunContext
from pydantic_ai.toolsets import AbstractToolset, WrapperToolset
from pydantic_ai.toolsets.abstract import ToolsetTool

from . import wire
from .cards import Effects
from .run import CURRENT, GatedRun

_STRAY = "The approval that was given is of no question asked about this call: it was changed, or answered before"


@dataclass
class GatedToolset(WrapperToolset[Any]):
    """All tools of one run. It lies directly around them, inside of what other capabilities wrap around tools."""

    open: Callable[[RunContext[Any]], GatedRun]
    effects: Effects
    run: GatedRun | None = None
    """Whose tools they are; None in a toolset that no run has begun with."""

    @property
    def label(self) -> str:
        return self.wrapped.label

    async def for_run(self, ctx: RunContext[Any]) -> GatedToolset:
        return GatedToolset(await self.wrapped.for_run(ctx), self.open, self.effects, self.open(ctx))

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        tools = await self.wrapped.get_tools(ctx)
        if self.run is not None:
            self.run.offered(tools)
        return tools

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        """Call a tool that the gate lets out, and give back what the gate lets in.

        Raises `Denied`; `ApprovalRequired` when a person must approve; `ToolFailed` with the reason when a principle
        wants the call otherwise.
        """
        run = self.open(ctx) if self.run is None else self.run
        run.check()
        action = run.call(name, tool_args, ctx.tool_call_id)
        written = wire.written(ctx.messages, name, ctx.tool_call_id, action.request["arguments"])
        stray = ctx.tool_call_approved and not run.approved(action, ctx.tool_call_id, written)
        verdict = await run.decide(action)
        if verdict.ruling == "ask" or (stray and verdict.ruling in SHOWN):
            why = ". ".join(filter(None, (reasons(verdict), _STRAY if stray else "")))
            run.asking.append(why)
            run.ask(name, ctx.tool_call_id, written)
            raise ApprovalRequired(
                metadata={"reason": why, "digest": action.digest, "findings": msgspec.to_builtins(verdict.findings)}
            )
        if verdict.ruling not in SHOWN:
            if verdict.revise is not None and run.may_revise():
                raise ToolFailed(verdict.revise)
            raise run.deny(verdict, f"the call of `{name}`")
        run.left(action)
        token = CURRENT.set(run)
        try:
            result = await self.wrapped.call_tool(name, tool_args, ctx, tool)
        except ApprovalRequired:
            run.ask(name, ctx.tool_call_id, written)
            raise
        except CallDeferred:
            raise
        except Exception:
            run.taint({"untrusted"})  # what a tool says when it fails comes from outside
            raise
        finally:
            CURRENT.reset(token)
        await run.result(action, result, ctx.tool_call_id)
        return result


def sampled(toolset: AbstractToolset[Any]) -> list[str]:
    """The MCP servers among the tools that may ask a model by themselves, past the gate."""
    found: list[str] = []

    def look(leaf: AbstractToolset[Any]) -> None:
        handlers = getattr(leaf, "_server_initiated_handlers", ())
        if getattr(leaf, "sampling_model", None) is not None or "sampling_handler" in handlers:
            found.append(leaf.label)

    toolset.apply(look)
    return found
