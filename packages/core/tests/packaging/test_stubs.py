"""What `expose` gives has types: the stubs are valid Python, and a type checker refuses a wrong call."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.core import LevError, load_package
from lev_os.core.packaging import stubs_of, write_stub
from lev_os.core.packaging._type_text import TypeNames
from lev_os.core.packaging.stubs import HEAD

EXPOSE = "from lev_os.core import expose\n\n__getattr__, __dir__, __all__ = expose(__name__)\n"
MANIFEST = """
format = 1
[exports]
"./contexts/*" = { llm = "./contexts/*.md", python = "shop.contexts:*" }
"./flows/*" = { llm = "./flows/*.yaml", python = "shop.flows:*" }
"""
TRIAGE = """
flowmind: 1
name: triage
description: Sort a "message". \\
input:
  message: string
  priority: {enum: [low, high], default: low}
  orders: {items: {properties: {id: string, price: number}}, optional: true}
output:
  category: {enum: [refund, other]}
  orders: [{properties: {id: string, note: {type: [string, "null"], optional: true}}}]
steps:
  - return: {category: other, orders: []}
"""
PLAIN = "flowmind: 1\nname: plain\nsteps:\n  - set: {a: 1}\n"
ODD = """
flowmind: 1
name: odd
input: {lev: string, class_: string, async_: integer}
output_schema: {type: object, properties: {"a-b": {type: string}, class: {type: integer}}}
steps:
  - return: {"a-b": x}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A package with two contexts and three flows."""
    root = tmp_path / "shop"
    for folder in ("contexts", "flows"):
        (root / folder).mkdir(parents=True)
        (root / folder / "__init__.py").write_text(EXPOSE)
    (root / "__init__.py").touch()
    (root / "lev.toml").write_text(MANIFEST)
    (root / "contexts" / "refund-policy.md").write_text("Be kind.\n")
    (root / "contexts" / "tone.md").write_text("Be brief.\n")
    for name, text in (("triage", TRIAGE), ("plain", PLAIN), ("odd", ODD)):
        (root / "flows" / f"{name}.yaml").write_text(text)
    return root


def texts(root: Path) -> dict[str, str]:
    """The stubs of a package, by folder."""
    return {path.parent.name: stub.text for path, stub in stubs_of(load_package(root)).items()}


def test_contexts_and_flows(shop: Path) -> None:
    """Names as Python says them; parameters, defaults and results as the schemas say them."""
    stubs = texts(shop)
    assert "refund_policy: Context\ntone: Context\n" in stubs["contexts"]
    flows = stubs["flows"]
    assert "*, message: str, priority: Literal['low', 'high'] = ..., orders: list[TriageOrdersItem] = ...)" in flows
    assert "-> TriageOutput: ..." in flows
    assert "    category: Literal['refund', 'other']\n    orders: list[TriageOutputOrdersItem]\n" in flows
    assert "    note: NotRequired[str | None]" in flows
    assert (
        "class PlainFlow(Flow):\n    async def __call__(self, /, lev: Mapping[str, Any] | None = None) -> None" in flows
    )
    assert "*, class_: str, async_: int, **more: Any)" in flows
    assert "OddOutput = TypedDict('OddOutput', {'a-b': NotRequired[str], 'class': NotRequired[int]})" in flows
    assert all(ast.parse(text) for text in stubs.values())


GOOD = """
from lev_os.core import Context
from shop.contexts import refund_policy
from shop.flows import odd, plain, triage

async def main() -> None:
    result = await triage(message="x", priority="high", orders=[{"id": "1", "price": 2.0}])
    category: str = result["category"]
    notes = [order.get("note") for order in result["orders"]]
    await triage({"model": "test"}, message="x")
    await plain()
    (await odd(class_="x", async_=1))["a-b"] = "y"
    text: str = refund_policy.text
    print(category, notes, text, triage.name, triage.to_yaml())
"""
BAD = """
from shop.contexts import refund_polcy
from shop.flows import triage

async def main() -> None:
    await triage()
    await triage(message=5)
    await triage(message="x", priority="urgent")
    await triage(message="x", orders=[{"id": "1"}])
    (await triage(message="x"))["kategory"]
    await triage(mesage="x")
"""


@pytest.mark.slow
def test_a_type_checker_believes_the_stubs(shop: Path, tmp_path: Path) -> None:
    """`mypy --strict` passes the good calls and refuses each bad line."""
    for path, stub in stubs_of(load_package(shop)).items():
        write_stub(path, stub.text)
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text(BAD)
    source = Path(__file__).resolve().parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--namespace-packages", "--explicit-package-bases",
         "--no-error-summary", "--cache-dir", str(tmp_path / "cache"), "good.py", "bad.py", "shop"],
        cwd=tmp_path, env={**os.environ, "MYPYPATH": f"{tmp_path}:{source}"}, capture_output=True, text=True,
    )  # fmt: skip
    found = [line for line in done.stdout.splitlines() if "error:" in line]
    assert [line for line in found if not line.startswith("bad.py")] == [], done.stdout + done.stderr
    assert {int(line.split(":")[1]) for line in found} == {2, 6, 7, 8, 9, 10, 11}


TOOLS = """
"./tools/give-back" = { python = "shop.paying:refund" }
"./tools/weigh" = { python = "shop.tools:weigh" }
"./tools/class" = { python = "shop.paying:refund" }
"""


@pytest.mark.parametrize(
    ("line", "stub"),
    [
        ("from __future__ import annotations", True),
        ("from typing import TYPE_CHECKING", True),
        ("from shop.paying import refund", False),
    ],
)
def test_what_a_module_needs_itself_is_no_name_of_its_own(shop: Path, line: str, stub: bool) -> None:
    """What stands there is nothing that the stub would hide."""
    (shop / "contexts" / "__init__.py").write_text(f"{line}\n{EXPOSE}")
    assert (shop / "contexts" / "__init__.pyi" in stubs_of(load_package(shop))) is stub


def test_tools_by_the_names_they_are_exported_under(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the package's `tools`, whatever module they are defined in: the functions themselves, so with their types."""
    (shop / "lev.toml").write_text(MANIFEST + TOOLS)
    (shop / "paying.py").write_text("def refund(order: str, cents: int) -> bool:\n    return cents > 0\n")
    (shop / "tools.py").write_text(EXPOSE)
    stubs = {path.name: stub.text for path, stub in stubs_of(load_package(shop)).items()}
    assert stubs["tools.pyi"].endswith(
        '\nfrom shop.paying import refund as give_back\n\n__all__ = [\n    "give_back",\n]\n'
    )
    monkeypatch.syspath_prepend(shop.parent)
    name = f"shop_{shop.parent.name}"  # another name than the other tests' package
    shop.rename(shop.parent / name)
    for file in (shop.parent / name / "lev.toml",):
        file.write_text(file.read_text().replace("shop.", f"{name}."))
    tools = importlib.import_module(f"{name}.tools")
    assert list(tools.__all__) == ["class", "give_back"]
    assert tools.give_back("A-1", cents=5) is True
    assert tools.give_back is importlib.import_module(f"{name}.paying").refund


def test_a_module_with_names_of_its_own_has_no_stub(shop: Path) -> None:
    """Type checkers would see nothing of it but the stub; nor has one that is not Python."""
    for more in ("def other() -> None: ...\n", "def\n"):
        (shop / "flows" / "__init__.py").write_text(f"{EXPOSE}\n\n{more}")
        assert list(texts(shop)) == ["contexts"]


def test_only_what_expose_gives(shop: Path) -> None:
    """A module that does not call `expose`, or belongs to another package, has its own types."""
    (shop / "flows" / "__init__.py").write_text("async def triage() -> None: ...\n")
    (shop / "lev.toml").write_text(MANIFEST.replace("shop.contexts:", "other.contexts:"))
    assert texts(shop) == {}


def test_a_broken_flow_is_any(shop: Path) -> None:
    """The others keep their types, and the stub says that it is not complete."""
    (shop / "flows" / "triage.yaml").write_text("flowmind: 1\nsteps: 5\n")
    [stub] = [stub for path, stub in stubs_of(load_package(shop)).items() if path.parent.name == "flows"]
    assert not stub.complete
    assert "\ntriage: Any\n" in stub.text
    assert "class PlainFlow(Flow)" in stub.text


def test_a_stub_is_written_once_and_never_over_another(shop: Path) -> None:
    """The same text is not written again; a file of somebody else stays."""
    path = shop / "flows" / "__init__.pyi"
    assert write_stub(path, HEAD + "\nx: int\n")
    assert not write_stub(path, HEAD + "\nx: int\n")
    path.write_text("mine: int\n")
    with pytest.raises(LevError, match="stays as it is"):
        write_stub(path, HEAD + "\n")
    assert path.read_text() == "mine: int\n"
    assert [file.name for file in path.parent.iterdir() if file.suffix == ".pyi"] == ["__init__.pyi"]


_NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}


def test_a_stub_that_cannot_be_written(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one stays, and nothing else is left."""
    path = shop / "flows" / "__init__.pyi"
    write_stub(path, HEAD + "\n")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_stub(path, HEAD + "\nx: int\n")
    assert path.read_text() == HEAD + "\n"
    assert [file.name for file in path.parent.glob("*.pyi")] == ["__init__.pyi"]


def test_a_module_that_is_one_file(shop: Path) -> None:
    """`shop/notes.py` gets `shop/notes.pyi`; a module that is not there gets none."""
    (shop / "notes.py").write_text(EXPOSE)
    (shop / "lev.toml").write_text(
        'format = 1\n[exports]\n"./contexts/*" = { llm = "./contexts/*.md", python = "shop.notes:*" }\n'
        '"./flows/*" = { llm = "./flows/*.yaml", python = "shop.gone:*" }\n'
    )
    [(path, stub)] = stubs_of(load_package(shop)).items()
    assert path == shop / "notes.pyi"
    assert "tone: Context" in stub.text


def test_a_flow_without_an_output_that_returns(shop: Path) -> None:
    """Anything may come; a description cannot end its quotes."""
    text = 'flowmind: 1\nname: plain\ndescription: \'say """x""" "now"\'\nsteps: [{return: 1}]\n'
    (shop / "flows" / "plain.yaml").write_text(text)
    flows = texts(shop)["flows"]
    assert "lev: Mapping[str, Any] | None = None) -> Any: ..." in flows
    assert ast.parse(flows)


RECURSIVE = {
    "$defs": {"node": _NODE, "loop": {"$ref": "#/$defs/loop"}},
    "type": "object",
    "properties": {"node": {"$ref": "#/$defs/node"}, "loop": {"$ref": "#/$defs/loop"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "integer"}, "int"),
        ({"type": ["string", "null"]}, "str | None"),
        ({"anyOf": [{"type": "number"}, {"type": "boolean"}]}, "float | bool"),
        ({"anyOf": [{"type": "number"}, {}]}, "Any"),
        ({"const": 1}, "Literal[1]"),
        ({"enum": [1.5]}, "Any"),
        ({"enum": []}, "Any"),
        ({"enum": ["'\n"]}, 'Literal["\'\\n"]'),
        ({"type": "array"}, "list[Any]"),
        ({"type": "object"}, "dict[str, Any]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "dict[str, int]"),
        ({"$ref": "#/$defs/gone"}, "Any"),
        ({"$ref": 5}, "Any"),
        ({"type": "strange"}, "Any"),
        (True, "Any"),
        (RECURSIVE, "X"),
    ],
)
def test_types_of_schemas(schema: Any, said: str) -> None:
    """What a schema does not say is `Any`; what refers to itself has a name."""
    assert TypeNames(set()).of(schema, "X") == said


_NAMES = st.one_of(
    st.text(max_size=6), st.sampled_from(["class", "lev", "X", "Any", "__a", "self", "X2", "'", "\\", "\n"])
)
_SCHEMAS = st.recursive(
    st.sampled_from([{}, {"type": "string"}, {"enum": ["a'\"", None]}, {"$ref": "#/$defs/x"}, True, None, 5]),
    lambda inner: st.one_of(
        st.dictionaries(_NAMES, inner, max_size=3).map(lambda fields: {"type": "object", "properties": fields}),
        inner.map(lambda item: {"type": "array", "items": item}),
        st.lists(inner, max_size=3).map(lambda options: {"anyOf": options}),
    ),
    max_leaves=8,
)


@given(st.dictionaries(_NAMES, _SCHEMAS, max_size=3), _NAMES)
@settings(max_examples=200, deadline=None)
def test_any_schema_gives_python(fields: dict[str, Any], name: str) -> None:
    """Whatever fields are called and hold: a stub that Python can read, where nothing is defined twice."""
    names = TypeNames({"taken"})
    said = names.of({"$defs": {"x": {"type": "object", "properties": fields}}, "properties": fields}, "X")
    tree = ast.parse("\n".join([*names.classes.values(), f"x: {said}"]))
    defined = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    assert len(defined) == len(set(defined))
