"""`lev build`: what is generated, that a failure leaves nothing behind, and what the wheel holds."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest
from build_support import FILES, PYPROJECT, UV, looked_at, made, said, tree
from lev_os.core import InvalidInput, LevError, load_package
from lev_os.export.build import distributions
from lev_os.export.build.contents import check_wheel
from lev_os.export.build.errors import BuildFailed

TOOLS = "shop.tools"


def test_what_is_made(project: Path) -> None:
    """Stubs, `py.typed`, exact schemas, and distributions; made once, the same until something changes."""
    built = made(project, lazy=[TOOLS])
    root = project / "src" / "shop"
    assert {file.path.relative_to(root).as_posix() for file in built.written} == {
        "tools/__init__.py", "contexts/__init__.pyi", "flows/__init__.pyi", "py.typed", "tools.json",
    }  # fmt: skip
    assert [path.name for path in built.distributions] == [
        "acme_shop-1.2-py3-none-any.whl", "acme_shop-1.2.tar.gz",
    ]  # fmt: skip
    assert built.exports == len(load_package(root).exports()) == 7
    with zipfile.ZipFile(built.distributions[0]) as wheel:
        assert {"shop/tools.json", "shop/py.typed", "shop/flows/__init__.pyi"} <= set(wheel.namelist())
    before = tree(project)
    assert made(project).written == ()
    assert tree(project) == before
    assert looked_at(project) == []
    (root / "contexts" / "more.md").write_text("More.\n")
    assert looked_at(project) == ["contexts/__init__.pyi"]


def test_formatters_leave_it_alone(project: Path) -> None:
    """Whoever formats and lints the tree does not make what is generated out of date."""
    made(project, lazy=[TOOLS, "shop.contexts"], dist=False)
    files = ["src/shop/flows", "src/shop/contexts", "src/shop/tools/__init__.py"]
    for command in (["format"], ["check", "--select", "ALL", "--fix", "--unsafe-fixes", "--exit-zero"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--quiet", *files]
        subprocess.run(ruff, cwd=project, check=True)
    assert looked_at(project) == []


def test_schemas_are_exact(project: Path) -> None:
    """What the syntax tree alone cannot tell, every reader knows after a build, until the source changes."""
    root = project / "src" / "shop"
    made(project, lazy=[TOOLS], dist=False)
    card = load_package(root).card("./tools/find")
    assert card.input_schema["properties"] == {
        "name": {"type": "string", "maxLength": 9},
        "limit": {"$ref": "#/$defs/Limit", "default": 3},
    }
    assert card.input_schema["$defs"] == {"Limit": {"title": "Limit", "enum": [3, 30]}}
    assert card.output_schema is not None
    assert card.output_schema["$defs"]["Order"]["required"] == ["id", "price"]
    file = root / "tools" / "finding.py"
    file.write_text(file.read_text().replace("Find orders.", "Find some."))
    card = load_package(root).card("./tools/find")
    assert card.description == "Find some."
    assert "$defs" not in card.input_schema
    assert looked_at(project) == ["tools.json"]


def test_what_another_module_says(project: Path) -> None:
    """A type that comes from elsewhere has changed: only importing shows it, and `--check` imports."""
    made(project, lazy=[TOOLS], dist=False)
    (project / "src/shop/limits.py").write_text(FILES["src/shop/limits.py"].replace("30", "40"))
    assert looked_at(project) == ["tools.json"]


def test_importing_may_print(project: Path) -> None:
    """What a module of tools says on import goes nowhere."""
    file = project / "src/shop/tools/paying.py"
    file.write_text("print('{}')\n" + file.read_text())
    made(project, lazy=[TOOLS], dist=False)
    tools = msgspec.json.decode((project / "src/shop/tools.json").read_bytes())["tools"]
    assert list(tools) == ["./tools/find", "./tools/refund"]
    assert not list(project.rglob("__pycache__"))


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("raise RuntimeError('no')", InvalidInput, r"finding\.py:\d+ EXP301 .*RuntimeError: no"),
        ("import gone_and_away", InvalidInput, "No module named 'gone_and_away'"),
        ("import os; os._exit(7)", BuildFailed, r"ended the process \(exit code 7\)"),
        ("raise SystemExit('bye')", BuildFailed, "bye"),
    ],
)
def test_tools_that_cannot_be_imported(project: Path, code: str, error: type[LevError], message: str) -> None:
    """The error says which and why, and nothing has been written."""
    file = project / "src/shop/tools/finding.py"
    file.write_text(f"{file.read_text()}\n{code}\n")
    before = tree(project)
    with pytest.raises(error, match=message):
        made(project, lazy=[TOOLS])
    assert tree(project) == before


def test_tools_that_are_not_python(project: Path) -> None:
    """A pattern finds no tool in such a module: the build says so, and does not go on without them."""
    file = project / "src/shop/tools/__init__.py"
    file.write_text("def find(:\n")
    before = tree(project)
    with pytest.raises(InvalidInput, match=r"__init__\.py:1:10 MAN201 this is not Python"):
        made(project)
    assert tree(project) == before


def test_an_interpreter_without_leviathan(project: Path, tmp_path: Path) -> None:
    """It is named, with the way out."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    with pytest.raises(BuildFailed, match=r"has no lev_os\.core") as caught:
        made(project, lazy=[TOOLS], python=str(tmp_path / "bare/bin/python"))
    assert "--python" in str(caught.value.help)


def test_broken_files_are_all_told(project: Path) -> None:
    """Every problem of every flow and context, and nothing is written."""
    (project / "src/shop/flows/other.yaml").write_text("flowmind: 1\n")
    (project / "src/shop/contexts/odd.md").write_text("---\nname: [1]\n---\n")
    before = tree(project)
    with pytest.raises(InvalidInput) as caught:
        made(project)
    assert {Path(problem.at.path or "").name for problem in caught.value.problems} == {"other.yaml", "odd.md"}
    assert tree(project) == before


@pytest.mark.parametrize("name", ["flows/__init__.pyi", "tools.json"])
def test_files_of_others_stay(project: Path, name: str) -> None:
    """A file that was not made here is in the way: nothing at all is written."""
    (project / "src/shop" / name).write_text("mine = 1\n")
    before = tree(project)
    with pytest.raises(LevError, match="stays as it is"):
        made(project, lazy=[TOOLS])
    assert tree(project) == before


def test_what_is_no_longer_wanted(project: Path) -> None:
    """Stubs of a module that exposes nothing any more, and schemas of tools that are gone, are removed."""
    made(project, lazy=[TOOLS], dist=False)
    root = project / "src/shop"
    shutil.rmtree(root / "tools")
    (root / "flows/__init__.py").write_text("async def triage() -> None: ...\n")
    made(project, dist=False)
    assert not (root / "tools.json").exists()
    assert not (root / "flows/__init__.pyi").exists()
    assert (root / "contexts/__init__.pyi").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("build-backend = ", "build-backend = 'gone'\n#", "`uv build` failed"),
        ('module-name = "shop"', 'module-name = "shop"\nwheel-exclude = ["*.md"]', r"does not hold \./contexts/tone"),
        ('module-name = "shop"', 'module-name = "shop"\nsource-exclude = ["*.pyi"]', "does not hold contexts/__init__"),
        ('module-name = "shop"', 'module-name = "shop"\nwheel-exclude = ["lev.toml"]', r"does not hold lev\.toml"),
        ('module-name = "shop"', 'module-name = "shop"\nwheel-exclude = ["constitution.yaml"]', "constitution"),
        (UV, "[tool.x]\n", r"no pyproject\.toml with a \[project\]"),
        ("[project]", "[project", "cannot be read"),
    ],
)
def test_a_build_that_fails(project: Path, old: str, new: str, message: str) -> None:
    """A backend that fails, a wheel without an export, no project: said, and the tree is as it was."""
    file = project / "pyproject.toml"
    file.write_text(file.read_text().replace(old, new, 1))
    before = tree(project)
    with pytest.raises(BuildFailed, match=message):
        made(project, lazy=[TOOLS])
    assert tree(project) == before
    assert not (project / "dist").exists()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("shop/contexts/tone.md", "Be long.\n", r"\./contexts/tone as it is in the sources"),
        ("shop/lev.toml", "format = 1\n[exports\n", "the package in the wheel cannot be read"),
        ("shop/tools/paying.py", "", r"\./tools/refund as it is"),
        ("shop/tools.json", '{"format": 1, "tools": {}}', r"\./tools/find as it is"),
        ("shop/contexts/__init__.py", "", r"\./contexts/tone for python"),
    ],
)
def test_a_wheel_that_differs(project: Path, tmp_path: Path, name: str, text: str, message: str) -> None:
    """A backend may change files on the way: what the wheel holds is compared, not its list of names."""
    wheel = made(project, lazy=[TOOLS]).distributions[0]
    changed = io.BytesIO()
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(changed, "w") as new:
        for item in old.namelist():
            new.writestr(item, text if item == name else old.read(item))
    package = load_package(project / "src/shop")
    (tmp_path / "scratch").mkdir()
    with pytest.raises(BuildFailed, match=message):
        check_wheel(package, wheel.name, changed.getvalue(), [], tmp_path / "scratch")


def test_a_folder_that_cannot_be_written(project: Path) -> None:
    """Wheel and sdist find no place: what was generated is gone again."""
    (project / "dist").write_text("a file\n")
    before = tree(project)
    with pytest.raises(OSError):  # noqa: PT011  # which one depends on the system
        made(project)
    assert tree(project) == before


def test_without_uv(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a way out, and the tree is as it was."""
    before = tree(project)
    monkeypatch.setattr(distributions.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "uv", None)
    with pytest.raises(BuildFailed, match="made by uv, which is not here") as caught:
        made(project)
    assert "lev-os[build]" in str(caught.value.help)
    assert tree(project) == before


def test_uv_of_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is installed as a package will do."""
    monkeypatch.setattr(distributions.shutil, "which", lambda name: None)
    assert Path(distributions.find_uv()).name.startswith("uv")


def test_steps_are_told(project: Path) -> None:
    """What takes time is announced."""
    said.clear()
    made(project)
    assert [line.split(" in ")[0] for line in said] == [
        "importing tools to read their signatures", "uv build", "comparing the wheel with the sources",
    ]  # fmt: skip


def copies(project: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The project in two places, its files of other ages and other rights."""
    other = tmp_path / "elsewhere" / "deep" / "copy"
    shutil.copytree(project, other)
    for path in sorted(other.rglob("*"), reverse=True):
        path.chmod(0o700 if path.is_dir() else 0o640)
    subprocess.run(["find", str(other), "-exec", "touch", "-d", "2001-02-03", "{}", "+"], check=True)
    return project, other


def digests(projects: tuple[Path, Path]) -> list[dict[str, bytes]]:
    """What builds in both places made, under another umask in the second."""
    import os

    found = []
    for folder, mask in zip(projects, (0o022, 0o077), strict=True):
        before = os.umask(mask)
        try:
            found.append({path.name: path.read_bytes() for path in made(folder, lazy=[TOOLS]).distributions})
        finally:
            os.umask(before)
    return found


def test_the_same_bytes(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another folder, other times, other rights, another umask; another `SOURCE_DATE_EPOCH` is another file."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    one, other = digests(copies(project, tmp_path))
    assert one == other
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    later = {path.name: path.read_bytes() for path in made(project).distributions}
    assert all(later[name] != data for name, data in one.items())


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["hatchling", "setuptools", "flit_core"])
def test_the_same_bytes_from_other_backends(project: Path, tmp_path: Path, backend: str) -> None:
    """What a backend lets differ is made the same."""
    names = {"hatchling": "hatchling.build", "setuptools": "setuptools.build_meta", "flit_core": "flit_core.buildapi"}
    more = {
        "hatchling": '\n[tool.hatch.build.targets.wheel]\npackages = ["src/shop"]\n',
        "setuptools": '\n[tool.setuptools.package-data]\n"*" = ["*"]\n',
        "flit_core": '\n[tool.flit.module]\nname = "shop"\n',
    }
    text = PYPROJECT.format(requires=backend, backend=names[backend]) + more[backend]
    if backend == "flit_core":
        text = text.replace('version = "1.2"', 'version = "1.2"\ndescription = "A shop."')
    (project / "pyproject.toml").write_text(text)
    one, other = digests(copies(project, tmp_path))
    assert one == other


@pytest.mark.slow
def test_setuptools_takes_no_data_by_itself(project: Path) -> None:
    """The wheel lacks what the package exports, and the build says how to mend it."""
    (project / "pyproject.toml").write_text(
        PYPROJECT.format(requires="setuptools", backend="setuptools.build_meta")
        + "\n[tool.setuptools]\ninclude-package-data = false\n"
    )
    before = tree(project)
    with pytest.raises(BuildFailed, match=r"does not hold lev\.toml") as caught:
        made(project)
    assert "MAN524" in str(caught.value.help)
    assert tree(project) == before
