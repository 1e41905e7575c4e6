"""apm: `apm.yml` and the primitives in `.apm/` or `.github/` (https://microsoft.github.io/apm).

Instructions, contexts, memories and agents become contexts, `applyTo` becomes `lev-applies-to`; prompts become flows;
skills stay skills. Dependencies, scripts and hooks are noted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lev_os.core.contexts.frontmatter import Frontmatter
from lev_os.core.documents import read_yaml
from lev_os.core.errors import LevError

from ._prompts import Prompt, take
from .taken import Head, Taken, files_named, head_of, text_of

__all__ = ["read"]

_VARIABLE = re.compile(r"\$\{input:([A-Za-z_][A-Za-z0-9_]*)(?::[^}]*)?\}")
_TEXTS = (
    "*.instructions.md", "*.context.md", "*.memory.md", "*.agent.md", "*.chatmode.md",
)  # fmt: skip
_KNOWN = frozenset({"name", "version", "description", "author", "license", "target", "targets", "type", "includes"})


def read(path: Path) -> Taken:
    """The package whose `apm.yml` is `path`, or lies in it."""
    root = path if path.is_dir() else path.parent
    taken = _manifest(root)
    for folder in (root / ".apm", root / ".github"):
        for pattern in _TEXTS:
            for file in files_named(folder, pattern):
                _text(file, root, taken)
        for file in files_named(folder, "*.prompt.md"):
            _prompt(file, root, taken)
        for file in files_named(folder, "SKILL.md"):
            taken.skill(file.parent, _where(file, root))
    if (root / "SKILL.md").is_file():
        taken.skill(root, "SKILL.md", name=taken.name)
    for folder in (root / ".apm" / "hooks", root / "hooks"):
        if folder.is_dir():
            taken.note(_where(folder, root), "not taken: hooks belong to a host, not to a package")
    return taken


def _manifest(root: Path) -> Taken:
    file = root / "apm.yml"
    if not file.is_file():
        raise LevError(f"there is no apm.yml in {root}")
    data = read_yaml(text_of(file), path=str(file)).data
    if not isinstance(data, Mapping):
        raise LevError(f"{file} is not a mapping")
    taken = Taken(
        str(data.get("name") or root.resolve().name),
        str(data.get("description") or ""),
        str(data.get("version") or "0.1.0"),
        str(data.get("license") or ""),
    )
    for name in _dependencies(data):
        taken.note("apm.yml", f"the dependency {name} is not taken: require a package that brings it")
    for key in data:
        if key not in _KNOWN and key not in ("dependencies", "devDependencies"):
            taken.note("apm.yml", f"`{key}` is not taken")
    return taken


def _dependencies(data: Mapping[str, Any]) -> Iterator[str]:
    for key in ("dependencies", "devDependencies"):
        groups = data.get(key) or {}
        for items in groups.values() if isinstance(groups, Mapping) else ():
            for item in items if isinstance(items, list) else ():
                yield item if isinstance(item, str) else str(item.get("name") or item.get("git") or item)


def _where(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()


def _text(file: Path, root: Path, taken: Taken) -> None:
    where = _where(file, root)
    head = head_of(file, taken, where)
    if head is None:
        return
    name, _, kind = file.name.removesuffix(".md").rpartition(".")
    for key in head.data:
        if key not in ("description", "applyTo", "name", "author", "version"):
            taken.note(where, f"`{key}` is not taken")
    metadata = {"lev-applies-to": " ".join(_globs(head))}
    name = name if kind not in ("agent", "chatmode") or name.endswith(kind) else f"{name}-{kind}"
    taken.context(name, head.body, Head(str(head.data.get("description") or ""), metadata=metadata), where)


def _globs(head: Frontmatter) -> list[str]:
    """`applyTo`: a list, or one text with commas between, though not those in braces."""
    value = head.data.get("applyTo") or []
    texts = value if isinstance(value, list) else re.split(r",(?![^{]*\})", str(value))
    return [text.strip() for text in map(str, texts) if text.strip() and " " not in text.strip()]


def _prompt(file: Path, root: Path, taken: Taken) -> None:
    where = _where(file, root)
    head = head_of(file, taken, where)
    if head is None:
        return
    for key in head.data:
        if key not in ("description", "input", "name"):
            taken.note(where, f"`{key}` is not taken")
    prompt = Prompt(
        file.name.removesuffix(".prompt.md"),
        str(head.data.get("description") or ""),
        [("user", head.body)],
        _VARIABLE,
        input={name: {"type": "string"} for name in _inputs(head.data.get("input"))},
    )
    take(prompt, taken, where)


def _inputs(value: Any) -> Iterator[str]:
    """Names, as a list of names or of mappings with one key, or as a mapping."""
    for item in value if isinstance(value, list | Mapping) else ():
        yield from map(str, item) if isinstance(item, Mapping) else [str(item)]
