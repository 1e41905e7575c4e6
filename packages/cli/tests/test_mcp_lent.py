"""`lev mcp --remember` and `--agent`: what the command lends to the tools of memory and agents."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from lev_os.memory import MemoryManager, Scope
from mcp import Client, StdioServerParameters

pytestmark = pytest.mark.slow


def test_a_host_remembers_and_recalls(tmp_path: Path) -> None:
    """The tools are offered beside a package's own; the scope is no parameter; what was remembered outlives it."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0"\n', encoding="utf-8")

    def server(*options: str) -> StdioServerParameters:
        command = ["-m", "lev_os.cli", "mcp", "--remember", *options]
        env = {name: value for name, value in os.environ.items() if not name.startswith("LEV_")}
        return StdioServerParameters(command=sys.executable, args=command, env=env, cwd=str(tmp_path))

    async def called(client: Client, name: str, **arguments: Any) -> Any:
        answer = await client.call_tool(name, arguments)
        assert not answer.is_error, answer
        return answer.structured_content

    async def main() -> None:
        async with Client(server("--user", "ada")) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert {"remember", "recall"} <= tools.keys()
            assert "scope" not in str(tools["remember"].input_schema)
            first = await called(client, "remember", text="Ada drinks tea", type="semantic")
            assert first == await called(client, "remember", text="Ada drinks tea", type="semantic")
            found = await called(client, "recall", question="tea")
            assert [one["text"] for one in found["result"]] == ["Ada drinks tea"]
            assert found["result"][0]["trusted"] is False
        async with Client(server("--user", "bob")) as client:
            assert (await called(client, "recall", question="tea"))["result"] == []

    asyncio.run(main())
    with MemoryManager.open_sync(f"sqlite:///{tmp_path}/.lev/memory.db") as memory:
        assert len(memory.query(scope=Scope(tenant="local", user="ada")).records) == 1


def test_a_host_asks_an_agent(tmp_path: Path) -> None:
    """Beside memory: the agents that the command names, and no others."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0"\n', encoding="utf-8")
    said = tmp_path / "said.yaml"
    said.write_text("script: 1\nreplies:\n  - {answer: It is on its way.}\n", encoding="utf-8")
    options = ["--remember", "--agent", "acme_support/agents/desk", "--model", f"script:{said}"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("LEV_")}
    command = ["-m", "lev_os.cli", "mcp", *options]
    server = StdioServerParameters(command=sys.executable, args=command, env=env, cwd=str(tmp_path))

    async def main() -> None:
        async with Client(server) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert {"remember", "recall", "agent_ask"} <= tools
            answer = await client.call_tool("agent_ask", {"agent": "desk", "message": "Where is A-7001?"})
            assert answer.structured_content == {"answer": "It is on its way.", "waiting": [], "thread": None}
            other = await client.call_tool("agent_ask", {"agent": "other", "message": "hi"})
            assert other.is_error
            assert "there is no agent 'other'" in other.structured_content["error"]["message"]

    asyncio.run(main())
