"""What documents name is looked up in packages that are only read: small ones, made here."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

import pytest
from lev_os.check.api.library import Library
from lev_os.check.drift.documents import drifts_in
from lev_os.check.drift.follow import Drift
from lev_os.check.drift.looked_up import source_folders
from lev_os.check.drift.mentions import mentions
from lev_os.check.files import File
from lev_os.check.project import Project

DATACLASS = "@dataclasses.dataclass(frozen=True)"
OVERLOAD = "from typing import overload\n@overload\n"
CLIENT = """
    from dataclasses import dataclass

    class Events:
        def stream(self, *, after: int = 0) -> "Events": ...

    class Client:
        events: Events

        def __init__(self, url, timeout=1.0):
            self.url = url
            self.session: Events | None = None

        @property
        def first(self) -> Events: ...

        async def load(self) -> Events: ...

        def __enter__(self) -> "Client": ...

        @classmethod
        def local(cls) -> "Client": ...
"""


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Summaries go to a folder of this test."""
    monkeypatch.setenv("LEV_CACHE_DIR", str(tmp_path / "cache"))


def look(folder: Path, text: str, packages: dict[str, str]) -> list[Drift]:
    """What a document names that is not in the environment, with these files in it."""
    site = folder / "site-packages"
    for name, source in packages.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source), encoding="utf-8")
    file = File(folder / "docs" / "AGENTS.md", "AGENTS.md", "instructions", text)
    own = source_folders(Project(folder / "docs", (file,)))
    library = Library(own, (str(site),))
    found, _ = drifts_in(file, mentions.extract(file), library.calls)
    library.index.store.save()
    return found


def drifts(folder: Path, code: str, packages: dict[str, str]) -> list[str]:
    """What a fence of Python names that is not there."""
    found = look(folder, f"```python\n{dedent(code)}```\n", packages)
    return [drift.name for drift in found if drift.what not in ("absent", "deprecated")]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("client.events.stream()", []),
        ("client.stream_events()", ["stream_events"]),
        ("client.events.streem()", ["streem"]),
        ("client.url", []),
        ("client.session.nope", ["nope"]),
        ("client.first.stream().stream().nope", ["nope"]),
        ("(await client.load()).nope", ["nope"]),
        ("client.load().nope", []),
        ("Client.local().nope", ["nope"]),
        ("with client as c:\n    c.nope", ["nope"]),
        ("Client('x', time_out=3)", ["time_out"]),
        ("client.events.stream(before=3)", ["before"]),
        ("client.timeout = 3", []),
        ("client.__class__.__name__", []),
        ("[client.nope for client in things]", []),
        ("client.events.nope if client.url else client.events.stream()", ["nope"]),
        ("f'{client.nope}'", ["nope"]),
        ("print(client.nope, end='')", ["nope"]),
    ],
)
def test_an_instance_is_followed(tmp_path: Path, line: str, wrong: list[str]) -> None:
    """Attributes, properties, results of methods, `await` and `with` keep their types."""
    code = f"from acme import Client\nclient = Client('x')\n{line}\n"
    assert drifts(tmp_path, code, {"acme/__init__.py": CLIENT}) == wrong


@pytest.mark.parametrize(
    ("package", "line", "wrong"),
    [
        ("def __getattr__(name): ...", "acme.nope", []),
        ("__getattr__ = lazy()", "acme.nope", []),
        ("globals().update(more())", "acme.nope", []),
        ("from missing_package import *", "acme.nope", []),
        ("import os", "acme.os.path", []),
        ("from .other import a as b", "acme.b; acme.a", ["a"]),
        ("try:\n    import fast\nexcept ImportError:\n    fast = None", "acme.fast.x", []),
        ("if True:\n    x = 1\nelse:\n    y = 2", "acme.x; acme.y", []),
        ("x: int = 1", "acme.y", ["y"]),
        ("__all__ = ['z']", "acme.z", []),
        ("def f(**options): ...", "acme.f(any=1)", []),
        ("def f(a, /, b, *, c): ...", "acme.f(1, b=2, c=3); acme.f(a=1)", ["a"]),
        ("@decorate\ndef f(a): ...", "acme.f(b=1)", []),
        ("from functools import cache\n@cache\ndef f(a): ...", "acme.f(b=1)", ["b"]),
        ("class C:\n    def __getattr__(self, name): ...", "acme.C().nope", []),
        ("from other import Base\nclass C(Base): ...", "acme.C().nope; acme.C(a=1)", []),
        ("@decorate\nclass C: ...", "acme.C().nope", []),
        ("class C:\n    def __init__(self):\n        setattr(self, name(), 1)", "acme.C().nope", []),
        (
            "class C:\n    def __init__(self):\n        for n in ('a', 'b'):\n            setattr(self, n, 1)",
            "acme.C().a; acme.C().c",
            ["c"],
        ),
        ("class E(Exception): ...", "acme.E().args; acme.E().nope", ["nope"]),
        ("import enum\nclass E(enum.Enum):\n    A = 1", "acme.E.A.value; acme.E.B; acme.E('x').name", ["B"]),
        ("from typing import NamedTuple as N\nclass T(N):\n    a: int", "acme.T(a=1)._asdict(); acme.T(b=1)", ["b"]),
        ("from typing import TypedDict\nclass T(TypedDict):\n    a: int", "acme.T(a=1).items(); acme.T(b=1)", ["b"]),
        (
            f"import dataclasses\n{DATACLASS}\nclass A:\n    a: int\n{DATACLASS}\nclass B(A):\n    b: int = 0",
            "acme.B(a=1, b=2).a; acme.B(c=1)",
            ["c"],
        ),
        ("class C: ...", "acme.C.nope; acme.C(a=1)", ["nope", "a"]),
        (f"{OVERLOAD}def f(a): ...\n@overload\ndef f(b): ...\ndef f(a, b): ...", "acme.f(b=1); acme.f(c=1)", ["c"]),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_left_alone(tmp_path: Path, package: str, line: str, wrong: list[str]) -> None:
    """Dynamic names, unknown bases, decorators and keywords make no finding; plain ones do."""
    assert drifts(tmp_path, f"import acme\n{line}\n", {"acme/__init__.py": package, "acme/other.py": "a = 1"}) == wrong


def test_a_lazy_module_with_a_literal_table(tmp_path: Path) -> None:
    """PEP 562: the names of the table exist, others do not."""
    package = """
        _HOMES = {"Client": "client"}

        def __getattr__(name):
            if name not in _HOMES:
                raise AttributeError(name)
            from importlib import import_module
            return getattr(import_module("acme." + _HOMES[name]), name)
    """
    assert drifts(tmp_path, "from acme import Client, Clint\n", {"acme/__init__.py": package}) == ["Clint"]


def test_stubs_say_what_compiled_modules_have(tmp_path: Path) -> None:
    """A `.pyi` beside a compiled module is its source; without one nothing is said of it."""
    packages = {
        "fast/__init__.py": "from ._fast import Engine",
        "fast/_fast.pyi": "class Engine:\n    def run(self) -> None: ...\n",
        "fast/_fast.cpython-311.so": "",
        "bare.cpython-311.so": "",
    }
    code = "from fast import Engine\nimport bare\nEngine().run()\nEngine().nope()\nbare.anything\n"
    assert drifts(tmp_path, code, packages) == ["nope"]


def test_a_stub_that_leaves_names_out(tmp_path: Path) -> None:
    """What the source beside a stub has is there, though the stub does not say so."""
    packages = {"acme.pyi": "a: int", "acme.py": "a = 1\nb = 2\n"}
    assert drifts(tmp_path, "import acme\nacme.a, acme.b, acme.c\n", packages) == ["c"]


def test_namespace_packages_and_submodules(tmp_path: Path) -> None:
    """Portions without `__init__.py` are packages, and may be less than all of one; a submodule counts as a name."""
    packages = {"corp/one/__init__.py": "x = 1", "corp/two.py": "from corp.one import x"}
    code = "import corp.one\nfrom corp.two import x\nfrom corp import one, four\nfrom corp.three import y\ncorp.one.z\n"
    assert drifts(tmp_path, code, packages) == ["z"]


def test_editable_installs(tmp_path: Path) -> None:
    """A `.pth` file and setuptools' finder lead to the source."""
    for name in ("one", "two"):
        (tmp_path / name / "src" / name).mkdir(parents=True)
        (tmp_path / name / "src" / name / "__init__.py").write_text("x = 1")
    packages = {
        "_one.pth": str(tmp_path / "one" / "src"),
        "__editable___two_finder.py": f"MAPPING: dict[str, str] = {{'two': {str(tmp_path / 'two/src/two')!r}}}\n",
    }
    assert drifts(tmp_path, "import one, two\none.x, one.y, two.x, two.z\n", packages) == ["y", "z"]


def test_the_projects_own_source(tmp_path: Path) -> None:
    """A document beside `pyproject.toml` is about the package in `src`, installed or not."""
    (tmp_path / "docs" / "src" / "mine").mkdir(parents=True)
    (tmp_path / "docs" / "pyproject.toml").write_text("[project]\nname = 'mine'\n")
    (tmp_path / "docs" / "src" / "mine" / "__init__.py").write_text("x = 1")
    assert drifts(tmp_path, "from mine import x, y\n", {}) == ["y"]


def test_pydantic_models_ignore_rather_than_refuse(tmp_path: Path) -> None:
    """Fields and aliases are parameters; anything else is a doubtful finding, and nothing where extras are allowed."""
    base = """
        from typing_extensions import dataclass_transform

        @dataclass_transform()
        class Meta(type): ...

        class BaseModel(metaclass=Meta):
            def __init__(self, /, **data): ...
            if not TYPE_CHECKING:
                def __getattr__(self, name): ...
    """
    models = """
        from base import BaseModel
        class User(BaseModel):
            name: str
            mail: str = Field(alias="e_mail")
        class Open(BaseModel, extra="allow"): ...
    """
    code = "from models import User, Open\nUser(name='a', e_mail='b', age=3).nope\nOpen(any=1).any\n"
    packages = {"base.py": base, "models.py": models}
    found = look(tmp_path, f"```python\n{code}```\n", packages)
    assert [(drift.name, drift.sure) for drift in found] == [("age", False), ("nope", True)]


def test_a_package_that_is_not_installed_is_one_line(tmp_path: Path) -> None:
    """Nothing else is said of what it names."""
    found = look(tmp_path, "```python\nfrom nowhere.deep import x\nx.y(z=1)\n```\n", {})
    assert [(drift.what, drift.name) for drift in found] == [("absent", "nowhere")]


def test_modules_that_lead_in_a_circle(tmp_path: Path) -> None:
    """Aliases, star imports and bases that come back to themselves end."""
    packages = {
        "a.py": "from b import x\nfrom b import *\nclass C(D): ...\n",
        "b.py": "from a import x\nfrom a import *\nclass D(C): ...\n",
    }
    assert drifts(tmp_path, "import a\na.x.y\na.nope\na.C().nope\n", packages) == ["nope"]


def test_sources_that_python_cannot_read(tmp_path: Path) -> None:
    """A syntax error, a null byte or an encoding that is none: nothing is said of the module."""
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "broken.py").write_text("def (:\n")
    (site / "null.py").write_bytes(b"x = 1\0")
    (site / "latin.py").write_bytes("x = 'é'".encode("latin-1"))
    (site / "deep.py").write_text("x = " + "(" * 5000 + ")" * 5000)
    assert drifts(tmp_path, "import broken, null, latin, deep\nbroken.x, null.x, latin.x, deep.x\n", {}) == []


def test_summaries_are_remembered_until_the_source_changes(tmp_path: Path) -> None:
    """The second look reads the cache; an edited module is read again."""
    assert drifts(tmp_path, "from acme import a\n", {"acme.py": "b = 1"}) == ["a"]
    assert list((tmp_path / "cache").glob("api-*.msgpack"))
    assert drifts(tmp_path, "from acme import a\n", {"acme.py": "a = 12"}) == []


def test_a_damaged_cache_is_read_again_from_the_source(tmp_path: Path) -> None:
    """Whatever stands in it."""
    assert drifts(tmp_path, "from acme import a\n", {"acme.py": "b = 1"}) == ["a"]
    for file in (tmp_path / "cache").glob("api-*.msgpack"):
        file.write_bytes(file.read_bytes()[:-3])
    assert drifts(tmp_path, "from acme import a\n", {"acme.py": "b = 1"}) == ["a"]


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("if isinstance(e, B):\n    e.b, e.a\n    e.c\ne.b\n", ["c"]),
        ("if not isinstance(e, B):\n    raise e\ne.b\n", []),
        ("if hasattr(e, 'b'):\n    e.b\n", []),
        ("assert isinstance(e, B)\ne.b, e.c\n", ["c"]),
        ("x = e.b if isinstance(e, B) else e.a\n", []),
        ("match e:\n    case B():\n        e.b\n", []),
        ("for e in things:\n    e.b\n", []),
        ("e.my_own, e.YourThing, e.foo\n", []),
    ],
)
def test_what_a_program_asks_about_a_name(tmp_path: Path, code: str, wrong: list[str]) -> None:
    """A test narrows what a name is, or leaves it open; names that stand for the reader's own are not looked for."""
    package = "class A:\n    a = 1\nclass B(A):\n    b = 1\n"
    assert drifts(tmp_path, f"from acme import A, B\ne = A()\n{code}", {"acme.py": package}) == wrong


def test_abstract_collections_are_known(tmp_path: Path) -> None:
    """What `Mapping` and its like bring is there; nothing else is for their sake."""
    package = "from collections.abc import Mapping\nclass Request(Mapping[str, str]):\n    url = ''\n"
    code = "from acme import Request\nr = Request()\nr.url, r.get('x'), r.items(), r.append(1)\n"
    assert drifts(tmp_path, code, {"acme.py": package}) == ["append"]


def test_a_lazy_module_with_a_table_of_its_own(tmp_path: Path) -> None:
    """The table may lie in the function, and be asked for its keys."""
    package = """
        def __getattr__(name):
            known = {"__version__": "version", "Old": "old"}
            if name not in known.keys():
                raise AttributeError(f"no {name}")
            return known[name]
    """
    assert drifts(tmp_path, "import acme\nacme.Old, acme.New\n", {"acme.py": package}) == ["New"]


def test_only_a_site_packages_is_where_packages_are_installed(tmp_path: Path) -> None:
    """Not a folder whose name ends so, which is a project like any other."""
    for name in ("site-packages", "my-site-packages"):
        (tmp_path / name / "docs").mkdir(parents=True)
    (tmp_path / "my-site-packages" / "pyproject.toml").touch()
    (tmp_path / "my-site-packages" / "src").mkdir()
    files = [
        File(tmp_path / name / "docs" / "AGENTS.md", "AGENTS.md", "instructions", "") for name in os.listdir(tmp_path)
    ]
    found = {
        Path(folder).relative_to(tmp_path).as_posix() for folder in source_folders(Project(tmp_path, tuple(files)))
    }
    assert found == {"site-packages", "my-site-packages", "my-site-packages/src"}
