"""Facts by a model, through Graphiti: what it finds in episodes becomes records, and supersedes what it ends.

    async with MemoryManager.open("graphiti+kuzu:///folder") as memory:
        await extract(memory, "openai:gpt-5-mini", scope=scope)

Graphiti asks the model several times an episode. Other writes to the memory wait while one is being read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from lev_os.core.errors import LevError

from ...embedding import EmbedderChoice, choose_embedder
from ...errors import Conflict
from ...types import Filter, Record, Scope, utc
from . import GraphitiBackend, naming
from .clients import Answer, asking, graphiti
from .log import Graph
from .parts import part
from .projection import DESCRIPTION, edge_of

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from ...manager import MemoryManager

_READ = f"{DESCRIPTION}: read"
_PAGE = 100


async def extract(
    memory: MemoryManager, model: str | Model | Answer, *, scope: Scope, embedder: EmbedderChoice = "static"
) -> list[str]:
    """Read the episodes of the scope that were not read yet; the ids of the facts that were found.

    `model` is a name or a model of Pydantic AI's, or a function. `embedder` finds entities that are alike. An episode
    whose model call fails stays unread, and what was found before is kept.
    """
    backend = memory.backend
    if not isinstance(backend, GraphitiBackend):
        raise LevError("facts are extracted through Graphiti", help="open the memory as graphiti+kuzu:///folder")
    chosen = choose_embedder(embedder)
    if chosen is None:
        raise LevError("Graphiti compares entities by their vectors", help="leave `embedder` as it is, or name one")
    answer = model if callable(model) else asking(model)
    graph = backend.graph
    await graph.make_indexes()
    found: list[str] = []
    cursor: int | None = None
    while True:
        page = await memory.query(Filter(types=("episodic",)), scope=scope, cursor=cursor, limit=_PAGE)
        for record in page.records:
            owner = (await memory.history(record.id, scope=scope))[0].scope
            driver = graph.of_group(naming.group_of(owner))
            found += await _read(memory, graph, record, owner, graphiti(driver, answer, chosen))
        if (cursor := page.cursor) is None:
            return found


async def _read(memory: MemoryManager, graph: Graph, record: Record, owner: Scope, reader: Any) -> list[str]:
    """The facts of one episode, if it was not read before."""
    episode, group = naming.episode_of(owner.tenant, record.id), naming.group_of(owner)
    query = "MATCH (n:Episodic {uuid: $uuid}) RETURN n.source_description AS said"
    rows, _, _ = await reader.driver.execute_query(query, uuid=episode)
    if not rows or rows[0]["said"] == _READ:
        return []
    kinds = part("nodes").EpisodeType
    async with graph.alone():
        result = await reader.add_episode(
            name=episode,
            episode_body=record.text,
            source_description=rows[0]["said"],
            reference_time=record.begins,
            source=kinds.message if record.role else kinds.text,
            group_id=group,
            uuid=episode,
        )
    ids = await _take_in(memory, record, owner, result)
    query = "MATCH (n:Episodic {uuid: $uuid}) SET n.source_description = $said"
    await reader.driver.execute_query(query, uuid=episode, said=_READ)
    return ids


async def _take_in(memory: MemoryManager, episode: Record, owner: Scope, result: Any) -> list[str]:
    """Make records of the edges that an episode brought, and let them take the place of those it ended."""
    scope = msgspec.structs.replace(owner, session=None)
    names = {node.uuid: node.name for node in result.nodes}
    known = {}
    page = await memory.query(Filter(types=("semantic",), retired=True), scope=scope, limit=1 << 20)
    for record in page.records:
        known[edge_of(record) or naming.fact_of(scope.tenant, record.id)] = record
    fresh: list[tuple[Any, str]] = []
    for edge in result.edges:
        if edge.uuid in known:
            continue
        begins = utc(edge.valid_at or episode.begins or edge.created_at)
        fact = Record(
            type="semantic",
            text=edge.fact,
            data={"object": names.get(edge.target_node_uuid), "graphiti": {"edge": edge.uuid}},
            subject=names.get(edge.source_node_uuid),
            predicate=edge.name,
            valid_from=begins,
            valid_to=None if edge.invalid_at is None else max(begins, utc(edge.invalid_at)),
            sources=(episode.id,),
            session=episode.session,
        )
        (id,) = await memory.put([fact], scope=owner)
        fresh.append((edge, id))
    for edge in result.edges:
        old = known.get(edge.uuid)
        new = next((id for other, id in fresh if other.source_node_uuid == edge.source_node_uuid), None)
        if old is None or new is None or edge.invalid_at is None or old.superseded_by is not None or old.expired_at:
            continue
        reason = "Graphiti found that it no longer holds"
        try:
            await memory.supersede_by(old.id, new, scope=scope, at=edge.invalid_at, reason=reason)
        except Conflict:  # it was changed in the meantime, by somebody who knows better
            continue
    return [id for _, id in fresh]
