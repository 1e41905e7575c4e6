"""What exports lead to: files, modules, nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lev_os.core.documents import nearest
from lev_os.core.errors import LevError
from lev_os.core.packaging import path_fault
from lev_os.core.packaging.exports import best_pattern

from ...files import File
from ...kinds import sniff
from ...manifests.modules import find_module
from ...manifests.targets import Written, files_below, manifest_of, missing
from ...markdown import head_of
from ...project import PackageSubject
from ...rule import Finding, rule
from ._package import added, changed, manifest, sound

_TOGETHER = (
    frozenset({"llm-first", "llm", "default"}),
    frozenset({"llm", "default"}),
    frozenset({"python", "default"}),
)
"""The conditions that one of ours who asks has, all at once."""
_OURS = frozenset().union(*_TOGETHER)
_READ = {"contexts": (".md",), "flows": (".yaml",)}
_HEAD = 64 * 1024
"""Characters of a file in which it says what it is."""
_MARK = re.compile(r"^[ \t]+lev-[a-z-]+[ \t]*:", re.MULTILINE)
_FLOW = "flowmind: 1\nname: work\ninput: {}\nsteps: []\n"
_MARKED = "---\nmetadata:\n  lev-kind: context\n---\nBe kind.\n"
_PATH = re.compile(r"\./[A-Za-z0-9_.*-]+(?:/[A-Za-z0-9_.*-]+)*")


@rule(
    "MAN501",
    "export-target-missing",
    summary="An export's target is not there: no such file, module or name.",
    on="package",
    severity="error",
    why="Whoever asks for it gets nothing, or an error at run time.",
    mend="Correct the target, add the file, or remove the export.",
    bad=manifest('"./tools/*" =', '"./about" = { llm = "./about.md" }\n"./tools/*" =', 'llm = "./about'),
    good=manifest(
        '"./tools/*" =', '"./about" = { llm = "./about.md" }\n"./tools/*" =', files={"acme/about.md": "We.\n"}
    ),
)
def export_target_missing(subject: PackageSubject) -> Iterator[Finding]:
    """Every target without a star, and the module of every reference with one."""
    found = manifest_of(subject)
    for target in found.targets() if found is not None else ():
        assert found is not None
        if "*" in target.text and (target.is_file or not target.text.endswith(":*")):
            continue
        whole = target if "*" not in target.text else Written(target.key, (), target.text[:-2], target.at)
        why = missing(found, whole)
        if why is not None:
            yield found.finding(f"{target.key!r} leads to `{target.text}`, and {why}", *target.at)


@rule(
    "MAN502",
    "pattern-matches-nothing",
    summary="A pattern of the export map stands for no file.",
    on="package",
    severity="warning",
    why="It looks as if something were exported; a folder may be misspelt or have been renamed.",
    mend="Correct the folder, or remove the pattern.",
    bad=manifest("./contexts/*.md", "./context/*.md", "llm"),
    good=sound(),
)
def pattern_matches_nothing(subject: PackageSubject) -> Iterator[Finding]:
    """File targets with a star, against the files there are."""
    found = manifest_of(subject)
    for target in found.targets() if found is not None else ():
        assert found is not None
        if not target.is_file or "*" not in target.text:
            continue
        head, _, tail = target.text[2:].partition("*")
        folder = head.rpartition("/")[0]
        pattern = re.compile(re.escape(head) + ".+" + re.escape(tail).replace(r"\*", ".+"), re.DOTALL)
        names = (path.relative_to(found.root).as_posix() for path in files_below(found.root, folder))
        if not any(pattern.fullmatch(name) for name in names):
            folders = [path.name for path in found.root.iterdir() if path.is_dir()]
            help = None if (found.root / folder).is_dir() else nearest(folder, folders)
            yield found.finding(f"no file is like `{target.text}`", *target.at, help=help)


@rule(
    "MAN503",
    "export-shadowed",
    summary="An export can never be reached, because others take everything it stands for.",
    on="package",
    severity="warning",
    why="Of several patterns that fit, the longest before its star is taken; what is never taken does nothing.",
    mend="Remove it, or the ones that hide it.",
    source="https://nodejs.org/api/esm.html#resolution-algorithm-specification",
    verified="2026-11-22",
    bad=manifest(
        '"./contexts/*" =', '"./contexts/*" = { llm = "./contexts/*.md" }\n"./contexts/t*" =', '"./contexts/*"'
    ),
    good=sound(),
)
def export_shadowed(subject: PackageSubject) -> Iterator[Finding]:
    """Patterns whose every file falls under another key; keys without a star are always reached."""
    found = manifest_of(subject)
    if found is None or sum("*" in key for key in found.exports) < 2:
        return
    table = subject.package.table
    for target in found.targets():
        if "*" not in target.key or not target.is_file:
            continue
        head, _, tail = target.text[2:].partition("*")
        stars = [
            name[len(head) : len(name) - len(tail)]
            for path in files_below(found.root, head.rpartition("/")[0])
            if (name := path.relative_to(found.root).as_posix()).startswith(head) and name.endswith(tail)
        ]
        names = [target.key.replace("*", star) for star in stars if star]
        if names and all(name in table or best_pattern(table, name)[0] != target.key for name in names):
            taken = sorted({name if name in table else best_pattern(table, name)[0] for name in names})
            others = ", ".join(f"`{key}`" for key in taken[:3])
            yield found.finding(f"{target.key!r} is never reached: {others} is taken before it", "exports", target.key)


@rule(
    "MAN504",
    "condition-never-holds",
    summary="A target stands under conditions that nobody has at once.",
    on="package",
    severity="warning",
    why="Who asks as `python` never asks as `llm`; a target that needs both is never used.",
    mend="Put the conditions beside each other, not into each other.",
    bad=manifest('{ llm = "./contexts/*.md" }', '{ python = { llm = "./contexts/*.md" } }', "llm"),
    good=manifest(
        '{ llm = "./contexts/*.md" }', '{ llm = { llm-first = "./contexts/*.md", default = "./contexts/*.md" } }'
    ),
)
def condition_never_holds(subject: PackageSubject) -> Iterator[Finding]:
    """Nested conditions of ours; those of the npm twin and unknown ones may hold together with any."""
    found = manifest_of(subject)
    for target in found.targets() if found is not None else ():
        assert found is not None
        conditions = frozenset(target.conditions)
        if conditions <= _OURS and not any(conditions <= together for together in _TOGETHER):
            names = " and ".join(f"`{condition}`" for condition in target.conditions)
            yield found.finding(f"nobody asks with {names} at once", *target.at)


@rule(
    "MAN505",
    "file-not-exported",
    summary="A context, flow, skill or agent lies in the package, and no export reaches it.",
    on="package",
    severity="warning",
    why="It is shipped, and no model will ever be given it.",
    mend="Export it, or say that it is not meant to be: a pattern with the target `false`.",
    bad=(
        added(
            {"acme/contexts/notes/voice.md": "Be kind.\n", "acme/flows/work.yaml": "x\n"}, "acme/flows/work.yaml", "x"
        ),
        added({"acme/flows/work.yml": _FLOW}, "acme/flows/work.yml", "flowmind"),
        added({"acme/prompts/work.yaml": _FLOW}, "acme/prompts/work.yaml", "flowmind"),
        added({"acme/prompts/tone.md": _MARKED}, "acme/prompts/tone.md", "---"),
        added({"acme/skills/pdf/SKILL.md": "---\nname: pdf\n"}, "acme/skills/pdf/SKILL.md", "---"),
        added({"acme/contexts/con.md": "Be kind.\n"}, "acme/contexts/con.md", "Be kind"),
    ),
    good=(
        manifest(
            '"./tools/*" =',
            '"./contexts/drafts/*" = false\n"./tools/*" =',
            files={"acme/contexts/drafts/a.md": "Be kind.\n"},
        ),
        manifest(
            '"./tools/*" =',
            '"./skills/*" = { llm = "./skills/*/SKILL.md" }\n"./tools/*" =',
            files={"acme/skills/pdf/SKILL.md": "x\n", "acme/skills/pdf/forms.md": "x\n", "acme/docs/a.md": "x\n"},
        ),
    ),
)
def file_not_exported(subject: PackageSubject) -> Iterator[Finding]:
    """Files that a model could be given, by their folder or what stands in them, that are no export's target and
    under no key that is `false`."""
    found = manifest_of(subject)
    if found is None or not found.is_whole:
        return
    reached = {*_paths(subject), subject.package.constitution_path}
    for path in files_below(found.root, "."):
        relative = path.relative_to(found.root).as_posix()
        if path in reached or path.name.startswith(("_", ".")) or not _is_for_models(path, relative):
            continue
        if _excluded(subject, f"./{relative}"):
            continue
        message, help = f"no export of {subject.package.name} reaches `./{relative}`", "export it, or map it to `false`"
        if (fault := path_fault(f"./{relative}")) is not None:
            message, help = f"`./{relative}` cannot be exported: {fault}", "rename it"
        yield Finding((0, 1), message, help, file=str(path))


@rule(
    "MAN506",
    "private-name-exported",
    summary="A name with a leading underscore is exported.",
    on="package",
    severity="warning",
    why="An underscore says that a name may change without notice; an export promises that it will not.",
    mend="Rename it, narrow the pattern, or map the private ones to `false`.",
    bad=added({"acme/contexts/_draft.md": "Be brief.\n"}, "acme/lev.toml", '"./contexts/*"'),
    good=sound(),
)
def private_name_exported(subject: PackageSubject) -> Iterator[Finding]:
    """Exports whose own name is private, or that stand for a private name of a module."""
    found = manifest_of(subject)
    if found is None:
        return
    for export in subject.exports:
        if any(part.startswith("_") for part in export.subpath.split("/")):
            key = export.subpath if export.subpath in found.exports else best_pattern(found.exports, export.subpath)[0]
            yield found.finding(f"`{export.subpath}` is private by its name and exported", "exports", key)
    for target in found.targets():
        name = target.text.partition(":")[2]
        if not target.is_file and name.startswith("_"):
            yield found.finding(f"`{target.text}` is private by its name and exported", *target.at)


@rule(
    "MAN507",
    "deprecated-without-way",
    summary="A deprecated export names no replacement, or one that is not exported.",
    on="package",
    severity="warning",
    why="Who is warned has to know where to go.",
    mend='Name an export that is there: `deprecated = "use ./contexts/tone"`.',
    bad=manifest(
        '{ llm = "./contexts/*.md" }', '{ llm = "./contexts/*.md", deprecated = "use ./contexts/voice" }', "depre"
    ),
    good=manifest('{ llm = "./contexts/*.md" }', '{ llm = "./contexts/*.md", deprecated = "use ./contexts/tone" }'),
)
def deprecated_without_way(subject: PackageSubject) -> Iterator[Finding]:
    """The paths that stand in `deprecated`, against the exports; a text without any is let be as `info`."""
    found = manifest_of(subject)
    if found is None or not found.is_whole:
        return
    names = {export.subpath for export in subject.exports}
    for key, text in subject.package.manifest.deprecated.items():
        paths = [path.rstrip(".") for path in _PATH.findall(text)]
        for path in paths:
            if path not in names and path not in found.exports:
                message = f"`{path}` is to be used instead, and is not exported"
                yield found.finding(message, "exports", key, "deprecated", help=nearest(path, names))
        if not paths and subject.package.name not in text and "/" not in text:
            message = "this says that the export is deprecated, and not what to use instead"
            at = found.span("exports", key, "deprecated")
            yield Finding(at, message, "name an export, such as `use ./contexts/x`", severity="info")


@rule(
    "MAN201",
    "module-unreadable",
    summary="A module that an export names is not Python.",
    on="package",
    severity="error",
    why="Nothing of it can be exported, and its tools are missing for everybody.",
    mend="Correct the line.",
    bad=changed("acme/tools.py", "def add(", "def add add(", "def add ¶add"),
    good=sound(),
)
def module_unreadable(subject: PackageSubject) -> Iterator[Finding]:
    """The modules of all references, each once."""
    found = manifest_of(subject)
    seen: set[str] = set()
    for target in found.targets() if found is not None else ():
        name = target.text.partition(":")[0]
        if target.is_file or name in seen:
            continue
        seen.add(name)
        module = find_module(subject.package.name, subject.package.root, name)
        if module is not None and module.fault is not None:
            line, column, reason = module.fault
            file = File(module.path, str(module.path), "other")
            yield Finding(file.span_at(line, column), f"this is not Python: {reason}", file=str(module.path))


def _is_for_models(path: Path, relative: str) -> bool:
    """Whether a file lies where contexts, flows or skills lie, or says itself that it is one, or an agent."""
    if path.name == "SKILL.md" or path.suffix in _READ.get(relative.partition("/")[0], ()):
        return True
    if path.suffix not in (".md", ".yaml", ".yml"):
        return False
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            text = stream.read(_HEAD)
    except OSError:
        return False
    if path.suffix == ".md":
        head = head_of(text)
        return head is not None and _MARK.search(head.text) is not None
    return sniff(text) in ("flow", "declared-agent")


def _paths(subject: PackageSubject) -> Iterator[Path]:
    """The files that exports stand for, whoever asks."""
    for export in subject.exports:
        for condition in ("llm-first", "llm", "python", "default"):
            try:
                path = export.package.target(export.subpath, condition).path
            except LevError:
                continue
            if path is not None:
                yield path


def _excluded(subject: PackageSubject, path: str) -> bool:
    """Whether a key that is `false` covers the file: by its path, or without its ending."""
    table = subject.package.table
    for name in (path, path.rpartition(".")[0]):
        key = name if name in table else best_pattern(table, name)[0]
        if key and key in table and table[key] is None:
            return True
    return False
