"""The scripted model: answers in order or by step, and every way a model can go wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lev_os.core.errors import InvalidInput
from lev_os.core.llm_runtime import ModelRefused, ModelUnavailable, NoModel, open_model
from lev_os.core.llm_runtime.script import Reply, ScriptModel

SCRIPT = """\
script: 1
replies:
  - {step: draft, answer: {text: Sorry.}, usage: {input_tokens: 10, output_tokens: 2}}
  - {match: "(?i)CHARGED", answer: {kind: refund}, times: 2}
  - {purpose: judge, answer: {answer: refund}, times: always}
  - {answer: first}
  - {tool_calls: [{tool: ./tools/find_order}]}
otherwise: {answer: anything else}
"""


def request(step: str = "s", **more: Any) -> dict[str, Any]:
    """What the machine asks."""
    return {"purpose": "ask", "step": step, "instruction": "Do it.", "about": None, "returns": None, **more}


def load(tmp_path: Path, text: str) -> ScriptModel:
    """A script, opened by its name as `--model` would."""
    (tmp_path / "replies.yaml").write_text(text)
    model = open_model("script:replies.yaml", root=tmp_path)
    assert isinstance(model, ScriptModel)
    return model


async def ask_all(model: ScriptModel, *requests: dict[str, Any]) -> list[Any]:
    """The answers, one after the other."""
    return [(await model.ask(each)).get("answer") for each in requests]


def test_each_request_gets_the_first_reply_that_fits(tmp_path: Path) -> None:
    """By step, by words, by purpose, and in order."""
    model = load(tmp_path, SCRIPT)
    charged = request(about="I was charged twice")
    answers = asyncio.run(
        ask_all(model, charged, request(), request("draft"), request("kind", purpose="judge"), charged)
    )
    assert answers == [{"kind": "refund"}, "first", {"text": "Sorry."}, {"answer": "refund"}, {"kind": "refund"}]
    assert asyncio.run(model.ask(request())) == {
        "tool_calls": [{"tool": "./tools/find_order", "arguments": {}}],
        "decided_by": "script:replies.yaml",
    }
    assert asyncio.run(ask_all(model, charged, charged)) == ["anything else", "anything else"]
    assert [seen["step"] for seen in model.requests][:3] == ["s", "s", "draft"]


def test_usage_is_told_when_it_is_written(tmp_path: Path) -> None:
    """A script may say what it costs."""
    result = asyncio.run(load(tmp_path, SCRIPT).ask(request("draft")))
    assert result["usage"] == {"input_tokens": 10, "output_tokens": 2}


def test_text_streams_and_structures_do_not() -> None:
    """The pieces of a text make up the answer."""
    heard: list[str] = []
    model = ScriptModel([Reply(answer="one two  three"), Reply(answer="a b")])
    asyncio.run(model.ask(request(), on_delta=heard.append))
    assert len(heard) > 1
    assert "".join(heard) == "one two  three"
    asyncio.run(model.ask(request(returns={"type": "string"}), on_delta=heard.append))
    assert "".join(heard) == "one two  three"


def test_a_script_that_runs_out_says_so() -> None:
    """Which step, how often, and what to add."""
    model = ScriptModel([Reply(answer="a", step="other")])
    with pytest.raises(ModelUnavailable) as caught:
        asyncio.run(model.ask(request("draft")))
    assert str(caught.value) == (
        "script has no reply left for step `draft` (ask: Do it.); it was asked 1 times and holds 1 replies\n"
        "    help: add a reply for that step, or `otherwise`"
    )
    assert not caught.value.retryable


def test_faults() -> None:
    """Garbage and unknown tools are answers for the machine to refuse; refusing and breaking off are errors."""
    model = ScriptModel([Reply(fault="garbage"), Reply(fault="unknown_tool"), Reply(fault="refuse")])
    assert isinstance(asyncio.run(model.ask(request(returns={"type": "object"})))["answer"], str)
    assert asyncio.run(model.ask(request()))["tool_calls"][0]["tool"] == "no_such_tool"
    with pytest.raises(ModelRefused):
        asyncio.run(model.ask(request()))
    heard: list[str] = []
    model = ScriptModel([Reply(fault="half", answer="abcdef"), Reply(fault="unavailable")])
    for _ in range(2):
        with pytest.raises(ModelUnavailable) as caught:
            asyncio.run(model.ask(request(), on_delta=heard.append))
        assert caught.value.retryable
    assert heard == ["abcd"]


def test_a_hanging_model_can_be_cancelled() -> None:
    """A deadline of the driver ends it."""

    async def main() -> None:
        async with asyncio.timeout(0.01):
            await ScriptModel([Reply(fault="hang")]).ask(request())

    with pytest.raises(TimeoutError):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("script: 2\n", "replies.yaml:1:9"),
        ("replies: []\n", "replies.yaml:1:1"),
        ("script: 1\nreplies:\n  - {step: a}\n", "replies.yaml:3:5"),
        ("script: 1\nreplies:\n  - {anser: a}\n", "anser"),
        ("script: 1\nreplies:\n  - {answer: a, match: '('}\n", "replies.yaml:3:24 SCRIPT102 `match` is not a regular"),
        ("- 1\n", "replies.yaml:1:1"),
        ("a: [", "replies.yaml:"),
    ],
)
def test_a_bad_script_says_where(tmp_path: Path, text: str, expected: str) -> None:
    """Scripts are documents like all others."""
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, text)
    assert expected in str(caught.value)


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    """The file is named."""
    with pytest.raises(NoModel, match=r"cannot read the script .*nowhere\.yaml: No such file"):
        open_model("script:nowhere.yaml", root=tmp_path)
