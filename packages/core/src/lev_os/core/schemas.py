"""JSON Schemas (2020-12) of inputs, outputs and answers: the shorthand of flows, and fast checks of values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from .canonical import decode, encode
from .documents import describe
from .errors import LevError

TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")
ANY = "any"
UNTRUSTED = "x-lev-untrusted"
"""Annotation of an input field whose content comes from outside."""

_ALIASES = {
    "str": "string", "text": "string", "int": "integer", "float": "number", "double": "number", "bool": "boolean",
    "list": "array", "dict": "object", "map": "object", "none": "null",
}  # fmt: skip
_FIELD_KEYS = frozenset({
    "type", "enum", "const", "items", "properties", "required", "default", "description", "untrusted", "optional",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
    "format", "minItems", "maxItems", "uniqueItems", "additionalProperties", "examples", "anyOf", "title",
})  # fmt: skip
_INT64 = 1 << 63

Report = Callable[[tuple[str | int, ...], str, str | None], None]


class InvalidSchema(LevError):
    """A JSON Schema that is malformed, refers to something remote, or has a pattern that cannot be linear."""


def shorthand_to_schema(fields: Mapping[str, Any], report: Report | None = None) -> dict[str, Any]:
    """The JSON Schema of `name: type | {enum|type|items|properties…, default}`.

    An object without other properties; every field is required unless it has a `default` or `optional: true`.
    `type` may be a list of names, a list type is `[string]`. What is wrong is passed to `report` with its path
    in `fields`; without `report` the first one is raised as `InvalidSchema`.
    """
    return _object(fields, (), report or _raise)


def _raise(path: tuple[str | int, ...], message: str, help: str | None) -> None:
    raise InvalidSchema(f"/{'/'.join(map(str, path))}: {message}", help=help)


def _object(fields: Mapping[str, Any], path: tuple[str | int, ...], report: Report) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required = []
    for name, field in fields.items():
        properties[name] = _field(field, (*path, name), report)
        if not (isinstance(field, Mapping) and ("default" in field or field.get("optional") is True)):
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _field(field: Any, path: tuple[str | int, ...], report: Report) -> dict[str, Any]:
    if isinstance(field, str):
        return _type(field, path, report)
    if isinstance(field, list) and len(field) == 1:
        return {"type": "array", "items": _field(field[0], (*path, 0), report)}
    if not isinstance(field, Mapping):
        report(path, f"a field needs a type, not {describe(field)}", f"write one of {', '.join(TYPES)} or any")
        return {}
    schema: dict[str, Any] = {}
    for key, value in field.items():
        schema.update(_keyword(key, value, (*path, key), report))
    if "type" not in schema and "items" in schema:
        schema["type"] = "array"
    return schema


def _keyword(key: str, value: Any, path: tuple[str | int, ...], report: Report) -> dict[str, Any]:
    match key:
        case "type":
            return _types(value, path, report)
        case "items":
            return {"items": _field(value, path, report)}
        case "properties" if isinstance(value, Mapping):
            return _object(value, path, report)
        case "untrusted" | "optional" | "x-lev-untrusted":
            if not isinstance(value, bool):
                report(path, f"`{key}` must be true or false, not {describe(value)}", None)
            return {UNTRUSTED: True} if key != "optional" and value is True else {}
        case _ if key in _FIELD_KEYS:
            return {key: value}
    from .documents import nearest

    help = nearest(key, _FIELD_KEYS) or "for an object, put its fields under `properties`"
    report(path, f"unknown key `{key}` in a field", help)
    return {}


def _types(value: Any, path: tuple[str | int, ...], report: Report) -> dict[str, Any]:
    if isinstance(value, str):
        return _type(value, path, report)
    if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
        names = [_type(name, path, report).get("type") for name in value]
        return {"type": names} if all(names) else {}
    report(path, f"`type` must be a name, not {describe(value)}", f"write one of {', '.join(TYPES)} or any")
    return {}


def _type(name: str, path: tuple[str | int, ...], report: Report) -> dict[str, Any]:
    if name == ANY:
        return {}
    if name in TYPES:
        return {"type": name}
    from .documents import nearest

    alias = _ALIASES.get(name.lower())
    help = f"write `{alias}`" if alias else nearest(name, TYPES) or f"write one of {', '.join(TYPES)} or any"
    report(path, f"unknown type `{name[:60]}`", help)
    return {}


class Schema:
    """A compiled JSON Schema: checks values, makes `number` a float and `integer` 64-bit, fills defaults.

    Only local `$ref`, and patterns that run in linear time; `InvalidSchema` otherwise.
    """

    __slots__ = ("_coerce", "_fill", "_iter", "_valid", "source")

    def __init__(self, source: Mapping[str, Any] | bool) -> None:
        self.source = source
        checker = _validator(encode(source))
        self._valid = checker.is_valid
        self._iter = checker.iter_errors
        root = source if isinstance(source, Mapping) else {}
        self._coerce = _Coercers(root).of(root)
        self._fill = _Fillers(root).of(root)

    @classmethod
    def of(cls, source: Mapping[str, Any] | bool) -> Schema:
        """The compiled schema, shared by all callers with an equal one."""
        return _compiled(encode(source))

    def problems(self, value: Any) -> tuple[str, ...]:
        """What is wrong with a value, at most 20 of it, as `/score: 'x' is not a number`; empty when it is valid."""
        return self.fit(value)[0]

    def fit(self, value: Any) -> tuple[tuple[str, ...], Any]:
        """What is wrong with a value, as `problems` says, and if nothing is, the value as it is bound.

        JSON Schema's `integer` has no bound; ours has 64 bits.
        """
        try:
            if self._valid(value):
                return (), self.coerce(value)
            from ._schema_problems import describe_error

            found = [describe_error(error, self.source) for _, error in zip(range(20), self._iter(value), strict=False)]
            return tuple(found), None
        except _TooWide as error:
            return (str(error),), None
        except (ValueError, TypeError, RecursionError) as error:
            return (f"/: not a JSON value: {str(error)[:200]}",), None

    def coerce(self, value: Any) -> Any:
        """A value without `problems` as it is bound: `number` as float, a whole float of `integer` as int.

        What needs no change is not copied.
        """
        return value if self._coerce is None else self._coerce(value)

    def fill(self, value: Any) -> Any:
        """The value with the defaults of absent properties."""
        return value if self._fill is None else self._fill(value)


def is_file_reference(value: Any) -> bool:
    """Whether this stands for a result too large to be carried along, which lies in a file: the driver checked it."""
    return isinstance(value, dict) and value.keys() == {"$file", "bytes", "digest"}


@lru_cache(maxsize=1024)
def _compiled(source: bytes) -> Schema:
    return Schema(decode(source))


@lru_cache(maxsize=1024)
def _validator(source: bytes) -> Any:
    import jsonschema_rs

    schema = decode(source)
    _refuse_remote(schema)
    try:
        jsonschema_rs.meta.validate(schema)
        return jsonschema_rs.Draft202012Validator(
            schema, pattern_options=jsonschema_rs.RegexOptions(), offline=True, validate_formats=True
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise InvalidSchema(f"not a usable JSON Schema: {str(error).partition(chr(10))[0][:300]}") from None


def _refuse_remote(schema: Any) -> None:
    pending: list[tuple[str, Any]] = [("", schema)]
    while pending:
        where, part = pending.pop()
        if isinstance(part, list):
            pending.extend((f"{where}/{index}", item) for index, item in enumerate(part))
        elif isinstance(part, dict):
            for key, value in part.items():
                if key in {"$ref", "$dynamicRef"} and isinstance(value, str) and not value.startswith("#"):
                    message = f"{where}/{key}: `{value[:100]}` is not in this document"
                    raise InvalidSchema(message, help="copy it under `$defs` and write `#/$defs/name`")
                if key == "$schema" and isinstance(value, str) and "2020-12" not in value:
                    raise InvalidSchema(f"{where}/$schema: only JSON Schema 2020-12 is supported, not `{value[:100]}`")
                pending.append((f"{where}/{key}", value))


# --- values ----------------------------------------------------------------------------------------------------

_MAX_REFS = 50
Coercer = Callable[[Any], Any]
Filler = Callable[[Any], Any]


def _resolve(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(_MAX_REFS):
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#"):
            break
        target: Any = root
        for part in filter(None, reference[1:].split("/")):
            name = part.replace("~1", "/").replace("~0", "~")
            target = target.get(name, {}) if isinstance(target, Mapping) else {}
        schema = target
    return schema if isinstance(schema, Mapping) else {}


class _TooWide(ValueError):
    """A number that no variable here can hold; its place is known only on the way out."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(f"{path or '/'}: {message}")
        self.message, self.path = message, path

    def within(self, key: object) -> _TooWide:
        return _TooWide(self.message, f"/{key}{self.path}")


def _integer(value: Any) -> Any:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is int and not -_INT64 <= value < _INT64:
        raise _TooWide("the integer does not fit in 64 bits")
    return value


def _number(value: Any) -> Any:
    if type(value) is not int:
        return value
    try:
        return float(value)
    except OverflowError:
        raise _TooWide("the number does not fit in a double") from None


def _changed(value: Any, parts: Iterable[tuple[Any, Coercer]]) -> Any:
    """The container with those parts coerced; itself when all of them are as they should be."""
    changed = value
    for key, coercer in parts:
        before = value[key]
        try:
            after = coercer(before)
        except _TooWide as error:
            raise error.within(key) from None
        if after is not before:
            if changed is value:
                changed = value.copy()
            changed[key] = after
    return changed


class _Parts(ABC):
    """Builds one function for each part of a schema; a recursive part refers to its own by `_later`."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._made: dict[int, Callable[[Any], Any] | None] = {}

    def of(self, schema: Any) -> Callable[[Any], Any] | None:
        """The function of a part; None when there is nothing to do."""
        schema = _resolve(schema, self._root)
        key = id(schema)
        if key not in self._made:
            self._made[key] = self._later(key)
            self._made[key] = self._make(schema)
        return self._made[key]

    def _later(self, key: int) -> Callable[[Any], Any]:
        def apply(value: Any) -> Any:
            made = self._made[key]
            return value if made is None else made(value)

        return apply

    @abstractmethod
    def _make(self, schema: Mapping[str, Any]) -> Callable[[Any], Any] | None:
        """The function of one resolved part, or None."""


class _Coercers(_Parts):
    """Functions that make numbers what the schema says they are."""

    def _make(self, schema: Mapping[str, Any]) -> Coercer | None:
        kind = schema.get("type")
        kinds = kind if isinstance(kind, list) else [kind]
        if "number" in kinds:
            return _number
        if "integer" in kinds:
            return _integer
        properties = self._properties(schema)
        item = self.of(schema["items"]) if "items" in schema else None
        if not properties and item is None:
            return None

        def coerce(value: Any) -> Any:
            if type(value) is dict and properties:
                if properties.keys() <= value.keys():
                    return _changed(value, properties.items())
                return _changed(value, [entry for entry in properties.items() if entry[0] in value])
            if type(value) is list and item is not None:
                return _changed(value, [(index, item) for index in range(len(value))])
            return value

        return coerce

    def _properties(self, schema: Mapping[str, Any]) -> dict[str, Coercer]:
        """Coercers of the properties; of those that only `allOf`, `anyOf` or `oneOf` name, the first."""
        branches: list[Mapping[str, Any]] = [schema]
        for word in ("allOf", "anyOf", "oneOf"):
            branches.extend(_resolve(option, self._root) for option in schema.get(word, ()))
        found: dict[str, Coercer] = {}
        for branch in branches:
            for name, child in branch.get("properties", {}).items():
                coercer = self.of(child)
                if coercer is not None:
                    found.setdefault(name, coercer)
        return found


class _Fillers(_Parts):
    """Functions that put in defaults."""

    def _make(self, schema: Mapping[str, Any]) -> Filler | None:
        children = {name: _resolve(child, self._root) for name, child in schema.get("properties", {}).items()}
        defaults = {name: child["default"] for name, child in children.items() if "default" in child}
        inner = {name: filler for name, child in children.items() if (filler := self.of(child)) is not None}
        item = self.of(schema["items"]) if "items" in schema else None
        if not defaults and not inner and item is None:
            return None

        def fill(value: Any) -> Any:
            if type(value) is dict:
                filled = {**defaults, **value}
                return {name: inner[name](entry) if name in inner else entry for name, entry in filled.items()}
            if type(value) is list and item is not None:
                return [item(entry) for entry in value]
            return value

        return fill
