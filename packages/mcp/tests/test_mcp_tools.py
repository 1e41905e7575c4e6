"""Exported tools over MCP: few, with honest hints, and behind the gate."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from lev_os.core.bidirectional import Run
from lev_os.core.bidirectional.places import token_secret
from lev_os.core.errors import LevError
from lev_os.mcp import Desk, build_server
from lev_os.mcp.catalog import Catalog
from mcp import Client, MCPError


def listing(project: Path, **catalog: Any) -> dict[str, Any]:
    async def main() -> dict[str, Any]:
        served = Catalog.load([str(project / "storydesk")], **catalog)
        async with Client(build_server(served, Desk(served, project))) as client:
            return {tool.name: tool for tool in (await client.list_tools()).tools}

    return asyncio.run(main())


def test_at_most_eight_tools_unless_asked(project: Path) -> None:
    """Four for flows and four of the package; all with `every`; exactly the named ones with `only`."""
    assert len(listing(project)) == 8
    assert len(listing(project, every=True)) == 11
    assert list(listing(project, only=("shout",)))[4:] == ["shout"]
    with pytest.raises(LevError, match="did you mean 'shout'"):
        listing(project, only=("shuot",))


def test_a_tool_that_is_not_shown_is_not_callable(play: Any, project: Path) -> None:
    """Beyond the eight, the reply says how to get it, and nothing runs."""

    async def host(call: Any) -> None:
        reply = await call("publish", text="hello")
        assert reply["kind"] == "invalid"
        assert "--tools publish" in reply["errors"][0]
        assert not (project / ".lev" / "runs").exists()

    play(host, only=("shout",))


def test_what_breaks_in_the_server_is_told_by_kind_and_place(
    play: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The words of an error may be those of an argument: neither the host nor the log, which it keeps, has them."""

    async def broken(*_: object) -> None:
        raise ValueError("not a number: swordfish")

    async def host(call: Any) -> None:
        reply = await call("count_words", text="swordfish")
        assert "(ValueError)" in reply["error"]["message"]
        assert "swordfish" not in str(reply)

    monkeypatch.setattr(Desk, "call_tool", broken)
    play(host)
    said = capsys.readouterr().err
    assert f"count_words failed: ValueError at {__file__}:" in said
    assert "swordfish" not in said


def test_hints_come_from_declared_effects(project: Path) -> None:
    """A look-up is read-only; publishing is destructive and open-world."""
    tools = listing(project, every=True)
    assert tools["birthplace"].annotations.read_only_hint is True
    assert tools["publish"].annotations.destructive_hint is True
    assert tools["publish"].annotations.open_world_hint is True
    assert tools["birthplace"].input_schema["required"] == ["name"]
    assert "storydesk/flows/story: Tell a story" in tools["flow_start"].description


def test_a_direct_call_gives_the_tools_value(play: Any) -> None:
    """Structured as it is for an object, under `result` otherwise; defaults fill in."""

    async def host(call: Any) -> None:
        assert await call("birthplace", name="Ada") == {"result": "Paris"}
        assert await call("shout", text="hi ${input.text}") == {"text": "HI ${INPUT.TEXT}!"}

    play(host, every=True)


def test_a_direct_call_passes_the_gate(play: Any, project: Path) -> None:
    """What cannot be undone waits for a person; then the status gives the value, once."""
    seen: dict[str, Any] = {}

    async def first(call: Any) -> None:
        waiting = await call("publish", text="hello")
        seen.update(waiting)
        assert waiting["kind"] == "waiting"
        assert "BASE-" in json.dumps(waiting["for"])
        assert not (project / "log").exists()

    async def second(call: Any) -> None:
        done = await call("flow_status", run=seen["run"], token=seen["status_token"])
        assert done["output"] == "published: hello"

    play(first, every=True)
    with Run.resume(project / ".lev" / "runs" / f"{seen['run']}.jsonl", secret=token_secret(project)) as run:
        (wait,) = run.waits
        run.submit(wait.token, {"approved": True})
    play(second)
    assert (project / "log").read_text() == "publish\n"


def test_a_denied_call_says_why(play: Any, project: Path) -> None:
    """A credential in an argument is refused with the principle's reason."""
    key = "AKIA" + "IOSFODNN7EXAMPLE"

    async def main() -> None:
        served = Catalog.load([str(project / "storydesk")], every=True)
        async with Client(build_server(served, Desk(served, project))) as client:
            result = await client.call_tool("shout", {"text": key})
            assert result.is_error
            assert result.structured_content["kind"] == "denied"
            assert "BASE-006" in json.dumps(result.structured_content)

    asyncio.run(main())


def test_wrong_arguments_are_told_in_the_words_of_the_call(play: Any, project: Path) -> None:
    """What is missing, unknown or of the wrong kind; nothing of the flow that carries the call out, and no run."""

    async def host(call: Any) -> None:
        reply = await call("shout", txt="hi")
        assert reply["kind"] == "invalid"
        told = json.dumps(reply)
        assert "text" in told
        assert "txt" in told
        assert "with" not in told
        assert (await call("shout", text=7))["kind"] == "invalid"

    play(host, every=True)
    assert not (project / ".lev" / "runs").exists()


def test_a_tool_that_raises_is_a_failed_call(play: Any) -> None:
    """Its message, without a traceback."""

    async def host(call: Any) -> None:
        reply = await call("erase", text="x")
        assert reply["kind"] == "failed"
        assert "the disk is on fire" in reply["error"]["message"]

    play(host, every=True)


def test_contexts_are_resources(project: Path) -> None:
    """Listed and read by their lev:// name; an unknown one is an error with the nearest."""

    async def main() -> None:
        served = Catalog.load([str(project / "storydesk")])
        async with Client(build_server(served, Desk(served, project))) as client:
            uris = [resource.uri for resource in (await client.list_resources()).resources]
            assert "lev://storydesk/contexts/style" in uris
            read = await client.read_resource("lev://storydesk/contexts/style")
            assert "Plain words." in str(read.contents[0])
            with pytest.raises(MCPError, match="did you mean 'lev://storydesk/contexts/style'"):
                await client.read_resource("lev://storydesk/contexts/stile")

    asyncio.run(main())


def test_a_package_that_cannot_be_used_is_said_before_the_first_message(tmp_path: Path) -> None:
    """`lev mcp` ends with the reason."""
    with pytest.raises(LevError):
        Catalog.load([str(tmp_path / "nothing")])
