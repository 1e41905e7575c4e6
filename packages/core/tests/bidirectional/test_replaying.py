"""A journal says all of a run: replayed it comes to the same, and what does not is told."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from driving import Told, flow
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.core import LevError, tool
from lev_os.core.bidirectional import Run, list_runs, read_journal, replay, resume, run_sync
from lev_os.core.bidirectional.effects import Failure, Record
from lev_os.core.bidirectional.journal import Journal, JournalDamaged
from lev_os.core.bidirectional.replaying import describe
from lev_os.core.bidirectional.resuming import ToolChanged
from lev_os.core.constitutional import Constitution, Gate
from lev_os.core.traces import read_run
from tempers import TOOLS

BUSY = """
  - id: both
    parallel:
      left:
        - {id: a, call: ./tools/any, with: {n: 1}, retry: {attempts: 2}}
        - {id: b, ask: Say something., tools: [./tools/any]}
      right:
        - try: [{id: c, call: ./tools/any, with: {n: 2}}]
          catch: [{id: d, ask: Rate it., returns: {score: number}}]
        - {id: w, wait: approval, returns: {approved: boolean}}
  - return: {both: "${both}"}
"""


@tool(effects=[])
async def any_tool(n: int) -> int:
    """Stands for a tool; others answer in its place here."""
    return n


answers = st.one_of(
    st.integers(),
    st.text(max_size=5),
    st.just({"answer": "text"}),
    st.just({"answer": {"score": 1}}),
    st.just({"tool_calls": [{"tool": "any", "arguments": {"n": 3}}]}),
    st.just({"approved": True}),
    st.builds(Failure, kind=st.sampled_from(["tool", "model", "timeout"]), message=st.text(max_size=5)),
)


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_run_replays_to_the_same(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever is answered, in whatever order, however often the process stops: same outcome, no divergence."""
    path = tmp_path_factory.mktemp("run") / "j.jsonl"
    program = flow(BUSY)
    tools = {"./tools/any": any_tool}
    run = Run.start(program, {}, journal=path, tools=tools)
    tokens: list[str] = []
    for _ in range(data.draw(st.integers(0, 25))):
        if data.draw(st.integers(0, 9)) == 0:
            outcome, before = run.outcome, [effect.key for effect in run.open_effects]
            run.close()
            run = Run.resume(path, current=program, tools=tools)
            assert (run.outcome, [effect.key for effect in run.open_effects]) == (outcome, before)
            tokens = []
        tokens += [effect.token for effect in run.open_effects if effect.token not in tokens]
        if not tokens:
            break
        token = data.draw(st.sampled_from(tokens))
        answer = data.draw(answers)
        if isinstance(answer, Failure):
            run.fail(token, answer)
        else:
            run.submit(token, answer)
    if data.draw(st.booleans()):
        run.cancel("enough")
    run.close()
    again = replay(path)
    assert again.outcome == run.outcome
    assert again.divergences == ()
    assert again.records == len(read_journal(path))


def rewritten(path: Path, change: Any) -> None:
    """The journal with changed entries and a new chain, as somebody who may write the file could make it."""
    entries = read_journal(path)
    path.unlink()
    with Journal.create(path) as journal:
        for entry in entries:
            body = change(entry.type, msgspec.to_builtins(entry.body))
            journal.append([Record(type=entry.type, at=entry.at, key=entry.key, attempt=entry.attempt, body=body)])


def doubled(path: Path) -> None:
    """A journal of a run that called two tools."""
    text = (
        "  - {id: a, call: ./tools/double, with: {n: 2}}\n  - {id: b, call: ./tools/double, with: {n: '${a}'}}\n"
        "  - return: {b: '${b}'}\n"
    )
    assert run_sync(flow(text), {}, tools=TOOLS, journal=path).output == {"b": 8}


def test_another_result_is_a_divergence(tmp_path: Path) -> None:
    """A forged result leads to other effects than the journal has; the first line that differs is named."""
    path = tmp_path / "j.jsonl"
    doubled(path)
    rewritten(path, lambda kind, body: {"value": 5} if kind == "result" and body == {"value": 4} else body)
    found = replay(path).divergences
    assert found
    assert found[0].recorded["type"] in ("verdict", "effect")
    assert f"line {found[0].line}" in str(found[0])
    with pytest.raises(LevError, match="does not come to what the journal says"):
        Run.resume(path, current=flow("  - return: {}\n"), tools=TOOLS)


def test_another_verdict_is_a_divergence(tmp_path: Path) -> None:
    """Deterministic verdicts are computed again."""
    path = tmp_path / "j.jsonl"
    doubled(path)
    rewritten(path, lambda kind, body: body | {"ruling": "warn"} if kind == "verdict" else body)
    found = replay(path).divergences
    assert len(found) == 4
    assert {divergence.recorded["body"]["ruling"] for divergence in found} == {"warn"}
    assert {divergence.recomputed["body"]["ruling"] for divergence in found if divergence.recomputed} == {"allow"}


def test_a_record_that_nothing_led_to(tmp_path: Path) -> None:
    """An inserted record is unexpected."""
    path = tmp_path / "j.jsonl"
    doubled(path)
    with Journal.open(path)[0] as journal:
        body = {"phase": "pre", "digest": "sha256:0", "ruling": "allow"}
        journal.append([Record(type="verdict", at=0.0, key="k", attempt=1, body=body)])
    assert [divergence.what for divergence in replay(path).divergences] == ["an unexpected verdict"]


def test_a_journal_without_a_beginning(tmp_path: Path) -> None:
    """Empty: the run never began. Anything else first: damage."""
    path = tmp_path / "j.jsonl"
    with Journal.create(path) as journal:
        with pytest.raises(LevError, match="is empty"):
            replay(path)
        journal.append([Record(type="result", at=0.0, key="k", attempt=1, body={"value": 1})])
    with pytest.raises(JournalDamaged, match="run_started"):
        replay(path)


def test_a_batch_that_was_torn_between_records(tmp_path: Path) -> None:
    """A result whose verdict and next effect were cut off: resuming writes what is missing, and goes on."""
    path = tmp_path / "j.jsonl"
    doubled(path)
    lines = path.read_bytes().splitlines(keepends=True)
    results = [index for index, entry in enumerate(read_journal(path)) if entry.type == "result"]
    path.write_bytes(b"".join(lines[: results[0] + 1]) + lines[results[0] + 1][:50])
    result = asyncio.run(resume(path, tools=TOOLS))
    assert result.output == {"b": 8}
    assert replay(path).divergences == ()
    assert len(read_journal(path)) == len(lines)


def waiting(path: Path, tools: dict[str, Any]) -> Any:
    """A run that waits, with a tool call still to come; returns its flow."""
    program = flow("  - {id: w, wait: go}\n  - {id: a, call: ./tools/t, with: {n: 2}}\n  - return: {a: '${a}'}\n")
    assert run_sync(program, {}, tools=tools, journal=path).status == "waiting"
    return program


def test_a_changed_tool_waits_for_a_person(tmp_path: Path) -> None:
    """Resuming with a tool that is declared otherwise is refused until it is accepted."""
    path = tmp_path / "j.jsonl"
    program = waiting(path, {"./tools/t": TOOLS["./tools/double"]})

    @tool(effects=["writes_local"])
    async def double(n: int) -> int:
        return n * 2

    changed = {"./tools/t": double}
    with pytest.raises(ToolChanged, match="--accept-change") as refused:
        Run.resume(path, current=program, tools=changed)
    assert refused.value.exit_code == 5
    with Run.resume(path, current=program, tools=changed, accept_change=True) as resumed:
        assert resumed.outcome is None


STRICT = """
constitution: 1
name: strict
principles:
  - id: S-1
    statement: No calls.
    checks:
      - forbid_tool: ["*"]
    tests:
      violates:
        - {kind: tool, phase: tool, tool: {specifier: a/tools/b}}
        - {kind: tool, phase: tool, tool: {specifier: c/tools/d}}
      complies: [{kind: model, phase: pre}, {kind: sleep, phase: pre}]
"""


def test_new_effects_obey_the_current_constitution(tmp_path: Path) -> None:
    """What was done stands; what comes next is ruled by both, and replaying knows from when on."""
    path = tmp_path / "j.jsonl"
    tools = {"./tools/t": TOOLS["./tools/double"]}
    program = waiting(path, tools)
    linked = program.link(tools=tools)
    current = dataclasses.replace(linked, constitutions=(*linked.constitutions, Constitution.parse(STRICT)))
    with Run.resume(path, current=current, tools=tools) as resumed:
        resumed.submit(resumed.waits[0].token, "go")
        asyncio.run(resumed.advance())
        assert resumed.outcome is not None
        assert resumed.outcome.status == "denied"
        assert "S-1" in str(resumed.outcome.error)
    again = replay(path)
    assert again.divergences == ()
    assert again.outcome == resumed.outcome
    with Run.resume(path, current=current, tools=tools):
        assert [entry.type for entry in read_journal(path)].count("constitution") == 1


def test_a_person_may_approve_what_a_later_constitution_asks_about(tmp_path: Path) -> None:
    """The approval lets that call out, and replaying knows of it."""
    path = tmp_path / "j.jsonl"
    tools = {"./tools/t": TOOLS["./tools/double"]}
    linked = waiting(path, tools).link(tools=tools)
    asking = Constitution.parse(STRICT.replace("    checks:", "    on_violation: escalate\n    checks:"))
    current = dataclasses.replace(linked, constitutions=(*linked.constitutions, asking))
    with Run.resume(path, current=current, tools=tools) as resumed:
        resumed.submit(resumed.waits[0].token, "go")
        asyncio.run(resumed.advance())
        (wait,) = resumed.waits
        assert wait.request["purpose"] == "approval"
        resumed.submit(wait.token, {"approved": True})
        asyncio.run(resumed.advance())
        assert resumed.outcome is not None
        assert resumed.outcome.status == "done", resumed.outcome.error
    again = replay(path)
    assert again.divergences == ()
    assert again.outcome == resumed.outcome


def test_a_given_gate_is_pinned(tmp_path: Path) -> None:
    """A gate that only this run had rules its replay too."""
    path = tmp_path / "j.jsonl"
    gate = Gate(Constitution.parse("constitution: 1\nname: open\nprinciples: []\n"), mode="shadow")
    run_sync(flow("  - {id: a, call: ./tools/double, with: {n: 2}}\n"), {}, tools=TOOLS, journal=path, gate=gate)
    assert read_journal(path)[0].body["gate"]["mode"] == "shadow"
    assert replay(path).divergences == ()


def test_runs_are_listed(tmp_path: Path) -> None:
    """Newest first; what waits says for what; a damaged journal is listed with its error."""
    doubled(tmp_path / "b.jsonl")
    waiting(tmp_path / "a.jsonl", {"./tools/t": TOOLS["./tools/double"]})
    (tmp_path / "0.jsonl").write_text("garbage\n")
    runs = {info.path.name: info for info in list_runs(tmp_path)}
    assert {name: info.status for name, info in runs.items()} == {
        "a.jsonl": "waiting",
        "b.jsonl": "done",
        "0.jsonl": "damaged",
    }
    assert runs["a.jsonl"].waits[0]["name"] == "go"
    assert "0.jsonl:1" in str(runs["0.jsonl"].error)
    assert list_runs(tmp_path / "nowhere") == []


def test_a_run_is_described(tmp_path: Path) -> None:
    """One line a record, the input and the outcome, all of it JSON."""
    doubled(tmp_path / "j.jsonl")
    told = describe(tmp_path / "j.jsonl")
    assert told["status"] == "done"
    assert told["outcome"]["output"] == {"b": 8}
    assert told["input"] == {}
    assert [entry["type"] for entry in told["entries"]][:3] == ["run_started", "verdict", "effect"]
    assert msgspec.json.decode(msgspec.json.encode(told)) == told


def test_replay_asks_nobody(tmp_path: Path) -> None:
    """No model, no tool: neither is even given."""
    model = Told(lambda _: "text")
    run_sync(flow("  - {id: a, ask: Say.}\n  - return: {a: '${a}'}\n"), {}, model=model, journal=tmp_path / "j.jsonl")
    again = replay(tmp_path / "j.jsonl")
    assert again.outcome is not None
    assert again.outcome.output == {"a": "text"}
    assert len(model.requests) == 1
    assert again.usage.asks == 1
    assert again.verdicts == 2


@pytest.mark.parametrize("at", [-1.0, 1e18])
def test_a_time_that_no_calendar_has(at: float, tmp_path: Path) -> None:
    """Refused with its line, before anybody tries to show it."""
    with Journal.create(tmp_path / "j.jsonl") as journal:
        journal.append([Record(type="cancel", at=at, body={"reason": "r"})])
    with pytest.raises(JournalDamaged, match=r"`float` [><]"):
        read_journal(tmp_path / "j.jsonl")


STRANGE: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "a body that is no object": ("effect", lambda body: [body]),
    "a kind of effect there is not": ("effect", lambda body: {**body, "kind": "guess"}),
    "contexts that are a text": ("effect", lambda body: {**body, "request": {"context": "none"}}),
    "a result without its value": ("result", lambda body: {}),
    "a phase there is not": ("verdict", lambda body: {**body, "phase": "later"}),
    "a finding without its principle": ("verdict", lambda body: {**body, "findings": [{}]}),
    "an outcome without its usage": ("outcome", lambda body: {**body, "usage": None}),
    "an error that is a text": ("outcome", lambda body: {**body, "error": "no"}),
    "an input that is a list": ("run_started", lambda body: {**body, "input": [1]}),
    "a principle that is a number": (
        "run_started",
        lambda body: {**body, "gate": {"mode": None, "constitutions": [{"principles": 1}]}},
    ),
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_body_of_another_shape_is_damage(name: str, tmp_path: Path) -> None:
    """However well it is chained, a record that says what its type cannot say is refused by every reader, with its
    line."""
    type_, change = STRANGE[name]
    path = tmp_path / "j.jsonl"
    doubled(path)
    places = [place for place, entry in enumerate(read_journal(path), 1) if entry.type == type_]
    rewritten(path, lambda kind, body: change(body) if kind == type_ else body)
    for read in (read_journal, replay, read_run, Run.resume):
        with pytest.raises(JournalDamaged, match=type_) as refused:
            read(path)
        assert refused.value.line == places[0]
    assert describe(path)["status"] == "damaged"
