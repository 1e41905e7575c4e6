"""What a graph shows of records: an episode each, and an edge for a fact, valid when the fact is.

The truth is the log beside them. An episode of a record that was retracted is taken out until it is restored, since
Graphiti knows no retracted episodes; an edge stays, and says when it was expired.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
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
    if record is None:
        await hide(driver, scope.tenant, log[0].id)
        return
    episode = naming.episode_of(scope.tenant, record.id)
    if record.expired_at is None:
        await _episode(record, scope, episode).save(driver)
    else:
        await driver.execute_query("MATCH (n:Episodic {uuid: $uuid}) DETACH DELETE n", uuid=episode)
    if record.subject and record.predicate:
        await _show_fact(driver, record, scope, episode, log)


async def hide(driver: Any, tenant: str, id: str) -> None:
    """Take a record out of a graph, and what its fact was about if nothing else is."""
    nodes, edges = part("nodes"), part("edges")
    kuzu = driver.provider == part("driver.driver").GraphProvider.KUZU
    related = "-[:RELATES_TO]-(e:RelatesToNode_ {uuid: $uuid})" if kuzu else "-[e:RELATES_TO {uuid: $uuid}]-()"
    fact = naming.fact_of(tenant, id)
    found, _, _ = await driver.execute_query(f"MATCH (n:Entity){related} RETURN DISTINCT n.uuid AS uuid", uuid=fact)
    placeholder = {"group_id": "", "created_at": datetime.now(), "source_node_uuid": "", "target_node_uuid": ""}
    await edges.EntityEdge(uuid=fact, name="", fact="", **placeholder).delete(driver)
    await driver.execute_query(
        "MATCH (n:Episodic {uuid: $uuid}) DETACH DELETE n", uuid=naming.episode_of(tenant, id)
    )
    for row in found:
        query = "MATCH (n:Entity {uuid: $uuid})-[r]-() RETURN count(r) AS count"
        (count,), _, _ = await driver.execute_query(query, uuid=row["uuid"])
        if not count["count"] and row["uuid"].startswith("leventity"):
            await nodes.EntityNode(uuid=row["uuid"], name="", group_id="").delete(driver)


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
    # A record says what a fact is about, and its value only in words: without one in `data`, the edge is a loop.
    value = record.data.get("object") if isinstance(record.data, dict) else None
    source = await _entity(driver, scope, record.subject or "", record)
    target = await _entity(driver, scope, value, record) if isinstance(value, str) and value else source
    ended = [change.at for change in log if change.op == "supersede" and record.superseded_by is not None]
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
        expired_at=record.expired_at or (ended[-1] if ended else None),
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
