"""What contexts name by specifiers: `lev-requires`, `lev-conflicts`, and links across packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from lev_os.core.errors import LevError

from ...files import File
from ...project import PackageSubject
from ...rule import Example, Finding, Span, rule
from .._head import line_span

_LEV = 'format = 1\n[exports]\n"./contexts/*" = { llm = "./contexts/*.md" }\n'


def _context(requires: str) -> str:
    return f"---\nmetadata:\n  lev-requires: {requires}\n---\nText.\n"


def _named(file: File, key: str) -> Iterator[tuple[str, Span]]:
    """The specifiers of one key, with their places."""
    read = file.head if f"{key}:" in file.text else None
    metadata = read[1].get("metadata") if read is not None else None
    value = metadata.get(key) if isinstance(metadata, Mapping) else None
    if read is None or not isinstance(value, str):
        return
    start, end = line_span(file, read[0], "metadata", key)
    for word in value.split():
        at = file.text.find(word, start, end)
        yield word, (at, at + len(word)) if at >= 0 else (start, end)


def _contexts(package: PackageSubject) -> Iterator[File]:
    return (file for file in package.files.values() if file.kind in ("context", "skill"))


def _path(package: PackageSubject, specifier: str) -> Path | None:
    """The file that a specifier stands for; raises `LevError` when there is none."""
    from lev_os.core.packaging import find

    found, subpath = find(specifier, within=package.package)
    condition = "llm" if "llm" in found.export(subpath).conditions else "llm-first"
    return found.resolve(subpath, condition).path


@rule(
    "CTX305",
    "requires-unknown",
    summary="A context requires, or conflicts with, something that does not exist.",
    on="package",
    severity="error",
    why="A bundle with the context cannot be made as its author meant it.",
    mend="Correct the specifier: `./contexts/x` in the package, `package/contexts/x` outside.",
    bad=Example(
        {"acme/__init__.py": "", "acme/lev.toml": _LEV, "acme/contexts/a.md": _context("./contexts/b ./contexts/c"),
         "acme/contexts/b.md": "Text.\n"},
        ("acme/contexts/a.md", 3, 30),
    ),
    good=(
        Example(
            {"acme/__init__.py": "", "acme/lev.toml": _LEV, "acme/contexts/a.md": _context("./contexts/b"),
             "acme/contexts/b.md": "Text.\n"}
        ),
        Example(
            {"acme/__init__.py": "", "acme/lev.toml": _LEV + '"." = { llm-first = "./contexts/b.md" }\n',
             "acme/contexts/a.md": _context("acme"), "acme/contexts/b.md": "Text.\n"}
        ),
    ),
)  # fmt: skip
def requires_unknown(package: PackageSubject) -> Iterator[Finding]:
    """Specifiers that resolve to nothing."""
    for file in _contexts(package):
        for key in ("lev-requires", "lev-conflicts"):
            for word, span in _named(file, key):
                try:
                    _path(package, word)
                except LevError as error:
                    yield Finding(span, f"`{key}`: {error.message}", error.help, file=file.where)


@rule(
    "CTX306",
    "requires-circular",
    summary="Contexts require each other in a circle.",
    on="package",
    severity="warning",
    why="Each of them always brings all the others, so none can be left out when the budget runs short.",
    mend="Let one of them link to the other instead of requiring it, or make them one.",
    bad=Example(
        {"acme/__init__.py": "", "acme/lev.toml": _LEV, "acme/contexts/a.md": _context("./contexts/b"),
         "acme/contexts/b.md": _context("./contexts/a")},
        ("acme/contexts/b.md", 3, 17),
    ),
    good=Example(
        {"acme/__init__.py": "", "acme/lev.toml": _LEV, "acme/contexts/a.md": _context("./contexts/b ./contexts/c"),
         "acme/contexts/b.md": _context("./contexts/c"), "acme/contexts/c.md": "Text.\n"}
    ),
)  # fmt: skip
def requires_circular(package: PackageSubject) -> Iterator[Finding]:
    """The requirement that closes each circle, in the order of files."""
    graph: dict[Path, list[tuple[Path, Span]]] = {}
    files = {file.path: file for file in _contexts(package)}
    for path, file in files.items():
        for word, span in _named(file, "lev-requires"):
            try:
                target = _path(package, word)
            except LevError:
                continue  # CTX305 reports it
            if target in files:
                graph.setdefault(path, []).append((target, span))
    done: set[Path] = set()
    for first in graph:
        trail: list[Path] = []
        pending: list[tuple[Path, Iterator[tuple[Path, Span]]]] = []
        if first not in done:
            trail.append(first)
            pending.append((first, iter(graph[first])))
        while pending:
            path, following = pending[-1]
            step = next(following, None)
            if step is None:
                done.add(path)
                trail.pop()
                pending.pop()
                continue
            target, span = step
            if target in trail:
                circle = [*trail[trail.index(target) :], target]
                names = " → ".join(at.stem if at.name != "SKILL.md" else at.parent.name for at in circle)
                yield Finding(span, f"the requirements go in a circle: {names}", file=str(path))
            elif target not in done:
                trail.append(target)
                pending.append((target, iter(graph.get(target, []))))


@rule(
    "CTX307",
    "lev-link-broken",
    summary="A lev:// link leads to a package that is not there, or to what it does not export.",
    on="package",
    severity="warning",
    why="Whoever follows it, a model or a bundle, gets nothing.",
    mend="Correct the specifier, or install the package where the check looks (`--python`).",
    bad=Example(
        {"acme/__init__.py": "", "acme/lev.toml": _LEV, "acme/contexts/a.md": "See [b](lev://acme/contexts/bb).\n",
         "acme/contexts/b.md": "Text.\n"},
        ("acme/contexts/a.md", 1, 5),
    ),
    good=Example(
        {"acme/__init__.py": "", "acme/lev.toml": _LEV, "acme/contexts/b.md": "Text.\n",
         "acme/contexts/a.md": "See [b](lev://acme/contexts/b#top), not `[c](lev://acme/contexts/c)`.\n"}
    ),
)  # fmt: skip
def lev_link_broken(package: PackageSubject) -> Iterator[Finding]:
    """Links of contexts and skills, resolved as a model would."""
    for file in _contexts(package):
        for link in file.markdown.links if "lev://" in file.text else ():
            specifier = link.target.partition("#")[0].partition("?")[0]
            if not specifier.startswith("lev://"):
                continue
            try:
                _path(package, specifier)
            except LevError as error:
                yield Finding(link.span, error.message, error.help, file=file.where)
