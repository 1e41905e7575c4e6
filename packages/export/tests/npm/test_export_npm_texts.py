"""Texts and values survive the way into JavaScript, whatever they hold: Node reads back what Python wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.export.npm.literals import comment, literal, property_name
from lev_os.export.npm.typescript import Types
from npm_support import execute

HOSTILE = [
    "", "*/ alert(1) /*", "</script><script>", "<!-- x -->", "`${process.exit(1)}`", "${a}", "\\u0041 \\", "'\"",
    "\r\n\r \n", "\ufeffx\ufeff", "\u2028\u2029", "\ud800", "x\udfff\ud83d", "\x00\x7f\x85", "😀 é 日本", "__proto__",
    "constructor", "//# sourceMappingURL=x", "\t\v\f\b",
]  # fmt: skip
texts = st.text(st.characters()) | st.sampled_from(HOSTILE) | st.lists(st.sampled_from(HOSTILE)).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
)  # fmt: skip

_ECHO = """
const units = (text) => Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
const show = (value) => typeof value === "string" ? units(value).join(" ")
  : Array.isArray(value) ? value.map(show)
  : value && typeof value === "object" ? Object.keys(value).map((key) => [show(key), show(value[key])])
  : Object.is(value, -0) ? "-0" : value;
"""


def units(value: Any) -> Any:
    """A value with every text as its UTF-16 units: all that JavaScript knows of one."""
    if isinstance(value, str):
        data = value.encode("utf-16-le", "surrogatepass")
        return " ".join(str(int.from_bytes(data[at : at + 2], "little")) for at in range(0, len(data), 2))
    if isinstance(value, list):
        return [units(item) for item in value]
    if isinstance(value, dict):
        return [[units(key), units(item)] for key, item in value.items()]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "-0" if str(value) == "-0.0" else float(value)
    return value


def sortable(value: Any) -> Any:
    """As Node lists an object: keys that are whole numbers first."""
    if isinstance(value, dict):
        numbers = sorted((key for key in value if is_index(key)), key=int)
        keys = [*numbers, *(key for key in value if key not in numbers)]
        return {key: sortable(value[key]) for key in keys}
    return [sortable(item) for item in value] if isinstance(value, list) else value


def is_index(key: str) -> bool:
    return key.isascii() and key.isdigit() and str(int(key)) == key and int(key) < 2**32 - 1


@pytest.mark.slow
@pytest.mark.node
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(values, min_size=20, max_size=60))
def test_every_value_is_read_back(node: str, tmp_path: Path, found: list[Any]) -> None:
    """As an ES module, as CommonJS, and inside a comment nothing ends the comment."""
    shown = [literal(value) for value in found]
    lines = [f"{comment(value) if isinstance(value, str) else ''}export const v{n} = {shown[n]};\n"
             for n, value in enumerate(found)]  # fmt: skip
    (tmp_path / "values.mjs").write_text("".join(lines), "utf-8")
    (tmp_path / "values.cjs").write_text("".join(f"exports.v{n} = {text};\n" for n, text in enumerate(shown)), "utf-8")
    (tmp_path / "echo.mjs").write_text(
        'import * as script from "./values.mjs";\nimport { createRequire } from "node:module";\n'
        + _ECHO
        + f'const common = createRequire(import.meta.url)("./values.cjs");\nconst all = [];\n'
        f"for (let n = 0; n < {len(found)}; n++) all.push([show(script['v' + n]), show(common['v' + n])]);\n"
        "console.log(JSON.stringify(all));\n"
    )
    done = execute([node, "echo.mjs"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout, parse_int=float) == [[units(sortable(value))] * 2 for value in found]


@pytest.mark.parametrize("text", HOSTILE)
def test_literals_are_plain_text(text: str) -> None:
    """One line of UTF-8 that ends no script and begins no comment of HTML."""
    said = literal(text)
    assert said.encode().decode() == said
    assert not set(said) & set("\n\r\u2028\u2029\ufeff")
    assert "</" not in said
    assert "<!" not in said


def test_names_of_properties() -> None:
    """What is no identifier is quoted; `__proto__` is a property and not the prototype."""
    assert [property_name(name) for name in ("a_$1", "class", "a-b", "1", "é")] == [
        "a_$1",
        "class",
        '"a-b"',
        '"1"',
        '"é"',
    ]
    assert literal({"__proto__": 1}) == '{["__proto__"]: 1}'


def test_comments() -> None:
    """One line that cannot be ended from within; nothing for nothing."""
    assert comment(" a\n*/ b ", "  ") == "  /** a *\\/ b */\n"
    assert comment(" \n") == ""


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        ({}, "unknown"),
        (True, "unknown"),
        ({"type": ["string", "null"]}, "string | null"),
        ({"enum": ["a", 1, None, True]}, '"a" | 1 | null | true'),
        ({"enum": [[1]]}, "unknown"),
        ({"const": "x"}, '"x"'),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, "number"),
        ({"anyOf": [{"type": "integer"}, {}]}, "unknown"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, '("a" | "b")[]'),
        ({"type": "array"}, "unknown[]"),
        ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]}, "[string, number]"),
        ({"type": "object"}, "{ [key: string]: unknown }"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "{ [key: string]: string }"),
        ({"type": "object", "additionalProperties": False}, "{ [key: string]: never }"),
        ({"allOf": [{"type": "string"}, {"enum": ["a", "b"]}]}, 'string & ("a" | "b")'),
        ({"properties": {"a-b": {"type": "string"}, "c": {"type": "integer"}}, "required": ["c"]},
         '{\n  "a-b"?: string;\n  c: number;\n}'),
        ({"properties": {"a": {"description": "*/", "type": "null"}}, "additionalProperties": True},
         "{\n  /** *\\/ */\n  a?: null;\n  [key: string]: unknown;\n}"),
        ({"$ref": "https://example.org/x"}, "unknown"),
        ({"$ref": "#/$defs/gone"}, "unknown"),
    ],
)  # fmt: skip
def test_types(schema: Any, type_: str) -> None:
    """The type of a schema's values."""
    assert Types().of(schema, "Input") == type_


def test_definitions_become_aliases() -> None:
    """Each once, one that holds itself too; one that is itself says nothing."""
    types = Types()
    schema = {
        "$defs": {
            "node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}},
            "json": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#/$defs/json"}}]},
            "loop": {"anyOf": [{"$ref": "#/$defs/again"}, {"type": "null"}]},
            "again": {"$ref": "#/$defs/loop"},
        },
        "type": "array",
        "prefixItems": [{"$ref": f"#/$defs/{name}"} for name in ("node", "node", "json", "loop")],
    }
    assert types.of(schema, "Input") == "[InputNode, InputNode, InputJson, unknown]"
    assert types.aliases == {
        "InputNode": "{\n  next?: InputNode;\n}",
        "InputJson": "string | InputJson[]",
    }
