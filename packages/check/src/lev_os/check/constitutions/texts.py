"""Checks of text, put to texts that stand in files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lev_os.core.constitutional import Check
from lev_os.core.constitutional.checks.regex import program

_ANCHORS = ("\\b", "\\B", "^", "$", "\\A", "\\z", "\\Z")


def finds(check: Check, text: str, *, whole: bool = True) -> tuple[int, int] | None:
    """Where a `regex` check finds its pattern; in a piece of a text only what its edges cannot have made."""
    pattern = check.argument if isinstance(check.argument, str) else check.argument["pattern"]
    found = program(pattern).search(text.encode("utf-8", "replace").decode())
    if found is None:
        return None
    start, end = found.span()
    anchored = any(anchor in pattern for anchor in _ANCHORS)
    if not whole and anchored and (start == 0 or end == len(text)):
        return None
    return start, end


def lacks(check: Check, text: str) -> bool:
    """Whether the words that a `require_phrase` check wants are not there."""
    phrase, fold = phrase_of(check)
    return (phrase.casefold() not in text.casefold()) if fold else (phrase not in text)


def phrase_of(check: Check) -> tuple[str, bool]:
    """The words that are wanted, and whether case is ignored."""
    argument = check.argument
    return (argument, False) if isinstance(argument, str) else (argument["phrase"], argument.get("ignore_case", False))


def fields_of(check: Check) -> frozenset[str] | None:
    """The fields that a check of text names; None: all that leaves."""
    argument: Any = check.argument
    fields = argument.get("fields") if isinstance(argument, Mapping) else None
    return None if fields is None else frozenset(field.removeprefix("request.") for field in fields)
