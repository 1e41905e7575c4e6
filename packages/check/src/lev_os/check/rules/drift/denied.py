"""Where a document says itself that what it names is not, or no longer, there."""

from __future__ import annotations

import re

from ...files import File
from ...markdown import Code

_GONE = (
    r"\b(?:removed?|removes|removing|no longer|renam(?:e|es|ed|ing)|replac(?:e|es|ed|ing)|deprecat\w+|obsolete|legacy|"
    r"formerly|previously|wrong|incorrect|invalid|hallucinat\w+|imaginary|hypothetical|pseudo-?code|migrat\w+|"
    r"does(?: not|n.t) exist|do(?:es)?(?: not|n.t)|never|avoid|instead of|rather than|there is no|no such|isn.t|"
    r"is not|are not|was|were|without|old|fails|raises `?(?:AttributeError|ImportError|TypeError))\b|[❌🚫✗✘⛔]|~~"
)
_SPAN = re.compile(rf"{_GONE}|→|->|=>|\bv\d\b", re.IGNORECASE)
_FENCE = re.compile(
    r"\b(?:removed|no longer|renamed|replaced|deprecated|obsolete|legacy|formerly|previously|wrong|incorrect|invalid|"
    r"bad|before|old|imaginary|hypothetical|pseudo-?code|does(?: not|n.t) exist|do(?: not|n.t)|never|avoid|"
    r"instead of|rather than|won.t work|fails)\b|[❌🚫✗✘⛔]",
    re.IGNORECASE,
)
_COMMENT = re.compile(
    r"#.*(?:[❌🚫✗✘⛔]|\b(?:wrong|bad|don.t|do not|never|removed|deprecated|old|before|error|fails|raises|invalid)\b)",
    re.IGNORECASE,
)
_HISTORY = re.compile(
    r"migrat|upgrad|change.?log|\bchanges\b|release.?notes|\breleases\b|breaking|deprecat|what.?s.?new|history|"
    r"\bnews\b|\bbefore\b",
    re.IGNORECASE,
)
_REACH = 240


def is_history(file: File) -> bool:
    """Whether a document is about other versions than the one that is installed: a change log, a migration guide."""
    return _HISTORY.search(file.path.stem) is not None


def fence_denied(file: File, code: Code) -> bool:
    """Whether the line above a fence, or its heading, says that the code is not how to do it."""
    text, start = file.text, code.span[0]
    before = text[max(0, start - _REACH) : start].rstrip()
    line = before[before.rfind("\n") + 1 :]
    if _FENCE.search(line[max(line.rstrip(".: *").rfind(". "), 0) :]):
        return True
    heading = ""
    for each in file.markdown.headings:
        if each.span[0] > start:
            break
        heading = each.text
    return _HISTORY.search(heading) is not None or _FENCE.search(heading) is not None


def line_denied(line: str) -> bool:
    """Whether a comment on a line of code says that it is wrong."""
    return "#" in line and _COMMENT.search(line) is not None


def span_denied(text: str, code: Code) -> bool:
    """Whether the line that a code span stands in speaks of what is not, or no longer, there."""
    start = text.rfind("\n", 0, code.span[0]) + 1
    end = text.find("\n", code.span[1])
    end = end if end >= 0 else len(text)
    line = text[max(start, code.span[0] - _REACH) : min(end, code.span[1] + _REACH)]
    if _SPAN.search(line):
        return True
    above = text[text.rfind("\n", 0, max(start - 1, 0)) + 1 : max(start - 1, 0)]
    return bool(above.strip()) and _SPAN.search(above[-_REACH:]) is not None
