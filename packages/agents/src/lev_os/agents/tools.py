"""Agents as a tool for flows and for the models of MCP hosts: `lev_os.agents/tools/agent_ask`.

Which agents there are comes from `ctx.deps` (a mapping of names to agents, or something that holds one as `agents`), so
no model can ask for another one. What an agent answers counts as untrusted; what it does passes its own gate, and a
call that a person must approve waits: whoever asks here is a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from lev_os.core import LevError, ToolContext, tool

if TYPE_CHECKING:
    from .agent import Agent

__all__ = ["agent_ask"]


class Asked(TypedDict):
    """What the agent says, as text or as its output schema has it; null while a person is waited for."""

    answer: Any
    waiting: list[str]
    thread: str | None


@tool(effects={"ingests_untrusted"})
async def agent_ask(ctx: ToolContext[Any], agent: str, message: str, thread: str | None = None) -> Asked:
    """Ask an agent something, and get its answer.

    Args:
        agent: Its name.
        message: What to ask, in words that make sense on their own.
        thread: The name of a conversation to go on with; without one, the agent remembers nothing of this.
    """
    agents = _agents(ctx.deps)
    asked = agents.get(agent)
    if asked is None:
        raise LevError(f"there is no agent {agent!r}", help=f"the agents here are {', '.join(sorted(agents))}")
    answer = await asked.run(message, thread=None if thread is None else f"asked-{thread}")
    return {
        "answer": answer.output,
        "waiting": [f"{one.tool}: {one.reason}" for one in answer.waiting],
        "thread": thread,
    }


def _agents(deps: Any) -> Mapping[str, Agent]:
    found = deps if isinstance(deps, Mapping) else getattr(deps, "agents", None)
    if not isinstance(found, Mapping) or not found:
        raise LevError(
            "no agents are lent to this tool",
            help='give them as deps: run(flow, deps={"desk": Agent.from_package("…")}), or lev mcp --agent SPECIFIER',
        )
    return found
