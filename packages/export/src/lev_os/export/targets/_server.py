"""How a host starts the MCP server of a package: `lev mcp`, installed by uv beside the package."""

from __future__ import annotations

from ._parts import Parts

__all__ = ["LEV", "command_of"]

LEV = "lev-os[mcp]>=0.1,<0.2"


def command_of(parts: Parts) -> tuple[str, list[str]]:
    """The program and its arguments."""
    return "uvx", ["--from", LEV, "--with", parts.about.requirement, "lev", "mcp", parts.package.name]
