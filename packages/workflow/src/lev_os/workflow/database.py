"""The database of durable runs: its address, its settings, and a client that runs no work.

PostgreSQL serves many machines; an SQLite file serves the processes of one. DBOS keeps its tables in it; a few small
ones are ours: who is at work (`lev_worker`) and sweeps (`lev_lease`), which runs are to end (`lev_wish`), and results
too large for a row (`lev_file`).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from lev_os.core.errors import LevError
from sqlalchemy import event

from .names import APPLICATION

if TYPE_CHECKING:
    from dbos import DBOSClient

P = ParamSpec("P")
T = TypeVar("T")
VARIABLE = "LEV_DATABASE_URL"
_POOL = 20
_MIGRATING = 7_106_532_318_041
"""The key of PostgreSQL's advisory lock under which tables are made."""
# A machine that vanishes says no goodbye. Without these each side would believe for hours that the other is there: a
# worker would wait for an answer, and the server would keep the locks of a worker that is gone.
_NOTICING = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
# What the address itself sets (`options=-c…`) stays.
_NOTICING_THERE = """
    select set_config(name, ours.setting, false)
    from pg_settings join (values
        ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '3'),
        ('tcp_user_timeout', '10000'), ('idle_in_transaction_session_timeout', '60000')
    ) as ours (name, setting) using (name)
    where source <> 'client'
"""


class NoDatabase(LevError):
    """There is no database, or it cannot be reached."""

    retryable = True


metadata = sa.MetaData()
workers = sa.Table(
    "lev_worker",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("executor", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("queues", sa.JSON, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("started", sa.Float, nullable=False),
    sa.Column("seen", sa.Float, nullable=False, index=True),
)
files = sa.Table(
    "lev_file",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
wishes = sa.Table(
    "lev_wish",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
)
"""Runs that somebody wants to end; asked before a run begins, so it has to be quick."""
leases = sa.Table(
    "lev_lease",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("until", sa.Float, nullable=False),
)


def database_url(given: str | None = None) -> str:
    """The address to use: `given`, or that of the environment. Raises `NoDatabase`."""
    url = given or os.environ.get(VARIABLE)
    if not url:
        raise NoDatabase(
            "durable runs need a database",
            help=f"--database postgresql://… or sqlite:///FILE, or set {VARIABLE}",
        )
    return url


def open_database(given: str | None = None) -> Database:
    """The database at an address, made ready on first use; one for each address and process."""
    url = database_url(given)
    with _opening:
        found = _open.get(url)
        if found is None or found.pid != os.getpid():
            found = _open[url] = Database(url)
        return found


_opening = threading.Lock()
_open: dict[str, Database] = {}


class Database:
    """An engine with the right settings, the client on it, and our tables. Use `open_database`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pid = os.getpid()
        self.engine = _engine(url)
        try:
            self._migrate()
        except sa.exc.OperationalError as error:
            self.engine.dispose()
            raise NoDatabase(
                f"{shown(url)} cannot be reached: {_first_line(error)}", help="is it running, and is the address right?"
            ) from None
        except sa.exc.DatabaseError as error:
            self.engine.dispose()
            raise NoDatabase(
                f"{shown(url)} cannot be used: {_first_line(error)}", help="is it a database, and of these runs?"
            ) from None

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @cached_property
    def client(self) -> DBOSClient:
        """Enqueues, looks and steers; runs no work."""
        from dbos import DBOSClient, DBOSPortableJSONSerializer

        return DBOSClient(
            system_database_engine=self.engine,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
        )

    @property
    def clock(self) -> Any:
        """The database's own time in SQL, seconds since the epoch: the one clock that all workers share."""
        if self.is_sqlite:
            return sa.literal(time.time())
        return sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()), sa.Float)

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction; raises `NoDatabase` when the database has gone."""
        with self.reached(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reached(self) -> Iterator[None]:
        """What is asked of the database inside raises `NoDatabase` when that has gone."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            # A server that ends what was idle for too long says so in an `InternalError`.
            if not (error.connection_invalidated or isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)):
                raise
            raise NoDatabase(f"{shown(self.url)}: {_first_line(error)}", help="it is tried again by itself") from error

    def close(self) -> None:
        """Let go of every connection."""
        with _opening:
            if _open.get(self.url) is self:
                del _open[self.url]
        self.engine.dispose()

    def _migrate(self) -> None:
        from dbos import DBOS

        with quiet():
            DBOS.migrate(self.url)
        with self.engine.begin() as connection:
            if not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))
            metadata.create_all(connection)
            if connection.execute(sa.select(leases.c.name)).first() is None:
                connection.execute(sa.insert(leases).values(name="sweep", until=0.0))


def asking(ask: Callable[Concatenate[Database, P], T]) -> Callable[Concatenate[Database, P], T]:
    """A function that asks a database, and raises `NoDatabase` when that has gone."""

    @wraps(ask)
    def asked(database: Database, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with database.reached():
            return ask(database, *args, **kwargs)

    return asked


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise NoDatabase(f"{url!r} is not the address of a database", help="postgresql://… or sqlite:///FILE") from None
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.get_backend_name() != "postgresql":
        raise NoDatabase(
            f"{shown(url)}: runs are kept in PostgreSQL or SQLite", help="postgresql://… or sqlite:///FILE"
        )
    return _postgres(parsed)


def _postgres(url: sa.URL) -> sa.Engine:
    ours = {"connect_timeout": 10, "application_name": APPLICATION, **_NOTICING}
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=_POOL,
        max_overflow=0,
        pool_timeout=30,
        pool_pre_ping=True,
        connect_args={name: value for name, value in ours.items() if name not in url.query},
    )

    @event.listens_for(engine, "connect")
    def settings(connection: Any, _record: object) -> None:
        connection.autocommit = True
        connection.execute(_NOTICING_THERE)
        connection.autocommit = False

    return engine


def _sqlite(url: sa.URL) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise NoDatabase("runs in memory would not outlive their process", help="sqlite:///FILE")
    try:
        Path(url.database).absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoDatabase(f"{url} cannot be made: {error.strerror}", help="name a file in a folder of yours") from None
    engine = sa.create_engine(url, pool_size=_POOL, max_overflow=0, pool_timeout=60)

    @event.listens_for(engine, "connect")
    def settings(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        # `synchronous=NORMAL` survives a killed process; a power cut may take the last commits with it.
        for pragma in ("busy_timeout=30000", "foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}")
        if sqlite3.sqlite_version_info < (3, 42):  # `unixepoch('subsec')`, which DBOS uses, is NULL before
            connection.create_function("unixepoch", 1, lambda _: time.time())

    return engine


def shown(url: str) -> str:
    """An address without its password."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "the database"


@contextmanager
def quiet() -> Iterator[None]:
    """What DBOS would say on the console is said by us, where it matters."""
    import logging

    logger = logging.getLogger("dbos")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "orig", None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__
