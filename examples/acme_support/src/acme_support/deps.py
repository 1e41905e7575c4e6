"""The desk that tools get as `ctx.deps`: one SQLite file, made and seeded on first use."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
create table customers (id text primary key, email text unique not null, name text not null, tier text not null);
create table orders (
    id text primary key, customer text not null references customers (id), shop text not null,
    paid_cents integer not null, refunded_cents integer not null default 0
);
create table refunds (
    key text primary key, order_id text not null references orders (id), amount_cents integer not null,
    reason text not null
);
create table tickets (
    key text primary key, queue text not null, subject text not null, email text not null, urgent integer not null
);
"""
_CUSTOMERS = [
    ("C-1001", "ada@example.com", "Ada", "premium"),
    ("C-1002", "grace@example.com", "Grace", "standard"),
    ("C-1003", "linus@example.com", "Linus", "standard"),
]
_ORDERS = [
    ("A-7001", "C-1001", "Corner Books", 1999, 0),
    ("A-7002", "C-1001", "Corner Books", 1999, 0),
    ("A-7003", "C-1001", "Blue Line Trains", 12450, 0),
    ("A-7004", "C-1002", "Green Grocer", 4310, 0),
    ("A-7005", "C-1003", "Hotel Meridian", 38900, 10000),
]


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk's database. Each tool opens its own short connection, so many runs may share one file."""

    path: Path

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are kept if the block ends well and undone if it does not."""
        with closing(sqlite3.connect(self.path, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("pragma foreign_keys = on")
            with connection:
                connection.execute("begin immediate")
                yield connection


def make(path: str | os.PathLike[str] | None = None) -> Desk:
    """Open the desk's database: `path`, else `ACME_SUPPORT_DB`, else `.lev/acme_support.sqlite3` here."""
    place = Path(path or os.environ.get("ACME_SUPPORT_DB") or Path(".lev", "acme_support.sqlite3"))
    place.parent.mkdir(parents=True, exist_ok=True)
    desk = Desk(place.resolve())
    with desk.open() as connection:
        if not connection.execute("select 1 from sqlite_master where name = 'customers'").fetchone():
            for statement in filter(str.strip, _SCHEMA.split(";")):
                connection.execute(statement)
            connection.executemany("insert into customers values (?, ?, ?, ?)", _CUSTOMERS)
            connection.executemany("insert into orders values (?, ?, ?, ?, ?)", _ORDERS)
    return desk
