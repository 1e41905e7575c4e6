"""What a JSON Schema validator found, said for people: the behind of `documents.check`."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from .documents import Document, Path, Violation, describe, nearest, short
from .errors import Problem
from .schemas import is_file_reference

_MAX_PROBLEMS = 100

_ARTICLES = {
    "object": "a mapping", "array": "a list", "string": "text", "integer": "a whole number", "number": "a number",
    "boolean": "true or false", "null": "empty",
}  # fmt: skip
_validators: dict[int, tuple[Mapping[str, Any], Any]] = {}


def check(document: Document, schema: Mapping[str, Any], code: str, at: Path) -> list[Problem]:
    """See `documents.check`."""
    value = document.data
    for part in at:
        value = value[part]
    found: list[Problem] = []
    for error in islice(_validator(schema).iter_errors(value), _MAX_PROBLEMS):
        found.extend(_explain(document, schema, error, (*at, *error.instance_path), code))
    return found[:_MAX_PROBLEMS]


def violations(value: Any, schema: Mapping[str, Any]) -> Iterator[Violation]:
    """See `documents.violations`."""
    for error in _validator(schema).iter_errors(value):
        path, kind = tuple(error.instance_path), error.kind
        if kind.name == "additionalProperties":
            known = _subschema(schema, error.schema_path[:-1]).get("properties", ())
            yield Violation(path, unknown=tuple(kind.unexpected), known=tuple(known))
        elif kind.name == "required":
            yield Violation(path, missing=(kind.property,))
        else:
            yield Violation(path)


def _validator(schema: Mapping[str, Any]) -> Any:
    known = _validators.get(id(schema))
    if known is None:
        import jsonschema_rs

        options = jsonschema_rs.RegexOptions()
        known = schema, jsonschema_rs.Draft202012Validator(dict(schema), pattern_options=options, offline=True)
        _validators[id(schema)] = known
    return known[1]


def _explain(document: Document, schema: Any, error: Any, path: Path, code: str) -> list[Problem]:
    kind = error.kind
    value = error.instance
    part = _subschema(schema, error.schema_path[:-1])
    match kind.name:
        case "additionalProperties" | "unevaluatedProperties":
            known = list(part.get("properties", ()))
            return [
                Problem(
                    code, f"unknown key `{short(key)}`", document.at((*path, key), key=True), _known_keys(key, known)
                )
                for key in kind.unexpected
            ]
        case "required":
            hint = None
            spare = [key for key in value if key not in part.get("properties", {})]
            if close := difflib.get_close_matches(kind.property, spare, 1, 0.6):
                hint = f"is `{close[0]}` meant to be `{kind.property}`?"
            return [Problem(code, f"missing key `{kind.property}`", document.at(path, key=True), hint)]
        case "type":
            wanted = " or ".join(_ARTICLES.get(name, name) for name in kind.types)
            message = f"{_name(path)} must be {wanted}, not {describe(value)}"
            return [Problem(code, message, document.at(path))]
        case "enum":
            options = [option for option in kind.options if isinstance(option, str)]
            message = f"{_name(path)} must be one of {_listed(kind.options)}, not {describe(value)}"
            return [
                Problem(code, message, document.at(path), nearest(value, options) if isinstance(value, str) else None)
            ]
        case "const":
            return [
                Problem(
                    code, f"{_name(path)} must be {kind.expected_value!r}, not {describe(value)}", document.at(path)
                )
            ]
        case "anyOf" | "oneOf":
            forms = [_form(option) for option in part.get(kind.name, ())]
            wanted = " or ".join(dict.fromkeys(forms))
            return [Problem(code, f"{_name(path)} must be {wanted}, not {describe(value)}", document.at(path))]
        case "propertyNames":
            return [
                Problem(
                    code,
                    f"a key of {_name(path)} is not allowed: {short(error.message, 200)}",
                    document.at(path, key=True),
                )
            ]
        case "false_schema" | "falseSchema":
            return [Problem(code, f"{_name(path)} is not allowed here", document.at(path, key=True))]
        case _:
            return [Problem(code, f"{_name(path)}: {short(error.message, 200)}", document.at(path))]


def _form(option: Mapping[str, Any]) -> str:
    if "type" in option:
        types = option["type"]
        return " or ".join(_ARTICLES.get(name, name) for name in ([types] if isinstance(types, str) else types))
    if "const" in option:
        return f"`{option['const']}`"
    if "enum" in option:
        return "one of " + _listed(option["enum"])
    return str(option.get("title") or option.get("description") or "of another form")


def _listed(options: Collection[Any]) -> str:
    return ", ".join(f"`{option}`" for option in options)


def _name(path: Path) -> str:
    keys = [part for part in path if isinstance(part, str)]
    if not keys:
        return "this"
    return f"`{short(keys[-1])}`" if isinstance(path[-1], str) else f"an item of `{short(keys[-1])}`"


def _known_keys(key: str, known: Collection[str]) -> str | None:
    close = nearest(key, known)
    return close or (f"known keys: {', '.join(sorted(known))}" if known else None)


def _subschema(schema: Any, path: Collection[str | int]) -> Mapping[str, Any]:
    """The part of a schema that an error's schema path names; empty when the path leaves it (`$ref`)."""
    part = schema
    for step in path:
        if isinstance(part, Mapping) and "$ref" in part and step == "$ref":
            part = _subschema(schema, part["$ref"].removeprefix("#/").split("/"))
        else:
            try:
                part = part[step]
            except (KeyError, IndexError, TypeError):
                return {}
    return part if isinstance(part, Mapping) else {}


def describe_error(error: Any, schema: Any) -> str:
    """One violation of a value, as `/score: must be a number, not the text 'x'`."""
    where = "/" + "/".join(map(str, error.instance_path))
    kind = error.kind
    match kind.name:
        case "type":
            wanted = " or ".join(_ARTICLES.get(name, name) for name in kind.types)
            if is_file_reference(error.instance):
                return (
                    f"{where}: must be {wanted}, not a file: a result over 1 MiB is handed on as "
                    '{"$file": PATH, "bytes": N, "digest": …}; take an object and read the JSON at PATH, or return less'
                )
            return f"{where}: must be {wanted}, not {describe(error.instance)}"
        case "enum":
            return f"{where}: must be one of {short(_listed(kind.options), 300)}, not {describe(error.instance)}"
        case "required":
            return f"{where}: `{short(kind.property)}` is missing"
        case "additionalProperties" | "unevaluatedProperties":
            known = list(_subschema(schema, error.schema_path[:-1]).get("properties", ()))
            hints = [
                f"`{short(key)}`" + (f" ({near})" if (near := nearest(key, known)) else "") for key in kind.unexpected
            ]
            return f"{where}: unknown {', '.join(hints[:10])}"
        case _:
            return f"{where}: {short(error.message, 300)}"
