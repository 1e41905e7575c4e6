"""`lev serve`, started as a person would."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest

SERVE = [sys.executable, "-m", "lev_os.cli", "serve", "acme_support/agents/desk", "--port", "0", "--model", "test"]


@pytest.mark.slow
def test_a_task_is_there_after_the_server_was_killed(tmp_path: Path) -> None:
    """As the A2A SDK's client sees it, through a server that had no time for anything."""
    from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
    from a2a.helpers import new_text_message
    from a2a.types.a2a_pb2 import GetTaskRequest, Role, SendMessageRequest, TaskState

    (tmp_path / "token").write_text("a-token-of-the-tests")
    (tmp_path / "token").chmod(0o600)

    async def of_client(address: str, task: str | None) -> Any:
        headers = {"authorization": "Bearer a-token-of-the-tests"}
        async with httpx.AsyncClient(headers=headers) as http:
            card = await A2ACardResolver(http, f"{address}/a2a/desk").get_agent_card()
            client = ClientFactory(ClientConfig(httpx_client=http, streaming=False)).create(card)
            if task is not None:
                return await client.get_task(GetTaskRequest(id=task))
            message = new_text_message("Hello.", role=Role.ROLE_USER)
            return [event async for event in client.send_message(SendMessageRequest(message=message))][-1].task

    def served(task: str | None) -> Any:
        server = subprocess.Popen([*SERVE, "--token-file", "token"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        assert server.stderr is not None
        try:
            return asyncio.run(of_client(server.stderr.readline().split()[-1], task))
        finally:
            server.kill()
            server.wait()
            server.stderr.close()

    asked = served(None)
    again = served(asked.id)
    assert again.status.state in (TaskState.TASK_STATE_COMPLETED, TaskState.TASK_STATE_INPUT_REQUIRED)
    assert again == asked


@pytest.mark.slow
def test_an_agent_is_served(tmp_path: Path) -> None:
    """Address and token are told first; the agent answers, another token does not, and Ctrl-C ends it."""
    server = subprocess.Popen(SERVE, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        address = server.stderr.readline().split()[-1]
        token = server.stderr.readline().split("Authorization: ")[1].strip()
        models = httpx2.get(f"{address}/v1/models", headers={"authorization": token}).json()
        assert [model["id"] for model in models["data"]] == ["desk"]
        card = httpx2.get(f"{address}/.well-known/agent-card.json", headers={"authorization": token}).json()
        assert card["name"] == "desk"
        assert httpx2.get(f"{address}/v1/models").status_code == 401
    finally:
        os.kill(server.pid, signal.SIGINT)
        assert server.wait(20) in (0, 130)
        server.stderr.close()


@pytest.mark.slow
def test_a_server_that_is_told_to_stop_ends_well(tmp_path: Path) -> None:
    """SIGTERM, as an init system sends it."""
    with subprocess.Popen(SERVE, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        address, token = server.stderr.readline().split()[-1], server.stderr.readline().split("Authorization: ")[1]
        assert httpx2.get(f"{address}/v1/models", headers={"authorization": token.strip()}).status_code == 200
        server.terminate()
        assert server.stderr.read() == ""
    assert server.returncode == 0
