"""What a model gets of a package: texts, schemas, digests and token counts."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..canonical import digest_bytes, encode
from ..errors import LevError
from .export import Export
from .loading import load_package
from .manifest import Manifest
from .package import Package

_CONTEXT_KINDS = frozenset({"context", "personality", "skill"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageConfig:
    """A package without a manifest: folders of contexts and flows, and a constitution, each optional."""

    contexts_dir: str | os.PathLike[str] | None = None
    flows_dir: str | os.PathLike[str] | None = None
    constitution_path: str | os.PathLike[str] | None = None
    name: str = "config"


@dataclass(frozen=True, slots=True)
class ForLLM(Mapping[str, Any]):
    """What a model gets. Each item has `specifier`, `digest` and `tokens`, and `text` or (a tool) its schemas.

    The parts can be had as attributes or as keys, so `dict(…)` is the whole as JSON values.
    """

    package: str
    contexts: tuple[dict[str, Any], ...] = ()
    flows: tuple[dict[str, Any], ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    constitutional: dict[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        if key not in self.__dataclass_fields__:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dataclass_fields__)

    def __len__(self) -> int:
        return len(self.__dataclass_fields__)


def package_for_llm(
    package: str | os.PathLike[str] | Package | PackageConfig, *, conditions: str | Collection[str] = "llm"
) -> ForLLM:
    """Everything of a package that a model may have: contexts, flows, tools (as JSON Schemas) and its constitution.

    `conditions` is who asks: `llm` (all that is available) or `llm-first` (the same with up-front texts where
    there are two); of several, `llm-first` if it is among them. Raises `InvalidInput` with every problem of the
    package.
    """
    if not isinstance(conditions, str):
        conditions = "llm-first" if "llm-first" in conditions else "llm"
    if isinstance(package, PackageConfig):
        loaded = package_of(package)
    else:
        loaded = package if isinstance(package, Package) else load_package(package)
    parts: dict[str, list[dict[str, Any]]] = {"contexts": [], "flows": [], "tools": []}
    for export in loaded.exports():
        if export.kind in _CONTEXT_KINDS and conditions in export.conditions:
            parts["contexts"].append(as_text(export, conditions))
        elif export.kind == "flow" and conditions in export.conditions:
            parts["flows"].append(as_text(export, conditions))
        elif export.kind == "tool":
            parts["tools"].append(_tool(export))
    return ForLLM(
        loaded.name,
        tuple(parts["contexts"]),
        tuple(parts["flows"]),
        tuple(parts["tools"]),
        _constitution(loaded),
    )


def as_text(export: Export, condition: str) -> dict[str, Any]:
    """`{specifier, module, context, text, digest, tokens}` of one export; the text of a tool is its card as JSON."""
    if export.kind == "tool":
        item = _tool(export)
        text, digest = encode(item["schema"]).decode(), item["digest"]
    elif export.kind in _CONTEXT_KINDS:
        context = _context(export, condition)
        return _item(export, context.text, context.digest, context.tokens)
    else:
        text, _ = export.package.read(export.subpath, condition)
        digest = digest_bytes(text.encode())
    return _item(export, text, digest, _tokens(text))


def _item(export: Export, text: str, digest: str, tokens: int) -> dict[str, Any]:
    return {
        "specifier": export.specifier,
        "module": export.package.name,
        "context": export.name,
        "text": text,
        "digest": digest,
        "tokens": tokens,
    }


def _tool(export: Export) -> dict[str, Any]:
    card = export.package.card(export.subpath)
    schema = {"name": card.name, "description": card.description, "input_schema": card.input_schema}
    return {
        "specifier": export.specifier,
        "name": card.name,
        "description": card.description,
        "schema": schema,
        "output_schema": card.output_schema,
        "digest": card.digest,
        "tokens": _tokens(encode(schema).decode()),
    }


def _constitution(package: Package) -> dict[str, Any] | None:
    path = package.constitution_path
    if path is None:
        return None
    from ..constitutional import Constitution
    from ._files import read_text

    constitution = Constitution.parse(read_text(path), path=str(path), package=package)
    text = constitution.text
    return {
        "specifier": constitution.specifier or package.name,
        "name": constitution.name,
        "text": text,
        "digest": constitution.digest,
        "tokens": _tokens(text),
    }


def as_python(export: Export) -> Any:
    """The Python object of an export: what `python` names, else what its file is (see `parsed`)."""
    package, subpath = export.package, export.subpath
    if "python" in export.conditions and package.resolve(subpath, "python").object is not None:
        return package.load_object(subpath)
    return parsed(export, "llm-first" if "llm-first" in export.conditions else "default")


def parsed(export: Export, condition: str) -> Any:
    """The Context, Flow, Constitution or AgentDeclaration of an exported file; its text for any other kind."""
    if export.kind in _CONTEXT_KINDS:
        return _context(export, condition)
    text, path = export.package.read(export.subpath, condition)
    if export.kind == "flow":
        from ..flowmind import Flow

        return Flow.parse(text, package=export.package, path=str(path), specifier=export.specifier)
    if export.kind == "constitution":
        from ..constitutional import Constitution

        return Constitution.parse(text, package=export.package, path=str(path), specifier=export.specifier)
    if export.kind == "agent":
        from ..agents import AgentDeclaration

        return AgentDeclaration.parse(text, package=export.package, path=str(path), specifier=export.specifier)
    return text


def _context(export: Export, condition: str) -> Any:
    from ..contexts import Context

    text, path = export.package.read(export.subpath, condition)
    return Context.parse(text, path=str(path), package=export.package, specifier=export.specifier)


def _tokens(text: str) -> int:
    from ..tokens import count

    return count(text)


def package_of(config: PackageConfig) -> Package:
    """A package whose export map covers the folders that a configuration names."""
    given = {
        "contexts_dir": config.contexts_dir,
        "flows_dir": config.flows_dir,
        "constitution_path": config.constitution_path,
    }
    places = {key: Path(value).resolve() for key, value in given.items() if value is not None}
    if not places:
        raise LevError("a PackageConfig names at least one of contexts_dir, flows_dir and constitution_path")
    for key, place in places.items():
        if not place.exists():
            raise LevError(f"{key} {place} does not exist")
    folders = [place if key != "constitution_path" else place.parent for key, place in places.items()]
    root = Path(os.path.commonpath(folders))
    exports: dict[str, Any] = {}
    if "contexts_dir" in places:
        exports["./contexts/*"] = {"llm": f"{_below(root, places['contexts_dir'])}/*.md"}
    if "flows_dir" in places:
        exports["./flows/*"] = {"llm": f"{_below(root, places['flows_dir'])}/*.yaml"}
    constitution = _below(root, places["constitution_path"]) if "constitution_path" in places else None
    manifest = Manifest(config.name, exports=exports, constitution=constitution)
    return Package(config.name, root, "config", given=manifest)


def _below(root: Path, path: Path) -> str:
    relative = path.relative_to(root).as_posix()
    return "." if relative == "." else f"./{relative}"
