"""Types of expressions against the engine that evaluates them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.check.flows.expressions import Complaint, Reading
from lev_os.check.flows.scopes import Names
from lev_os.check.flows.types import ANY, MORE, Type, from_schema, kind_of
from lev_os.core.flowmind import cel, expressions
from lev_os.core.flowmind.expressions import ExpressionError, compile_expression

SCHEMAS: dict[str, dict[str, Any]] = {
    "whole": {"type": "integer"},
    "share": {"type": "number"},
    "name": {"type": "string"},
    "flag": {"type": "boolean"},
    "plan": {"enum": ["free", "paid"]},
    "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    "tags": {"type": "array", "items": {"type": "string"}},
    "counts": {"type": "array", "items": {"type": "integer"}},
    "order": {
        "type": "object",
        "properties": {
            "cents": {"type": "integer"},
            "note": {"type": ["string", "null"]},
            "rate": {"type": "number"},
            "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
        },
        "required": ["cents", "note", "lines"],
        "additionalProperties": False,
    },
    "found": {
        "anyOf": [
            {"type": "null"},
            {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        ]
    },
    "anything": {},
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "whole": st.integers(-3, 3),
    "share": st.sampled_from([-1.5, 0.0, 1.0, 2.5]),
    "name": st.sampled_from(["", "a", "free", "1"]),
    "flag": st.booleans(),
    "plan": st.sampled_from(["free", "paid"]),
    "maybe": st.sampled_from(["a", None]),
    "tags": st.lists(st.sampled_from(["a", "free"]), max_size=2),
    "counts": st.lists(st.integers(-1, 1), max_size=2),
    "order": st.fixed_dictionaries(
        {"cents": st.integers(0, 3), "note": st.sampled_from(["a", None]), "lines": st.just([{"sku": "x"}])},
        optional={"rate": st.just(0.5)},
    ),
    "found": st.sampled_from([None, {"id": "x"}, {"id": "y", "more": 1}]),
    "anything": st.sampled_from([None, 1, 1.5, "a", True, [1], {"a": 1}]),
}
ATOMS = [
    *VALUES, "order.cents", "order.note", "order.rate", "order.lines", "found.id", "order.lines[0].sku", "tags[0]", "1",
    "order['cents']", "2.0", "'free'", "'1'", "true", "false", "null", "[]", "[1, 2]", "['a']", "{'a': 1}", "-1",
    "has(order.rate)", "found != null", "maybe == null", "order.nothing",
]  # fmt: skip


def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """One operation on smaller expressions."""
    operators = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "in", "&&", "||"])
    binary = st.tuples(inner, operators, inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})")
    unary = st.tuples(st.sampled_from(["!", "-"]), inner).map(lambda parts: f"{parts[0]}({parts[1]})")
    choice = st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} ? {parts[1]} : {parts[2]})")
    function = st.tuples(st.sampled_from(["size", "int", "double", "string", "type"]), inner).map(
        lambda parts: f"{parts[0]}({parts[1]})"
    )
    method = st.tuples(inner, st.sampled_from(["contains", "startsWith", "matches"]), inner).map(
        lambda parts: f"({parts[0]}).{parts[1]}({parts[2]})"
    )
    macro = st.tuples(
        st.sampled_from(["tags", "counts", "order.lines", "order", "anything"]),
        st.sampled_from(["all", "exists", "map", "filter"]),
        st.sampled_from(["x == 'a'", "x > 0", "x", "x + 1", "x.sku == 'x'", "name", "flag"]),
    ).map(lambda parts: f"{parts[0]}.{parts[1]}(x, {parts[2]})")
    return st.one_of(binary, binary, unary, choice, function, method, macro)


EXPRESSIONS = st.recursive(st.sampled_from(ATOMS), combined, max_leaves=6)
SCOPES = st.fixed_dictionaries(VALUES)


def read(source: str) -> tuple[Type, list[Complaint]]:
    """The type of an expression over the names of `SCHEMAS`, and what is wrong with it."""
    names = Names()
    for name, schema in SCHEMAS.items():
        names.bind(name, from_schema(schema))
    reading = Reading(source)
    return reading.of(cel.parse(source), names), reading.complaints


def failure_of(program: expressions.Program, scope: dict[str, Any]) -> str | None:
    """Why an evaluation fails, if it does."""
    try:
        expressions.evaluate(program, scope)
    except ExpressionError as error:
        return str(error)
    return None


def holds(type_: Type, value: Any) -> bool:
    """Whether a value is one of a type's, as far as its kind and its counted values go."""
    scalar = isinstance(value, bool | int | float | str)
    return kind_of(value) in type_.kinds and (not scalar or type_.values is None or value in type_.values)


@settings(deadline=None, max_examples=300)
@given(EXPRESSIONS, st.lists(SCOPES, min_size=3, max_size=3))
def test_an_expression_gives_what_its_type_says(source: str, scopes: list[dict[str, Any]]) -> None:
    """Whatever the values, the result is of the type; what surely fails outside `&&`, `||` and `?:` does."""
    try:
        program = compile_expression(source)
    except ExpressionError:
        return
    type_, complaints = read(source)
    certain = [c for c in complaints if c.sure and c.kind in ("null", "operand", "field")]
    lazy = any(word in source for word in ("&&", "||", "?", ".all(", ".exists(", ".map(", ".filter("))
    for scope in scopes:
        try:
            value = expressions.evaluate(program, scope)
        except ExpressionError:
            continue
        assert not certain or lazy, f"{certain} for {source}, which gave {value!r}"
        if not type_.kinds & MORE and type_ is not ANY:
            assert holds(type_, value), f"{source} gave {value!r}, which is not {type_}"


@settings(deadline=None, max_examples=300)
@given(EXPRESSIONS, SCOPES)
def test_what_fails_because_of_types_was_said(source: str, scope: dict[str, Any]) -> None:
    """Where every type is known and nothing is complained of, an evaluation only fails for its values."""
    try:
        program = compile_expression(source)
    except ExpressionError:
        return
    loose = [
        "?",
        "anything",
        "type(",
        "size",
        "int(",
        "double(",
        "matches",
        "[0]",
        "lines",
        "map(",
        "filter(",
        "x",
        "found",
    ]
    if any(word in source for word in loose) or read(source)[1]:
        return
    about_values = ("zero", "64 bits", "finite", "overflow", "regex", "parse error", "keys that are not text")
    said = failure_of(program, scope)
    assert said is None or any(word in said for word in about_values), f"{source} of {scope}: {said}"


@pytest.mark.parametrize(
    ("source", "kind", "at", "sure"),
    [
        ("found.id == 'x'", "null", "found", False),
        ("order.rate > 1.0", "absent", "rate", False),
        ("order.cent > 1", "field", "cent", True),
        ("whole * 2.5", "operand", "whole * 2.5", True),
        ("name > 1", "operand", "name > 1", True),
        ("'a' in name", "operand", "name", True),
        ("plan == 'payed'", "never", "'payed'", True),
        ("whole == '1'", "never", "'1'", True),
        ("flag && name", "operand", "name", True),
        ("tags.exists(t, t > 1)", "operand", "t > 1", True),
        ("maybe.contains('a')", "null", "maybe", False),
        ("size(maybe) > 0", "null", "maybe", False),
        ("has(order.note) && order.note.contains('a')", "null", "order.note", False),
        ("'a' in counts", "never", "'a'", True),
    ],
)
def test_each_kind_of_complaint(source: str, kind: str, at: str, sure: bool) -> None:
    """What is wrong, which characters it is about, and whether it is so for every value."""
    (complaint,) = read(source)[1]
    assert (complaint.kind, source[complaint.start : complaint.end], complaint.sure) == (kind, at, sure)


@pytest.mark.parametrize(
    "source",
    [
        "found != null && found.id == 'x'",
        "found == null || found.id == 'x'",
        "found == null ? '' : found.id",
        "!(found == null) && found.id == 'x'",
        "has(order.rate) && order.rate > 1.0",
        "has(order.rate) ? order.rate : 0.0",
        "(plan == 'free' || plan == 'paid') && name != ''",
        "order.note != null && order.note.contains('a')",
        "maybe in ['a', 'b'] && maybe.startsWith('a')",
        "double(whole) * 2.5 > share",
        "whole > 1.5",
        "anything.whatever[0].more > 1",
        "order.lines.all(line, has(line.sku) && line.sku != '')",
        "tags.map(tag, size(tag)).exists(n, n > 3)",
        "share == 1",
        "found == null",
    ],
)
def test_what_is_guarded_or_right_is_left_alone(source: str) -> None:
    """Tests before the reading, conversions, and values of which nothing is known."""
    assert read(source)[1] == []
