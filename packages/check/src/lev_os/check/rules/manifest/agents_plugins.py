"""plugin.json and marketplace.json: Agent Plugins 1.0.0 and Claude Code's."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lev_os.core.documents import describe, nearest

from ...files import File
from ...project import Project
from ...rule import Example, Finding, rule
from .._json import json_span, read_json
from .agents_json import VERIFIED

_AGENT_PLUGINS = "https://agent-plugins.org/"
_SCHEMA = f"{_AGENT_PLUGINS}schemas/1.0.0/plugin.schema.json"
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "$schema": str, "name": str, "version": str, "description": str, "author": dict, "homepage": str,
    "repository": str, "license": str, "keywords": list, "extensions": dict,
}  # fmt: skip
_NAME = re.compile(r"[a-z0-9.-]{1,64}")
_KEBAB = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_HEAD = f'{{"$schema": "{_SCHEMA}", '


def _agent_plugin(file: File) -> Mapping[str, Any] | None:
    if file.path.name != "plugin.json" or _AGENT_PLUGINS not in file.text:
        return None
    data = read_json(file)
    schema = data.get("$schema") if isinstance(data, dict) else None
    return data if isinstance(schema, str) and schema.startswith(_AGENT_PLUGINS) else None


@rule(
    "MAN603",
    "agent-plugin",
    summary="A plugin.json breaks the schema of Agent Plugins 1.0.0.",
    on="file",
    kinds={"plugin"},
    severity="error",
    why="The schema is closed: clients refuse a manifest with an unknown field, or with a name of another form. Files "
    "that do not name the schema are not looked at, for other tools call theirs `plugin.json` too.",
    mend="Correct the field; data of your own goes under `extensions`, by a reverse domain name.",
    source="https://agent-plugins.org/specification",
    verified=VERIFIED,
    bad=(
        Example({"plugin.json": f'{_HEAD}"name": "a--b"}}\n'}, ("plugin.json", 1, len(_HEAD) + 9)),
        Example({"plugin.json": f'{_HEAD}"name": "a", "skills": []}}\n'}, ("plugin.json", 1, len(_HEAD) + 14)),
    ),
    good=(
        Example({"plugin.json": f'{_HEAD}"name": "a.b-c", "author": {{"name": "x"}}}}\n'}),
        Example({"src/plugin.json": '{"type": "panel", "id": "somebody-elses"}\n'}),
    ),
)
def agent_plugin(file: File) -> Iterator[Finding]:
    """Fields, their kinds, and the name."""
    data = _agent_plugin(file)
    if data is None:
        return
    name = data.get("name")
    if name is None:
        yield Finding(json_span(file), "the plugin has no `name`", "write 1 to 64 of a-z, 0-9, `.` and `-`")
    elif isinstance(name, str) and (not _NAME.fullmatch(name) or "--" in name or ".." in name):
        yield Finding(
            json_span(file, "name"), f"a plugin cannot be named {name!r}", "use 1 to 64 of a-z, 0-9, `.`, `-`"
        )
    for key, value in data.items():
        if key not in _FIELDS:
            help_ = nearest(key, _FIELDS) or "put your own data under `extensions`"
            yield Finding(json_span(file, key, key=True), f"Agent Plugins does not know `{key}`", help_)
        elif not isinstance(value, _FIELDS[key]):
            yield Finding(json_span(file, key), f"`{key}` cannot be {describe(value)}")


def _claude(file: File, name: str) -> Mapping[str, Any] | None:
    if file.path.name != name or file.path.parent.name != ".claude-plugin":
        return None
    data = read_json(file)
    return data if isinstance(data, dict) else None


@rule(
    "MAN604",
    "claude-plugin",
    summary="A Claude Code plugin.json has no usable name, or a field of the wrong kind.",
    on="file",
    kinds={"plugin"},
    severity="error",
    why="Claude Code does not load the plugin.",
    mend="Name it in lower-case letters, digits and hyphens; write `author` as an object.",
    source="https://code.claude.com/docs/en/plugins-reference",
    verified=VERIFIED,
    bad=(
        Example({".claude-plugin/plugin.json": '{"name": "My Plugin"}\n'}, (".claude-plugin/plugin.json", 1, 10)),
        Example({".claude-plugin/plugin.json": '{"description": "x"}\n'}, (".claude-plugin/plugin.json", 1, 1)),
    ),
    good=Example({".claude-plugin/plugin.json": '{"name": "my-plugin", "version": "1.0.0"}\n'}),
)
def claude_plugin(file: File) -> Iterator[Finding]:
    """The name and the kinds of the metadata."""
    data = _claude(file, "plugin.json")
    if data is None:
        return
    yield from _name(file, data, "plugin")
    for key in ("version", "description", "homepage", "license"):
        if key in data and not isinstance(data[key], str):
            yield Finding(json_span(file, key), f"`{key}` must be text, not {describe(data[key])}")
    if isinstance(data.get("author"), str):
        yield Finding(json_span(file, "author"), "`author` must be an object", f'write {{"name": "{data["author"]}"}}')


def _name(file: File, data: Mapping[str, Any], what: str) -> Iterator[Finding]:
    name = data.get("name")
    if not isinstance(name, str) or not name:
        yield Finding(json_span(file, "name") if "name" in data else (0, 1), f"the {what} has no `name`")
    elif any(c.isspace() for c in name):
        yield Finding(json_span(file, "name"), f"a {what} cannot be named {name!r}", "write it with hyphens")
    elif not _KEBAB.fullmatch(name):
        message = f"the name {name!r} is not in lower-case letters, digits and hyphens"
        yield Finding(json_span(file, "name"), message, severity="warning")


_COMPONENTS = ("commands", "agents", "skills", "hooks", "mcpServers", "lspServers", "outputStyles")


@rule(
    "MAN605",
    "claude-plugin-path",
    summary="A path in a Claude Code plugin.json leads nowhere.",
    on="project",
    severity="error",
    why="Paths are relative to the plugin's root (the folder above `.claude-plugin`). What is not found is not loaded.",
    mend="Correct the path; begin it with `./`.",
    source="https://code.claude.com/docs/en/plugins-reference",
    verified=VERIFIED,
    bad=Example(
        {".claude-plugin/plugin.json": '{"name": "a", "commands": "./cmds"}\n'}, (".claude-plugin/plugin.json", 1, 27)
    ),
    good=Example({".claude-plugin/plugin.json": '{"name": "a", "commands": "./cmds/"}\n', "cmds/x.md": "Text.\n"}),
)
def claude_plugin_path(project: Project) -> Iterator[Finding]:
    """Every path to a component."""
    for file in project.of_kind("plugin"):
        data = _claude(file, "plugin.json")
        for key in _COMPONENTS if data is not None else ():
            value = data.get(key) if data is not None else None
            entries = enumerate(value) if isinstance(value, list) else [(None, value)]
            for index, path in entries:
                if isinstance(path, str):
                    place = (key,) if index is None else (key, index)
                    project.uses(file.path.parent.parent / path)
                    yield from _path(file, file.path.parent.parent, path, place)


def _path(file: File, root: Path, path: str, place: tuple[str | int, ...]) -> Iterator[Finding]:
    if "${" in path or "*" in path:
        return
    whole = os.path.normpath(os.path.join(root, path))
    if os.path.isabs(path) or not (whole + os.sep).startswith(str(root) + os.sep):
        message, severity = f"`{path}` leads out of the plugin", None
    elif not os.path.exists(whole):
        message, severity = f"`{path}` does not exist", None
    elif not path.startswith("./"):
        message, severity = f"`{path}` must begin with `./`", "warning"
    else:
        return
    yield Finding(json_span(file, *place), message, file=file.where, severity="warning" if severity else None)


@rule(
    "MAN606",
    "claude-marketplace",
    summary="A marketplace.json misses what Claude Code needs of it.",
    on="project",
    severity="error",
    why="A marketplace needs `name`, `owner` and `plugins`; each plugin a `name` and a `source` that exists.",
    mend="Write the missing field, or correct the path.",
    source="https://code.claude.com/docs/en/plugin-marketplaces",
    verified=VERIFIED,
    bad=Example(
        {".claude-plugin/marketplace.json": '{"name": "a", "owner": {"name": "x"},\n "plugins": [{"name": "b"}]}\n'},
        (".claude-plugin/marketplace.json", 2, 14),
    ),
    good=Example(
        {
            ".claude-plugin/marketplace.json": '{"name": "a", "owner": {"name": "x"},\n'
            ' "plugins": [{"name": "b", "source": "./b"}]}\n',
            "b/skills/x/SKILL.md": "---\nname: x\ndescription: y\n---\nText.\n",
        }
    ),
)
def claude_marketplace(project: Project) -> Iterator[Finding]:
    """The fields of the marketplace and of its plugins."""
    for file in project.of_kind("plugin"):
        data = _claude(file, "marketplace.json")
        if data is None:
            continue
        for found in _marketplace(file, data, project):
            yield Finding(found.span, found.message, found.help, file=file.where, severity=found.severity)


def _marketplace(file: File, data: Mapping[str, Any], project: Project) -> Iterator[Finding]:
    yield from _name(file, data, "marketplace")
    owner = data.get("owner")
    if not isinstance(owner, dict) or not isinstance(owner.get("name"), str):
        yield Finding(json_span(file, "owner") if "owner" in data else (0, 1), "the marketplace has no `owner.name`")
    plugins = data.get("plugins")
    if not isinstance(plugins, list):
        yield Finding(json_span(file, "plugins") if "plugins" in data else (0, 1), "the marketplace has no `plugins`")
        return
    metadata = data.get("metadata")
    under = metadata.get("pluginRoot", "") if isinstance(metadata, dict) else ""
    seen: set[str] = set()
    for index, plugin in enumerate(plugins):
        place = ("plugins", index)
        if not isinstance(plugin, dict):
            yield Finding(json_span(file, *place), "a plugin must be an object")
            continue
        name, source = plugin.get("name"), plugin.get("source")
        if not isinstance(name, str) or not name:
            yield Finding(json_span(file, *place), "the plugin has no `name`")
        elif name in seen:
            yield Finding(json_span(file, *place, "name"), f"two plugins are named `{name}`")
        else:
            seen.add(name)
        if source is None:
            yield Finding(json_span(file, *place), "the plugin has no `source`")
        elif isinstance(source, str):
            whole = os.path.join(file.path.parent.parent, under if isinstance(under, str) else "", source)
            project.uses(whole)
            if not os.path.exists(whole):
                yield Finding(json_span(file, *place, "source"), f"`{source}` does not exist")
