"""A Mastra server's memory over HTTP: threads, messages and working memory, with errors in our words.

Every call names the resource it is for: Mastra checks an owner only when it is told one.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from types import ModuleType
from typing import Any
from urllib.parse import quote

from lev_os.core.errors import LevError

from ...errors import StoreProblem

PAGE = 500
"""Messages and threads asked for at once."""
_FEW = 20
_SECONDS = 60.0


def http() -> ModuleType:
    """The module `httpx2`; raises `LevError` when it is not installed."""
    try:
        import httpx2
    except ImportError:
        help = "pip install 'lev-os-memory[mastra]'"
        raise LevError("memory in Mastra needs httpx2, which is not installed", help=help) from None
    return httpx2


class Client:
    """The memory of one agent of a server. Raises `StoreProblem`, and `LevError` for what the caller must mend."""

    def __init__(self, base: str, token: str | None, agent: str | None) -> None:
        self.base = base
        self._http = http()
        self._agent = agent
        self._has_working = False
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._client = self._http.AsyncClient(base_url=f"{base}/api/", headers=headers, timeout=_SECONDS)

    async def choose_agent(self) -> None:
        """Settle whose memory is used: the agent that was named, or the only one that has a memory."""
        agents: Mapping[str, Mapping[str, Any]] = await self._call("GET", "agents")
        able = sorted(name for name, said in agents.items() if said.get("supportsMemory", True))
        if self._agent is None and len(able) == 1:
            self._agent = able[0]
        if self._agent in able:
            config = (await self._call("GET", "memory/config")).get("config") or {}
            working = config.get("workingMemory") or {}
            self._has_working = bool(working.get("enabled")) and working.get("scope", "resource") == "resource"
        else:
            named = "several agents have a memory" if self._agent is None else f"no agent {self._agent!r} has a memory"
            help = f"put ?agent=NAME behind the URL; there are: {', '.join(able) or 'none'}"
            raise LevError(f"{self.base}: {named}", help=help)

    async def threads(self, mark: str) -> AsyncIterator[Mapping[str, Any]]:
        """Threads whose `levTenant` is the mark, those that changed last first."""
        asked = {"metadata": json.dumps({"levTenant": mark}), "orderBy": _order("updatedAt")}
        async for thread, _ in self._pages("memory/threads", "threads", asked):
            yield thread

    async def messages(self, thread: str, resource: str) -> AsyncIterator[tuple[Mapping[str, Any], int]]:
        """Every message of a thread, the newest first, and how many there are."""
        asked = {"resourceId": resource, "orderBy": _order("createdAt")}
        async for message in self._pages(f"{_thread(thread)}/messages", "messages", asked):
            yield message

    async def create_thread(self, thread: str, resource: str, title: str, metadata: Mapping[str, str]) -> None:
        """Make a thread; one that is there gets this title and metadata."""
        body = {"threadId": thread, "resourceId": resource, "title": title, "metadata": metadata}
        await self._call("POST", "memory/threads", json=body)

    async def save(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Save messages of one thread; those with an id that is there take its place."""
        await self._call("POST", "memory/save-messages", json={"messages": messages})

    async def working(self, thread: str, resource: str) -> str | None:
        """The working memory of a resource, which Mastra gives by one of its threads; None when the agent has none."""
        if not self._has_working:
            return None
        said = await self._call("GET", f"{_thread(thread)}/working-memory", params={"resourceId": resource})
        return said.get("workingMemory") or ""

    async def set_working(self, thread: str, resource: str, text: str) -> None:
        """Replace the working memory of a resource."""
        body = {"workingMemory": text, "resourceId": resource}
        await self._call("POST", f"{_thread(thread)}/working-memory", json=body)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _pages(
        self, path: str, key: str, asked: Mapping[str, Any]
    ) -> AsyncIterator[tuple[Mapping[str, Any], int]]:
        # The first few are mostly enough. Pages are counted from 0, so that a larger first one holds them again.
        page, size, skip = 0, _FEW, 0
        while True:
            answer = await self._call("GET", path, params={**asked, "page": page, "perPage": size})
            found = answer[key]
            if key == "messages":
                found = found[::-1]  # within a page Mastra always puts the oldest first
            for item in found[skip:]:
                yield item, answer["total"]
            if not answer["hasMore"]:
                return
            page, size, skip = (page + 1, size, 0) if size == PAGE else (0, PAGE, size)

    async def _call(self, method: str, path: str, *, params: Mapping[str, Any] = {}, json: Any = None) -> Any:
        asked = dict(params) if self._agent is None else {**params, "agentId": self._agent}
        try:
            answer = await self._client.request(method, path, params=asked, json=json)
        except self._http.HTTPError as error:
            help = "start the server, or correct the URL; nothing was lost"
            raise StoreProblem(f"{self.base} does not answer: {error or type(error).__name__}", help=help) from None
        if answer.status_code == 401:
            help = "put it into LEV_MASTRA_TOKEN, or into the URL: mastra+http://TOKEN@host"
            raise LevError(f"{self.base} refuses this token, or asks for one", help=help)
        try:
            said = answer.json()
        except ValueError:
            said = None
        if answer.is_success and said is not None:
            return said
        why = said.get("error") if isinstance(said, dict) else None
        unknown = None if why else f"is {self.base} a Mastra server?"
        raise StoreProblem(
            f"{self.base} answers {method} {path} with {answer.status_code}: {why or 'no JSON'}", help=unknown
        )


def _thread(name: str) -> str:
    return f"memory/threads/{quote(name, safe='')}"


def _order(field: str) -> str:
    return json.dumps({"field": field, "direction": "DESC"})
