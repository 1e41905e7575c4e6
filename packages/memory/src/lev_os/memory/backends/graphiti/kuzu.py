"""Graphiti's graph in Kuzu, embedded: one file, one process at a time, transactions."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import warnings
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from ...errors import StoreProblem
from .parts import part

T = TypeVar("T")
_FILE = "graph.kuzu"
_PARAMETER = re.compile(r"\$(\w+)")
_REWRITTEN = ".rewritten"
_TABLES = (
    "CREATE NODE TABLE IF NOT EXISTS LevChange "
    "(key STRING PRIMARY KEY, tenant STRING, cursor INT64, id STRING, body STRING)",
    "CREATE NODE TABLE IF NOT EXISTS LevShown (tenant STRING PRIMARY KEY, cursor INT64)",
)


class KuzuGraph:
    """A folder with a Kuzu database. Every statement runs on one connection, on a thread of its own."""

    at_once = 500

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(1, "lev-memory-graph")
        self._alone = asyncio.Lock()
        self._connection: Any = None
        self._kuzu: Any = None
        self.driver: Any = None
        """Graphiti's driver."""

    @classmethod
    async def open(cls, folder: Path) -> KuzuGraph:
        """The graph in a folder, made if there is none. Raises `StoreProblem`."""
        graph = cls(folder)
        try:
            await graph._run(graph._open)
            if (folder / _REWRITTEN).exists():  # an erasure that was interrupted
                await graph.scrub()
        except BaseException:
            await graph.close()
            raise
        return graph

    async def rows(self, query: str, /, **values: Any) -> list[dict[str, Any]]:
        """The rows of a statement."""
        return await self._run(self._execute, query, values)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """All statements inside, or none."""
        async with self._alone:
            await self.rows("BEGIN TRANSACTION")
            try:
                yield
            except BaseException:
                await self.rows("ROLLBACK")
                raise
            await self.rows("COMMIT")

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """No transaction runs meanwhile: there is one connection, and it can have one."""
        async with self._alone:
            yield

    def of_group(self, group: str) -> Any:
        """The driver for a group: all groups lie in one database."""
        return self.driver

    def intend_scrub(self) -> None:
        """Note on disk that something is about to be deleted, so that `scrub` is done whatever happens."""
        (self._folder / _REWRITTEN).mkdir(exist_ok=True)

    async def scrub(self) -> None:
        """Leave no byte of what was deleted: Kuzu never clears pages, so everything else is written to a new file."""
        async with self._alone:
            await self._run(self._rewrite)

    async def size(self) -> int:
        """Bytes on disk."""
        return sum(file.stat().st_size for file in self._folder.glob(f"{_FILE}*"))

    async def close(self) -> None:
        """Fold Kuzu's log in and let go of the file."""
        await self._run(self._close)
        self._threads.shutdown()

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _open(self) -> None:
        base = part("driver.kuzu_driver").KuzuDriver
        self._kuzu = import_module("kuzu")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with warnings.catch_warnings():
                # Kuzu is archived, and Graphiti says so each time; there is no other embedded graph for Python 3.11.
                warnings.simplefilter("ignore", DeprecationWarning)
                self.driver = _driver(base, self)(str(self._folder / _FILE))
        except (OSError, RuntimeError) as error:
            raise self._problem(error) from None
        # Its own connections run queries side by side, outside of our transactions.
        self.driver.client.close()
        self._connection = self._kuzu.Connection(self.driver.db)
        for table in _TABLES:
            self._execute(table, {})

    def _execute(self, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            result = self._connection.execute(query, values)
        except RuntimeError as error:
            raise self._problem(error) from None
        try:
            return list(result.rows_as_dict())
        finally:
            result.close()  # a result that outlives its database crashes the process

    def _close(self) -> None:
        # Graphiti leaves this to the garbage collector, and a second database on the same file would damage it.
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self.driver is not None:
            self.driver.db.close()
            self.driver = None

    def _rewrite(self) -> None:
        work = self._folder / _REWRITTEN
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            indexed = self._drop_indexes()
            self._execute(f"EXPORT DATABASE {_quoted(work / 'all')} (format='parquet')", {})
            fresh = self._kuzu.Database(str(work / _FILE))
            connection = self._kuzu.Connection(fresh)
            try:
                connection.execute(f"IMPORT DATABASE {_quoted(work / 'all')}").close()
                connection.execute("CHECKPOINT").close()
            finally:
                connection.close()
                fresh.close()
            self._close()
            (work / _FILE).replace(self._folder / _FILE)
            for left in self._folder.glob(f"{_FILE}.*"):
                left.unlink()
            shutil.rmtree(work)
            self._open()
            if indexed:
                self._make_indexes()
        except (OSError, RuntimeError) as error:
            raise self._problem(error) from None

    async def make_indexes(self) -> None:
        """Graphiti's full-text indexes, which its Kuzu driver leaves out although its search needs them."""
        async with self._alone:
            await self._run(self._make_indexes)

    def _make_indexes(self) -> None:
        there = self._indexes()
        for name, statement in _index_statements().items():
            if name not in there:
                self._execute(statement, {})

    def _drop_indexes(self) -> bool:
        """They hold words of what was deleted; whether there were any."""
        there = self._indexes()
        for name, statement in _index_statements().items():
            if name in there:
                table = statement.split("'")[1]
                self._execute(f"CALL DROP_FTS_INDEX('{table}', '{name}')", {})
        return bool(there)

    def _indexes(self) -> set[str]:
        return {row["index_name"] for row in self._execute("CALL SHOW_INDEXES() RETURN *", {})}

    def _problem(self, error: Exception) -> StoreProblem:
        text = str(error).strip()
        where = self._folder / _FILE
        if "lock" in text:
            return StoreProblem(f"{where} is in use by another program", help="Kuzu lets in one at a time")
        return StoreProblem(f"{where}: {text}")


def _index_statements() -> dict[str, str]:
    """Graphiti's statements that make full-text indexes, by their names."""
    statements = part("graph_queries").get_fulltext_indices(part("driver.driver").GraphProvider.KUZU)
    return {statement.split("'")[3]: statement for statement in statements}


def _driver(base: type[Any], graph: KuzuGraph) -> type[Any]:
    """Graphiti's driver with its statements on our connection."""

    class Driver(base):  # type: ignore[misc]  # it is imported on first use
        # `add_episode` compares it with the group, and the driver does not set it.
        _database = ""

        async def execute_query(self, cypher_query_: str, **values: Any) -> tuple[list[dict[str, Any]], None, None]:
            # Graphiti passes parameters that its statements do not have, which Kuzu refuses.
            named = set(_PARAMETER.findall(cypher_query_))
            given = {name: value for name, value in values.items() if name in named}
            return await graph.rows(cypher_query_, **given), None, None

        def clone(self, database: str) -> Any:
            return self

    return Driver


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"
