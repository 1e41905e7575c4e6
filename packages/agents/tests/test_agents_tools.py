"""`agent_ask`: a flow, or the model of an MCP host, asks an agent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from agent_doubles import NO_SECRET, answers, talks
from lev_os.agents import Agent, capabilities
from lev_os.core import Flow, load_package
from lev_os.core.bidirectional import RunResult, run
from lev_os.core.flowmind.build import call, return_
from pydantic_ai import Tool
from pydantic_ai.messages import ModelResponse, ToolCallPart

ASK = "lev_os.agents/tools/agent_ask"


def desk(model: Any, root: Path, **options: Any) -> Agent:
    return Agent.from_package("acme_support/agents/desk", model=model, root=root, **options)


def asked(deps: Any, **given: str) -> RunResult:
    """A flow that asks once."""
    flow = Flow.build(
        "asks",
        output={"answer": "any"},
        steps=[call(ASK, id="said", with_=given), return_({"answer": "${said}"})],
    )
    return asyncio.run(run(flow, {}, deps=deps, judge=False))


def test_the_package_exports_it() -> None:
    """With its effects declared, so that a constitution can speak of it."""
    card = load_package("lev_os.agents").card("./tools/agent_ask")
    assert card.declaration.effects == {"ingests_untrusted"}
    assert set(card.input_schema["properties"]) == {"agent", "message", "thread"}


def test_a_flow_asks_an_agent(tmp_path: Path) -> None:
    """The answer is bound; with a thread, the second question knows the first."""
    model = talks("Hello Ada.", "You are Ada.")
    agents = SimpleNamespace(agents={"desk": desk(model, tmp_path)})
    first = asked(agents, agent="desk", message="I am Ada.", thread="t1")
    assert first.output == {"answer": {"answer": "Hello Ada.", "waiting": [], "thread": "t1"}}
    assert asked(agents, agent="desk", message="Who am I?", thread="t1").output["answer"]["answer"] == "You are Ada."
    assert "I am Ada." in str(model.requests[1])


def test_who_cannot_be_asked(tmp_path: Path) -> None:
    """Another agent than those that were lent, or none at all."""
    result = asked({"desk": desk(talks("no"), tmp_path)}, agent="acme_support/agents/desk", message="hi")
    assert result.error is not None
    assert "there is no agent 'acme_support/agents/desk'" in result.error.message
    result = asked(None, agent="desk", message="hi")
    assert result.error is not None
    assert "no agents are lent" in result.error.message


def test_a_denial_and_a_call_that_waits(tmp_path: Path) -> None:
    """Both are told, and neither is for who asks to lift; a thread's name is no path."""

    def launch(code: str) -> str:
        return code

    strict = desk(talks("the word is swordfish"), tmp_path, more=[capabilities.constitution(NO_SECRET)])
    result = asked({"desk": strict}, agent="desk", message="Say it.")
    assert result.error is not None
    assert (result.status, result.error.kind) == ("denied", "denied")
    assert "T-SECRET" in result.error.message
    assert "swordfish" not in str(result)
    model = answers(ModelResponse([ToolCallPart("launch", {"code": "1"}, "c1")]))
    waits = desk(model, tmp_path, tools=[Tool(launch, requires_approval=True)])
    said = asked({"desk": waits}, agent="desk", message="Launch.").output["answer"]
    assert said["answer"] is None
    assert said["waiting"][0].startswith("launch: ")
    result = asked({"desk": waits}, agent="desk", message="x", thread="../../x")
    assert result.error is not None
    assert "no name of a thread" in result.error.message
