"""Approving what the MCP servers of a package offer: look, show what is otherwise, write the listing down."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

import msgspec
from lev_os.core.errors import LevError
from lev_os.core.packaging import Package
from lev_os.core.packaging.mcp_servers import LISTINGS, Listing, Listings, read_listings, tool_fault

from .outbound import read_listing


@dataclass(frozen=True, slots=True)
class Pin:
    """What the servers offer now. `changes` says, in lines, what is otherwise than approved before."""

    package: Package
    listings: dict[str, Listing]
    changes: tuple[str, ...]

    def write(self) -> None:
        """Approve it: replace `mcp-tools.json` beside lev.toml."""
        place = self.package.root / LISTINGS
        draft = place.with_suffix(".json.new")
        data = msgspec.json.encode(Listings(format=1, servers=dict(sorted(self.listings.items()))))
        draft.write_bytes(msgspec.json.format(data, indent=1) + b"\n")
        os.replace(draft, place)


def look(package: Package) -> Pin:
    """Ask every server of a package what it offers; starts their commands. Raises `LevError`."""
    if not package.manifest.servers:
        raise LevError(f"{package.name} has no MCP servers", help="declare them under [mcp.servers.NAME] in lev.toml")
    try:
        before = dict(read_listings(package))
    except LevError:  # a file that nobody approved approves nothing
        before = {}
    listings = {}
    changes = []
    for name, server in package.manifest.servers.items():
        listing = listings[name] = asyncio.run(read_listing(package, server))
        changes += [f"{name}: {change}" for change in before.get(name, Listing.of(())).differences(listing)]
        changes += [f"{name}: left out: {fault}" for fault in filter(None, map(tool_fault, listing.tools))]
    changes += [f"{name}: is no longer declared" for name in before.keys() - listings.keys()]
    return Pin(package, listings, tuple(changes))
