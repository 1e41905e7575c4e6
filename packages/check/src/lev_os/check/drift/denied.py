"""Where a document says itself that what it names is not, or no longer, there."""

from __future__ import annotations

import os
import re
from bisect import bisect_right

from ..files import File
from ..patterns import Pattern
from ..rule import Span

_STEM = Pattern(
    r".*template|history|news|changes|change[-_ ].+|change.?log.*|releases?|release.?notes.*|"
    r"migrat\w*(?:[-_ ].*)?|.*[-_ ]migration|upgrad\w*(?:[-_ ].*)?|what.?s.?new.*|breaking.*|deprecat\w*",
    re.IGNORECASE,
)
_HEADING = Pattern(
    r"\b(?:migrat\w+|upgrad\w+|change ?log|release notes|breaking changes?|deprecat\w+|removed|legacy|before|wrong|"
    r"anti-?patterns?|don.t)\b",
    re.IGNORECASE,
)
_ABOVE = Pattern(
    r"^\W*(?:before|old|bad|wrong|incorrect|don.t|do not|never|avoid|not)\b|"
    r"\bno longer (?:work|support|valid|exist|avail)|"
    r"\b(?:old|wrong|bad|incorrect|legacy|previous|outdated) (?:way|code|usage|api|style|version|form)|"
    r"\b(?:removed|obsolete|formerly|hypothetical|imaginary|pseudo-?code|does(?: not|n.t) exist|won.t work|fails?)\b|"
    r"[❌🚫✗✘⛔]",
    re.IGNORECASE,
)
_COMMENT = Pattern(
    r"#.*(?:[❌🚫✗✘⛔]|\b(?:wrong|bad|don.t|do not|never|removed|deprecated|old|before|error|fails|raises|invalid)\b)",
    re.IGNORECASE,
)
_SENTENCE = Pattern(
    r"\b(?:removed?|removes|removing|no longer|renam(?:e|es|ed|ing)|replac(?:e|es|ed|ing)|deprecat\w+|obsolete|legacy|"
    r"formerly|previously|wrong|incorrect|invalid|hallucinat\w+|imaginary|hypothetical|migrat\w+|exists?|"
    r"do(?:es)?(?: not|n.t)|never|avoid|instead of|rather than|in place of|there.s no|there is no|no such|has no|"
    r"have no|isn.t|aren.t|not|nor|was|were|old|until|misspell\w*|typo)\b|[❌🚫✗✘⛔]|~~",
    re.IGNORECASE,
)
_STOP = Pattern(r"[.!?](?=\s)|\n[ \t]*(?:\n|[-*+] |\d+[.)] |\||#|>)")
_ARROW = Pattern(r"→|->|=>")
_ANY = Pattern(r"(?:my|your|some)_\w+|(?:My|Your|Some)[A-Z]\w*|foo|bar|baz|qux|x{3,}")
_REACH = 400


def stands_for_any(name: str) -> bool:
    """Whether a name is one that readers put their own in place of: `my_service`, `YourModel`, `foo`."""
    return _ANY.fullmatch(name) is not None


def is_history(file: File) -> bool:
    """Whether a document is about other versions than the one that is installed: a change log, a migration guide."""
    return _STEM.fullmatch(os.path.splitext(file.base)[0]) is not None


def fence_denied(file: File, start: int) -> bool:
    """Whether the sentence above a fence that begins at `start`, or its heading, says that this is not how to do it."""
    text = file.text
    before = text[max(0, start - _REACH) : start].rstrip()
    line = before[before.rfind("\n") + 1 :]
    if _ABOVE.search(line[max(line[:-1].rfind(". ") + 2, 0) if ". " in line[:-1] else 0 :]):
        return True
    return _heading_denied(file, start)


def _heading_denied(file: File, place: int) -> bool:
    headings = file.markdown.headings
    above = bisect_right(headings, place, key=lambda heading: heading.span[0])
    return above > 0 and _HEADING.search(headings[above - 1].text) is not None


def line_denied(line: str) -> bool:
    """Whether a comment on a line of code says that it is wrong."""
    return "#" in line and _COMMENT.search(line) is not None


def span_denied(file: File, span: Span) -> bool:
    """Whether the sentence that a code span stands in, or its heading, speaks of what is not, or no longer, there."""
    text = file.text
    first = max(0, span[0] - _REACH)
    before = text[first : span[0]]
    stops = [stop.end() for stop in _STOP.finditer(before)]
    following = _STOP.search(text, span[1], span[1] + _REACH)
    end = following.start() if following else min(len(text), span[1] + _REACH)
    after = text[span[1] : end]
    return (
        _SENTENCE.search(before[stops[-1] if stops else 0 :]) is not None
        or _SENTENCE.search(after) is not None
        or _ARROW.search(after) is not None
        or _heading_denied(file, span[0])
    )
