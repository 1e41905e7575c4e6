"""Write docs/formats.md from the JSON Schemas that the readers themselves use. `make docs` runs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lev_os.core.formats import FORMATS, schema

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "formats.md"
TITLES = {
    "flow": "Flows: `flows/*.yaml`",
    "lev.toml": "Manifests: `lev.toml`",
    "constitution": "Constitutions: `constitution.yaml`",
    "context": "Contexts: the frontmatter of `*.md`",
    "agent": "Agents: `agents/*.yaml`",
}
HEAD = """# Formats

Every field of every file, generated from the JSON Schemas by `make docs`. `lev schema flow` prints a schema whole, for
editors: a first line `# yaml-language-server: $schema=flow.schema.json` makes them complete and check a file.
A format carries its version; a newer one than this Leviathan knows is an error.

"""


def page() -> str:
    """The page as it should be."""
    return HEAD + "\n".join(_format(name) for name in FORMATS)


def _format(name: str) -> str:
    whole = schema(name)
    parts = [f"## {TITLES[name]}\n"]
    if text := whole.get("description"):
        parts.append(f"{text}\n")
    parts += _tables(whole)
    for key, definition in whole.get("$defs", {}).items():
        about = definition.get("description") or _kind(definition)
        parts += [f"### {key}\n", f"{about}\n", *_tables(definition)]
    return "\n".join(parts)


def _tables(part: Mapping[str, Any]) -> Iterator[str]:
    """The table of an object's fields; one table for each shape it may have."""
    if "properties" in part:
        yield "\n".join(("| field | is | |\n|---|---|---|", *_rows(part, "", {})))
        yield ""
    for shape in (*part.get("oneOf", ()), *part.get("anyOf", ())):
        yield from _tables(shape)


def _rows(part: Mapping[str, Any], prefix: str, seen: dict[str, str]) -> Iterator[str]:
    """A row for each field, and below it one for each field of its own, unless an earlier field has the same."""
    needed = part.get("required", ())
    for name, field in part["properties"].items():
        about = " ".join(str(field.get("description") or "").split())
        items = field.get("items")
        own = [(inner, mark) for inner, mark in ((field, "."), (items, "[].")) if "properties" in (inner or {})]
        twin = next((seen[str(inner["properties"])] for inner, _ in own if str(inner["properties"]) in seen), "")
        notes = ("required" if name in needed else "", about, f"as `{twin}`" if twin else "")
        yield f"| `{prefix}{name}` | {_kind(field)} | {_cell(': '.join(filter(None, notes)))} |"
        for inner, mark in () if twin else own:
            seen[str(inner["properties"])] = f"{prefix}{name}"
            yield from _rows(inner, f"{prefix}{name}{mark}", seen)


def _kind(field: Mapping[str, Any]) -> str:
    """What a value may be, in a few words."""
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    for key in ("oneOf", "anyOf"):
        if key in field:
            return " or ".join(dict.fromkeys(_kind(shape) for shape in field[key]))
    types = field.get("type", "any value")
    if types == "array" and isinstance(field.get("items"), Mapping):
        return f"list of {_kind(field['items'])}"
    if types == "object" and isinstance(field.get("additionalProperties"), Mapping):
        return f"map to {_kind(field['additionalProperties'])}"
    return _cell(" or ".join([types] if isinstance(types, str) else types))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
