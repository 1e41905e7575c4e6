"""A host drives flows: every reply says what it is and how to go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lev_os.core.bidirectional import Run, replay
from lev_os.core.bidirectional.places import token_secret

ANSWER = {"text": "Ada counts on", "mood": "calm"}


def log(project: Path) -> list[str]:
    """What the package's tools did."""
    place = project / "log"
    return place.read_text().split() if place.exists() else []


def journal(project: Path, run: str) -> Path:
    return project / ".lev" / "runs" / f"{run}.jsonl"


def approve(project: Path, run: str, result: Any) -> None:
    """What `lev runs approve` does: a person answers the wait, past any model."""
    with Run.resume(journal(project, run), secret=token_secret(project)) as opened:
        (wait,) = opened.waits
        opened.submit(wait.token, result)


def test_a_request_holds_all_that_a_model_needs(play: Any) -> None:
    """Instruction, contexts, schema, tools, and the literal next call."""

    async def host(call: Any) -> None:
        asked = await call("flow_start", flow="storydesk/flows/story", input={"name": "Ada"})
        assert asked["kind"] == "request"
        assert asked["instruction"] == "Write one line about Ada."
        assert [part["specifier"] for part in asked["context"]] == ["storydesk/contexts/style"]
        assert "Plain words." in asked["context"][0]["text"]
        assert asked["returns"]["properties"]["mood"] == {"enum": ["calm", "loud"]}
        assert [tool["name"] for tool in asked["tools"]] == ["birthplace"]
        assert asked["pending"] == 1
        assert asked["next"].startswith(f'flow_submit(token="{asked["token"]}", result=…)')
        done = await call("flow_submit", token=asked["token"], result=ANSWER)
        assert done == {"kind": "done", "run": asked["run"], "output": {"text": "Ada counts on", "words": 3}}

    play(host)


def test_the_host_may_call_the_requests_tools_first(play: Any, project: Path) -> None:
    """`tool_calls` are carried out on our side, through the gate; their results come with the next request."""

    async def host(call: Any) -> None:
        asked = await call("flow_start", flow="storydesk/flows/story", input={"name": "Ada"})
        calls = [{"id": "a", "tool": "birthplace", "arguments": {"name": "Ada"}}]
        again = await call("flow_submit", token=asked["token"], tool_calls=calls)
        assert again["kind"] == "request"
        assert again["turns"][-1]["results"] == [{"id": "a", "value": "Paris"}]
        done = await call("flow_submit", token=again["token"], result=ANSWER)
        assert done["kind"] == "done"
        replayed = replay(journal(project, done["run"]))
        assert replayed.divergences == ()
        assert replayed.usage.tool_calls == 2

    play(host)


def test_a_call_of_a_tool_that_does_not_exist_is_answered(play: Any) -> None:
    """The reasons name it, and the run goes on."""

    async def host(call: Any) -> None:
        asked = await call("flow_start", flow="storydesk/flows/story", input={"name": "Ada"})
        reply = await call("flow_submit", token=asked["token"], tool_calls=[{"tool": "rm", "arguments": {}}])
        assert reply["kind"] == "invalid"
        assert "rm" in json.dumps(reply["errors"])
        assert (await call("flow_submit", token=reply["token"], result=ANSWER))["kind"] == "done"

    play(host)


def test_an_invalid_answer_comes_back_with_reasons_and_the_next_token(play: Any) -> None:
    """Three attempts; the third bad one fails the run cleanly."""

    async def host(call: Any) -> None:
        asked = await call("flow_start", flow="storydesk/flows/story", input={"name": "Ada"})
        first = await call("flow_submit", token=asked["token"], result={"text": 3, "mood": "calm"})
        assert first["kind"] == "invalid"
        assert any("/text" in error for error in first["errors"])
        assert first["token"] != asked["token"]
        second = await call("flow_submit", token=first["token"], result="no idea")
        assert second["kind"] == "invalid"
        third = await call("flow_submit", token=second["token"], result=None)
        assert third["kind"] == "failed"
        assert third["error"]["kind"] == "invalid"
        assert third["error"]["step"]

    play(host)


def test_an_invalid_answer_can_be_mended(play: Any) -> None:
    """The second attempt counts as if it had been the first."""

    async def host(call: Any) -> None:
        asked = await call("flow_start", flow="storydesk/flows/story", input={"name": "Ada"})
        first = await call("flow_submit", token=asked["token"], result={"text": "x", "mood": "angry"})
        assert (await call("flow_submit", token=first["token"], result=ANSWER))["kind"] == "done"

    play(host)


def test_the_same_answer_twice_is_one_answer(play: Any, project: Path) -> None:
    """A host that did not see the reply sends again: the same reply, nothing done twice; another answer conflicts."""

    async def host(call: Any) -> None:
        asked = await call("flow_start", flow="storydesk/flows/story", input={"name": "Ada"})
        first = await call("flow_submit", token=asked["token"], result=ANSWER)
        size = journal(project, asked["run"]).stat().st_size
        assert await call("flow_submit", token=asked["token"], result=ANSWER) == first
        assert journal(project, asked["run"]).stat().st_size == size
        other = await call("flow_submit", token=asked["token"], result={**ANSWER, "text": "other"})
        assert other["kind"] == "conflict"
        assert "flow_status" in other["next"]
        assert log(project) == ["count_words"]

    play(host)


def test_one_request_at_a_time_and_how_many_are_open(play: Any) -> None:
    """Two branches ask at once; the host sees one after the other."""

    async def host(call: Any) -> None:
        left = await call("flow_start", flow="storydesk/flows/pair", input={})
        assert (left["instruction"], left["pending"]) == ("Say left.", 2)
        right = await call("flow_submit", token=left["token"], result="L")
        assert (right["instruction"], right["pending"]) == ("Say right.", 1)
        done = await call("flow_submit", token=right["token"], result="R")
        assert done["output"] == {"left": "L", "right": "R"}

    play(host)


def test_a_run_survives_servers_that_come_and_go(play: Any) -> None:
    """The first server is gone; the second knows run and token by its project's secret."""
    seen: dict[str, Any] = {}

    async def first(call: Any) -> None:
        seen.update(await call("flow_start", flow="storydesk/flows/story", input={"name": "Ada"}))

    async def second(call: Any) -> None:
        found = await call("flow_status", run=seen["run"], token=seen["token"])
        assert found == {key: value for key, value in seen.items() if key != "resume"}
        assert (await call("flow_submit", token=seen["token"], result=ANSWER))["kind"] == "done"

    play(first)
    play(second)


def test_a_person_approves_and_no_model_can(play: Any, project: Path) -> None:
    """The wait's token is nowhere in what a host sees, and what it does see answers nothing."""
    seen: dict[str, Any] = {}

    async def first(call: Any) -> None:
        waiting = await call("flow_start", flow="storydesk/flows/release", input={"text": "hello"})
        seen.update(waiting)
        assert waiting["kind"] == "waiting"
        assert waiting["for"][0]["name"] == "approval"
        assert waiting["for"][0]["about"] == "hello"
        assert "token" not in waiting
        refused = await call("flow_submit", token=waiting["status_token"], result={"approved": True})
        assert refused["kind"] == "invalid"
        with Run.resume(journal(project, waiting["run"]), secret=token_secret(project)) as run:
            (wait,) = run.waits
        assert wait.token not in json.dumps(waiting)
        made_up = waiting["status_token"].replace("..", f".{wait.token}.")
        assert (await call("flow_submit", token=made_up, result={"approved": True}))["kind"] == "invalid"
        assert (await call("flow_submit", token=wait.token, result={"approved": True}))["kind"] == "invalid"
        assert log(project) == []

    async def second(call: Any) -> None:
        done = await call("flow_status", run=seen["run"], token=seen["status_token"])
        assert done["output"] == {"said": "published: hello"}

    play(first)
    approve(project, seen["run"], {"approved": True, "note": ""})
    play(second)
    assert log(project) == ["publish"]


def test_even_a_correctly_signed_token_of_a_wait_is_refused(play: Any, project: Path) -> None:
    """Should a wait's token ever reach a model in our own envelope, it still answers nothing."""
    from lev_os.mcp.tokens import Mint

    async def host(call: Any) -> None:
        waiting = await call("flow_start", flow="storydesk/flows/release", input={"text": "hello"})
        with Run.resume(journal(project, waiting["run"]), secret=token_secret(project)) as run:
            (wait,) = run.waits
        token = Mint(token_secret(project)).token(waiting["run"], 1, wait.token)
        refused = await call("flow_submit", token=token, result={"approved": True})
        assert refused["kind"] == "invalid"
        assert "not for a model" in refused["errors"][0]

    play(host)


def test_taking_over_fences_the_old_holder(play: Any) -> None:
    """With the resume secret a second host gets the run; the first one's token ends."""

    async def host(call: Any) -> None:
        first = await call("flow_start", flow="storydesk/flows/story", input={"name": "Ada"})
        run = first["run"]
        seen = await call("flow_status", run=run)
        assert seen["kind"] == "waiting"
        assert first["token"] not in json.dumps(seen)
        assert (await call("flow_status", run=run, take_over=True, resume="0" * 24))["kind"] == "conflict"
        assert (await call("flow_status", run=run, take_over=True))["kind"] == "conflict"
        second = await call("flow_status", run=run, take_over=True, resume=first["resume"])
        assert second["kind"] == "request"
        for attempt in (
            await call("flow_submit", token=first["token"], result=ANSWER),
            await call("flow_status", run=run, token=first["token"]),
            await call("flow_cancel", run=run, token=first["token"], reason="mine"),
            await call("flow_status", run=run, take_over=True, resume=first["resume"]),
        ):
            assert attempt["kind"] == "conflict"
        assert (await call("flow_submit", token=second["token"], result=ANSWER))["kind"] == "done"
        assert (await call("flow_status", run=run))["output"] == {"text": "Ada counts on", "words": 3}

    play(host)


def test_two_servers_on_one_run_take_turns(play: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one process writes the journal, another says so rather than wait for ever."""
    monkeypatch.setattr("lev_os.mcp.driving.PATIENCE", 0.2)

    async def host(call: Any) -> None:
        asked = await call("flow_start", flow="storydesk/flows/story", input={"name": "Ada"})
        with Run.resume(journal(project, asked["run"]), secret=token_secret(project)):
            busy = await call("flow_submit", token=asked["token"], result=ANSWER)
        assert busy["kind"] == "conflict"
        assert (await call("flow_submit", token=asked["token"], result=ANSWER))["kind"] == "done"

    play(host)


def test_a_run_can_be_cancelled_by_its_holder(play: Any) -> None:
    """Cancelled is an outcome: answers come too late, cancelling again changes nothing."""

    async def host(call: Any) -> None:
        asked = await call("flow_start", flow="storydesk/flows/story", input={"name": "Ada"})
        gone = await call("flow_cancel", run=asked["run"], token=asked["token"], reason="not wanted")
        assert gone["kind"] == "cancelled"
        assert gone["error"]["message"] == "not wanted"
        assert (await call("flow_submit", token=asked["token"], result=ANSWER))["kind"] == "cancelled"
        again = await call("flow_cancel", run=asked["run"], token=asked["token"], reason="really")
        assert again["error"]["message"] == "not wanted"

    play(host)
