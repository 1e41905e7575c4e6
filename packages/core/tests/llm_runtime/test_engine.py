"""What is made of the engine's chunks: a scripted server speaks its protocol, so that no weights are needed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from lev_os.core.llm_runtime import ModelUnavailable, engine, local

Receive = Callable[[Mapping[str, Any]], bool]


class Server:
    """Gives these chunks to every request until the receiver has enough; an exception is raised in their place."""

    def __init__(self, *chunks: Any) -> None:
        self.chunks = chunks
        self.given = 0
        self.bodies: list[Mapping[str, Any]] = []

    def handle_chat_completions(self, body: Mapping[str, Any], receive: Receive) -> None:
        self.bodies.append(body)
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            self.given += 1
            if receive(chunk):
                return


def chunk(text: str | None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of a stream as llama.cpp sends it."""
    return {"choices": [{"delta": {"content": text}, "finish_reason": finish}], **more}


def engine_of(monkeypatch: pytest.MonkeyPatch, server: Server) -> engine.Engine:
    own = engine.Engine(Path("none.gguf"))
    monkeypatch.setattr(own, "_server", server)
    return own


def complete(monkeypatch: pytest.MonkeyPatch, *chunks: Any, enough: int = 99) -> Any:
    """The result of one request, and the server; the receiver has enough after so many pieces."""
    server = Server(*chunks)
    own = engine_of(monkeypatch, server)
    pieces: list[str] = []

    def receive(piece: str) -> bool:
        pieces.append(piece)
        return len(pieces) >= enough

    try:
        return asyncio.run(own.complete({"messages": []}, receive)), server
    finally:
        own.close()


def test_pieces_are_joined_and_tokens_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's own timings count; a chunk without text adds nothing."""
    timings = {"prompt_n": 5, "cache_n": 2, "predicted_n": 9}
    done, server = complete(monkeypatch, chunk("a"), chunk(None), chunk("b"), chunk(None, "length", timings=timings))
    usage = {"input_tokens": 7, "output_tokens": 9, "cost": 0.0}
    assert done == {"text": "ab", "finish": "length", "usage": usage}
    assert server.bodies == [{"messages": [], "stream": True}]


def test_without_timings_the_pieces_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is known of what was read."""
    done, _ = complete(monkeypatch, chunk("a"), chunk("b", "stop"))
    assert done["usage"] == {"input_tokens": 0, "output_tokens": 2, "cost": 0.0}


def test_a_receiver_that_has_enough_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No further chunk is asked for."""
    done, server = complete(monkeypatch, chunk("a"), chunk("b"), chunk("c"), enough=2)
    assert (done["text"], done["finish"], server.given) == ("ab", "stop", 2)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"error": {"code": 400, "message": "too long"}}, "too long"),
        ({"error": "busy"}, "busy"),
        ({"strange": 1}, "strange"),
        (RuntimeError("lost"), "lost"),
    ],
)
def test_what_the_engine_refuses_is_told(monkeypatch: pytest.MonkeyPatch, said: Any, message: str) -> None:
    """As an error of the model, whatever form it comes in."""
    with pytest.raises(ModelUnavailable, match=f"cannot answer: .*{message}"):
        complete(monkeypatch, said)


def test_a_cancelled_request_stops_and_one_that_waits_never_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine takes one at a time; nobody waits for what nobody wants."""
    going, go_on = threading.Event(), threading.Event()

    class Slow(Server):
        def handle_chat_completions(self, body: Mapping[str, Any], receive: Receive) -> None:
            self.bodies.append(body)
            going.set()
            assert go_on.wait(10)
            self.given += receive(chunk("a"))

    server = Slow()
    own = engine_of(monkeypatch, server)

    async def main() -> None:
        first = asyncio.create_task(own.complete({"n": 1}, lambda _: False))
        await asyncio.to_thread(going.wait, 10)
        second = asyncio.create_task(own.complete({"n": 2}, lambda _: False))
        await asyncio.sleep(0)
        for task in (first, second):
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        go_on.set()

    asyncio.run(main())
    own.close()
    assert [body["n"] for body in server.bodies] == [1]
    assert server.given == 1, "the receiver says that it has enough"


# --- what `local` makes of it


def ask(monkeypatch: pytest.MonkeyPatch, *chunks: Any, **request: Any) -> tuple[Any, Server, list[str]]:
    """The answer of the local model, the server, and what was streamed."""
    server = Server(*chunks)
    own = engine_of(monkeypatch, server)
    monkeypatch.setattr(local, "open_engine", lambda weights: own)
    monkeypatch.setattr(local, "grammar", lambda schema: f"grammar of {sorted(schema)}")
    heard: list[str] = []

    async def main() -> Any:
        model = local.LocalModel(Path("none.gguf"))
        result = await model.ask({"instruction": "Reply.", **request}, on_delta=heard.append)
        await asyncio.sleep(0)
        return result

    try:
        return asyncio.run(main()), server, heard
    finally:
        own.close()


def test_text_streams_by_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence is told when the next one begins; a text that was cut ends with its last whole one."""
    chunks = [chunk(" One is"), chunk(" here. Two"), chunk(" came. And th", "length")]
    result, server, heard = ask(monkeypatch, *chunks, about="late")
    assert result["answer"] == "One is here. Two came."
    assert "".join(heard) == result["answer"]
    assert len(heard) > 1
    assert server.bodies[0]["messages"][1]["content"].endswith('Text: "late"')


def test_one_text_in_an_object_is_written_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not streamed: structures never are."""
    schema = {"type": "object", "properties": {"reply": {"type": "string"}}}
    result, server, heard = ask(monkeypatch, chunk("Fine. ", "stop"), returns=schema)
    assert (result["answer"], heard) == ({"reply": "Fine."}, [])
    assert "grammar" not in server.bodies[0]


@pytest.mark.parametrize(
    ("written", "answer"), [('{"a": "x", "b": "y"}', {"a": "x", "b": "y"}), ('{"a": "x', '{"a": "x')]
)
def test_structures_are_written_under_a_grammar(monkeypatch: pytest.MonkeyPatch, written: str, answer: Any) -> None:
    """What was cut in the middle is handed on as it is: the machine says what is wrong with it."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    result, server, _ = ask(monkeypatch, chunk(written), returns=schema, problems=["no"])
    assert result["answer"] == answer
    assert server.bodies[0]["grammar"].startswith("grammar of")
    assert "with the keys a, b" in server.bodies[0]["messages"][1]["content"]
    assert server.bodies[0]["seed"] == 2
