"""`claude-plugin`: a marketplace of Claude Code with a plugin for each package.

A plugin has the package's skills, its MCP server, a command for each flow and an agent for each personality.
Source: https://code.claude.com/docs/en/plugins-reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lev_os.core import Flow, Package
from lev_os.core.packaging import Export

from ..about import Person
from ..target import Lost, Rendered, Target
from ._json import pretty, without_empty
from ._parts import Page, Parts, compact, example_of, kebab
from ._server import command_of
from ._skill import placed, skills_of

__all__ = ["TARGET"]


def _render(packages: Sequence[Package]) -> Rendered:
    files: dict[str, bytes] = {}
    lost: list[Lost] = []
    executable: set[str] = set()
    entries = []
    every = [Parts(package) for package in packages]
    for parts in every:
        name = kebab(parts.package.name)
        root = f"plugins/{name}"
        manifest = _manifest(parts, name)
        entries.append({"name": name, "source": f"./{root}", **_entry(manifest)})
        skills = placed(skills_of([parts]), f"{root}/skills")
        files |= {f"{root}/.claude-plugin/plugin.json": pretty(manifest), **skills.files, **dict(_extras(parts, root))}
        executable |= skills.executable
        lost += skills.lost
    described = ", ".join(parts.package.name for parts in every)
    market = {
        "name": _market_name(every),
        "description": f"Skills, flows and tools of {described}.",
        "owner": _owner(every),
        "plugins": entries,
    }
    files[".claude-plugin/marketplace.json"] = pretty(market)
    return Rendered(files, lost=tuple(lost), executable=frozenset(executable))


def _extras(parts: Parts, root: str) -> Iterator[tuple[str, bytes]]:
    if parts.flows or parts.tools:
        command, args = command_of(parts)
        servers = {kebab(parts.package.name): {"command": command, "args": args}}
        yield f"{root}/.mcp.json", pretty({"mcpServers": servers})
    yield f"{root}/README.md", f"# {parts.package.name}\n\n{parts.about.summary}\n".encode()
    for export, flow in parts.flows:
        yield f"{root}/commands/{_file_name(export)}.md", _command(export, flow)
    for page in parts.pages:
        if page.context.kind == "personality":
            yield f"{root}/agents/{_file_name(page.export)}.md", _agent(page)


def _file_name(export: Export) -> str:
    return kebab(export.subpath.removeprefix("./").partition("/")[2])


def _command(export: Export, flow: Flow) -> bytes:
    description = " ".join(flow.tree.description.split()) or f"Run the flow {export.specifier}."
    call = f"flow_start(flow={compact(export.specifier)}, input={compact(example_of(flow.tree.input_schema))})"
    return (
        f"---\ndescription: {compact(description)}\nargument-hint: {compact(_hint(flow))}\n---\n"
        f"Call the MCP tool `{call}`, its input filled in from: $ARGUMENTS\n\n"
        "Every reply names the literal next call in `next`: make it, with the answer that `instruction` asks for, "
        "until `kind` is `done`, `failed`, `denied` or `cancelled`. At `waiting` stop: a person must act.\n"
    ).encode()


def _hint(flow: Flow) -> str:
    required = flow.tree.input_schema.get("required", ())
    names = flow.tree.input_schema.get("properties", {})
    return " ".join(f"<{name}>" if name in required else f"[{name}]" for name in names)


def _agent(page: Page) -> bytes:
    context = page.context
    description = context.description or context.metadata.get("lev-question", "") or context.name
    head = f"---\nname: {kebab(context.name)}\ndescription: {compact(description)}\n---\n"
    return (head + context.text.lstrip("\n")).encode()


def _manifest(parts: Parts, name: str) -> dict[str, Any]:
    about = parts.about
    author = about.authors[0] if about.authors else Person(about.distribution)
    return without_empty(
        {
            "name": name,
            "version": about.version,
            "description": about.summary,
            "author": without_empty({"name": author.name, "email": author.email}),
            "homepage": about.homepage,
            "repository": about.repository,
            "license": about.license,
            "keywords": list(about.keywords),
        }
    )


def _entry(manifest: dict[str, Any]) -> dict[str, Any]:
    return {key: manifest[key] for key in ("description", "version") if key in manifest}


def _market_name(every: Sequence[Parts]) -> str:
    return kebab(every[0].package.name) if len(every) == 1 else "packages"


def _owner(every: Sequence[Parts]) -> dict[str, str]:
    author = next((parts.about.authors[0] for parts in every if parts.about.authors), None)
    if author is not None:
        return without_empty({"name": author.name, "email": author.email})
    return {"name": every[0].about.distribution if every else "nobody"}


TARGET = Target("claude-plugin", "a marketplace of Claude Code, with a plugin for each package", _render)
