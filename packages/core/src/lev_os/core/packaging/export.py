"""One exported name, and what it is for one audience."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from . import _expand

if TYPE_CHECKING:
    from .package import Package

Kind = Literal["context", "flow", "tool", "constitution", "skill", "personality", "agent", "python", "file"]

_KINDS: Mapping[str, Kind] = {
    "contexts": "context",
    "flows": "flow",
    "tools": "tool",
    "constitution": "constitution",
    "skills": "skill",
    "agents": "agent",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a subpath is for one condition: a file of the package (`path`) or a Python object (`object`)."""

    specifier: str
    condition: str
    target: str
    path: Path | None = None
    object: str | None = None


@dataclass(frozen=True)
class Export:
    """One name that a package exports. `conditions` are those under which it resolves."""

    package: Package
    subpath: str
    conditions: tuple[str, ...]
    deprecated: str | None = None

    @property
    def specifier(self) -> str:
        return self.package.specifier(self.subpath)

    @property
    def name(self) -> str:
        """The last part of the subpath; the package's name for `.`."""
        return self.subpath.rpartition("/")[2] if self.subpath != "." else self.package.name

    @cached_property
    def kind(self) -> Kind:
        kind = kind_of(self.subpath)
        if kind == "context" and self.package.is_personality(self.subpath):
            return "personality"
        if kind == "tool" and self.subpath in self.package.server_tools:
            return kind
        if kind == "tool" and not _expand.is_function(self.package, self.subpath):
            return "python"
        if kind == "file" and self.conditions == ("python",):
            return "python"
        return kind

    def from_python(self) -> Any:
        """The Python object: what the `python` condition names, else the Context, Flow or Constitution of the file."""
        from .for_llm import as_python

        return as_python(self)

    def for_llm(self, *, conditions: str = "llm") -> dict[str, Any]:
        """`{module, context, text, digest, tokens}` as a model gets it."""
        from .for_llm import as_text

        return as_text(self, conditions)


def kind_of(subpath: str) -> Kind:
    """The kind of an export by its folder: `./contexts/x` is a context."""
    return _KINDS.get(subpath.removeprefix("./").partition("/")[0], "file")
