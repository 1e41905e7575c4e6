"""The example, exported to every target, as its hosts' own tools see it. `.ci/run` installs them into `.tools`."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from lev_os.core import load_package
from lev_os.export.target import target_named
from lev_os.export.targets.skills import IN_PACKAGE
from lev_os.export.writing import write

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".tools" / "validators" / "bin"
NODE = ROOT / ".tools" / "validators-node" / "node_modules"
SCHEMAS = "skillsaw/schemas"

pytestmark = pytest.mark.slow


def run(command: Sequence[str | Path], cwd: Path, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "NO_COLOR": "1", "PATH": os.pathsep.join([str(PYTHON), os.environ["PATH"]])}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def python_tool(name: str) -> Path:
    if not (PYTHON / name).exists():
        pytest.skip(f"needs {name} in .tools/validators; .ci/run installs it")
    return PYTHON / name


def node_tool(name: str) -> Path:
    if not (NODE / ".bin" / name).exists():
        pytest.skip(f"needs {name} in .tools/validators-node; .ci/run installs it")
    return NODE / ".bin" / name


def newer_node() -> Path:
    """Node 24, beside which `.ci/run` has the one on the path."""
    own = ROOT / ".tools/node24/node_modules/.bin/node"
    if own.exists():
        return own
    found = shutil.which("node")
    if found is None or int(run([found, "--version"], ROOT).stdout[1:].partition(".")[0]) < 22:
        pytest.skip("needs Node 22 or newer; .ci/run installs 24 in .tools/node24")
    return Path(found)


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """The example as every target writes it, a folder each."""
    package = load_package("acme_support")
    names = ["skills", "agents-md", "agent-plugin", "claude-plugin", "mcp-server", "llms-txt", "well-known"]
    for name in (*names, "openai-tools", "anthropic-tools"):
        write(tmp_path / name, {name: target_named(name).render([package])})
    both = {name: target_named(name).render([package]) for name in ("skills", "agents-md")}
    write(tmp_path / "repository", both)
    return tmp_path


def copied(folder: Path, more: str = "") -> Path:
    """The example's project outside of the workspace, with more lines in its pyproject.toml."""
    source = folder / "acme_support"
    shutil.copytree(ROOT / "examples" / "acme_support", source, ignore=shutil.ignore_patterns("__pycache__"))
    file = source / "pyproject.toml"
    file.write_text(file.read_text("utf-8").partition("[tool.uv.sources]")[0] + more, encoding="utf-8")
    return source


def schema(path: str) -> Any:
    """A published JSON Schema, as skillsaw's wheel carries it."""
    python_tool("skillsaw")
    [file] = PYTHON.parent.glob(f"lib/python3*/site-packages/{SCHEMAS}/{path}")
    return json.loads(file.read_text("utf-8"))


def test_skills_ref(exported: Path) -> None:
    """The reference validator of SKILL.md, on each skill that is a folder."""
    agentskills = Path(sys.executable).with_name("agentskills")
    skills = [file.parent for file in exported.rglob("SKILL.md") if "acme_support" not in file.parts]
    assert len(skills) == 6
    for skill in skills:
        run([agentskills, "validate", skill], exported)


@pytest.mark.parametrize("target", ["repository", "agent-plugin", "claude-plugin", "mcp-server"])
def test_skillsaw(target: str, exported: Path) -> None:
    """110 rules: no error, and no warning either."""
    said = run([python_tool("skillsaw"), "lint", "."], exported / target).stdout
    assert "Errors:   0" in said
    assert "Warnings: 0" in said
    assert "Repo type: unknown" not in said


@pytest.mark.parametrize("target", ["repository", "agent-plugin", "claude-plugin", "mcp-server"])
def test_agnix(target: str, exported: Path) -> None:
    """No error. The one warning is that `lev-os` has a range in place of one version: it takes fixes, on purpose."""
    said = run([python_tool("agnix"), "."], exported / target).stdout
    warnings = [line for line in said.splitlines() if "warning:" in line and "floating version" not in line]
    assert "Found 0 errors" in said
    assert warnings == []


def test_the_schemas_of_agent_plugins(exported: Path) -> None:
    """Agent Plugins 1.0.0, both files."""
    from jsonschema import Draft202012Validator

    for name in ("plugin", "mcp"):
        data = json.loads((exported / "agent-plugin" / f"{name}.json").read_text("utf-8"))
        Draft202012Validator(schema(f"agent_plugins/v1_0_0/{name}.schema.json")).validate(data)


def test_the_schema_of_the_mcp_registry(exported: Path) -> None:
    """server.json of 2025-12-11."""
    from jsonschema import Draft7Validator

    data = json.loads((exported / "mcp-server" / "server.json").read_text("utf-8"))
    Draft7Validator(schema("mcp_registry/v2025_12_11/server.schema.json")).validate(data)


@pytest.mark.node
def test_mcpb(exported: Path) -> None:
    """The bundle unpacks, its manifest is valid, and the tool packs it again."""
    mcpb = node_tool("mcpb")
    bundle, unpacked = exported / "mcp-server" / "acme-support.mcpb", exported / "unpacked"
    run([mcpb, "unpack", bundle, unpacked], exported)
    assert "validation passes" in run([mcpb, "validate", unpacked / "manifest.json"], exported).stdout
    run([mcpb, "pack", unpacked, exported / "again.mcpb"], exported)
    program = json.loads((unpacked / "manifest.json").read_text("utf-8"))["server"]
    assert (unpacked / program["entry_point"]).is_file()


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """A folder as a web site; its address."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.node
def test_skills_installs_from_the_well_known_index(exported: Path) -> None:
    """The `skills` program finds the index of a site, verifies the digest and installs the skill, byte for byte."""
    program = node_tool("skills").resolve()
    project = exported / "project"
    project.mkdir()
    alone = {"HOME": str(exported / "home"), "DISABLE_TELEMETRY": "1", "CI": "1", "NO_COLOR": "1"}
    with served(exported / "well-known") as site:
        command = [newer_node(), program, "add", site, "--yes", "--agent", "claude-code", "--copy"]
        done = subprocess.run(
            list(map(str, command)), cwd=project, env=os.environ | alone, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert files(project / ".claude/skills/acme-support") == files(exported / "skills/.claude/skills/acme-support")


def test_llms_txt(exported: Path) -> None:
    """The format's reference parser reads title, summary and sections, and fetches every text; a validator agrees."""
    audit = python_tool("llms-txt-audit")
    file = exported / "llms-txt" / "llms.txt"
    run([audit, file, "--require-optional", "--strict", "--fail-on-warning"], exported)
    code = (
        "import json, sys\n"
        "from urllib.parse import urljoin\n"
        "from llms_txt import parse_llms_file\n"
        "from llms_txt.core import get_doc_content\n"
        "read = parse_llms_file(open(sys.argv[1]).read())\n"
        "def fetched(links): return {link.url: get_doc_content(urljoin(sys.argv[2], link.url)) for link in links}\n"
        "links = {title: fetched(links) for title, links in read.sections.items()}\n"
        "print(json.dumps([read.title, read.summary, links]))\n"
    )
    with served(exported / "llms-txt") as site:
        said = run([PYTHON / "python", "-c", code, file, site], exported).stdout
    title, summary, links = json.loads(said)
    assert (title, summary) == ("acme_support", load_package("acme_support").manifest.description)
    assert list(links) == ["Contexts", "Flows", "Optional"]
    for path, text in (item for section in links.values() for item in section.items()):
        assert text == (exported / "llms-txt" / path).read_text("utf-8")


@pytest.mark.parametrize(
    ("target", "of"),
    [
        ("openai-tools", "openai.types.chat:ChatCompletionToolParam"),
        ("anthropic-tools", "anthropic.types:ToolParam"),
    ],
)
def test_tools_are_what_the_sdks_take(target: str, of: str, exported: Path) -> None:
    """Held against the types of the vendor's own SDK; no field that it does not know."""
    python_tool("skillsaw")
    module, _, name = of.partition(":")
    code = (
        "import sys\n"
        f"from {module} import {name} as T\n"
        "from pydantic import ConfigDict, TypeAdapter\n"
        "from typing import get_type_hints\n"
        "import json\n"
        "tools = json.load(open(sys.argv[1]))\n"
        "TypeAdapter(list[T]).validate_python(tools)\n"
        "assert tools and all(not set(tool) - set(get_type_hints(T)) for tool in tools)\n"
    )
    run([PYTHON / "python", "-c", code, exported / target / f"{target}.json"], exported)


def test_library_skills_finds_them_in_the_wheel(tmp_path: Path) -> None:
    """Exported into the package, built by uv, installed, and discovered."""
    tool = python_tool("library-skills")
    uv = shutil.which("uv") or str(ROOT / ".tools" / "uv" / "bin" / "uv")
    source = copied(tmp_path)
    package = load_package(source)
    write(package.root, {"skills": IN_PACKAGE.render([package])})
    quiet = {"UV_PYTHON_DOWNLOADS": "never"}
    os.environ.update(quiet)
    run([uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist", source], tmp_path)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text('[project]\nname = "app"\nversion = "0"\ndependencies = ["acme-support"]\n')
    run([uv, "venv", "--quiet", "--python", sys.executable, ".venv"], project)
    run([uv, "pip", "install", "--quiet", "--no-deps", "--python", ".venv", wheel], project)
    [skill] = json.loads(run([tool, "scan", "--json"], project).stdout)["skills"]
    assert (skill["name"], skill["package"], skill["version"]) == ("acme-support", "acme-support", "0.1.0")
    installed = Path(skill["path"]) / "references" / "refund-policy.md"
    assert (
        installed.read_bytes()
        == (ROOT / "examples/acme_support/src/acme_support/contexts/refund-policy.md").read_bytes()
    )


@pytest.mark.node
def test_what_npm_installed_is_discovered(exported: Path) -> None:
    """By TanStack Intent and library-skills, in a project with the twin: exported, packed and installed by npm."""
    intent, library_skills = node_tool("intent"), python_tool("library-skills")
    package = load_package(copied(exported, '[project.urls]\nRepository = "https://github.com/example/acme"\n'))
    write(exported / "twin", {"npm": target_named("npm").render([package])})
    [packed] = json.loads(run(["npm", "pack", "--json", "--pack-destination", exported], exported / "twin").stdout)
    project = exported / "consumer"
    project.mkdir()
    use = {"name": "app", "version": "1.0.0", "private": True, "intent": {"skills": ["acme-support"]}}
    (project / "package.json").write_text(json.dumps(use))
    install = ["npm", "install", "--no-audit", "--no-fund", "--offline", exported / packed["filename"]]
    run(install, project)
    installed = project / "node_modules" / "acme-support"
    assert not installed.is_symlink()
    assert "all passed" in run([intent, "validate", installed / "skills"], project).stdout
    # Its output is cut off in a pipe when it is long, so it goes to a file.
    with open(project / "out.json", "wb") as out:
        subprocess.run([intent, "list", "--json"], cwd=project, stdout=out, check=True)
    listed = json.loads((project / "out.json").read_text("utf-8"))
    assert [skill["use"] for skill in listed["skills"]] == ["acme-support#acme-support"]
    assert "# Acme support" in run([intent, "load", "acme-support#acme-support"], project).stdout
    assert files(installed / "skills/acme-support") == files(exported / "skills/.claude/skills/acme-support")
    [skill] = json.loads(run([library_skills, "scan", "--json"], project).stdout)["skills"]
    assert (skill["name"], skill["package"], skill["version"]) == ("acme-support", "acme-support", "0.1.0")
    assert files(Path(skill["path"])) == files(installed / "skills/acme-support")


def test_lev_check_has_no_error_to_report(exported: Path) -> None:
    """Our own rules, on what we write."""
    lev = Path(sys.executable).with_name("lev")
    for target in ("repository", "agent-plugin", "claude-plugin"):
        run([lev, "check", "."], exported / target)
