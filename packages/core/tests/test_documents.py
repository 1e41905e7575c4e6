"""YAML with positions: what is read, what is refused, and where it says so."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.core.documents import Document, check, read_yaml
from lev_os.core.errors import InvalidInput, Location


def problems(text: str | bytes) -> list[str]:
    """Every problem of a document as `line:column CODE message`."""
    with pytest.raises(InvalidInput) as caught:
        read_yaml(text)
    return [f"{p.at.line}:{p.at.column} {p.code} {p.message}" for p in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("no", "no"), ("yes", "yes"), ("true", True), ("False", False), ("~", None), ("", None),
        ("null", None), ("017", 17), ("0o17", 15), ("0x1F", 31), ("1_000", "1_000"), ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"), ("1e3", 1000.0), (".5", 0.5), ("-1", -1), ("+1.", 1.0), ("- ", [None]),
        ("'1'", "1"), ("!!str 1", "1"), ("!!float 1", 1), ("<<: a", {"<<": "a"}), ("|\n  a\n  b", "a\nb"),
        ("\ufeffa: 1", {"a": 1}), ("{a: [1, {b: c}]}", {"a": [1, {"b": "c"}]}), ("--- 1\n...", 1),
    ],
)  # fmt: skip
def test_values_follow_yaml_1_2_core(text: str, value: object) -> None:
    """Words stay words; numbers, booleans and nulls are those of YAML 1.2's core schema."""
    assert read_yaml(text).data == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", "3:1 YML110 duplicate key `a`, first at line 1, column 1"),
        (b"a: b\nc: \xff", "2:4 YML103 byte 0xff is not valid UTF-8"),
        ("a: \x00", "1:4 YML103 NUL is not text"),
        ("a: \x07", "1:4 YML103 control character U+0007 is not text"),
        ("é: \u202ex", "1:4 YML104 hidden character U+202E: what is shown is not what is read"),
        ("a: x\U000e0041", "1:5 YML104 hidden character U+E0041: what is shown is not what is read"),
        ("a:\n\tb: 1", "2:1 YML101 a tab cannot indent YAML"),
        ("a: &x [*x]", "1:8 YML108 the alias `*x` contains itself"),
        ("a: *x", "1:4 YML108 the alias `*x` is not defined before"),
        ("---\na: 1\n---\nb: 2", "3:1 YML105 a second document begins here"),
        ("1: a", "1:1 YML111 a key must be text, not the number 1"),
        ("? [a]\n: b", "1:3 YML111 a key must be text, not a list or a mapping"),
        ("a: !!python/object x", "1:4 YML106 the tag `tag:yaml.org,2002:python/object` is not supported"),
        ("a: !mine {b: 1}", "1:4 YML106 the tag `!mine` is not supported"),
        ("a: !!int x", "1:4 YML106 `x` is not a int"),
        ("a: .inf", "1:4 YML112 `.inf` is not a JSON number"),
        ("a: 1e999", "1:4 YML112 the number `1e999` is too large"),
        ("a: 9223372036854775808", "1:4 YML112 the integer `9223372036854775808` does not fit in 64 bits"),
        ("[" * 101, "1:101 YML107 nested deeper than 100 levels"),
        ("a: b: c", "1:5 YML101 a second `: ` on this line, or wrong indentation"),
        ("a: @b", "1:4 YML101 a value cannot begin with `@`"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str | bytes, expected: str) -> None:
    """Each bad document names what is wrong, at its line and column."""
    assert expected in problems(text)


def test_every_problem_at_once() -> None:
    """One reading reports all that does not stop the parser."""
    assert len(problems("a: 1\na: 2\n3: x\nb: .nan\nc: !x y")) == 4


def test_unquoted_template_in_braces_gets_the_fix() -> None:
    """YAML cannot read `{a: ${b}}`; the help says to quote."""
    with pytest.raises(InvalidInput) as caught:
        read_yaml("a: {b: ${c}}")
    assert "quote this" in (caught.value.problems[0].help or "")


def test_an_alias_bomb_is_refused() -> None:
    """Thirty levels of four aliases would be 10^18 values: nobody lives to see them all."""
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 4)}]\n" for i in range(1, 30))
    assert "aliases grow this document beyond 100,000 values" in problems(bomb)[0]


def test_aliases_that_nest_too_deep_are_refused() -> None:
    """Depth counts what an alias brings along."""
    chain = "a0: &a0 []\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 110))
    assert "aliases grow this document beyond 100 levels" in problems(chain)[0]


def test_a_file_over_ten_megabytes_is_refused() -> None:
    """The size is checked before anything is read."""
    assert "YML102" in problems("a" * 10_000_001)[0]


def test_positions_of_keys_and_values() -> None:
    """Every key and value knows its place; what an alias brings stands at the alias."""
    document = read_yaml("a: &x\n  b: [1, two]\nc: *x\n", path="f.yaml")
    assert str(document.at(("a", "b", 1))) == "f.yaml:2:10"
    assert str(document.at(("a", "b"), key=True)) == "f.yaml:2:3"
    assert str(document.at(("c", "b", 0))) == "f.yaml:3:4"
    assert str(document.at(("nowhere",))) == "f.yaml:1:1"
    assert document.positions["a", "b", 0] == (2, 7)
    assert set(document.keys) == {("a",), ("a", "b"), ("c",)}
    assert len(document.positions) == 6


def test_a_document_made_by_hand_has_positions_too() -> None:
    """Other readers give plain dicts of places."""
    document = Document({"a": 1}, {("a",): (3, 4)}, {}, "x.toml")
    assert document.at(("a", "b")) == Location("x.toml", 3, 4)
    assert document.at(("z",)) == Location("x.toml")
    assert not document.unquoted(("a",))


_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "kind": {"enum": ["flow", "context"]},
        "version": {"const": 1},
        "size": {"anyOf": [{"type": "integer"}, {"enum": ["all"]}, {"const": "x"}]},
        "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
        "never": False,
        "count": {"minimum": 3},
        "map": {"propertyNames": {"maxLength": 2}},
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"step": {"properties": {"ask": {"type": "string"}}, "required": ["ask"], "additionalProperties": False}},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nam: x", "1:1 unknown key `nam`; did you mean `name`?"),
        ("nam: x", "1:1 missing key `name`; is `nam` meant to be `name`?"),
        ("name: 3", "1:7 `name` must be text, not the number 3; None"),
        ("name: x\nkind: flw", "2:7 `kind` must be one of `flow`, `context`, not the text 'flw'; did you mean `flow`?"),
        ("name: x\nversion: 2", "2:10 `version` must be 1, not the number 2; None"),
        ("name: x\nsize: []", "2:7 `size` must be a whole number or one of `all` or `x`, not a list; None"),
        ("name: x\nsteps:\n  - aks: y", "3:5 unknown key `aks`; did you mean `ask`?"),
        ("name: x\nsteps: [3]", None),
        ("name: x\nnever: 1", "2:1 `never` is not allowed here; None"),
        ("name: x\ncount: 1", "2:8 `count`: 1 is less than the minimum of 3; None"),
    ],
)
def test_check_names_place_and_nearest_key(text: str, expected: str | None) -> None:
    """A violation stands at the value or key it is about, with the key that was probably meant."""
    found = [f"{p.at.line}:{p.at.column} {p.message}; {p.help}" for p in check(read_yaml(text), _SCHEMA, code="X1")]
    assert (expected in found) if expected else not found


def test_check_of_a_part() -> None:
    """`at` checks a part, and its problems stand in the whole document."""
    found = check(read_yaml("a:\n  b: 1"), {"required": ["c"]}, code="X1", at=("a",))
    assert [(p.at.line, p.message) for p in found] == [(1, "missing key `c`")]


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn", "Co"], exclude_characters="\u2028\u2029")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc_-é", min_size=1).filter(lambda s: s != "-"), inner),
    max_leaves=20,
)  # fmt: skip


@given(_json)
@settings(max_examples=100, deadline=None)
def test_what_another_writer_writes_is_read(value: object) -> None:
    """JSON values survive a foreign YAML 1.2 writer (JSON itself) and our reader."""
    import json

    assert read_yaml(json.dumps(value, ensure_ascii=False)).data == value
    if isinstance(value, dict) and value and all(isinstance(item, str) for item in value.values()):
        assert read_yaml(yaml.safe_dump(value, allow_unicode=True, default_style="'")).data == value


@given(st.text(max_size=200) | st.text("abc: -[]{}&*!|>'\"%@`#\n\t,?~1", max_size=60) | st.binary(max_size=100))
@settings(max_examples=300, deadline=None)
def test_nothing_but_invalid_input_is_raised(text: str | bytes) -> None:
    """Any text is a document or a list of problems, each with its line and column."""
    try:
        document = read_yaml(text)
        places = [document.at(path) for path in document.positions]
    except InvalidInput as error:
        places = [problem.at for problem in error.problems]
    assert places
    assert all(place.line and place.column for place in places)
