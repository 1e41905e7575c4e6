"""Whether values of one type go where values of another are wanted."""

from __future__ import annotations

from dataclasses import dataclass

from .scopes import empty
from .types import KINDS, NUMBERS, Type


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why values do not fit: none of them (`sure`), or not all."""

    message: str
    sure: bool


def misfit(found: Type, wanted: Type, shown: str = "this") -> Misfit | None:
    """What keeps values of `found` from fitting `wanted`, the sure reasons first; None when nothing is known to."""
    if found.kinds == KINDS or wanted.kinds == KINDS or empty(found) or empty(wanted):
        return None
    kinds = wanted.kinds | (NUMBERS if wanted.kinds & NUMBERS else frozenset())
    shared = found.kinds & kinds
    if not shared:
        return Misfit(f"{shown} is {found.describe()}, and {wanted.describe()} is wanted", sure=True)
    scalars = not (shared - {"null"}) & {"list", "map"}
    if scalars and found.values is not None and wanted.values is not None and shared != {"null"}:
        left = found.values - wanted.values
        if left and left == found.values and "null" not in shared:
            return Misfit(f"{shown} is {found.describe()}, and {wanted.describe()} is wanted", sure=True)
        if left:
            said = " or ".join(repr(value) for value in sorted(map(str, left))[:5])
            return Misfit(f"{shown} may be {said}, and {wanted.describe()} is wanted", sure=False)
    inside = _inside(found, wanted, shared, shown)
    if inside is not None and (inside.sure or "null" in found.kinds <= kinds):
        return inside
    if "null" in found.kinds and "null" not in kinds:
        return Misfit(f"{shown} may be null, and {wanted.describe()} is wanted", sure=False)
    return inside


def _inside(found: Type, wanted: Type, shared: frozenset[str], shown: str) -> Misfit | None:
    if shared == {"map"} and found.fields is not None and wanted.fields is not None:
        return _fields(found, wanted, shown)
    if shared == {"list"} and found.items is not None and wanted.items is not None:
        within = misfit(found.items, wanted.items, f"an item of {shown}")
        # A list may be empty, and then it fits.
        return None if within is None else Misfit(within.message, sure=False)
    return None


def _fields(found: Type, wanted: Type, shown: str) -> Misfit | None:
    assert found.fields is not None, "the caller has looked"
    assert wanted.fields is not None, "the caller has looked"
    maybe: Misfit | None = None
    for name in sorted(wanted.required):
        if name not in found.fields and found.closed:
            return Misfit(f"{shown} has no `{name}`", sure=True)
        if name in found.fields and name not in found.required:
            maybe = maybe or Misfit(f"{shown} need not have `{name}`", sure=False)
    for name, type_ in found.fields.items():
        if name not in wanted.fields:
            if wanted.closed and name in found.required:
                return Misfit(f"{shown} has `{name}`, which is not wanted there", sure=True)
            continue
        within = misfit(type_, wanted.fields[name], f"`{name}`")
        if within is not None and within.sure and name in found.required:
            return within
        maybe = maybe or (None if within is None else Misfit(within.message, sure=False))
    return maybe
