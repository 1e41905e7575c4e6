"""The fixtures as a flow's author uses them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lev_os.testing
import pytest
from lev_os.core import Flow
from lev_os.testing import Reply, ScriptedModel

FLOW = """
flowmind: 1
name: greet
input: {who: string}
steps:
  - id: mood
    if_semantic: they are in a hurry
    about: "${input.who}"
    then: []
    else: []
    uncertain: []
  - id: greeting
    ask: Greet them.
    about: "${input.who}"
    returns: {text: string}
  - return:
      text: "${greeting.text}"
      hurry: "${mood.holds}"
"""


def test_a_flow_runs_with_written_answers(lev_model: ScriptedModel, lev_run: Callable[..., Any]) -> None:
    """Judgements and answers both come from the script."""
    lev_model.reply({"answer": "yes"}, purpose="judge").reply({"text": "Hello."}, step="greeting")
    result = lev_run(Flow.parse(FLOW), {"who": "Ada"})
    assert (result.status, result.output) == ("done", {"text": "Hello.", "hurry": True})
    assert [request["purpose"] for request in lev_model.requests] == ["judge", "ask"]


def test_garbage_is_refused_with_reasons_and_asked_again(lev_model: ScriptedModel, lev_run: Callable[..., Any]) -> None:
    """The machine tells the model what was wrong."""
    lev_model.reply({"answer": "no"}, purpose="judge").fault("garbage", step="greeting").reply({"text": "Hi."})
    result = lev_run(Flow.parse(FLOW), {"who": "Ada"})
    assert result.output == {"text": "Hi.", "hurry": False}
    assert lev_model.requests[-1]["problems"]


@pytest.mark.parametrize("fault", ["refuse", "garbage", "unknown_tool", "half"])
def test_a_model_that_never_answers_fails_the_run(
    lev_model: ScriptedModel, lev_run: Callable[..., Any], fault: Any
) -> None:
    """A result, never an exception."""
    lev_model.reply({"answer": "unsure"}, purpose="judge", times="always")
    for _ in range(5):
        lev_model.fault(fault, step="greeting")
    result = lev_run(Flow.parse(FLOW), {"who": "Ada"})
    assert result.status == "failed"
    assert result.error is not None


def test_answers_can_be_given_as_they_are() -> None:
    """In order, with calls of tools and a last resort."""
    model = ScriptedModel("one", Reply(answer="two"), otherwise="rest").call("./tools/find", step="s", order="1")
    asked: list[Any] = [asyncio.run(model.ask({"step": step})) for step in ("s", "s", "s", "s")]
    assert [result.get("answer") for result in asked] == ["one", "two", None, "rest"]
    assert asked[2]["tool_calls"] == [{"tool": "./tools/find", "arguments": {"order": "1"}}]


def test_the_network_is_closed_but_not_this_machine() -> None:
    """By address and by name; a server of the test's own is reached."""
    with pytest.raises(OSError, match=r"may not reach 192\.0\.2\.1"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with socket.socket() as other, pytest.raises(OSError, match=r"may not reach 192\.0\.2\.1"):
        other.connect(("192.0.2.1", 80))
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()


def test_names_load_on_use() -> None:
    """And a wrong one is an `AttributeError`."""
    with pytest.raises(AttributeError, match="nonsense"):
        _ = lev_os.testing.nonsense


def test_a_flow_can_be_named(lev_model: ScriptedModel, lev_run: Callable[..., Any], tmp_path: Path) -> None:
    """By its specifier, like everywhere else."""
    pytest.importorskip("acme_support", reason="needs the example acme_support")
    lev_model.reply({"answer": "unsure"}, purpose="judge", times="always")
    result = lev_run("acme_support/flows/triage", {"message": "hello", "reply_with": "template"})
    assert result.status == "waiting"
