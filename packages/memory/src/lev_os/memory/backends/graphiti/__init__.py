"""Memory in a graph that Graphiti reads: `graphiti+kuzu:///folder`, or `graphiti+falkordb:///folder` from 3.12 on.

Records are episodes, and facts are edges that are valid when the fact is; a log beside them keeps everything that
happened, so that what Graphiti cannot express is not lost. Without a model nothing is extracted and none is called.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from lev_os.core.errors import LevError

from ..logged import LoggedBackend
from .log import Graph, GraphLog


class GraphitiBackend(LoggedBackend):
    """See `MemoryBackend`."""

    def __init__(self, graph: Graph, embedder: str | None) -> None:
        super().__init__(GraphLog(graph), embedder)
        self.graph = graph


async def connect(url: str, embedder: str | None) -> GraphitiBackend:
    """Open `graphiti+kuzu:///folder` or `graphiti+falkordb:///folder`; see `backends.open_backend`."""
    scheme, _, rest = url.partition("://")
    path = unquote(rest.removeprefix("/"))
    if not rest.startswith("/") or not path or "\0" in path:
        help = f"three slashes and a path: {scheme}:///memory; an absolute path makes four: {scheme}:////var/memory"
        raise LevError(f"{url!r} names no folder", help=help)
    return GraphitiBackend(await _graph(scheme, Path(path)), embedder)


async def _graph(scheme: str, folder: Path) -> Graph:
    if scheme == "graphiti+falkordb":
        from .falkor import FalkorGraph

        return await FalkorGraph.open(folder)
    from .kuzu import KuzuGraph

    return await KuzuGraph.open(folder)
