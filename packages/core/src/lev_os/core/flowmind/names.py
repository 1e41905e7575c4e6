"""The names that an expression reads, each where it stands: for editors, which rename and explain them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ._cel_scan import KEYWORDS, MACROS, ScanError, Token, scan, tokenize

ITEM = "[]"
"""The part of a path that stands for an item of a list or a map, whichever it is."""
_PLAIN = re.compile(r"\"[^\"\\]*\"|'[^'\\]*'")


@dataclass(frozen=True, slots=True)
class NameUse:
    """A name and the fields read of it. `starts` are offsets in the source, None for a part that is not written.

    `orders[0].id` is `("orders", "[]", "id")`, and so is the `x.id` of `orders.map(x, x.id)`; `a['b']` is `a.b`.
    """

    path: tuple[str, ...]
    starts: tuple[int | None, ...]


@dataclass(slots=True)
class _Bound:
    """A variable of a comprehension, and the list that it goes through when that is a plain path."""

    name: str
    over: tuple[str, ...] | None


def names_in(source: str) -> tuple[NameUse, ...]:
    """Every name that is read, in order; none for an expression that is not CEL."""
    try:
        scan(source)
        tokens = tokenize(source)
    except ScanError:
        return ()
    uses: list[NameUse] = []
    frames: list[_Bound | None] = []
    ranges: dict[int, tuple[str, ...]] = {}
    for index, token in enumerate(tokens):
        if token.text in {"(", "[", "{"} and token.kind == "operator":
            frames.append(_bound(tokens, index, ranges))
        elif token.text in {")", "]", "}"} and token.kind == "operator":
            frames.pop()
        elif _is_variable(tokens, index):
            _use(tokens, index, [frame for frame in frames if frame], uses, ranges)
    return tuple(uses)


def _text(tokens: list[Token], index: int) -> str:
    return tokens[index].text if 0 <= index < len(tokens) else ""


def _is_variable(tokens: list[Token], index: int) -> bool:
    token = tokens[index]
    return (
        token.kind == "name"
        and token.text not in KEYWORDS
        and _text(tokens, index - 1) != "."
        and _text(tokens, index + 1) != "("
    )


def _bound(tokens: list[Token], opening: int, ranges: dict[int, tuple[str, ...]]) -> _Bound | None:
    """The variable that a macro's bracket binds."""
    if opening < 2 or tokens[opening - 1].text not in MACROS or _text(tokens, opening - 2) != ".":
        return None
    return _Bound(_text(tokens, opening + 1), ranges.get(opening - 1))


def _use(
    tokens: list[Token], index: int, frames: list[_Bound], uses: list[NameUse], ranges: dict[int, tuple[str, ...]]
) -> None:
    """Note the variable at `index` with its fields, and what a macro behind them goes through."""
    token = tokens[index]
    bound = next((frame for frame in reversed(frames) if frame.name == token.text), None)
    if bound is not None and _text(tokens, index + 1) == "," and tokens[index - 1].text == "(":
        return  # its declaration
    path: list[str] = [token.text]
    starts: list[int | None] = [token.start]
    if bound is not None:
        if bound.over is None:
            return
        path = [*bound.over, ITEM]
        starts = [None] * len(path)
    while True:
        after = _text(tokens, index + 1)
        if after == "[":
            key = tokens[index + 2]
            index = _closing(tokens, index + 1)
            literal = key.kind == "string" and tokens[index - 1] is key and _PLAIN.fullmatch(key.text)
            path.append(key.text[1:-1] if literal else ITEM)
            starts.append(key.start + 1 if literal else None)
        elif after == "." and index + 2 < len(tokens) and tokens[index + 2].kind == "name":
            if _text(tokens, index + 3) == "(":
                ranges[index + 2] = tuple(path)
                break
            index += 2
            path.append(tokens[index].text)
            starts.append(tokens[index].start)
        else:
            break
    uses.append(NameUse(tuple(path), tuple(starts)))


def _closing(tokens: list[Token], opening: int) -> int:
    depth = 0
    for index in range(opening, len(tokens)):
        if tokens[index].kind == "operator":
            depth += (tokens[index].text in {"(", "[", "{"}) - (tokens[index].text in {")", "]", "}"})
            if depth == 0:
                return index
    return len(tokens) - 1
