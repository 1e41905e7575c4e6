"""Bindings only shrink, sessions survive their process, hand-offs arrive whole, and routes say why."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from agent_doubles import talks
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.agents import Agent, LimitReached
from lev_os.agents.ceo_binding import (
    Binding,
    Candidate,
    FileRef,
    HandOff,
    MemoryRef,
    Session,
    bind,
    bound_agent,
    route,
)
from lev_os.core import LevError, canonical
from lev_os.core.agents import AgentLimits
from lev_os.memory import MemoryManager, Scope

DESK = "acme_support/agents/desk"
BILLING = "acme_support/agents/billing"
ADA = Scope(tenant="acme", user="ada")


def binding(**more: Any) -> Binding:
    """A session of the desk."""
    given = {
        "agent": DESK, "session": "s1", "tools": ("a/tools/x", "a/tools/y"), "scope": ADA,
        "constitution": {"acme_support/constitution": "sha256:1"}, "limits": AgentLimits(asks=10, tokens=1000),
    }  # fmt: skip
    return Binding(**{**given, **more})


# --- bindings ---------------------------------------------------------------------------------------------------


def test_a_binding_is_a_value() -> None:
    """Frozen, equal by content, named by its digest."""
    assert binding() == binding()
    assert binding().digest == binding().digest != binding(tools=()).digest
    with pytest.raises(AttributeError):
        binding().agent = BILLING  # type: ignore[misc]


def test_it_only_shrinks() -> None:
    """Tools it lacks are not gained, limits take the lower, the scope goes down, constitutions add up."""
    small = binding().narrowed(
        tools=("a/tools/y", "a/tools/evil"),
        scope=Scope(tenant="acme", user="ada", session="s1"),
        constitution={"other/constitution": "sha256:2"},
        limits=AgentLimits(asks=50, cost=1.0),
    )
    assert small.tools == ("a/tools/y",)
    assert small.limits == AgentLimits(asks=10, tokens=1000, cost=1.0)
    assert small.scope == Scope(tenant="acme", user="ada", session="s1")
    assert set(small.constitution) == {"acme_support/constitution", "other/constitution"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"scope": Scope(tenant="globex", user="ada")}, "tenant is not"),
        ({"scope": Scope(tenant="acme")}, "user is not"),
        ({"constitution": {"acme_support/constitution": "sha256:9"}}, "another text"),
    ],
)
def test_what_would_be_more_is_refused(more: dict[str, Any], said: str) -> None:
    """Another tenant, a wider scope, a constitution under the same name."""
    with pytest.raises(LevError, match=said):
        binding().narrowed(**more)


def test_no_memory_stays_none() -> None:
    """A session without memory is not given one."""
    with pytest.raises(LevError, match="no memory"):
        binding(scope=None).narrowed(scope=ADA)


def test_a_limit_is_no_less_than_nothing() -> None:
    """Below 0, and what is no number."""
    for value in (-1, float("nan")):
        with pytest.raises(LevError, match="cannot be"):
            binding(limits=AgentLimits(cost=value))


# --- agents ---------------------------------------------------------------------------------------------------


def test_an_agent_keeps_to_its_binding(tmp_path: Path) -> None:
    """A tool, a flow, a lens and a limit that the binding took away are gone; what it never had is not gained."""
    desk = Agent.from_package(DESK)
    whole = bind(desk, "s1", scope=ADA)
    assert "acme_support/tools/open_ticket" in whole.tools
    assert "acme_support/flows/refund" in whole.tools
    assert whole.constitution
    small = whole.narrowed(
        tools=["acme_support/tools/find_order", "acme_support/tools/rm"], personalities=[], limits=AgentLimits(asks=1)
    )
    model = talks("Hello.")
    agent = bound_agent(small, model=model, root=tmp_path)
    assert asyncio.run(agent.run("hi")).output == "Hello."
    assert [tool.name for tool in model.infos[0].function_tools] == ["find_order"]
    assert agent.declared.limits.asks == 1
    assert agent.declared.limits.tokens == desk.declared.limits.tokens
    forged = msgspec.structs.replace(small, tools=("acme_support/tools/refund",), limits=AgentLimits())
    freed = bound_agent(forged, model=model, root=tmp_path)
    assert freed.links.tools == ()
    assert freed.declared.limits == desk.declared.limits


def test_without_a_scope_there_is_no_memory(tmp_path: Path) -> None:
    """Not even one that is handed over open; with a scope the agent recalls within it."""
    whole = bind(Agent.from_package(DESK), "s1")

    async def main() -> None:
        async with MemoryManager.open(f"sqlite:///{tmp_path / 'm.db'}", embedder=None) as memory:
            for scope, names in ((None, set()), (ADA, {"remember", "recall"})):
                model = talks("Hello.")
                bound = msgspec.structs.replace(whole, scope=scope, tools=(), personalities=())
                await bound_agent(bound, model=model, root=tmp_path, memory=memory).run("hi")
                assert {tool.name for tool in model.infos[0].function_tools} == names

    asyncio.run(main())


def test_the_scope_is_the_binding_s(tmp_path: Path) -> None:
    """Also where it has none: no other is slipped in, which the tools would get."""
    for scope in (None, ADA):
        whole = bind(Agent.from_package(DESK), "s1", scope=scope)
        with pytest.raises(TypeError, match="scope"):
            bound_agent(whole, model=talks("no"), root=tmp_path, scope={"user": "eve"})


def test_another_constitution_is_noticed() -> None:
    """A package that was changed since the session began does not go on with it unasked."""
    whole = bind(Agent.from_package(DESK), "s1")
    changed = msgspec.structs.replace(whole, constitution=dict.fromkeys(whole.constitution, "sha256:0"))
    with pytest.raises(LevError, match="not what acme_support/agents/desk obeys here"):
        bound_agent(changed)


# --- sessions ---------------------------------------------------------------------------------------------------


def test_a_session_goes_on_in_another_process(tmp_path: Path) -> None:
    """What was bound, decided and switched is there again."""
    path = tmp_path / "sessions" / "s1.jsonl"
    with Session.open(path, binding(), why="a person asked") as session:
        session.checkpoint(decided=["refund"], open_questions=["which account?"])
        session.checkpoint(decided=["refund", "write to Ada"], open_questions=[])
        session.switch(binding(agent=BILLING, bound_by="person"), why="/agent billing")
    with Session.open(path) as session:
        assert session.binding.agent == BILLING
        assert session.decided == ("refund", "write to Ada")
        assert [entry.event for entry in session.entries] == ["bound", "checkpoint", "checkpoint", "switched"]


def test_one_writer(tmp_path: Path) -> None:
    """A second one is told; after the first has closed it may."""
    path = tmp_path / "s.jsonl"
    with Session.open(path, binding()), pytest.raises(LevError, match="another process"):
        Session.open(path)
    Session.open(path).close()


def test_a_session_that_is_not_there_or_bound_otherwise(tmp_path: Path) -> None:
    """No binding, no session; another binding is a switch, not an opening."""
    path = tmp_path / "s.jsonl"
    with pytest.raises(LevError, match="no such session"):
        Session.open(path)
    Session.open(path, binding()).close()
    with pytest.raises(LevError, match="bound to acme_support/agents/desk already"):
        Session.open(path, binding(agent=BILLING))
    with Session.open(path) as session, pytest.raises(LevError, match="of the session 's2'"):
        session.switch(binding(session="s2"), why="oops")


def test_a_torn_line_is_dropped_and_damage_is_told(tmp_path: Path) -> None:
    """A killed writer leaves half a line; a changed byte in the middle names its line."""
    path = tmp_path / "s.jsonl"
    with Session.open(path, binding()) as session:
        session.checkpoint(decided=["one"])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"event":"checkp')
    with Session.open(path) as session:
        assert session.decided == ("one",)
        session.checkpoint(decided=["two"])
    with Session.open(path) as session:
        assert session.decided == ("one", "two")
    path.write_bytes(whole.replace(b'"bound"', b'"bind"'))
    with pytest.raises(LevError, match=r"s\.jsonl:1: the session is damaged"):
        Session.open(path)


@pytest.mark.slow
def test_killed_at_any_time(tmp_path: Path) -> None:
    """Whatever was acknowledged before SIGKILL is there."""
    path = tmp_path / "s.jsonl"
    code = f"""
        from lev_os.agents.ceo_binding import Binding, Session
        session = Session.open({str(path)!r}, Binding(agent="a/agents/b", session="s"))
        for number in range(100000):
            session.checkpoint(decided=[f"d{{number}}"])
            print(number, flush=True)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    last = [int(child.stdout.readline()) for _ in range(50)][-1]
    os.kill(child.pid, signal.SIGKILL)
    last = max([last, *(int(line) for line in child.stdout if line.strip().isdecimal())])
    child.wait()
    child.stdout.close()
    with Session.open(path) as session:
        assert set(session.decided) >= {f"d{number}" for number in range(last + 1)}


# --- hand-offs --------------------------------------------------------------------------------------------------


def test_a_hand_off_is_taken_up_elsewhere(tmp_path: Path) -> None:
    """Decisions, questions, files, memories arrive; the receiver is bound to its own, narrowed; the sender is done."""
    (tmp_path / "ledger.csv").write_text("1,2\n")
    file = FileRef(path="ledger.csv", digest=canonical.digest_bytes(b"1,2\n"))
    with Session.open(tmp_path / "a.jsonl", binding()) as session:
        session.checkpoint(
            decided=["refund 19.99"], open_questions=["which account?"], files=[file],
            memory=[MemoryRef(scope=ADA, ids=("m1",))],
        )  # fmt: skip
        text = session.hand_off(BILLING, why="it needs the ledger", summary="Ada was charged twice.").to_json()
        with pytest.raises(LevError, match="handed off to acme_support/agents/billing"):
            session.checkpoint(decided=["more"])
    packet = HandOff.parse(text)
    own = binding(agent=BILLING, tools=("a/tools/y", "a/tools/ledger"), session="s9", limits=AgentLimits(asks=99))
    with Session.take_up(tmp_path / "b.jsonl", packet, own) as taken:
        assert taken.binding.tools == ("a/tools/y",)
        assert taken.binding.limits == AgentLimits(asks=10, tokens=1000)
        assert (taken.binding.agent, taken.binding.bound_by) == (BILLING, "handoff")
        assert taken.decided == ("refund 19.99",)
        assert (taken.open_questions, taken.files, taken.memory) == (("which account?",), (file,), packet.memory)
        again = taken.hand_off(DESK, why="done")
    assert again.open_questions == ("which account?",)
    assert again.memory == packet.memory
    assert packet.differing(tmp_path) == {}
    (tmp_path / "ledger.csv").write_text("9\n")
    assert packet.differing(tmp_path) == {"ledger.csv": "changed"}
    assert packet.differing(tmp_path / "b") == {"ledger.csv": "missing"}


def test_a_packet_is_for_whom_it_names(tmp_path: Path) -> None:
    """Another agent does not take it up, and nothing is begun."""
    packet = HandOff(binding=binding(), to=BILLING, why="it needs the ledger")
    with pytest.raises(LevError, match=f"is for {BILLING}, not for {DESK}"):
        Session.take_up(tmp_path / "a.jsonl", packet, binding(agent=DESK))
    assert not (tmp_path / "a.jsonl").exists()


def test_how_a_session_stands_is_what_its_last_checkpoint_says(tmp_path: Path) -> None:
    """Decisions add up; questions, files and memories are replaced. At first there are none."""
    with Session.open(tmp_path / "a.jsonl", binding()) as session:
        assert (session.decided, session.open_questions) == ((), ())
        session.checkpoint(decided=["refund"], open_questions=["which account?"])
        session.checkpoint(decided=["to her card"])
        assert (session.decided, session.open_questions) == (("refund", "to her card"), ())


def test_a_packet_cannot_give_rights(tmp_path: Path) -> None:
    """A forged binding with every tool and no limits leaves the receiver with its own; another tenant is refused."""
    forged = HandOff(binding=binding(tools=("a/tools/rm",), constitution={}, limits=AgentLimits()), to=DESK, why="")
    with Session.take_up(tmp_path / "a.jsonl", forged, binding()) as taken:
        assert taken.binding.tools == ()
        assert taken.binding.limits == AgentLimits(asks=10, tokens=1000)
        assert taken.binding.scope == ADA
        assert taken.binding.constitution == binding().constitution
    other = HandOff(binding=binding(scope=Scope(tenant="globex")), to=DESK, why="")
    with pytest.raises(LevError, match="tenant is not"):
        Session.take_up(tmp_path / "b.jsonl", other, binding())
    assert not (tmp_path / "b.jsonl").exists() or not (tmp_path / "b.jsonl").read_bytes()


def test_a_packet_without_a_memory_reads_none(tmp_path: Path) -> None:
    """The receiver's memory is another's; it comes in when somebody says so, and that is on record."""
    packet = HandOff(binding=binding(scope=None), to=DESK, why="")
    with Session.take_up(tmp_path / "a.jsonl", packet, binding()) as taken:
        assert taken.binding.scope is None
        assert taken.hand_off(DESK, why="on").binding.scope is None
    with Session.take_up(tmp_path / "b.jsonl", packet, binding()) as taken:
        taken.switch(msgspec.structs.replace(taken.binding, scope=ADA), why="Ada agreed")
        assert (taken.binding.scope, taken.entries[-1].why) == (ADA, "Ada agreed")
    with Session.take_up(tmp_path / "c.jsonl", HandOff(binding=binding(), to=DESK, why=""), binding(scope=None)) as own:
        assert own.binding.scope is None


def test_a_full_disk_is_told_and_the_log_goes_on(tmp_path: Path) -> None:
    """Of an entry that does not fit nothing is left, nothing is acknowledged, and the next one finds its place."""
    path = tmp_path / "s.jsonl"
    code = f"""
        import resource, signal
        from lev_os.agents.ceo_binding import Binding, Session
        from lev_os.core import LevError

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with Session.open({str(path)!r}, Binding(agent="a/agents/b", session="s")) as session:
            size = session.path.stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, resource.RLIM_INFINITY))
            try:
                session.checkpoint(decided=["x" * 200])
            except LevError as error:
                print(error, session.path.stat().st_size == size)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            session.checkpoint(decided=["y"])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert "cannot be written" in done.stdout
    assert done.stdout.endswith("True\n")
    with Session.open(path) as session:
        assert session.decided == ("y",)


def test_a_packet_gives_no_lenses(tmp_path: Path) -> None:
    """As with tools: what the receiver lacks stays out of its binding."""
    forged = HandOff(binding=binding(personalities=("a/p/1", "a/p/2")), to=DESK, why="")
    with Session.take_up(tmp_path / "a.jsonl", forged, binding(personalities=("a/p/1", "a/p/3"))) as taken:
        assert taken.binding.personalities == ("a/p/1",)


def test_no_asks_are_none() -> None:
    """A limit of 0, which a packet may bring, is not the absence of a limit."""
    own = bind(Agent.from_package(DESK, model="test"), "s1")
    agent = bound_agent(own.narrowed(limits=AgentLimits(asks=0)), model=talks("Yes."))
    with pytest.raises(LimitReached):
        agent.run_sync("Well?")


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "\ud800", "circle"])
def test_what_is_no_path_here_is_missing(tmp_path: Path, path: str) -> None:
    """A packet's paths come from another system, or from somebody who wishes ill."""
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    packet = HandOff(binding=binding(), to=DESK, why="", files=(FileRef(path=path, digest="sha256:0"),))
    assert packet.differing(tmp_path) == {path: "missing"}


def test_a_deep_packet_is_told() -> None:
    """Not a recursion error."""
    with pytest.raises(LevError, match="no hand-off packet"):
        HandOff.parse("[" * 100_000)


def changed(edit: Callable[[dict[str, Any]], None]) -> str:
    """A packet's text, edited."""
    data = json.loads(HandOff(binding=binding(), to=DESK, why="because").to_json())
    edit(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no hand-off packet"),
        ("[]", "no `handoff` key"),
        ("{}", "no `handoff` key"),
        ("\udcff", "no hand-off packet"),
        (" " * (5 << 20), "more than 4 MB"),
        (changed(lambda data: data.update(handoff=2)), "upgrade"),
        (changed(lambda data: data.update(why="else")), "changed or damaged"),
        (changed(lambda data: data.pop("digest")), "changed or damaged"),
        (changed(lambda data: data.pop("to")), "cannot be used"),
        (changed(lambda data: data["binding"].update(scope={"tenant": ""})), "cannot be used"),
    ],
    ids=range(10),
)
def test_what_is_no_packet(text: str, said: str) -> None:
    """Nothing, other JSON, no text, too much, a newer format, edits, missing keys, values that cannot be."""
    with pytest.raises(LevError, match=said):
        HandOff.parse(text)


@given(st.text(), st.lists(st.text(max_size=20), max_size=4))
@settings(max_examples=30)
def test_a_packet_survives_its_way(why: str, decided: list[str]) -> None:
    """Any text that UTF-8 can hold."""
    packet = HandOff(binding=binding(), to=DESK, why=why, decided=tuple(decided))
    assert HandOff.parse(packet.to_json()) == packet


def test_a_file_outside_the_project() -> None:
    """A packet cannot make the receiver read elsewhere."""
    packet = HandOff(binding=binding(), to=DESK, why="", files=(FileRef(path="../../etc/passwd", digest=""),))
    assert packet.differing(Path.cwd()) == {"../../etc/passwd": "outside"}


# --- routes -----------------------------------------------------------------------------------------------------

REFUNDS = (
    "I want my money back", "I was charged twice", "please refund my last order", "you billed me two times",
    "there is a wrong charge on my card", "I never got my refund", "return the payment please",
    "the invoice is wrong, pay me back", "why was I billed again", "cancel the charge on my card",
)  # fmt: skip
CRASHES = (
    "it crashes when I log in", "the app does not start", "I get an error message", "the screen stays black",
    "the update broke everything", "it freezes all the time", "login does not work", "the page never loads",
    "my phone shows a blank app", "there is a bug in the search",
)  # fmt: skip
AGENTS = (
    Candidate(BILLING, "money: charges, refunds, invoices", ("gift card",), REFUNDS),
    Candidate(DESK, "technical help with the app", ("stack trace",), CRASHES),
)


def routed(text: str, candidates: tuple[Candidate, ...] = AGENTS, **world: Any) -> Any:
    """A route, found."""
    return asyncio.run(route(text, candidates, **world))


def test_a_rule_goes_first() -> None:
    """Whatever the endings of its words; no classifier or model is asked."""
    found = routed("Where are my GIFT CARDS?", model=lambda _: pytest.fail("a model was asked"))
    assert (found.agent, found.decided_by, found.why) == (BILLING, "rule", "“gift card” stands in it")
    assert [item.agent for item in found.alternatives] == [DESK]


def test_two_rules_leave_it_to_the_classifier() -> None:
    """Neither wins by its place in the list."""
    found = routed("A stack trace after I paid with my gift card: please refund my last order")
    assert found.decided_by != "rule"


def test_the_classifier_is_second() -> None:
    """Calibrated, with its evidence and the other's probability."""
    found = routed("please refund my order, I was charged twice", model=lambda _: pytest.fail("a model was asked"))
    assert found.agent == BILLING
    assert found.decided_by.startswith("classifier:")
    assert found.confidence is not None
    assert found.confidence > 0.8
    [other] = found.alternatives
    assert other.agent == DESK
    assert other.score is not None
    assert other.score < 0.2


def judging(answer: str, seen: list[Any]) -> Callable[[Any], dict[str, Any]]:
    """A model that gives one answer to every question."""

    def model(request: Any) -> dict[str, Any]:
        seen.append(request)
        options = request["returns"]["properties"]["answer"]["enum"]
        return {"answer": {"answer": next(option for option in options if option.startswith(answer))}}

    return model


def test_the_model_is_third() -> None:
    """What is unlike any example goes to the model; its choice is no calibrated confidence."""
    seen: list[Any] = []
    found = routed("Quel temps fait-il demain à Lyon ?", model=judging(DESK, seen))
    assert (found.agent, found.confidence) == (DESK, None)
    assert seen[0]["purpose"] == "judge"


def test_nobody_is_sure() -> None:
    """Then there is no agent, and the alternatives are all there."""
    found = routed("Quel temps fait-il demain à Lyon ?", model=judging("unsure", []))
    assert (found.agent, found.decided_by) == (None, "nobody")
    assert {item.agent for item in found.alternatives} == {DESK, BILLING}


@pytest.mark.parametrize("candidates", [(), (AGENTS[0], AGENTS[0])])
def test_agents_that_cannot_be_told_apart(candidates: tuple[Candidate, ...]) -> None:
    """None, or one twice."""
    with pytest.raises(LevError, match="named twice"):
        routed("hello", candidates)


def test_the_only_agent() -> None:
    """Needs no deciding."""
    assert routed("anything", (AGENTS[0],)).agent == BILLING
