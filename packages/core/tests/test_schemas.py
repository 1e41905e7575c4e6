"""Schemas: shorthand, checks, coercion and defaults."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.core.schemas import InvalidSchema, Schema, is_file_reference, shorthand_to_schema

FIELDS: dict[str, Any] = {
    "name": "string",
    "score": {"type": "number", "default": 1},
    "count": {"type": "integer", "optional": True},
    "tags": ["string"],
    "tier": {"enum": ["basic", "premium"]},
    "items": {"items": {"properties": {"price": "number"}}},
    "body": {"type": "string", "untrusted": True},
    "either": {"type": ["string", "null"]},
    "open": "any",
}


def valid() -> dict[str, Any]:
    """A value of `FIELDS` without what has a default."""
    return {"name": "x", "tags": [], "tier": "basic", "items": [{"price": 3}], "body": "", "either": None, "open": 0}


def test_shorthand() -> None:
    """Fields are required unless they have a default or are optional; nothing else is let in."""
    schema = shorthand_to_schema(FIELDS)
    assert schema["additionalProperties"] is False
    assert set(FIELDS) - set(schema["required"]) == {"score", "count"}
    assert schema["properties"]["tags"] == {"type": "array", "items": {"type": "string"}}
    assert schema["properties"]["body"] == {"type": "string", "x-lev-untrusted": True}
    assert schema["properties"]["items"]["items"]["required"] == ["price"]


def test_fill_and_coerce() -> None:
    """Defaults are filled in, `number` binds as float, whole floats of `integer` as int."""
    schema = Schema.of(shorthand_to_schema(FIELDS))
    filled = schema.coerce(schema.fill({**valid(), "count": 2.0}))
    assert filled["score"] == 1.0
    assert type(filled["score"]) is float
    assert type(filled["items"][0]["price"]) is float
    assert filled["count"] == 2
    assert type(filled["count"]) is int


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": 3}, "/name: must be text, not the number 3"),
        ({"tier": "gold"}, "/tier: must be one of `basic`, `premium`, not the text 'gold'"),
        ({"tags": [1]}, "/tags/0: must be text, not the number 1"),
        ({"nam": 1}, "/: unknown `nam` (did you mean `name`?)"),
        ({"items": [{}]}, "/items/0: `price` is missing"),
        ({"count": 1 << 63}, "/count: the integer does not fit in 64 bits"),
        ({"score": 10**400}, "/score: the number does not fit in a double"),
        ({"name": object()}, "/: not a JSON value: Unsupported type: 'object'"),
    ],
)
def test_problems(change: dict[str, Any], problem: str) -> None:
    """A problem names the place and what was expected there."""
    schema = Schema.of(shorthand_to_schema(FIELDS))
    assert schema.problems(valid()) == ()
    assert problem in schema.problems({**valid(), **change})


def test_other_keywords_speak_too() -> None:
    """What has no message of ours has the validator's."""
    assert Schema.of({"minimum": 3}).problems(1) == ("/: 1 is less than the minimum of 3",)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"a": "strng"}, "unknown type `strng`"), ({"a": "int"}, "unknown type `int`"), ({"a": 3}, "needs a type"),
        ({"a": {"typ": "string"}}, "unknown key `typ`"), ({"a": {"type": 3}}, "`type` must be a name"),
        ({"a": {"untrusted": "yes"}}, "must be true or false"), ({"a": ["strng"]}, "unknown type"),
    ],
)  # fmt: skip
def test_bad_shorthand(fields: dict[str, Any], message: str) -> None:
    """Shorthand that means nothing is refused with the nearest spelling."""
    with pytest.raises(InvalidSchema, match=message):
        shorthand_to_schema(fields)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:1/x"}, {"$ref": "file:///etc/passwd"}, {"$dynamicRef": "other#x"}, {"type": "strin"},
        {"pattern": "("}, {"pattern": "(?=a)b"}, {"pattern": r"(a)\1"}, {"$ref": "#/$defs/none"}, {"properties": 3},
        {"$schema": "http://json-schema.org/draft-07/schema#"}, {"anyOf": [{"items": {"$ref": "other.json"}}]},
    ],
)  # fmt: skip
def test_schemas_that_are_refused(schema: dict[str, Any]) -> None:
    """Nothing remote is fetched, and a pattern runs in linear time or not at all."""
    with pytest.raises(InvalidSchema):
        Schema.of(schema)


def test_patterns_run_in_linear_time() -> None:
    """A pattern that would keep a backtracking engine busy for ever answers."""
    assert Schema.of({"pattern": "^(a+)+$"}).problems("a" * 100_000 + "b")


def test_recursive_schemas() -> None:
    """`$ref` to itself neither hangs nor explodes, and is coerced all the way down."""
    tree = {"properties": {"l": {"$ref": "#"}, "r": {"$ref": "#"}, "v": {"type": "number", "default": 1}}}
    schema = Schema.of(tree)
    assert schema.coerce({"l": {"r": {"v": 1}}}) == {"l": {"r": {"v": 1.0}}}
    assert schema.fill({"l": {}}) == {"l": {"v": 1}, "v": 1}
    assert Schema.of({"$ref": "#"}).problems(1) == ()


def test_coercion_looks_through_alternatives() -> None:
    """Properties that only `anyOf` names are coerced as well."""
    schema = Schema.of(
        {"anyOf": [{"type": "null"}, {"properties": {"v": {"$ref": "#/$defs/n"}}}], "$defs": {"n": {"type": "number"}}}
    )
    assert str(schema.coerce({"v": 1})) == "{'v': 1.0}"
    assert str(Schema.of({"items": {"type": "number"}}).coerce([1])) == "[1.0]"


def test_equal_schemas_are_compiled_once() -> None:
    """The order of keys does not matter."""
    assert Schema.of({"type": "string", "minLength": 1}) is Schema.of({"minLength": 1, "type": "string"})


_schemas = st.recursive(
    st.sampled_from([{"type": "number"}, {"type": "integer"}, {"type": "string"}, {}]),
    lambda inner: (
        st.builds(lambda s: {"type": "array", "items": s}, inner)
        | st.builds(lambda s: {"type": "object", "properties": {"a": s}}, inner)
    ),
    max_leaves=4,
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.fixed_dictionaries({"a": inner}),
    max_leaves=5,
)


@given(_schemas, _values)
@settings(max_examples=200, deadline=None)
def test_a_valid_value_stays_valid_and_equal_when_coerced(schema: dict[str, Any], value: Any) -> None:
    """Coercion changes types of numbers, never what is said; a second time it changes nothing."""
    compiled = Schema.of(schema)
    if not compiled.problems(value):
        once = compiled.coerce(value)
        assert not compiled.problems(once)
        assert repr(compiled.coerce(once)) == repr(once)


def test_a_file_reference_has_exactly_three_fields() -> None:
    """A result that merely mentions a file is a result."""
    reference = {"$file": "r/1.json", "bytes": 9, "digest": "sha256:0"}
    assert is_file_reference(reference)
    for name in reference:
        assert not is_file_reference({key: value for key, value in reference.items() if key != name})
    assert not is_file_reference({**reference, "more": 1})
    assert not is_file_reference([])


def test_a_file_in_place_of_a_value_is_told_as_one() -> None:
    """A result over 1 MiB is handed on as a reference; a tool that takes text hears what came and how to take it."""
    reference = {"$file": "/r/1.json", "bytes": 2 << 20, "digest": "sha256:0"}
    schema = Schema.of({"type": "object", "properties": {"t": {"type": "string"}}})
    (problem,) = schema.problems({"t": reference})
    assert problem.startswith("/t: must be text, not a file: a result over 1 MiB is handed on")
    assert "read the JSON at PATH" in problem
