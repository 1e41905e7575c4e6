"""JSON Schema 2020-12 from Python annotations: from the syntax tree, and exactly from types.

The syntax tree knows the built-in types, `Literal`, unions, and classes of the same module; anything else is
the empty schema, which accepts every value: a schema may be vague, never wrong. An object that may have fields which
are not seen here says so: `additionalProperties: true`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ._modules import Module

_SIMPLE: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "None": {"type": "null"},
    "list": {"type": "array"},
    "tuple": {"type": "array"},
    "set": {"type": "array", "uniqueItems": True},
    "frozenset": {"type": "array", "uniqueItems": True},
    "dict": {"type": "object"},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "UUID": {"type": "string", "format": "uuid"},
    "Decimal": {"type": "string", "format": "decimal"},
}
_LISTS = {"list", "List", "Sequence", "Iterable", "Collection", "MutableSequence"}
_SETS = {"set", "Set", "frozenset", "FrozenSet", "AbstractSet"}
_MAPPINGS = {"dict", "Dict", "Mapping", "MutableMapping"}
_WRAPPERS = {"Annotated", "Required", "NotRequired", "ReadOnly", "Final"}
_ENUMS = {"Enum", "StrEnum", "IntEnum"}
_RECORDS = {"TypedDict", "NamedTuple", "Struct", "BaseModel"}
_BASES = _RECORDS | {"Generic", "ABC", "object"}
"""Bases that give a class no fields."""
_KEYWORDS = {"total", "frozen", "kw_only", "order", "eq", "forbid_unknown_fields", "gc", "weakref", "omit_defaults"}
"""Arguments of a class that give it no fields and no other names for them."""
_WRITERS = {"computed_field", "model_serializer"}
_MAX_DEPTH = 12


def schema_of(node: ast.expr | None, module: Module, *, inside: tuple[str, ...] = ()) -> dict[str, Any]:
    """The schema of an annotation; `inside` names the classes being described, so that recursion ends."""
    if node is None or len(inside) > _MAX_DEPTH:
        return {}
    if isinstance(node, ast.Constant):
        return _constant(node, module, inside)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union(_alternatives(node), module, inside)
    if isinstance(node, ast.Subscript):
        return _subscript(node, module, inside)
    name = _last_name(node)
    if isinstance(node, ast.Name):
        statement = module.definitions.get(name)
        if isinstance(statement, ast.ClassDef):
            return _class(statement, module, inside)
        if isinstance(statement, ast.Assign) and name not in inside:
            return schema_of(statement.value, module, inside=(*inside, name))
    return dict(_SIMPLE.get(name, {}))


def _constant(node: ast.Constant, module: Module, inside: tuple[str, ...]) -> dict[str, Any]:
    if node.value is None:
        return {"type": "null"}
    if isinstance(node.value, str) and len(node.value) < 1000:
        try:
            return schema_of(ast.parse(node.value, mode="eval").body, module, inside=(*inside, ""))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return {}
    return {}


def _alternatives(node: ast.expr) -> list[ast.expr]:
    found: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        found.insert(0, node.right)
        node = node.left
    return [node, *found]


def _union(parts: list[ast.expr], module: Module, inside: tuple[str, ...]) -> dict[str, Any]:
    schemas = [schema_of(part, module, inside=inside) for part in parts]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas} if all(schemas) else {}


def _subscript(node: ast.Subscript, module: Module, inside: tuple[str, ...]) -> dict[str, Any]:
    name = _last_name(node.value)
    items = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "Literal":
        try:
            return {"enum": [ast.literal_eval(item) for item in items]}
        except (ValueError, TypeError, SyntaxError, RecursionError):
            return {}
    if name == "Optional":
        return _union([items[0], ast.Constant(None)], module, inside)
    if name == "Union":
        return _union(items, module, inside)
    if name in _WRAPPERS:
        return _annotated(items, module, inside)
    deeper = (*inside, "")
    if name in _MAPPINGS and len(items) == 2:
        values = schema_of(items[1], module, inside=deeper)
        return {"type": "object", "additionalProperties": values} if values else {"type": "object"}
    if name in _SETS:
        return {**_array(items[0], module, deeper), "uniqueItems": True}
    if name in _LISTS:
        return _array(items[0], module, deeper)
    if name in {"tuple", "Tuple"}:
        return _tuple(items, module, deeper)
    return {}


def _annotated(items: list[ast.expr], module: Module, inside: tuple[str, ...]) -> dict[str, Any]:
    schema = schema_of(items[0], module, inside=inside)
    said = [item.value for item in items[1:] if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return {**schema, "description": said[0]} if said else schema


def _array(item: ast.expr, module: Module, inside: tuple[str, ...]) -> dict[str, Any]:
    items = schema_of(item, module, inside=inside)
    return {"type": "array", "items": items} if items else {"type": "array"}


def _tuple(items: list[ast.expr], module: Module, inside: tuple[str, ...]) -> dict[str, Any]:
    if len(items) == 2 and isinstance(items[1], ast.Constant) and items[1].value is Ellipsis:
        return _array(items[0], module, inside)
    prefix = [schema_of(item, module, inside=inside) for item in items]
    return {"type": "array", "prefixItems": prefix, "minItems": len(prefix), "maxItems": len(prefix)}


def _class(statement: ast.ClassDef, module: Module, inside: tuple[str, ...]) -> dict[str, Any]:
    bases = {_last_name(base) for base in statement.bases}
    if bases & _ENUMS:
        return _enum(statement)
    decorated = any(
        _last_name(item.func if isinstance(item, ast.Call) else item) == "dataclass"
        for item in statement.decorator_list
    )
    if not (decorated or bases & _RECORDS):
        return {}
    if statement.name in inside:
        return {"type": "object"}
    total = not any(
        keyword.arg == "total" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        for keyword in statement.keywords
    )
    properties: dict[str, Any] = {}
    required = []
    for field in statement.body:
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        wrapper = _last_name(field.annotation.value) if isinstance(field.annotation, ast.Subscript) else ""
        if wrapper == "ClassVar":
            continue
        properties[field.target.id] = schema_of(field.annotation, module, inside=(*inside, statement.name))
        if field.value is None and wrapper != "NotRequired" and (total or wrapper == "Required"):
            required.append(field.target.id)
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return {**schema, "additionalProperties": True} if _has_more(statement, module) else schema


def _has_more(statement: ast.ClassDef, module: Module) -> bool:
    """Whether a value may have fields in JSON that the body does not declare, or has them under other names."""
    bases = {_last_name(base.value if isinstance(base, ast.Subscript) else base) for base in statement.bases}
    if bases - _BASES or {keyword.arg for keyword in statement.keywords} - _KEYWORDS:
        return True
    if statement.name in module.bases:  # what is said to be of this class may be of one derived from it
        return True
    for item in statement.body:
        if isinstance(item, ast.FunctionDef):
            found = {_last_name(one.func if isinstance(one, ast.Call) else one) for one in item.decorator_list}
            if found & _WRITERS:
                return True
        elif isinstance(item, ast.ClassDef) and item.name == "Config":
            return True
        elif isinstance(item, ast.Assign) and any(_last_name(target) == "model_config" for target in item.targets):
            return _configured(item.value)
    return False


def _configured(value: ast.expr) -> bool:
    """Whether a Pydantic model's configuration lets it have fields, or names for them, that are not declared."""
    if not isinstance(value, ast.Call) or value.args:
        return True
    given = {keyword.arg: keyword.value for keyword in value.keywords}
    extra = given.get("extra", ast.Constant("ignore"))
    known = isinstance(extra, ast.Constant) and extra.value in ("ignore", "forbid")
    return not known or bool(given.keys() & {None, "serialize_by_alias"})


def _enum(statement: ast.ClassDef) -> dict[str, Any]:
    values = []
    for member in statement.body:
        if isinstance(member, ast.Assign):
            if not isinstance(member.value, ast.Constant):
                return {}
            values.append(member.value.value)
    return {"enum": values} if values else {}


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Evaluated type hints; whatever cannot be evaluated is left out."""
    import typing

    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # an annotation may be any expression, and raise anything
        raw = getattr(function, "__annotations__", {})
        return {name: hint for name, hint in raw.items() if not isinstance(hint, str)}


def runtime_schema(hint: Any, definitions: dict[str, Any], *, returned: bool = False) -> dict[str, Any]:
    """The schema of a type; schemas it refers to are added to `definitions`. The empty schema if there is none.

    `returned`: of the values that a tool returns, as they are written; else of those that it is given.
    """
    if hint is Any or hint is object:
        return {}
    if hasattr(hint, "model_json_schema"):  # a Pydantic model describes itself
        how: dict[str, Any] = {"mode": "serialization", "by_alias": False} if returned else {}
        schema: dict[str, Any] = hint.model_json_schema(ref_template="#/$defs/{model}", **how)
        definitions.update(schema.pop("$defs", {}))
        return schema
    import msgspec

    try:
        (schema,), found = msgspec.json.schema_components([hint], ref_template="#/$defs/{name}")
    except (TypeError, ValueError, RecursionError):
        return {}
    definitions.update(found)
    return schema
