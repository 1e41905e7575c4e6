"""`lev mcp --remember`: a host's model remembers and recalls, in the scope that the command chose."""

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
