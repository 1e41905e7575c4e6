"""Which contexts of dependencies a project's flows and contexts load, and which of them a person has approved.

`lev.lock`, at the root of the project, holds under `[approved]` the digest of each approved context by its specifier.
A new release of a dependency with another text has another digest, and must be approved again. The project's own
packages, and those of `lev_os`, need no approval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from lev_os.core.errors import InvalidInput, LevError, Location, Problem
from lev_os.core.packaging import lock as locks
from lev_os.core.packaging.lock import lock_of

from .facts import fact
from .files import File
from .patterns import Pattern
from .project import Project
from .rule import Span

_DIGEST = Pattern(r"sha256:[0-9a-f]{64}")
_PLACED = Pattern(r"at line (\d+), column (\d+)")
_EXTERNAL = Pattern(r"(?:lev://)?[A-Za-z_][\w.]*/(?:contexts|skills)/[\w./-]+")


class Named(msgspec.Struct, frozen=True, array_like=True):
    """A context of another package, as a file names it."""

    specifier: str
    start: int
    end: int


@fact("foreign-contexts", kinds={"flow", "context", "skill"}, type=tuple[Named, ...])
def foreign_contexts(file: File) -> tuple[Named, ...]:
    """The contexts of other packages that a flow loads, or a context requires or links to."""
    found = _of_flow(file) if file.kind == "flow" else _of_context(file)
    return tuple(Named(ref.removeprefix("lev://"), *span) for ref, span in found if _EXTERNAL.fullmatch(ref))


def _of_flow(file: File) -> Iterator[tuple[str, Span]]:
    if "context" not in file.text:
        return
    document = file.yaml
    pending: list[tuple[tuple[str | int, ...], object]] = [((), document.data)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, Mapping):
            for key, item in value.items():
                if key == "context" and isinstance(item, list):
                    for index, ref in enumerate(item):
                        if isinstance(ref, str):
                            at = document.at((*path, key, index))
                            yield ref, file.span_at(at.line or 1, at.column or 1)
                elif isinstance(item, Mapping | list):
                    pending.append(((*path, key), item))
        elif isinstance(value, list):
            pending += [((*path, index), item) for index, item in enumerate(value)]


def _of_context(file: File) -> Iterator[tuple[str, Span]]:
    written = file.markdown.head
    spelt = written is not None and ("lev-requires" in written.text or "\\" in written.text)
    if spelt and (head := file.frontmatter) is not None:
        metadata = file.fields.get("metadata")
        words = metadata.get("lev-requires") if isinstance(metadata, Mapping) else None
        if isinstance(words, str):
            at = head.at(("metadata", "lev-requires"))
            yield from ((ref, file.span_at(at.line or 1, at.column or 1)) for ref in words.split())
    yield from ((link.target, link.span) for link in file.markdown.links if link.target.startswith("lev://"))


class Needed(msgspec.Struct, frozen=True):
    """A context that `file` loads at `span`: what it is now, and the digest that was approved, if any."""

    specifier: str
    digest: str
    path: Path
    file: File
    span: Span
    approved: str | None


def needed(project: Project) -> Iterator[Needed]:
    """Every use of a context of a dependency; references that cannot be resolved are left to other rules.

    Raises `InvalidInput` for a `lev.lock` that cannot be used.
    """
    every = ((file, name) for file, names in project.facts(foreign_contexts) for name in names)
    named = [(file, name) for file, name in every if not name.specifier.startswith("lev_os")]
    if not named:
        return
    from lev_os.core.packaging import find

    lock = lock_of(project.root)
    project.uses(*_decides(project.root))
    approved: Mapping[str, str] | None = None
    for file, name in named:
        try:
            package, subpath = find(name.specifier)
            path = package.resolve(subpath, "llm").path
            if path is None or not _is_installed(package.root, lock.parent):
                continue
            digest = package.file_digest(subpath)
        except LevError:
            continue
        project.uses(path)
        if approved is None:
            approved = read_lock(lock)
        yield Needed(name.specifier, digest, path, file, (name.start, name.end), approved.get(name.specifier))


def _is_installed(package: Path, root: Path) -> bool:
    parts = package.parts
    return "site-packages" in parts or "dist-packages" in parts or not package.is_relative_to(root)


def _decides(folder: Path) -> Iterator[Path]:
    """The paths by which it is decided which lock holds: a nearer one, or a nearer root, may come to be."""
    for lock in locks.lock_places(folder):
        yield from (lock, lock.with_name("pyproject.toml"), lock.with_name(".git"))


def read_lock(path: Path) -> Mapping[str, str]:
    """The digests under `[approved]`, by specifier; empty without the file. Raises `InvalidInput`."""
    try:
        data = locks.read_lock(path)
    except LevError as error:
        raise _unusable(path, error.message.removeprefix(f"{path}: ")) from None
    table = data.get("approved", {})
    if not isinstance(table, dict) or not all(isinstance(v, str) and _DIGEST.fullmatch(v) for v in table.values()):
        raise _unusable(path, "`[approved]` must map specifiers to `sha256:…` digests")
    return table


def _unusable(path: Path, reason: str) -> InvalidInput:
    placed = _PLACED.search(reason)
    at = Location(str(path), int(placed[1]), int(placed[2])) if placed else Location(str(path), 1, 1)
    return InvalidInput([Problem("SEC503", reason, at, "restore it, or approve anew")])


def approve(path: Path, digests: Mapping[str, str]) -> None:
    """Add or replace approvals; the rest of the file stays as it is. Raises `InvalidInput`, `OSError`."""
    table = {**read_lock(path), **digests}
    lines = "".join(f'"{name}" = "{digest}"\n' for name, digest in sorted(table.items()))
    note = "contexts of dependencies that a person has read; `lev approve` writes them"
    locks.replace_table(path, "approved", lines, note)
