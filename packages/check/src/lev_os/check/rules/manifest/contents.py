"""What a package's exports hold: tools that say what they do, contexts that say what they are for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from lev_os.core.canonical import digest_bytes
from lev_os.core.errors import InvalidInput, LevError, Problem
from lev_os.core.flowmind.model import Ask, Call, SubFlow
from lev_os.core.flowmind.walk import walk

from ...files import File
from ...manifests.targets import manifest_of
from ...manifests.tools import function_of, module_of, source, tools_of
from ...project import FlowSubject, PackageSubject
from ...rule import Example, Finding, rule
from ._package import SOUND, added, changed, manifest, sound

_ADD = SOUND["acme/tools.py"]
_BUILT = '{{"format": 1, "tools": {{"./tools/add": {{"source_digest": "{0}", "input_schema": {{}}}}}}}}\n'
_PYTHON = '{ llm = "./contexts/*.md", python = "acme.contexts:*" }'
_EXPOSED = "from lev_os.core import expose\n\n__getattr__, __dir__, __all__ = expose(__name__)\n"
_FLOWS = (
    '"./flows/*" = { llm = "./flows/*.yaml" }\n"./old/*" = { llm = "./old/*.md", deprecated = "use ./contexts/tone" }\n'
)
_FLOW = "flowmind: 1\nname: work\ninput: {}\nsteps:\n  - ask: Go on.\n    context: [./contexts/tone]\n"


@rule(
    "MAN402",
    "tool-declaration",
    summary="A tool's declaration is not made of literals, or says something that is no effect.",
    on="package",
    severity="error",
    why="It is read without importing the module; what has to be computed cannot be read, and the tool not be used.",
    mend="Write the effects out.",
    bad=changed("acme/tools.py", "effects=()", "effects=EFFECTS", "EFFECTS"),
    good=sound(),
)
def tool_declaration(subject: PackageSubject) -> Iterator[Finding]:
    """Every exported tool's card; its problems are where they stand in the module."""
    seen: set[Problem] = set()
    for export in tools_of(subject):
        try:
            subject.package.card(export.subpath)
        except InvalidInput as error:
            for problem in error.problems:
                if problem.code == "MAN402" and problem not in seen and problem.at.path is not None:
                    seen.add(problem)
                    file = source(problem.at.path)
                    span = file.span_at(problem.at.line or 1, problem.at.column or 1)
                    yield Finding(span, problem.message, problem.help, file=problem.at.path)
        except LevError:
            continue


@rule(
    "MAN532",
    "tool-undeclared",
    summary="An exported tool does not say what it does to the world.",
    on="package",
    severity="warning",
    why="The worst is assumed of it: a person is asked before each call.",
    mend="Write `@tool(effects=…)` above it; an empty tuple says that there are none.",
    bad=changed("acme/tools.py", "@tool(effects=())\n", "", "def ¶add"),
    good=sound(),
)
def tool_undeclared(subject: PackageSubject) -> Iterator[Finding]:
    """Exported functions of the package without declared effects; servers' tools are declared in the manifest."""
    for export in tools_of(subject):
        try:
            card = subject.package.card(export.subpath)
        except LevError:
            continue
        if card.declaration.effects is None and (found := function_of(subject, export)) is not None:
            file, span = found
            help = "write `@tool(effects=())` above it if it only computes, or the effects that it has"
            yield Finding(span, f"the tool `{card.name}` declares no effects", help, file=file.where)


@rule(
    "MAN533",
    "tool-undescribed",
    summary="An exported tool has no description.",
    on="package",
    severity="warning",
    why="A model chooses a tool by its description; by the name alone it guesses.",
    mend="Write one line of docstring: what it does, and what it gives back.",
    bad=changed("acme/tools.py", '    """Add two numbers."""\n', "", "def ¶add"),
    good=sound(),
)
def tool_undescribed(subject: PackageSubject) -> Iterator[Finding]:
    """Exported functions of the package without a docstring."""
    for export in tools_of(subject):
        try:
            card = subject.package.card(export.subpath)
        except LevError:
            continue
        if not card.description.strip() and (found := function_of(subject, export)) is not None:
            file, span = found
            yield Finding(span, f"the tool `{card.name}` has no docstring", file=file.where)


@rule(
    "MAN401",
    "tools-file-unreadable",
    summary="`tools.json` is not what a build writes.",
    on="package",
    severity="error",
    why="No tool of the package can be used while its schemas cannot be read.",
    mend="Build the package again, or remove the file.",
    bad=added({"acme/tools.json": "[]\n"}, "acme/tools.json", "[]"),
    good=added({"acme/tools.json": _BUILT.format(digest_bytes(_ADD.encode()))}),
)
def tools_file_unreadable(subject: PackageSubject) -> Iterator[Finding]:
    """The file's form; what single entries say is looked at by MAN534."""
    file = _tools_file(subject)
    if file is not None and _entries(file) is None:
        yield Finding((0, 1), "this is not a list of tools", "build the package again", file=file.where)


@rule(
    "MAN534",
    "tools-file-stale",
    summary="`tools.json` was made from another state of the source.",
    on="package",
    severity="warning",
    why="Its exact schemas are not used any more; models get those that the annotations alone give.",
    mend="Build the package again.",
    bad=added({"acme/tools.json": _BUILT.format("sha256:0")}, "acme/tools.json", '"./tools/add"'),
    good=added({"acme/tools.json": _BUILT.format(digest_bytes(_ADD.encode()))}),
)
def tools_file_stale(subject: PackageSubject) -> Iterator[Finding]:
    """Each entry of the file against the module that its tool stands in."""
    file = _tools_file(subject)
    if file is None:
        return
    path = file.path
    exports = {export.subpath: export for export in tools_of(subject)}
    for name, entry in (_entries(file) or {}).items():
        start = max(file.text.find(f'"{name}"'), 0)
        span = (start, start + len(name) + 2)
        module = module_of(subject, exports[name]) if name in exports else None
        made_from = entry.get("source_digest") if isinstance(entry, Mapping) else None
        if name not in exports:
            yield Finding(span, f"`{name}` is no exported tool", "build the package again", file=str(path))
        elif module is not None and made_from != digest_bytes(source(str(module.path)).text.encode()):
            message = f"`{module.path.name}` has changed since the schemas of `{name}` were made"
            yield Finding(span, message, "build the package again", file=str(path))


@rule(
    "MAN535",
    "context-undescribed",
    summary="An exported context has no description.",
    on="package",
    severity="info",
    why="A model that is offered contexts on request chooses by their descriptions.",
    mend="Add `description` to the frontmatter: what it is, and when to read it.",
    bad=changed("acme/contexts/tone.md", "description: How we write.\n", "", "---"),
    good=sound(),
)
def context_undescribed(subject: PackageSubject) -> Iterator[Finding]:
    """Contexts and personalities; skills have rules of their own."""
    for export in subject.exports:
        if export.kind not in ("context", "personality"):
            continue
        try:
            path = subject.package.target(export.subpath, "llm").path
            file = None if path is None else subject.files.get(path)
            described = file is None or bool(file.fields.get("description"))
        except LevError:
            continue
        if not described and file is not None:
            yield Finding((0, min(3, len(file.text))), f"`{export.subpath}` has no description", file=file.where)


@rule(
    "MAN536",
    "not-importable",
    summary="An export that is meant for Python too cannot be imported under its name.",
    on="package",
    severity="warning",
    why="The manifest promises it to both; programs get an error where models get a text.",
    mend="Rename the file so that it is an identifier with hyphens, and expose the folder in its `__init__.py`.",
    bad=manifest('{ llm = "./contexts/*.md" }', _PYTHON, "python", {"acme/contexts/__init__.py": ""}),
    good=manifest('{ llm = "./contexts/*.md" }', _PYTHON, files={"acme/contexts/__init__.py": _EXPOSED}),
)
def not_importable(subject: PackageSubject) -> Iterator[Finding]:
    """Patterns with both `llm` and `python`, whose files do not resolve under `python`."""
    found = manifest_of(subject)
    for key, target in found.exports.items() if found is not None else ():
        assert found is not None
        if "*" not in key or not isinstance(target, Mapping) or not {"llm", "python"} <= target.keys():
            continue
        head, _, tail = key.partition("*")
        lacking = [
            export.subpath
            for export in subject.exports
            if export.subpath.startswith(head) and export.subpath.endswith(tail) and "llm" in export.conditions
            and "python" not in export.conditions
        ]  # fmt: skip
        if lacking:
            names = ", ".join(f"`{name}`" for name in lacking[:3])
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            help = f"see `{target['python']}`: does its module call `expose(__name__)`, and is the name an identifier?"
            yield found.finding(f"{names}{more} cannot be imported", "exports", key, "python", help=help)


@rule(
    "MAN537",
    "deprecated-used",
    summary="A flow uses an export that its own package has deprecated.",
    on="flow",
    severity="warning",
    why="The package tells others to stop using it.",
    mend="Use what the deprecation names.",
    bad=Example(
        {
            **SOUND,
            "acme/lev.toml": SOUND["acme/lev.toml"] + _FLOWS,
            "acme/old/tone.md": "Be brief.\n",
            "acme/flows/work.yaml": _FLOW.replace("contexts/tone", "old/tone"),
        },
        ("acme/flows/work.yaml", 6, 15),
    ),
    good=manifest('"./tools/*" =', _FLOWS + '"./tools/*" =', files={"acme/flows/work.yaml": _FLOW}),
)
def deprecated_used(subject: FlowSubject) -> Iterator[Finding]:
    """What the flow's own references name, of the package that it is in."""
    package = subject.flow.package
    if package is None:
        return
    for reference in dict.fromkeys(_references(subject)):
        try:
            export = package.export(reference) if reference.startswith(("./", f"{package.name}/")) else None
        except LevError:
            continue
        if export is not None and export.deprecated:
            start = max(subject.file.text.find(reference), 0)
            span = (start, start + len(reference))
            yield Finding(span, f"`{reference}` is deprecated", export.deprecated)


def _tools_file(subject: PackageSubject) -> File | None:
    path = subject.package.root / "tools.json"
    return File(path, str(path), "other") if path.is_file() else None


def _entries(file: File) -> Mapping[str, Any] | None:
    """What it says of each tool; None when it is no list of tools."""
    try:
        found = msgspec.json.decode(file.text)["tools"]
    except (msgspec.DecodeError, TypeError, KeyError, RecursionError):
        return None
    return found if isinstance(found, Mapping) else None


def _references(subject: FlowSubject) -> Iterator[str]:
    tree = subject.flow.tree
    yield from tree.context
    for step in walk(tree.steps):
        match step:
            case Call(tool=reference) | SubFlow(flow=reference):
                yield reference
            case Ask(tools=tools, context=context):
                yield from (*tools, *context)
