"""`[mcp.servers]` of a manifest, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ._files import hidden_character, path_fault

if TYPE_CHECKING:
    from .manifest import _Reader
    from .mcp_servers import McpServer

MOST_SERVERS = 32
LONGEST_TIMEOUT = 3600
KEYS = ("command", "url", "env", "token", "timeout")
SERVER = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}", re.ASCII)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_MOST_ARGUMENTS = 64


def read_servers(reader: _Reader, data: Mapping[str, Any]) -> Mapping[str, McpServer]:
    """The servers of a manifest; what is wrong goes to the reader."""
    table = data.get("mcp", {})
    if not isinstance(table, dict) or not isinstance(table.get("servers", {}), dict):
        reader.problem(("mcp",), "MAN118", "`mcp` is a table that holds the table `servers`")
        return {}
    reader.known(table, ("servers",), ("mcp",))
    servers = table.get("servers", {})
    if len(servers) > MOST_SERVERS:
        reader.problem(("mcp", "servers"), "MAN118", f"{len(servers)} servers; at most {MOST_SERVERS} are read")
        return {}
    found = {}
    for name, written in servers.items():
        server = _server(reader, name, written)
        if server is not None:
            found[name] = server
    return found


def _server(reader: _Reader, name: str, written: Any) -> McpServer | None:
    from .mcp_servers import McpServer

    at = ("mcp", "servers", name)
    before = len(reader.problems)
    if not SERVER.fullmatch(name) or path_fault(f"./{name}"):
        reader.problem(at, "MAN118", f"{name!r} is no name of a server", "use lower-case letters, digits, - and _")
    if not isinstance(written, dict):
        reader.problem(at, "MAN118", "a server is a table with `command` or `url`")
        return None
    reader.known(written, KEYS, at)
    command, url = written.get("command"), written.get("url")
    if (command is None) == (url is None):
        reader.problem(at, "MAN118", "a server has either `command` or `url`")
    for key, belongs in (("env", "command"), ("token", "url")):
        if key in written and belongs not in written:
            reader.problem((*at, key), "MAN118", f"`{key}` goes with `{belongs}`")
    faults = {
        "command": None if command is None else _command_fault(command),
        "url": None if url is None else _url_fault(url),
        "env": _names_fault(written.get("env", [])),
        "token": None if "token" not in written else _names_fault([written["token"]]),
        "timeout": _timeout_fault(written.get("timeout", 60)),
    }
    for key, fault in faults.items():
        if fault is not None:
            reader.problem((*at, key), "MAN118", f"`{key}`: {fault}")
    if len(reader.problems) > before:
        return None
    return McpServer(
        name,
        command=tuple(command or ()),
        url=url,
        env=tuple(written.get("env", ())),
        token=written.get("token"),
        timeout=float(written.get("timeout", 60)),
    )


def _command_fault(command: Any) -> str | None:
    if not isinstance(command, list) or not command or not all(isinstance(part, str) for part in command):
        return "a list of texts, the program first"
    if len(command) > _MOST_ARGUMENTS:
        return f"{len(command)} parts; at most {_MOST_ARGUMENTS} are taken"
    for part in command:
        if not part.isprintable() or hidden_character(part) is not None:
            return f"{part[:80]!r} holds a character that cannot be seen"
        if part.startswith(("./", "../", ".\\", "..\\")) and (fault := path_fault(part)):
            return f"{part[:80]!r} is not a file of the package: {fault}"
    if not command[0].startswith("./") and not _PROGRAM.fullmatch(command[0]):
        return f"{command[0][:80]!r} is neither the name of a program nor a file of the package (./…)"
    return None


def _url_fault(url: Any) -> str | None:
    if not isinstance(url, str) or len(url) > 2048 or not url.isascii() or not url.isprintable() or " " in url:
        return "an address in plain ASCII"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"no address: {error}"
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        return "an address with a host, without a user's name and without '#'"
    if parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK):
        return None
    return "it begins with https:// (http:// is for this machine alone)"


def _names_fault(names: Any) -> str | None:
    if not isinstance(names, list) or not all(isinstance(name, str) and VARIABLE.fullmatch(name) for name in names):
        return "names of environment variables, never their values"
    return None


def _timeout_fault(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST_TIMEOUT:
        return f"seconds, more than 0 and at most {LONGEST_TIMEOUT}"
    return None
