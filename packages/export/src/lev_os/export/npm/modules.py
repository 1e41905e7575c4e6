"""The text of modules: ES module, CommonJS, and the types of both. Constants only, so bundlers drop what is unused."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from .literals import comment, literal
from .parts import Part, plain
from .typescript import Types

HEAD = "// Made by Leviathan; what is changed here is lost.\n"

_TYPES = """\
/** A JSON Schema (2020-12). */
export type JsonSchema = { readonly [keyword: string]: unknown };

interface Item {
  /** The name everywhere: `package/contexts/name`. */
  readonly specifier: string;
  readonly name: string;
  readonly description: string;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  /** Tokens of what a model gets (o200k). */
  readonly tokens: number;
}

/** Markdown for a model. */
export interface Context extends Item {
  readonly kind: "context" | "personality" | "skill";
  /** The frontmatter's `metadata`. */
  readonly metadata: { readonly [key: string]: string };
  /** 0 to 100: what is kept when room runs short. */
  readonly priority: number;
  readonly requires: readonly string[];
  readonly conflicts: readonly string[];
  /** Names that `${…}` in the text refers to; it is not filled in. */
  readonly params: readonly string[];
  /** What a model reads: the body, without frontmatter. */
  readonly text: string;
}

/** A flow of FlowMind 1; `Input` and `Output` are only there for the type checker. */
export interface Flow<Input = unknown, Output = unknown> extends Item {
  readonly kind: "flow";
  readonly inputSchema: JsonSchema;
  readonly outputSchema: JsonSchema | null;
  /** The document as values. */
  readonly definition: { readonly flowmind: 1; readonly name: string; readonly steps: readonly JsonSchema[] };
  /** The document as it was written. */
  readonly text: string;
  readonly "~types"?: { readonly input: Input; readonly output: Output };
}

/** What a model must know to call a tool; `Input` and `Output` are only there for the type checker. */
export interface Tool<Input = unknown, Output = unknown> extends Item {
  readonly kind: "tool";
  readonly inputSchema: JsonSchema;
  readonly outputSchema: JsonSchema | null;
  /** What it does to the world; null when that is not declared. */
  readonly effects: readonly string[] | null;
  readonly idempotent: boolean;
  readonly "~types"?: { readonly input: Input; readonly output: Output };
}

/** Any other text of a package. */
export interface Document extends Item {
  readonly kind: string;
  readonly text: string;
}
"""


def types_files() -> dict[str, bytes]:
    """What the types of all modules refer to."""
    return {f"dist/types.d.{ending}": (HEAD + _TYPES).encode() for ending in ("ts", "cts")}


def module_files(module: str, part: Part, values: Mapping[str, Any], *, typed: bool = True) -> dict[str, bytes]:
    """The files of one module: its constants, each by name and all of them as `default`; types unless shared."""
    constants = plain(values)
    shown = {name: literal(value) for name, value in constants.items()}
    lines = [f"export const {name} = {text};\n" for name, text in shown.items()]
    script = [HEAD, *lines, f"export default {{ {', '.join(shown)} }};\n"]
    lines = [f"exports.{name} = {text};\n" for name, text in shown.items()]
    whole = ", ".join(f"{name}: exports.{name}" for name in shown)
    common = [HEAD, _STRICT, *lines, f"exports.default = {{ {whole} }};\n"]
    files = {f"{module}.js": "".join(script), f"{module}.cjs": "".join(common)}
    if typed:
        files |= {f"{module}.d.{ending}": _declared(module, part, constants, ending) for ending in ("ts", "cts")}
    return {path: text.encode() for path, text in files.items()}


_STRICT = '"use strict";\nObject.defineProperty(exports, "__esModule", { value: true });\n'


def _declared(module: str, part: Part, names: Iterable[str], ending: str) -> str:
    here = posixpath.relpath("dist/types", posixpath.dirname(module))
    source = (here if here.startswith(".") else f"./{here}") + f".{ending.replace('t', 'j', 1)}"
    lines = [HEAD, f'import type {{ {part.form} }} from "{source}";\n']
    form: str = part.form
    if form in {"Flow", "Tool"}:
        types = Types()
        made = {"Input": types.of(part.input_schema, "Input"), "Output": types.of(part.output_schema, "Output")}
        lines += (f"export type {name} = {text};\n" for name, text in {**types.aliases, **made}.items())
        form = f"{form}<Input, Output>"
    lines += (f'export declare const {name}: {part.form}["{name}"];\n' for name in names)
    about = str(part.values["description"])
    if part.export.deprecated:
        about = f"@deprecated {part.export.deprecated}"
    lines += (comment(about), f"declare const item: {form};\n", "export default item;\n")
    return "".join(lines)


def index_files(names: Mapping[str, str]) -> dict[str, bytes]:
    """The module that has everything, by name."""
    paths = {name: "./" + module.removeprefix("dist/") for name, module in names.items()}
    script = [f'export {{ default as {name} }} from "{path}.js";\n' for name, path in paths.items()]
    common = [f'exports.{name} = require("{path}.cjs").default;\n' for name, path in paths.items()]
    files = {
        "dist/index.js": HEAD + ("".join(script) or "export {};\n"),
        "dist/index.cjs": HEAD + _STRICT + "".join(common),
    }
    for ending, script_ending in (("ts", "js"), ("cts", "cjs")):
        lines = [f'export {{ default as {name} }} from "{path}.{script_ending}";\n' for name, path in paths.items()]
        types = f'export type {{ Context, Document, Flow, JsonSchema, Tool }} from "./types.{script_ending}";\n'
        files[f"dist/index.d.{ending}"] = HEAD + types + "".join(lines)
    return {path: text.encode() for path, text in files.items()}
