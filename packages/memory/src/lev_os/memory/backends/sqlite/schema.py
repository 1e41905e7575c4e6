"""The tables of a store, and opening a connection to them.

A *space* is what one tenant, user, agent and project share; `doc` numbers its records from 0. Postings and columns are
kept by space, so nothing that one of them holds can be found, counted or felt in the ranking from another. Docs from
`indexed` on have no postings yet.
`posting`, `vector` and `sketch` are the index: they can be made again from `record`.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from urllib.parse import unquote

from lev_os.core.errors import LevError

from ...errors import StoreProblem

FORMAT = 2
BUSY_SECONDS = 60.0
SMALL_CACHE, LARGE_CACHE = 4_000, 65_536
"""Kilobytes of the file that are kept in memory: while it is asked, and while many records are put."""
OPERATIONS = ("put", "supersede", "retract", "restore", "erase")

_POSTING = """
CREATE TABLE IF NOT EXISTS posting (
  space INTEGER NOT NULL, chunk INTEGER NOT NULL, term TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (space, chunk, term)
) WITHOUT ROWID
"""
_TABLES = f"""
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS space (
  space INTEGER PRIMARY KEY, tenant TEXT NOT NULL, user TEXT, agent TEXT, project TEXT,
  docs INTEGER NOT NULL DEFAULT 0, indexed INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS space_scope
  ON space (tenant, ifnull(user, x''), ifnull(agent, x''), ifnull(project, x''));
CREATE TABLE IF NOT EXISTS record (
  row INTEGER PRIMARY KEY AUTOINCREMENT, space INTEGER NOT NULL, doc INTEGER NOT NULL,
  id TEXT NOT NULL, hash BLOB NOT NULL, live INTEGER NOT NULL, version INTEGER NOT NULL,
  type INTEGER NOT NULL, session TEXT, sequence INTEGER, role TEXT, speaker TEXT, subject TEXT, predicate TEXT,
  pinned INTEGER NOT NULL, trust REAL NOT NULL, question INTEGER NOT NULL, terms INTEGER NOT NULL,
  recorded INTEGER NOT NULL, begins INTEGER NOT NULL, ends INTEGER, retracted INTEGER, forgotten INTEGER,
  superseded_by TEXT, content BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS record_doc ON record (space, doc);
CREATE INDEX IF NOT EXISTS record_space ON record (space);
CREATE INDEX IF NOT EXISTS record_pinned ON record (space) WHERE pinned = 1;
CREATE UNIQUE INDEX IF NOT EXISTS record_id ON record (id, space);
CREATE UNIQUE INDEX IF NOT EXISTS record_hash ON record (space, hash) WHERE live = 1;
CREATE INDEX IF NOT EXISTS record_session ON record (space, session, sequence) WHERE session IS NOT NULL;
CREATE INDEX IF NOT EXISTS record_fact ON record (space, subject, predicate) WHERE subject IS NOT NULL;
CREATE TABLE IF NOT EXISTS log (
  cursor INTEGER PRIMARY KEY AUTOINCREMENT, op INTEGER NOT NULL, space INTEGER NOT NULL, doc INTEGER NOT NULL,
  id TEXT NOT NULL, at INTEGER NOT NULL, superseded_by TEXT, ends INTEGER, reason TEXT
);
CREATE INDEX IF NOT EXISTS log_space ON log (space, cursor);
CREATE INDEX IF NOT EXISTS log_id ON log (id);
{_POSTING};
CREATE TABLE IF NOT EXISTS vector (row INTEGER PRIMARY KEY, embedder TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sketch (row INTEGER PRIMARY KEY, body BLOB NOT NULL);
"""


def path_of(url: str) -> str:
    """The file of `sqlite:///relative.db` or `sqlite:////absolute.db`, or `:memory:` of `memory://`."""
    scheme, _, rest = url.partition("://")
    if scheme == "memory":
        if rest:
            raise LevError(f"{url!r} names no memory", help="write memory:// and nothing after it")
        return ":memory:"
    path = unquote(rest.removeprefix("/"))
    if not rest.startswith("/") or not path or "\0" in path:
        help = "three slashes and a path: sqlite:///memory.db; an absolute path makes four: sqlite:////var/memory.db"
        raise LevError(f"{url!r} names no file", help=help)
    return path


def connect(path: str) -> sqlite3.Connection:
    """Open a store, made if there is none; raises `StoreProblem`."""
    if path != ":memory:":
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreProblem(f"{path}: the folder of this memory cannot be made: {error.strerror}") from None
    try:
        db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            _prepare(db, path)
        except BaseException:
            db.close()
            raise
    except (sqlite3.Error, UnicodeError) as error:  # damage may be in the names that SQLite complains of
        raise problem(path, error) from None
    return db


def _prepare(db: sqlite3.Connection, path: str) -> None:
    # One statement, so one moment: another process may be making the tables.
    tables, ours = db.execute("SELECT count(*), count(*) FILTER (WHERE name = 'posting') FROM sqlite_master").fetchone()
    if tables and not ours:
        raise StoreProblem(f"{path} is a database of something else", help="name another file")
    _write_ahead(db)
    # Without a power cut nothing acknowledged is lost; the write-ahead log is synced when it is folded in.
    for pragma in (
        "synchronous = NORMAL",
        "secure_delete = ON",
        "temp_store = MEMORY",
        "wal_autocheckpoint = 16000",
        f"cache_size = -{SMALL_CACHE}",
    ):
        db.execute(f"PRAGMA {pragma}")
    if not ours:
        db.executescript(f"BEGIN IMMEDIATE; {_TABLES} INSERT OR IGNORE INTO meta VALUES ('format', {FORMAT}); COMMIT;")
    (found,) = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
    if found > FORMAT:
        message = f"{path} has format {found}; this version knows format {FORMAT}"
        raise StoreProblem(message, help="upgrade lev-os-memory")


def format_of(db: sqlite3.Connection) -> int:
    """The format that a store has; an older one has postings that must be made again."""
    return int(db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()[0])


def renew(db: sqlite3.Connection) -> None:
    """Give a store of an older format the tables of this one, without postings. Called in a transaction."""
    db.execute("DROP TABLE posting")
    db.execute(_POSTING)
    db.execute("UPDATE meta SET value = ? WHERE name = 'format'", (FORMAT,))


def _write_ahead(db: sqlite3.Connection) -> None:
    """Turn the write-ahead log on. SQLite does not wait for others that do the same, so we do."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)


def problem(path: str, error: Exception) -> StoreProblem:
    """What SQLite complains of, in our words."""
    text = str(error)
    damaged = ("malformed", "not a database", "corrupt", "UTF-8", "utf-8")
    if any(word in text for word in damaged):
        help = "restore the file from a copy; `lev memory export` may still save what can be read"
        return StoreProblem(f"{path} is damaged: {text}", help=help)
    if "full" in text or "disk I/O" in text:
        return _passing(f"{path} cannot be written: {text}", help="make room on the disk; nothing was changed")
    if "locked" in text:
        return _passing(f"{path} is in use by another program for over {BUSY_SECONDS:.0f} seconds")
    return StoreProblem(f"{path}: {text}")


def _passing(message: str, help: str | None = None) -> StoreProblem:
    """A problem that is not the file's."""
    made = StoreProblem(message, help=help)
    made.retryable = True
    return made
