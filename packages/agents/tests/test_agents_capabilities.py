"""Contexts, flows, memory and personalities for any Pydantic AI agent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from agent_doubles import Steady, answers, talks
from lev_os.agents import Denied, capabilities
from lev_os.core import Context, Flow, LevError
from lev_os.core.bidirectional import list_runs
from lev_os.memory import MemoryManager, Record, Scope
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.tools import RunContext

ADA = Scope(tenant="acme", user="ada")
BOB = Scope(tenant="acme", user="bob")


def calls(name: str, call_id: str = "c1", **arguments: Any) -> ModelResponse:
    return ModelResponse([ToolCallPart(name, arguments, call_id)])


def test_a_package_speaks_up_front_and_more_on_request() -> None:
    """Its index stands in the instructions, its other contexts can be read; no gate asks about that."""
    reading = ModelResponse([ToolCallPart("read_context", {"name": "acme_support/contexts/tone"})])
    model = answers(reading, "read")
    held = [capabilities.constitution("acme_support"), capabilities.contexts("acme_support")]
    assert Steady(model, capabilities=held).run_sync("hi").output == "read"
    told = str(model.infos[0].instructions)
    assert '<context name="acme_support">' in told
    assert "- acme_support/contexts/tone:" in told
    assert "Acme" in str(model.requests[1][-1])


def test_contexts_by_name_and_as_objects() -> None:
    """In the order in which they are given."""
    own = Context.parse("---\nname: own\ndescription: Mine.\n---\nBe kind.\n", specifier="mine/contexts/own")
    model = talks("x")
    Steady(model, capabilities=[capabilities.contexts(own, "acme_support/contexts/tone")]).run_sync("hi")
    told = str(model.infos[0].instructions)
    assert 0 < told.index("Be kind.") < told.index("acme_support/contexts/tone")
    assert model.infos[0].function_tools == []


def offered(held: list[Any], **options: Any) -> tuple[str, list[str]]:
    """The instructions and the tools of the first request of an agent with these capabilities."""
    model = talks("x")
    Steady(model, capabilities=held).run_sync("hi", **options)
    return str(model.infos[0].instructions), sorted(tool.name for tool in model.infos[0].function_tools)


def lenders() -> list[Any]:
    return [
        capabilities.contexts("acme_support/contexts/tone"),
        capabilities.personalities("lev_os.core/contexts/personalities/caregiver"),
        capabilities.contexts("acme_support"),
    ]


def test_the_gate_says_and_lends_for_those_without_hooks() -> None:
    """In their order, word for word; Pydantic AI then asks the gate alone at every hook."""
    alone, held = offered(lenders()), [*lenders(), capabilities.constitution("acme_support")]
    assert "<context" in alone[0]
    assert alone[1] == ["consult", "read_context"]
    assert offered(held) == alone
    left = Steady(talks("x"), capabilities=held).root_capability.capabilities
    bare = Steady(talks("x"), capabilities=[capabilities.constitution("acme_support")]).root_capability.capabilities
    assert [type(one) for one in left] == [type(one) for one in bare]


class _Wordy(AbstractCapability[Any]):
    def get_instructions(self) -> str:
        return "Mind the gap."

    async def for_run(self, ctx: RunContext[Any]) -> AbstractCapability[Any]:
        return type(self)()


class _Quiet(_Wordy):
    def get_instructions(self) -> None:  # type: ignore[override]  # nothing to say
        return None


def test_somebody_elses_instructions_keep_their_place() -> None:
    """With the gate and without it, also when they are made anew for each run."""
    tone, whole = lenders()[::2]
    alone = offered([tone, _Wordy(), whole])
    assert offered([capabilities.constitution("acme_support"), tone, _Wordy(), whole]) == alone
    assert alone[0].index("tone") < alone[0].index("Mind the gap.") < alone[0].index('"acme_support"')


def test_what_is_lent_is_there_when_other_capabilities_change_for_a_run() -> None:
    """And what is given to one run comes to what the agent has."""
    tone, whole = lenders()[::2]
    gate = capabilities.constitution("acme_support")
    assert offered([gate, _Quiet(), tone, whole]) == offered([tone, whole])
    told, tools = offered([gate, tone], capabilities=[whole, _Quiet()])
    assert told.index("tone") < told.index('"acme_support"')
    assert tools == ["read_context"]


def test_an_agent_made_of_what_another_one_has() -> None:
    """What its gate lends already is lent on, beside what comes to it."""
    flows = capabilities.flows("acme_support")
    first = Steady(talks("x"), capabilities=[capabilities.constitution("acme_support"), flows])
    lens = capabilities.personalities("lev_os.core/contexts/personalities/caregiver")
    assert offered([first.root_capability, lens]) == offered([flows, lens])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: capabilities.contexts("acme_support/flows/refund"), "is a flow, not a context"),
        (lambda: capabilities.contexts("acme_support/contexts/tones"), "tone"),
        (lambda: capabilities.contexts(), "no context is named"),
        (lambda: capabilities.flows("acme_support/contexts/tone"), "is a context, not a flow"),
        (lambda: capabilities.flows(), "no flow is named"),
        (lambda: capabilities.personalities("acme_support/contexts/tone"), "not a lens"),
        (lambda: capabilities.memory(None, scope={"who": "ada"}), "no scope of a memory"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_had_is_told_when_the_agent_is_made(make: Any, message: str) -> None:
    """With the way out."""
    with pytest.raises(LevError, match=message):
        make()


ECHO = """flowmind: 1
name: echo
description: Say a thing twice.
input: {text: string}
output: {said: string}
steps:
  - id: asked
    ask: Say it.
    about: "${input.text}"
  - return: {said: "${asked}"}
"""


def test_a_flow_is_a_tool_whose_model_is_the_agents(tmp_path: Path) -> None:
    """Its asks go to the same model, its run has a journal, bad input is told to the model."""
    model = answers(calls("echo", "a", txt="hi"), calls("echo", "b", text="hi"), "hi, hi", "said twice")
    flows = capabilities.flows(Flow.parse(ECHO), runs=tmp_path)
    assert Steady(model, capabilities=[flows]).run_sync("echo").output == "said twice"
    assert "txt" in str(model.requests[1][-1])
    assert "hi, hi" in str(model.requests[3][-1])
    assert [run.status for run in list_runs(tmp_path)] == ["done"]


def test_a_flow_obeys_the_agents_constitution_too(tmp_path: Path) -> None:
    """What the flow asks passes both gates; a denial in it ends the agent's run."""
    from agent_doubles import law, rule

    never = law(rule("T-SAY", phases=("pre",), regex={"pattern": "Say it", "fields": ["instruction"]}))
    model = answers(calls("echo", text="hi"), "never", "never")
    held = [capabilities.constitution(never), capabilities.flows(Flow.parse(ECHO), runs=tmp_path)]
    with pytest.raises(Denied, match="T-SAY"):
        Steady(model, capabilities=held).run_sync("echo")
    assert len(model.requests) == 1


def test_memory_is_of_its_scope_alone(tmp_path: Path) -> None:
    """Recalled up front within a budget, and by the tool; what others remember is not there."""

    async def main() -> tuple[str, str]:
        async with MemoryManager.open(f"sqlite:///{tmp_path / 'm.db'}", embedder=None) as memory:
            await memory.put([Record(text="Ada prefers tea.")], scope=Scope(tenant="acme", user="ada"))
            await memory.put([Record(text="Bob prefers beer.")], scope=Scope(tenant="acme", user="bob"))
            model = answers(calls("recall", question="prefers"), "tea")
            held = capabilities.memory(memory, scope={"tenant": "acme", "user": "ada"}, budget=300)
            gate = capabilities.constitution("acme_support")
            await Steady(model, capabilities=[gate, held]).run("What does Ada prefer?")
            return str(model.infos[0].instructions), str(model.requests[1][-1])

    instructions, recalled = asyncio.run(main())
    assert "Ada prefers tea." in instructions
    assert "Ada prefers tea." in recalled
    assert "Bob" not in instructions + recalled


@dataclass
class Visit:
    """What a program lends to a run."""

    scope: Any


@pytest.mark.parametrize(
    "deps",
    [ADA, Visit(ADA), Visit({"tenant": "acme", "user": "ada"}), {"scope": ADA}],
    ids=["scope", "object", "fields", "mapping"],
)
def test_memory_is_of_the_scope_that_the_run_brings(deps: Any) -> None:
    """`memory(manager)` alone: one agent for all users, each run in the scope of its `deps`."""

    async def main() -> tuple[str, str]:
        async with MemoryManager.open("memory://", embedder=None) as memory:
            await memory.put([Record(text="Ada prefers tea.")], scope=ADA)
            await memory.put([Record(text="Bob prefers beer.")], scope=BOB)
            asks = calls("recall", question="prefers")
            model = answers(asks, "so", asks, "so")
            agent = Steady(model, capabilities=[capabilities.memory(memory)])
            await agent.run("What does Ada prefer?", deps=deps)
            await agent.run("And Bob?", deps=BOB)
            return str(model.requests[1][-1]), str(model.requests[3][-1])

    adas, bobs = asyncio.run(main())
    assert ("tea" in adas, "beer" in adas) == (True, False)
    assert ("tea" in bobs, "beer" in bobs) == (False, True)


@pytest.mark.parametrize("deps", [None, {"tenant": "acme"}, Visit(None), Visit({"who": "ada"})])
def test_a_run_that_says_not_whose_memory_is_meant_is_told(deps: Any) -> None:
    """Before a model is asked; fields that lie about in `deps` are no scope."""
    model = talks("never")

    async def main() -> None:
        async with MemoryManager.open("memory://", embedder=None) as memory:
            await Steady(model, capabilities=[capabilities.memory(memory)]).run("hi", deps=deps)

    with pytest.raises(LevError, match=r"whose|no scope of a memory") as caught:
        asyncio.run(main())
    assert "holds one as `scope`" in str(caught.value)
    assert model.requests == []


def test_the_eight_lenses_can_be_consulted() -> None:
    """Without names, core's own; each is told what it asks."""
    model = answers(calls("consult", lens="leader", question="Shall we?"), "Yes, by Friday.", "We shall.")
    assert Steady(model, capabilities=[capabilities.personalities()]).run_sync("decide").output == "We shall."
    told = str(model.infos[0].instructions)
    assert told.count("\n- ") == 8
    assert "Yes, by Friday." in str(model.requests[2][-1])
