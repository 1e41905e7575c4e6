"""Memory in PostgreSQL with pgvector, for many machines: `postgresql://user@host/database` (extra `postgres`).

Ranks as the SQLite store does. Its words lie in the same packed postings; its vectors in pgvector, compared exactly in
small spaces and found by an HNSW index in large ones. Who may see what is also enforced by row-level security.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lev_os.core.errors import LevError

if TYPE_CHECKING:
    from .store import PostgresBackend


async def connect(url: str, embedder: str | None) -> PostgresBackend:
    """Open `postgresql://user@host:port/database`; see `backends.open_backend`."""
    try:
        from .store import PostgresBackend
    except ImportError as error:
        help = "pip install 'lev-os-memory[postgres]'"
        raise LevError(f"memory in PostgreSQL needs psycopg and its pool: {error}", help=help) from None
    return await PostgresBackend.connect(url, embedder)
