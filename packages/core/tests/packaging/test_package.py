"""A package: exports, what they resolve to, reading, and never a file outside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.core.errors import InvalidInput, LevError
from lev_os.core.packaging import (
    ExportNotFound,
    InvalidSpecifier,
    OutsidePackage,
    Package,
    PackageNotFound,
    load_package,
)

MakePackage = Callable[..., Package]

TOML = """\
format = 1
[exports]
"." = { llm-first = "./contexts/index.md", python = "acme", default = "./contexts/index.md" }
"./contexts/*" = { llm = "./contexts/*.md", python = "acme.contexts:*" }
"./contexts/internal/*" = false
"./flows/*" = { llm = "./flows/*.yaml", deprecated = "use ./contexts/index" }
"./tools/*" = { python = "acme.tools:*" }
"./tools/hidden" = { python = "acme.tools:_hidden" }
"./data.json" = "./data.json"
"""
EXPOSE = "from lev_os.core import expose\n__getattr__, __dir__, __all__ = expose(__name__)\n"
FILES = {
    "contexts/__init__.py": EXPOSE,
    "contexts/index.md": "# Index\n",
    "contexts/refund-policy.md": "# Refunds\n",
    "contexts/lens.md": "---\nmetadata:\n  lev-kind: personality\n---\nA lens.\n",
    "contexts/internal/secret.md": "# Secret\n",
    "flows/triage.yaml": "flowmind: 1\n",
    "tools.py": (
        "import subprocess\nfrom os import system\nLIMIT = 3\n__version__ = '1'\n"
        "def refund(order: str) -> str: ...\nasync def close(): ...\nclass Deps: ...\ndef _hidden(): ...\n"
        "if True:\n    def conditional(): ...\n"
    ),
    "data.json": "{}",
}


@pytest.fixture
def acme(make_package: MakePackage) -> Package:
    return make_package(TOML, FILES)


def test_patterns_are_expanded_against_files_and_modules(acme: Package) -> None:
    """What is there is exported, what a narrower `false` hides is not; the star of a module is what it defines."""
    found = {export.subpath: (export.kind, export.conditions) for export in acme.exports()}
    readable = ("llm-first", "llm")
    assert found == {
        ".": ("file", ("llm-first", "llm", "python", "default")),
        "./contexts/index": ("context", (*readable, "python")),
        "./contexts/refund-policy": ("context", (*readable, "python")),
        "./contexts/lens": ("personality", (*readable, "python")),
        "./flows/triage": ("flow", readable),
        "./tools/refund": ("tool", ("python",)),
        "./tools/close": ("tool", ("python",)),
        "./tools/conditional": ("tool", ("python",)),
        "./tools/Deps": ("python", ("python",)),
        "./tools/LIMIT": ("python", ("python",)),
        "./tools/hidden": ("tool", ("python",)),
        "./data.json": ("file", (*readable, "python", "default")),
        "./lev.toml": ("file", (*readable, "python", "default")),
    }


@pytest.mark.parametrize("name", ["subprocess", "system", "__version__", "_hidden", "missing", "Deps.x"])
def test_the_star_of_a_module_is_never_an_import_or_private(acme: Package, name: str) -> None:
    """Otherwise `tools:*` would export `subprocess`."""
    with pytest.raises(ExportNotFound):
        acme.export(f"./tools/{name}")
    with pytest.raises(LevError):
        acme.tool(f"./tools/{name}")


def test_a_literal_all_decides(make_package: MakePackage) -> None:
    """What `__all__` lists is public, re-exports included; what it leaves out is not."""
    package = make_package(
        'format = 1\n[exports]\n"./tools/*" = { python = "acme.tools:*" }\n',
        {
            "tools/__init__.py": "from .money import refund\ndef other(): ...\n__all__ = ['refund']\n",
            "tools/money.py": "def refund(order: str): 'Give it back.'\n",
        },
    )
    assert [export.subpath for export in package.exports()] == ["./lev.toml", "./tools/refund"]
    assert package.card("./tools/refund").description == "Give it back."


def test_each_audience_gets_its_own(acme: Package) -> None:
    """One name: a file for a model, an object for Python, where hyphens are underscores."""
    assert acme.resolve("./contexts/refund-policy", "llm").path == (acme.root / "contexts/refund-policy.md").resolve()
    target = acme.resolve("./contexts/refund-policy", "python")
    assert (target.object, target.path) == ("acme.contexts:refund_policy", None)
    assert acme.resolve("lev://acme/contexts/index", "llm-first").specifier == "acme/contexts/index"
    assert acme.resolve("./lev.toml", "llm").target == "./lev.toml"


def test_a_deprecated_export_works_and_says_so(acme: Package) -> None:
    """`deprecated` travels with the export."""
    assert acme.export("./flows/triage").deprecated == "use ./contexts/index"
    assert acme.export("./contexts/index").deprecated is None


def test_a_wrong_name_is_answered_with_the_nearest(acme: Package) -> None:
    """A misspelt export names what was meant."""
    with pytest.raises(ExportNotFound, match=r"did you mean \./contexts/refund-policy"):
        acme.export("./contexts/refund-polcy")
    with pytest.raises(ExportNotFound, match="it exports"):
        acme.resolve("./zzzzzzzz", "llm")


def test_reading_gives_text_and_place(acme: Package) -> None:
    """A file target is read as UTF-8; code is not a file."""
    text, path = acme.read("./contexts/index")
    assert (text, path.name) == ("# Index\n", "index.md")
    with pytest.raises(LevError, match="is Python code"):
        acme.read("./contexts/index", "python")
    assert acme.file_digest("./contexts/index").startswith("sha256:")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x" * 10_000_000, "at most 8,388,608 are read"),
        (b"ok\n\xc3(", ":2:1 MAN001 byte 0xC3 is not UTF-8"),
        (b"ok\nab\x00", ":2:3 MAN001 a NUL character"),
    ],
)
def test_content_that_is_no_text_is_refused(make_package: MakePackage, content: bytes, message: str) -> None:
    """10 MB, invalid UTF-8 and NUL are errors with the file's name."""
    package = make_package('format = 1\n[exports]\n"./x" = "./x.md"\n', {"x.md": content})
    with pytest.raises(LevError, match=r"x\.md") as caught:
        package.read("./x")
    assert message in str(caught.value)


def test_a_byte_order_mark_is_dropped(make_package: MakePackage) -> None:
    """Some editors write one; no model should see it."""
    package = make_package('format = 1\n[exports]\n"./x" = "./x.md"\n', {"x.md": b"\xef\xbb\xbfhello"})
    assert package.read("./x")[0] == "hello"


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_link_may_not_lead_out(make_package: MakePackage, tmp_path: Path) -> None:
    """A symbolic link to a file or a folder outside is refused; one inside is followed."""
    package = make_package('format = 1\n[exports]\n"./*" = "./*.md"\n', {"in.md": "inside"})
    (tmp_path / "out.md").write_text("outside")
    (package.root / "alias.md").symlink_to("in.md")
    (package.root / "leak.md").symlink_to(tmp_path / "out.md")
    (package.root / "folder").symlink_to(tmp_path)
    assert package.read("./alias")[0] == "inside"
    for subpath in ("./leak", "./folder/out"):
        with pytest.raises(OutsidePackage, match="symbolic link"):
            package.read(subpath)
    assert [export.subpath for export in package.exports()] == ["./alias", "./in", "./lev.toml"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_hang_the_reader(make_package: MakePackage) -> None:
    """Only regular files are read."""
    package = make_package('format = 1\n[exports]\n"./x" = "./x.md"\n')
    os.mkfifo(package.root / "x.md")
    with pytest.raises(LevError, match="not a regular file"):
        package.read("./x")


def test_a_missing_file_is_named(make_package: MakePackage) -> None:
    """The export resolves, the file is not there: reading says which."""
    package = make_package('format = 1\n[exports]\n"./x" = "./x.md"\n')
    with pytest.raises(LevError, match=r"x\.md does not exist"):
        package.read("./x")
    with pytest.raises(ExportNotFound):
        package.export("./x")


def test_two_files_that_are_one_name_in_python_are_an_error(make_package: MakePackage) -> None:
    """`a-b.md` beside `a_b.md` could not both be imported."""
    package = make_package('format = 1\n[exports]\n"./*" = "./*.md"\n', {"a-b.md": "", "a_b.md": ""})
    with pytest.raises(InvalidInput, match="one name in Python"):
        package.exports()


def test_a_reference_to_another_package_is_refused(make_package: MakePackage) -> None:
    """A package exports its own objects, never `os.system`."""
    package = make_package('format = 1\n[exports]\n"./tools/run" = { python = "os:system" }\n')
    with pytest.raises(OutsidePackage):
        package.tool("./tools/run")
    assert [export.subpath for export in package.exports()] == ["./lev.toml"]


def test_a_module_that_is_no_python_is_an_error_at_its_line(make_package: MakePackage) -> None:
    """A syntax error in a package's tools is reported where it stands."""
    toml = 'format = 1\n[exports]\n"./tools/x" = { python = "acme.tools:x" }\n'
    package = make_package(toml, {"tools.py": "def x(:\n"})
    with pytest.raises(InvalidInput, match=r"tools\.py:1:\d+ MAN201"):
        package.card("./tools/x")


def test_an_import_that_fails_is_a_clear_error(make_package: MakePackage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a tool's module raises, the message names the export and the reference."""
    toml = 'format = 1\n[exports]\n"./tools/x" = { python = "broken_acme.tools:x" }\n'
    package = make_package(toml, {"__init__.py": "", "tools.py": "1/0\ndef x(): ..."}, name="broken_acme")
    with pytest.raises(LevError, match="ModuleNotFoundError"):
        package.tool("./tools/x")
    monkeypatch.syspath_prepend(package.root.parent)
    with pytest.raises(LevError, match=r"broken_acme/tools/x.*ZeroDivisionError"):
        package.tool("./tools/x")


def test_a_tool_is_imported_on_request(make_package: MakePackage, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tool` gives the function itself; what is no function is refused."""
    toml = 'format = 1\n[exports]\n"./tools/*" = { python = "good_acme.tools:*" }\n'
    package = make_package(toml, {"__init__.py": "", "tools.py": "def x(): return 7\ny = 3\n"}, name="good_acme")
    monkeypatch.syspath_prepend(package.root.parent)
    assert package.tool("./tools/x")() == 7
    assert package.export("./tools/x").from_python()() == 7
    with pytest.raises(LevError, match="cannot be called"):
        package.tool("./tools/y")


def test_a_broken_package_says_why_whatever_is_asked(make_package: MakePackage) -> None:
    """`error` holds every problem; questions raise them."""
    package = make_package("format = 1\nnaem = 'x'\n")
    assert package.error is not None
    assert "lev.toml:2:1 MAN104" in package.error
    with pytest.raises(InvalidInput):
        package.exports()


def test_a_package_is_loaded_by_path(acme: Package) -> None:
    """The folder, its `lev.toml`, and the project around it all lead to the package."""
    for path in (acme.root, acme.root / "lev.toml", acme.root.parent):
        assert load_package(path).name == "acme"


def test_what_is_no_package_is_refused(tmp_path: Path) -> None:
    """An unknown name, an empty folder, a distribution's name: each with its own hint."""
    with pytest.raises(PackageNotFound):
        load_package("no_such_package_here")
    with pytest.raises(PackageNotFound):
        load_package(tmp_path)
    with pytest.raises(InvalidSpecifier, match="write acme_support"):
        load_package("acme-support")


def test_a_project_with_two_packages_wants_a_name(tmp_path: Path) -> None:
    """Which one is meant is not guessed."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lev.toml").write_text("format = 1\n")
    with pytest.raises(InvalidInput, match="2 packages here: one, two"):
        load_package(tmp_path)


_hostile = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from(["..", ".", "", "a", "%2e%2e", "..\\", "C:", "\x00", "~", "*", "\u202e", "contexts"])).map(
        "/".join
    ),
).map(lambda rest: f"./{rest}")


@given(_hostile, st.sampled_from(["llm-first", "llm", "python", "default", "other"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_name_leads_out_of_the_package(make_package: MakePackage, subpath: str, condition: str) -> None:
    """Whatever is asked: a path inside the root, an object of the package, or a clear error."""
    package = make_package(
        'format = 1\n[exports]\n"./*" = { python = "acme.x:*", default = "./*" }\n', {"x.py": "a = 1"}
    )
    try:
        target = package.resolve(subpath, condition)
    except LevError:
        return
    assert target.object is None or target.object.startswith("acme.x:")
    assert target.path is None or target.path.is_relative_to(package.root.resolve())
