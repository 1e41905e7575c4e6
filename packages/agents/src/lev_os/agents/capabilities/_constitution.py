"""`constitution(spec)`: an agent that holds to a package's constitution, and `audit(result)`: what its gate said.

Two capabilities share one gate. The inner one stands next to the model and the tools, inside of all others, where it
sees what really leaves; the outer one stands outside of all others, where it sees what the caller gets.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary, ref

from lev_os.core import Constitution, LevError
from lev_os.core.constitutional import Gate
from lev_os.core.constitutional.verdict import SHOWN
from pydantic_ai import ModelRetry
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.capabilities import (
    AbstractCapability,
    CapabilityOrdering,
    CombinedCapability,
    Instrumentation,
    ModelFallback,
)
from pydantic_ai.exceptions import SkipModelRequest, UserError
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models import Model, ModelRequestContext
from pydantic_ai.output import OutputContext
from pydantic_ai.run import AgentRunResult
from pydantic_ai.tools import DeferredToolRequests, RunContext, ToolDefinition
from pydantic_ai.toolsets import AbstractToolset

from ..errors import Denied
from ..gating import wire
from ..gating.cards import Effects, check_effects
from ..gating.model import GatedModel
from ..gating.questions import Questions
from ..gating.run import CURRENT, MISSING, GatedRun, Trail, known_labels, trail_of
from ..gating.toolset import GatedToolset, sampled
from ._lending import Carrier, Lender
from ._packages import constitution_of


def constitution(
    spec: str | Path | Constitution | Gate,
    *,
    effects: Effects | None = None,
    prompts: Collection[str] = (),
    history: Collection[str] = ("untrusted",),
    audit: Path | str | None = None,
    questions: Path | str | None = None,
) -> AbstractCapability[Any]:
    """Every prompt, answer, tool call and tool result of the agent passes the gate of a constitution.

    `spec`: a package (its constitution, else the baseline), the specifier of a constitution, a file, or an object.
    `effects` declares what tools without a declaration do, by name. `prompts` are the labels of what users write
    (`untrusted`: a call that comes of it and writes outside is asked about), `history` those of a message history that
    this process has not seen before. `audit` is a file to which every verdict is appended, one JSON object a line.
    `questions` is the folder of what a person was asked and has not answered; without it, the project's.

    A denial raises `Denied` from the run. A tool call that a person must approve becomes a deferred tool call of
    Pydantic AI; its approval holds for this call as it was asked about, once. Raises `LevError` for a constitution that
    cannot be found or read.
    """
    shared = _Shared(
        gate=spec if isinstance(spec, Gate) else Gate(constitution_of(spec)),
        effects=check_effects(dict(effects or {})),
        prompts=known_labels(prompts),
        history=known_labels(history),
        audit=None if audit is None else Path(audit),
        questions=Questions(None if questions is None else Path(questions)),
    )
    return CombinedCapability([_Outer(shared), _Inner(shared)])


def audit(result: Any) -> Trail:
    """Every verdict and approval of a run, in order: of a result, a streamed result, or a run id.

    Trails of the latest 1,000 runs of this process are kept.
    """
    run = result if isinstance(result, str) else getattr(result, "run_id", None)
    if run is None:
        raise LevError(f"a {type(result).__name__} has no run id", help="give what `run` or `run_stream` returned")
    return trail_of(run)


class _Seen:
    """Messages that have passed a gate of this process, with what tainted them. They are known by identity."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[ref[ModelMessage], frozenset[str]]] = {}

    def remember(self, messages: Collection[ModelMessage], labels: frozenset[str]) -> None:
        for message in messages:
            place = id(message)
            self._known[place] = ref(message, partial(self._forget, place)), labels

    def labels(self, message: ModelMessage) -> frozenset[str] | None:
        known = self._known.get(id(message))
        return None if known is None else known[1]

    def _forget(self, place: int, gone: ref[ModelMessage]) -> None:
        if (known := self._known.get(place)) is not None and known[0] is gone:
            del self._known[place]


SEEN = _Seen()


@dataclass(eq=False)
class _Shared:
    """What both halves know: the settings, and the runs that are under way."""

    gate: Gate
    effects: Effects
    prompts: frozenset[str]
    history: frozenset[str]
    audit: Path | None
    questions: Questions
    runs: WeakValueDictionary[str, GatedRun] = field(default_factory=WeakValueDictionary)

    def open(self, ctx: RunContext[Any]) -> GatedRun:
        """The gate of this run; both halves get the same. It lives as long as the run's tools do."""
        run = ctx.run_id or ""
        found = self.runs.get(run)
        if found is None:
            name = getattr(ctx.agent, "name", None) or "agent"
            found = self.runs[run] = GatedRun(
                self.gate,
                run=run,
                agent=name,
                effects=self.effects,
                questions=self.questions,
                audit=self.audit,
                parent=CURRENT.get(),
            )
        return found


def gated_run(ctx: RunContext[Any]) -> GatedRun | None:
    """The gate of the run of this context, if the agent has one."""
    halves = (half for half in ctx.capabilities.values() if isinstance(half, _Half))
    return next((half.shared.open(ctx) for half in halves), None)


class _AllOthers(type):
    """The metaclass of a class that every capability but our own two counts as a subclass of."""

    def __subclasscheck__(cls, subclass: type) -> bool:
        return not issubclass(subclass, _Half)


class _Others(metaclass=_AllOthers):
    """Every other capability, for the order in which capabilities stand around each other.

    It is no capability itself, or every object would pass for one.
    """


SERVING: ContextVar[GatedRun | None] = ContextVar("lev_os_serving_run", default=None)
"""The run whose model is being asked here. Pydantic AI wraps a model without saying for which run."""


@dataclass(init=False, eq=False)
class _Half(AbstractCapability[Any]):
    """One of the two. Both are the same for all runs of an agent; each run's own is looked up by its id."""

    def __init__(self, shared: _Shared) -> None:
        self.shared = shared

    def gate(self, model: Model) -> Model:
        """The gated model of the run that is served here. Raises `LevError` when there is none: nothing is asked."""
        run = SERVING.get()
        if run is None:
            raise LevError(
                "this request to a model belongs to no run that the gate knows",
                help="call the agent's run methods in this process; a durable engine that asks elsewhere is not gated",
            )
        if run.model is not model or run.served is None:
            run.model, run.served = model, GatedModel(model, run)
        return run.served

    @classmethod
    def get_serialization_name(cls) -> str | None:
        return None


class _Inner(_Half):
    """Next to the model and to the tools."""

    def get_ordering(self) -> CapabilityOrdering | None:
        return CapabilityOrdering(position="innermost", wrapped_by=[_Others])  # type: ignore[list-item]  # asked by issubclass alone

    def get_wrapper_model(self, model: Model) -> Model | None:
        return self.gate(model)

    def get_wrapper_toolset(self, toolset: AbstractToolset[Any]) -> AbstractToolset[Any] | None:
        if servers := sampled(toolset):
            raise LevError(
                f"{', '.join(servers)} may ask a model by itself (MCP sampling), which passes no gate",
                help="leave out `sampling_model` and `sampling_handler`",
            )
        return GatedToolset(toolset, self.shared.open, self.shared.effects)


class _Outer(_Half, Carrier):
    """Between the agent and who runs it."""

    def __init__(self, shared: _Shared, carried: Sequence[Lender] = ()) -> None:
        super().__init__(shared)
        self.carried = carried

    def for_agent(self, agent: AbstractAgent[Any, Any]) -> AbstractCapability[Any]:
        carried = self.carrying(agent)
        # Those of another agent stay: it may be made of what that one has.
        return _Outer(self.shared, (*self.carried, *carried)) if carried else self

    def get_ordering(self) -> CapabilityOrdering | None:
        return CapabilityOrdering(position="outermost", wraps=[_Others])  # type: ignore[list-item]  # asked by issubclass alone

    def get_wrapper_model(self, model: Model) -> Model | None:
        # Another capability has put a model of its own around the gated one: what that one says is gated again.
        run = SERVING.get()
        if isinstance(model, GatedModel) and model.run is run:
            return None
        return self.gate(model) if run is None else GatedModel(model, run)

    async def wrap_run(
        self, ctx: RunContext[Any], *, handler: Callable[[], Awaitable[AgentRunResult[Any]]]
    ) -> AgentRunResult[Any]:
        if not isinstance(ctx.model, Model):
            raise LevError(
                "a realtime session passes no gate: its words reach the caller as they are spoken",
                help="run this agent with a model that is no realtime model, or without the constitution",
            )
        run = self.shared.open(ctx)
        run.context = ctx
        self._begin(ctx, run)
        result = await handler()
        run.check()
        reason = await self._output(run, result.output)
        if reason is not None:
            raise run.refuse(reason, help="a capability of this agent changed the output after the model was done")
        SEEN.remember(result.all_messages(), run.labels)
        return result

    async def on_run_error(self, ctx: RunContext[Any], *, error: BaseException) -> AgentRunResult[Any]:
        run = self.shared.open(ctx)
        if run.asking and isinstance(error, UserError) and "DeferredToolRequests" in str(error):
            raise _needs_a_person(run) from error
        raise error

    def _begin(self, ctx: RunContext[Any], run: GatedRun) -> None:
        """Taint the run by what it begins with."""
        shared = self.shared
        if ctx.prompt is not None:
            run.taint(shared.prompts)
        for message in ctx.messages:
            known = SEEN.labels(message)
            run.taint(shared.history if known is None else known)

    async def wrap_model_request(
        self,
        ctx: RunContext[Any],
        *,
        request_context: ModelRequestContext,
        handler: Callable[[ModelRequestContext], Awaitable[ModelResponse]],
    ) -> ModelResponse:
        run = self.shared.open(ctx)
        run.context = ctx
        run.admitted, run.response = MISSING, None
        if request_context.streaming and (makers := _answer_makers(ctx)):
            raise run.refuse(
                f"{', '.join(makers)} may answer in place of a model that fails, and a stream would show that ungated",
                help="use `run` without streaming, or retry the request instead of answering it",
            )
        serving = SERVING.set(run)
        try:
            response = await handler(request_context)
        except SkipModelRequest as skipped:
            await self._response(run, request_context, skipped.response)
            raise
        finally:
            SERVING.reset(serving)
        await self._response(run, request_context, response)
        self._asks(run, request_context, response)
        return response

    def _asks(self, run: GatedRun, request_context: ModelRequestContext, response: ModelResponse) -> None:
        """Note the calls that Pydantic AI asks a person about by itself (`requires_approval`)."""
        if calls := response.tool_calls:
            tools = request_context.model_request_parameters.function_tools
            asked = {tool.name for tool in tools if tool.kind == "unapproved"}
            for call in calls:
                if call.tool_name in asked:
                    run.ask(call.tool_name, call.tool_call_id, wire.decoded(call.args))

    async def _response(self, run: GatedRun, request_context: ModelRequestContext, response: ModelResponse) -> None:
        """Gate a response that is not the one which the model's own gate let in."""
        if response is run.response:
            return
        parameters = request_context.model_request_parameters
        if run.admitted is not MISSING and wire.answered(response, parameters) == run.admitted:
            return
        reason = await run.answer(run.last, response, parameters)
        if reason is not None:
            raise run.refuse(reason, help="a capability of this agent gave this answer in place of the model's")

    async def wrap_output_process(
        self,
        ctx: RunContext[Any],
        *,
        output_context: OutputContext,
        output: Any,
        handler: Callable[[Any], Awaitable[Any]],
    ) -> Any:
        run = self.shared.open(ctx)
        if output_context.has_function:
            if ctx.partial_output:
                raise ModelRetry("held back until it is whole")
            await self._function(run, output_context, output)
        made = await handler(output)
        if ctx.partial_output:
            # What is made of a part of an answer cannot be judged by itself; a part as it was shown needs no verdict.
            if run.lag == 0 or (isinstance(made, str) and run.shown.startswith(made)) or _is_admitted(run, made):
                return made
            raise ModelRetry("held back until it is whole")
        reason = await self._output(run, made)
        if reason is not None:
            raise ModelRetry(reason)
        return made

    async def _function(self, run: GatedRun, output_context: OutputContext, output: Any) -> None:
        """Let an output function be called: it is code that a model's answer is handed to, as a tool is."""
        name = output_context.function_name or "output"
        given = output if isinstance(output, dict) else {"output": output}
        action = run.call(
            name, given, None if output_context.tool_call is None else output_context.tool_call.tool_call_id
        )
        verdict = await run.decide(action)
        if verdict.ruling not in SHOWN:
            if verdict.revise is not None and run.may_revise():
                raise ModelRetry(verdict.revise)
            raise run.deny(
                verdict,
                f"the output function `{name}`",
                help=f"say what it does with constitution(…, effects={{{name!r}: …}}); nobody can be asked about it",
            )
        run.left(action)

    async def _output(self, run: GatedRun, output: Any) -> str | None:
        """Gate what the caller gets, unless it is what the model's gate let in."""
        if isinstance(output, DeferredToolRequests) or _is_admitted(run, output):
            return None
        answer = {"answer": wire.plain(output)}
        reason = await run.output(run.last, answer)
        if reason is None:
            run.admitted = answer
        return reason

    async def wrap_tool_validate(
        self,
        ctx: RunContext[Any],
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,
        args: str | dict[str, Any],
        handler: Callable[[str | dict[str, Any]], Awaitable[dict[str, Any]]],
    ) -> dict[str, Any]:
        """A call that others carry out, or approve, leaves the run here."""
        given = await handler(args)
        if tool_def.defer:
            run, external = self.shared.open(ctx), tool_def.kind == "external"
            await self._leaves(run, call.tool_name, given, call.tool_call_id, external=external)
        return given

    async def _leaves(self, run: GatedRun, name: str, args: dict[str, Any], call_id: str, *, external: bool) -> None:
        action = run.call(name, args, call_id)
        verdict = await run.decide(action)
        if verdict.ruling in SHOWN:
            if external:
                run.left(action)
        elif verdict.ruling == "deny" or external:
            raise run.deny(verdict, f"the call of `{name}`, which is carried out elsewhere")


def _is_admitted(run: GatedRun, output: Any) -> bool:
    """Whether this very output is the answer that was let in."""
    return isinstance(run.admitted, dict) and run.admitted.get("answer", MISSING) == wire.plain(output)


def _needs_a_person(run: GatedRun) -> Denied:
    return run.refuse(
        f"{run.agent}: a person must approve a tool call: {run.asking[-1]}",
        help="add DeferredToolRequests to the agent's output types and give the approval with "
        "`deferred_tool_results=`, or add the capability HandleDeferredToolCalls",
    )


def _answer_makers(ctx: RunContext[Any]) -> list[str]:
    """Capabilities that may make up an answer when a model fails. Pydantic AI itself asks them by this attribute."""
    return [
        type(capability).__name__
        for capability in ctx.capabilities.values()
        if not isinstance(capability, ModelFallback | Instrumentation)
        and getattr(capability, "_has_on_model_request_error", False)
    ]
