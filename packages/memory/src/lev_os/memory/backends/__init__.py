"""What a backend must do, and the way from a URL to one.

A backend keeps an append-only log of changes and what it comes to, answers questions about both, and searches. All
that memory means by a change lies in `lev_os.memory.lifecycle`; ids, hashes of content, clocks and embedding are the
manager's. So a backend is a store and an index, and the conformance suite (`lev_os.memory.conformance`) tells whether
it is a right one.

Every call names its scope; records outside of it do not exist for the call. Whatever is answered is on disk. Methods
are async and are called from one event loop, several at a time. They raise `LevError`s only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import unquote

from lev_os.core.errors import LevError, Problem

from ..errors import Unsupported
from ..types import Change, Filter, Hit, Moment, Page, Probe, Record, Scope, Stats

if TYPE_CHECKING:
    from .hybrid.model import Hybrid

__all__ = ["BACKENDS", "Capability", "MemoryBackend", "is_made", "open_backend", "require", "scopes_of"]

Capability = Literal["durable", "as_of", "known_at", "restore", "erase", "dense", "concurrent"]
"""What backends may lack: outliving the process, the two times, undoing, leaving no byte of what was erased, search by
meaning, and several processes at once."""


class MemoryBackend(Protocol):
    """A store of records. See the module for what holds of every method."""

    @property
    def capabilities(self) -> Collection[Capability]:
        """What it can do; the manager refuses the rest with `Unsupported`."""
        ...

    @property
    def problems(self) -> Sequence[Problem]:
        """What was found broken when it was opened, and is left out."""
        ...

    async def append(self, scope: Scope, changes: Sequence[Change]) -> Sequence[str]:
        """Carry out `put`s, `supersede`s, `retract`s and `restore`s, all or none, and answer an id for each.

        A `put` whose content is there already (the same hash in the same scope, not retracted, not superseded) does
        nothing and answers the id of that record; a `by` that names this `put` then means that record too. `at` is
        raised to the latest in the log. Raises `NotRemembered`, and `Conflict` as `lifecycle.changes_it` says, when
        an id is taken, and when a record would supersede itself, over several steps too.
        """
        ...

    async def load(self, scope: Scope, changes: Sequence[Change]) -> int:
        """Take in changes of another store as they are, ids and times included, and answer how many were new.

        Each has its own scope within `scope`, and `expects` the version of its record before it: changes that the
        record has already had do nothing, and a gap conflicts. A record whose content is there under another id is
        kept beside it. An `erase` destroys the record if it is there, with what was derived from it, and is remembered
        if it is not.
        """
        ...

    async def erase(self, scope: Scope, ids: Sequence[str], at: Any) -> Sequence[str]:
        """Leave no byte of these records but an `erase` in the log, and answer the ids that were there.

        What was derived from them goes with them, however far and wherever in the tenant it lies: every record that
        names one of them among its sources, as `lifecycle.comes_from` says.
        """
        ...

    async def get(self, scope: Scope, ids: Sequence[str], moment: Moment | None) -> Mapping[str, Record]:
        """Those of the records that are in the scope and, if a moment is given, visible at it."""
        ...

    async def scopes(self, scope: Scope, ids: Sequence[str]) -> Mapping[str, Scope]:
        """The scope that each of the records was put into, its session included; of those alone that are in `scope`."""
        ...

    async def query(self, scope: Scope, where: Filter, moment: Moment, after: int | None, limit: int) -> Page:
        """Records that pass the filter, in the order in which they were recorded, after a page's cursor."""
        ...

    async def search(self, scope: Scope, probe: Probe) -> Sequence[Hit]:
        """The best `probe.k` records, best first, of those alone that pass the filter at the moment."""
        ...

    async def changes(self, scope: Scope, after: int, limit: int, id: str | None = None) -> Sequence[Change]:
        """The log after a cursor, of one record or of all; erased records show their `erase` alone."""
        ...

    async def stats(self, scope: Scope, moment: Moment) -> Stats:
        """What the scope holds."""
        ...

    async def reindex(self) -> None:
        """Make everything that searching needs again from the records; `unembedded` then names all of them."""
        ...

    async def unembedded(self, limit: int) -> Sequence[tuple[Any, str]]:
        """Records of all scopes that lack a vector of the embedder the backend was opened with: keys and texts."""
        ...

    async def embed(self, vectors: Sequence[tuple[Any, Any]]) -> None:
        """Keep vectors (float32, length one) for keys of `unembedded`; a record that has gone meanwhile is skipped."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...


BACKENDS: Mapping[str, tuple[str, str]] = {
    "sqlite": ("sqlite", "sqlite:///memory.db"),
    "files": ("files", "files:///memory"),
    "postgresql": ("postgres", "postgresql://user@host/database"),
    "memory": ("sqlite", "memory://"),
    "graphiti+kuzu": ("graphiti", "graphiti+kuzu:///folder"),
    "graphiti+falkordb": ("graphiti", "graphiti+falkordb:///folder"),
    "mastra+http": ("mastra", "mastra+http://127.0.0.1:4111"),
    "mastra+https": ("mastra", "mastra+https://host"),
    "mastra+sqlite": ("mastra", "mastra+sqlite:///mastra.db"),
    "mastra+postgresql": ("mastra", "mastra+postgresql://host/database"),
}
"""Schemes: the module in this folder whose `connect(url, embedder)` opens it, and how its URLs look."""

_ON_DISK = ("sqlite", "files", "graphiti+kuzu", "graphiti+falkordb", "mastra+sqlite")


async def open_backend(url: str | Hybrid, embedder: str | None) -> MemoryBackend:
    """The backend a URL names, for vectors of an embedder (its digest; None for none). Raises `LevError`."""
    if not isinstance(url, str) or url.startswith("hybrid:"):
        from .hybrid import connect as combined

        return await combined(url, embedder)
    scheme, separator, _ = url.partition("://")
    entry = BACKENDS.get(scheme)
    if entry is None or not separator:
        ways = ", ".join((*(example for _, example in BACKENDS.values()), "hybrid:URL|URL"))
        raise LevError(f"{url!r} names no memory", help=f"write one of {ways}")
    connect: Callable[[str, str | None], Any] = import_module(f".{entry[0]}", __name__).connect
    backend: MemoryBackend = await connect(url, embedder)
    return backend


def is_made(url: str) -> bool:
    """Whether there is something to open on this machine; True for servers, and for what names no memory."""
    if url.startswith("hybrid:"):
        return is_made(url.removeprefix("hybrid:").partition("|")[0])
    scheme, separator, place = url.partition(":///")
    if not separator or scheme not in _ON_DISK:
        return True
    path = Path(unquote(place.partition("?")[0] if scheme == "files" else place))
    return "\0" in str(path) or path.exists()


async def scopes_of(backend: MemoryBackend, scope: Scope, ids: Sequence[str]) -> Mapping[str, Scope]:
    """`MemoryBackend.scopes`; one that was written before there was this method is asked for each log."""
    if hasattr(backend, "scopes"):
        return await backend.scopes(scope, ids)
    logs = [(id, await backend.changes(scope, 0, 1, id)) for id in ids]
    return {id: log[0].scope for id, log in logs if log and log[0].op == "put"}


def require(backend: MemoryBackend, capability: Capability, what: str) -> None:
    """Raise `Unsupported` when the backend cannot do `what`, with the reason if its `lacks` has one."""
    if capability not in backend.capabilities:
        name = type(backend).__name__
        why = getattr(backend, "lacks", {}).get(capability)
        help = "keep this memory in sqlite, which can do everything; `lev memory migrate` moves it"
        reason = "" if why is None else f": {why}"
        raise Unsupported(f"{name} cannot {what} (capability `{capability}`){reason}", help=help)
