"""The real thing: a server process, the SDK's client over its stdin and stdout."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lev_os.core.bidirectional import replay
from mcp import Client, StdioServerParameters

pytestmark = pytest.mark.slow


def server(project: Path) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "lev_os.mcp", str(project / "storydesk"), "--root", str(project)],
        env=dict(os.environ),
        cwd=str(project),
    )


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_session_over_stdio(project: Path, mode: str) -> None:
    """Resources, tools and a whole flow, in the protocol of today and in that of older hosts."""

    async def main() -> None:
        async with Client(server(project), mode=mode) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} >= {"flow_start", "birthplace"}
            assert (await client.list_resources()).resources
            asked = (await client.call_tool("flow_start", {"flow": "storydesk/flows/pair"})).structured_content
            assert asked["kind"] == "request"
            asked = (await client.call_tool("flow_submit", {"token": asked["token"], "result": "L"})).structured_content
            result = await client.call_tool("flow_submit", {"token": asked["token"], "result": "R"})
            assert result.structured_content["output"] == {"left": "L", "right": "R"}
            assert json.loads(result.content[0].model_dump()["text"]) == result.structured_content

    asyncio.run(main())


def _raw(project: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lev_os.mcp", str(project / "storydesk"), "--root", str(project)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _say(process: subprocess.Popen[str], message: Any) -> Any:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(message if isinstance(message, str) else json.dumps(message) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


_HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
}


def _call(number: int, tool: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def test_killed_between_two_submissions_the_next_server_goes_on(project: Path) -> None:
    """`kill -9` after the first answer was acknowledged; nothing is asked twice."""
    first = _raw(project)
    _say(first, _HELLO)
    asked = _say(first, _call(1, "flow_start", flow="storydesk/flows/pair"))["result"]["structuredContent"]
    right = _say(first, _call(2, "flow_submit", token=asked["token"], result="L"))["result"]["structuredContent"]
    first.kill()
    first.communicate()

    second = _raw(project)
    _say(second, _HELLO)
    again = _say(second, _call(1, "flow_submit", token=asked["token"], result="L"))["result"]["structuredContent"]
    assert (again["kind"], again["token"]) == ("request", right["token"])
    done = _say(second, _call(2, "flow_submit", token=right["token"], result="R"))["result"]["structuredContent"]
    assert done["output"] == {"left": "L", "right": "R"}
    out, err = second.communicate(timeout=20)
    assert second.returncode == 0
    assert "Traceback" not in err + out


def test_garbage_on_the_wire_leaves_the_server_standing(project: Path) -> None:
    """Not JSON, not JSON-RPC, an unknown method: the next good message is served."""
    process = _raw(project)
    _say(process, _HELLO)
    assert process.stdin is not None
    for line in ("}{ nonsense\n", "[]\n", '{"jsonrpc": "1.0"}\n', "\x00\n"):
        process.stdin.write(line)
    assert "error" in _say(process, {"jsonrpc": "2.0", "id": 7, "method": "tools/dance", "params": {}})
    wrong = _say(process, {"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": {"name": 7}})
    assert "error" in wrong
    reply = _say(process, _call(9, "flow_status", run="nothing"))["result"]
    assert reply["structuredContent"]["kind"] == "invalid"
    _, err = process.communicate(timeout=20)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("wrong", "code", "says"),
    [
        ({"method": "tools/list", "params": []}, -32602, "`params` is an object, or left out"),
        ({"method": "tools/call", "params": "flow_start"}, -32602, "`params` is an object, or left out"),
        ({"method": 7}, -32600, "not a request of JSON-RPC 2.0: method"),
        ({"method": "tools/list", "jsonrpc": "1.0"}, -32600, "not a request of JSON-RPC 2.0: jsonrpc"),
    ],
)
def test_a_request_that_is_none_is_answered(project: Path, wrong: dict[str, Any], code: int, says: str) -> None:
    """Whoever sends an id gets a reply to it, as the first message and later."""
    process = _raw(project)
    for hello in (True, False):
        reply = _say(process, {"jsonrpc": "2.0", "id": "x1", **wrong})
        assert (reply["id"], reply["error"]) == ("x1", {"code": code, "message": says})
        if hello:
            assert "result" in _say(process, _HELLO)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in err) == (0, False)


def test_half_a_character_anywhere_is_answered(project: Path) -> None:
    """Whatever string holds it, whoever sent an id gets an error, a notification none, and the server goes on."""
    process = _raw(project)
    _say(process, _HELLO)
    place = (
        '{"jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": {"name": "flow_status", "arguments": %s}}\n'
    )
    lines = [
        place % r'{"run": "\ud800"}',
        place % r'{"run": ["x", {"y": "\udfff\ud800"}]}',
        place % r'{"r\udc00": 1}',
        place.replace("flow_status", r"\uD834") % "{}",
        place.replace("tools/call", r"\uD834") % "{}",
    ]
    for line in lines:
        reply = _say(process, line)
        assert (reply["id"], reply["error"]["code"]) == ("a", -32700)
        assert "half a character" in reply["error"]["message"]
    whole = _say(process, place % r'{"run": "\ud834\udd1e"}')
    assert "there is no run" in json.dumps(whole["result"])
    nameless = _say(process, place.replace('"a"', r'"\ud800"') % "{}")
    assert (nameless["id"], nameless["error"]["code"]) == (None, -32700)
    deep = _say(process, place % ('{"run": ' + "[" * 300 + "]" * 300 + "}"))
    assert deep["error"] == {"code": -32700, "message": deep["error"]["message"]}
    assert "half" not in deep["error"]["message"]
    assert process.stdin is not None
    process.stdin.write(
        r'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"reason": "\ud800"}}' + "\n"
    )
    assert _say(process, {"jsonrpc": "2.0", "id": 5, "method": "ping"}) == {"jsonrpc": "2.0", "id": 5, "result": {}}
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (0, False)


def test_no_depth_ends_the_server(project: Path) -> None:
    """Also not the one at which a line can just be read and what was read cannot be written any more."""
    process = _raw(project)
    _say(process, _HELLO)
    lines = "".join(
        f'{{"jsonrpc": "2.0", "id": {depth}, "method": "ping", "params": {{"x": {"[" * depth}{"]" * depth}}}}}\n'
        for depth in range(900, 1000)
    )
    out, err = process.communicate(lines + '{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n', timeout=60)
    assert {"jsonrpc": "2.0", "id": 1, "result": {}} in map(json.loads, out.splitlines())
    assert (process.returncode, "Traceback" in err) == (0, False)


def test_a_package_that_is_not_there_ends_the_command_with_words(project: Path) -> None:
    """Exit code 2, the reason on stderr, nothing on stdout."""
    command = [sys.executable, "-m", "lev_os.mcp", "no_such_package_here", "--root", str(project)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 2
    assert "no_such_package_here" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_strange_messages_and_an_end_in_the_middle_of_one(project: Path) -> None:
    """Huge, mistyped, with unknown fields, then cut off: every reply in words, a clean exit, a whole journal."""
    process = _raw(project)
    _say(process, _HELLO)
    huge = _say(process, _call(1, "flow_start", flow="storydesk/flows/story", input={"name": "x" * (8 << 20)}))
    assert "at most 1048576 are taken" in huge["result"]["structuredContent"]["errors"][0]
    for number, params in enumerate((None, {}, {"name": None}, {"name": "flow_start", "arguments": "x"}), 2):
        assert "error" in _say(process, {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
    unknown = _call(9, "flow_start", flow="storydesk/flows/pair")
    unknown["params"] |= {"novel": 7, "_meta": {"example.org/x": [1]}}
    asked = _say(process, unknown)["result"]["structuredContent"]
    assert asked["kind"] == "request"
    assert process.stdin is not None
    process.stdin.write(json.dumps(_call(10, "flow_submit", token=asked["token"], result="L"))[:-9])
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err
    replayed = replay(project / ".lev" / "runs" / f"{asked['run']}.jsonl")
    assert (replayed.outcome, replayed.divergences) == (None, ())


def test_a_thousand_calls_at_once_are_all_answered(project: Path) -> None:
    """A host that does not wait for replies gets one for each."""
    process = _raw(project)
    _say(process, _HELLO)
    calls = "".join(json.dumps(_call(number, "flow_status", run="x")) + "\n" for number in range(1, 1001))
    answered = _say(process, calls)["id"], *(json.loads(process.stdout.readline())["id"] for _ in range(999))  # type: ignore[union-attr]  # a pipe
    assert sorted(answered) == list(range(1, 1001))
    process.communicate(timeout=30)
    assert process.returncode == 0
