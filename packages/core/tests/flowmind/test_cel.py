"""Trees of CEL expressions: they mean what the engine makes of the text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.core.flowmind import cel
from lev_os.core.flowmind.expressions import ExpressionError, compile_expression, evaluate

SCOPE: dict[str, Any] = {"n": 3, "m": 4, "t": "text", "yes": True, "o": {"a": 1, "b": {"c": "x"}}, "l": [1, 2]}


def written(node: cel.Node) -> str:  # noqa: C901 - one case a kind of node
    """A tree as an expression with a pair of brackets for every node, so that nothing hangs on precedence."""
    match node:
        case cel.Constant(value=None):
            return "null"
        case cel.Constant(value=bool() as value):
            return str(value).lower()
        case cel.Constant(value=str() as value):
            return repr(value)
        case cel.Constant(value=value, kind=kind):
            return f"({value}{'u' if kind == 'uint' else ''})"
        case cel.Name(name=name):
            return name
        case cel.Select(of=of, field=field):
            return f"({written(of)}.{field})"
        case cel.Index(of=of, key=key):
            return f"({written(of)}[{written(key)}])"
        case cel.Unary(operator=operator, of=of):
            return f"({operator}{written(of)})"
        case cel.Binary(operator=operator, left=left, right=right):
            return f"({written(left)} {operator} {written(right)})"
        case cel.Choice(test=test, yes=yes, no=no):
            return f"({written(test)} ? {written(yes)} : {written(no)})"
        case cel.Invoke(function="has", of=None, arguments=(cel.Select(of=of, field=field),)):
            return f"has({written(of)}.{field})"
        case cel.Invoke(function=function, of=of, arguments=arguments):
            before = "" if of is None else f"{written(of)}."
            return f"{before}{function}({', '.join(map(written, arguments))})"
        case cel.Comprehension(macro=macro, of=of, variable=variable, arguments=arguments):
            return f"{written(of)}.{macro}({', '.join([variable, *map(written, arguments)])})"
        case cel.ListOf(items=items):
            return f"[{', '.join(map(written, items))}]"
        case cel.MapOf(entries=entries):
            return "{" + ", ".join(f"{written(key)}: {written(value)}" for key, value in entries) + "}"
    raise AssertionError(node)


def outcome(source: str) -> Any:
    """What an expression gives; the type of the error when it fails."""
    try:
        return evaluate(compile_expression(source), SCOPE)
    except ExpressionError:
        return ExpressionError


ATOMS = [
    "n", "m", "t", "yes", "o.a", "o.b.c", "l", "l[0]", "o['a']", "1", "2.5", "-1", "0x1F", "7u", "1e2", "'a'", '"b"',
    "r'\\d'", "true", "false", "null", "[]", "[1, n]", "{'a': n}", "has(o.z)", "size(t)", "t.contains('e')",
    "l.all(x, x > 0)", "l.map(x, x + n)",
]  # fmt: skip
OPERATORS = ["||", "&&", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"]


@st.composite
def flat(draw: st.DrawFn) -> str:
    """Operands and operators in a row, some of them in brackets: what precedence is for."""
    parts = [draw(st.sampled_from(ATOMS))]
    for _ in range(draw(st.integers(0, 5))):
        parts.append(draw(st.sampled_from(OPERATORS)))
        parts.append(draw(st.sampled_from(["", "", "!", "-", "- -"])) + draw(st.sampled_from(ATOMS)))
    if len(parts) > 4 and draw(st.booleans()):
        parts[2] = f"({parts[2]}"
        parts[4] = f"{parts[4]})"
    text = " ".join(parts)
    return f"{text} ? {parts[0]} : {parts[0]} == 1 ? 2 : 3" if draw(st.integers(0, 4)) == 0 else text


@settings(deadline=None, max_examples=300)
@given(flat())
def test_a_tree_means_what_the_text_means(source: str) -> None:
    """With a bracket around every node the engine's result is the same."""
    try:
        compile_expression(source)
    except ExpressionError:
        return
    assert outcome(written(cel.parse(source))) == outcome(source)


@pytest.mark.parametrize("source", ATOMS)
def test_a_node_knows_its_place(source: str) -> None:
    """The characters of the whole expression."""
    node = cel.parse(source)
    assert (node.start, node.end) == (0, len(source))


def test_fields_and_functions_know_where_their_names_are() -> None:
    """Where the name begins that a message is about."""
    node = cel.parse("o.b.c.contains('x')")
    assert isinstance(node, cel.Invoke)
    assert (node.at, node.function) == (6, "contains")
    assert isinstance(node.of, cel.Select)
    assert (node.of.at, node.of.field) == (4, "c")


def test_texts_have_their_escapes_read() -> None:
    """As the engine reads them; bytes stay as they are written."""
    assert cel.parse(r"'a\'b\n'") == cel.Constant(0, 8, "a'b\n", "string")
    assert cel.parse(r"'\d'") == cel.Constant(0, 4, "\\d", "string")
    assert cel.parse("'\\xz'") == cel.Constant(0, 5, "'\\xz'", "string")
    assert cel.parse("b'a'") == cel.Constant(0, 4, "b'a'", "bytes")


def test_three_arguments_of_map() -> None:
    """`map` may test before it maps."""
    node = cel.parse("l.map(x, x > 1, x * 2)")
    assert isinstance(node, cel.Comprehension)
    assert [type(part) for part in cel.parts(node)] == [cel.Name, cel.Binary, cel.Binary]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "is empty"),
        ("a b", "unexpected `b`"),
        ("a +", "ends too early"),
        ("a ? b", "`:` is missing"),
        ("(a", "`)` is missing"),
        ("[1 2]", "`]` is missing"),
        ("{1: 2 3}", "`}` is missing"),
        ("{1}", "`:` is missing"),
        ("a ? and : b", "unexpected `and`"),
        ("a + )", "unexpected `)`"),
        ("(" * 61 + "1" + ")" * 61, "nested too deeply"),
        (" + ".join("1" * 200), "nested too deeply"),
        ("a = b", "not a CEL operator"),
    ],
)
def test_what_is_no_expression_is_refused(source: str, message: str) -> None:
    """With the reason; nothing else is raised."""
    with pytest.raises(ExpressionError, match=message.replace("(", r"\(").replace(")", r"\)")):
        cel.parse(source)


def test_parts_of_every_node() -> None:
    """All nodes of an expression can be visited."""
    node = cel.parse("has(a.b) ? -c[d] : {e: [f.g(h)]}")
    names = []
    pending = [node]
    while pending:
        each = pending.pop(0)
        names += [each.name] if isinstance(each, cel.Name) else []
        pending += cel.parts(each)
    assert sorted(names) == list("acdefh")
