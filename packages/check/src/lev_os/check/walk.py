"""Which files a check looks at, and what each of them is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from .diagnostics import NotChecked

INSTRUCTIONS = frozenset(
    {"AGENTS.md", "CLAUDE.md", "GEMINI.md", "AGENTS.override.md", "CLAUDE.local.md", ".cursorrules", ".windsurfrules"}
)
_SKIPPED = frozenset(
    {"node_modules", "__pycache__", "site-packages", "dist", "build", ".git", ".hg", ".svn", ".venv", "venv", ".tox",
     ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tools", ".lev", ".idea"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """A file to check. `explicit`: it was named itself, not found in a folder."""

    path: Path
    kind: str
    explicit: bool = False


@dataclass(slots=True)
class Walk:
    """What lies under the paths that were given."""

    files: list[Found] = field(default_factory=list)
    manifests: list[Path] = field(default_factory=list)
    """Every `lev.toml`: the packages."""
    not_checked: list[NotChecked] = field(default_factory=list)


def walk(paths: Sequence[Path]) -> Walk:
    """Find what to check under `paths` (files and folders), each file once, in the order of their names."""
    found = Walk()
    seen: set[str] = set()
    for path in paths:
        if path.is_dir():
            _folder(path, found, seen)
        elif path.exists():
            _take(path, found, seen, explicit=True)
        else:
            found.not_checked.append(NotChecked(str(path), "there is no such file"))
    return found


def _folder(root: Path, found: Walk, seen: set[str]) -> None:
    def unreadable(error: OSError) -> None:
        found.not_checked.append(NotChecked(str(error.filename), error.strerror or "cannot be read"))

    for folder, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            _take(Path(folder, name), found, seen)


def _take(path: Path, found: Walk, seen: set[str], *, explicit: bool = False) -> None:
    kind = kind_of(path) or (_explicit_kind(path) if explicit else None)
    if kind is None:
        return
    real = os.path.realpath(path)
    if real in seen:
        return
    seen.add(real)
    if kind == "manifest":
        found.manifests.append(path)
    found.files.append(Found(path, kind, explicit))


def kind_of(path: PurePath) -> str | None:
    """What a file is by its name and folder; None for what no rule looks at."""
    name, parents = path.name, path.parent.parts
    if name == "SKILL.md":
        return "skill"
    if name in INSTRUCTIONS or name == "copilot-instructions.md" or name.endswith(".instructions.md"):
        return "instructions"
    if name.endswith(".mdc") and "rules" in parents:
        return "instructions"
    if name == "lev.toml":
        return "manifest"
    if name in ("plugin.json", "marketplace.json"):
        return "plugin"
    if name in (".mcp.json", "mcp.json"):
        return "mcp"
    if name == "hooks.json" and path.parent.name == "hooks":
        return "hooks"
    if name.endswith(".md"):
        return _markdown_kind(parents)
    return None


def _markdown_kind(parents: Sequence[str]) -> str | None:
    if parents[-2:] in ((".windsurf", "rules"), (".claude", "rules")):
        return "instructions"
    if ".claude" in parents:
        for kind in ("commands", "agents"):
            if kind in parents:
                return kind.removesuffix("s")
    return "resource" if "skills" in parents else None


def _explicit_kind(path: PurePath) -> str | None:
    if path.suffix in (".yaml", ".yml"):
        return "document"
    return "context" if path.suffix in (".md", ".markdown", ".mdc") else None


def of_package(root: Path, manifest_targets: Iterator[tuple[str, Path]]) -> Iterator[Found]:
    """The files of a package by what its exports say they are: (kind of export, path)."""
    kinds = {"context": "context", "personality": "context", "flow": "flow", "constitution": "constitution"}
    for kind, path in manifest_targets:
        if kind == "skill":
            yield Found(path, "skill")
        elif kind in kinds and path.is_relative_to(root):
            yield Found(path, kinds[kind])
