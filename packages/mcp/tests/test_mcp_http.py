"""Streamable HTTP: a real server process on loopback, the SDK's client, and those who have no business there."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest
from lev_os.core.errors import LevError
from lev_os.core.listening import is_loopback
from lev_os.core.packaging import load_package
from lev_os.mcp import Listen, read_token
from lev_os.mcp.http import serve_http
from lev_os.mcp.pinning import look
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel.server import Server

TOKEN = "correct-horse-battery-staple"


@contextmanager
def served(project: Path, *options: str) -> Iterator[tuple[str, str | None]]:
    """A server process; gives its address and the token that it printed."""
    command = [sys.executable, "-m", "lev_os.mcp", str(project / "storydesk"), "--root", str(project)]
    process = subprocess.Popen([*command, "--http", "--port", "0", *options], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        found = re.search(r"http://(\S+)/mcp", said)
        assert found, said + process.stderr.read()
        token = None
        if "--token-file" not in options:
            token = process.stderr.readline().rpartition(" ")[2].strip()
        yield found[1], token
    finally:
        process.terminate()
        _, rest = process.communicate(timeout=20)
        assert "Traceback" not in rest


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


def ask(address: str, **headers: str) -> tuple[int, str]:
    """One POST as any program could send it; a header that is empty is left out."""
    sent = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {TOKEN}",
        "Host": address,
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    with closing(http.client.HTTPConnection(address, timeout=20)) as connection:
        connection.request("POST", "/mcp", body, {name: value for name, value in sent.items() if value})
        reply = connection.getresponse()
        return reply.status, reply.read().decode()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_session_over_http(project: Path, mode: str) -> None:
    """With the token that was printed, a host lists, reads and drives a flow to its end."""

    async def main(address: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(headers=headers) as http_client:
            transport = streamable_http_client(f"http://{address}/mcp", http_client=http_client)
            async with Client(transport, mode=mode) as client:
                assert {tool.name for tool in (await client.list_tools()).tools} >= {"flow_start", "birthplace"}
                asked = (await client.call_tool("flow_start", {"flow": "storydesk/flows/pair"})).structured_content
                asked = (
                    await client.call_tool("flow_submit", {"token": asked["token"], "result": "L"})
                ).structured_content
                result = await client.call_tool("flow_submit", {"token": asked["token"], "result": "R"})
                assert result.structured_content["output"] == {"left": "L", "right": "R"}

    with served(project) as (address, token):
        assert address.startswith("127.0.0.1:")
        assert token is not None
        asyncio.run(main(address, token))


@pytest.mark.slow
def test_who_is_let_in(project: Path, token_file: Path) -> None:
    """No token, a wrong one, a page of another site, a name that resolves to loopback: all stay outside."""
    with served(project, "--token-file", str(token_file), "--allow-host", "proxy.example.org") as (address, _):
        port = address.rpartition(":")[2]
        assert ask(address)[0] == 200
        assert ask(address, Authorization="")[0] == 401
        assert ask(address, Authorization="Bearer wrong")[0] == 401
        assert ask(address, Authorization=f"Basic {TOKEN}")[0] == 401
        assert ask(address, Authorization="", Host="evil.example")[0] == 401
        assert ask(address, Host=f"evil.example:{port}")[0] == 421
        assert ask(address, Host=f"127.0.0.1.evil.example:{port}")[0] == 421
        assert ask(address, Origin="http://evil.example")[0] == 403
        assert ask(address, Origin=f"http://127.0.0.1:{port}@evil.example")[0] == 403
        assert ask(address, Origin="null")[0] == 403
        assert ask(address, Origin=f"http://localhost:{port}")[0] == 200
        assert ask(address, Host=f"localhost:{port}")[0] == 200
        assert ask(address, Host="proxy.example.org")[0] == 200
        assert ask(address, Host=f"proxy.example.org:{port}")[0] == 200
        modern = {"MCP-Protocol-Version": "2026-07-28"}
        assert ask(address, Host=f"evil.example:{port}", **modern)[0] == 421
        assert ask(address, Origin="http://evil.example", **modern)[0] == 403


@pytest.mark.slow
def test_a_port_that_is_taken_ends_with_words(project: Path, token_file: Path) -> None:
    """Exit code 2 and the reason; no traceback."""
    with served(project, "--token-file", str(token_file)) as (address, _):
        command = [sys.executable, "-m", "lev_os.mcp", str(project / "storydesk"), "--root", str(project), "--http"]
        done = subprocess.run(
            [*command, "--port", address.rpartition(":")[2]], capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    assert "cannot listen on 127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_beyond_loopback_a_token_must_be_given(host: str) -> None:
    """A token that is only printed is no protection that anybody has chosen."""
    with pytest.raises(LevError, match="can be reached from other machines"):
        serve_http(Server("x"), Listen(host=host))


def test_what_counts_as_loopback() -> None:
    """Addresses of this machine alone, by number or by its one reserved name."""
    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "localhost.example.org", "")] == [False] * 5


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_token_that_others_may_read_is_refused(token_file: Path) -> None:
    """It would be no secret."""
    assert read_token(token_file) == TOKEN
    token_file.chmod(0o644)
    with pytest.raises(LevError, match="others than its owner"):
        read_token(token_file)


@pytest.mark.parametrize(
    "text", ["", "short", "with spaces between the words", "ünïcödé-is-not-for-headers", "x\x07" * 20]
)
def test_a_token_that_is_none(token_file: Path, text: str) -> None:
    """Too short, or not fit for a header."""
    token_file.write_text(text)
    with pytest.raises(LevError, match="a token is 16 or more"):
        read_token(token_file)


def test_a_token_file_that_is_not_there(tmp_path: Path) -> None:
    """The reason in words."""
    with pytest.raises(LevError, match="cannot be read"):
        read_token(tmp_path / "nothing")


@pytest.mark.slow
def test_a_server_by_url_is_a_source_of_tools(
    project: Path, tmp_path: Path, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package borrows the tools of another machine's server, with a token from the environment alone."""
    borrower = tmp_path / "borrower"
    borrower.mkdir()
    (borrower / "__init__.py").touch()
    with served(project, "--token-file", str(token_file), "--all-tools") as (address, _):
        table = f'[mcp.servers.desk]\nurl = "http://{address}/mcp"\ntoken = "DESK_TOKEN"\n'
        (borrower / "lev.toml").write_text(f"format = 1\n{table}")
        with pytest.raises(LevError, match="which is not set"):
            look(load_package(str(borrower)))
        monkeypatch.setenv("DESK_TOKEN", "a-wrong-token-that-is-long")
        with pytest.raises(LevError, match="the MCP server desk failed"):
            look(load_package(str(borrower)))
        monkeypatch.setenv("DESK_TOKEN", TOKEN)
        look(load_package(str(borrower))).write()
        package = load_package(str(borrower))
        assert package.card("./tools/desk/shout").declaration.idempotent
        called = asyncio.run(package.tool("./tools/desk/shout")(text="hi"))
        assert called == {"text": "HI!"}
