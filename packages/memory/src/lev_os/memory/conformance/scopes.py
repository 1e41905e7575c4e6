"""Random operations by many tenants at once, each watching that nothing of the others reaches it."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable

from lev_os.memory import Conflict, Filter, NotRemembered, Record, Scope
from lev_os.memory.sync import SyncMemory

TENANTS = 50
_LOOKALIKES = ("", " ", ".", "/", "%", "*", "_", "\0", "'", "\u00e9", "e\u0301", "x" * 300)
_NOUNS = ("tea", "milk", "sugar", "garden", "train", "letter", "window", "river")


class _Tenant:
    """One of them: its scopes, the mark that all its texts bear, and the ids of its records by scope."""

    def __init__(self, prefix: str, number: int) -> None:
        name = f"{prefix}-{number // len(_LOOKALIKES)}{_LOOKALIKES[number % len(_LOOKALIKES)]}"
        self.mark = f"mark{number}end"
        self.ids: dict[Scope, list[str]] = {Scope(tenant=name, user=user): [] for user in ("ada", "bob")}
        self.erased: set[str] = set()

    def pick(self, rng: random.Random) -> tuple[Scope, list[str]]:
        return rng.choice(list(self.ids.items()))

    def bears(self, records: Iterable[Record], scope: Scope) -> None:
        """All of these are this tenant's, and of the scope."""
        for record in records:
            assert record.data == [self.mark, scope.user], (record, scope)


def fuzz_scopes(memory: SyncMemory, prefix: str, operations: int, seed: int = 7) -> None:
    """Make operations with tenants whose names begin with a prefix; raises `AssertionError` when a record crosses."""
    rng = random.Random(seed)
    tenants = [_Tenant(prefix, number) for number in range(TENANTS)]
    for step in range(operations):
        tenant = rng.choice(tenants)
        stranger = rng.choice([other for other in tenants if other is not tenant])
        scope, ids = tenant.pick(rng)
        _, theirs = stranger.pick(rng)
        strange = rng.sample(theirs, min(2, len(theirs)))
        match rng.randrange(100):
            case n if n < 30:
                ids += _put(memory, tenant, scope, strange, step, rng)
            case n if n < 48:
                question = f"{rng.choice(_NOUNS)} {stranger.mark} {rng.choice(_NOUNS)}"
                where = Filter(types=rng.choice([(), ("episodic",), ("semantic",)]), retired=rng.random() < 0.2)
                tenant.bears((hit.record for hit in memory.search(question, scope=scope, where=where)), scope)
            case n if n < 58:
                tenant.bears(memory.query(Filter(retired=True), scope=scope, limit=20).records, scope)
            case n if n < 68:
                changes = memory.changes(rng.choice([0, step]), scope=scope, limit=20)
                assert {change.id for change in changes} <= {*ids, *tenant.erased}
                tenant.bears((change.record for change in changes if change.record is not None), scope)
            case n if n < 80:
                for id in strange:
                    _keep_out(memory, scope, id)
            case n if n < 82:
                assembly = memory.assemble(f"{rng.choice(_NOUNS)} {stranger.mark}", scope=scope, budget=120)
                assert {item.id for item in assembly.receipt.items} <= {*ids}
                assert stranger.mark not in assembly.text
            case n if n < 99 and ids:
                _change(memory, tenant, scope, ids, step, rng)
            case _ if ids and "erase" in memory.capabilities:
                gone = memory.erase(rng.choice(ids), scope=scope)
                ids[:] = [id for id in ids if id not in gone]
                tenant.erased |= {*gone}
    _add_up(memory, tenants)


def _put(
    memory: SyncMemory, tenant: _Tenant, scope: Scope, strange: list[str], step: int, rng: random.Random
) -> list[str]:
    """Put records. One says what others say too; that a source is a stranger's doubtful record has no effect."""
    data = [tenant.mark, scope.user]
    words = " ".join(rng.choices(_NOUNS, k=3))
    fact = Record(type="semantic", text=words, data=data, subject="Ada", predicate=rng.choice(_NOUNS))
    turn = Record(text=f"{tenant.mark} {words} {step}", data=data, session=f"s{step % 3}", trust=rng.choice([0.1, 1.0]))
    derived = Record(text=f"{tenant.mark} of {step}", data=data, sources=tuple(strange))
    made = memory.put([fact, turn, derived][: rng.randrange(1, 4)], scope=scope)
    if len(made) == 3:
        found = memory.get(made[2], scope=scope)
        assert found is not None
        assert found.trust == 1.0
    return [id for id in dict.fromkeys(made) if id not in tenant.ids[scope]]


def _keep_out(memory: SyncMemory, scope: Scope, id: str) -> None:
    """An id of another tenant opens nothing."""
    assert memory.get(id, scope=scope) is None
    assert memory.history(id, scope=scope) == []
    assert memory.scopes([id], scope=scope) == {}
    if "erase" in memory.capabilities:
        assert memory.erase(id, scope=scope) == []
    for attempt in (memory.retract, *((memory.restore,) if "restore" in memory.capabilities else ())):
        with contextlib.suppress(NotRemembered):
            attempt(id, scope=scope)
            raise AssertionError(f"{id} was changed from another scope")


def _change(memory: SyncMemory, tenant: _Tenant, scope: Scope, ids: list[str], step: int, rng: random.Random) -> None:
    id = rng.choice(ids)
    match rng.randrange(3):
        case 0:
            memory.retract(id, scope=scope)
        case 1 if "restore" in memory.capabilities:
            memory.restore(id, scope=scope)
        case _:
            new = Record(text=f"{tenant.mark} now {step}", data=[tenant.mark, scope.user])
            with contextlib.suppress(Conflict):
                ids.append(memory.supersede(id, new, scope=scope))


def _add_up(memory: SyncMemory, tenants: list[_Tenant]) -> None:
    """At the end every scope holds what was put into it, and nothing else."""
    for tenant in tenants:
        for scope, ids in tenant.ids.items():
            assert memory.stats(scope=scope).records == len(ids)
            log = "".join(memory.export(scope=scope))
            assert not any(other.mark in log for other in tenants if other is not tenant)
            assert all(id in log for id in ids)
