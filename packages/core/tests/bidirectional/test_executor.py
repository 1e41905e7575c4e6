"""Whatever a tool does, the run gets a value or a failure it can tell."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tempers
from driving import Told, flow
from lev_os.core import LevError, tool
from lev_os.core.bidirectional import RunResult, read_journal, run, run_sync
from lev_os.core.bidirectional import _threads as threads
from lev_os.core.bidirectional.values import MAX_INLINE_BYTES
from tempers import TOOLS


def call(name: str, arguments: str = "{}", timeout: str = "20s", **options: Any) -> RunResult:
    """The outcome of a flow that calls one tool and returns what it got."""
    text = (
        f"  - id: got\n    call: ./tools/{name}\n    with: {arguments}\n    timeout: {timeout}\n"
        "  - return:\n      got: '${got}'\n"
    )
    return run_sync(flow(text), {}, tools=TOOLS, **options)


def got(name: str, arguments: str = "{}", **options: Any) -> Any:
    """What a tool returned, for one that works."""
    result = call(name, arguments, **options)
    assert result.status == "done", result.error
    return result.output["got"]


def message(result: RunResult) -> str:
    """Why the run failed."""
    assert result.status == "failed"
    assert result.error is not None
    return result.error.message


def test_async_and_blocking_tools() -> None:
    """Both kinds work, and leave no thread behind."""
    before = threading.active_count()
    assert got("double", "{n: 4}") == 8
    assert got("add_one", "{n: 4}") == 5
    time.sleep(0.05)
    assert threading.active_count() == before


def test_dataclasses_in_and_out() -> None:
    """Results become JSON; JSON becomes what a parameter is annotated with."""
    assert got("order", "{number: 7}") == {"number": 7, "lines": ["a", "b"]}
    assert got("describe", "{given: {number: 7, lines: [a, b]}}") == "Order 7: a, b"


def test_what_a_tool_is_told() -> None:
    """`ctx` has deps, scope, run, key and declared secrets; the secret itself is never seen again."""
    result = call("whoami", deps="db", scope={"tenant": "acme"}, secrets={"CRM_TOKEN": "s3cret-value"}, run="r1")
    assert result.output["got"] == {
        "deps": "db",
        "run": "r1",
        "key": result.output["got"]["key"],
        "scope": {"tenant": "acme"},
        "token": "[secret:CRM_TOKEN]",
    }


def test_a_secret_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Declared secrets may stand in the environment."""
    monkeypatch.setenv("CRM_TOKEN", "from-outside")
    assert got("whoami")["token"] == "[secret:CRM_TOKEN]"


def test_a_secret_without_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how to give it."""
    monkeypatch.delenv("CRM_TOKEN", raising=False)
    assert "pass secrets=" in message(call("whoami"))


def test_a_secret_that_was_not_declared() -> None:
    """The message shows the declaration to write."""
    text = message(call("steal", secrets={"CRM_TOKEN": "s3cret-value"}))
    assert "@tool(secrets={'CRM_TOKEN'})" in text
    assert "s3cret" not in text


def test_a_secret_in_an_error_reaches_no_journal(tmp_path: Path) -> None:
    """Errors are cleaned as results are."""
    path = tmp_path / "j.jsonl"
    result = call("leak", secrets={"CRM_TOKEN": 's3cret-"quoted"-välue'}, journal=path)
    assert message(result) == "RuntimeError: 401 for [secret:CRM_TOKEN]"
    assert b"s3cret" not in path.read_bytes()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("broken", "ValueError: no such customer"),
        ("leave", "sys.exit(3)"),
        ("leave_async", "sys.exit(3)"),
        ("give_up", "CancelledError"),
        ("speechless", "no JSON form"),
        ("endless", "refers to itself"),
        ("not_a_number", "NaN"),
        ("crash", "status 7"),
        ("raise_apart", "ValueError: not here"),
    ],
)
def test_tools_that_misbehave(name: str, said: str) -> None:
    """A clean failure of kind `tool`, with what happened."""
    result = call(name)
    assert said in message(result)
    assert "Traceback" not in message(result)
    assert result.error is not None
    assert result.error.kind == "tool"


def test_a_failure_names_the_line_that_raised() -> None:
    """Where: the module and the line, without a traceback."""
    error = call("broken").error
    assert error is not None
    assert error.details["where"].split(":")[0].endswith("tempers")


def test_a_refusal_is_not_tried_again() -> None:
    """A `LevError` says that the input is wrong, and another attempt would say the same; `retryable` says otherwise."""
    said: list[str] = []

    class Busy(LevError):
        retryable = True

    @tool(effects=[])
    async def refuses(name: str) -> None:
        said.append(name)
        raise Busy("not now") if name == "busy" else LevError("never")

    for name in ("wrong", "busy"):
        text = f"  - call: ./tools/refuses\n    with: {{name: {name}}}\n    retry: {{attempts: 3}}\n"
        assert run_sync(flow(text), {}, tools={"./tools/refuses": refuses}).status == "failed"
    assert said == ["wrong", "busy", "busy", "busy"]


def test_arguments_that_do_not_fit() -> None:
    """Refused before the tool is called."""
    assert "describe" in message(call("describe", """{given: {number: "${'many'}", lines: []}}"""))


def test_a_text_that_is_no_date() -> None:
    """What the parameter's type refuses is told by name, whether its schema saw it or not."""
    assert got("weekday", "{day: '2026-11-22'}") == 7
    assert "day" in message(call("weekday", """{day: "${'tomorrow'}"}"""))


def test_printing_does_not_reach_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    """Standard output may carry JSON or a protocol: what tools print goes to standard error."""
    assert got("chatty") == "said"
    assert got("apart", "{n: 1}", deps="db")["n"] == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("printed by a tool") == 2
    assert "written by a tool" in err
    print("ours")
    assert capfd.readouterr().out == "ours\n"


def test_a_hanging_thread_is_left_behind_and_counted() -> None:
    """The run goes on at its deadline; the thread is reported until it ends."""
    tempers.over.clear()
    try:
        result = call("hang", timeout="100ms")
    finally:
        tempers.over.set()
    assert "in time" in message(result)
    assert result.error is not None
    assert result.error.kind == "timeout"
    assert result.abandoned_threads == 1
    while threads.abandoned():
        time.sleep(0.05)


def test_there_is_an_end_to_hanging_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many hang, no more are started, and the message says so."""
    monkeypatch.setattr(threads, "MAX_ABANDONED", 0)
    assert "hang in this process" in message(call("add_one", "{n: 1}"))


def test_a_stalled_coroutine_is_cancelled() -> None:
    """An async tool is cancelled at its deadline."""
    result = call("stall", timeout="50ms")
    assert result.error is not None
    assert result.error.kind == "timeout"
    assert result.abandoned_threads == 0


def test_a_process_is_killed_at_its_deadline(tmp_path: Path) -> None:
    """`isolate="process"`: nothing is left running."""
    path = tmp_path / "pid"
    result = call("spin", f"{{path: '{path}'}}", timeout="2s")
    assert result.error is not None
    assert result.error.kind == "timeout"
    with pytest.raises(ProcessLookupError):
        os.kill(int(path.read_text()), 0)


def test_a_tool_in_its_own_process() -> None:
    """Arguments, deps and the key reach it; it is not this process."""
    value = got("apart", "{n: 5}", deps="db")
    assert value["pid"] != os.getpid()
    assert (value["n"], value["deps"]) == (5, "db")
    assert len(value["key"]) > 10


def test_dependencies_that_cannot_travel() -> None:
    """What cannot be pickled cannot be given to another process."""
    assert "cannot travel" in message(call("apart", "{n: 5}", deps=threading.Lock()))


def test_a_local_function_cannot_run_apart() -> None:
    """The other process imports the tool, so it must have a name."""
    from lev_os.core import tool

    @tool(effects=[], isolate="process")
    def local() -> int:
        return 1

    result = run_sync(flow("  - call: ./tools/local\n"), {}, tools={"./tools/local": local})
    assert "module's own function" in message(result)


def test_fifty_megabytes_become_a_file(tmp_path: Path) -> None:
    """The run carries a reference; the file holds the result, once, for its owner only."""
    path = tmp_path / "j.jsonl"
    value = got("large", "{megabytes: 50}", journal=path)
    file = Path(value["$file"])
    assert value["bytes"] == (50 << 20) + 2 == file.stat().st_size
    assert msgspec.json.decode(file.read_bytes()) == "x" * (50 << 20)
    assert file.parent.parent == tmp_path
    assert file.stat().st_mode & 0o077 == 0
    assert path.stat().st_size < 100_000
    assert len(read_journal(path)) > 3


def test_a_large_result_without_a_journal() -> None:
    """There is no place to keep it: the run fails with its limit."""
    result = call("large", "{megabytes: 2}")
    assert result.error is not None
    assert result.error.kind == "limit"
    assert str(MAX_INLINE_BYTES) in result.error.message
    assert "journal" in result.error.message


def test_a_tool_that_is_not_to_be_found() -> None:
    """The failure names the tool."""
    result = run_sync(flow("  - call: ./tools/nothing\n"), {}, tools={"./tools/nothing": card_of("nothing")})
    assert "nothing" in message(result)


def card_of(name: str) -> Any:
    """A card without a function behind it."""
    from lev_os.core.tools import ToolCard, ToolDeclaration

    return ToolCard(
        specifier=f"no_such_package/tools/{name}", name=name, declaration=ToolDeclaration(effects=frozenset())
    )


@pytest.mark.parametrize("error", [RuntimeError("provider is down"), ValueError("garbage")])
def test_a_model_that_raises(error: Exception) -> None:
    """What a provider's client raises is a failure of kind `model`."""
    result = run_sync(flow("  - ask: Say something.\n"), {}, model=Told(lambda _: error))
    assert result.error is not None
    assert result.error.kind == "model"
    assert str(error) in result.error.message


def test_a_judge_that_raises_abstains() -> None:
    """The model is asked instead."""

    class Broken:
        async def judge(self, request: Any) -> dict[str, Any]:
            raise RuntimeError("weights are gone")

    text = (
        "  - id: c\n    if_semantic: it is angry\n    about: grr\n"
        "    then: [{return: {angry: true}}]\n    else: [{return: {angry: false}}]\n"
        "    uncertain: [{return: {angry: null}}]\n"
    )
    model = Told(lambda request: {"answer": {"answer": "yes"}})
    result = run_sync(flow(text), {}, model=model, judge=Broken())
    assert result.output == {"angry": True}
    assert result.decisions[0].decided_by == "model"


def test_many_blocking_tools_at_once() -> None:
    """Blocking tools of parallel branches overlap, and all threads end."""
    branches = "\n".join(f"      b{n}: [{{id: x, call: ./tools/nap}}]" for n in range(8))

    together = threading.Barrier(8, timeout=30)

    def nap() -> int:
        together.wait()  # returns only when all eight are here
        return 1

    from lev_os.core import tool

    before = threading.active_count()
    result = asyncio.run(run(flow(f"  - parallel:\n{branches}\n"), {}, tools={"./tools/nap": tool(effects=[])(nap)}))
    assert result.status == "done"
    time.sleep(0.1)
    assert threading.active_count() == before
