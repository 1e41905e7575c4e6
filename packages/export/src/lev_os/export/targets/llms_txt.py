"""`llms-txt`: `llms.txt` with links to the texts beside it, and `llms-full.txt` with all of them in one.

Source: https://llmstxt.org: a title, a quoted summary, lists of links under headings, `Optional` last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lev_os.core import Package
from lev_os.core.contexts.folders import files_below

from ..target import Lost, Rendered, Target
from ._json import pretty
from ._parts import Page, Parts, linkable

__all__ = ["TARGET"]


def _render(packages: Sequence[Package]) -> Rendered:
    every = [Parts(package) for package in packages]
    files: dict[str, bytes] = {}
    for parts in every:
        files |= {_place(parts, page.path): page.shown for page in _pages(parts)}
        for _, path in parts.skills:
            folder = path.parent.relative_to(parts.package.base).as_posix()
            for name in files_below(path.parent):
                files[_place(parts, f"{folder}/{name}")] = (path.parent / name).read_bytes()
        for export, flow in parts.flows:
            files[f"{parts.package.name}/{export.subpath[2:]}.yaml"] = flow.tree.text.encode()
        for export, card in parts.tools:
            schema = {"name": export.name, "description": card.description, "input_schema": dict(card.input_schema)}
            files[f"{parts.package.name}/{export.subpath[2:]}.json"] = pretty(schema)
    files["llms.txt"] = "".join(_index(every)).encode()
    files["llms-full.txt"] = "".join(_full(every)).encode()
    lost = [
        Lost(export.specifier, "is there to be read; only Leviathan runs it") for p in every for export, _ in p.flows
    ]
    return Rendered(files, lost=tuple(lost))


def _pages(parts: Parts) -> list[Page]:
    """What `.` is comes first."""
    pages = {page.path: page for page in parts.pages}
    if parts.index is None:
        return list(pages.values())
    return [parts.index, *(page for path, page in pages.items() if path != parts.index.path)]


def _place(parts: Parts, path: str) -> str:
    return f"{parts.package.name}/{path}"


def _index(every: Sequence[Parts]) -> Iterator[str]:
    single = len(every) == 1
    if single:
        yield f"# {every[0].package.name}\n\n> {every[0].about.summary or every[0].package.name}\n"
    else:
        yield f"# Packages\n\n> Texts for language models of {', '.join(parts.package.name for parts in every)}.\n"
    # The format's own parser takes a summary for one only when a paragraph follows it.
    yield "\nLinks are relative to this file; llms-full.txt has all contexts in one.\n"
    for parts in every:
        of = "" if single else f" of {parts.package.name}"
        links = [(page.context.name, _place(parts, page.path), page.context.description) for page in _pages(parts)]
        yield from _section(f"Contexts{of}", links)
        skills = [
            (e.name, _place(parts, path.relative_to(parts.package.base).as_posix()), "") for e, path in parts.skills
        ]
        yield from _section(f"Skills{of}", skills)
    for parts in every:
        of = "" if single else f" of {parts.package.name}"
        root = parts.package.name
        flows = [(e.name, f"{root}/{e.subpath[2:]}.yaml", flow.tree.description) for e, flow in parts.flows]
        yield from _section(f"Flows{of}", flows)
        tools = [
            (e.name, f"{root}/{e.subpath[2:]}.json", card.description.partition("\n")[0]) for e, card in parts.tools
        ]
        # Readers with little room leave out what stands under this heading.
        yield from _section("Optional" if single else f"Tools{of}", tools)


def _section(title: str, links: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    if links:
        yield f"\n## {title}\n\n"
        for name, place, about in links:
            yield f"- [{name}]({linkable(place)})" + (f": {' '.join(about.split())}\n" if about.strip() else "\n")


def _full(every: Sequence[Parts]) -> Iterator[str]:
    for parts in every:
        yield f"# {parts.package.name}\n\n{parts.about.summary}\n".replace("\n\n\n", "\n")
        for page in _pages(parts):
            yield f"\n<!-- {page.export.specifier} -->\n\n{page.context.text.strip()}\n"


TARGET = Target("llms-txt", "llms.txt, the texts that it links to, and llms-full.txt", _render)
