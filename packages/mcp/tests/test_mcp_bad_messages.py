"""Bad messages: a clear reply that names the way back, never a traceback."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.mcp import Desk, build_server
from lev_os.mcp.catalog import Catalog
from lev_os.mcp.replies import KINDS
from mcp import Client


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("flow_start", {"flow": "storydesk/flows/stroy"}, "did you mean 'storydesk/flows/story'?"),
        ("flow_start", {"flow": "/etc/passwd"}, "there is no flow '/etc/passwd'"),
        ("flow_start", {"flow": "storydesk/flows/story", "input": {"nme": "x"}}, "name"),
        ("flow_start", {"flow": "storydesk/flows/story", "input": {"name": 7}}, "7"),
        ("flow_start", {"flow": "storydesk/flows/story", "input": "name=Ada"}, "must be an object"),
        ("flow_submit", {"token": "nonsense", "result": 1}, "not from here"),
        ("flow_submit", {"token": "x" * 100_000, "result": 1}, "not from here"),
        ("flow_submit", {"result": 1}, "needs 'token'"),
        ("flow_submit", {"token": "a", "result": "x" * (2 << 20)}, "at most"),
        ("flow_status", {"run": "../../secret"}, "there is no run '../../secret'"),
        ("flow_status", {"run": "20200101-000000-abcdef"}, "there is no run"),
        ("flow_cancel", {"run": "x", "token": "y", "reason": "z"}, "there is no run 'x'"),
        ("flow_begin", {}, "there is no tool 'flow_begin'"),
        ("birthplace", {"nam": "Ada"}, "name"),
    ],
)
def test_each_names_what_is_wrong_and_what_to_send(play: Any, tool: str, arguments: dict[str, Any], says: str) -> None:
    """`invalid`, with reasons and a next call."""

    async def host(call: Any) -> None:
        reply = await call(tool, **arguments)
        assert reply["kind"] == "invalid"
        assert says in "\n".join(reply["errors"])
        assert reply["next"]
        assert "Traceback" not in json.dumps(reply)

    play(host)


def test_result_and_tool_calls_together_are_neither(play: Any) -> None:
    """One of the two; the token stays good."""

    async def host(call: Any) -> None:
        asked = await call("flow_start", flow="storydesk/flows/pair")
        both = await call("flow_submit", token=asked["token"], result="L", tool_calls=[])
        none = await call("flow_submit", token=asked["token"])
        assert both["kind"] == none["kind"] == "invalid"
        assert both["token"] == asked["token"]
        assert (await call("flow_submit", token=both["token"], result="L"))["kind"] == "request"

    play(host)


def test_a_journal_that_is_damaged_is_said_so(play: Any, project: Path) -> None:
    """The place of the damage, not a traceback."""

    async def host(call: Any) -> None:
        asked = await call("flow_start", flow="storydesk/flows/pair")
        place = project / ".lev" / "runs" / f"{asked['run']}.jsonl"
        place.write_bytes(place.read_bytes().replace(b"Say left", b"Say lift", 1))
        reply = await call("flow_submit", token=asked["token"], result="L")
        assert reply["kind"] == "invalid"
        assert f"{asked['run']}.jsonl:1" in reply["errors"][0]

    play(host)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_answer_leads_to_one_of_the_eight_replies(project: Path, data: st.DataObject) -> None:
    """Whatever a model sends as result, calls or token, the reply is one of the known kinds."""
    served = Catalog.load([str(project / "storydesk")])

    async def main() -> None:
        async with Client(build_server(served, Desk(served, project))) as client:
            reply = await client.call_tool("flow_start", {"flow": "storydesk/flows/story", "input": {"name": "A"}})
            asked = reply.structured_content
            for _ in range(3):
                token = data.draw(st.sampled_from([asked.get("token", ""), "bad"]) | st.text(max_size=5))
                sent: dict[str, Any] = {"token": token}
                if data.draw(st.booleans()):
                    sent["result"] = data.draw(_json)
                if data.draw(st.booleans()):
                    sent["tool_calls"] = data.draw(_json)
                got = (await client.call_tool("flow_submit", sent)).structured_content
                assert got["kind"] in KINDS
                assert "could not be carried out" not in json.dumps(got)
                asked = {**asked, **got}

    asyncio.run(main())


def test_a_token_of_another_run_opens_nothing(play: Any) -> None:
    """Status and cancel want a token of that very run."""

    async def host(call: Any) -> None:
        one = await call("flow_start", flow="storydesk/flows/pair")
        two = await call("flow_start", flow="storydesk/flows/pair")
        seen = await call("flow_status", run=one["run"], token=two["token"])
        gone = await call("flow_cancel", run=one["run"], token=two["token"], reason="mischief")
        assert seen["kind"] == gone["kind"] == "invalid"
        assert (await call("flow_status", run=one["run"], token=one["token"]))["kind"] == "request"

    play(host)


def test_a_fault_of_ours_is_a_reply_too(play: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Whatever breaks inside, the host gets words and the log the rest."""

    async def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Desk, "status", breaks)

    async def host(call: Any) -> None:
        reply = await call("flow_status", run="x")
        assert reply["kind"] == "failed"
        assert "a bug" not in json.dumps(reply)

    play(host)
    assert f"RuntimeError at {__file__}:" in capsys.readouterr().err
