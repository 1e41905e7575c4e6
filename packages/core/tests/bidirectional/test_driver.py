"""Driving under Python: concurrency, deadlines, others' effects, interruption, and what may be seen meanwhile."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from driving import Told, flow
from lev_os.core import InvalidInput, LevError, tool
from lev_os.core.bidirectional import Run, read_journal, replay, resume, run, run_sync, stream
from lev_os.core.bidirectional.events import EffectFinished, EffectStarted, RunFinished, TextDelta, VerdictGiven
from lev_os.core.bidirectional.journal import Journal, JournalBusy, JournalUnwritable
from lev_os.core.constitutional import Constitution, Gate
from tempers import TOOLS

THREE = """
  - id: a
    call: ./tools/double
    with: {n: "${input.n}"}
  - id: b
    call: ./tools/add_one
    with: {n: "${a}"}
  - id: c
    ask: Say it.
    about: "${b}"
  - return: {said: "${c}", number: "${b}"}
"""
APPROVAL = """
  - id: ok
    wait: approval
    returns: {approved: boolean}
  - return: {ok: "${ok.approved}"}
"""


def three(**options: Any) -> dict[str, Any]:
    """The arguments of a run of `THREE`."""
    return {
        "flow": flow(THREE, "{n: integer}"),
        "input": {"n": 4},
        "tools": TOOLS,
        "model": Told(lambda r: r["about"]),
    } | options


def test_a_flow_runs_to_its_end(tmp_path: Path) -> None:
    """Output, usage and the journal's path are in the result; the journal replays to the same outcome."""
    result = run_sync(**three(journal=tmp_path / "j.jsonl"))
    assert (result.status, result.output, result.waits) == ("done", {"said": "9", "number": 9}, ())
    assert (result.usage.asks, result.usage.tool_calls) == (1, 2)
    again = replay(tmp_path / "j.jsonl")
    assert again.outcome is not None
    assert again.outcome.output == result.output
    assert again.divergences == ()


def test_an_input_that_does_not_fit_leaves_no_journal(tmp_path: Path) -> None:
    """Nothing has begun."""
    with pytest.raises(InvalidInput):
        run_sync(**three(input={"n": "four"}, journal=tmp_path / "j.jsonl"))
    assert not (tmp_path / "j.jsonl").exists()


def test_an_input_that_is_not_json() -> None:
    """Said before anything begins."""
    with pytest.raises(LevError, match="no JSON form"):
        run_sync(**three(input={"n": object()}))


@pytest.mark.parametrize("given", [[1], "text", 5])
def test_an_input_that_is_no_object(given: Any) -> None:
    """A flow takes names and values."""
    with pytest.raises(LevError, match="is an object"):
        run_sync(**three(input=given))


def test_without_a_model_or_a_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """A condition that nobody can judge is uncertain, and the decision says why nobody could be asked."""
    monkeypatch.setattr("lev_os.core.llm_runtime.open_judge", lambda: None)
    text = "  - if_semantic: it is angry\n    about: grr\n    then: []\n    uncertain: []\n"
    monkeypatch.setenv("LEV_MODEL", "script:/nowhere/at/all")
    (decision,) = run_sync(flow(text), {}).decisions
    assert (decision.label, decision.decided_by) == ("uncertain", "nobody")
    assert "/nowhere/at/all" in str(decision.evidence)


def test_branches_run_side_by_side() -> None:
    """Independent effects overlap."""

    begun = 0

    @tool(effects=[])
    async def nap() -> int:
        nonlocal begun
        begun += 1
        while begun < 20:  # ends only when all twenty are under way
            await asyncio.sleep(0.001)
        return 1

    branches = "\n".join(f"      b{n}: [{{id: x, call: ./tools/nap}}]" for n in range(20))
    assert run_sync(flow(f"  - parallel:\n{branches}\n"), {}, tools={"./tools/nap": nap}).status == "done"


def test_losers_of_a_race_are_cancelled() -> None:
    """`wait_for: any`: the other branch is stopped, not waited for."""
    stopped = []

    @tool(effects=[])
    async def soon() -> None:
        await asyncio.sleep(0.01)

    @tool(effects=[])
    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.append(True)
            raise

    text = (
        "  - parallel:\n      fast: [{id: x, call: ./tools/soon}]\n"
        "      slow: [{call: ./tools/slow}]\n    wait_for: any\n"
    )
    result = run_sync(flow(text), {}, tools={"./tools/soon": soon, "./tools/slow": slow})
    assert result.status == "done"
    assert stopped == [True]


def test_a_race_that_is_over_starts_nobody() -> None:
    """What is dropped before its turn has come is not carried out at all."""
    asked: list[str] = []

    def model(request: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(request["step"])
        return {"answer": "hello"}

    text = "  - parallel: {a: [{id: a, ask: x}], b: [{id: b, ask: x}]}\n    wait_for: any\n"
    assert run_sync(flow(text), {}, model=model).status == "done"
    assert asked == ["a"]


def test_answers_are_in_the_journal_before_the_next_call_blocks(tmp_path: Path) -> None:
    """A plain function as a model holds up the whole loop: if the process dies in it, no finished answer is lost."""
    path = tmp_path / "j.jsonl"
    known: list[int] = []

    def model(request: Mapping[str, Any]) -> dict[str, Any]:
        known.append(sum(entry.type == "result" for entry in read_journal(path)))
        return {"answer": "hello"}

    text = "  - parallel: {a: [{id: a, ask: x}], b: [{id: b, ask: x}], c: [{id: c, ask: x}]}\n"
    assert run_sync(flow(text), {}, model=model, journal=path).status == "done"
    assert known == [0, 1, 2]


def test_a_tool_that_refuses_to_be_cancelled() -> None:
    """The run does not wait for it for ever."""

    @tool(effects=[])
    async def stubborn() -> None:
        for _ in range(3):
            try:
                await asyncio.sleep(1.5)
            except asyncio.CancelledError:
                continue

    result = run_sync(flow("  - call: ./tools/s\n    timeout: 50ms\n"), {}, tools={"./tools/s": stubborn})
    assert result.error is not None
    assert result.error.kind == "timeout"


def test_a_retry_waits_between_attempts() -> None:
    """`retry` with `backoff` sleeps on the driver's clock."""
    times: list[float] = []

    @tool(effects=[])
    async def flaky() -> int:
        times.append(time.monotonic())
        if len(times) < 3:
            raise RuntimeError("not yet")
        return 1

    text = "  - call: ./tools/flaky\n    retry: {attempts: 3, backoff: 50ms}\n"
    assert run_sync(flow(text), {}, tools={"./tools/flaky": flaky}).status == "done"
    assert times[1] - times[0] >= 0.05
    assert times[2] - times[1] >= 0.1


def test_a_wait_is_for_somebody_else(tmp_path: Path) -> None:
    """The run stands at `waiting`; the answer comes later, from another process's point of view."""
    path = tmp_path / "j.jsonl"
    result = run_sync(flow(APPROVAL), {}, journal=path)
    assert result.status == "waiting"
    assert result.waits[0].request["name"] == "approval"
    with Run.resume(path) as resumed:
        [wait] = resumed.waits
        assert wait.key == result.waits[0].key
        assert resumed.submit(wait.token, {"approved": "perhaps"}).reply == "invalid"
        [wait] = resumed.waits
        resumed.submit(wait.token, {"approved": True})
        assert asyncio.run(resumed.advance()) == resumed.outcome
    assert resumed.result.output == {"ok": True}
    assert replay(path).divergences == ()


def test_the_same_token_twice(tmp_path: Path) -> None:
    """An equal result is the same reply and no new record; another one is a conflict."""
    with Run.start(flow(APPROVAL), {}, journal=tmp_path / "j.jsonl") as started:
        [wait] = started.waits
        first = started.submit(wait.token, {"approved": True})
        size = len(read_journal(tmp_path / "j.jsonl"))
        assert started.submit(wait.token, {"approved": True}).reply == "duplicate"
        assert started.submit(wait.token, {"approved": False}).reply == "conflict"
        assert len(read_journal(tmp_path / "j.jsonl")) == size
        assert first.outcome == started.outcome


def test_a_host_as_the_model(tmp_path: Path) -> None:
    """Without a client, `ask` is for others: tools are ours, answers theirs; a failure is told like a result."""
    started = Run.start(three()["flow"], {"n": 4}, tools=TOOLS, journal=tmp_path / "j.jsonl", secret=b"k" * 32)

    async def drive() -> None:
        assert await started.advance() is None
        [ask] = started.open_effects
        assert ask.kind == "model"
        assert ask.request["about"] == "9"
        assert started.fail(ask.token, "the host has gone").outcome is not None
        assert (await started.advance()) is not None

    with started:
        asyncio.run(drive())
    assert started.outcome is not None
    assert started.outcome.error is not None
    assert started.outcome.error.message == "the host has gone"
    assert started.outcome.error.kind == "model"
    assert replay(tmp_path / "j.jsonl").divergences == ()


def test_two_drivers_of_one_run(tmp_path: Path) -> None:
    """The second is refused while the first holds the journal; one `advance` at a time."""
    with Run.start(flow(APPROVAL), {}, journal=tmp_path / "j.jsonl"), pytest.raises(JournalBusy):
        Run.resume(tmp_path / "j.jsonl")

    async def twice() -> None:
        with Run.start(flow("  - call: ./tools/stall\n"), {}, tools=TOOLS) as started:
            first = asyncio.create_task(started.advance())
            await asyncio.sleep(0.01)
            with pytest.raises(LevError, match="already"):
                await started.advance()
            started.cancel("enough")
            outcome = await first
            assert outcome is not None
            assert outcome.status == "cancelled"

    asyncio.run(twice())


def test_a_wait_whose_time_is_over() -> None:
    """Its deadline passes while nobody looks; the next `advance` takes the way of `on_timeout`."""
    text = (
        "  - id: w\n    wait: approval\n    timeout: 50ms\n    on_timeout: [{return: {late: true}}]\n"
        "  - return: {late: false}\n"
    )

    async def drive() -> Any:
        with Run.start(flow(text), {}) as started:
            assert await started.advance() is None
            await asyncio.sleep(0.1)
            await started.advance()
            return started.result

    assert asyncio.run(drive()).output == {"late": True}


@pytest.mark.parametrize("seed", range(12))
def test_stopping_at_any_moment(tmp_path: Path, seed: int) -> None:
    """Cancelled at a random moment: no task or thread stays, and the journal goes on to the same outcome."""
    rng = random.Random(seed)
    calls: list[str] = []

    @tool(effects=[])
    async def step(n: int) -> int:
        calls.append(f"in {n}")
        await asyncio.sleep(0.002)
        calls.append(f"out {n}")
        return n

    @tool(effects=[])
    def block(n: int) -> int:
        time.sleep(0.002)
        return n

    tools = {"./tools/step": step, "./tools/block": block}
    names = ["step" if n % 3 else "block" for n in range(6)]
    items = "".join(f"      - {{id: s{n}, call: ./tools/{name}, with: {{n: {n}}}}}\n" for n, name in enumerate(names))
    text = f"  - parallel:\n      left:\n{items}      right:\n{items}  - return: {{end: true}}\n"
    path = tmp_path / "j.jsonl"

    async def stop_early() -> None:
        task = asyncio.create_task(run(flow(text), {}, tools=tools, journal=path))
        await asyncio.sleep(rng.uniform(0, 0.03))
        task.cancel()
        await asyncio.wait([task])
        assert asyncio.all_tasks() == {asyncio.current_task()}

    before = threading.active_count()
    asyncio.run(stop_early())
    if path.exists():
        assert replay(path).divergences == ()
        finished = {entry.body["value"] for entry in read_journal(path) if entry.type == "result" and entry.key}
        calls.clear()
        result = asyncio.run(resume(path, tools=tools, current=flow(text)))
        assert result.output == {"end": True}
        results = [entry.key for entry in read_journal(path) if entry.type == "result"]
        assert len(results) == len(set(results)) == 12
        assert finished <= set(range(6))
        assert replay(path).divergences == ()
    time.sleep(0.05)
    assert threading.active_count() == before


def test_a_full_disk_stops_the_run_and_it_goes_on_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clear error; nothing acknowledged is lost; with room again the run ends as it should."""
    path = tmp_path / "j.jsonl"
    append = Journal.append
    left = [3]

    def full(self: Journal, records: Any, *, sync: bool = False) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise JournalUnwritable(f"{self.path}: there is no room left")
        append(self, records, sync=sync)

    monkeypatch.setattr(Journal, "append", full)
    with pytest.raises(JournalUnwritable, match="no room left"):
        run_sync(**three(journal=path))
    monkeypatch.undo()
    done = {entry.key for entry in read_journal(path) if entry.type == "result"}
    model = Told(lambda request: request["about"])
    result = asyncio.run(resume(path, tools=TOOLS, model=model, current=three()["flow"]))
    assert result.output == {"said": "9", "number": 9}
    assert len(done) == 2


def test_what_is_synced(tmp_path: Path) -> None:
    """Waits, outcomes and irreversible effects reach the disk; other steps do not pay for it."""
    with Run.start(three()["flow"], {"n": 1}, tools=TOOLS, journal=tmp_path / "a.jsonl") as started:
        assert started.journal is not None
        asyncio.run(started.advance())
        assert started.journal.sync_count == 0
        started.cancel("enough")
        assert started.journal.sync_count == 1
    irreversible = flow("  - call: ./tools/send\n")
    gate = Gate(Constitution.parse("constitution: 1\nname: open\nprinciples: []\n"))
    with Run.start(irreversible, {}, tools=TOOLS, journal=tmp_path / "b.jsonl", gate=gate) as started:
        assert started.journal is not None
        assert started.journal.sync_count == 1
        asyncio.run(started.advance())
        assert started.journal.sync_count == 2


def events_of(text: str, **options: Any) -> list[Any]:
    """Everything that `stream` yields."""

    async def collect() -> list[Any]:
        return [event async for event in stream(flow(text), {}, **options)]

    return asyncio.run(collect())


def test_events_come_in_order(tmp_path: Path) -> None:
    """A verdict before each effect, what came back, and the result at the end."""
    events = events_of("  - call: ./tools/double\n    with: {n: 2}\n", tools=TOOLS)
    assert [type(event) for event in events] == [VerdictGiven, EffectStarted, VerdictGiven, EffectFinished, RunFinished]
    assert events[0].ruling == "allow"
    assert events[3].reply == "accepted"
    assert events[4].result.status == "done"


def test_texts_stream() -> None:
    """Without principles that read answers, text is shown as it comes, and all of it."""
    events = events_of("  - ask: Tell a story.\n", model=Told(lambda _: "once upon a time", pieces=5))
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "once upon a time"


def test_structured_answers_never_stream() -> None:
    """Half an object is nothing to show."""
    text = "  - ask: Rate it.\n    returns: {score: number}\n"
    events = events_of(text, model=Told(lambda _: '{"score": 1}', pieces=3))
    assert not [event for event in events if isinstance(event, TextDelta)]


def principle(check: str) -> Gate:
    """A gate with one principle about answers."""
    return Gate(
        Constitution.parse(
            "constitution: 1\nname: quiet\nprinciples:\n  - id: Q-1\n    statement: No codewords.\n"
            f"    scope: {{artifacts: [run], phase: [post]}}\n    checks:\n      - {check}\n"
            "    tests:\n      violates: [{result: {answer: the SESAME}}, {result: {answer: SESAME}}]\n"
            "      complies: [{result: {answer: a}}, {result: {answer: b}}]\n"
        )
    )


def shown(text: str, gate: Gate) -> tuple[str, str]:
    """What could be seen of an answer, and how the run ended."""
    events = events_of("  - ask: Tell.\n", model=Told(lambda _: text, pieces=4), gate=gate)
    return "".join(e.text for e in events if isinstance(e, TextDelta)), events[-1].result.status


def test_a_bounded_regex_streams_late() -> None:
    """With `max_match` text lags behind by so many characters; what is refused is never seen, not even its start."""
    gate = principle("regex: {pattern: SESAME, max_match: 6}")
    assert shown("all is well here", gate) == ("all is well here", "done")
    seen, status = shown("please say SESAME now and go on", gate)
    assert status == "denied"
    assert "S" not in seen
    assert "please say ".startswith(seen)


def test_an_unbounded_check_holds_everything_back() -> None:
    """Nothing is seen before the verdict, and after a denial never."""
    gate = principle("regex: {pattern: SESAME}")
    assert shown("all is well", gate) == ("all is well", "done")
    assert shown("say SESAME", gate) == ("", "denied")


def test_closing_a_stream_stops_the_run() -> None:
    """Leaving the loop leaves no task behind."""

    async def leave() -> None:
        events = stream(flow("  - call: ./tools/stall\n"), {}, tools=TOOLS)
        async for event in events:
            if isinstance(event, EffectStarted):
                break
        await events.aclose()  # type: ignore[attr-defined]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(leave())
