"""What of each export a JavaScript program gets: constants with their types, and the file that a model reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from lev_os.core.errors import LevError
from lev_os.core.packaging.for_llm import as_text, parsed

from ..target import Lost

if TYPE_CHECKING:
    from lev_os.core import Package
    from lev_os.core.packaging import Export

Form = Literal["Context", "Flow", "Tool", "Document"]
_CONTEXTS = frozenset({"context", "personality", "skill"})


@dataclass(frozen=True, slots=True)
class Raw:
    """A file that a model reads, by its path in the package (POSIX, no `./`)."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """One export. `form` names its type in TypeScript, `values` are its constants in order.

    `raw` is what `llm` stands for. Where a model gets another text up front than on request, `values` and `first` are
    the former, `on_request` the constants of the latter.
    """

    export: Export
    form: Form
    values: Mapping[str, Any]
    raw: Raw | None
    first: Raw | None = None
    on_request: Mapping[str, Any] | None = None
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None


def read_parts(package: Package) -> tuple[list[Part], list[Lost]]:
    """Every export that can be had in JavaScript, and what cannot; nothing of the package is imported.

    Raises `InvalidInput` for a context, flow or tool that cannot be read.
    """
    parts: list[Part] = []
    lost: list[Lost] = []
    for export in package.exports():
        if export.subpath == ".":
            continue  # what the whole package is for a model is no module: its own name is everything
        if export.subpath == "./package.json" or "*" in export.subpath:
            lost.append(Lost(export.specifier, "its name means something else to Node: it is left out"))
            continue
        part = _tool(export) if export.kind == "tool" else _file(export)
        if isinstance(part, str):
            lost.append(Lost(export.specifier, part))
            continue
        parts.append(part)
    return parts, [*lost, *_lost(package, parts)]


def _lost(package: Package, parts: Sequence[Part]) -> Iterator[Lost]:
    """What the modules do not do that Python does."""
    forms = {part.form for part in parts}
    if "Flow" in forms:
        yield Lost(package.name, "its flows are data: a model drives them over MCP (`lev mcp`), JavaScript runs none")
    if "Tool" in forms:
        yield Lost(package.name, "its tools are schemas: the functions are called over MCP (`lev mcp`)")
    if package.manifest.constitution is not None:
        yield Lost(package.name, "its constitution is a text at most: nothing enforces it in JavaScript")
    for part in parts:
        if part.values.get("params"):
            yield Lost(part.export.specifier, "its `${…}` stay as they are written: there is no CEL to fill them in")


def raw_of(export: Export, condition: str) -> Raw | None:
    """The file that an export is for a model, byte for byte; None when it is none."""
    if export.package.target(export.subpath, condition).path is None:
        return None
    data, path = export.package.read_data(export.subpath, condition)
    return Raw(path, data)


def _file(export: Export) -> Part | str:
    asked = [condition for condition in ("llm-first", "llm", "default") if condition in export.conditions]
    if not asked:
        return "is Python code, which stays in Python"
    raws = {condition: raw_of(export, condition) for condition in asked}
    first, raw = raws[asked[0]], raws.get("llm")
    if first is None:
        return "is Python code, which stays in Python"
    try:
        form, values, schemas = _read(export, asked[0])
    except LevError:
        if export.kind != "file":
            raise
        return "is no text: only text is carried over"
    two = raw is not None and raw.path != first.path
    return Part(export, form, values, raw, first if two else None, _read(export, "llm")[1] if two else None, *schemas)


_Read = tuple[Form, dict[str, Any], tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]


def _read(export: Export, condition: str) -> _Read:
    if export.kind in _CONTEXTS:
        context = parsed(export, condition)
        values = {
            **_head(export, context.description),
            "name": context.name,
            "metadata": context.metadata,
            "priority": context.priority,
            "requires": list(context.requires),
            "conflicts": list(context.conflicts),
            "params": list(context.params),
            "text": context.text,
            "digest": context.digest,
            "tokens": context.tokens,
        }
        return "Context", values, (None, None)
    if export.kind == "flow":
        return _flow(export, condition)
    item = as_text(export, condition)
    values = {**_head(export, ""), "text": item["text"], "digest": item["digest"], "tokens": item["tokens"]}
    return "Document", values, (None, None)


def _flow(export: Export, condition: str) -> _Read:
    from lev_os.core.flowmind.printing import tree_to_data

    tree = parsed(export, condition).tree
    item = as_text(export, condition)
    values = {
        **_head(export, tree.description),
        "name": tree.name,
        "inputSchema": tree.input_schema,
        "outputSchema": tree.output_schema,
        "definition": tree_to_data(tree),
        "text": item["text"],
        "digest": item["digest"],
        "tokens": item["tokens"],
    }
    return "Flow", values, (tree.input_schema, tree.output_schema)


def _tool(export: Export) -> Part:
    card = export.package.card(export.subpath)
    item = as_text(export, "llm")
    effects = card.declaration.effects
    values = {
        **_head(export, card.description),
        "name": card.name,
        "inputSchema": card.input_schema,
        "outputSchema": card.output_schema,
        "effects": None if effects is None else sorted(effects),
        "idempotent": card.declaration.idempotent,
        "digest": card.digest,
        "tokens": item["tokens"],
    }
    raw = Raw(f"{export.subpath.removeprefix('./')}.json", item["text"].encode())
    return Part(export, "Tool", values, raw, None, None, card.input_schema, card.output_schema)


def _head(export: Export, description: str) -> dict[str, Any]:
    return {
        "specifier": export.specifier,
        "kind": export.kind,
        "name": export.name,
        "description": description,
    }


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Constants as JSON values, whatever mappings and tuples they were made of."""
    found: dict[str, Any] = msgspec.to_builtins(dict(values))
    return found
