"""What hosts send: whatever it is, the answer is a reason."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.mcp.arguments import DEEPEST, FLOW_CALLS, LARGEST, MISSING, oversized, read_arguments

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_defaults_are_filled_in() -> None:
    """What may be left out has a value; an absent result is not a null result."""
    assert read_arguments("flow_start", {"flow": "a/flows/b"}) == ({"flow": "a/flows/b", "input": {}}, [])
    read, errors = read_arguments("flow_submit", {"token": "t"})
    assert not errors
    assert read["result"] is MISSING
    read, _ = read_arguments("flow_submit", {"token": "t", "result": None})
    assert read["result"] is None


@pytest.mark.parametrize(
    ("name", "given_", "says"),
    [
        ("flow_start", {}, "flow_start needs 'flow'"),
        ("flow_start", {"flow": 3}, "'flow' must be a string, not int"),
        ("flow_start", {"flow": "x", "input": "text"}, "'input' must be an object, not str"),
        ("flow_submit", {"tokn": "x"}, "flow_submit takes no 'tokn'; did you mean 'token'?"),
        ("flow_submit", {"token": "t", "tool_calls": {}}, "'tool_calls' must be an array, not dict"),
        ("flow_status", {"run": "r", "take_over": "yes"}, "'take_over' must be a boolean, not str"),
        ("flow_cancel", {"run": "r", "token": None, "reason": "x"}, "'token' must be a string, not NoneType"),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_right(name: str, given_: dict[str, Any], says: str) -> None:
    """A model mends its call from these words alone."""
    _, errors = read_arguments(name, given_)
    assert says in " · ".join(errors)


def test_too_large_and_too_deep_are_refused_before_anything_reads_them() -> None:
    """A megabyte and 64 levels are enough for anybody."""
    deep: Any = 1
    for _ in range(DEEPEST + 1):
        deep = [deep]
    assert "nested more than" in str(oversized(deep))
    assert "at most" in str(oversized({"a": "x" * LARGEST}))
    assert oversized({"a": "x" * 1000, "b": [[1]]}) is None
    assert "not plain JSON" in str(oversized({"a": "\ud800"}))


@given(name=st.sampled_from(sorted(FLOW_CALLS)), arguments=st.dictionaries(st.text() | st.just("token"), _json))
def test_any_json_is_read_or_refused_with_words(name: str, arguments: dict[str, Any]) -> None:
    """Never an exception; either every argument or a reason."""
    read, errors = read_arguments(name, arguments)
    assert errors or set(read) == set(FLOW_CALLS[name].arguments)
