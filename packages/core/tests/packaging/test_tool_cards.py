"""Tool cards: read from the syntax tree, the same as from the live function wherever both can tell."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.core.canonical import digest_bytes
from lev_os.core.errors import InvalidInput, LevError
from lev_os.core.packaging import TOOLS_FILE, Package, card_of, tools_file
from lev_os.core.tools import ToolCard

MakePackage = Callable[..., Package]
TOML = 'format = 1\n[exports]\n"./tools/*" = { python = "acme.tools:*" }\n'
SOURCE = '''\
from __future__ import annotations
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, NotRequired, Optional, TypedDict
from lev_os.core import tool, ToolContext

class Color(Enum):
    RED = "red"
    BLUE = "blue"

@dataclass
class Order:
    id: str
    lines: list[Line]
    parent: Order | None = None

class Line(TypedDict):
    sku: str
    count: NotRequired[int]

@tool(effects={"reads_private"}, idempotent=True, secrets={"CRM_TOKEN"})
async def find_order(
    ctx: ToolContext[Any],
    order_id: str,
    limit: int = 10,
    score: float | None = None,
    colors: Optional[list[Color]] = None,
    kind: Literal["a", "b"] = "a",
    *,
    flags: dict[str, bool],
    pair: tuple[int, str] = (1, "x"),
) -> Order:
    """Find one order
    by its number.

    More that no model needs.

    Args:
        order_id: The order's number,
            as printed.
        limit (int): At most so many.
    """

def plain(text, *rest, other: Unknown = object(), **more):
    """:param text: What to say."""

@tool(effects=set())
def pure(n: "int") -> None: ...
'''


@pytest.fixture
def acme(make_package: MakePackage) -> Package:
    return make_package(TOML, {"tools.py": SOURCE})


def test_a_card_is_read_without_importing(acme: Package) -> None:
    """Signature, simple annotations, defaults, the first paragraph, parameter docs; `ctx` is left out."""
    card = acme.card("./tools/find_order")
    assert (card.name, card.specifier) == ("find_order", "acme/tools/find_order")
    assert card.description == "Find one order by its number."
    line = {
        "type": "object",
        "properties": {"sku": {"type": "string"}, "count": {"type": "integer"}},
        "required": ["sku"],
    }
    assert card.input_schema == {
        "type": "object",
        "properties": {
            "order_id": {"type": "string", "description": "The order's number, as printed."},
            "limit": {"type": "integer", "default": 10, "description": "At most so many."},
            "score": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
            "colors": {
                "anyOf": [{"type": "array", "items": {"enum": ["red", "blue"]}}, {"type": "null"}],
                "default": None,
            },
            "kind": {"enum": ["a", "b"], "default": "a"},
            "flags": {"type": "object", "additionalProperties": {"type": "boolean"}},
            "pair": {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
                "default": (1, "x"),
            },
        },
        "required": ["order_id", "flags"],
        "additionalProperties": False,
    }
    assert card.output_schema == {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "lines": {"type": "array", "items": line},
            "parent": {"anyOf": [{"type": "object"}, {"type": "null"}]},
        },
        "required": ["id", "lines"],
    }
    assert card.declaration.effects == {"reads_private"}
    assert (card.declaration.idempotent, card.declaration.secrets) == (True, {"CRM_TOKEN"})


def test_what_cannot_be_told_accepts_everything(acme: Package) -> None:
    """An unknown annotation is the empty schema; undeclared effects stay undeclared, declared-empty stays empty."""
    card = acme.card("./tools/plain")
    assert card.input_schema == {
        "type": "object",
        "properties": {"text": {"description": "What to say."}, "other": {}},
        "required": ["text"],
    }
    assert (card.description, card.declaration.effects) == ("", None)
    pure = acme.card("./tools/pure")
    assert pure.declaration.effects == frozenset()
    assert pure.input_schema["properties"] == {"n": {"type": "integer"}}
    assert pure.output_schema == {"type": "null"}


def test_a_digest_names_the_whole_card(make_package: MakePackage) -> None:
    """Equal sources, equal digests; another default, another digest."""
    one = make_package(TOML, {"tools.py": "def f(a: int = 1): ..."}).card("./tools/f")
    same = make_package(TOML, {"tools.py": "def f(a:  int=1): ...\n"}).card("./tools/f")
    other = make_package(TOML, {"tools.py": "def f(a: int = 2): ..."}).card("./tools/f")
    assert one.digest == same.digest != other.digest


@pytest.mark.parametrize(
    ("decorator", "message"),
    [
        ("@tool(effects=EFFECTS)", "2:15 MAN402 `effects=EFFECTS` is not a literal"),
        ("@tool(effects={'reads_privat'})", "2:15 MAN402 unknown effect 'reads_privat'; did you mean 'reads_private'?"),
        ("@tool(effects='reads_private')", "2:15 MAN402 `effects` is a set of names"),
        ("@tool(idempotent=1)", "2:18 MAN402 `idempotent` is True or False"),
        ("@tool(isolate='vm')", "2:15 MAN402 `isolate` is 'thread' or 'process'"),
        ("@tool(colour=1)", "2:14 MAN402 @tool has no argument `colour`"),
        ("@tool(**more)", "2:9 MAN402 @tool takes literals"),
        ("@tool({'reads_private'})", "2:7 MAN402 @tool takes keyword arguments only"),
        ("@tool(secrets={1})", "2:15 MAN402 `secrets` is a set of names"),
    ],
)
def test_a_declaration_is_made_of_literals(make_package: MakePackage, decorator: str, message: str) -> None:
    """It is read without importing, so anything else is an error at its place, not a guess."""
    package = make_package(TOML, {"tools.py": f"from lev_os.core import tool\n{decorator}\ndef f(): ...\n"})
    with pytest.raises(InvalidInput) as caught:
        package.card("./tools/f")
    assert f"tools.py:{message}" in str(caught.value)


def test_what_is_no_function_has_no_card(acme: Package) -> None:
    """A class is exported to Python, but it is no tool."""
    with pytest.raises(LevError, match="is no function"):
        acme.card("./tools/Color")


def test_exact_schemas_from_the_build_are_preferred_while_fresh(make_package: MakePackage) -> None:
    """`tools.json` counts while the source it was made from is unchanged; a broken one is an error."""
    source = "def f(a): 'Old.'\n"
    built = {
        "format": 1,
        "tools": {
            "./tools/f": {
                "source_digest": digest_bytes(source.encode()),
                "description": "Exact.",
                "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}},
            }
        },
    }
    files = {"tools.py": source, "tools.json": msgspec.json.encode(built)}
    assert make_package(TOML, files).card("./tools/f").description == "Exact."
    stale = make_package(TOML, {**files, "tools.py": source + "# edited\n"})
    assert stale.card("./tools/f").description == "Old."
    with pytest.raises(InvalidInput, match=r"tools\.json MAN401"):
        make_package(TOML, {**files, "tools.json": "{}"}).card("./tools/f")
    with pytest.raises(InvalidInput, match=r"tools\.json MAN401"):
        make_package(TOML, {**files, "tools.json": b'{"format": "\xff"}'}).card("./tools/f")


def test_what_a_build_writes_is_read_back(make_package: MakePackage) -> None:
    """`tools_file` of a card gives that card again; its specifier and digest are made anew."""
    package = make_package(TOML, {"tools.py": "def f(a): 'Old.'\n"})
    exact = ToolCard(specifier="", name="f", description="Exact.", input_schema={"type": "object", "maxProperties": 1})
    (package.root / TOOLS_FILE).write_bytes(tools_file(package, {"./tools/f": exact}))
    card = package.card("./tools/f")
    assert (card.description, card.input_schema, card.output_schema) == ("Exact.", exact.input_schema, None)


def test_the_live_function_gives_the_same_card(make_package: MakePackage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, description, required arguments and declaration agree; both schemas accept and refuse the same calls."""
    toml = TOML.replace("acme", "live_acme")
    package = make_package(toml, {"__init__.py": "", "tools.py": SOURCE}, name="live_acme")
    monkeypatch.syspath_prepend(package.root.parent)
    read = package.card("./tools/find_order")
    live = card_of(importlib.import_module("live_acme.tools").find_order, specifier="live_acme/tools/find_order")
    assert (live.name, live.description, live.declaration) == (read.name, read.description, read.declaration)
    assert live.input_schema["required"] == read.input_schema["required"]
    good: dict[str, Any] = {"order_id": "1", "flags": {"x": True}, "colors": ["red"], "kind": "b", "score": 1.5}
    bad = [{}, {**good, "order_id": 1}, {**good, "kind": "c"}, {**good, "more": 1}, {**good, "colors": ["green"]}]
    for card in (read, live):
        schema = jsonschema_rs.validator_for(dict(card.input_schema))
        assert schema.is_valid(good)
        assert not any(schema.is_valid(call) for call in bad)


def test_a_plain_callable_has_a_card() -> None:
    """No decorator, no hints: undeclared effects and a schema that accepts anything."""

    def echo(value, times: int = 2):  # type: ignore[no-untyped-def]
        """Say it again."""

    card = card_of(echo)
    assert isinstance(card, ToolCard)
    assert (card.specifier, card.description, card.declaration.effects) == ("echo", "Say it again.", None)
    assert card.input_schema["properties"] == {"value": {}, "times": {"type": "integer", "default": 2}}


_annotations = st.recursive(
    st.sampled_from(
        ["int", "str", "None", "X", "Color", "'int'", "'('", "x.y", "3", "...", "Literal['a', 1]", "Literal[f()]"]
    ),
    lambda inner: st.one_of(
        st.builds("list[{}]".format, inner),
        st.builds("dict[str, {}]".format, inner),
        st.builds("{} | {}".format, inner, inner),
        st.builds("tuple[{}, {}]".format, inner, inner),
        st.builds("Optional[{}]".format, inner),
        st.builds("Annotated[{}, 'said']".format, inner),
    ),
    max_leaves=8,
)


@given(_annotations)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_annotation_gives_a_valid_schema(make_package: MakePackage, annotation: str) -> None:
    """Whatever stands there, the schema is one that a validator accepts."""
    source = f"class Color(Enum):\n    A = 'a'\nX = list[X]\ndef f(a: {annotation}): ...\n"
    card = make_package(TOML, {"tools.py": source}).card("./tools/f")
    jsonschema_rs.validator_for(dict(card.input_schema))
