"""`Agent`: of a package and of a declaration; threads, approvals, limits, structured answers, streams."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import textwrap
import traceback
from pathlib import Path
from typing import Any

import pytest
from agent_doubles import answers, talks
from lev_os.agents import Agent, AgentFailed, Answer, Denied, LimitReached, Thread
from lev_os.agents.events import Called, Finished, Returned, Said, ToAsk
from lev_os.agents.threads import ThreadBusy
from lev_os.core import InvalidInput, LevError, tool
from lev_os.core.agents import AgentDeclaration, AgentLimits, AgentMemory
from lev_os.core.bidirectional import list_runs
from lev_os.core.llm_runtime.script import Reply, ScriptModel
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.models.function import FunctionModel

DESK = "acme_support/agents/desk"


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A freshly seeded desk of its own, and no model from the environment."""
    monkeypatch.setenv("ACME_SUPPORT_DB", str(tmp_path / "desk.sqlite3"))
    monkeypatch.delenv("LEV_MODEL", raising=False)


def calls(name: str, call_id: str = "c1", **arguments: Any) -> ModelResponse:
    return ModelResponse([ToolCallPart(name, arguments, call_id)])


def declared(**fields: Any) -> AgentDeclaration:
    return AgentDeclaration(name="helper", **fields)


def test_an_agent_of_a_package_speaks_with_its_contexts_and_uses_its_tools() -> None:
    """Contexts are its instructions, tools get the package's deps, everything passes the package's constitution."""
    model = answers(calls("find_order", order_id="A-7001"), "It is order A-7001.")
    answer = Agent.from_package(DESK, model=model).run_sync("Where is A-7001?")
    assert answer.output == "It is order A-7001."
    assert 'name="acme_support/contexts/tone"' in str(model.infos[0].instructions)
    assert "Corner Books" in str(model.requests[1][-1])
    assert [entry.ruling for entry in answer.audit] == ["allow"] * 6
    assert answer.usage.tool_calls == 1


def test_what_is_no_agent_is_told() -> None:
    """Another kind, an unknown name, a broken declaration."""
    with pytest.raises(LevError, match="is a flow, not an agent"):
        Agent.from_package("acme_support/flows/refund")
    with pytest.raises(LevError, match="desk"):
        Agent.from_package("acme_support/agents/dek")
    with pytest.raises(InvalidInput, match="AGT202"):
        Agent(declared(tools=("acme_support/tools/none",)))


def test_two_tools_of_one_name_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model knows tools and flows by their names alone, so that one of two would silently be the other."""
    flows = tmp_path / "depot" / "flows"
    flows.mkdir(parents=True)
    (tmp_path / "depot" / "__init__.py").touch()
    text = 'format = 1\nname = "depot"\n[exports]\n"./flows/*" = { llm = "./flows/*.yaml" }\n'
    (tmp_path / "depot" / "lev.toml").write_text(text)
    (flows / "find-order.yaml").write_text("flowmind: 1\nname: find-order\nsteps:\n  - return: 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    order = ("acme_support/tools/find_order",)
    assert Agent(declared(flows=("depot/flows/find-order",))).links.flows
    with pytest.raises(InvalidInput, match=r"AGT203 .*call it `find_order`, as it calls acme_support/tools/find_order"):
        Agent(declared(tools=order, flows=("depot/flows/find-order",)))


def test_a_tool_that_the_memory_brings_too_is_told(tmp_path: Path) -> None:
    """What Pydantic AI refuses to run is an error of ours, in its words."""
    memory = AgentMemory(url=f"sqlite:///{tmp_path}/m.db", scope={"tenant": "acme"})
    agent = Agent(declared(tools=("lev_os.memory/tools/recall",), memory=memory), model=talks("Yes."))
    with pytest.raises(LevError, match=r"helper cannot run as it is made: .*recall"):
        agent.run_sync("Well?")


def test_a_flow_that_waits_for_a_person_goes_on_elsewhere(tmp_path: Path) -> None:
    """Its run is in the project's journals; the agent's customer is a stranger, and the flow knows it."""
    refund = calls("refund", email="ada@example.com", order_id="A-7001", amount_cents=1999, reason="twice")
    model = answers(refund, "A person looks at it.")
    answer = Agent.from_package(DESK, model=model, root=tmp_path).run_sync("refund it")
    assert answer.output == "A person looks at it."
    assert "a person must answer" in str(model.requests[1][-1])
    (run,) = list_runs(tmp_path / ".lev" / "runs")
    assert run.status == "waiting"
    assert '"taint":["untrusted"]' in Path(run.path).read_text(encoding="utf-8")


def test_tools_that_fail_or_are_called_wrongly_are_told_to_the_model() -> None:
    """A bad argument is asked for again, an error is a result."""
    model = answers(calls("find_order", "a"), calls("find_order", "b", order_id="A-7001"), "done")
    assert Agent.from_package(DESK, model=model).run_sync("x").output == "done"
    assert "order_id" in str(model.requests[1][-1])
    broken = answers(calls("refund", "a", email="x"), "all right")
    assert Agent.from_package(DESK, model=broken).run_sync("x").output == "all right"


@tool(effects={"spends"})
def pay(cents: int) -> str:
    """Pay."""
    return f"paid {cents}"


def test_a_person_is_asked_on_the_way_or_later() -> None:
    """`approve` answers at once; without it the answer waits, and the thread takes the approval."""
    asked: list[ToAsk] = []

    async def yes(one: ToAsk) -> bool:
        asked.append(one)
        return True

    agent = Agent(declared(), model=answers(calls("pay", cents=5), "paid"), tools=[pay])
    assert agent.run_sync("pay", approve=yes).output == "paid"
    assert (asked[0].tool, asked[0].arguments) == ("pay", {"cents": 5})
    assert "BASE-003" in asked[0].reason

    thread = Thread()
    agent = Agent(declared(), model=answers(calls("pay", cents=5), "all right"), tools=[pay])
    waiting = agent.run_sync("pay", thread=thread)
    assert waiting.output is None
    assert thread.waiting == ["c1"]
    with pytest.raises(LevError, match="waits for a person: c1"):
        agent.run_sync("and?", thread=thread)
    assert agent.run_sync(thread=thread, approvals={"c1": False}).output == "all right"
    assert thread.waiting == []


def test_approvals_are_of_all_that_waits() -> None:
    """Nothing waits, another call, only some of them, once more: told before anything runs."""
    agent = Agent(declared(), model=answers(_two_payments(), "Paid."), tools=[pay])
    thread = Thread()
    with pytest.raises(LevError, match="the thread waits for nothing"):
        agent.run_sync(thread=thread, approvals={"c1": True})
    agent.run_sync("Pay twice.", thread=thread)
    for wrong in ({"zz": True}, {"c1": True}, {}):
        with pytest.raises(LevError, match="the thread waits for c1, c2"):
            agent.run_sync(thread=thread, approvals=wrong)
    assert agent.run_sync(thread=thread, approvals={"c1": True, "c2": False}).output == "Paid."
    with pytest.raises(LevError, match="the thread waits for nothing"):
        agent.run_sync(thread=thread, approvals={"c1": True, "c2": True})


def _two_payments() -> ModelResponse:
    return ModelResponse([ToolCallPart("pay", {"cents": cents}, f"c{cents}") for cents in (1, 2)])


@pytest.mark.parametrize("on_disk", [False, True])
def test_what_is_approved_once_happens_once(tmp_path: Path, on_disk: bool) -> None:
    """Two approvals at the same time, of one object or of two processes' own: one run has the thread, one is told."""
    paid: list[int] = []

    @tool(effects={"spends"})
    async def pay_slowly(cents: int) -> str:
        """Pay."""
        await asyncio.sleep(0.01)
        paid.append(cents)
        return "paid"

    def agent() -> Agent:
        return Agent(declared(), model=answers(calls("pay_slowly", cents=5), "Paid."), tools=[pay_slowly])

    first = Thread.open(tmp_path / "t.jsonl") if on_disk else Thread()
    payer = agent()
    payer.run_sync("Pay.", thread=first)
    second = Thread.open(tmp_path / "t.jsonl") if on_disk else first

    async def both() -> list[Any]:
        yes = {"c1": True}
        turns = (payer.run(thread=first, approvals=yes), agent().run(thread=second, approvals=yes))
        return await asyncio.gather(*turns, return_exceptions=True)

    done, refused = asyncio.run(both())
    assert done.output == "Paid."
    assert isinstance(refused, ThreadBusy)
    assert paid == [5]
    with pytest.raises(LevError, match="waits for nothing"):  # what the other has added is read first
        agent().run_sync(thread=second, approvals={"c1": True})


def test_a_thread_that_was_changed_while_it_waits_asks_again(tmp_path: Path) -> None:
    """The approval is void, here and for whoever reads the file; the person sees the call that stands there now."""
    paid: list[int] = []

    @tool(effects={"spends"})
    def pay(cents: int) -> str:
        """Pay."""
        paid.append(cents)
        return f"paid {cents}"

    agent = Agent(declared(), model=answers(calls("pay", cents=5), "done"), tools=[pay])
    path = tmp_path / "t.jsonl"
    agent.run_sync("pay", thread=Thread.open(path))
    path.write_text(path.read_text().replace('"cents":5', '"cents":777'))
    again = agent.run_sync(thread=Thread.open(path), approvals={"c1": True})
    assert ([one.arguments for one in again.waiting], paid) == ([{"cents": 777}], [])
    assert "it was changed" in again.waiting[0].reason
    assert Thread.open(path).waiting == ["c1"]
    assert agent.run_sync(thread=Thread.open(path), approvals={"c1": True}).output == "done"
    assert paid == [777]


@pytest.mark.parametrize("fault", ["the model fails", "the result is denied"])
def test_what_is_approved_happens_once_though_its_run_fails(tmp_path: Path, fault: str) -> None:
    """After a failure nobody is asked again; the model is told that what came of the call is not known."""
    paid: list[int] = []

    @tool(effects={"spends"})
    def pay_out(cents: int) -> str:
        """Pay."""
        paid.append(cents)
        return "the key is AKIAIOSFODNN7EXAMPLE" if "denied" in fault else "paid"

    def fails(*_: Any) -> ModelResponse:
        raise ConnectionError("gone")

    def agent(model: Any) -> Agent:
        return Agent(declared(), model=model, tools=[pay_out], root=tmp_path)

    agent(answers(calls("pay_out", cents=5))).run_sync("Pay.", thread="t")
    with pytest.raises((ConnectionError, Denied)):
        agent(FunctionModel(fails)).run_sync(thread="t", approvals={"c1": True})
    with pytest.raises(LevError, match="waits for nothing"):
        agent(talks("no")).run_sync(thread="t", approvals={"c1": True})
    model = answers("I do not know.", calls("pay_out", cents=7))
    assert agent(model).run_sync("Was it paid?", thread="t").output == "I do not know."
    assert "what came of it is not known" in str(model.requests[0])
    assert paid == [5]
    again = agent(model).run_sync("Pay 7.", thread="t")  # under the same id, as models do it
    assert [one.arguments for one in again.waiting] == [{"cents": 7}]
    agent(talks("Paid.")).run_sync(thread="t", approvals={"c1": False})
    assert paid == [5]


def test_what_is_approved_happens_once_though_its_process_is_killed(tmp_path: Path) -> None:
    """`kill -9` in the middle of the approved call: whoever comes next does not do it again."""
    program = """
        import os, signal, sys
        from pathlib import Path
        from lev_os.agents import Agent
        from lev_os.core import tool
        from lev_os.core.agents import AgentDeclaration
        from pydantic_ai.models.test import TestModel

        @tool(effects={"spends"})
        def pay(cents: int) -> str:
            '''Pay.'''
            with open("paid", "a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)

        agent = Agent(AgentDeclaration(name="payer"), model=TestModel(), tools=[pay], root=Path.cwd())
        waiting = agent.thread("t").waiting
        agent.run_sync(None if waiting else "pay", thread="t", approvals=dict.fromkeys(waiting, True) or None)
    """
    for _ in range(2):
        subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=tmp_path, check=False)
    assert (tmp_path / "paid").read_text() == "x"
    thread = Thread.open(tmp_path / ".lev/threads/payer/t.jsonl")
    assert (thread.waiting, list(thread.answers.values())) == ([], [True])
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=tmp_path, check=True)
    assert (tmp_path / "paid").read_text() == "x"


def test_two_begin_one_thread(tmp_path: Path) -> None:
    """Of a thread that is not there yet one run has it alone, too."""
    first, second = (Thread.open(tmp_path / "new" / "t.jsonl") for _ in range(2))
    with first.held(), pytest.raises(ThreadBusy), second.held():
        raise AssertionError("two have it")


def test_half_a_character_is_told() -> None:
    """A lone surrogate, as a shell in another encoding gives it, is no crash."""
    with pytest.raises(LevError, match="half a character"):
        Agent(declared(), model=talks("Yes.")).run_sync("caf\udce9")


def test_a_long_run_keeps_its_taint(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many runs of the process begin and end meanwhile, its thread and its audit know what it has read."""
    monkeypatch.setattr("lev_os.agents.gating.run._MAX_LATEST", 2)
    others = Agent(declared(), model=talks(*["Yes."] * 3))

    @tool(effects={"ingests_untrusted"})
    async def browse() -> str:
        """Read a page."""
        for _ in range(3):
            await asyncio.create_task(others.run("Well?"), context=contextvars.Context())
        return "a page"

    thread = Thread()
    answer = Agent(declared(), model=answers(calls("browse"), "Read."), tools=[browse]).run_sync("Go.", thread=thread)
    assert thread.labels == {"untrusted"}
    assert len(answer.audit) == 6


def test_an_approval_clears_one_call_and_a_new_thread_all() -> None:
    """A person's yes holds for these arguments; the conversation that has read a page stays tainted by it."""

    @tool(effects={"ingests_untrusted"})
    def browse() -> str:
        """Read a page."""
        return "a page"

    @tool(effects={"writes_external"})
    def send(to: str) -> str:
        """Send."""
        return "sent"

    replies = (calls("browse"), "Read.", calls("send", "c2", to="eve"), "Sent.", calls("send", "c3", to="eve"))
    model = answers(*replies, calls("send", to="ada"), "Sent.")
    agent = Agent(declared(), model=model, tools=[browse, send])
    thread = Thread()
    agent.run_sync("Read it.", thread=thread)
    asked = agent.run_sync("Send it.", thread=thread)
    assert "BASE-001" in asked.waiting[0].reason
    assert agent.run_sync(thread=thread, approvals={"c2": True}).output == "Sent."
    assert [one.id for one in agent.run_sync("Once more.", thread=thread).waiting] == ["c3"]
    assert thread.labels == {"untrusted"}
    clean = agent.run_sync("Send it.", thread=Thread())
    assert "BASE-001" not in str([one.reason for one in clean.waiting])


def test_a_thread_goes_on_in_another_process(tmp_path: Path) -> None:
    """On disk, append-only, with what it is tainted by; a torn last line is left out."""

    @tool(effects={"ingests_untrusted"})
    def fetch() -> str:
        """Fetch."""
        return "page"

    @tool(effects={"writes_external"})
    def send(to: str) -> str:
        """Send."""
        return "sent"

    def agent(*replies: Any) -> Agent:
        return Agent(declared(), model=answers(*replies), tools=[fetch, send], root=tmp_path)

    agent(calls("fetch"), "read it").run_sync("read", thread="monday")
    (file,) = tmp_path.glob(".lev/threads/helper/monday.jsonl")
    with file.open("ab") as torn:
        torn.write(b'{"run": "half')
    again = Thread.open(file)
    assert (len(again.messages), again.labels) == (4, {"untrusted"})
    waiting = agent(calls("send", to="eve")).run_sync("send it", thread="monday")
    assert [one.tool for one in waiting.waiting] == ["send"]
    assert Thread.open(file).waiting == ["c1"]
    file.write_bytes(b"nonsense\n" + file.read_bytes())
    with pytest.raises(InvalidInput, match="THR101"):
        Thread.open(file)
    with pytest.raises(LevError, match="no name of a thread"):
        agent().thread("../else")


def test_limits_end_a_run() -> None:
    """Requests, tool calls, tokens and time, each with what to do."""

    @tool(effects=())
    async def sleep() -> str:
        """Sleep."""
        await asyncio.sleep(5)
        return "x"

    def limited(**limits: Any) -> Agent:
        model = answers(*(calls("sleep" if "time" in limits else "noop", f"c{n}") for n in range(9)))
        return Agent(declared(limits=AgentLimits(**limits)), model=model, tools=[noop, sleep])

    for limits in ({"asks": 2}, {"tool_calls": 1}, {"tokens": 1}, {"time": 0.1}):
        with pytest.raises(LimitReached, match="helper"):
            limited(**limits).run_sync("go")


@tool(effects=())
def noop() -> str:
    """Do nothing."""
    return "nothing"


def test_a_structured_answer() -> None:
    """As the declaration says, checked by Pydantic AI."""
    schema = {"type": "object", "properties": {"reply": {"type": "string"}}, "required": ["reply"]}
    model = answers(ModelResponse([ToolCallPart("final_result", {"reply": "hello"})]))
    answer = Agent(declared(output_schema=schema), model=model).run_sync("hi")
    assert answer.output == {"reply": "hello"}


def test_a_denial_and_a_failure_are_errors_of_ours() -> None:
    """With the gate's reasons, and with what the model did."""
    with pytest.raises(Denied, match="BASE-006"):
        Agent(declared(), model=talks("x")).run_sync("my key is AKIAIOSFODNN7EXAMPLE")
    with pytest.raises(AgentFailed, match="helper"):
        Agent(declared(), model=answers(*(calls("no_such_tool", f"c{n}") for n in range(9)))).run_sync("go")
    with pytest.raises(LevError, match="nothing to answer"):
        Agent(declared(), model=talks("x")).run_sync()


def test_a_stream_tells_of_tools_and_text() -> None:
    """In order, with the answer last."""

    async def main() -> list[Any]:
        agent = Agent(declared(), model=answers(calls("noop"), "all done"), tools=[noop])
        return [event async for event in agent.stream("go")]

    events = asyncio.run(main())
    assert isinstance(events[0], Called)
    assert events[1] == Returned("c1", "noop", "nothing", True)
    assert "".join(event.text for event in events if isinstance(event, Said)) == "all done"
    assert isinstance(events[-1], Finished)
    assert isinstance(events[-1].answer, Answer)


def test_a_script_or_a_function_is_a_model() -> None:
    """Leviathan's own clients answer an agent: by tool calls and texts, in pieces too."""
    script = ScriptModel(
        [
            Reply(match="A-7001", tool_calls=[{"tool": "./tools/find_order", "arguments": {"order_id": "A-7001"}}]),
            Reply(answer="Found it, at Corner Books."),
        ]
    )
    agent = Agent.from_package(DESK, model=script)

    async def main() -> list[Any]:
        return [event async for event in agent.stream("Where is A-7001?", thread=Thread())]

    events = asyncio.run(main())
    assert events[-1].answer.output == "Found it, at Corner Books."
    assert script.requests[1]["turns"][0]["results"][0]["value"]["shop"] == "Corner Books"
    told = Agent(declared(), model=lambda request: {"answer": f"you said {request['instruction']}"})
    thread = Thread()
    assert told.run_sync("one", thread=thread).output == "you said one"
    seen: list[Any] = []
    told = Agent(declared(), model=lambda request: seen.append(request) or {"answer": "two"})
    told.run_sync("two", thread=thread)
    assert "you said one" in str(seen[0]["context"])


def test_an_agent_remembers_and_recalls(tmp_path: Path) -> None:
    """Over a memory of its own, in the declared scope; what is recalled up front taints the run."""
    memory = AgentMemory(url=f"sqlite:///{tmp_path / 'memory.db'}", scope={"tenant": "acme"}, budget=300)
    model = answers(calls("remember", text="Ada prefers tea."), "noted")
    Agent(declared(memory=memory), model=model).run_sync("Ada prefers tea.")
    model = talks("Tea.")
    answer = Agent(declared(memory=memory), model=model).run_sync("What does Ada prefer?")
    assert "Ada prefers tea." in str(model.infos[0].instructions)
    assert answer.output == "Tea."


def test_a_lens_is_asked_by_itself_and_through_the_gate() -> None:
    """Its own prompt, the same model, the same audit."""
    lens = "lev_os.core/contexts/personalities/advocate"
    model = answers(calls("consult", lens="advocate", question="Shall we refund?"), "Stand by them.", "We refund.")
    answer = Agent(declared(personalities=(lens,)), model=model).run_sync("decide")
    assert answer.output == "We refund."
    assert "advocate" in str(model.infos[1].instructions)
    assert len(answer.audit) == 8


def test_a_failing_provider_is_told_without_its_words() -> None:
    """The message has kind and status; what the provider said is at hand, and in no traceback."""

    def fail(*_: Any) -> ModelResponse:
        raise ModelHTTPError(429, "m", {"error": "you said swordfish, with sk-abcdefghijklmnop1234"})

    agent = Agent(AgentDeclaration(name="helper"), model=FunctionModel(fail))
    with pytest.raises(AgentFailed) as caught:
        agent.run_sync("hi")
    assert caught.value.message == "helper: ModelHTTPError, status 429"
    assert caught.value.status == 429
    assert "you said swordfish, with ***" in caught.value.said
    assert "swordfish" not in "".join(traceback.format_exception(caught.value, limit=0))
