"""Memory in a real Mastra server: it conforms, and what each side says the other one reads."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.core import LevError
from lev_os.memory import Filter, MemoryManager, Record, Scope, StoreProblem
from lev_os.memory.backends.mastra import naming
from lev_os.memory.conformance.suite import *  # noqa: F403  # the tests and their fixtures
from lev_os.memory.sync import SyncMemory
from mastra_server import AGENT, TOKEN, running, serving

pytestmark = [pytest.mark.slow, pytest.mark.node]
MAY = datetime(2026, 5, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server for the whole module."""
    with serving(tmp_path_factory.mktemp("mastra") / "memory.db") as url:
        yield url


@pytest.fixture
def memory_url(server: str) -> str:
    """The backend under test."""
    return server


@pytest.fixture
def api(server: str) -> Iterator[httpx2.Client]:
    """Mastra's own interface, as its agents use it."""
    base = server.removeprefix("mastra+").replace(f"{TOKEN}@", "")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx2.Client(base_url=f"{base}/api", headers=headers, params={"agentId": AGENT}) as client:
        yield client


def said(api: httpx2.Client, scope: Scope) -> list[dict[str, Any]]:
    """What Mastra shows of a scope's thread."""
    asked = {"resourceId": naming.resource_of(scope), "perPage": 100}
    found: list[dict[str, Any]] = api.get(f"/memory/threads/{naming.thread_of(scope)}/messages", params=asked).json()[
        "messages"
    ]
    return found


def says(api: httpx2.Client, scope: Scope, text: str, **fields: Any) -> None:
    """An agent of Mastra's says something."""
    message = {
        "id": str(uuid.uuid4()),
        "role": "assistant",
        "threadId": naming.thread_of(scope),
        "resourceId": naming.resource_of(scope),
        "createdAt": "2026-05-08T00:00:00.000Z",
        "content": {"format": 2, "parts": [{"type": "text", "text": text}]},
    }
    assert api.post("/memory/save-messages", json={"messages": [message | fields]}).is_success


def test_mastra_shows_what_we_remember(server: str, api: httpx2.Client, scope: Scope) -> None:
    """In the thread of the session, in order, as messages with sensible roles."""
    session = Scope(tenant=scope.tenant, user="ada", session="monday")
    with MemoryManager.open_sync(server, embedder=None, clock=lambda: MAY) as memory:
        for role, text in (("user", "Do I drink tea?"), ("assistant", "You do."), ("system", "  Be kind.  ")):
            memory.put([Record(text=text, role=role)], scope=session)
        assert [record.text for record in memory.query(scope=session).records][2] == "  Be kind.  "
    found = [(one["role"], one["content"]["parts"][0]["text"]) for one in said(api, session)]
    assert found == [("user", "Do I drink tea?"), ("assistant", "You do."), ("user", "Be kind.")]


def test_what_an_agent_says_is_remembered(server: str, api: httpx2.Client, scope: Scope) -> None:
    """While the memory is open and after it: as a doubtful episode, once, which can be retracted like any other."""
    session = Scope(tenant=scope.tenant, user="ada", session="monday")
    with MemoryManager.open_sync(server, embedder=None, clock=lambda: MAY) as memory:
        memory.put([Record(text="Do I drink tea?", role="user")], scope=session)
        says(api, session, "You drink oolong tea.")
        (hit,) = memory.search("oolong", scope=session, k=1)
        record = hit.record
        assert (record.text, record.role, record.session, record.trust) == (
            "You drink oolong tea.", "assistant", "monday", 0.4,
        )  # fmt: skip
        assert record.valid_from == datetime(2026, 5, 8, tzinfo=UTC)
        memory.retract(record.id, scope=session)
        log = memory.changes(scope=session)
    says(api, session, "And sencha.", id="another")
    with MemoryManager.open_sync(server, embedder=None, clock=lambda: MAY) as memory:
        assert memory.changes(scope=session)[: len(log)] == log
        assert [record.text for record in memory.query(scope=session).records] == ["Do I drink tea?", "And sencha."]
        assert memory.problems == []


def test_working_memory_is_shown_beside_what_agents_wrote(server: str, api: httpx2.Client, scope: Scope) -> None:
    """What holds is listed in a part of its own, and goes when it is retracted; the agents' text stays as it is."""
    thread, resource = naming.thread_of(scope), naming.resource_of(scope)

    def shown() -> str:
        found = api.get(f"/memory/threads/{thread}/working-memory", params={"resourceId": resource}).json()
        return str(found["workingMemory"])

    with MemoryManager.open_sync(server, embedder=None, clock=lambda: MAY) as memory:
        memory.put([Record(text="tea")], scope=scope)
        theirs = {"workingMemory": "# User\n- **Name**: Ada", "resourceId": resource}
        assert api.post(f"/memory/threads/{thread}/working-memory", json=theirs).is_success
        first, _ = memory.put([Record(type="working", text=f"task {i}\n<!-- x -->") for i in range(2)], scope=scope)
        assert shown().startswith("# User\n- **Name**: Ada\n\n<!-- remembered -->\n- task 0 <! -- x -->\n- task 1 ")
    with MemoryManager.open_sync(server, embedder=None, clock=lambda: MAY) as memory:
        memory.retract(first, scope=scope)
        assert "task 0" not in shown()
        assert "task 1" in shown()
        memory.retract(memory.query(where=Filter(types=("working",)), scope=scope).records[0].id, scope=scope)
        assert shown() == "# User\n- **Name**: Ada"


def test_working_memory_shows_what_holds(server: str, api: httpx2.Client, scope: Scope) -> None:
    """What begins later is not shown yet, and what has ended goes, with the next change of the resource."""
    now = MAY
    thread, resource = naming.thread_of(scope), naming.resource_of(scope)

    def shown() -> set[str]:
        found = api.get(f"/memory/threads/{thread}/working-memory", params={"resourceId": resource}).json()
        return {line[2:] for line in found["workingMemory"].splitlines() if line.startswith("- ")}

    def working(text: str, **times: Any) -> Record:
        return Record(type="working", text=text, **times)

    with MemoryManager.open_sync(server, embedder=None, clock=lambda: now) as memory:
        later = MAY + timedelta(days=1)
        old, *_ = memory.put(
            [working("old"), working("short", ttl=60), working("later", valid_from=later)], scope=scope
        )
        memory.supersede(old, working("new", valid_from=later), scope=scope)
        assert shown() == {"old", "short"}
        now = later
        memory.put([Record(text="tea")], scope=scope)
        assert shown() == {"later", "new"}


def test_an_unfinished_write_does_not_count(server: str, api: httpx2.Client, scope: Scope) -> None:
    """Records that no entry of the log names are left out, as if they had never been saved."""
    with MemoryManager.open_sync(server, embedder=None) as memory:
        memory.put([Record(text="tea")], scope=scope)
        (message,) = said(api, scope)
        message["id"] = message["id"] + "x"
        message["content"]["metadata"]["lev"] = json.dumps(
            json.loads(message["content"]["metadata"]["lev"]) | {"id": "x"}
        )
        assert api.post("/memory/save-messages", json={"messages": [message]}).is_success
        assert memory.stats(scope=scope).records == 1
    with MemoryManager.open_sync(server, embedder=None) as memory:
        assert memory.stats(scope=scope).records == 1


def test_a_message_that_is_gone_is_no_silent_loss(server: str, api: httpx2.Client, scope: Scope) -> None:
    """What was deleted in Mastra is not there any more; changes made to it are named, and the rest works."""
    with MemoryManager.open_sync(server, embedder=None) as memory:
        tea, _ = memory.put([Record(text="tea"), Record(text="coffee")], scope=scope)
        memory.retract(tea, scope=scope)
    assert api.post("/memory/messages/delete", json={"messageIds": [naming.message_of(scope.tenant, tea)]}).is_success
    with MemoryManager.open_sync(server, embedder=None) as memory:
        assert [record.text for record in memory.query(scope=scope).records] == ["coffee"]
        assert [problem.code for problem in memory.problems] == ["MEM302"]


def test_a_thread_with_a_borrowed_mark_shows_nothing(server: str, api: httpx2.Client, scope: Scope) -> None:
    """A thread that claims to be another tenant's, by its metadata alone, is left out."""
    with MemoryManager.open_sync(server, embedder=None) as memory:
        memory.put([Record(text="tea")], scope=scope)
        stranger = Scope(tenant=scope.tenant + "x")
        metadata = {"levTenant": naming.tenant_mark(scope.tenant), "levScope": json.dumps({"tenant": scope.tenant})}
        names = {"threadId": naming.thread_of(stranger), "resourceId": naming.resource_of(stranger)}
        assert api.post("/memory/threads", json={**names, "title": "x", "metadata": metadata}).is_success
        says(api, stranger, "tea from elsewhere")
        assert [record.text for record in memory.query(scope=Scope(tenant=scope.tenant)).records] == ["tea"]


def test_large_and_many(server: str, scope: Scope) -> None:
    """Ten megabytes of text, and thousands of records in one call over several threads; all there when reopened."""
    with MemoryManager.open_sync(server, embedder=None) as memory:
        (big,) = memory.put([Record(text="tea " * 2_500_000)], scope=scope)
        memory.put([Record(text=f"tea {i}", session=f"s{i % 3}") for i in range(3_000)], scope=scope)
        before = memory.changes(scope=scope, limit=5_000)
    with MemoryManager.open_sync(server, embedder=None) as memory:
        assert memory.changes(scope=scope, limit=5_000) == before
        found = memory.get(big, scope=scope)
        assert found is not None
        assert len(found.text) == 10_000_000


def test_a_server_that_goes_away_and_comes_back(tmp_path: Path, scope: Scope) -> None:
    """Calls fail with its name and without its token; what was acknowledged is there when it is back."""
    with serving(tmp_path / "memory.db") as url:
        port = int(url.rpartition(":")[2])
        opened = MemoryManager.open_sync(url, embedder=None)
        memory = opened.__enter__()
        memory.put([Record(text="tea")], scope=scope)
    for attempt in (lambda: memory.put([Record(text="lost")], scope=scope), lambda: memory.query(scope=scope)):
        with pytest.raises(StoreProblem, match="does not answer") as caught:
            attempt()
        assert TOKEN not in str(caught.value)
    with serving(tmp_path / "memory.db", port=port):
        memory.put([Record(text="coffee")], scope=scope)
        assert [record.text for record in memory.query(scope=scope).records] == ["tea", "coffee"]
        opened.__exit__(None, None, None)


KILLED = """
import sys
from lev_os.memory import MemoryManager, Record, Scope
url, tenant = sys.argv[1:]
scope = Scope(tenant=tenant, user="ada")
with MemoryManager.open_sync(url, embedder=None) as memory:
    for i in range(100_000):
        ids = memory.put([Record(text=f"tea {i} {n}", session=f"s{n}") for n in range(3)], scope=scope)
        ids.append(memory.supersede(ids[0], Record(text=f"coffee {i}"), scope=scope))
        memory.retract(ids[1], scope=scope)
        print(*ids, flush=True)
"""


def acknowledged_are_there(memory: SyncMemory, scope: Scope, acknowledged: list[str]) -> None:
    """Whole calls only, in the state that was acknowledged, and nothing that does not fit."""
    log = memory.changes(scope=scope, limit=100_000)
    puts = [change.id for change in log if change.op == "put"]
    assert [id for line in acknowledged for id in line.split()] == puts[: 4 * len(acknowledged)]
    assert len(puts) - 4 * len(acknowledged) in {0, 3, 4}
    for line in acknowledged:
        old, gone, kept, new = (memory.get(id, scope=scope) for id in line.split())
        assert old is not None
        assert gone is not None
        assert kept is not None
        assert new is not None
        assert (old.superseded_by, gone.expired_at is None, kept.version, new.version) == (new.id, False, 1, 1)
    assert memory.problems == []


@pytest.mark.parametrize("lines", [1, 4, 9])
def test_a_killed_process_loses_nothing_acknowledged(server: str, scope: Scope, lines: int) -> None:
    """Killed in the middle of a call of several requests: all of it is there, or nothing of it; others go on."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, server, scope.tenant], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    acknowledged += [line for line in process.stdout if line.endswith("\n")]
    process.wait()
    process.stdout.close()
    with MemoryManager.open_sync(server, embedder=None) as memory:
        acknowledged_are_there(memory, scope, acknowledged)
        (after,) = memory.put([Record(text="after")], scope=scope)
    with MemoryManager.open_sync(server, embedder=None) as memory:
        assert memory.changes(scope=scope, limit=100_000)[-1].id == after


@pytest.mark.parametrize("lines", [2, 7])
def test_a_killed_server_loses_nothing_acknowledged(tmp_path: Path, scope: Scope, lines: int) -> None:
    """The same when Mastra is killed; whoever had the memory open goes on when it is back."""
    with running(tmp_path / "memory.db") as first, MemoryManager.open_sync(first.url, embedder=None) as opened:
        assert opened.stats(scope=scope).records == 0
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, first.url, scope.tenant],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(lines)]
        first.process.kill()
        said, errors = process.communicate(timeout=60)
        acknowledged += said.splitlines(keepends=True)
        assert "StoreProblem" in errors
        first.process.wait()
        with running(tmp_path / "memory.db", port=int(first.url.rpartition(":")[2])) as second:
            acknowledged_are_there(opened, scope, acknowledged)
            opened.put([Record(text="after")], scope=scope)
            log = opened.changes(scope=scope, limit=100_000)
            with MemoryManager.open_sync(second.url, embedder=None) as memory:
                assert memory.changes(scope=scope, limit=100_000) == log


def test_a_wrong_token_or_agent_is_refused(server: str) -> None:
    """With the way to give another one, and without showing it."""
    with (
        pytest.raises(LevError, match="LEV_MASTRA_TOKEN") as caught,
        MemoryManager.open_sync(server.replace(TOKEN, "wrong-one"), embedder=None),
    ):
        pass
    assert "wrong-one" not in str(caught.value)
    with pytest.raises(LevError, match=AGENT), MemoryManager.open_sync(f"{server}/?agent=nobody", embedder=None):
        pass


fields = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)
scopes = st.builds(Scope, tenant=fields.filter(bool), user=fields, agent=fields, project=fields, session=fields)


@given(scopes, scopes)
def test_names_are_scopes(one: Scope, other: Scope) -> None:
    """Two scopes share a name only if they are the same, and every name is safe in a URL."""
    assert (naming.thread_of(one) == naming.thread_of(other)) is (one == other)
    assert naming.log_of(one.tenant) != naming.thread_of(other)
    assert len(naming.thread_of(one)) <= 240
    assert set(naming.thread_of(one)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~")
