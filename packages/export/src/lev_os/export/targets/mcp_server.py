"""`mcp-server`: `server.json` for the MCP registry, and an `.mcpb` bundle that desktop hosts install.

Sources: the schema of server.json of 2025-12-11, and manifest 0.3 of MCP bundles. The registry takes a name only with
proof of its namespace: `mcp-name: io.github.you/acme-support` in the README that PyPI shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from lev_os.core import Package

from ..about import About
from ..target import Lost, Rendered, Target
from ._json import archive, pretty, without_empty
from ._parts import Parts, kebab
from ._server import LEV

__all__ = ["TARGET"]

_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
_MOST = 100
_UNKNOWN = "com.example"


def _render(packages: Sequence[Package]) -> Rendered:
    files: dict[str, bytes] = {}
    lost: list[Lost] = []
    for package in packages:
        parts = Parts(package)
        if not parts.has_more_than_skills():
            lost.append(Lost(package.name, "has skills alone, which need no server; none is written for it"))
            continue
        name = kebab(package.name)
        folder = "" if len(packages) == 1 else f"{name}/"
        files[f"{folder}server.json"] = pretty(_server(parts, name))
        files[f"{folder}{name}.mcpb"] = archive(_bundle(parts, name))
        lost += _lost(parts, name)
    return Rendered(files, lost=tuple(lost))


def _server(parts: Parts, name: str) -> dict[str, Any]:
    about = parts.about
    version = about.version or "0.0.0"
    repository = _repository(about)
    return without_empty(
        {
            "$schema": _SCHEMA,
            "name": about.mcp_name or f"{_namespace(about)}/{name}",
            "title": parts.package.name[:_MOST],
            "description": _short(about.summary or f"Flows and tools of {parts.package.name}."),
            "version": version,
            "websiteUrl": about.homepage,
            "repository": repository,
            "packages": [
                {
                    "registryType": "pypi",
                    "identifier": about.distribution,
                    "version": version,
                    "runtimeHint": "uvx",
                    "runtimeArguments": [{"type": "named", "name": "--with", "value": LEV}],
                    "packageArguments": [
                        {"type": "positional", "value": "mcp"},
                        {"type": "positional", "value": parts.package.name},
                    ],
                    "transport": {"type": "stdio"},
                }
            ],
        }
    )


def _bundle(parts: Parts, name: str) -> dict[str, bytes]:
    about = parts.about
    author = about.authors[0] if about.authors else None
    main = f'from lev_os.cli import main\n\nraise SystemExit(main(["mcp", {parts.package.name!r}]))\n'
    program = ["run", "--no-project", "--with", LEV, "--with", about.requirement, "${__dirname}/server/main.py"]
    manifest = without_empty(
        {
            "manifest_version": "0.3",
            "name": name,
            "version": about.version or "0.0.0",
            "description": about.summary or f"Flows and tools of {parts.package.name}.",
            "author": without_empty({"name": author.name, "email": author.email})
            if author is not None
            else {"name": about.distribution},
            "homepage": about.homepage,
            "license": about.license,
            "keywords": list(about.keywords),
            "server": {
                "type": "python",
                "entry_point": "server/main.py",
                "mcp_config": {"command": "uv", "args": program},
            },
            "tools": [
                without_empty({"name": export.name, "description": card.description.partition("\n")[0]})
                for export, card in parts.tools
            ],
            "tools_generated": bool(parts.flows) or None,
        }
    )
    return {"manifest.json": pretty(manifest), "server/main.py": main.encode()}


def _lost(parts: Parts, name: str) -> Iterator[Lost]:
    about = parts.about
    if about.mcp_name is None:
        where = f"{_namespace(about)}/{name}"
        if where.startswith(f"{_UNKNOWN}/"):
            where = f"io.github.YOU/{name}"
        yield Lost(parts.package.name, f"the registry wants proof of its name: write `mcp-name: {where}` in the README")
    if about.distribution not in about.scripts:
        line = f'{about.distribution} = "lev_os.cli:main"'
        yield Lost(parts.package.name, f"`uvx {about.distribution}` starts nothing: add {line} to [project.scripts]")
    if about.version is None:
        yield Lost(parts.package.name, "it has no version; 0.0.0 is written")


def _namespace(about: About) -> str:
    """`io.github.OWNER` for a repository on GitHub."""
    url = urlsplit(about.repository or about.homepage)
    owner = url.path.strip("/").partition("/")[0]
    return f"io.github.{owner}" if url.hostname == "github.com" and owner else _UNKNOWN


def _repository(about: About) -> dict[str, str] | None:
    """Its address without what follows the repository's own path."""
    url = urlsplit(about.repository)
    source = {"github.com": "github", "gitlab.com": "gitlab"}.get(url.hostname or "")
    owner, _, rest = url.path.strip("/").partition("/")
    name = rest.partition("/")[0].removesuffix(".git")
    if source is None or not name:
        return None
    return {"url": f"https://{url.hostname}/{owner}/{name}", "source": source}


def _short(text: str) -> str:
    return text if len(text) <= _MOST else text[: _MOST - 1].rsplit(" ", 1)[0] + "…"


TARGET = Target("mcp-server", "server.json for the MCP registry, and an .mcpb bundle", _render, apart=True)
