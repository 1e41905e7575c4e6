"""Whose a fact is: in a scope that spans users or agents, each of them has values of its own."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ..types import Record, Scope

if TYPE_CHECKING:
    from ..manager import MemoryManager

_LONGEST_NAME = 64


class Owner(NamedTuple):
    """The user and the agent that a record was put for."""

    user: str | None
    agent: str | None


class Fact(NamedTuple):
    """What has one current value."""

    subject: str
    predicate: str
    owner: Owner | None
    """None where one record alone speaks of it, so that its owner was not asked for."""


class Owners:
    """Who owns the records of a scope. The memory is asked once for many, and not where the scope says it."""

    def __init__(self, memory: MemoryManager, scope: Scope) -> None:
        self._memory = memory
        self._scope = scope
        self._known: dict[str, Owner] = {}

    async def of(self, records: Iterable[Record]) -> Mapping[str, Owner]:
        """The owners of records, by their ids."""
        ids = [record.id for record in records]
        if self._scope.user is not None and self._scope.agent is not None:
            return dict.fromkeys(ids, Owner(self._scope.user, self._scope.agent))
        if new := [id for id in ids if id not in self._known]:
            scopes = await self._memory.scopes(new, scope=self._scope)
            for id in new:
                found = scopes.get(id, self._scope)  # it may have been erased in the meantime
                self._known[id] = Owner(found.user, found.agent)
        return {id: self._known[id] for id in ids}

    async def around(self, record: Record) -> Scope:
        """The scope, narrowed to a record's owner as far as scopes can."""
        owner = (await self.of([record]))[record.id]
        own = {name: value for name, value in owner._asdict().items() if value is not None}
        return msgspec.structs.replace(self._scope, **own)

    async def facts(self, records: Iterable[Record]) -> Mapping[str, Fact]:
        """The fact that each record with a fact's key is a value of, by the record's id."""
        named: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in records:
            if (name := name_of(record)) is not None:
                named[name].append(record)
        owners = await self.of(record for some in named.values() if len(some) > 1 for record in some)
        return {
            record.id: Fact(*name, owners.get(record.id) if len(some) > 1 else None)
            for name, some in named.items()
            for record in some
        }


def name_of(record: Record) -> tuple[str, str] | None:
    """What a record's fact is called, None for no fact. A plan is none: it stands beside what is true now."""
    if record.subject is None or record.predicate is None or record.type == "prospective":
        return None
    return record.subject.casefold(), record.predicate.casefold()


def marks_of(facts: Mapping[str, Fact]) -> Mapping[str, str]:
    """What tells values of several owners apart, by id; a fact with one owner needs no mark."""
    owners: defaultdict[tuple[str, str], set[Owner | None]] = defaultdict(set)
    for fact in facts.values():
        owners[fact[:2]].add(fact.owner)
    return {
        id: mark
        for id, fact in facts.items()
        if len(owners[fact[:2]]) > 1 and fact.owner is not None and (mark := _mark(fact.owner))
    }


def _mark(owner: Owner) -> str:
    return ", ".join(f"{kind} {_shown(name)}" for kind, name in owner._asdict().items() if name is not None)


def _shown(name: str) -> str:
    """A name on one line, short, and without what ends it: it is anybody's text, and must not pass for more.

    One that cannot be shown as it is gets a digest, since two may come to the same.
    """
    plain = "".join(character if character.isprintable() and character not in "[]," else " " for character in name)
    short = " ".join(plain.split())[:_LONGEST_NAME].strip()
    return short if short == name else f"{short} #{hashlib.sha256(name.encode()).hexdigest()[:8]}".strip()
