"""How to mend what reading a flow reports, where that takes no thought.

Only what cannot change a meaning is safe: a text is quoted, braces go. A word that was probably meant is a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from lev_os.core.errors import Problem

from ..diagnostics import Edit, Fix
from ..files import File

_MEANT = re.compile(r"did you mean `?([^`?\s]+)`?\?")
_QUOTED = re.compile(r"`([^`]+)`")
_WRITE = re.compile(r"write `([^`]+)`")
_VALUE = re.compile(r"[ \t]*(?:- )*(?:[\w-]+:[ \t]+)?")
_NEAR = 300
_CEL = {"and": "&&", "or": "||", "None": "null", "True": "true", "False": "false"}


def fix_of(problem: Problem, file: File) -> Fix | None:
    """How to mend a problem of a flow; None when that takes a person."""
    start = file.offset(problem.at.line or 1, problem.at.column or 1)
    mend = _MENDS.get(problem.code)
    return (mend(problem, file, start) if mend else None) or _rename(problem, file, start)


def _rename(problem: Problem, file: File, start: int) -> Fix | None:
    """The word that the message is about, as the help says it was meant."""
    meant = _MEANT.search(problem.help or "")
    words = _QUOTED.findall(problem.message)
    if meant is None or not words:
        return None
    return _replace(file, start, words[-1], meant[1])


def _replace(file: File, start: int, word: str, by: str, *, safe: bool = False) -> Fix | None:
    found = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])").search(file.text, start, start + _NEAR)
    return None if found is None else Fix(f"write `{by}`", (Edit(*found.span(), by),), safe)


def _missing(problem: Problem, file: File, start: int) -> Fix | None:
    """`uncertain: []` says that nothing happens then, which is what a missing key would have meant."""
    if problem.message != "missing key `uncertain`":
        return None
    text = file.text
    before = text[text.rfind("\n", 0, start) + 1 : start]
    if text[start : start + 1] == "{":
        added, at = "uncertain: [], ", start + 1
    elif before.replace("-", " ").strip():
        return None
    else:
        added, at = "uncertain: []\n" + " " * len(before), start
    return Fix("add `uncertain: []`", (Edit(at, at, added),), safe=False)


def _quote(problem: Problem, file: File, start: int) -> Fix | None:
    """Quotes around a plain scalar that is alone on its line."""
    text = file.text
    begin, end = text.rfind("\n", 0, start) + 1, text.find("\n", start)
    value = text[start : end if end >= 0 else len(text)].rstrip()
    if _VALUE.fullmatch(text, begin, start) is None or " #" in value:
        return None
    if _goes_on(text, end, len(text[begin:start]) - len(text[begin:start].lstrip(" -"))):
        return None
    quoted = json.dumps(value, ensure_ascii=False) if '"' not in value else "'" + value.replace("'", "''") + "'"
    return Fix("quote this", (Edit(start, start + len(value), quoted),))


def _goes_on(text: str, end: int, indent: int) -> bool:
    """Whether the line after `end` belongs to the same scalar: it is indented more than the key."""
    while 0 <= end < len(text) - 1:
        after = text.find("\n", end + 1)
        line = text[end + 1 : after if after >= 0 else len(text)]
        if line.strip():
            return len(line) - len(line.lstrip(" ")) > indent
        end = after
    return False


def _unbrace(problem: Problem, file: File, start: int) -> Fix | None:
    text = file.text
    begin, end = file.span_at(problem.at.line or 1, problem.at.column or 1)
    at, end = text.find("${", begin, end), text.rfind("}", begin, end)
    if at < 0 or end < 0:
        return None
    return Fix("leave the braces out", (Edit(at, end + 1, text[at + 2 : end].strip()),))


def _write(problem: Problem, file: File, start: int) -> Fix | None:
    """What the help says to write, in place of the word that is there."""
    meant = _WRITE.match(problem.help or "")
    if meant is None:
        return None
    begin, end = file.span_at(problem.at.line or 1, problem.at.column or 1)
    return Fix(f"write `{meant[1]}`", (Edit(begin, end, meant[1]),), safe=False)


def _python_word(problem: Problem, file: File, start: int) -> Fix | None:
    words = _QUOTED.findall(problem.message)
    if not problem.message.endswith(" is not CEL") or words[0] not in _CEL:
        return None
    return _replace(file, start, words[0], _CEL[words[0]], safe=True)


_MENDS: Mapping[str, Callable[[Problem, File, int], Fix | None]] = {
    "FLW101": _missing,
    "FLW102": _write,
    "FLW105": _quote,
    "FLW106": _write,
    "FLW107": _write,
    "FLW111": _unbrace,
    "FLW301": _python_word,
}
