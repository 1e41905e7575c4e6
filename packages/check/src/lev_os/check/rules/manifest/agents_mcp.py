"""MCP servers in .mcp.json and mcp.json."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from lev_os.core.documents import nearest

from ...files import File
from ...project import Project
from ...rule import Example, Finding, rule
from .._json import json_span, read_json
from ..security.secrets import looks_random
from .agents_json import VERIFIED

_SOURCE = "https://code.claude.com/docs/en/mcp"
_TYPES = frozenset({"stdio", "http", "sse", "streamable-http", "streamableHttp", "ws"})
_OURS = frozenset({"type", "args", "env", "headers", "cwd", "command", "url"})
"""A server with none of these is described in a way of its host's own."""
_LOCAL = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1|0\.0\.0\.0|[^.]+|.*\.(?:local|internal|localhost|test|lan)")
Place = tuple[str | int, ...]


def servers(file: File) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Every server of a file, with its place: under `mcpServers`, `servers` (VS Code), or at the top (plugins)."""
    data = read_json(file)
    if not isinstance(data, dict):
        return
    for key in ("mcpServers", "servers"):
        if isinstance(data.get(key), dict):
            yield from (((key, name), server) for name, server in data[key].items() if isinstance(server, dict))
            return
    for name, server in data.items():
        if isinstance(server, dict) and ("command" in server or "url" in server):
            yield (name,), server


@rule(
    "MAN607",
    "mcp-server",
    summary="An MCP server cannot be started: it has no command or address, or an unknown type.",
    on="file",
    kinds={"mcp"},
    severity="error",
    why="Hosts leave such a server out; the tools that instructions speak of are then not there.",
    mend="Give a local server `command`, a remote one `type` and `url`.",
    source=_SOURCE,
    verified=VERIFIED,
    bad=(
        Example({".mcp.json": '{"mcpServers": {"a": {"args": ["x"]}}}\n'}, (".mcp.json", 1, 17)),
        Example({".mcp.json": '{"mcpServers": {"a": {}}}\n'}, (".mcp.json", 1, 17)),
        Example({".mcp.json": '{"mcpServers": {"a": {"type": "htp", "url": "https://x"}}}\n'}, (".mcp.json", 1, 31)),
    ),
    good=Example(
        {
            ".mcp.json": '{"mcpServers": {"a": {"command": "uvx", "args": ["x"]}, "b": {"type": "http", "url": "https://x"}}}'
        }
    ),
)
def mcp_server(file: File) -> Iterator[Finding]:
    """Type, command and address of each server."""
    for place, server in servers(file):
        kind, command, url = server.get("type"), server.get("command"), server.get("url", server.get("serverUrl"))
        if kind is not None and kind not in _TYPES:
            help_ = nearest(str(kind), _TYPES) or "stdio, http and sse are known"
            yield Finding(json_span(file, *place, "type"), f"no host knows servers of type {kind!r}", help_)
        elif not command and not url and (not server or server.keys() & _OURS):
            yield Finding(json_span(file, *place, key=True), "the server has neither `command` nor `url`")
        elif kind == "stdio" and not command:
            yield Finding(json_span(file, *place, key=True), "a server of type `stdio` needs a `command`")
        elif kind not in (None, "stdio") and not url:
            yield Finding(json_span(file, *place, key=True), f"a server of type `{kind}` needs a `url`")
        elif kind is None and url and not command and file.path.name == ".mcp.json":
            message = "Claude Code takes a server without `type` for a local one"
            yield Finding(json_span(file, *place, key=True), message, 'write `"type": "http"`', severity="warning")
        args = server.get("args")
        if args is not None and not (isinstance(args, list) and all(isinstance(item, str) for item in args)):
            yield Finding(json_span(file, *place, "args"), "`args` must be a list of texts")
        if isinstance(command, str) and " " in command.strip() and not args and not os.path.exists(command):
            message = "`command` is one program; its arguments go into `args`"
            yield Finding(json_span(file, *place, "command"), message, severity="warning")


@rule(
    "MAN608",
    "mcp-plain-http",
    summary="An MCP server of another machine is reached without TLS.",
    on="file",
    kinds={"mcp"},
    severity="warning",
    why="Anybody on the way can read the tokens and change what the tools answer. Names of this machine and of private "
    "networks are left alone.",
    mend="Use https.",
    source="https://modelcontextprotocol.io/specification",
    verified=VERIFIED,
    bad=Example(
        {".mcp.json": '{"mcpServers": {"a": {"type": "http", "url": "http://x.example/mcp"}}}\n'}, (".mcp.json", 1, 46)
    ),
    good=Example({".mcp.json": '{"mcpServers": {"a": {"type": "http", "url": "http://localhost:8000/mcp"}}}\n'}),
)
def mcp_plain_http(file: File) -> Iterator[Finding]:
    """Addresses with http:// to hosts elsewhere."""
    if "http://" not in file.text:
        return
    for place, server in servers(file):
        url = server.get("url")
        if not isinstance(url, str) or not url.startswith("http://") or "${" in url:
            continue
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            continue
        private = re.fullmatch(r"10\..*|192\.168\..*|172\.(?:1[6-9]|2\d|3[01])\..*", host)
        if not private and not _LOCAL.fullmatch(host):
            yield Finding(json_span(file, *place, "url"), f"`{host}` is reached without TLS", "use https")


@rule(
    "MAN609",
    "mcp-command-missing",
    summary="An MCP server's command is a file that does not exist.",
    on="project",
    severity="error",
    why="The server cannot start. Only paths relative to the file are looked at, not programs on the PATH.",
    mend="Correct the path.",
    source=_SOURCE,
    verified=VERIFIED,
    bad=Example({".mcp.json": '{"mcpServers": {"a": {"command": "./server.py"}}}\n'}, (".mcp.json", 1, 34)),
    good=Example({".mcp.json": '{"mcpServers": {"a": {"command": "./server.py"}}}\n', "server.py": "x\n"}),
)
def mcp_command_missing(project: Project) -> Iterator[Finding]:
    """Commands that begin with `./` or `../`."""
    for file in project.of_kind("mcp"):
        for place, server in servers(file):
            command = server.get("command")
            if isinstance(command, str) and command.startswith(("./", "../")) and "cwd" not in server:
                folder = file.path.parent
                # .cursor/mcp.json runs in the folder above
                places = [os.path.join(root, command) for root in (folder, folder.parent)]
                project.uses(*places)
                if not any(map(os.path.exists, places)):
                    span = json_span(file, *place, "command")
                    yield Finding(span, f"`{command}` does not exist", file=file.where)


_SECRET_NAME = re.compile(
    r"(?i)(?:token|secret|password|passwd|api_?key|access_?key|private_?key|authorization|credential)s?$"
)


@rule(
    "MAN610",
    "mcp-secret",
    summary="The settings of an MCP server hold a secret.",
    on="file",
    kinds={"mcp"},
    severity="warning",
    confidence="medium",
    why="The file is committed and shared, and the secret with it. Short values, those that name a variable "
    "(`${TOKEN}`) and those like an example are left alone.",
    mend="Write `${NAME}` and set the variable in the environment.",
    source=_SOURCE,
    verified=VERIFIED,
    bad=Example(
        {".mcp.json": '{"mcpServers": {"a": {"command": "x", "env": {"API_KEY": "q9Zk3vL8sT2mXw7RbN4c"}}}}\n'},
        (".mcp.json", 1, 58),
    ),
    good=Example(
        {".mcp.json": '{"mcpServers": {"a": {"command": "x", "env": {"KEY": "${KEY}", "TOKEN": "your-token"}}}}'}
    ),
)
def mcp_secret(file: File) -> Iterator[Finding]:
    """Values of variables and headers whose names say that they are secret."""
    for place, server in servers(file):
        for group in ("env", "headers"):
            values = server.get(group)
            for name, value in values.items() if isinstance(values, dict) else ():
                if not isinstance(value, str) or not _SECRET_NAME.search(name) or any(c in value for c in "${<"):
                    continue
                word = value.rpartition(" ")[2]
                if len(word) >= 16 and looks_random(word) and any(c.isdigit() for c in word):
                    span = json_span(file, *place, group, name)
                    yield Finding(span, f"`{name}` is written out", f"write `${{{name}}}` and set that variable")
