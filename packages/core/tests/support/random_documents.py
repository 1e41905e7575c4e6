"""Random flow documents with every construct and every optional part, and texts that are hard to print.

Each is valid by construction. `flow_documents` gives the values of a document; `built` makes the same flow by the
functions of `flowmind.build`.
"""

from __future__ import annotations

import json
import re
from itertools import count
from typing import Any

from hypothesis import strategies as st
from lev_os.core.flowmind import Flow
from lev_os.core.flowmind import build as b

Data = dict[str, Any]

NASTY = [
    "", " ", "yes", "null", "~", "1", "1.0", "-", "- a", "a: b", "a #b", "#", "'", '"', "''\"", "\\", "\\n", "\n",
    "a\n", "a\nb", "a\n\nb\n", "a\n\n", " a\n b", "a \nb", "\ta", "a\tb", "{", "[a, b]",
    "${input.text}", "x ${input.text} y",
    "${input.text}\nand ${input.text == 'a: b' ? {'k': [1]} : {}}", "*a", "&a", "!a", "|", ">", "%", "@", "`", "---",
    "...", "ä", "日本", "🙂", "\u200b", "\u2028", "\x85", "\xa0", "\ufeff", "\x00", "\U000e0041", "0x1f",
    "1e3", ".5", "2001-01-01", "Yes", "OFF", "=", "<<", "?", "? a", "a ", "a:", ":a", "30s", "x" * 300, "$", "$ {", "}",
    "plain text, with (some) marks!",
]  # fmt: skip
_PLAIN = [text for text in NASTY if "${" not in text]
_REFERENCES = ["./tools/a", "acme/tools/b", "lev://acme/tools/c", "./tools/d#'\"", "lev_os.core/tools/e"]

texts = st.sampled_from(NASTY)
said = texts.filter(bool)
plain = st.one_of(st.sampled_from(_PLAIN), st.text(st.characters(exclude_categories=["Cs"]), max_size=12)).filter(
    lambda text: "${" not in text
)
labels = plain.filter(lambda text: text != "uncertain")
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    texts,
    st.floats(allow_nan=False, allow_infinity=False),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3), max_leaves=6
)
durations = st.sampled_from(["500ms", "1s", "90s", "1.5s", "10m", "2d", "0.1ms", "36h", "1.333s", "0.7h"])
expressions = st.sampled_from(["true", "input.text == 'a'", ' input.text != "x" ', "size(input.text) > 1", "false"])
types = st.sampled_from([
    "string", "number", "any", ["integer"], {"type": "string", "untrusted": True}, {"enum": ["a", "b"]},
    {"type": "integer", "default": 3, "minimum": 1}, {"type": "string", "optional": True, "description": "a: b"},
    {"properties": {"x": "number", "y": [{"properties": {"z": "boolean"}}]}}, {"type": ["string", "null"]},
])  # fmt: skip
_CLOSED = {"type": "object", "required": [], "additionalProperties": False}
schemas = st.sampled_from([
    {}, {"type": "array"}, {"type": "object", "properties": {"a-b": {"type": "string"}}},
    {"$defs": {"n": {"type": "number"}}, "type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}},
    _CLOSED | {"properties": {"a": True}}, _CLOSED | {"properties": {"a": {"not": {}}}},
    _CLOSED | {"properties": {"a": {"type": "object", "properties": {"b": {}}, "required": ["c"]}}},
])  # fmt: skip


_PAIR = re.compile(r"(?<!\\)((?:\\\\)*)\\u(d[89ab]..)\\u(d[c-f]..)")


def text_of(document: Data) -> str:
    """A document as JSON that is YAML: characters beyond the first 65,536 as `\\U0001f642`, not as a pair."""

    def joined(pair: re.Match[str]) -> str:
        code = 0x10000 + ((int(pair[2], 16) - 0xD800) << 10) + int(pair[3], 16) - 0xDC00
        return f"{pair[1]}\\U{code:08x}"

    return _PAIR.sub(joined, json.dumps(document))


@st.composite
def some(draw: st.DrawFn, /, **parts: st.SearchStrategy[Any]) -> Data:
    """Some of these parts."""
    return {key.removesuffix("_"): draw(part) for key, part in parts.items() if draw(st.booleans())}


def shapes(name: str) -> st.SearchStrategy[Data]:
    """A shape in shorthand, as a JSON Schema, or none."""
    fields = st.dictionaries(st.sampled_from(["a", "b", "long_name"]), types, max_size=3)
    return st.one_of(st.just({}), fields.map(lambda f: {name: f}), schemas.map(lambda s: {f"{name}_schema": s}))


@st.composite
def retries(draw: st.DrawFn) -> Data:
    return draw(some(attempts=st.integers(1, 20), backoff=durations))


@st.composite
def flow_documents(draw: st.DrawFn) -> Data:
    """The values of a valid flow document."""
    head = {"flowmind": 1, "name": draw(st.sampled_from(["random", "no", "a-b_1"]))}
    head |= draw(some(description=plain, context=st.just(["./contexts/x", "acme/contexts/y"])))
    if draw(st.booleans()):
        limits = some(asks=st.integers(1, 99), tool_calls=st.integers(1, 99), tokens=st.integers(1, 99), time=durations)
        head["limits"] = draw(limits)
    shape = {"text": "string"} | draw(st.dictionaries(st.sampled_from(["a", "b"]), types, max_size=2))
    head["input"] = shape
    return head | {"steps": draw(_block(count(), depth=2, free=True, least=1))}


@st.composite
def _block(draw: st.DrawFn, ids: Any, depth: int, free: bool, least: int = 0) -> list[Data]:
    return [draw(_step(ids, depth, free)) for _ in range(draw(st.integers(least, 2 if depth < 2 else 4)))]


@st.composite
def _step(draw: st.DrawFn, ids: Any, depth: int, free: bool) -> Data:
    kinds = ["ask", "call", "flow", "wait", "set"]
    if depth:
        kinds += [
            "if",
            "if_semantic",
            "switch",
            "switch_semantic",
            "for_each",
            "while",
            "while_semantic",
            "parallel",
            "try",
        ]
    data = draw(_parts(draw(st.sampled_from(kinds)), ids, depth - 1, free))
    return data if draw(st.booleans()) else {"id": f"s{next(ids)}"} | data


@st.composite
def _parts(draw: st.DrawFn, kind: str, ids: Any, depth: int, free: bool) -> Data:  # noqa: C901  # a case for each kind
    def block(free: bool = free) -> list[Data]:
        return draw(_block(ids, depth, free))

    def bodies(*names: str) -> Data:
        return {name: block() for name in names if draw(st.booleans())}

    def bag(key: str) -> Data:
        return {key: draw(st.dictionaries(plain, values, max_size=3))} if draw(st.booleans()) else {}

    patience = draw(some(retry=retries(), timeout=durations))
    judged = draw(some(about=texts, confidence=st.sampled_from([0, 0.5, 1, 0.7])))
    yes_no = draw(some(examples=some(yes=st.lists(said, max_size=2), no=st.lists(said, max_size=2))))
    match kind:
        case "ask":
            more = some(about=texts, tools=st.lists(st.sampled_from(_REFERENCES)), context=st.just(["./contexts/x"]))
            return {"ask": draw(said)} | draw(more) | draw(shapes("returns")) | patience
        case "call":
            return {"call": draw(st.sampled_from(_REFERENCES))} | bag("with") | patience
        case "flow":
            return {"flow": "acme/flows/x"} | bag("with")
        case "wait":
            late = {"timeout": draw(durations)} | bodies("on_timeout") if depth >= 0 and draw(st.booleans()) else {}
            return {"wait": draw(said)} | draw(some(about=texts)) | draw(shapes("returns")) | late
        case "set":
            return {"set": {f"v{next(ids)}": draw(values) for _ in range(draw(st.integers(1, 3)))}}
        case "if":
            return {"if": draw(st.one_of(expressions, st.booleans())), "then": block()} | bodies("else")
        case "if_semantic":
            return (
                {"if_semantic": draw(said)} | judged | yes_no | {"then": block(), "uncertain": block()} | bodies("else")
            )
        case "switch":
            cases = {label: block() for label in draw(st.sets(labels, min_size=1, max_size=3))}
            return {"switch": "input.text", "cases": cases} | bodies("default")
        case "switch_semantic":
            found = {label: block() for label in draw(st.sets(labels, min_size=2, max_size=3))}
            texts_ = st.lists(said, min_size=1, max_size=2)
            some_examples: Data = {
                k: {"examples": draw(texts_), "then": v} if draw(st.booleans()) else v for k, v in found.items()
            }
            return {"switch_semantic": draw(said)} | judged | {"cases": some_examples, "uncertain": block()}
        case "for_each":
            more = some(where=expressions, max_concurrency=st.integers(1, 100), collect=values)
            return {"for_each": f"v{next(ids)} in ['a: b', \"c\"]"} | draw(more) | {"do": block(free=False)}
        case "while":
            return {"while": draw(expressions), "max_iterations": draw(st.integers(1, 9)), "do": block()}
        case "while_semantic":
            return {"while_semantic": draw(said)} | judged | yes_no | {"max_iterations": 3, "do": block()}
        case "parallel":
            return {"parallel": {"left": block(False), "right": block(False)}} | draw(
                some(wait_for=st.sampled_from(["all", "any", 1]))
            )
        case _:
            return {"try": block(), "catch": block()}


def built(document: Data) -> Flow:
    """The same flow by the functions that are named after the steps."""
    head = {key: value for key, value in document.items() if key not in {"flowmind", "steps"}}
    return Flow.build(**head, steps=_drafts(document["steps"]))


_BODIES = {"then", "else", "uncertain", "default", "do", "on_timeout", "try", "catch"}
_FIRST = {"while": "while_", "if": "if_", "try": "try_", "set": "set_", "return": "return_", "flow": "subflow"}
_NAMES = {"with": "with_", "else": "else_"}


def _drafts(steps: list[Data]) -> list[b.StepDraft]:
    return [_draft(step) for step in steps]


def _draft(step: Data) -> b.StepDraft:
    rest: Data = {key: _drafts(value) if key in _BODIES else value for key, value in step.items()}
    if "cases" in rest:
        rest["cases"] = {label: _case(case) for label, case in rest["cases"].items()}
    if "parallel" in rest:
        rest["parallel"] = {name: _drafts(steps) for name, steps in rest["parallel"].items()}
    kind = next(key for key in rest if key not in {"id"})
    first = rest.pop(kind)
    if kind == "try":
        rest["body"] = first
        return b.try_(**rest)
    function = getattr(b, _FIRST.get(kind, kind))
    made: b.StepDraft = function(first, **{_NAMES.get(key, key): value for key, value in rest.items()})
    return made


def _case(case: Any) -> Any:
    return b.case(_drafts(case["then"]), examples=case["examples"]) if isinstance(case, dict) else _drafts(case)
