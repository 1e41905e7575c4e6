"""Runs as OpenTelemetry spans, read with the SDK's exporter in memory."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from driving import Told, flow, open_gate
from lev_os.core import tool
from lev_os.core.bidirectional import Run, run_sync, tracing
from lev_os.core.constitutional import Constitution, Gate
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from traced import approved

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
SECRET = "sk-very-secret-0123456789"


@tool(effects=set(), idempotent=True)
def shout(text: str) -> str:
    """Louder."""
    with trace.get_tracer("tool").start_as_current_span("inside the tool"):
        return text.upper()


@tool(effects=set(), idempotent=True)
def breaks(text: str) -> str:
    """Never works."""
    raise ValueError(f"cannot take {text}")


class Traced:
    """What was exported."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._exporter.get_finished_spans()}

    @property
    def text(self) -> str:
        return "".join(span.to_json() for span in self._exporter.get_finished_spans())


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traced]:
    """A tracer provider, as the user's program would set it up."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.delenv(CAPTURE, raising=False)
    yield Traced(exporter)
    provider.shutdown()


ASK_AND_CALL = """\
  - id: said
    ask: "Say hello to ${input.name}"
  - id: loud
    call: ./tools/shout
    with: {text: "${said}"}
  - return: "${loud}"
"""


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"answer": "hello wyn", "usage": {"input_tokens": 12, "output_tokens": 3, "cost": 0.5}}


def told() -> Told:
    model = Told(answer)
    model.name = "google-gla:gemini-9"
    return model


def ask_and_call(**options: Any) -> Any:
    return run_sync(
        flow(ASK_AND_CALL, "{name: string}"),
        {"name": "Wyn"},
        model=told(),
        tools={"./tools/shout": shout},
        gate=open_gate(),
        **options,
    )


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_run_is_a_workflow_span_with_its_effects_below(traced: Traced) -> None:
    """One span for the run, one for the model, one for the tool; what the tool traces lies below the tool."""
    done = ask_and_call()
    assert done.output == "HELLO WYN"
    spans = traced.spans
    assert set(spans) == {"invoke_workflow test", "chat gemini-9", "execute_tool shout", "inside the tool"}
    run, chat, call = (spans[name] for name in ("invoke_workflow test", "chat gemini-9", "execute_tool shout"))
    assert run.parent is None
    for child in (chat, call):
        assert child.parent is not None
        assert child.parent.span_id == run.context.span_id
        assert run.start_time <= child.start_time <= child.end_time <= run.end_time
    assert spans["inside the tool"].parent is not None
    assert spans["inside the tool"].parent.span_id == call.context.span_id


def test_attributes_follow_the_conventions(traced: Traced) -> None:
    """Operation, provider, model, tokens, tool; run and effect key by our own names."""
    done = ask_and_call()
    spans = {name: attributes(span) for name, span in traced.spans.items()}
    chat = spans["chat gemini-9"]
    assert chat["gen_ai.operation.name"] == "chat"
    assert chat["gen_ai.provider.name"] == "gcp.gemini"
    assert chat["gen_ai.request.model"] == "gemini-9"
    assert (chat["gen_ai.usage.input_tokens"], chat["gen_ai.usage.output_tokens"]) == (12, 3)
    assert chat["lev.usage.cost"] == 0.5
    call = spans["execute_tool shout"]
    assert (call["gen_ai.operation.name"], call["gen_ai.tool.name"]) == ("execute_tool", "shout")
    run = spans["invoke_workflow test"]
    assert (run["gen_ai.operation.name"], run["gen_ai.workflow.name"]) == ("invoke_workflow", "test")
    assert run["lev.status"] == "done"
    assert run["lev.run"] == chat["lev.run"] == call["lev.run"] == done.run
    assert chat["lev.effect.key"] != call["lev.effect.key"]
    assert call["lev.effect.path"] == "steps/1"


def test_contents_are_only_told_when_asked_for(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    """No prompt, answer or argument leaves, unless the conventions' variable says so."""
    ask_and_call()
    assert "wyn" not in traced.text.lower()
    monkeypatch.setenv(CAPTURE, "true")
    ask_and_call()
    spans = {name: attributes(span) for name, span in traced.spans.items()}
    chat, call = spans["chat gemini-9"], spans["execute_tool shout"]
    assert json.loads(chat["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Say hello to Wyn"}]}
    ]
    assert json.loads(chat["gen_ai.output.messages"])[0]["parts"][0]["content"] == "hello wyn"
    assert json.loads(call["gen_ai.tool.call.arguments"]) == {"text": "hello wyn"}
    assert json.loads(call["gen_ai.tool.call.result"]) == "HELLO WYN"


def test_an_error_sets_the_status_of_its_span_and_of_the_run(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind of the failure is told; its message, which quotes an argument, only with contents."""
    steps = "  - call: ./tools/breaks\n    with: {text: the-word}\n"

    def fail() -> dict[str, ReadableSpan]:
        run_sync(flow(steps), tools={"./tools/breaks": breaks}, gate=open_gate())
        return traced.spans

    for span in (fail()["execute_tool breaks"], traced.spans["invoke_workflow test"]):
        assert span.status.status_code is StatusCode.ERROR
        assert attributes(span)["error.type"] == "tool"
    assert "the-word" not in traced.text
    monkeypatch.setenv(CAPTURE, "true")
    assert "cannot take the-word" in (fail()["execute_tool breaks"].status.description or "")


def test_secrets_are_never_in_a_span(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where contents are captured, a tool that returns or raises a secret gives none away."""
    monkeypatch.setenv(CAPTURE, "true")

    @tool(effects=set(), idempotent=True, secrets={"KEY"})
    def leaks(text: str) -> str:
        if text == "raise":
            raise ValueError(SECRET)
        return SECRET

    for text in ("return", "raise"):
        steps = f"  - call: ./tools/leaks\n    with: {{text: {text}}}\n"
        run_sync(flow(steps), tools={"./tools/leaks": leaks}, secrets={"KEY": SECRET}, gate=open_gate())
    assert traced.text.count("execute_tool leaks") == 2
    assert SECRET not in traced.text


STRICT = """\
constitution: 1
name: strict
principles:
  - id: NO-SHOUTING
    statement: Nobody shouts.
    severity: error
    scope: {artifacts: [run], phase: [tool]}
    checks:
      - forbid_tool: ["*shout"]
    on_violation: %s
    tests:
      violates: [{tool: ./tools/shout}, {tool: shout}]
      complies: [{tool: ./tools/a}, {tool: ./tools/b}]
"""


def test_verdicts_are_events_with_the_names_of_principles(traced: Traced) -> None:
    """A warning is told on the tool's span; a denial, which let nothing leave, on the run's."""
    for ruling, span_name in (("warn", "execute_tool shout"), ("block", "invoke_workflow test")):
        gate = Gate(Constitution.parse(STRICT % ruling))
        steps = "  - call: ./tools/shout\n    with: {text: x}\n"
        run_sync(flow(steps), tools={"./tools/shout": shout}, gate=gate)
        [event] = traced.spans[span_name].events
        assert event.name == "lev.verdict"
        assert dict(event.attributes or {})["lev.principles"] == ("NO-SHOUTING",)
    assert traced.spans["invoke_workflow test"].status.status_code is StatusCode.ERROR


def test_a_resumed_run_has_a_span_in_each_process(traced: Traced, tmp_path: Path) -> None:
    """A run that waits ends its span as `waiting`; going on begins another of the same run, where the wait ends."""
    steps = '  - id: ok\n    wait: approval\n    returns: {approved: boolean}\n  - return: "${ok.approved}"\n'
    journal = tmp_path / "run.jsonl"
    waiting = run_sync(flow(steps), journal=journal, gate=open_gate())
    first = attributes(traced.spans["invoke_workflow test"])
    assert first["lev.status"] == "waiting"
    with Run.resume(journal) as again:
        again.submit(again.waits[0].token, {"approved": True})
        asyncio.run(again.advance())
    second = attributes(traced.spans["invoke_workflow test"])
    assert second["lev.resumed"] is True
    assert second["lev.status"] == "done"
    assert first["lev.run"] == second["lev.run"] == waiting.run
    assert "wait approval" in traced.spans


def test_a_cancelled_effect_ends_its_span(traced: Traced) -> None:
    """`parallel` that needs one branch drops the other: its span says so and is no error."""
    steps = """\
  - parallel:
      fast:
        - call: ./tools/shout
          with: {text: x}
      slow:
        - wait: for ever
    wait_for: any
"""
    run_sync(flow(steps), tools={"./tools/shout": shout}, gate=open_gate())
    dropped = traced.spans["wait for ever"]
    assert attributes(dropped)["lev.cancelled"] is True
    assert dropped.status.status_code is StatusCode.UNSET


def test_an_answer_that_does_not_fit_is_an_error_of_its_attempt(traced: Traced) -> None:
    """The attempt that was refused is marked `invalid`; the next one carries its number."""
    answers = iter(["no number", {"n": 7}])
    model = Told(lambda request: {"answer": next(answers)})
    steps = "  - ask: a number\n    returns: {n: integer}\n"
    run_sync(flow(steps), model=model, gate=open_gate())
    chats = [span for span in traced._exporter.get_finished_spans() if span.name.startswith("chat")]
    assert [attributes(span).get("error.type") for span in chats] == ["invalid", None]
    assert [attributes(span).get("lev.effect.attempt") for span in chats] == [None, 2]


def test_a_trace_that_breaks_does_not_break_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A span processor that raises is told in the log, once, and the run goes on."""

    class Broken(SpanProcessor):
        def on_start(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("broken processor")

    provider = TracerProvider()
    provider.add_span_processor(Broken())
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    done = run_sync(flow('  - id: said\n    ask: hi\n  - return: "${said}"\n'), model=told(), gate=open_gate())
    assert done.output == "hello wyn"
    assert caplog.text.count("is not traced any further") == 1


def test_judgements_contexts_and_approvals_are_told(
    traced: Traced, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A judge's span, the contexts among the instructions, and a person's answer as an event."""
    monkeypatch.setenv(CAPTURE, "true")
    approved(tmp_path)
    spans = traced.spans
    assert "judge kind" in spans
    chats = [attributes(span) for span in traced._exporter.get_finished_spans() if span.name == "chat says"]
    assert [chat["lev.purpose"] for chat in chats] == ["judge", "ask"]
    assert chats[0]["lev.decided_by"] == "big:model"
    assert json.loads(chats[1]["gen_ai.system_instructions"])[0]["content"] == "Write <b>briefly</b>.\n"
    events = {
        event.name: dict(event.attributes or {})
        for event in spans["invoke_workflow approved_pack/flows/approved"].events
    }
    assert events["lev.approval"]["lev.approved"] is True


def test_an_endpoint_in_the_environment_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider is made for it once; without the extra a note says what to install, once."""
    monkeypatch.setattr(tracing, "_own", None)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    made = tracing._provider()
    assert isinstance(made, TracerProvider)
    assert tracing._provider() is made
    made.shutdown()
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert tracing._provider() is None


def test_an_endpoint_without_the_extra_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The run goes on untraced."""
    monkeypatch.setattr(tracing, "_own", None)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    assert tracing._provider() is None
    assert tracing._provider() is None
    assert caplog.text.count("pip install 'lev-os-core[otel]'") == 1


def test_a_provider_that_nobody_hears_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without span processors no span is made."""
    monkeypatch.setattr(trace, "get_tracer_provider", TracerProvider)
    assert tracing._provider() is None


PROGRAM = """\
import sys
from lev_os.core import Flow
from lev_os.core.bidirectional import run_sync

flow = Flow.parse("flowmind: 1\\nname: test\\ninput: {}\\nsteps:\\n  - return: 1\\n")
assert run_sync(flow).output == 1
print(any(name.startswith("opentelemetry.sdk") for name in sys.modules), "opentelemetry" in sys.modules)
"""


@pytest.mark.parametrize(
    ("env", "printed"),
    [
        pytest.param({}, "False False", id="nothing configured"),
        pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "True True", id="an endpoint"),
        pytest.param(
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
            "False False",
            id="disabled",
        ),
        pytest.param(
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
            "False False",
            id="no exporter wanted",
        ),
    ],
)
def test_nothing_is_imported_unless_somebody_traces(env: dict[str, str], printed: str) -> None:
    """A run in a new process imports OpenTelemetry only when the environment says where spans go."""
    env = {**env, "PATH": "", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == printed
