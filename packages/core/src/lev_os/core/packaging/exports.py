"""Node's export resolution: PACKAGE_EXPORTS_RESOLVE, exactly.

Source: the Node.js documentation, "Modules: Packages" and "ESM resolution algorithm"; the tests compare every
case with real Node. Two deliberate differences, both where Node leaves the algorithm: `exports` that is null
or absent is `ExportNotFound` here (Node falls back to its legacy `main`), and numbers or booleans in its place
are `InvalidExports` (Node ignores them). `//` in a target is kept, as Node 20 and 24 do; `lev.toml` forbids it,
because later versions collapse it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from ..errors import LevError


class ExportNotFound(LevError):
    """The package does not export that subpath under those conditions."""


class InvalidSubpath(ExportNotFound):
    """The request itself can match no export: what stands for `*` would leave its folder."""


class InvalidExports(LevError):
    """The export map breaks Node's rules, whatever is asked of it."""


class _InvalidTarget(InvalidExports):
    """A target breaks the rules; an array skips it and tries the next."""


class _Undefined:
    """What no condition selected: the search goes on. `None` is Node's null: it stops."""


_UNDEFINED = _Undefined()

# Segments `.`, `..` and `node_modules`, percent-encoded or after a backslash too. ASCII, as Node's pattern has no `u`.
_BAD_SEGMENT = re.compile(
    r"(?:^|[\\/])(?:(?:\.|%2e){1,2}"
    r"|(?:n|%6e|%4e)(?:o|%6f|%4f)(?:d|%64|%44)(?:e|%65|%45)(?:_|%5f)(?:m|%6d|%4d)(?:o|%6f|%4f)"
    r"(?:d|%64|%44)(?:u|%75|%55)(?:l|%6c|%4c)(?:e|%65|%45)(?:s|%73|%53))(?:[\\/]|\Z)",
    re.ASCII | re.IGNORECASE,
)
_ESCAPES = re.compile(r"(?:%[0-9a-f]{2})+", re.ASCII | re.IGNORECASE)
_DOTS = {".": 0, "%2e": 0, "..": 1, ".%2e": 1, "%2e.": 1, "%2e%2e": 1}
_STRIPPED = str.maketrans("", "", "\t\n\r")  # a URL parser drops these before it looks at segments


def resolve_exports(exports: object, subpath: str, conditions: Collection[str]) -> str:
    """The target of `subpath` (`.` or `./x`) in an export map, as written, with `*` filled in: `./contexts/x.md`.

    `exports` is the JSON value of Node's field: a string, a list, or a mapping in its own order. `conditions` are
    the active ones; `default` always is. Raises `ExportNotFound` or `InvalidExports`.
    """
    table: Any = exports
    if not isinstance(exports, (dict, Mapping)) or _is_sugar(exports):
        if exports is None:
            raise ExportNotFound(f"{subpath!r} is not exported: there is no export map")
        if not isinstance(exports, (str, list, tuple, Mapping)):
            raise InvalidExports(f"an export map is a string, a list or a mapping, not {type(exports).__name__}")
        table = {".": exports}

    matched, star = subpath, ""
    if subpath not in table or "*" in subpath or subpath.endswith("/"):
        matched, star = best_pattern(table, subpath)
        if not matched:
            raise ExportNotFound(f"{subpath!r} is not exported")
    found = _target(table[matched], star, matched, conditions)
    if found is None or found is _UNDEFINED:
        raise ExportNotFound(f"{subpath!r} is not exported under {', '.join(sorted(conditions)) or 'default'}")
    assert isinstance(found, str)
    if "%" in found and (fault := _wrong_escape(found)):
        raise InvalidSubpath(f"{subpath!r} leads to {found!r}, which {fault}")
    return found


def _is_sugar(exports: Mapping[Any, Any]) -> bool:
    """Whether the mapping holds conditions (sugar for `.`) rather than subpaths; both at once is an error."""
    dotted = plain = False
    for key in exports:
        if not isinstance(key, str):
            raise InvalidExports(f"keys of an export map are strings, not {type(key).__name__}")
        if key[:1] == ".":
            dotted = True
        else:
            plain = True
    if dotted and plain:
        raise InvalidExports("an export map holds subpaths (starting with '.') or conditions, not both")
    return plain


def best_pattern(table: Mapping[str, Any], subpath: str) -> tuple[str, str]:
    """The most specific pattern key that matches and what its star stands for; empty strings if none does.

    The longest part before the star wins, then the longest key.
    """
    best, best_base, star = "", -1, ""
    length = len(subpath)
    for key in table:
        base = key.find("*")
        if base < 0 or base < best_base or length < len(key) or not subpath.startswith(key[:base]):
            continue
        trailer = key[base + 1 :]
        if "*" in trailer or not subpath.endswith(trailer) or (base == best_base and len(key) <= len(best)):
            continue
        best, best_base, star = key, base, subpath[base : length - len(trailer)]
    return best, star


def _target(target: object, star: str, key: str, conditions: Collection[str]) -> str | _Undefined | None:
    if isinstance(target, str):
        _check_target(target, key)
        if not star:
            return target
        if _BAD_SEGMENT.search(star):
            raise InvalidSubpath(f"{star!r} cannot stand for '*' in {key!r}: it has a forbidden segment")
        return target.replace("*", star)
    if isinstance(target, (dict, Mapping)):
        for condition in target:
            if not isinstance(condition, str):
                raise InvalidExports(f"conditions in {key!r} are strings, not {type(condition).__name__}")
            if condition[:1].isdigit() and _is_array_index(condition):
                raise InvalidExports(f"{key!r} has the numeric condition {condition!r}")
        for condition, chosen in target.items():
            if condition == "default" or condition in conditions:
                found = _target(chosen, star, key, conditions)
                if found is not _UNDEFINED:
                    return found
        return _UNDEFINED
    if isinstance(target, (list, tuple)):
        return _first_good(target, star, key, conditions)
    if target is None:
        return None
    raise _InvalidTarget(f"{key!r} has an invalid target: {target!r}")


def _first_good(
    targets: Collection[object], star: str, key: str, conditions: Collection[str]
) -> str | _Undefined | None:
    """The first usable target of an array; without one, what the last said: an error, or null."""
    if not targets:
        return None
    last: _InvalidTarget | _Undefined | None = _UNDEFINED
    for target in targets:
        try:
            found = _target(target, star, key, conditions)
        except _InvalidTarget as error:
            last = error
            continue
        if isinstance(found, str):
            return found
        if found is None:
            last = None
    if isinstance(last, _InvalidTarget):
        raise last
    return last


def _check_target(target: str, key: str) -> None:
    reason = _wrong_with(target)
    if reason:
        raise _InvalidTarget(f"{key!r} has the invalid target {target!r}: {reason}")


@lru_cache(maxsize=4096)  # the same few targets are asked for again and again
def _wrong_with(target: str) -> str | None:
    if not target.startswith("./"):
        return "it must start with './'"
    if _BAD_SEGMENT.search(target, 1):
        return "'.', '..' and 'node_modules' segments are forbidden"
    if target != target.translate(_STRIPPED) and _leaves(target.translate(_STRIPPED)):
        return "it leaves the package"
    return None


def _leaves(target: str) -> bool:
    """Whether a URL parser would walk out of the folder (only possible through characters it drops)."""
    depth = 0
    *folders, last = re.split(r"[\\/]", re.split(r"[?#]", target[2:], maxsplit=1)[0].lower())
    for segment in (*folders, last):
        step = _DOTS.get(segment)
        depth += 1 if step is None else -step
        if depth < 0:
            return True
    return False


def _wrong_escape(target: str) -> str | None:
    """What Node's file names do not allow in the escapes of a target: separators, and bytes that are no UTF-8."""
    path = re.split(r"[?#]", target, maxsplit=1)[0].translate(_STRIPPED)
    if "%2f" in path.lower() or "%5c" in path.lower():
        return "has an encoded separator (%2f, %5c)"
    try:
        for escapes in _ESCAPES.findall(path):
            bytes.fromhex(escapes.replace("%", "")).decode("utf-8")
    except UnicodeDecodeError:
        return "has escapes that are no UTF-8"
    return "has a percent sign that begins no escape" if "%" in _ESCAPES.sub("", path) else None


def _is_array_index(key: str) -> bool:
    """Node's test: a canonical JavaScript number from 0 to 2**32 - 2 (so `1.5` counts too)."""
    try:
        number = float(key)
    except ValueError:
        return False
    return number < 0xFFFF_FFFF and _javascript_text(number) == key


def _javascript_text(number: float) -> str:
    """A number below 2**32 as JavaScript prints it (ECMA-262, Number::toString)."""
    if number == 0:
        return "0"
    mantissa, _, exponent = f"{number!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    if point > 0:
        digits = digits.ljust(point, "0")
        return digits[:point] + ("." + digits[point:] if digits[point:] else "")
    if point > -6:
        return "0." + "0" * -point + digits
    return digits[0] + ("." + digits[1:] if digits[1:] else "") + f"e{point - 1}"
