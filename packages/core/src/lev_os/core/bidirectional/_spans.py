"""A run as OpenTelemetry spans, by the semantic conventions for generative AI (1.41, `gen_ai.*`; ours are `lev.*`).

One span for the run, `invoke_workflow FLOW`, and below it one for each attempt of an effect: `chat MODEL`,
`execute_tool NAME`, `judge STEP`, `wait NAME`, `sleep STEP`. What they say is read from the machine's steps, with the
journal's times. Only imported when somebody traces.

https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from .. import canonical
from ..errors import LevError
from .effects import Effect, EffectKind, Record, Step

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer, TracerProvider

    from .executor import Executor
    from .machine import Machine

_CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_CAPTURED = {"true", "1", "span_only", "span_and_event"}
_PROVIDERS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google-gla": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "grok": "x_ai",
    "mistral": "mistral_ai",
}
"""The names that the conventions give to providers, where they are not ours."""

_PLAIN = 3
"""The fields of a verdict without findings: phase, digest and ruling."""
_Attempt = tuple[str | None, int | None]


class Spans:
    """Listens to one run. It never raises: a trace that cannot be made must not end a run."""

    def __init__(self, provider: TracerProvider, machine: Machine, executor: Executor) -> None:
        self._tracer = _tracer(provider)
        self._machine = machine
        self._executor = executor
        self._content = os.environ.get(_CAPTURE, "").lower() in _CAPTURED
        self._run: Span | None = None
        self._parent = context.get_current()
        self._below = self._parent
        self._open: dict[_Attempt, tuple[EffectKind, Span]] = {}
        self._admitted: dict[_Attempt, Record] = {}
        self._over = False

    def step(self, step: Step) -> None:
        """What the machine has said: before the step's effects leave."""
        if self._over or not step.records:
            return
        try:
            self._step(step)
        except Exception as error:  # a span processor is anybody's code, and what it says may be what it was given
            self._over = True
            log = logging.getLogger("lev_os")
            log.error("run %s is not traced any further: %s", self._machine.run, type(error).__name__)
            log.debug("this is why", exc_info=error)

    def around(self, effect: Effect, work: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
        """`work` as a part of the effect's span, so that what it traces itself lies below."""
        found = self._open.get((effect.key, effect.attempt))
        if found is None:
            return work
        inside = trace.set_span_in_context(found[1], self._below)

        async def traced() -> Any:
            context.attach(inside)  # for ever: the task has a context of its own
            return await work()

        return traced

    def going_on(self, effects: Sequence[Effect], at: float) -> None:
        """The run was begun by another process; these effects are still open."""
        self.step(Step(effects=tuple(effects), records=(Record(type="resumed", at=at),)))

    def close(self, at: float) -> None:
        """This process lets go of the run, which may have to wait for somebody."""
        if self._machine.outcome is None and self._run is not None:
            self._run.set_attribute("lev.status", "waiting")
            self._end(at)

    # -- from steps to spans -------------------------------------------------------------------------------

    def _step(self, step: Step) -> None:
        run = self._run or self._begin(step.records[0])
        ended: list[tuple[_Attempt, float]] = []
        for record in step.records:
            attempt = record.key, record.attempt
            if record.type == "verdict":
                self._verdict(run, attempt, record)
            elif record.type in ("result", "failure", "cancelled"):
                if attempt in self._open:
                    self._settle(*self._open[attempt], record, step)
                    ended.append((attempt, record.at))
            elif record.type == "approval":
                event: dict[str, str | bool] = {
                    "lev.effect.key": record.key or "",
                    "lev.approved": bool(record.body["approved"]),
                }
                run.add_event("lev.approval", event, _nanoseconds(record.at))
            elif record.type == "outcome":
                self._outcome(run, record)
        at = step.records[-1].at
        for effect in step.effects:
            self._leave(effect, at)
        for attempt, end in ended:
            self._open.pop(attempt)[1].end(_nanoseconds(end))
        if self._machine.outcome is not None:
            self._end(at)

    def _begin(self, first: Record) -> Span:
        flow = self._machine.linked.specifier
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": flow,
            "lev.run": self._machine.run,
            "lev.flow.digest": self._machine.linked.digest,
        }
        if first.type == "resumed":
            attributes["lev.resumed"] = True
        elif self._content:
            attributes["gen_ai.input.messages"] = _message("user", _text(first.body["input"]))
        self._run = run = self._tracer.start_span(
            f"invoke_workflow {flow}", self._parent, attributes=attributes, start_time=_nanoseconds(first.at)
        )
        self._below = trace.set_span_in_context(run, self._parent)
        return run

    def _outcome(self, run: Span, record: Record) -> None:
        body = record.body
        usage = body["usage"]
        run.set_attributes({
            "lev.status": body["status"],
            "gen_ai.usage.input_tokens": usage["input_tokens"],
            "gen_ai.usage.output_tokens": usage["output_tokens"],
        })  # fmt: skip
        if body["error"] is not None and body["status"] != "cancelled":
            self._failed(run, body["error"]["kind"], body["error"]["message"])
        elif self._content and body["status"] == "done":
            run.set_attribute("gen_ai.output.messages", _message("assistant", _text(body["output"]), "stop"))

    def _end(self, at: float) -> None:
        for _, span in self._open.values():
            span.end(_nanoseconds(at))
        if self._run is not None:
            self._run.end(_nanoseconds(at))
        self._open.clear()
        self._over = True

    def _verdict(self, run: Span, attempt: _Attempt, record: Record) -> None:
        """On the span of its effect; one that keeps an effect from leaving, or comes after it, on that of the run."""
        if record.body["ruling"] == "allow" and len(record.body) == _PLAIN:
            return  # nothing objected; two events an effect would cost more than its span
        if attempt in self._open:
            _say(self._open[attempt][1], record)
        elif record.body["phase"] != "post" and record.body["ruling"] in ("allow", "warn"):
            self._admitted[attempt] = record
        else:
            _say(run, record)

    def _leave(self, effect: Effect, at: float) -> None:
        name, kind, attributes = self._named(effect)
        attributes["lev.run"] = self._machine.run
        attributes["lev.effect.key"] = effect.key
        if effect.attempt > 1:
            attributes["lev.effect.attempt"] = effect.attempt
        attributes["lev.effect.path"] = effect.path
        attempt = effect.key, effect.attempt
        span = self._tracer.start_span(name, self._below, kind, attributes, start_time=_nanoseconds(at))
        self._open[attempt] = effect.kind, span
        admitted = self._admitted.pop(attempt, None)
        if admitted is not None:
            _say(span, admitted)

    def _named(self, effect: Effect) -> tuple[str, SpanKind, dict[str, Any]]:
        request = effect.request
        if effect.kind == "tool":
            name = request["name"]
            attributes = {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": name,
                "lev.tool": request["tool"],
            }
            if self._content:
                attributes["gen_ai.tool.call.arguments"] = _text(request["arguments"])
            return f"execute_tool {name}", SpanKind.INTERNAL, attributes
        if effect.kind == "model":
            return self._chat(effect)
        label = str(request.get("name") or request.get("step") or effect.path)
        return f"{effect.kind} {label}", SpanKind.INTERNAL, {}

    def _chat(self, effect: Effect) -> tuple[str, SpanKind, dict[str, Any]]:
        request = effect.request
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.output.type": "text" if request.get("returns") is None else "json",
            "lev.purpose": request["purpose"],
        }
        provider, model = self._model()
        if provider is not None:
            attributes["gen_ai.provider.name"] = provider
        if model is not None:
            attributes["gen_ai.request.model"] = model
        if self._content:
            contexts = [{"type": "text", "content": one["text"]} for one in request.get("context", ())]
            prompt = "\n\n".join(filter(None, (request["instruction"], request.get("about"), *effect.problems)))
            if contexts:
                attributes["gen_ai.system_instructions"] = _text(contexts)
            attributes["gen_ai.input.messages"] = _message("user", prompt)
        return f"chat {model}" if model else "chat", SpanKind.CLIENT, attributes

    def _model(self) -> tuple[str | None, str | None]:
        """Provider and model; nothing is known of a model that somebody else brings."""
        client = self._executor.model
        if client is None:
            return None, None
        try:
            name = client.name
        except LevError:  # there is none: the effect will say so
            return None, None
        provider, _, model = name.partition(":")
        return _PROVIDERS.get(provider, provider), model or provider

    def _settle(self, kind: EffectKind, span: Span, record: Record, step: Step) -> None:
        if record.type == "cancelled":
            span.set_attribute("lev.cancelled", True)
        elif record.type == "failure":
            failure = record.body["failure"]
            self._failed(span, failure["kind"], failure["message"])
        else:
            value = record.body["value"]
            if step.reply == "invalid":
                self._failed(span, "invalid", "; ".join(step.problems))
            if kind in ("model", "judge") and isinstance(value, Mapping):
                _answered(span, value)
            if self._content:
                _contents(kind, span, value)

    def _failed(self, span: Span, kind: str, message: str) -> None:
        # A message may quote what a tool or a model said.
        span.set_attribute("error.type", kind)
        span.set_status(Status(StatusCode.ERROR, message if self._content else kind))


@lru_cache(maxsize=4)
def _tracer(provider: TracerProvider) -> Tracer:
    """The SDK's takes as long to make as a span, and is the same for every run."""
    return provider.get_tracer("lev_os.core")


def _answered(span: Span, value: Mapping[str, Any]) -> None:
    """What a model or a judge says about its answer."""
    usage = value.get("usage")
    if isinstance(usage, Mapping):
        for name in ("input_tokens", "output_tokens"):
            if isinstance(usage.get(name), int):
                span.set_attribute(f"gen_ai.usage.{name}", usage[name])
        if isinstance(usage.get("cost"), (int, float)):
            span.set_attribute("lev.usage.cost", float(usage["cost"]))
    for name in ("decided_by", "label", "confidence", "calibrated"):
        if isinstance(value.get(name), (str, bool, int, float)):
            span.set_attribute(f"lev.{name}", value[name])


def _contents(kind: EffectKind, span: Span, value: Any) -> None:
    if kind == "tool":
        span.set_attribute("gen_ai.tool.call.result", _text(value))
    elif kind == "model" and isinstance(value, Mapping):
        calls = value.get("tool_calls")
        said = value.get("answer") if calls is None else calls
        content = said if isinstance(said, str) else _text(said)
        span.set_attribute("gen_ai.output.messages", _message("assistant", content, "tool_call" if calls else "stop"))


def _say(span: Span, record: Record) -> None:
    """A verdict as an event; findings by the names of their principles, because messages may quote contents."""
    body = record.body
    event: dict[str, Any] = {
        "lev.phase": body["phase"],
        "lev.ruling": body["ruling"],
        "lev.principles": [finding["principle"] for finding in body.get("findings", ())],
        "lev.effect.key": record.key or "",
    }
    if "shadow" in body:
        event["lev.shadow"] = body["shadow"]
    span.add_event("lev.verdict", event, _nanoseconds(record.at))


def _message(role: str, content: str, finish: str | None = None) -> str:
    """One message in the conventions' JSON."""
    message: dict[str, Any] = {"role": role, "parts": [{"type": "text", "content": content}]}
    if finish is not None:
        message["finish_reason"] = finish
    return _text([message])


def _text(value: Any) -> str:
    return canonical.encode(value).decode()


def _nanoseconds(at: float) -> int:
    return int(at * 1e9)
