"""What memory's scopes and records are called in Mastra, where a resource owns threads and a thread holds messages.

A scope without its session is a resource, each of its sessions a thread of it, and a record a message. Names are spelt
so that no two scopes share one: the fields in order between dots, an empty one for a field that is not set, and every
byte of UTF-8 that is neither letter, digit, `-` nor `_` as `~` and two hex digits, which also keeps names whole in
URLs. What would be longer than a URL takes is replaced by its SHA-256; threads hold their scope in plain besides.
"""

from __future__ import annotations

import hashlib
import re

from ...types import Scope

_PLAIN = re.compile(rb"[^A-Za-z0-9_-]")
_LONGEST = 240


def resource_of(scope: Scope) -> str:
    """The resource that owns what is put into a scope, whatever the session."""
    return _name("lev", scope.tenant, scope.user, scope.agent, scope.project)


def thread_of(scope: Scope) -> str:
    """The thread that holds what is put into a scope: that of its session, or of what has none."""
    return _name("lev", scope.tenant, scope.user, scope.agent, scope.project, scope.session)


def log_of(tenant: str) -> str:
    """The thread that holds a tenant's log."""
    return _name("lev-log", tenant)


def tenant_mark(tenant: str) -> str:
    """What the threads of a tenant are found by."""
    return _name("tenant", tenant)


def message_of(tenant: str, id: str) -> str:
    """The message that is a tenant's record. Mastra's messages have one space of ids for everybody."""
    return _name("lev", tenant, id)


def _name(kind: str, *fields: str | None) -> str:
    name = ".".join((kind, *map(_spelt, fields)))
    # A digest holds no dot, and every other name does as often as it has fields.
    return name if len(name) <= _LONGEST else f"{kind}~{hashlib.sha256(name.encode()).hexdigest()}"


def _spelt(field: str | None) -> str:
    return "" if field is None else _PLAIN.sub(lambda found: b"~%02x" % found[0][0], field.encode()).decode()
