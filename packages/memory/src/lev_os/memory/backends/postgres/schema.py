"""The tables of a memory in PostgreSQL, who may see what in them, and bringing older ones to this form.

All lies in the schema `lev_memory`. Spaces, docs and postings are those of the SQLite store. Every table with content
carries the tenant (a digest of its name) and has row-level security, forced, so that even a statement without a test
for the scope sees the rows of the transaction's tenant alone, and none when the transaction has no tenant. Security
does not apply to superusers and roles with BYPASSRLS, so such a one takes the role `lev_memory` in every transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import psycopg
from psycopg import sql

from ...errors import StoreProblem
from ...search.fields import COLUMNS

NAME = "lev_memory"
"""The schema, the role and the settings are called so."""
OLDEST_VECTOR = (0, 8)
_LOCK = int.from_bytes(sha256(NAME.encode()).digest()[:8], "big", signed=True)

_TYPES = {
    "space": "int NOT NULL", "doc": "int NOT NULL", "id": "text NOT NULL", "hash": "bytea NOT NULL",
    "live": "smallint NOT NULL", "version": "int NOT NULL", "type": "smallint NOT NULL", "session": "text",
    "sequence": "bigint", "role": "text", "speaker": "text", "subject": "text", "predicate": "text",
    "pinned": "boolean NOT NULL", "trust": "float8 NOT NULL", "question": "boolean NOT NULL", "terms": "int NOT NULL",
    "recorded": "bigint NOT NULL", "begins": "bigint NOT NULL", "ends": "bigint", "retracted": "bigint",
    "forgotten": "bigint", "superseded_by": "text", "content": "bytea NOT NULL",
}  # fmt: skip
RECORD_TYPES = tuple(_TYPES[name].partition(" ")[0] for name in COLUMNS)
"""The types of `COLUMNS`."""

_TELLING = {
    "record": ("hash", "session", "session_key", "role", "speaker", "subject", "subject_key", "predicate", "content"),
    "log": ("reason",),
}
"""Columns whose values must not get into the planner's statistics, where no `erase` would find them."""


def _secured(table: str) -> str:
    own = f"tenant = nullif(current_setting('{NAME}.tenant', true), '')::uuid"
    indexing = f"current_setting('{NAME}.indexing', true) = 'on'"
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON {table} USING ({own});
CREATE POLICY indexing ON {table} USING ({indexing});
"""


_COLUMNS = ",\n  ".join(f"{name} {_TYPES[name]}" for name in COLUMNS)
_UNSAID = "\n".join(
    f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0;"
    for table, columns in _TELLING.items()
    for column in columns
)
_FIRST = f"""
CREATE TABLE tenant (tenant uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE space (
  space int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant uuid NOT NULL, scope bytea NOT NULL UNIQUE,
  name text NOT NULL, "user" text, agent text, project text,
  docs int NOT NULL DEFAULT 0, indexed int NOT NULL DEFAULT 0
);
CREATE INDEX space_tenant ON space (tenant);
CREATE TABLE record (
  row bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant uuid NOT NULL,
  {_COLUMNS},
  session_key int GENERATED ALWAYS AS (hashtext(session)) STORED,
  subject_key int GENERATED ALWAYS AS (hashtext(subject)) STORED
);
CREATE UNIQUE INDEX record_doc ON record (space, doc);
CREATE UNIQUE INDEX record_id ON record (id, space);
CREATE INDEX record_space ON record (space, row);
CREATE INDEX record_pinned ON record (space, row) WHERE pinned;
CREATE UNIQUE INDEX record_hash ON record (space, hash) WHERE live = 1;
CREATE INDEX record_session ON record (space, session_key) WHERE session IS NOT NULL;
CREATE INDEX record_fact ON record (space, subject_key) WHERE subject IS NOT NULL;
CREATE TABLE log (
  cursor bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant uuid NOT NULL, op smallint NOT NULL,
  space int NOT NULL, doc int NOT NULL, id text NOT NULL, at bigint NOT NULL, superseded_by text, ends bigint,
  reason text
);
CREATE INDEX log_space ON log (space, cursor);
CREATE INDEX log_tenant ON log (tenant, cursor);
CREATE INDEX log_id ON log (id);
CREATE TABLE posting (
  tenant uuid NOT NULL, space int NOT NULL, term text COLLATE "C" NOT NULL, chunk int NOT NULL, body bytea NOT NULL,
  PRIMARY KEY (space, term, chunk)
);
ALTER TABLE posting ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE posting ALTER COLUMN term SET STATISTICS 0;
ALTER TABLE posting ALTER COLUMN body SET STATISTICS 0;
CREATE TABLE embedding (
  row bigint PRIMARY KEY, tenant uuid NOT NULL, space int NOT NULL, doc int NOT NULL, embedder text NOT NULL,
  body halfvec NOT NULL
);
CREATE INDEX embedding_doc ON embedding (space, doc);
ALTER TABLE embedding ALTER COLUMN body SET STATISTICS 0;
{_UNSAID}
{"".join(_secured(table) for table in ("tenant", "space", "record", "log", "posting", "embedding"))}
"""
MIGRATIONS = (_FIRST,)
"""What brings a schema from each version to the next; what was released is never changed."""


def prepare(db: psycopg.Connection[Any]) -> str:
    """Make the schema or bring it to this version, and answer the role that owns it. The connection commits by itself.

    Raises `StoreProblem` when the server lacks something, or its role would not be bound by row-level security.
    """
    (encoding,) = _one(db, "SHOW server_encoding")
    if encoding != "UTF8":
        raise StoreProblem(f"this database is encoded in {encoding}", help="make one with ENCODING 'UTF8'")
    db.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        _need_vector(db)
        role = _role(db)
        with db.transaction():
            db.execute(settings(role, {}))
            _migrate(db)
    finally:
        db.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
    return role


def settings(role: str, values: Mapping[str, str], *, local: bool = True) -> bytes:
    """The statement that gives a transaction (or a session) its role, its schema and settings of ours."""
    named = {"role": role, "search_path": f"{NAME}, public", **values}
    parts = (f"set_config({_literal(name)}, {_literal(value)}, {local})" for name, value in named.items())
    return f"SELECT {', '.join(parts)}".encode()


def _need_vector(db: psycopg.Connection[Any]) -> None:
    there = db.execute(
        "SELECT e.extversion, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
        " WHERE e.extname = 'vector'"
    ).fetchone()
    if there is None:
        if db.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone() is None:
            help = "install pgvector 0.8 or newer on the server: https://github.com/pgvector/pgvector#installation"
            raise StoreProblem("this PostgreSQL server has no pgvector", help=help)
        try:
            db.execute("CREATE EXTENSION vector SCHEMA public")
        except psycopg.errors.InsufficientPrivilege:
            help = "let its owner run CREATE EXTENSION vector in this database, once"
            raise StoreProblem("this role may not turn pgvector on", help=help) from None
        return _need_vector(db)
    version, schema = there
    if tuple(map(int, version.split(".")[:2])) < OLDEST_VECTOR:
        help = "upgrade it on the server, then ALTER EXTENSION vector UPDATE"
        raise StoreProblem(f"this database has pgvector {version}; 0.8 or newer is needed", help=help)
    if schema not in ("public", NAME):
        raise StoreProblem(f"pgvector lies in the schema {schema!r}", help="ALTER EXTENSION vector SET SCHEMA public")


def _role(db: psycopg.Connection[Any]) -> str:
    """The role that owns the schema, made if it must be, and the schema."""
    user, above = _one(db, "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    owner = db.execute(
        "SELECT r.rolname, r.rolsuper OR r.rolbypassrls, pg_has_role(current_user, r.oid, 'MEMBER')"
        " FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE n.nspname = %s",
        (NAME,),
    ).fetchone()
    if owner is None:
        role = NAME if above else user
        if above and db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
            db.execute(f"CREATE ROLE {NAME} NOLOGIN NOSUPERUSER NOBYPASSRLS".encode())
        try:
            db.execute(f"CREATE SCHEMA {NAME} AUTHORIZATION {_name(role)}".encode())
        except psycopg.errors.InsufficientPrivilege:
            help = f"GRANT CREATE ON DATABASE … TO {user}, or let a superuser open this memory once"
            raise StoreProblem(f"the role {user!r} may not make the schema {NAME}", help=help) from None
        return _role(db)
    role, bypasses, member = owner
    if bypasses:
        help = f"ALTER SCHEMA {NAME} OWNER TO a role without SUPERUSER and BYPASSRLS"
        raise StoreProblem(f"the schema {NAME} belongs to {role!r}, whom row-level security does not bind", help=help)
    if not member:
        raise StoreProblem(f"the schema {NAME} belongs to {role!r}", help=f"GRANT {_name(role)} TO {_name(user)}")
    return str(role)


def _migrate(db: psycopg.Connection[Any]) -> None:
    db.execute("CREATE TABLE IF NOT EXISTS meta (name text PRIMARY KEY, value bigint NOT NULL)")
    found = db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
    version = 0 if found is None else found[0]
    if version > len(MIGRATIONS):
        message = f"this memory has format {version}; this version knows format {len(MIGRATIONS)}"
        raise StoreProblem(message, help="upgrade lev-os-memory")
    for migration in MIGRATIONS[version:]:
        db.execute(migration.encode())
    db.execute("INSERT INTO meta VALUES ('epoch', 0) ON CONFLICT DO NOTHING")
    db.execute(
        "INSERT INTO meta VALUES ('version', %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (len(MIGRATIONS),),
    )


def _one(db: psycopg.Connection[Any], statement: str) -> Any:
    row = db.execute(statement.encode()).fetchone()
    assert row is not None
    return row


def _literal(value: str) -> str:
    return sql.Literal(value).as_string()


def _name(value: str) -> str:
    return sql.Identifier(value).as_string()
