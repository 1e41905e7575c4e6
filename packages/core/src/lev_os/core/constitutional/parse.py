"""`constitution.yaml` to a `Constitution`, with every problem at its line and column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..documents import Document, check, read_yaml
from ..errors import InvalidInput, Problem
from .build import principles_of
from .constitution import Constitution
from .inherit import inherit, parents_of
from .lint import lint
from .readable import readable
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
    return _usable(*examine(text, package=package, path=path, specifier=specifier, resolve=resolve))


def _usable(constitution: Constitution | None, problems: list[Problem]) -> Constitution:
    if constitution is None or has_errors(problems):
        raise InvalidInput(problems)
    return constitution


def has_errors(problems: Iterable[Problem]) -> bool:
    """Whether a constitution with these problems must not be used; warnings (`fail: open`) leave it usable."""
    return any(problem.severity == "error" for problem in problems)


def examine(
    text: str | bytes,
    *,
    package: Package | None = None,
    path: str | None = None,
    specifier: str | None = None,
    resolve: Resolve | None = None,
) -> tuple[Constitution | None, list[Problem]]:
    """The constitution as far as it can be read, None when nothing of it can, and every problem.

    When `has_errors(problems)` it is for looking at, not for use: of its principles, those are left out that cannot
    be read or put to use.
    """
    source = Source(specifier or path or "<text>", text, path, package)
    return _examine(source, resolve or from_packages, (source.specifier,), specifier or "")


def _examine(
    source: Source, resolve: Resolve, chain: tuple[str, ...], specifier: str
) -> tuple[Constitution | None, list[Problem]]:
    try:
        document = read_yaml(source.text, path=source.path)
    except InvalidInput as error:
        return None, list(error.problems)
    shape = _shape(document)
    sound = readable(document) if shape and shape[0].code == _CODE else None if shape else document
    if sound is None:
        return None, shape
    data = sound.data
    specifier = specifier or data["name"]

    def load(found: Source) -> Constitution:
        return _usable(*_examine(found, resolve, (*chain, found.specifier), found.specifier))

    parents, problems = parents_of(sound, source.package, resolve, chain, load)
    inherited, more = inherit(sound, parents)
    own = dict(principles_of(sound, specifier, inherited))
    orphaned = len(parents) < len(data.get("extends", ())) or ("extends" in document.data and "extends" not in data)
    said, useless = lint(sound, own, inherited, [parent for _, parent in parents], orphaned=orphaned)
    used = {principle.id: principle for index, principle in own.items() if index not in useless}
    return (
        Constitution.of(
            tuple({**inherited, **used}.values()),
            name=data["name"],
            specifier=specifier,
            mode=data.get("mode", "enforce"),
            text=document.text,
        ),
        [*shape, *problems, *more, *said],
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
