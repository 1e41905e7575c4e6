"""What scopes and records are called in a graph.

Graphiti's groups are named with letters, digits, `-` and `_` alone. A scope without its session is a group: its fields
in order between hyphens, an empty one for a field that is not set, and every byte of UTF-8 that is no letter or digit
as `_` and two hex digits, so that no two scopes share a group. What would be very long is replaced by its SHA-256.
"""

from __future__ import annotations

import hashlib
import re

from ...types import Scope

_OTHER = re.compile(rb"[^A-Za-z0-9]")
_LONGEST = 200


def group_of(scope: Scope) -> str:
    """The group that what is put into a scope belongs to, whatever the session."""
    return _name("lev", scope.tenant, scope.user, scope.agent, scope.project)


def owner_of(tenant: str) -> str:
    """What a tenant is called in the log."""
    return _name("levtenant", tenant)


def episode_of(tenant: str, id: str) -> str:
    """The episode that shows a tenant's record."""
    return _name("lev", tenant, id)


def fact_of(tenant: str, id: str) -> str:
    """The edge that shows a record with a fact's key."""
    return _name("levfact", tenant, id)


def mention_of(tenant: str, id: str) -> str:
    """The edge from a record's episode to what its fact is about."""
    return _name("levmention", tenant, id)


def entity_of(scope: Scope, name: str) -> str:
    """The entity of a name in a scope's group."""
    return _name("leventity", scope.tenant, scope.user, scope.agent, scope.project, name)


def _name(kind: str, *fields: str | None) -> str:
    name = "-".join((kind, *map(_spelt, fields)))
    return name if len(name) <= _LONGEST else f"{kind}_{hashlib.sha256(name.encode()).hexdigest()}"


def _spelt(field: str | None) -> str:
    return "" if field is None else _OTHER.sub(lambda found: b"_%02x" % found[0][0], field.encode()).decode()
