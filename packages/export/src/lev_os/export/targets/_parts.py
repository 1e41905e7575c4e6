"""What targets see of a package: its exports by kind, its own and not those that an earlier export left in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lev_os.core import Context, Package
from lev_os.core.errors import LevError
from lev_os.core.packaging import Export

from ..about import About, about

if TYPE_CHECKING:
    from lev_os.core import Constitution, Flow
    from lev_os.core.tools import ToolCard

__all__ = ["GENERATED", "Page", "Parts", "example_of", "kebab", "linkable"]

GENERATED = "lev export"
"""The value of `metadata.generated-by` in a SKILL.md that was written here."""

_FOR_MODELS = ("llm-first", "llm", "default")
_NO_LINK = re.compile(r"[\s\x00-\x1f\x7f<>()\\%]")


def linkable(place: str) -> str:
    """A path for a Markdown link: what ends a link there is encoded, and no more; models read the rest as it is."""
    return _NO_LINK.sub(lambda found: quote(found[0]), place)


@dataclass(frozen=True)
class Page:
    """A context with the bytes of its file; `path` is relative to the package's root."""

    export: Export
    context: Context
    path: str
    data: bytes

    @cached_property
    def shown(self) -> bytes:
        """The file as a model should read it: byte for byte, but for links to code, which became signatures."""
        body = self.context.body
        if self.context.text == body:
            return self.data
        bom = b"\xef\xbb\xbf" if self.data.startswith(b"\xef\xbb\xbf") else b""
        source = self.data.removeprefix(bom).decode().replace("\r\n", "\n")
        text = source.removesuffix(body) + self.context.text
        return bom + (text.replace("\n", "\r\n") if b"\r\n" in self.data else text).encode()


class Parts:
    """One package, sorted by what its exports are. Everything is read on first use; broken parts raise `LevError`."""

    def __init__(self, package: Package) -> None:
        self.package = package
        # An earlier export may have left skills in `.agents/skills`; the manifest's own names come first.
        own = Package(
            package.name,
            package.root,
            package.source,
            package.version,
            distribution=package.distribution,
            skills=(),
            given=package.manifest,
        )
        self._own = {export.subpath: export for export in own.exports()}
        every = {export.subpath: export for export in package.exports()}
        self.exports = tuple(self._own.get(subpath, export) for subpath, export in every.items())

    @cached_property
    def about(self) -> About:
        return about(self.package)

    @cached_property
    def pages(self) -> tuple[Page, ...]:
        """Contexts and personalities that a model may read, each file once."""
        found: dict[str, Page] = {}
        for export in self.exports:
            if export.kind in ("context", "personality") and (page := self._page(export)) is not None:
                found.setdefault(page.path, page)
        return tuple(found.values())

    @cached_property
    def index(self) -> Page | None:
        """What `.` is for a model, if it is Markdown."""
        export = next((export for export in self.exports if export.subpath == "."), None)
        return None if export is None else self._page(export)

    @cached_property
    def skills(self) -> tuple[tuple[Export, Path], ...]:
        """Skills with the path of their SKILL.md, without those that `lev export` had put there."""
        found = []
        for export in self.exports:
            if export.kind != "skill" or (path := self._file(export)) is None:
                continue
            if export.subpath in self._own or not _is_generated(path):
                found.append((export, path))
        return tuple(found)

    @cached_property
    def flows(self) -> tuple[tuple[Export, Flow], ...]:
        found = []
        for export in self.exports:
            if export.kind == "flow" and (condition := _condition(export)) is not None:
                from lev_os.core import Flow

                text, path = self.package.read(export.subpath, condition)
                flow = Flow.parse(text, package=self.package, path=str(path), specifier=export.specifier)
                found.append((export, flow))
        return tuple(found)

    @cached_property
    def tools(self) -> tuple[tuple[Export, ToolCard], ...]:
        return tuple((export, self.package.card(export.subpath)) for export in self.exports if export.kind == "tool")

    @cached_property
    def constitution(self) -> Constitution | None:
        path = self.package.constitution_path
        if path is None:
            return None
        from lev_os.core import Constitution

        return Constitution.parse(path.read_bytes(), path=str(path), package=self.package)

    def has_more_than_skills(self) -> bool:
        """Whether there is anything to say beyond skills that are copied as they are."""
        return any(export.kind in ("context", "personality", "flow", "tool") for export in self.exports)

    def _page(self, export: Export) -> Page | None:
        path = self._file(export)
        if path is None or path.suffix.lower() not in (".md", ".markdown"):
            return None
        data = path.read_bytes()
        context = Context.parse(data, path=path, package=self.package, specifier=export.specifier)
        return Page(export, context, path.relative_to(self.package.base).as_posix(), data)

    def _file(self, export: Export) -> Path | None:
        condition = _condition(export)
        if condition is None:
            return None
        path = export.package.resolve(export.subpath, condition).path
        if path is not None and not path.is_file():
            raise LevError(f"{export.specifier} is exported as {path}, which is not there")
        return path


def kebab(name: str) -> str:
    """`acme_support` as skills and plugins are called: lower-case letters, digits and single hyphens."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in name.lower()).split()
    return "-".join(words)


def example_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """An input of a flow with its required fields, to be filled in."""
    properties = schema.get("properties", {})
    required = schema.get("required", ())
    return {name: _sample(spec, name) for name, spec in properties.items() if name in required}


def _sample(spec: Any, name: str) -> Any:
    if not isinstance(spec, Mapping):
        return f"<{name}>"
    if spec.get("enum"):
        return spec["enum"][0]
    kind = spec.get("type")
    samples: dict[Any, Any] = {"integer": 1, "number": 1.0, "boolean": True, "array": [], "object": {}}
    return samples.get(kind, f"<{name}>") if isinstance(kind, str) else f"<{name}>"


def compact(value: Any) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def _condition(export: Export) -> str | None:
    """Under which condition a model gets it."""
    return next((condition for condition in _FOR_MODELS if condition in export.conditions), None)


def _is_generated(skill: Path) -> bool:
    with open(skill, "rb") as file:
        head = file.read(4096)
    return f"generated-by: {GENERATED}".encode() in head.partition(b"\n---")[0]
