"""`lev serve`, started as a person would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest


@pytest.mark.slow
def test_an_agent_is_served(tmp_path: Path) -> None:
    """Address and token are told first; the agent answers, another token does not, and Ctrl-C ends it."""
    said = ["serve", "acme_support/agents/desk", "--port", "0", "--model", "test"]
    server = subprocess.Popen(
        [sys.executable, "-m", "lev_os.cli", *said], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
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
