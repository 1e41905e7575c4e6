"""MCP servers as tools of a package: `[mcp.servers]` of lev.toml and the listings pinned beside it.

Nothing here speaks to a server. What a server offers is read from `mcp-tools.json`, which a person approves by
writing it (`lev mcp PACKAGE --pin`); a call goes through the entry point `lev_os.tool_servers`, of which lev-os-mcp
has one, and which compares the server's listing with the pinned one before it calls.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..canonical import digest
from ..errors import InvalidInput, LevError, Location, Problem
from ..tools import ToolCard, ToolDeclaration
from ._files import hidden_character, locate, path_fault, read_bytes
from .tool_cards import card_digest

if TYPE_CHECKING:
    from .package import Package

LISTINGS = "mcp-tools.json"
"""The file of pinned listings, beside lev.toml."""
GROUP = "lev_os.tool_servers"
"""The entry points that reach tools on servers; the name is the protocol (`mcp`)."""
MOST_TOOLS = 256
LONGEST_DESCRIPTION = 1024
"""Characters of a description that a model is shown."""
_MAX_LISTINGS = 4 << 20
_TOOL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_CLAIMED_READ_ONLY = frozenset({"reads_private", "ingests_untrusted"})

Caller = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class McpServer:
    """One server of a manifest: a `command` with its arguments, or a `url`.

    `env` names the variables that the command gets besides the harmless ones; `token` names the variable that holds
    the bearer token of the URL; `timeout` is in seconds and for a whole call, the start of the command included.
    """

    name: str
    command: tuple[str, ...] = ()
    url: str | None = None
    env: tuple[str, ...] = ()
    token: str | None = None
    timeout: float = 60.0

    def arguments(self, root: Path) -> list[str]:
        """The command with its program found below the package's `root`; raises `OutsidePackage`."""
        program, *rest = self.command
        return [str(locate(root, program)) if program.startswith("./") else program, *rest]


class ServerTool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool as a server lists it. `read_only` and `idempotent` are its annotations: claims, not facts."""

    name: str
    description: str = ""
    input_schema: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "object"})
    output_schema: dict[str, Any] | None = None
    read_only: bool = False
    idempotent: bool = False


class Listing(msgspec.Struct, frozen=True):
    """What a server offered when it was approved; `digest` is that of `tools`."""

    digest: str
    tools: tuple[ServerTool, ...]

    @classmethod
    def of(cls, tools: tuple[ServerTool, ...]) -> Listing:
        """The listing of some tools, whatever their order."""
        ordered = tuple(sorted(tools, key=lambda tool: tool.name))
        return cls(digest(msgspec.to_builtins(ordered)), ordered)

    def differences(self, now: Listing) -> list[str]:
        """What `now` has otherwise, in words."""
        before = {tool.name: tool for tool in self.tools}
        after = {tool.name: tool for tool in now.tools}
        found = [f"{name!r} is gone" for name in before.keys() - after.keys()]
        found += [f"{name!r} is new" for name in after.keys() - before.keys()]
        for name in before.keys() & after.keys():
            fields = [f for f in ServerTool.__struct_fields__ if getattr(before[name], f) != getattr(after[name], f)]
            if fields:
                found.append(f"{name!r} has another {', '.join(fields)}")
        return sorted(found)


class Listings(msgspec.Struct, frozen=True):
    """The whole of `mcp-tools.json`."""

    format: int
    servers: dict[str, Listing]


def read_listings(package: Package) -> Mapping[str, Listing]:
    """The pinned listings of a package's servers; raises `InvalidInput` for a file that is not what was approved."""
    path = locate(package.root, f"./{LISTINGS}")
    if not package.manifest.servers or not path.is_file():
        return {}
    try:
        found = msgspec.json.decode(read_bytes(path, limit=_MAX_LISTINGS), type=Listings)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise _broken(path, f"this is no list of tools: {error}") from None
    if found.format != 1:
        raise _broken(path, f"this has format {found.format}; this version reads format 1")
    for name, listing in found.servers.items():
        if Listing.of(listing.tools).digest != listing.digest:
            raise _broken(path, f"the tools of {name!r} are not those that were approved: their digest is another")
    return {name: listing for name, listing in found.servers.items() if name in package.manifest.servers}


def server_tools(package: Package) -> dict[str, tuple[McpServer, ServerTool]]:
    """Every tool of the pinned listings by its subpath, `./tools/<server>/<tool>`."""
    return {
        f"./tools/{name}/{tool.name}": (package.manifest.servers[name], tool)
        for name, listing in read_listings(package).items()
        for tool in listing.tools
        if tool_fault(tool) is None
    }


def tool_fault(tool: ServerTool) -> str | None:
    """Why a tool of a server cannot be exported; None when it can."""
    if not _TOOL.fullmatch(tool.name) or path_fault(f"./{tool.name}"):
        return f"{tool.name[:80]!r} is no name of an export"
    if hidden_character(tool.description) is not None:
        return f"the description of {tool.name!r} holds invisible characters"
    if tool.input_schema.get("type") != "object":
        return f"the input of {tool.name!r} is no object"
    return None


def server_card(package: Package, subpath: str, server: McpServer, tool: ServerTool) -> ToolCard:
    """The card of a server's tool. Its description is shown as what the server says, not as what is so."""
    said = " ".join(tool.description.split())[:LONGEST_DESCRIPTION]
    effects = _CLAIMED_READ_ONLY if tool.read_only else None
    card = ToolCard(
        specifier=package.specifier(subpath),
        name=re.sub(r"[.-]", "_", tool.name),
        description=f"The server {server.name} says of this tool: {said}" if said else "",
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        declaration=ToolDeclaration(effects=effects, idempotent=tool.idempotent),
    )
    return msgspec.structs.replace(card, digest=card_digest(card))


def server_function(package: Package, server: McpServer, tool: ServerTool) -> Caller:
    """The coroutine function that calls a server's tool; raises `LevError` when nothing here speaks MCP."""
    from importlib.metadata import entry_points

    found = list(entry_points(group=GROUP, name="mcp"))
    if not found:
        raise LevError(
            f"{package.name} has tools on the MCP server {server.name}, and nothing that is installed speaks MCP",
            help="pip install 'lev-os[mcp]'",
        )
    make: Callable[..., Caller] = found[0].load()
    return make(package, server, tool, read_listings(package)[server.name])


def _broken(path: Path, message: str) -> InvalidInput:
    help = "look at what the servers offer, then run `lev mcp PACKAGE --pin`"
    return InvalidInput([Problem("MAN403", message, Location(str(path)), help)])
