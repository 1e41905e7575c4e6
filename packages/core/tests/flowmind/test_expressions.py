"""CEL within bounds: values, names, errors that teach, and no way to blow up."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.core.errors import Location
from lev_os.core.flowmind.expressions import (
    ExpressionError,
    SharedScope,
    compile_expression,
    evaluate,
    is_identifier,
    parse_expression,
    parse_template,
    render,
)

SCOPE: dict[str, Any] = {
    "a": {"b": 1, "list": [3, 1, 2], "s": "éa", "none": None},
    "n": None,
    "score": 2.5,
    "i": 2,
    "text": "a" * 1000,
    "many": list(range(9_000)),
    "big": list(range(1_500)),
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("a.b", 1),
        ("a.s", "éa"),
        (" a.b ", 1),
        ("a.list[1]", 1),
        ("a['b']", 1),
        ("score * 2.0", 5.0),
        ("i + 1", 3),
        ("a.b == 1 && score > 2.0", True),
        ("i in [1, 2]", True),
        ("n == null", True),
        ("has(a.zz)", False),
        ("has(a.b) ? a.b : 0", 1),
        ("size(a.s)", 2),
        ("a.s.size() + size(a.list)", 5),
        ("size(a)", 4),
        ("a.list.map(x, x * i)", [6, 2, 4]),
        ("a.list.filter(x, x > 1)", [3, 2]),
        ("a.list.exists(x, x == 3)", True),
        ("a.map(k, k)", ["b", "list", "none", "s"]),
        ("a.list.filter(x, x > 1).map(y, [y, y])", [[3, 3], [2, 2]]),
        ("-a.list.map(x, x)[0]", -3),
        ("(a.list + [4]).all(x, x < 5)", True),
        ("[a.list][0].exists_one(x, x == 1)", True),
        ("{'b': 1, 'a': [1.5, null, true]}", {"a": [1.5, None, True], "b": 1}),
        ("1u", 1),
        ("string(1.5) + 'x'", "1.5x"),
        ("'abc'.contains('b') && 'abc'.startsWith('a') && 'abc'.endsWith('c')", True),
        ("'x1'.matches('^x[0-9]$')", True),
        ("duration('90s') > duration('1m')", True),
        ("many.exists(x, x < 0)", False),
        ("a.list.map(x, a.b)", [1, 1, 1]),
    ],
)
def test_values(source: str, value: object) -> None:
    """Expressions give JSON values; maps are walked in the order of their keys."""
    assert evaluate(parse_expression(source), SCOPE) == value


def test_maps_come_out_sorted() -> None:
    """The engine's maps have a random order; ours never."""
    assert list(evaluate(parse_expression("{'c': 1, 'a': 2, 'b': 3}"), {})) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("source", "message", "help"),
    [
        ("a and b", "`and` is not CEL", "&&"),
        ("a or b", "`or` is not CEL", "||"),
        ("not a", "`not` is not CEL", "!a"),
        ("a == None", "`None` is not CEL", "null"),
        ("True", "`True` is not CEL", "true"),
        ("len(a)", "no function `len`", "size(x)"),
        ("x if c else y", "`if` is not CEL", "? a : b"),
        ("a = b", "`=` is not a CEL operator", "=="),
        ("a.lower()", "no function `.lower()`", "matches"),
        ("a ** 2", "`**` is not", "tool"),
        ("a // b", "comment", "/"),
        ("'abc", "not closed", "quote"),
        ("(1", "`(` is not closed", ""),
        ("1)", "`)` closes nothing", ""),
        ("", "empty", "CEL"),
        ("1 +", "ends too early", ""),
        ("[1].exists(x, [2].exists(y, x == y))", "inside another", "for_each"),
        (".a", "cannot begin with `.`", "`a`"),
        ("M{a: 1}", "messages", "map"),
        ("for", "reserved word", ""),
        ("f(x)", "no function `f`", "tool"),
        ("a.map(1, 2)", "needs a variable", "map(x"),
        ("$x", "`$`", "no `$`"),
        ("a.map(in, 2)", "reserved word", ""),
        ("9223372036854775808", "invalid int", ""),
        ("a.?b", "unsupported", ""),
        ("+".join(["a"] * 101), "more than 100 names", "tool"),
        ("1" * 4_001, "longer than 4,000", "tool"),
        ("(" * 61 + "1" + ")" * 61, "nested deeper than 60", ""),
        ("[1]" + ".map(x, x)" * 5, "more than 4", "set"),
    ],
)
def test_what_cannot_be_read(source: str, message: str, help: str) -> None:
    """A wrong expression is answered with CEL's form and the offset of the mistake."""
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)
    assert message in caught.value.message
    assert help in (caught.value.help or "")
    assert 0 <= (caught.value.offset or 0) <= len(source)


@pytest.mark.parametrize(
    ("source", "message", "help"),
    [
        ("a.zz", "`a` has no field `zz`", "has(a.zz)"),
        ("n.x", "`n` is null, so it has no `x`", "n != null"),
        ("a.b.c", "`a.b` is not a map", ""),
        ("gone", "`gone` has no value here", ""),
        ("gone + 1", "`gone` has no value", ""),
        ("a.zz + 1", "`a` has no field `zz`", "has"),
        ("n.x == 1", "`n` is null", ""),
        ("score * 2", "float * int", "2.0"),
        ("'a' + 1", "is not defined", "string(x)"),
        ("1 / 0", "division by zero", ""),
        ("1.0 / 0.0", "not a finite number", ""),
        ("9223372036854775807 + 1", "overflow", ""),
        ("a.list[9]", "out of bounds", ""),
        ("string(n)", "`string` cannot take", ""),
        ("b'x'", "bytes", "string(x)"),
        ("timestamp('2020-01-01T00:00:00Z')", "a timestamp", "string(x)"),
        ("{1: 2}", "not text", ""),
        ("'x'.matches('(')", "not a valid regex", ""),
        ("18446744073709551615u", "64 bits", ""),
        ("a['zz']", "no field 'zz'", "has"),
        ("size(1)", "`size` needs text", ""),
        ("i.map(x, x)", "`map` needs a list", ""),
        ("-a", "not defined", ""),
        ("(many + many).exists(x, x < 0)", "18,000 items is too long for", "for_each"),
        ("many.filter(x, true)", "too long", "for_each"),
        ("big.map(x, text + text + text)", "too large", "tool"),
        ("big.map(x, big)", "too large", ""),
    ],
)
def test_what_cannot_be_evaluated(source: str, message: str, help: str) -> None:
    """Evaluation raises only `ExpressionError`, which says where the expression stands and why."""
    with pytest.raises(ExpressionError) as caught:
        evaluate(parse_expression(source, Location("f.yaml", 3, 7)), SCOPE)
    assert caught.value.message.startswith("f.yaml:3:7: ")
    assert message in caught.value.message
    assert help in (caught.value.help or "")


def test_a_shared_scope_changes_no_value() -> None:
    """Expressions that share what the engine has read mean the same, and one that fails leaves the rest alone."""
    shared = SharedScope(SCOPE, odd=object())
    for source in ("score * 2.0", "i + 1", "a.b == 1 && score > 2.0", "a.list.map(x, x * i)", "i + 1"):
        assert evaluate(parse_expression(source), shared) == evaluate(parse_expression(source), SCOPE)
    for source in ("odd == 1", "i / 0", "nothing == 1"):
        with pytest.raises(ExpressionError):
            evaluate(parse_expression(source), shared)
    assert evaluate(parse_expression("i * 2"), shared) == 4


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a.b + c", {"a", "c"}),
        ("a.map(x, x + y.z)", {"a", "y"}),
        ("x.map(x, x)", {"x"}),
        ("{'k': v}.k", {"v"}),
        ("has(a.b.c) && size(d) > 0", {"a", "d"}),
        ("'a.b' == \"c\"", set()),
        ("true ? a : null", {"a"}),
        ("s.contains(t)", {"s", "t"}),
        ("a[b].c[d]", {"a", "b", "d"}),
    ],
)
def test_names_are_the_free_ones(source: str, names: set[str]) -> None:
    """Names that a comprehension binds, fields, functions and words in quotes are not read from the scope."""
    assert parse_expression(source).names == names


def test_templates_keep_types_or_join_as_text() -> None:
    """One expression alone keeps its value; with text around it, values are canonical JSON."""
    assert render(parse_template("${a.list}"), SCOPE) == [3, 1, 2]
    assert render(parse_template("${a.s}: ${a.list} ${n} ${ {'x': '}'}.x }"), SCOPE) == "éa: [3,1,2] null }"
    assert render({"k": [parse_template("${i}"), "plain", 3]}, SCOPE) == {"k": [2, "plain", 3]}
    assert render("no template", SCOPE) == "no template"
    assert parse_template("x ${a.b} ${c}").names == {"a", "c"}


@pytest.mark.parametrize(("text", "offset"), [("ab ${x", 3), ("${a} ${}", 7), ("x ${a and b}", 6)])
def test_a_broken_template_says_where(text: str, offset: int) -> None:
    """The offset is that of the mistake in the whole text."""
    with pytest.raises(ExpressionError) as caught:
        parse_template(text)
    assert caught.value.offset == offset


def test_a_value_over_one_mebibyte_fails() -> None:
    """A rendered value has a bound; the message says how large it was."""
    big = {"x": "a" * 700_000}
    assert len(render(parse_template("${x}"), big)) == 700_000
    with pytest.raises(ExpressionError, match="larger than 1 MiB"):
        render({"v": [parse_template("${x}${x}")]}, big)


def test_deeply_nested_values_are_no_crash() -> None:
    """A value as deep as Python allows passes or fails cleanly."""
    deep: Any = 1
    for _ in range(20_000):
        deep = [deep]
    with pytest.raises(ExpressionError):
        render([parse_template("${v}")], {"v": deep})


def test_regexes_run_in_linear_time() -> None:
    """The classic catastrophic pattern over 200,000 characters would keep a backtracking engine busy for ever."""
    assert evaluate(parse_expression("s.matches('(a+)+$')"), {"s": "a" * 200_000 + "b"}) is False


def test_what_is_an_identifier() -> None:
    """Step ids are CEL identifiers that are no reserved words."""
    assert [name for name in ("a", "_x1", "in", "and", "1a", "a-b", "for", "é") if is_identifier(name)] == ["a", "_x1"]


def test_a_bare_path_never_loads_the_engine() -> None:
    """Most flows need no CEL at all, so it is not paid for; and its command line is never imported."""
    code = """
import sys
from lev_os.core.flowmind.expressions import parse_expression, evaluate
assert evaluate(parse_expression("a.b"), {"a": {"b": 1}}) == 1
assert not [name for name in sys.modules if name == "cel" or name.startswith("cel.")], "engine"
assert evaluate(parse_expression("a.b + 1"), {"a": {"b": 1}}) == 2
assert "cel.cli" not in sys.modules, "command line"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


_pieces = st.sampled_from(
    [
        "a",
        "a.b",
        "n",
        "i",
        "score",
        "text",
        "big",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ".",
        ",",
        "+",
        "*",
        "==",
        "&&",
        "!",
        "?",
        ":",
        ".map(x, ",
        ".filter(x, ",
        ".exists(x, ",
        "x",
        "size(",
        "has(",
        "'s'",
        "1",
        "2.0",
        "in",
        "null",
        "-",
        "/",
        "1u",
        "%",
    ]
)


@given(st.lists(_pieces, max_size=25).map(" ".join) | st.text(max_size=40))
@settings(max_examples=400, deadline=None)
def test_random_expressions_raise_nothing_else(source: str) -> None:
    """Whatever is written, the answer is a JSON value or an `ExpressionError`."""
    with contextlib.suppress(ExpressionError):
        json.dumps(evaluate(parse_expression(source), SCOPE), allow_nan=False)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=6,
)


@given(st.fixed_dictionaries({"a": _values}), st.sampled_from(["a", "a.a", "a.b", "a.a.b", "a.b.b.a"]))
@settings(max_examples=200, deadline=None)
def test_the_fast_path_agrees_with_the_engine(scope: dict[str, Any], path: str) -> None:
    """`a.b` without the engine is `(a).b` with it: the same value, or an error for both."""

    def outcome(source: str) -> Any:
        try:
            return evaluate(parse_expression(source), scope)
        except ExpressionError:
            return "error"

    assert outcome(path) == outcome(f"({path})")
