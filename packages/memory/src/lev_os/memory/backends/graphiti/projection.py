"""What a graph shows of records: an episode each, and an edge for a fact, valid when the fact is.

The truth is the log beside them. An episode of a record that was retracted is taken out until it is restored, since
Graphiti knows no retracted episodes; an edge stays, and says when it was expired.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...lifecycle import fold
from ...types import Change, Record, Scope
from . import naming
from .parts import part

DESCRIPTION = "Leviathan"
_LONGEST_NAME = 60


async def show(driver: Any, log: Sequence[Change]) -> None:
    """Bring what a graph shows of one record to what its log comes to."""
    record, scope = fold(log), log[0].scope
    assert record is not None
    episode = naming.episode_of(scope.tenant, record.id)
    if record.expired_at is None:
        await _episode(record, scope, episode).save(driver)
    else:
        await driver.execute_query("MATCH (n:Episodic {uuid: $uuid}) DETACH DELETE n", uuid=episode)
    if record.subject and record.predicate:
        await _show_fact(driver, record, scope, episode, log)


async def hide(driver: Any, log: Sequence[Change]) -> None:
    """Take a record out of a graph, with the entities that only it speaks of; `log` is what was known of it."""
    tenant, id, record = log[0].scope.tenant, log[0].id, log[0].record
    episode = naming.episode_of(tenant, id)
    around = await _entities(driver, "MATCH (:Episodic {uuid: $uuid})-[:MENTIONS]->(n:Entity)", episode)
    for fact in (naming.fact_of(tenant, id), None if record is None else edge_of(record)):
        if fact is not None:
            around |= await _ends(driver, fact)
            await _delete_edge(driver, fact)
    await driver.execute_query("MATCH (n:Episodic {uuid: $uuid}) DETACH DELETE n", uuid=episode)
    for uuid in around:
        query = "MATCH (n:Entity {uuid: $uuid})-[r]-() RETURN count(r) AS count"
        rows, _, _ = await driver.execute_query(query, uuid=uuid)
        if rows and rows[0]["count"]:
            # Graphiti may have summed up in it what is to be erased.
            query = "MATCH (n:Entity {uuid: $uuid}) SET n.summary = $empty"
            await driver.execute_query(query, uuid=uuid, empty="")
        else:
            await driver.execute_query("MATCH (n:Entity {uuid: $uuid}) DELETE n", uuid=uuid)


def edge_of(record: Record) -> str | None:
    """The edge that Graphiti made, of which a record was made."""
    held = record.data.get("graphiti") if isinstance(record.data, dict) else None
    edge = held.get("edge") if isinstance(held, dict) else None
    return edge if isinstance(edge, str) else None


def _related(driver: Any) -> str:
    """The rest of a path from the entity that the edge `$uuid`, called `e`, leads from."""
    if driver.provider == part("driver.driver").GraphProvider.KUZU:  # edges are nodes there
        return "[:RELATES_TO]->(e:RelatesToNode_ {uuid: $uuid})"
    return "[e:RELATES_TO {uuid: $uuid}]->()"


async def _ends(driver: Any, edge: str) -> set[str]:
    """The entities at both ends of an edge. FalkorDB finds but one of them when no direction is given."""
    back = _related(driver).replace("]->(", "]-(")
    found = await _entities(driver, f"MATCH (n:Entity)-{_related(driver)}", edge)
    return found | await _entities(driver, f"MATCH (n:Entity)<-{back}", edge)


async def _entities(driver: Any, pattern: str, uuid: str) -> set[str]:
    rows, _, _ = await driver.execute_query(f"{pattern} RETURN DISTINCT n.uuid AS uuid", uuid=uuid)
    return {row["uuid"] for row in rows}


async def _delete_edge(driver: Any, uuid: str) -> None:
    how = "DETACH DELETE e" if "RelatesToNode_" in _related(driver) else "DELETE e"
    await driver.execute_query(f"MATCH (n:Entity)-{_related(driver)} {how}", uuid=uuid)


def _episode(record: Record, scope: Scope, uuid: str) -> Any:
    nodes = part("nodes")
    return nodes.EpisodicNode(
        uuid=uuid,
        name=" ".join(part for part in (record.session, record.role) if part) or record.type,
        group_id=naming.group_of(scope),
        source=nodes.EpisodeType.message if record.role else nodes.EpisodeType.text,
        source_description=f"{DESCRIPTION}: {record.type}",
        content=record.text,
        created_at=record.recorded_at,
        valid_at=record.begins,
    )


async def _show_fact(driver: Any, record: Record, scope: Scope, episode: str, log: Sequence[Change]) -> None:
    edges = part("edges")
    group = naming.group_of(scope)
    ended = [change.at for change in log if change.op == "supersede" and record.superseded_by is not None]
    expired = record.expired_at or (ended[-1] if ended else None)
    if (made := edge_of(record)) is not None:
        state = "SET e.valid_at = $valid, e.invalid_at = $invalid, e.expired_at = $expired"
        values = {"valid": record.begins, "invalid": record.valid_to, "expired": expired}
        await driver.execute_query(f"MATCH (n:Entity)-{_related(driver)} {state}", uuid=made, **values)
        return
    # A record says what a fact is about, and its value only in words: without one in `data`, the edge is a loop.
    value = record.data.get("object") if isinstance(record.data, dict) else None
    source = await _entity(driver, scope, record.subject or "", record)
    target = await _entity(driver, scope, value, record) if isinstance(value, str) and value else source
    sources = [naming.episode_of(scope.tenant, source) for source in record.sources]
    edge = edges.EntityEdge(
        uuid=naming.fact_of(scope.tenant, record.id),
        name=record.predicate,
        group_id=group,
        source_node_uuid=source,
        target_node_uuid=target,
        fact=record.text,
        episodes=[episode, *sources],
        created_at=record.recorded_at,
        valid_at=record.begins,
        invalid_at=record.valid_to,
        expired_at=expired,
    )
    await edge.save(driver)
    if record.expired_at is None:
        mention = edges.EpisodicEdge(
            uuid=naming.mention_of(scope.tenant, record.id),
            group_id=group,
            source_node_uuid=episode,
            target_node_uuid=source,
            created_at=record.recorded_at,
        )
        await mention.save(driver)


async def _entity(driver: Any, scope: Scope, name: str, record: Record) -> str:
    """The entity of a name, made if there is none: Graphiti may have written a summary into it since."""
    uuid = naming.entity_of(scope, name)
    found, _, _ = await driver.execute_query("MATCH (n:Entity {uuid: $uuid}) RETURN n.uuid AS uuid", uuid=uuid)
    if not found:
        node = part("nodes").EntityNode(
            uuid=uuid, name=name, group_id=naming.group_of(scope), created_at=record.recorded_at
        )
        await node.save(driver)
    return uuid
