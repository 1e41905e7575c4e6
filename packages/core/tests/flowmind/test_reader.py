"""Parts of a flow that are not what they should be, each told once and at its place; and the engine's way in."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from lev_os.core import InvalidInput, ToolContext
from lev_os.core.flowmind import Flow, _cel_engine
from lev_os.core.flowmind.parse import MAX_BYTES
from lev_os.core.formats import FORMATS, schema
from lev_os.core.schemas import Schema


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("steps:\n  - if: 3\n    then: []\n", ["4:9 FLW101 "]),
        ("steps:\n  - ask: 3\n", ["4:10 FLW101 "]),
        ('steps:\n  - ask: "a ${1 +} b"\n', ["4:18 FLW301 "]),
        ("steps:\n  - ask: hi\n    timeout: [1]\n", ["5:14 FLW106 a duration is a number with a unit, not a list"]),
        (
            "input: {a: string}\ninput_schema: {type: object}\nsteps:\n  - ask: hi\n",
            ["4:1 FLW302 both `input` and `input_schema` are given"],
        ),
        ("input: {a: strnig}\nsteps:\n  - ask: hi\n", ["3:12 FLW302 unknown type `strnig`"]),
        (
            "input: {a: {type: integer, default: x}}\nsteps:\n  - ask: hi\n",
            ["3:37 FLW302 the default does not fit: /: must be a whole number, not the text 'x'"],
        ),
        ("input_schema: {type: nothing}\nsteps:\n  - ask: hi\n", ["3:15 FLW302 not a usable JSON Schema"]),
        (
            "input_schema: {type: array, items: {type: string}}\nsteps:\n  - ask: hi\n",
            ["3:22 FLW302 the input of a flow is an object with named fields, and this is of type `array`"],
        ),
        (
            "input_schema: {type: [string, 'null']}\nsteps:\n  - ask: hi\n",
            ["3:22 FLW302 the input of a flow is an object with named fields, and this is of type `string` or `null`"],
        ),
        ("input: {a-b: string, 1x: string}\nsteps:\n  - ask: hi\n", ["3:9 FLW203 ", "3:22 FLW203 "]),
        (
            'output: {a: string, b: string}\nsteps:\n  - return: {a: "x", c: 1}\n',
            ["5:5 FLW303 this `return` does not give `b`", "5:5 FLW303 this `return` gives unknown `c`"],
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_place(body: str, expected: list[str]) -> None:
    """And nothing else is."""
    with pytest.raises(InvalidInput) as caught:
        Flow.parse("flowmind: 1\nname: x\n" + body)
    found = [f"{p.at.line}:{p.at.column} {p.code} {p.message}" for p in caught.value.problems]
    assert len(found) == len(expected), found
    for text, beginning in zip(found, expected, strict=True):
        assert text.startswith(beginning), found


def test_braces_around_an_expression_that_holds_others() -> None:
    """Two templates where one expression belongs are no CEL."""
    with pytest.raises(InvalidInput, match="FLW301"):
        Flow.parse('flowmind: 1\nname: x\nsteps:\n  - if: "${true} && ${false}"\n    then: []\n')


def test_output_schemas_that_are_true_or_false() -> None:
    """`true` takes every output, `false` none."""
    for word, fits in (("true", True), ("false", False)):
        tree = Flow.parse(f"flowmind: 1\nname: x\noutput_schema: {word}\nsteps:\n  - return: 1\n").tree
        assert (not Schema.of(tree.output_schema or {}).problems(1)) is fits


def test_a_flow_that_is_too_large() -> None:
    """Refused before it is read."""
    with pytest.raises(InvalidInput, match=r"FLW112 the flow has 1,000,001 bytes; the limit is 1,000,000"):
        Flow.parse("#" * (MAX_BYTES + 1))


def test_the_engine_is_loaded_through_its_package_where_it_is_laid_out_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a native module beside the package's code, the package itself is imported."""
    found = importlib.util.find_spec("cel")
    assert found is not None
    found.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(_cel_engine.importlib.util, "find_spec", lambda name: found)
    monkeypatch.setattr(_cel_engine.importlib, "import_module", lambda name: f"the package {name}")
    assert _cel_engine.engine.__wrapped__() == "the package cel"


def test_formats_have_schemas() -> None:
    """Each of them, and no other name."""
    for name in FORMATS:
        assert Schema.of(schema(name)).problems(3)
    with pytest.raises(KeyError):
        schema("recipe")


def test_a_tool_without_secrets() -> None:
    """Asking for one tells how secrets are given."""
    context: ToolContext[None] = ToolContext(deps=None, run="r", idempotency_key="k")
    with pytest.raises(KeyError, match="pass secrets="):
        context.secret("KEY")
