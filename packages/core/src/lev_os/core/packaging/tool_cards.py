"""Tool cards: what a model, the gate and a host know of a tool, read without importing it.

A card comes from `tools.json` beside `lev.toml` (exact schemas, written at build time) while the source it was
made from is unchanged, else from the syntax tree. `card_of` makes the exact card of an imported function.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from ..canonical import digest, digest_bytes
from ..errors import InvalidInput, LevError, Location, Problem
from ..tools import TOOL_EFFECTS, ToolCard, ToolDeclaration
from . import _expand
from ._annotations import schema_of
from ._files import MAX_FILE, locate, read_bytes
from ._modules import Module

if TYPE_CHECKING:
    from .package import Package

TOOLS_FILE = "tools.json"
Function = ast.FunctionDef | ast.AsyncFunctionDef
_ISOLATE = ("thread", "process")


def read_card(package: Package, subpath: str) -> ToolCard:
    """The card of an exported tool; nothing is imported.

    Raises `ExportNotFound`, and `InvalidInput` with every problem of a declaration that is not made of literals.
    """
    module, definition = _expand.definition_of(package, subpath)
    if not isinstance(definition, Function):
        raise LevError(f"{package.specifier(subpath)!r} is no function that can be read in {module.path}")
    name = subpath.rpartition("/")[2].replace("-", "_")
    specifier = package.specifier(subpath)
    declaration = _declaration(definition, module)
    built = _built(package, subpath, module)
    if built is not None:
        return _card(specifier, name, *built, declaration)
    description, parameters = read_docstring(ast.get_docstring(definition))
    input_schema = _input_schema(definition, module, parameters)
    output = schema_of(definition.returns, module) if definition.returns is not None else None
    return _card(specifier, name, description, input_schema, output or None, declaration)


def _card(
    specifier: str,
    name: str,
    description: str,
    input_schema: Mapping[str, Any],
    output_schema: Mapping[str, Any] | None,
    declaration: ToolDeclaration,
) -> ToolCard:
    card = ToolCard(
        specifier=specifier,
        name=name,
        description=description,
        input_schema=input_schema,
        output_schema=output_schema,
        declaration=declaration,
    )
    return msgspec.structs.replace(card, digest=card_digest(card))


def card_digest(card: ToolCard) -> str:
    """The digest of everything in a card but its own digest."""
    value = msgspec.to_builtins(card, order="deterministic")
    value.pop("digest", None)
    return digest(value)


class _Built(msgspec.Struct, frozen=True):
    source_digest: str
    input_schema: dict[str, Any]
    description: str = ""
    output_schema: Mapping[str, Any] | None = None


class _ToolsFile(msgspec.Struct, frozen=True):
    format: int
    tools: dict[str, _Built]


def _built(
    package: Package, subpath: str, module: Module
) -> tuple[str, Mapping[str, Any], Mapping[str, Any] | None] | None:
    """What `tools.json` says of a tool, if it was made from the source that is there now."""
    path = locate(package.root, f"./{TOOLS_FILE}")
    if not path.is_file():
        return None
    try:
        file = msgspec.json.decode(read_bytes(path, limit=MAX_FILE), type=_ToolsFile)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        problem = Problem("MAN401", f"this is not a list of tools: {error}", Location(str(path)), "run `lev build`")
        raise InvalidInput([problem]) from None
    entry = file.tools.get(subpath)
    if file.format != 1 or entry is None or entry.source_digest != digest_bytes(module.text.encode()):
        return None
    return entry.description, entry.input_schema, entry.output_schema


def tools_file(package: Package, cards: Mapping[str, ToolCard]) -> bytes:
    """The text of `tools.json` for exact cards, by subpath, with the digests of the sources as they are now."""
    tools = {}
    for subpath, card in sorted(cards.items()):
        module, _ = _expand.definition_of(package, subpath)
        tools[subpath] = _Built(
            digest_bytes(module.text.encode()), dict(card.input_schema), card.description, card.output_schema
        )
    data = msgspec.json.encode(_ToolsFile(1, tools), order="sorted")
    return msgspec.json.format(data, indent=2) + b"\n"


def _declaration(definition: Function, module: Module) -> ToolDeclaration:
    """What `@tool(...)` says, from its literals."""
    calls = [item for item in definition.decorator_list if _decorator_name(item) == "tool"]
    if not calls or not isinstance(calls[0], ast.Call):
        return ToolDeclaration()
    call = calls[0]
    problems: list[Problem] = []
    values: dict[str, Any] = {}

    def refuse(node: ast.AST, message: str, help: str | None = None) -> None:
        place = Location(str(module.path), getattr(node, "lineno", None), getattr(node, "col_offset", 0) + 1)
        problems.append(Problem("MAN402", message, place, help))

    if call.args:
        refuse(call.args[0], "@tool takes keyword arguments only")
    for keyword in call.keywords:
        if keyword.arg is None:
            refuse(keyword.value, "@tool takes literals: `**` is read by no one", "write the arguments out")
            continue
        try:
            value = _literal(keyword.value)
        except ValueError:
            source = ast.unparse(keyword.value)[:60]
            refuse(
                keyword.value,
                f"`{keyword.arg}={source}` is not a literal",
                "write the value out: it is read without importing",
            )
            continue
        if fault := _declared_fault(keyword.arg, value):
            refuse(keyword.value, fault)
        else:
            values[keyword.arg] = value
    if problems:
        raise InvalidInput(problems)
    effects = values.get("effects")
    return ToolDeclaration(
        effects=None if effects is None else frozenset(effects),
        idempotent=values.get("idempotent", False),
        secrets=frozenset(values.get("secrets", ())),
        isolate=values.get("isolate", "thread"),
    )


def _literal(node: ast.expr) -> Any:
    """A literal value; `set()` and `frozenset({...})` are literals of sets too."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"set", "frozenset"}:
        if not node.args and not node.keywords:
            return set()
        if len(node.args) == 1 and not node.keywords:
            return _literal(node.args[0])
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ValueError from None


def _declared_fault(name: str, value: Any) -> str | None:
    if name in {"effects", "secrets"}:
        if name == "effects" and value is None:
            return None
        if not isinstance(value, (set, frozenset, list, tuple)) or not all(isinstance(item, str) for item in value):
            return f"`{name}` is a set of names"
        unknown = sorted(set(value) - TOOL_EFFECTS) if name == "effects" else []
        if unknown:
            import difflib

            near = difflib.get_close_matches(unknown[0], TOOL_EFFECTS, n=1)
            guess = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(TOOL_EFFECTS))}"
            return f"unknown effect {unknown[0]!r}; {guess}"
        return None
    if name == "idempotent":
        return None if isinstance(value, bool) else "`idempotent` is True or False"
    if name == "isolate":
        return None if value in _ISOLATE else "`isolate` is 'thread' or 'process'"
    return f"@tool has no argument `{name}`"


def _decorator_name(node: ast.expr) -> str:
    target = node.func if isinstance(node, ast.Call) else node
    return target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""


def _input_schema(definition: Function, module: Module, documented: Mapping[str, str]) -> dict[str, Any]:
    arguments = definition.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults.extend(arguments.defaults)
    pairs = [*zip(positional, defaults, strict=True), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    if pairs and _is_context(pairs[0][0]):
        pairs = pairs[1:]
    properties: dict[str, Any] = {}
    required = []
    for argument, default in pairs:
        schema = schema_of(argument.annotation, module)
        if argument.arg in documented:
            schema = {**schema, "description": documented[argument.arg]}
        if default is None:
            required.append(argument.arg)
        else:
            schema = _with_default(schema, default)
        properties[argument.arg] = schema
    return object_schema(properties, required, closed=arguments.kwarg is None)


def object_schema(properties: dict[str, Any], required: Sequence[str], *, closed: bool) -> dict[str, Any]:
    """The schema of a call's arguments by name."""
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    if closed:
        schema["additionalProperties"] = False
    return schema


def _is_context(argument: ast.arg) -> bool:
    return argument.arg == "ctx" or (
        argument.annotation is not None and "ToolContext" in ast.unparse(argument.annotation)
    )


def _with_default(schema: dict[str, Any], default: ast.expr) -> dict[str, Any]:
    try:
        value = ast.literal_eval(default)
        msgspec.json.encode(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, msgspec.MsgspecError):
        return schema
    return {**schema, "default": value} if not isinstance(value, (bytes, set, frozenset)) else schema


def read_docstring(text: str | None) -> tuple[str, dict[str, str]]:
    """The first paragraph on one line, and what is said of each parameter (`Args:` sections or `:param x:`)."""
    if not text:
        return "", {}
    first = " ".join(text.strip().partition("\n\n")[0].split())
    if first.startswith((":param", "Args:", "Arguments:", "Parameters:")):
        first = ""
    return first, {**_sphinx(text), **_google(text)}


def _sphinx(text: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        head, colon, rest = line.strip().removeprefix(":param ").partition(":")
        if colon and line.strip().startswith(":param ") and head.split():
            found[head.split()[-1]] = rest.strip()
    return found


def _google(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if line.strip() in {"Args:", "Arguments:", "Parameters:"}:
            break
    indent, name = None, ""
    for line in lines:
        if not line.strip():
            break
        depth = len(line) - len(line.lstrip())
        indent = depth if indent is None else indent
        if depth < indent or (depth == indent and ":" not in line):
            break
        if depth == indent:
            head, _, rest = line.strip().partition(":")
            name = head.partition("(")[0].strip().lstrip("*")
            found[name] = rest.strip()
        else:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def card_of(function: Callable[..., Any], *, specifier: str | None = None) -> ToolCard:
    """The exact card of an imported function: its signature and type hints through `msgspec.json.schema`.

    `specifier` defaults to the function's own name.
    """
    import inspect

    from ._annotations import runtime_schema, type_hints

    name = getattr(function, "__name__", type(function).__name__)
    hints = type_hints(function)
    description, documented = read_docstring(inspect.getdoc(function))
    properties: dict[str, Any] = {}
    required: list[str] = []
    definitions: dict[str, Any] = {}
    closed = True
    for index, parameter in enumerate(inspect.signature(function).parameters.values()):
        if parameter.kind is parameter.VAR_KEYWORD:
            closed = False
        if parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}:
            continue
        hint = hints.get(parameter.name, Any)
        if index == 0 and (parameter.name == "ctx" or "ToolContext" in str(hint)):
            continue
        schema = runtime_schema(hint, definitions)
        if parameter.name in documented:
            schema = {**schema, "description": documented[parameter.name]}
        if parameter.default is parameter.empty:
            required.append(parameter.name)
        else:
            schema = _with_value(schema, parameter.default)
        properties[parameter.name] = schema
    input_schema = object_schema(properties, required, closed=closed)
    if definitions:
        input_schema["$defs"] = definitions
    return _card(
        specifier or name,
        name,
        description,
        input_schema,
        _output_schema(hints.get("return", Any), partial(runtime_schema, returned=True)),
        getattr(function, "__lev_tool__", ToolDeclaration()),
    )


def _output_schema(hint: Any, runtime_schema: Callable[[Any, dict[str, Any]], dict[str, Any]]) -> dict[str, Any] | None:
    if getattr(hint, "__origin__", None) is not None and getattr(hint.__origin__, "__name__", "") in {
        "Awaitable",
        "Coroutine",
    }:
        hint = get_args(hint)[-1]
    definitions: dict[str, Any] = {}
    schema = runtime_schema(hint, definitions)
    if definitions:
        schema = {**schema, "$defs": definitions}
    return schema or None


def _with_value(schema: dict[str, Any], value: Any) -> dict[str, Any]:
    try:
        return {**schema, "default": msgspec.to_builtins(value)}
    except (TypeError, ValueError, RecursionError):
        return schema
