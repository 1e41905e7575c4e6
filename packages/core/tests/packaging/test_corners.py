"""The corners of reading strangers' code and environments: vague where it must be, wrong nowhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lev_os.core import packaging
from lev_os.core.caches import cache_folder
from lev_os.core.errors import InvalidInput, LevError
from lev_os.core.packaging import Package, _index, card_of, discover, parse_manifest
from lev_os.core.packaging._files import path_fault

MakePackage = Callable[..., Package]
TOML = 'format = 1\n[exports]\n"./tools/*" = { python = "acme.tools:*" }\n'


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        ("Union[int, str]", {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        ("set[int]", {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}),
        ("tuple[int, ...]", {"type": "array", "items": {"type": "integer"}}),
        ("Annotated[int, 'How many.']", {"type": "integer", "description": "How many."}),
        ("Annotated[int, 5]", {"type": "integer"}),
        ("typing.List[str]", {"type": "array", "items": {"type": "string"}}),
        ("dict[str, Unknown]", {"type": "object"}),
        ("Mixed", {}),
        ("Numbers", {"enum": [1, 2]}),
        ("Loose", {"type": "object", "properties": {"a": {"type": "integer"}}}),
        ("Plain", {}),
        ("Alias", {"type": "array", "items": {"type": "string"}}),
        ("Self", {}),
        ("Literal[call()]", {}),
        ("Point", {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}),
        ("Queue[int]", {}),
        ("3", {}),
        ("'not python ('", {}),
        ("datetime.datetime", {"type": "string", "format": "date-time"}),
    ],
)
def test_annotations_of_the_syntax_tree(make_package: MakePackage, annotation: str, schema: dict[str, Any]) -> None:
    """Types of the same module and the standard ones; everything else accepts any value."""
    source = (
        "import dataclasses\nclass Mixed(Enum):\n    A = auto()\nclass Numbers(IntEnum):\n    A = 1\n    B = 2\n"
        "class Loose(TypedDict, total=False):\n    a: int\nclass Plain: ...\nAlias = list[str]\nSelf = Self\n"
        "@dataclasses.dataclass(frozen=True)\nclass Point:\n    x: float\n    kinds: ClassVar[int] = 1\n"
        f"    def area(self): ...\ndef f(a: {annotation}): ...\n"
    )
    card = make_package(TOML, {"tools.py": source}).card("./tools/f")
    assert card.input_schema["properties"]["a"] == schema


OPEN = {
    "class O(Far):\n    a: int": None,
    "class O(TypedDict):\n    a: int": False,
    "class O(Struct, frozen=True):\n    a: int": False,
    "class O(Struct, rename='camel'):\n    a: int": True,
    "class O(Struct, Generic[T]):\n    a: int": False,
    "@dataclass\nclass O:\n    a: int": False,
    "@dataclass\nclass O(Far):\n    a: int": True,
    "@dataclass\nclass O:\n    a: int\n@dataclass\nclass More(O):\n    b: int": True,
    "class O(BaseModel):\n    a: int\n    def of(self): ...": False,
    "class O(BaseModel, Far):\n    a: int": True,
    "class O(BaseModel):\n    model_config = ConfigDict(extra='forbid')\n    a: int": False,
    "class O(BaseModel):\n    model_config = ConfigDict(extra='allow')\n    a: int": True,
    "class O(BaseModel):\n    model_config = ConfigDict(**shared)\n    a: int": True,
    "class O(BaseModel):\n    model_config = {}\n    a: int": True,
    "class O(BaseModel):\n    a: int\n    class Config: ...": True,
    "class O(BaseModel):\n    a: int\n    @computed_field\n    @property\n    def b(self) -> int: ...": True,
}


@pytest.mark.parametrize("source", OPEN)
def test_a_class_with_more_than_is_seen_says_so(make_package: MakePackage, source: str) -> None:
    """Fields that may come from elsewhere, or be written under other names, leave the object open; None: not read."""
    card = make_package(TOML, {"tools.py": f"{source}\ndef f() -> O: ...\n"}).card("./tools/f")
    may_have_more = None if card.output_schema is None else card.output_schema.get("additionalProperties", False)
    assert may_have_more is OPEN[source]


def test_names_are_found_in_branches_and_unpackings(make_package: MakePackage) -> None:
    """`try`/`except`, `if`/`else`, tuples and annotated names define; a computed `__all__` does not count."""
    source = (
        "try:\n    def a(): ...\nexcept ImportError:\n    def b(): ...\nc, (d, _e) = 1, (2, 3)\nf: int = 1\ng: int\n"
        "__all__ = [name for name in ()]\n"
    )
    package = make_package(TOML, {"tools.py": source})
    assert [export.name for export in package.exports()] == ["lev.toml", "a", "b", "c", "d", "f"]


def test_a_definition_is_followed_only_inside_the_package(make_package: MakePackage) -> None:
    """A re-export from elsewhere, and imports in a circle, have no card."""
    files = {
        "tools/__init__.py": "from os import system\nfrom .a import loop\n__all__ = ['system', 'loop']\n",
        "tools/a.py": "from .b import loop\n",
        "tools/b.py": "from acme.tools.a import loop\n",
    }
    package = make_package(TOML, files)
    for name in ("system", "loop"):
        with pytest.raises(LevError, match="is no function"):
            package.card(f"./tools/{name}")


def test_source_that_python_cannot_read_is_an_error(make_package: MakePackage) -> None:
    """Nesting without end, and a module that is not there."""
    deep = make_package(TOML, {"tools.py": "x = " + "(" * 5000})
    assert [export.subpath for export in deep.exports()] == ["./lev.toml"]
    with pytest.raises(LevError):
        deep.card("./tools/x")
    missing = make_package(TOML.replace("acme.tools", "acme.nowhere"))
    with pytest.raises(LevError, match=r"has no module 'acme\.nowhere'"):
        missing.card("./tools/x")


def test_a_live_card_of_awkward_functions() -> None:
    """Hints that cannot be evaluated, awaitables, defaults that are no JSON, types without a schema."""

    class Opaque: ...

    async def wait(
        a: Missing,  # type: ignore[name-defined]  # noqa: F821
        b: Opaque = Opaque(),  # noqa: B008
        *more: int,
        **rest: int,
    ) -> None: ...

    card = card_of(wait)
    assert card.input_schema == {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a"]}


def test_a_pydantic_model_describes_itself() -> None:
    """Its schema is its own, definitions included."""
    from pydantic import BaseModel

    class Line(BaseModel):
        sku: str

    class Order(BaseModel):
        lines: list[Line]

    def close(order: Order) -> Order:
        return order

    close.__annotations__ = {"order": Order, "return": Order}
    card = card_of(close)
    assert card.input_schema["$defs"]["Line"]["properties"]["sku"]["type"] == "string"
    assert card.output_schema is not None
    assert "$defs" in card.output_schema


def test_what_a_pydantic_model_gives_is_told_as_it_is_written() -> None:
    """Computed fields, and names instead of aliases; what it takes goes by the aliases."""
    from pydantic import BaseModel, Field, computed_field

    class Order(BaseModel):
        number: int = Field(alias="orderNumber")

        @computed_field
        def shown(self) -> str:
            return f"#{self.number}"

    def close(order: Order) -> Order:
        return order

    close.__annotations__ = {"order": Order, "return": Order}
    card = card_of(close)
    assert card.output_schema is not None
    assert set(card.output_schema["properties"]) == set(Order(orderNumber=1).model_dump(mode="json"))
    assert set(card.input_schema["properties"]["order"]["properties"]) == {"orderNumber"}


def test_parameter_docs_end_with_their_section(make_package: MakePackage) -> None:
    """What follows `Args:` at another depth is no parameter."""
    source = 'def f(a, b):\n    """Do.\n\n    Args:\n        a: One.\n    Returns: two.\n        b: no.\n    """\n'
    properties = make_package(TOML, {"tools.py": source}).card("./tools/f").input_schema["properties"]
    assert properties == {"a": {"description": "One."}, "b": {}}


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [("win32", "LOCALAPPDATA", "/local/leviathan"), ("linux", "XDG_CACHE_HOME", "/local/leviathan")],
)
def test_the_cache_lies_where_the_platform_keeps_caches(
    monkeypatch: pytest.MonkeyPatch, platform: str, variable: str, expected: str
) -> None:
    """`LEV_CACHE_DIR` comes first, then the platform's own place; a relative one is no place."""
    monkeypatch.delenv("LEV_CACHE_DIR")
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, "/local")
    assert cache_folder() == expected
    monkeypatch.setenv(variable, "relative")
    assert cache_folder() is None
    assert _index.index_file(("x",)) is None
    monkeypatch.setattr(sys, "platform", "darwin")
    assert (cache_folder() or "").endswith("Library/Caches/leviathan")


def test_what_cannot_be_listed_is_a_warning_or_nothing(tmp_path: Path) -> None:
    """Files, zip archives and missing folders on the path are passed over; a broken pyproject is named."""
    (tmp_path / "stdlib.zip").write_bytes(b"PK")
    (tmp_path / "project").mkdir()
    (tmp_path / "project/pyproject.toml").write_text("[tool.uv.workspace\n")
    found = discover([str(tmp_path / "stdlib.zip"), str(tmp_path / "missing"), str(tmp_path / "project")])
    assert found.packages == ()
    assert all("pyproject.toml cannot be read" in warning for warning in found.warnings)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX")
def test_huge_metadata_is_not_read(tmp_path: Path) -> None:
    """An entry_points.txt of megabytes is nobody's."""
    info = tmp_path / "big-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_bytes(b"[lev_os.packages]\nx = x\n" * 100_000)
    assert discover([str(tmp_path)]).packages == ()


def test_a_namespace_project_is_searched_two_levels_deep(tmp_path: Path) -> None:
    """`src/big/house/lev.toml` is the package `big.house`, by project and by path."""
    root = tmp_path / "src/big/house"
    root.mkdir(parents=True)
    (root / "lev.toml").write_text('format = 1\nname = "big.house"\n')
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\nversion = 1\n")
    assert [package.name for package in discover([str(tmp_path)]).packages] == ["big.house"]
    assert packaging.load_package(tmp_path).name == "big.house"
    assert packaging.load_package(root).name == "big.house"
    assert packaging.find("big.house/x", within=packaging.load_package(root))[1] == "./x"


def test_deep_conditions_and_many_exports_are_bounded() -> None:
    """A manifest is small; one that is not is refused, not followed."""
    deep = "format = 1\n[exports]\n'./x' = " + "{ llm = " * 40 + "'./x'" + " }" * 40
    many = "format = 1\n[exports]\n" + "".join(f"'./{number}' = './x'\n" for number in range(5001))
    for text in (deep, many):
        with pytest.raises(InvalidInput, match="MAN11"):
            parse_manifest(text, name="acme")


@pytest.mark.parametrize("path", ["./com1.md", "./a/Nul", "./aux"])
def test_device_names_are_no_files(path: str) -> None:
    """Windows would open the device."""
    assert "device name" in (path_fault(path) or "")


def test_an_unknown_name_of_the_module_is_an_attribute_error() -> None:
    """The lazy module behaves as any other."""
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = packaging.nonsense
