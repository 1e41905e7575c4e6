"""`Agent`: an agent of a package, alive. It speaks with the package's contexts and holds to its constitution."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pydantic_ai
from lev_os.core import LevError
from lev_os.core.agents import AgentDeclaration, AgentLinks
from lev_os.core.bidirectional.places import project_root, runs_folder
from lev_os.core.constitutional import Gate
from lev_os.core.llm_runtime.failing import help_for, redacted, summary
from lev_os.core.packaging import Package, find
from lev_os.core.packaging.deps import deps_of
from lev_os.core.packaging.for_llm import parsed
from lev_os.memory import MemoryManager
from pydantic_ai import DeferredToolRequests, DeferredToolResults, StructuredDict, UsageLimits
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import AgentRunError, FallbackExceptionGroup, UsageLimitExceeded, UserError
from pydantic_ai.messages import (
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolReturnPart,
)
from pydantic_ai.run import AgentRunResult, AgentRunResultEvent
from pydantic_ai.usage import RunUsage

from . import capabilities
from .capabilities._constitution import SEEN
from .capabilities._contexts import as_instructions
from .errors import AgentFailed, LimitReached
from .events import AgentEvent, Answer, Called, Finished, Returned, Said, ToAsk
from .gating import wire
from .gating.questions import questions_folder
from .gating.run import labels_of
from .models import agent_model
from .threads import Thread, is_unicode, threads_folder
from .toolsets import FlowToolset, PackageToolset, World

Approve = Callable[[ToAsk], bool | Awaitable[bool]]
"""Asks a person; the answer is a person's."""
_MEMORY = "sqlite:///{root}/.lev/memory.db"


class Agent:
    """An agent. `Agent.from_package("acme_support/agents/desk")`, or a declaration of your own.

    `model` goes before what is declared: a name, a Pydantic AI model, a `ModelClient`, a function. `tools` are Python
    functions or Pydantic AI tools besides those of packages; `more` are further capabilities. `deps`, `scope` and
    `secrets` are what the tools of packages get; without `deps`, what the package's `lev.toml` names. `memory` is an
    open memory; without one, the declared one is opened for each run.
    """

    def __init__(
        self,
        declared: AgentDeclaration,
        *,
        model: Any = None,
        tools: Sequence[Any] = (),
        more: Sequence[AbstractCapability[Any]] = (),
        output_type: Any = None,
        deps: Any = None,
        scope: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        memory: MemoryManager | None = None,
        audit: Path | str | None = None,
        allow_weak_decisions: bool = False,
        root: Path | None = None,
    ) -> None:
        self.declared = declared
        self.links: AgentLinks = declared.link()
        self._model = model
        self._tools = tuple(tools)
        self._more = tuple(more)
        self._output_type = output_type
        self._deps = deps
        self._scope = dict(scope or {})
        self._secrets = dict(secrets or {})
        self._memory = memory
        self._allow_weak_decisions = allow_weak_decisions
        self._root = root or project_root()
        self._constitution = capabilities.constitution(
            Gate(*self.links.constitutions),
            prompts=declared.prompts,
            audit=audit,
            questions=questions_folder(self._root),
        )

    @classmethod
    def from_package(cls, specifier: str, **options: Any) -> Agent:
        """The agent that an export declares; `options` are those of `Agent`.

        Raises `LevError` when there is none, `InvalidInput` with every problem of its declaration.
        """
        package, subpath = find(specifier)
        export = package.export(subpath)
        if export.kind != "agent":
            raise LevError(
                f"{export.specifier} is a {export.kind}, not an agent", help="`lev list --kind agent` lists agents"
            )
        declared: AgentDeclaration = parsed(export, "llm")
        return cls(declared, **options)

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def package(self) -> Package | None:
        return self.declared.package

    @cached_property
    def model(self) -> Any:
        """The model, opened on first use; raises `NoModel` with the ways to get one."""
        chosen = self._model if self._model is not None else self.declared.model
        return agent_model(chosen, allow_weak_decisions=self._allow_weak_decisions, root=self._root)

    def thread(self, name: str) -> Thread:
        """A conversation of this agent, by its name, on disk in `.lev/threads` of the project."""
        return Thread.named(name, self._kept_as, self._root)

    @property
    def threads(self) -> Path:
        """The folder of this agent's conversations, with whatever else belongs to them."""
        return threads_folder(self._kept_as, self._root)

    @property
    def _kept_as(self) -> str:
        return self.declared.specifier or self.name

    # -- running ---------------------------------------------------------------------------------------------

    async def run(
        self,
        prompt: str | None = None,
        *,
        thread: Thread | str | None = None,
        approve: Approve | None = None,
        approvals: Mapping[str, bool] | None = None,
    ) -> Answer[Any]:
        """Answer a prompt.

        `thread` goes on with a conversation (a name: one of the project's threads) and keeps what is added to it.
        `approve` is asked about tool calls that a person must approve; without it they are in the answer's `waiting`,
        and `approvals` of a later run in the same thread answer them by their ids.
        Raises `Denied`, `LimitReached`, `AgentFailed`, `ThreadBusy`, and what models raise.
        """
        async for event in self._events(prompt, thread, approve, approvals, streaming=False):
            if isinstance(event, Finished):
                return event.answer
        raise AssertionError("a run ends with its answer")

    def run_sync(self, prompt: str | None = None, **options: Any) -> Answer[Any]:
        """`run` without `await`."""
        return asyncio.run(self.run(prompt, **options))

    async def stream(
        self,
        prompt: str | None = None,
        *,
        thread: Thread | str | None = None,
        approve: Approve | None = None,
        approvals: Mapping[str, bool] | None = None,
    ) -> AsyncGenerator[AgentEvent]:
        """`run`, seen as it happens; the last event is `Finished`. Closing the iterator stops the run."""
        events = self._events(prompt, thread, approve, approvals, streaming=True)
        async with contextlib.aclosing(events):
            async for event in events:
                yield event

    async def _events(
        self,
        prompt: str | None,
        thread: Thread | str | None,
        approve: Approve | None,
        approvals: Mapping[str, bool] | None,
        *,
        streaming: bool,
    ) -> AsyncGenerator[AgentEvent]:
        talk = self.thread(thread) if isinstance(thread, str) else Thread() if thread is None else thread
        given = None if approvals is None else DeferredToolResults(approvals=dict(approvals))
        if prompt is None and given is None:
            raise LevError("there is nothing to answer", help="give a prompt, or approvals of calls that wait")
        usage = RunUsage()
        with talk.held(), self._guarded():
            _check_turn(prompt, approvals, talk.waiting)
            talk.settle()
            async with AsyncExitStack() as stack:
                alive = await self._alive(stack)
                while True:
                    result: AgentRunResult[Any] | None = None
                    SEEN.remember(talk.messages, talk.labels)
                    if given is not None:
                        talk.answer({name: bool(said) for name, said in given.approvals.items()})
                    options: dict[str, Any] = {
                        "message_history": talk.messages or None,
                        "deferred_tool_results": given,
                        "usage": usage,
                        "usage_limits": self._limits(),
                        "timeout": self.declared.limits.time,
                    }
                    if streaming:
                        async with alive.run_stream_events(prompt, **options) as events:
                            told = _Told()
                            async for event in events:
                                if isinstance(event, AgentRunResultEvent):
                                    result = event.result
                                for mine in told.take(event):
                                    yield mine
                    else:
                        result = await alive.run(prompt, **options)
                    assert result is not None, "a run that does not raise has a result"
                    talk.add(result.run_id, result.new_messages(), labels_of(result.run_id))
                    waiting = _to_ask(result.output)
                    talk.reopen([one.id for one in waiting])
                    if not waiting or approve is None:
                        break
                    given = DeferredToolResults(approvals={one.id: await _asked(approve, one) for one in waiting})
                    prompt = None
        yield Finished(
            Answer(
                output=None if waiting else result.output,
                run=result.run_id,
                waiting=waiting,
                usage=usage,
                audit=capabilities.audit(result),
                messages=result.new_messages(),
            )
        )

    # -- making it -------------------------------------------------------------------------------------------

    async def _alive(self, stack: AsyncExitStack) -> pydantic_ai.Agent[Any, Any]:
        """The Pydantic AI agent of one run, with what it needs opened on the stack."""
        deps = self._deps
        if deps is None and self.package is not None and self.links.tools:
            deps = stack.enter_context(deps_of(self.package))
        manager = self._memory
        if manager is None and self.declared.memory is not None:
            url = self.declared.memory.url or _MEMORY.format(root=self._root)
            manager = await stack.enter_async_context(MemoryManager.open(url))
        return self.bring_to_life(deps=deps, memory=manager)

    def bring_to_life(self, *, deps: Any = None, memory: MemoryManager | None = None) -> pydantic_ai.Agent[Any, Any]:
        """The agent as Pydantic AI's own, for programs that are built of those; nothing is opened or closed."""
        declared = self.declared
        world = World(
            deps=self._deps if deps is None else deps,
            scope=self._scope,
            secrets=self._secrets,
            runs=runs_folder(self._root),
            package=self.package,
        )
        toolsets: list[Any] = []
        if self.links.tools:
            toolsets.append(PackageToolset(self.links.tools, world))
        if self.links.flows:
            toolsets.append(FlowToolset(self.links.flows, world))
        held: list[AbstractCapability[Any]] = [self._constitution, *self._more]
        if self.links.personalities:
            held.append(capabilities.personalities(*self.links.personalities))
        if memory is not None and (declared.memory is not None or self._memory is not None):
            fixed = declared.memory
            scope = {**({} if fixed is None else fixed.scope), **self._scope}
            held.append(capabilities.memory(memory, scope=scope, budget=None if fixed is None else fixed.budget))
        return pydantic_ai.Agent(
            self.model,
            name=declared.name,
            description=declared.description or None,
            instructions=as_instructions(self.links.instructions),
            output_type=[self._output(), DeferredToolRequests],
            model_settings=_settings(declared.model_settings),
            tools=self._tools,
            toolsets=toolsets,
            capabilities=held,
        )

    def _output(self) -> Any:
        if self._output_type is not None:
            return self._output_type
        schema = self.declared.output_schema
        return str if schema is None else StructuredDict(dict(schema), name=f"{self.name}_answer")

    def _limits(self) -> UsageLimits:
        limits = self.declared.limits
        return UsageLimits(
            request_limit=UsageLimits.request_limit if limits.asks is None else limits.asks,
            tool_calls_limit=limits.tool_calls,
            total_tokens_limit=limits.tokens,
            cost_limit=None if limits.cost is None else Decimal(str(limits.cost)),
        )

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """What Pydantic AI raises, in our words."""
        try:
            yield
        except UsageLimitExceeded as error:
            raise LimitReached(f"{self.name}: {error}", help="raise it under `limits` of the agent") from error
        except TimeoutError as error:
            seconds = self.declared.limits.time
            raise LimitReached(f"{self.name} took longer than {seconds:g} s", help="raise limits.time") from error
        except UserError as error:
            raise LevError(f"{self.name} cannot run as it is made: {error}") from error
        except (AgentRunError, FallbackExceptionGroup) as error:
            # Not `from error`: its words would be in every traceback.
            raise AgentFailed(
                f"{self.name}: {summary(error)}",
                help=help_for(error),
                status=getattr(error, "status_code", None),
                said=redacted(str(error)),
            ) from None


def _check_turn(prompt: str | None, approvals: Mapping[str, bool] | None, waiting: Sequence[str]) -> None:
    """Raise `LevError` for a turn that the thread cannot take."""
    if prompt is not None and not is_unicode(prompt):
        raise LevError("the prompt holds half a character (a lone surrogate)", help="give text that is valid UTF-8")
    if approvals is None and waiting:
        raise LevError(
            f"this thread waits for a person: {', '.join(waiting)}", help="give `approvals={id: True or False}`"
        )
    if approvals is not None and set(approvals) != set(waiting):
        raise LevError(
            f"the approvals are of {', '.join(sorted(approvals)) or 'nothing'}, and the thread waits for "
            f"{', '.join(waiting) or 'nothing'}",
            help="say yes or no to each call that waits, in one turn",
        )


class _Told:
    """Pydantic AI's events as ours."""

    def __init__(self) -> None:
        self._part: int | None = None

    def take(self, event: Any) -> Iterator[AgentEvent]:
        if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
            again = self._part is not None and event.previous_part_kind == "text"
            self._part = event.index
            if event.part.content:
                yield Said(event.part.content, again)
        elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
            if event.delta.content_delta:
                yield Said(event.delta.content_delta)
        elif isinstance(event, FunctionToolCallEvent):
            self._part = None
            yield Called(event.part.tool_call_id, event.part.tool_name, wire.decoded(event.part.args))
        elif isinstance(event, FunctionToolResultEvent):
            part = event.part
            ok = isinstance(part, ToolReturnPart) and part.outcome == "success"
            yield Returned(part.tool_call_id, part.tool_name or "", wire.returned(part.content), ok)


def _settings(declared: Mapping[str, Any]) -> Any:
    """The settings as Pydantic AI takes them; it knows the names, and ignores those a model does not have."""
    return dict(declared) or None


def _to_ask(output: Any) -> tuple[ToAsk, ...]:
    if not isinstance(output, DeferredToolRequests):
        return ()
    return tuple(
        ToAsk(
            id=call.tool_call_id,
            tool=call.tool_name,
            arguments=wire.decoded(call.args),
            reason=str(output.metadata.get(call.tool_call_id, {}).get("reason", "the tool asks for it")),
        )
        for call in (*output.approvals, *output.calls)
    )


async def _asked(approve: Approve, one: ToAsk) -> bool:
    said = approve(one)
    return bool(await said) if inspect.isawaitable(said) else bool(said)
