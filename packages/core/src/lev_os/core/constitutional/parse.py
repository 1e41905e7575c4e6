"""`constitution.yaml` to a `Constitution`, with every problem at its line and column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..documents import Document, check, read_yaml
from ..errors import InvalidInput, Problem
from .build import principles_of
from .constitution import Constitution
from .inherit import inherit, parents_of
from .lint import lint
from .schema import VERSION, constitution_schema
from .sources import Resolve, Source, from_packages

if TYPE_CHECKING:
    from ..packaging import Package

_CODE = "CON101"


def parse(
    text: str | bytes,
    *,
    package: Package | None = None,
    path: str | None = None,
    specifier: str | None = None,
    resolve: Resolve | None = None,
) -> Constitution:
    """See `Constitution.parse`."""
    constitution, problems = examine(text, package=package, path=path, specifier=specifier, resolve=resolve)
    if constitution is None:
        raise InvalidInput(problems)
    return constitution


def examine(
    text: str | bytes,
    *,
    package: Package | None = None,
    path: str | None = None,
    specifier: str | None = None,
    resolve: Resolve | None = None,
) -> tuple[Constitution | None, list[Problem]]:
    """The constitution, or None when a problem is an error; warnings (`fail: open`) come with a usable one."""
    source = Source(specifier or path or "<text>", text, path, package)
    return _examine(source, resolve or from_packages, (source.specifier,), specifier or "")


def _examine(
    source: Source, resolve: Resolve, chain: tuple[str, ...], specifier: str
) -> tuple[Constitution | None, list[Problem]]:
    try:
        document = read_yaml(source.text, path=source.path)
    except InvalidInput as error:
        return None, list(error.problems)
    problems = _shape(document)
    if problems:
        return None, problems
    data = document.data
    specifier = specifier or data["name"]

    def load(found: Source) -> Constitution:
        parent, troubles = _examine(found, resolve, (*chain, found.specifier), found.specifier)
        if parent is None:
            raise InvalidInput(troubles)
        return parent

    parents, problems = parents_of(document, source.package, resolve, chain, load)
    inherited, more = inherit(document, parents)
    problems += more
    own = list(principles_of(document, specifier, inherited))
    problems += lint(document, own, inherited, [parent for _, parent in parents])
    if any(problem.severity == "error" for problem in problems):
        return None, problems
    merged = {**inherited, **{principle.id: principle for principle in own}}
    return (
        Constitution.of(
            tuple(merged.values()),
            name=data["name"],
            specifier=specifier,
            mode=data.get("mode", "enforce"),
            text=document.text,
        ),
        problems,
    )


def _shape(document: Document) -> list[Problem]:
    """What the schema says, and of an unknown version only that."""
    data: Any = document.data
    if isinstance(data, Mapping):
        version = data.get("constitution")
        if isinstance(version, (int, float)) and not isinstance(version, bool) and version > VERSION:
            return [
                Problem(
                    "CON102",
                    f"this is a constitution of version {version}; this installation reads version {VERSION}",
                    document.at(("constitution",)),
                    "upgrade lev-os-core",
                )
            ]
    return check(document, constitution_schema(), code=_CODE)
