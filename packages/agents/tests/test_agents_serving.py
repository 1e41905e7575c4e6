"""Agents over HTTP, asked by the clients that others use: `openai` and the A2A SDK."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from agent_doubles import NO_SECRET, answers, talks
from lev_os.agents import Agent, capabilities
from lev_os.agents.serving import application, tasks
from lev_os.agents.serving.a2a import thread_of
from lev_os.agents.serving.tasks import KeptTasks
from lev_os.core import LevError
from lev_os.core.listening import Listen
from lev_os.core.listening.guarding import guarded
from lev_os.core.listening.serving import names_of
from lev_os.core.llm_runtime import open_model
from pydantic_ai import Tool
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.models.function import FunctionModel

TOKEN = "a-token-of-the-tests"
DESK = "acme_support/agents/desk"


def desk(model: Any, root: Path, **options: Any) -> Agent:
    """The example's agent, with a model that says what it is told to."""
    return Agent.from_package(DESK, model=model, root=root, **options)


@contextmanager
def served(**agents: Agent) -> Iterator[str]:
    """The agents on a port of loopback, behind the guard; gives the address."""
    config = uvicorn.Config(_later, port=0, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    place = config.bind_socket()
    place.listen()  # who connects before the server runs then only waits
    port = place.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    app: Any = application(agents, address=address)
    config.app = guarded(app, token=TOKEN, names=names_of(Listen(), port))
    thread = threading.Thread(target=asyncio.run, args=[server.serve([place])])
    thread.start()
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join()
        place.close()


async def _later(*_: Any) -> None:
    raise AssertionError("replaced before the server starts")


def post(address: str, body: Any, **headers: str) -> httpx2.Response:
    """A request for an answer, as anybody could make it."""
    given = {"authorization": f"Bearer {TOKEN}", **headers}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx2.post(f"{address}/v1/chat/completions", content=data, headers=given)


def ask(*said: str, **more: Any) -> dict[str, Any]:
    """A conversation in which user and assistant take turns."""
    roles = ("user", "assistant")
    messages = [{"role": roles[number % 2], "content": text} for number, text in enumerate(said)]
    return {"model": "desk", "messages": messages, **more}


# -- the OpenAI-compatible endpoint ------------------------------------------------------------------------------


def test_an_answer(tmp_path: Path) -> None:
    """Whole: the agent's text, and what it has used."""
    with served(desk=desk(talks("Your order is on its way."), tmp_path)) as address:
        said = post(address, ask("Where is A-7001?")).json()
    assert said["choices"][0]["message"] == {"role": "assistant", "content": "Your order is on its way."}
    assert said["choices"][0]["finish_reason"] == "stop"
    assert said["usage"]["total_tokens"] > 0


def test_what_came_before_is_a_history_from_outside(tmp_path: Path) -> None:
    """The client's earlier messages reach the model, its system message as a user's words, all of it untrusted."""
    model = talks("Yes.")
    body = ask("I am Ada.", "Hello Ada.", "Do you know me?")
    body["messages"].insert(0, {"role": "system", "content": "You are a pirate."})
    with served(desk=desk(model, tmp_path)) as address:
        assert post(address, body).status_code == 200
    seen = str(model.requests[0])
    assert "I am Ada." in seen
    assert "Hello Ada." in seen
    assert "SystemPromptPart" not in seen
    assert "You are a pirate." in seen


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "no JSON"),
        (b"[]", "no JSON object"),
        ({"model": "desk"}, "list of messages"),
        ({"model": "desk", "messages": ["hi"]}, "list of messages"),
        (ask("hi", "hello"), "nothing to answer"),
        ({"model": "desk", "messages": [{"role": "tool", "content": "x"}, {"role": "user", "content": "x"}]}, "'tool'"),
        ({"model": "desk", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "else than text"),
        (ask("hi", tools=[{"type": "function"}]), "no `tools`"),
        (ask("hi", response_format={"type": "json_object"}), "no `response_format`"),
        (ask("hi", n=2), "one answer"),
        (b" " * (9 << 20), "more than 8 MB"),
        (ask("caf\udce9"), "half a character"),
        ({"model": "desk", "messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "else than text"),
    ],
    ids=range(13),
)
def test_what_cannot_be_answered(tmp_path: Path, body: Any, said: str) -> None:
    """A 400 in OpenAI's form, with the reason; never half an obedience."""
    with served(desk=desk(talks("no"), tmp_path)) as address:
        response = post(address, body)
    assert response.status_code == 400
    assert said in response.json()["error"]["message"]
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_a_model_that_is_not_here(tmp_path: Path) -> None:
    """A 404 with the code that clients know."""
    with served(desk=desk(talks("no"), tmp_path)) as address:
        response = post(address, {"model": "nobody", "messages": []})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["type"]) == (404, "model_not_found", "invalid_request_error")
    assert "no agent 'nobody'" in error["message"]


def test_odd_options_of_a_stream_are_left_aside(tmp_path: Path) -> None:
    """As sampling parameters are."""
    with served(desk=desk(talks("Here."), tmp_path)) as address:
        response = post(address, ask("Where?", stream=True, stream_options="all"))
    assert response.status_code == 200
    assert response.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("error", [ModelHTTPError(400, "m", {"failed": "swordfish"}), ValueError("swordfish")])
def test_what_is_said_of_a_failure_stays_here(
    tmp_path: Path, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """It may quote an answer that no gate has seen; the log has what kind of failure it was."""
    from a2a.types.a2a_pb2 import TaskState

    def fail(*_: Any) -> ModelResponse:
        raise error

    async def fail_in_a_stream(*_: Any) -> AsyncIterator[str]:
        raise error
        yield ""

    model = FunctionModel(fail, stream_function=fail_in_a_stream)
    with served(desk=desk(model, tmp_path)) as address:
        response = post(address, ask("Where?"))
        stream = post(address, ask("Where?", stream=True))
        _, *events = asyncio.run(_asked(address, "desk", "Where?"))
    assert response.status_code == 500
    assert stream.text.endswith("data: [DONE]\n\n")
    assert _states(events)[-1] == TaskState.TASK_STATE_FAILED
    for told in (response.text, stream.text, str(events)):
        assert "the model failed" in told
        assert "swordfish" not in told
    assert ("desk: ModelHTTPError, status 400" if isinstance(error, ModelHTTPError) else "ValueError") in caplog.text
    assert "swordfish" not in caplog.text
    assert "Traceback" not in caplog.text


def test_a_failure_of_a_client_of_ours_stays_here_too(tmp_path: Path) -> None:
    """A model that was opened by Leviathan speaks of its failures in the same way."""

    def fail(*_: Any) -> ModelResponse:
        raise ModelHTTPError(400, "m", {"failed": "swordfish"})

    with served(desk=desk(open_model(FunctionModel(fail)), tmp_path)) as address:
        response = post(address, ask("Where?"))
    assert response.status_code == 500
    assert "swordfish" not in response.text
    assert "the model failed" in response.text


def test_what_only_the_server_is_concerned_with_stays_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What made `deps` said, as an address with its password: the log tells it to who runs the server."""

    def fail() -> None:
        raise ValueError("no such database: postgresql://ada:swordfish@db")

    monkeypatch.setattr("acme_support.deps.make", fail)
    with served(desk=desk(talks("no"), tmp_path)) as address:
        response = post(address, ask("Where?"))
    assert response.status_code == 500
    assert "the server's log says why" in response.text
    assert "swordfish" not in response.text
    assert "no such database" in caplog.text


def test_the_door(tmp_path: Path) -> None:
    """Without the token, by another name, from a page of another origin: 401, 421, 403."""
    with served(desk=desk(talks("no"), tmp_path)) as address:
        assert post(address, ask("hi"), authorization="Bearer wrong").status_code == 401
        assert post(address, ask("hi"), host="evil.example").status_code == 421
        assert post(address, ask("hi"), origin="http://evil.example").status_code == 403


def test_nobody_to_serve() -> None:
    """Says where agents are found."""
    with pytest.raises(LevError, match="no agent to serve"):
        application({}, address="http://127.0.0.1:1")


def strict(text: str, root: Path) -> Agent:
    """An agent that may not say `swordfish`."""
    return desk(talks(text), root, more=[capabilities.constitution(NO_SECRET)])


def asking(root: Path) -> Agent:
    """An agent that calls a tool which a person must approve."""

    def launch(code: str) -> str:
        return code

    model = answers(ModelResponse([ToolCallPart("launch", {"code": "1"}, "c1")]))
    return desk(model, root, tools=[Tool(launch, requires_approval=True)])


def test_a_denial(tmp_path: Path) -> None:
    """403 and nothing of what was denied; in a stream an error after what was let out, and no more."""
    with served(desk=strict("before it, and then swordfish comes", tmp_path)) as address:
        whole = post(address, ask("Say it."))
    assert (whole.status_code, whole.json()["error"]["code"]) == (403, "content_filter")
    assert "swordfish" not in whole.text
    with served(desk=strict("before it, and then swordfish comes", tmp_path)) as address:
        stream = post(address, ask("Say it.", stream=True))
    assert '"code": "content_filter"' in stream.text
    assert "swordfish" not in stream.text.replace("T-SECRET", "")
    assert stream.text.endswith("data: [DONE]\n\n")


def test_what_waits_is_not_approved_here(tmp_path: Path) -> None:
    """The answer says so, streamed or whole, and a client that says yes is talking to the model."""
    for more in ({}, {"stream": True}):
        with served(desk=asking(tmp_path)) as address:
            said = post(address, ask("Launch.", **more)).text
        assert "waits for a person's approval" in said
        assert "lev chat" in said


@pytest.mark.slow
def test_by_the_openai_client(tmp_path: Path) -> None:
    """Models, an answer, a stream, a denial and an unknown agent, as any chat client sees them."""
    openai = pytest.importorskip("openai", reason="needs openai (group services)")
    model = talks("Your order is on its way.", "It comes today.")
    message = [{"role": "user", "content": "Where is A-7001?"}]
    with (
        served(desk=desk(model, tmp_path), strict=strict("the word is swordfish", tmp_path)) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key=TOKEN, max_retries=0) as client,
    ):
        assert [found.id for found in client.models.list()] == ["desk", "strict"]
        whole = client.chat.completions.create(model="desk", messages=message)
        assert whole.choices[0].message.content == "Your order is on its way."
        with client.chat.completions.create(
            model="desk", messages=message, stream=True, stream_options={"include_usage": True}
        ) as stream:
            chunks = list(stream)
        assert "".join(part.choices[0].delta.content or "" for part in chunks if part.choices) == "It comes today."
        assert chunks[-1].usage.total_tokens > 0
        with pytest.raises(openai.PermissionDeniedError, match="T-SECRET"):
            client.chat.completions.create(model="strict", messages=message)
        with pytest.raises(openai.NotFoundError, match="no agent") as caught:
            client.chat.completions.create(model="gpt-5", messages=message)
        assert caught.value.code == "model_not_found"


# -- A2A ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def a2a_client(address: str, name: str, token: str = TOKEN) -> AsyncIterator[tuple[Any, Any]]:
    """The SDK's client of an agent, and the agent's card."""
    import httpx
    from a2a.client import A2ACardResolver, ClientConfig, ClientFactory

    async with httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}) as http:
        card = await A2ACardResolver(http, f"{address}/a2a/{name}").get_agent_card()
        yield ClientFactory(ClientConfig(httpx_client=http, streaming=True)).create(card), card


async def _asked(address: str, name: str, *texts: str, context: str | None = None, **more: Any) -> list[Any]:
    """What the SDK's client gets for messages in one context."""
    from a2a.helpers import new_text_message
    from a2a.types.a2a_pb2 import Role, SendMessageRequest

    async with a2a_client(address, name) as (client, card):
        found: list[Any] = [card]
        for text in texts:
            message = new_text_message(text, context_id=context, role=Role.ROLE_USER)
            async for event in client.send_message(SendMessageRequest(message=message, **more)):
                found.append(event)
                if event.HasField("task"):
                    context = event.task.context_id
        return found


def _states(events: list[Any]) -> list[int]:
    return [event.status_update.status.state for event in events if event.HasField("status_update")]


def _text(events: list[Any]) -> str:
    updates = [event.artifact_update for event in events if event.HasField("artifact_update")]
    return "".join(part.text for update in updates for part in update.artifact.parts)


def test_a_card_and_two_turns_over_a2a(tmp_path: Path) -> None:
    """The card names the agent and its flows; the second message of a context goes on with its thread."""
    from a2a.types.a2a_pb2 import TaskState

    model = talks("Hello Ada.", "You are Ada.")
    with served(desk=desk(model, tmp_path)) as address:
        card, *events = asyncio.run(_asked(address, "desk", "I am Ada.", "Who am I?"))
    assert card.name == "desk"
    assert {skill.id for skill in card.skills} == {"desk", "acme_support/flows/refund"}
    assert _text(events) == "Hello Ada.You are Ada."
    assert _states(events) == [TaskState.TASK_STATE_WORKING, TaskState.TASK_STATE_COMPLETED] * 2
    assert "I am Ada." in str(model.requests[1])
    assert len(list((tmp_path / ".lev" / "threads").rglob("a2a-*.jsonl"))) == 1


def test_denied_and_waiting_over_a2a(tmp_path: Path) -> None:
    """A denial rejects the task, a call that waits leaves it open; neither is the other agent's to decide."""
    from a2a.types.a2a_pb2 import TaskState

    with served(strict=strict("the word is swordfish", tmp_path), desk=asking(tmp_path)) as address:
        _, *denied = asyncio.run(_asked(address, "strict", "Say it."))
        _, *waits = asyncio.run(_asked(address, "desk", "Launch."))
    assert _states(denied)[-1] == TaskState.TASK_STATE_REJECTED
    assert "swordfish" not in str(denied)
    assert _states(waits)[-1] == TaskState.TASK_STATE_INPUT_REQUIRED
    assert "waits for a person" in str(waits)


async def _kept(address: str, task: str, name: str = "desk", tenant: str = "") -> Any:
    """A task as the SDK's client gets it, and the ids of all that it is shown."""
    from a2a.types.a2a_pb2 import GetTaskRequest, ListTasksRequest

    async with a2a_client(address, name) as (client, _):
        listed = await client.list_tasks(ListTasksRequest(tenant=tenant, include_artifacts=True))
        return await client.get_task(GetTaskRequest(id=task, tenant=tenant)), [found.id for found in listed.tasks]


def test_a_task_outlives_its_server(tmp_path: Path) -> None:
    """Another server on the same project knows it, with its answer, and goes on with its context."""
    from a2a.types.a2a_pb2 import TaskState

    with served(desk=desk(talks("Hello Ada."), tmp_path)) as address:
        _, *events = asyncio.run(_asked(address, "desk", "I am Ada."))
    (task,) = [event.task for event in events if event.HasField("task")]
    model = talks("You are Ada.")
    with served(desk=desk(model, tmp_path)) as address:
        kept, listed = asyncio.run(_kept(address, task.id))
        _, *more = asyncio.run(_asked(address, "desk", "Who am I?", context=task.context_id))
    assert kept.status.state == TaskState.TASK_STATE_COMPLETED
    assert [part.text for artifact in kept.artifacts for part in artifact.parts] == ["Hello Ada."]
    assert listed == [task.id]
    assert _text(more) == "You are Ada."
    assert "I am Ada." in str(model.requests[0])


def test_a_task_that_waits_outlives_its_server(tmp_path: Path) -> None:
    """What a person is asked about waits on, and the next message of its task is an answer in it."""
    from a2a.types.a2a_pb2 import Message, Part, Role, SendMessageRequest, TaskState

    async def again(address: str, task: Any) -> list[Any]:
        message = Message(
            message_id="m2", task_id=task.id, context_id=task.context_id, role=Role.ROLE_USER, parts=[Part(text="And?")]
        )
        async with a2a_client(address, "desk") as (client, _):
            return [event async for event in client.send_message(SendMessageRequest(message=message))]

    with served(desk=asking(tmp_path)) as address:
        _, *events = asyncio.run(_asked(address, "desk", "Launch."))
    (task,) = [event.task for event in events if event.HasField("task")]
    with served(desk=asking(tmp_path)) as address:
        kept, _ = asyncio.run(_kept(address, task.id))
        assert kept.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
        said = asyncio.run(again(address, task))
    assert {event.status_update.task_id for event in said if event.HasField("status_update")} == {task.id}


def test_tasks_and_contexts_of_another_tenant_are_not_there(tmp_path: Path) -> None:
    """Neither by id, nor in lists, nor by going on with their context, before and after a restart."""
    from a2a.client.errors import A2AClientError
    from a2a.types.a2a_pb2 import CancelTaskRequest
    from a2a.utils.errors import A2AError

    model = talks("Hello Ada.", "I do not know you.")
    with served(desk=desk(model, tmp_path)) as address:
        _, *events = asyncio.run(_asked(address, "desk", "I am Ada.", tenant="acme"))
        (task,) = [event.task for event in events if event.HasField("task")]
        asyncio.run(_asked(address, "desk", "Who am I?", context=task.context_id, tenant="other"))
    assert "Ada" not in str(model.requests[1])

    async def cancelled(address: str) -> None:
        async with a2a_client(address, "desk") as (client, _):
            await client.cancel_task(CancelTaskRequest(id=task.id, tenant="other"))

    with served(desk=desk(talks("no"), tmp_path)) as address:
        assert asyncio.run(_kept(address, task.id, tenant="acme"))[1] == [task.id]
        for tenant in ("other", ""):
            with pytest.raises((A2AClientError, A2AError), match="not found"):
                asyncio.run(_kept(address, task.id, tenant=tenant))
        with pytest.raises((A2AClientError, A2AError), match="not found"):
            asyncio.run(cancelled(address))


def test_what_was_under_way_when_a_server_died_has_failed(tmp_path: Path) -> None:
    """It says so to the next server and to one that is at work beside it; what had ended stays as it is."""
    from a2a.server.context import ServerCallContext
    from a2a.types.a2a_pb2 import ListTasksRequest, Task, TaskState, TaskStatus

    def state(kept: KeptTasks, name: str) -> Any:
        found = asyncio.run(kept.get(name, ServerCallContext()))
        return None if found is None else found.status

    def save(kept: KeptTasks, name: str, state: Any) -> None:
        task = Task(id=name, context_id="c", status=TaskStatus(state=state))
        asyncio.run(kept.save(task, ServerCallContext()))

    path = tmp_path / "a2a.sqlite"
    with closing(KeptTasks(path)) as beside:
        with closing(KeptTasks(path)) as dying:
            save(dying, "at work", TaskState.TASK_STATE_WORKING)
            save(dying, "listed", TaskState.TASK_STATE_SUBMITTED)
            save(dying, "over", TaskState.TASK_STATE_COMPLETED)
            save(beside, "mine", TaskState.TASK_STATE_WORKING)
            assert state(beside, "at work").state == TaskState.TASK_STATE_WORKING
            assert state(dying, "mine").state == TaskState.TASK_STATE_WORKING
        failed = state(beside, "at work")
        assert failed.state == TaskState.TASK_STATE_FAILED
        assert "send the message again" in failed.message.parts[0].text
        with closing(KeptTasks(path)) as third:
            listed = asyncio.run(third.list(ListTasksRequest(), ServerCallContext())).tasks
            assert {found.id: found.status.state for found in listed} == {
                "at work": TaskState.TASK_STATE_FAILED,
                "listed": TaskState.TASK_STATE_FAILED,
                "over": TaskState.TASK_STATE_COMPLETED,
                "mine": TaskState.TASK_STATE_WORKING,
            }
    with closing(KeptTasks(path)) as next_one:
        assert state(next_one, "mine").state == TaskState.TASK_STATE_FAILED
    assert path.stat().st_mode & 0o077 == 0
    assert [left.name for left in tmp_path.iterdir()] == ["a2a.sqlite"]


def test_a_server_that_is_killed_leaves_its_tasks_to_the_others(tmp_path: Path) -> None:
    """At once, by the end of its process; what it leaves beside the tasks is removed by the next server."""
    from a2a.server.context import ServerCallContext
    from a2a.types.a2a_pb2 import TaskState

    path = tmp_path / "a2a.sqlite"
    script = f"""
import asyncio, sys
from pathlib import Path
from a2a.server.context import ServerCallContext
from a2a.types.a2a_pb2 import Task, TaskState, TaskStatus
from lev_os.agents.serving.tasks import KeptTasks

kept = KeptTasks(Path({str(path)!r}))
task = Task(id="one", context_id="c", status=TaskStatus(state=TaskState.TASK_STATE_WORKING))
asyncio.run(kept.save(task, ServerCallContext()))
print("saved", flush=True)
sys.stdin.read()
"""
    with (
        closing(KeptTasks(path)) as beside,
        subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server,
    ):
        assert server.stdout is not None
        assert server.stdout.readline() == b"saved\n"
        working = asyncio.run(beside.get("one", ServerCallContext()))
        server.kill()
        server.wait()
        failed = asyncio.run(beside.get("one", ServerCallContext()))
    assert working is not None
    assert working.status.state == TaskState.TASK_STATE_WORKING
    assert failed is not None
    assert failed.status.state == TaskState.TASK_STATE_FAILED
    assert len(list(tmp_path.glob("*.lock"))) == 1
    KeptTasks(path).close()
    assert list(tmp_path.glob("*.lock")) == []


def test_tasks_of_a_version_without_servers_names(tmp_path: Path) -> None:
    """Are read; what was under way in them has failed."""
    from a2a.server.context import ServerCallContext
    from a2a.types.a2a_pb2 import Task, TaskState, TaskStatus

    task = Task(id="one", context_id="c", status=TaskStatus(state=TaskState.TASK_STATE_WORKING))
    with closing(sqlite3.connect(tmp_path / "a2a.sqlite", isolation_level=None)) as rows:
        rows.execute(
            "CREATE TABLE task (user TEXT, tenant TEXT, id TEXT, state INTEGER, data BLOB,"
            " PRIMARY KEY (user, tenant, id))"
        )
        rows.execute("INSERT INTO task VALUES ('', '', 'one', 2, ?)", (task.SerializeToString(),))
    with closing(KeptTasks(tmp_path / "a2a.sqlite")) as kept:
        found = asyncio.run(kept.get("one", ServerCallContext()))
    assert found is not None
    assert found.status.state == TaskState.TASK_STATE_FAILED


def test_a_task_that_was_done_while_somebody_asked_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server ends right after: what it came to stays."""
    from a2a.server.context import ServerCallContext
    from a2a.types.a2a_pb2 import Task, TaskState, TaskStatus

    def save(kept: KeptTasks, state: Any) -> None:
        task = Task(id="one", context_id="c", status=TaskStatus(state=state))
        kept._save("", "", task)

    path = tmp_path / "a2a.sqlite"
    with closing(KeptTasks(path)) as beside, closing(KeptTasks(path)) as ending:
        save(ending, TaskState.TASK_STATE_WORKING)
        is_over = tasks._Server.is_over

        def done_just_now(path: Path, name: str) -> bool:
            save(ending, TaskState.TASK_STATE_COMPLETED)
            ending.close()
            return is_over(path, name)

        monkeypatch.setattr(tasks._Server, "is_over", done_just_now)
        found = asyncio.run(beside.get("one", ServerCallContext()))
    assert found is not None
    assert found.status.state == TaskState.TASK_STATE_COMPLETED


def test_servers_that_find_an_older_file_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them changes it, the others wait."""
    path = tmp_path / "a2a.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE task (user TEXT, tenant TEXT, id TEXT, state INTEGER, data BLOB)")
        late: list[str] = []

        class Slow(sqlite3.Connection):
            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                found = super().execute(sql, *values)
                if "table_info" in sql:
                    try:
                        other.execute("ALTER TABLE task ADD COLUMN server TEXT")
                    except sqlite3.OperationalError as error:
                        late.append(str(error))
                return found

        monkeypatch.setattr(tasks.sqlite3, "connect", partial(sqlite3.connect, factory=Slow))
        KeptTasks(path).close()
    assert late == ["database is locked"]


def test_a_file_of_tasks_that_is_none(tmp_path: Path) -> None:
    """Says which file, and what to do; it is left as it is."""
    (tmp_path / "a2a.sqlite").write_text("hello " * 1000)
    with pytest.raises(LevError, match=r"a2a\.sqlite cannot be used"):
        KeptTasks(tmp_path / "a2a.sqlite")
    assert (tmp_path / "a2a.sqlite").read_text() == "hello " * 1000


def test_a_task_that_cannot_be_read(tmp_path: Path) -> None:
    """Is said to be in which file, not where in the code."""
    from a2a.server.context import ServerCallContext

    with closing(KeptTasks(tmp_path / "a2a.sqlite")) as kept:
        with closing(sqlite3.connect(tmp_path / "a2a.sqlite", isolation_level=None)) as rows:
            rows.execute("INSERT INTO task VALUES ('', '', 'one', 2, x'ffff', NULL)")
        with pytest.raises(LevError, match=r"a2a\.sqlite cannot be used"):
            asyncio.run(kept.get("one", ServerCallContext()))
    with pytest.raises(LevError, match=r"a2a\.sqlite cannot be used"):
        KeptTasks(tmp_path / "a2a.sqlite")


def test_large_and_empty_messages_over_a2a(tmp_path: Path) -> None:
    """Too large a request is not read, in pieces neither; a message without text reaches no model."""
    model = talks()
    message = {"messageId": "m1", "role": "ROLE_USER", "parts": [{"data": {"x": 1}}]}
    body = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}}
    headers = {"authorization": f"Bearer {TOKEN}", "A2A-Version": "1.0"}
    with served(desk=desk(model, tmp_path)) as address:
        place = f"{address}/a2a/desk"
        whole = httpx2.post(place, content=b" " * (9 << 20), headers=headers)
        pieces = httpx2.post(place, content=iter([b" " * (1 << 20)] * 9), headers=headers)
        empty = httpx2.post(place, json=body, headers=headers)
    assert (whole.status_code, pieces.status_code) == (413, 413)
    assert empty.json()["result"]["task"]["status"]["state"] == "TASK_STATE_REJECTED"
    assert model.requests == []


def test_contexts_are_no_paths() -> None:
    """Whatever the other side calls a context, its thread has a name of ours."""
    for context in ("../../etc/passwd", "", "\udcff", "a" * 10_000):
        assert thread_of(context).removeprefix("a2a-").isalnum()


def test_no_context_is_another_tenant_s() -> None:
    """Not by being called as the two together are."""
    assert len({thread_of("c", "acme"), thread_of("4:acmec"), thread_of("mec", "ac"), thread_of("c")}) == 4
