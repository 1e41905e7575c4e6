"""Runs that an MCP host drives, seen and answered from the command line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from lev_os.mcp import Desk, build_server
from lev_os.mcp.catalog import Catalog
from mcp import Client

Lev = Callable[..., Any]
Call = Callable[..., Awaitable[dict[str, Any]]]

TOOLS = '''\
from pathlib import Path

from lev_os.core import tool


@tool(effects=["writes_local"])
def note(text: str) -> str:
    """Write it down."""
    with Path("notes.txt").open("a") as notes:
        notes.write(text + "\\n")
    return text
'''
FLOW = """\
flowmind: 1
name: letter
input: {}
steps:
  - id: draft
    ask: Write a letter.
  - id: approval
    wait: approval
    about: "${draft}"
    returns: {approved: boolean}
  - id: kept
    call: ./tools/note
    with: {text: "${draft}"}
  - id: last
    ask: Say goodbye.
  - return: "${kept}, ${last}"
"""


@pytest.fixture
def pack(lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose flow asks, waits for a person, writes and asks again."""
    lev("new", "package", "acme-held")
    root = tmp_path / "acme-held"
    (root / "src" / "acme_held" / "tools.py").write_text(TOOLS)
    (root / "src" / "acme_held" / "flows" / "letter.yaml").write_text(FLOW)
    for module in [name for name in sys.modules if name.partition(".")[0] == "acme_held"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.chdir(root)
    monkeypatch.syspath_prepend(root / "src")
    return root


def play(root: Path, script: Callable[[Call], Awaitable[None]]) -> None:
    """A host with the SDK's client against a server on this project."""

    async def main() -> None:
        catalog = Catalog.load([str(root / "src" / "acme_held")])
        async with Client(build_server(catalog, Desk(catalog, root))) as client:

            async def call(tool: str, **arguments: Any) -> dict[str, Any]:
                found = (await client.call_tool(tool, arguments)).structured_content
                assert isinstance(found, dict)
                return found

            await script(call)

    asyncio.run(main())


def test_approving_a_hosts_run_answers_it_and_the_host_goes_on(lev: Lev, pack: Path) -> None:
    """No step is carried out by the command; no model is asked for here. The host finds its next request."""
    notes = pack / "notes.txt"
    status = lambda: [run["status"] for run in lev("runs", "list", "--json").json]  # noqa: E731  # asked four times

    async def host(call: Call) -> None:
        asked = await call("flow_start", flow="acme_held/flows/letter", input={})
        assert await asyncio.to_thread(status) == ["idle"]
        waiting = await call("flow_submit", token=asked["token"], result="Dear Ada")
        assert waiting["kind"] == "waiting"
        assert status() == ["waiting"]

        said = lev("runs", "approve", asked["run"], "--json")
        assert (said.code, said.json["status"]) == (0, "waiting")
        assert "waits" not in said.json
        assert "goes on when it asks with flow_status" in said.err
        assert not notes.exists()
        assert status() == ["idle"]
        assert lev("runs", "show", asked["run"], "--json").json["status"] == "idle"
        assert lev("runs", "approve", asked["run"]).code == 2

        again = await call("flow_status", run=asked["run"], token=waiting["status_token"])
        assert (again["kind"], again["instruction"]) == ("request", "Say goodbye.")
        assert notes.read_text() == "Dear Ada\n"
        done = await call("flow_submit", token=again["token"], result="Bye")
        assert (done["kind"], done["output"]) == ("done", "Dear Ada, Bye")
        assert status() == ["done"]

    play(pack, host)
    assert notes.read_text() == "Dear Ada\n"


def test_an_answer_that_ends_a_hosts_run_is_told_as_its_end(lev: Lev, pack: Path) -> None:
    """A wrong answer is refused in words and leaves the wait open; the last one ends the run."""
    flow = pack / "src" / "acme_held" / "flows" / "letter.yaml"
    flow.write_text(FLOW.partition("  - id: kept")[0] + '  - return: "${approval.approved}"\n')

    async def host(call: Call) -> None:
        asked = await call("flow_start", flow="acme_held/flows/letter", input={})
        await call("flow_submit", token=asked["token"], result="Dear Ada")
        assert lev("runs", "approve", asked["run"], "--answer", "7").code == 2
        said = lev("runs", "approve", asked["run"], "--json")
        assert (said.code, said.json["status"], said.json["output"]) == (0, "done", True)

    play(pack, host)


def test_idle_is_not_waiting_and_not_interrupted(lev: Lev, pack: Path) -> None:
    """`--status` finds each by its own word."""

    async def host(call: Call) -> None:
        await call("flow_start", flow="acme_held/flows/letter", input={})

    play(pack, host)
    assert len(lev("runs", "list", "--status", "idle", "--json").json) == 1
    for other in ("waiting", "interrupted", "running"):
        assert lev("runs", "list", "--status", other, "--json").json == []
