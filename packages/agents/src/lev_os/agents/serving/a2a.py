"""An agent as an A2A server: its card, and JSON-RPC by the SDK of the protocol (`lev-os-agents[a2a]`).

A context of the protocol is a thread of the agent, kept like any other; a task is one answer in it, kept beside the
threads. The other side is an agent, so it approves nothing: a task that needs a person stays open, and says how it is
approved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from a2a.helpers import new_task_from_user_message, new_text_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import TaskUpdater
from a2a.types.a2a_pb2 import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    HTTPAuthSecurityScheme,
    SecurityRequirement,
    SecurityScheme,
    StringList,
)
from lev_os.core import LevError

from ..errors import Denied
from ..events import Answer, Finished, Said
from .openai import told, waits
from .tasks import KeptTasks

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from ..agent import Agent

PROTOCOL = "1.0"


def a2a_routes(agents: Mapping[str, Agent], address: str, closing: AsyncExitStack) -> list[BaseRoute]:
    """An A2A server for each agent at `/a2a/NAME`, its card below that; the card of the only one at the root too.

    What is to be done when the server ends goes into `closing`.
    """
    routes: list[BaseRoute] = []
    for name, agent in agents.items():
        place = f"/a2a/{name}"
        card = card_of(name, agent, f"{address}{place}")
        tasks = KeptTasks(agent.threads / "a2a.sqlite")
        handler = DefaultRequestHandler(_Executor(agent), tasks, card)
        closing.callback(tasks.close)
        closing.push_async_callback(handler.aclose)
        routes += create_agent_card_routes(card, card_url=f"{place}/.well-known/agent-card.json")
        routes += create_jsonrpc_routes(handler, place)
        if len(agents) == 1:
            routes += create_agent_card_routes(card)
    return routes


def card_of(name: str, agent: Agent, url: str) -> AgentCard:
    """What an agent tells of itself: one skill for itself, and one for each flow it may start."""
    declared = agent.declared
    skills = [AgentSkill(id=name, name=name, description=declared.description or name, tags=["agent"])]
    skills += [
        AgentSkill(
            id=flow.specifier, name=flow.tree.name, description=flow.tree.description or flow.tree.name, tags=["flow"]
        )
        for flow in agent.links.flows
    ]
    return AgentCard(
        name=name,
        description=declared.description or name,
        version="1",
        supported_interfaces=[AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version=PROTOCOL)],
        capabilities=AgentCapabilities(streaming=True, push_notifications=False),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=skills,
        security_schemes={"token": SecurityScheme(http_auth_security_scheme=HTTPAuthSecurityScheme(scheme="bearer"))},
        security_requirements=[SecurityRequirement(schemes={"token": StringList()})],
    )


class _Executor(AgentExecutor):
    """Carries out one message: text goes out as it is let out, and the task ends as the run does."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """See the SDK's base class."""
        message = context.message
        if message is None:
            raise LevError("the request has no message")
        task = context.current_task
        if task is None:
            task = new_task_from_user_message(message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        prompt = context.get_user_input()
        if not prompt.strip():
            said = "the message has no text, and this agent reads text alone"
            await updater.reject(updater.new_agent_message([new_text_part(said)]))
            return
        await updater.start_work()
        try:
            thread = thread_of(task.context_id, context.tenant)
            answer = await self._answered(prompt, thread, updater)
        except Denied as error:
            await updater.reject(updater.new_agent_message([new_text_part(error.message)]))
        except Exception as error:  # the SDK would tell the other side what it says, whatever it is
            await updater.failed(updater.new_agent_message([new_text_part(told(error))]))
        else:
            if answer.waiting:
                said = "\n".join([*waits(answer.waiting), f"The thread is `{thread}`."])
                await updater.requires_input(updater.new_agent_message([new_text_part(said)]))
            else:
                await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """The run was stopped by its task's cancellation; this tells the other side."""
        if context.task_id is not None and context.context_id is not None:
            await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()

    async def _answered(self, prompt: str, thread: str, updater: TaskUpdater) -> Answer[Any]:
        """Run the agent; its text becomes one artifact, in pieces."""
        begun = False
        artifact = "answer"
        async for event in self._agent.stream(prompt, thread=thread):
            if isinstance(event, Said):
                await updater.add_artifact([new_text_part(event.text)], artifact, append=begun and not event.again)
                begun = True
            elif isinstance(event, Finished):
                if not begun and not event.answer.waiting:
                    await updater.add_artifact([_part(event.answer.output)], artifact, last_chunk=True)
                return event.answer
        raise AssertionError("a run ends with its answer")


def thread_of(context: str, tenant: str = "") -> str:
    """The name of the thread that keeps a tenant's context; the other side chooses both, and paths are not for it."""
    # A name of another form, or a context without a tenant could be called as a tenant's.
    called, kept = (f"{len(tenant)}:{tenant}{context}", "a2a-tenant") if tenant else (context, "a2a")
    return f"{kept}-{hashlib.sha256(called.encode('utf-8', 'replace')).hexdigest()[:24]}"


def _part(output: Any) -> Any:
    from a2a.helpers import new_data_part

    return new_text_part(output) if isinstance(output, str) else new_data_part(output)
