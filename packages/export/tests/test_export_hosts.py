"""MCP hosts start what we export: the command that stands in each file, as it stands there, with a client of the SDK.

The distributions are not on an index here. uv finds them in a folder, by its environment; the command does not change.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lev_os.core import load_package
from lev_os.export.target import target_named
from lev_os.export.writing import write
from mcp import Client, StdioServerParameters

ROOT = Path(__file__).resolve().parents[3]
NEEDED = ("core", "check", "export", "mcp", "cli")

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Site:
    """What was exported, a folder for each target, and the environment in which uv finds the distributions."""

    folder: Path
    env: dict[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The example with the line of a project that has its server on PyPI; wheels of it and of all it needs."""
    folder = tmp_path_factory.mktemp("hosts")
    source = folder / "acme"
    shutil.copytree(ROOT / "examples" / "acme_support", source, ignore=shutil.ignore_patterns("__pycache__"))
    file = source / "pyproject.toml"
    about = file.read_text("utf-8").partition("[tool.uv.sources]")[0]
    file.write_text(f'{about}\n[project.scripts]\nacme-support = "lev_os.cli:main"\n', encoding="utf-8")
    uv = shutil.which("uv") or str(ROOT / ".tools" / "uv" / "bin" / "uv")
    env = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    env |= {"UV_PYTHON_DOWNLOADS": "never", "UV_PYTHON": sys.executable}
    for project in (*(ROOT / "packages" / name for name in NEEDED), source):
        build = [uv, "build", "--quiet", "--wheel", "--out-dir", str(folder / "wheels"), str(project)]
        subprocess.run(build, cwd=folder, env=env, check=True)
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["uv"]["constraint-dependencies"]
    (folder / "pins.txt").write_text("\n".join(pins))
    env |= {
        "PATH": os.pathsep.join([str(Path(uv).parent), env["PATH"]]),
        "UV_FIND_LINKS": str(folder / "wheels"),
        "UV_CONSTRAINT": str(folder / "pins.txt"),
        "UV_CACHE_DIR": str(folder / "cache"),  # another build of the same version may be in the user's
    }
    package = load_package(source / "src" / "acme_support")
    for name in ("agent-plugin", "claude-plugin", "mcp-server"):
        write(folder / name, {name: target_named(name).render([package])})
    return Site(folder, env)


def of_agent_plugin(site: Site) -> list[str]:
    """`mcp.json`: a program and its arguments."""
    [server] = json.loads((site.folder / "agent-plugin/mcp.json").read_text("utf-8"))["mcpServers"].values()
    return [server["command"], *server["args"]]


def of_claude_plugin(site: Site) -> list[str]:
    """`.mcp.json` of the plugin that the marketplace names."""
    market = json.loads((site.folder / "claude-plugin/.claude-plugin/marketplace.json").read_text("utf-8"))
    plugin = site.folder / "claude-plugin" / market["plugins"][0]["source"]
    [server] = json.loads((plugin / ".mcp.json").read_text("utf-8"))["mcpServers"].values()
    return [server["command"], *server["args"]]


def of_mcpb(site: Site) -> list[str]:
    """The bundle, unpacked; a host puts its folder in for `${__dirname}`."""
    folder = site.folder / "unpacked"
    with zipfile.ZipFile(site.folder / "mcp-server/acme-support.mcpb") as archive:
        archive.extractall(folder)
    server = json.loads((folder / "manifest.json").read_text("utf-8"))["server"]["mcp_config"]
    return [part.replace("${__dirname}", str(folder)) for part in (server["command"], *server["args"])]


def of_the_registry(site: Site) -> list[str]:
    """`server.json`: the hinted program, its own arguments, the package at its version, the package's arguments."""
    [package] = json.loads((site.folder / "mcp-server/server.json").read_text("utf-8"))["packages"]

    def written(arguments: list[dict[str, Any]]) -> list[str]:
        return [argument[key] for argument in arguments for key in ("name", "value") if key in argument]

    identifier = f"{package['identifier']}=={package['version']}"
    return [
        package["runtimeHint"], *written(package["runtimeArguments"]), identifier,
        *written(package["packageArguments"]),
    ]  # fmt: skip


@pytest.mark.parametrize("command_of", [of_agent_plugin, of_claude_plugin, of_mcpb, of_the_registry])
def test_a_host_starts_what_the_file_says(command_of: Callable[[Site], list[str]], site: Site) -> None:
    """The package's tools are there, and a resource has the bytes of the context's own text."""
    program, *arguments = command_of(site)
    server = StdioServerParameters(command=program, args=arguments, env=site.env, cwd=str(site.folder))
    package = load_package("acme_support")

    async def main() -> None:
        async with Client(server) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert tools >= {"find_customer", "find_order", "find_orders", "flow_start"}
            assert "refund" not in tools, "what moves money is called by flows alone"
            uris = {str(resource.uri) for resource in (await client.list_resources()).resources}
            assert "lev://acme_support/contexts/refund-policy" in uris
            [content] = (await client.read_resource("lev://acme_support/contexts/refund-policy")).contents
            text = package.export("./contexts/refund-policy").for_llm()["text"]
            assert content.model_dump()["text"].encode() == text.encode()

    asyncio.run(main())
