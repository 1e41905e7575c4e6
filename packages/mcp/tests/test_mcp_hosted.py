"""A host that lends its model (sampling) and its person (elicitation), in the protocols of before and of today."""

from __future__ import annotations

import asyncio
import json
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import mcp_types as wire
import pytest
from lev_os.core.bidirectional.places import token_secret
from lev_os.core.bidirectional.replaying import run_info
from lev_os.mcp import Desk, build_server
from lev_os.mcp.catalog import Catalog
from lev_os.mcp.forms import LONGEST, answer, form
from lev_os.mcp.hosted import ROUNDS
from lev_os.mcp.tokens import Mint, State, Ticket
from mcp import Client, MCPError

MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])
Script = Callable[[Client], Awaitable[None]]


def visit(project: Path, mode: str, script: Script, **options: Any) -> None:
    """A host with callbacks, against a server in this process."""

    async def main() -> AssertionError | None:
        catalog = Catalog.load([str(project / "storydesk")], every=True)
        async with Client(build_server(catalog, Desk(catalog, project)), mode=mode, **options) as client:
            try:
                await script(client)
            except AssertionError as failure:  # outside the client's task groups it reads as pytest wrote it
                return failure
        return None

    failure = asyncio.run(main())
    if failure is not None:
        raise failure


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, wire.CallToolResult)
    assert isinstance(result.structured_content, dict)
    return result.structured_content


class Model:
    """A scripted model behind `sampling/createMessage`."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.seen: list[wire.CreateMessageRequestParams] = []

    async def __call__(self, context: Any, asked: wire.CreateMessageRequestParams) -> Any:
        self.seen.append(asked)
        if not self.answers:
            return wire.ErrorData(code=-1, message="the user would not")
        content = wire.TextContent(type="text", text=self.answers.pop(0))
        return wire.CreateMessageResult(role="assistant", content=content, model="scripted")


class Person:
    """A scripted person behind `elicitation/create`."""

    def __init__(self, *answers: wire.ElicitResult) -> None:
        self.answers = list(answers)
        self.seen: list[Any] = []

    async def __call__(self, context: Any, asked: Any) -> Any:
        self.seen.append(asked)
        return self.answers.pop(0) if self.answers else wire.ElicitResult(action="cancel")


def yes(**content: Any) -> wire.ElicitResult:
    return wire.ElicitResult(action="accept", content={"approved": True, **content})


def log(project: Path) -> list[str]:
    place = project / "log"
    return place.read_text().split() if place.exists() else []


def add_flow(project: Path, name: str, text: str) -> None:
    (project / "storydesk" / "flows" / f"{name}.yaml").write_text(textwrap.dedent(text))


@MODES
def test_the_hosts_model_answers_what_a_flow_asks(project: Path, mode: str) -> None:
    """One call, and the flow is done: both branches were sampled."""
    model = Model("L", "R")

    async def script(client: Client) -> None:
        done = await call(client, "flow_start", flow="storydesk/flows/pair")
        assert done["output"] == {"left": "L", "right": "R"}

    visit(project, mode, script, sampling_callback=model)
    assert len(model.seen) == 2
    assert "Say left." in model.seen[0].messages[0].content.text  # type: ignore[union-attr]  # we sent a text


@MODES
def test_a_sampled_answer_of_a_shape_is_read_and_mended(project: Path, mode: str) -> None:
    """JSON, in a fence or not; what does not fit comes back to the model with the reasons."""
    add_flow(
        project,
        "shaped",
        """
        flowmind: 1
        name: shaped
        input: {}
        output: {mood: string}
        steps:
          - id: a
            ask: What mood?
            context: [./contexts/style]
            returns: {mood: {enum: [calm, loud]}}
          - return: {mood: "${a.mood}"}
        """,
    )
    model = Model("no idea", '```json\n{"mood": "angry"}\n```', '```json\n{"mood": "calm"}\n```')

    async def script(client: Client) -> None:
        done = await call(client, "flow_start", flow="storydesk/flows/shaped")
        assert done["output"] == {"mood": "calm"}

    visit(project, mode, script, sampling_callback=model)
    assert "Plain words." in (model.seen[0].system_prompt or "")
    assert "was not accepted" in model.seen[2].messages[0].content.text  # type: ignore[union-attr]


def test_who_will_not_sample_drives_the_flow_as_ever(project: Path) -> None:
    """The host's user refused: the request goes to the model that made the call. With tools it always does."""
    refusing = Model()

    async def script(client: Client) -> None:
        asked = await call(client, "flow_start", flow="storydesk/flows/pair")
        assert (asked["kind"], asked["instruction"]) == ("request", "Say left.")
        assert asked["resume"]
        story = await call(client, "flow_start", flow="storydesk/flows/story", input={"name": "Ada"})
        assert story["kind"] == "request"

    visit(project, "legacy", script, sampling_callback=refusing)
    assert len(refusing.seen) == 1


def test_a_long_flow_is_given_back_before_the_host_gives_up(project: Path) -> None:
    """Today's hosts end a call after ten rounds; after eight the model goes on with `next`, and again has eight."""
    steps = "".join(f"          - id: s{n}\n            ask: Say {n}.\n" for n in range(ROUNDS + 3))
    head = ("flowmind: 1", "name: long", "input: {}", "output: {last: string}", "steps:")
    text = "".join(f"        {line}\n" for line in head) + steps
    add_flow(project, "long", text + '          - return: {last: "${s10}"}\n')
    model = Model(*map(str, range(ROUNDS)), *map(str, range(ROUNDS + 1, ROUNDS + 3)))

    async def script(client: Client) -> None:
        asked = await call(client, "flow_start", flow="storydesk/flows/long")
        assert (asked["kind"], asked["instruction"]) == ("request", "Say 8.")
        done = await call(client, "flow_submit", token=asked["token"], result="8")
        assert done["output"] == {"last": "10"}

    visit(project, "auto", script, sampling_callback=model)


@MODES
def test_the_hosts_person_approves(project: Path, mode: str) -> None:
    """The wait is shown as a form, whole; the person's yes lets the flow go on."""
    person = Person(yes(note="fine"), yes())  # the flow's own wait, then the baseline's before what cannot be undone

    async def script(client: Client) -> None:
        done = await call(client, "flow_start", flow="storydesk/flows/release", input={"text": "hello"})
        assert done["output"] == {"said": "published: hello"}

    visit(project, mode, script, elicitation_callback=person)
    assert "hello" in person.seen[0].message
    assert set(person.seen[0].requested_schema["properties"]) == {"approved", "note"}


@MODES
@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_a_person_who_says_no_or_nothing(project: Path, mode: str, action: Any) -> None:
    """Declining is a no; dismissing the form leaves the wait open for later."""
    person = Person(wire.ElicitResult(action=action))

    async def script(client: Client) -> None:
        reply = await call(client, "flow_start", flow="storydesk/flows/release", input={"text": "hello"})
        if action == "decline":
            assert reply["output"] == {"said": "no"}
        else:
            assert reply["kind"] == "waiting"

    visit(project, mode, script, elicitation_callback=person)
    assert log(project) == []


@MODES
def test_a_direct_call_that_wants_a_person_asks_one(project: Path, mode: str) -> None:
    """A tool that only a person may allow: asked, allowed, carried out once, its plain value given."""
    person = Person(yes())

    async def script(client: Client) -> None:
        first = await client.call_tool("publish", {"text": "hello"})
        assert first.structured_content == {"result": "published: hello"}

    visit(project, mode, script, elicitation_callback=person)


@MODES
def test_a_model_never_answers_a_wait(project: Path, mode: str) -> None:
    """A host that only samples is not asked; the wait stays open."""
    model = Model('{"approved": true}', "yes")

    async def script(client: Client) -> None:
        reply = await call(client, "flow_start", flow="storydesk/flows/release", input={"text": "hello"})
        assert reply["kind"] == "waiting"

    visit(project, mode, script, sampling_callback=model)
    assert model.seen == []
    assert log(project) == []


def test_states_are_ours_and_answer_only_what_was_asked(project: Path) -> None:
    """Made up, turned from an ask into a wait, answered by sampling, or sent where nobody elicits: nothing happens."""
    accepted = {"lev": wire.ElicitResult(action="accept", content={"approved": True})}
    sampled = {
        "lev": wire.CreateMessageResult(
            role="assistant", content=wire.TextContent(type="text", text='{"approved": true}'), model="x"
        )
    }

    async def leg(client: Client, state: str | None, responses: Any = None) -> Any:
        return await client.session.call_tool(
            "flow_start",
            {"flow": "storydesk/flows/release", "input": {"text": "hello"}},
            request_state=state,
            input_responses=responses,
            allow_input_required=True,
        )

    seen: dict[str, str] = {}

    async def script(client: Client) -> None:
        first = await leg(client, None)
        assert isinstance(first, wire.InputRequiredResult)
        assert first.request_state is not None
        seen["state"] = first.request_state
        kind = (await leg(client, first.request_state, sampled)).structured_content["kind"]
        assert kind == "waiting"
        assert (await leg(client, first.request_state)).structured_content["kind"] == "waiting"
        for bad in ("x", first.request_state[:-1] + "0", first.request_state.replace("wait.", "ask.", 1)):
            if bad != first.request_state:
                reply = (await leg(client, bad, accepted)).structured_content
                assert (reply["kind"], reply["errors"]) == ("invalid", ["this state is not from here"])
        token = (await call(client, "flow_submit", token=first.request_state, result={"approved": True}))["kind"]
        assert token == "invalid"

    async def without(client: Client) -> None:
        assert (await leg(client, seen["state"], accepted)).structured_content["kind"] == "waiting"

    visit(project, "auto", script, elicitation_callback=Person())
    visit(project, "auto", without)
    assert log(project) == []


def test_a_state_is_no_token_and_a_token_no_state(project: Path) -> None:
    """Each is signed for its own purpose."""
    mint = Mint(token_secret(project))
    ticket = Ticket("run", 1, "effect")
    state = mint.state(State("wait", ticket, 3))
    assert mint.read_state(state) == State("wait", ticket, 3)
    assert mint.read(state) is None
    assert mint.read_state(mint.token("run", 1, "effect")) is None


def test_a_call_that_is_cancelled_ends_the_run_it_began(project: Path) -> None:
    """Its host never had a token; the journal says so, and nothing is left open."""

    async def script(client: Client) -> None:
        with pytest.raises((asyncio.TimeoutError, MCPError)):
            await asyncio.wait_for(client.call_tool("slow", {"seconds": 1.5}), 0.5)

    visit(project, "legacy", script)
    (journal,) = (project / ".lev" / "runs").glob("*.jsonl")
    assert run_info(journal).status == "cancelled"


def test_a_cancelled_submission_leaves_the_run_resumable(project: Path) -> None:
    """The token is still the host's: the same answer goes on."""
    add_flow(
        project,
        "lengthy",
        """
        flowmind: 1
        name: lengthy
        input: {}
        output: {said: string}
        steps:
          - id: a
            ask: Say.
          - id: b
            call: ./tools/slow
            with: {seconds: 1}
          - return: {said: "${b}"}
        """,
    )

    async def script(client: Client) -> None:
        asked = await call(client, "flow_start", flow="storydesk/flows/lengthy")
        with pytest.raises((asyncio.TimeoutError, MCPError)):
            await asyncio.wait_for(client.call_tool("flow_submit", {"token": asked["token"], "result": "x"}), 0.4)
        await asyncio.sleep(0.2)
        done = await call(client, "flow_submit", token=asked["token"], result="x")
        assert done["output"] == {"said": "done"}

    visit(project, "legacy", script)


@MODES
def test_progress_is_told_to_who_asks(project: Path, mode: str) -> None:
    """Places of steps, growing numbers, nothing of what is worked on."""
    heard: list[tuple[float, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, message))

    async def script(client: Client) -> None:
        await client.call_tool("count_words", {"text": "secret words"}, progress_callback=hear)
        await asyncio.sleep(0.1)

    visit(project, mode, script)
    assert [number for number, _ in heard] == sorted({number for number, _ in heard})
    assert len(heard) >= 2
    assert "secret" not in json.dumps(heard)


def test_what_cannot_be_shown_whole_is_not_asked() -> None:
    """Nested fields and long texts are for `lev runs approve`; what is no object has one field."""
    nested = {"type": "object", "properties": {"a": {"type": "array", "items": {}}}}
    plain = {"type": "object", "properties": {"approved": {"type": "boolean"}}, "required": ["approved"]}
    assert form({"name": "x", "returns": nested}) is None
    assert form({"name": "x", "returns": plain, "about": "x" * (LONGEST + 1)}) is None
    shown = form({"name": "x", "returns": {"enum": ["a", "b"]}, "about": {"k": 1}})
    assert shown is not None
    assert shown.schema["properties"] == {"value": {"type": "string", "enum": ["a", "b"]}}
    assert answer("accept", {"value": "a"}, {"enum": ["a", "b"]}) == ("a",)
    assert answer("decline", None, {"enum": ["a", "b"]}) is None
    assert answer("accept", None, plain) is None
