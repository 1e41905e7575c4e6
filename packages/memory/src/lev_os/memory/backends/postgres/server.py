"""Connections to the server: a pool, transactions that belong to one tenant, and errors in our words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal
from uuid import UUID

import psycopg
from lev_os.core.errors import LevError
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from ...errors import Conflict, StoreProblem
from . import schema

_PATIENCE = 10.0
"""Seconds to wait for a connection, and for other transactions to let erased rows go."""
_BEGIN = {
    "read": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",  # one view of the store for several questions
    "write": "BEGIN ISOLATION LEVEL READ COMMITTED",  # its statements see what was committed while it waited
}


class Work:
    """A transaction: statements with `%s` for values."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def all(self, statement: str, *values: Any) -> list[Any]:
        """Every row."""
        return await (await self._connection.execute(statement.encode(), values, binary=True)).fetchall()

    async def first(self, statement: str, *values: Any) -> Any:
        """The first row, or None."""
        return await (await self._connection.execute(statement.encode(), values, binary=True)).fetchone()

    async def run(self, statement: str, *values: Any) -> int:
        """How many rows it touched."""
        return (await self._connection.execute(statement.encode(), values)).rowcount


class Server:
    """A database that memories are kept in."""

    def __init__(self, pool: AsyncConnectionPool[Any], role: str, place: str) -> None:
        self._pool = pool
        self._role = role
        self._place = place

    @classmethod
    async def connect(cls, url: str) -> Server:
        """Prepare the database that a URL names; raises `StoreProblem`."""
        try:
            parts = conninfo_to_dict(url)
        except psycopg.Error as error:
            help = "write postgresql://user@host:5432/database"
            raise LevError(f"this is no address of a database: {_said(error)}", help=help) from None
        place = f"{parts.get('host') or 'localhost'}/{parts.get('dbname') or ''}"  # without user and password
        role = await asyncio.to_thread(_prepare, url, place)
        pool = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=8,
            timeout=_PATIENCE,
            open=False,
            kwargs={"autocommit": True},
            check=AsyncConnectionPool.check_connection,
            reconnect_timeout=_PATIENCE,
        )
        await pool.open()
        return cls(pool, role, place)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    @contextlib.asynccontextmanager
    async def transaction(
        self, kind: Literal["read", "write"], tenant: UUID | None = None, **values: str
    ) -> AsyncIterator[Work]:
        """A transaction of one tenant, or of none, with settings of ours; undone by what is raised in it."""
        own = {} if tenant is None else {f"{schema.NAME}.tenant": str(tenant)}
        own |= {f"{schema.NAME}.{name}": value for name, value in values.items()}
        with self._problems():
            async with self._pool.connection() as connection:
                await connection.execute(_BEGIN[kind].encode() + b"; " + schema.settings(self._role, own))
                try:
                    yield Work(connection)
                except BaseException:
                    with contextlib.suppress(psycopg.Error):  # a broken connection has nothing to undo
                        await connection.execute("ROLLBACK")
                    raise
                await connection.execute("COMMIT")

    async def rewrite(self, tables: Sequence[str]) -> None:
        """Write tables and their indexes anew, so that no dead row is left in a file.

        Rows that an older transaction may still look at cannot go; it is waited for. Raises `StoreProblem`.
        """
        with self._problems():
            async with self._pool.connection() as connection:
                left: list[int] = []
                connection.add_notice_handler(lambda notice: left.append(_dead(notice)))
                await connection.execute(schema.settings(self._role, {}, local=False))
                try:
                    for table in tables:
                        await self._rewrite(connection, table, left)
                except psycopg.errors.DiskFull as error:  # a table is written anew beside the old one
                    help = "make room on its disk; they are erased, and their bytes go when something else is erased"
                    raise StoreProblem(f"{self._place} cannot be written anew: {_said(error)}", help=help) from None
                finally:
                    await connection.execute("RESET ALL")
                    await connection.execute("RESET ROLE")

    async def _rewrite(self, connection: psycopg.AsyncConnection[Any], table: str, left: list[int]) -> None:
        until = asyncio.get_running_loop().time() + _PATIENCE
        while True:
            left.clear()
            await connection.execute(f"VACUUM (FULL, VERBOSE) {schema.NAME}.{table}".encode())
            if not any(left):
                return
            if asyncio.get_running_loop().time() > until:
                help = "they are erased; their bytes go when that ends and something else is erased"
                raise StoreProblem(f"{self._place} is being read by another program all the time", help=help)
            await asyncio.sleep(0.05)

    @contextlib.contextmanager
    def _problems(self) -> Any:
        try:
            yield
        except (psycopg.Error, PoolTimeout) as error:
            raise problem(self._place, error) from None


def _prepare(url: str, place: str) -> str:
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=int(_PATIENCE)) as db:
            return schema.prepare(db)
    except psycopg.Error as error:
        raise problem(place, error) from None


def problem(place: str, error: psycopg.Error | PoolTimeout) -> LevError:
    """What the server complains of, in our words."""
    if isinstance(error, psycopg.errors.UniqueViolation):
        return Conflict("an id is taken by another record", help="leave ids to memory")
    if isinstance(error, psycopg.errors.DiskFull):
        full = StoreProblem(
            f"{place} cannot be written: {_said(error)}", help="make room on its disk; nothing was changed"
        )
        full.retryable = True
        return full
    if isinstance(error, psycopg.OperationalError | PoolTimeout):
        help = "see that the server runs; what was acknowledged is kept, and this memory goes on when it is back"
        return StoreProblem(f"{place} does not answer: {_said(error)}", help=help)
    return StoreProblem(f"{place}: {_said(error)}")


def _said(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _dead(notice: psycopg.errors.Diagnostic) -> int:
    """How many dead rows a VACUUM says that it had to leave: the number its detail begins with, in any language."""
    said = (notice.message_detail or "").split()
    return int(said[0]) if said and said[0].isdigit() else 0
