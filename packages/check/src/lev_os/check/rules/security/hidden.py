"""Characters that a model reads and a reviewer does not see, or sees as others."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from ...diagnostics import Edit, Fix, Severity
from ...files import File
from ...markdown import within
from ...patterns import Pattern
from ...rule import Example, Finding, rule
from .._text import wide

SOURCE = "https://www.unicode.org/reports/tr36/"
VERIFIED = "2026-11-22"
READ = frozenset(
    {"skill", "resource", "instructions", "command", "agent", "context", "plugin", "mcp", "hooks", "manifest", "flow",
     "constitution", "document"}
)  # fmt: skip
"""Every kind of file whose text reaches a model or decides what runs."""

_TAGS = Pattern("[\U000e0000-\U000e007f]+")
_FLAG = Pattern("\U0001f3f4[\U000e0020-\U000e007e]{2,6}\U000e007f")
_SELECTORS = Pattern("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}")
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BIDI = Pattern(f"[{''.join(sorted(_REORDERING))}]")
_ZERO_WIDTH = Pattern(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u061c\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb]+"
)
_CONTROL = Pattern("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]+")
_VISIBLE_AT_START = "\ufeff"
_WIDE = r"[\x80-\xff]"
"""Anything outside ASCII."""


def _named(character: str) -> str:
    return f"U+{ord(character):04X} ({unicodedata.name(character, 'a control character').lower()})"


def _removal(start: int, end: int) -> Fix:
    return Fix("delete it", (Edit(start, end, ""),), safe=False)


@rule(
    "SEC101",
    "tag-characters",
    summary="Unicode tags or selectors spell text that nobody sees.",
    on="file",
    kinds=READ,
    hint=_WIDE,
    severity="error",
    why="Characters of the tag block, and runs of variation selectors, are drawn as nothing; models read what they "
    "spell. No text needs them, but for flags of regions (England, Scotland, Wales), which are left alone.",
    mend="Delete them, and find out who put them there.",
    source=SOURCE,
    verified=VERIFIED,
    bad=Example({"AGENTS.md": "Run the tests.\U000e0068\U000e0069\n"}, ("AGENTS.md", 1, 15)),
    good=Example(
        {"AGENTS.md": "Scotland \U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f plays.\n"}
    ),
)
def tag_characters(file: File) -> Iterator[Finding]:
    """Runs of tags and of selectors, with what they spell."""
    text = file.text
    if not any("\ufe00" <= c <= "\ufe0f" or "\U000e0000" <= c <= "\U000e01ef" for c in wide(file)):
        return
    flags = [found.span() for found in _FLAG.finditer(text)] if "\U0001f3f4" in text else []
    for found in _TAGS.finditer(text):
        start, end = found.span()
        if within(flags, start):
            continue
        spelled = "".join(chr(ord(c) - 0xE0000) for c in found[0] if 0x20 <= ord(c) - 0xE0000 < 0x7F)
        said = f" that spell {spelled[:60]!r}" if spelled else ""
        yield Finding((start, end), f"{end - start} invisible tag characters{said}", fix=_removal(start, end))
    for found in _SELECTORS.finditer(text):
        message = f"{len(found[0])} variation selectors in a row, which can carry hidden bytes"
        yield Finding(found.span(), message, fix=_removal(*found.span()))


@rule(
    "SEC102",
    "bidirectional-controls",
    summary="A character reorders the text that a reviewer sees.",
    on="file",
    kinds=READ,
    hint=_WIDE,
    severity="error",
    why="Embeddings, overrides and isolates show characters in another order than the one a model or a shell reads "
    "(Trojan Source). Inside text in a script that runs right to left a closed pair of isolates is only a warning.",
    mend="Delete it.",
    source="https://trojansource.codes",
    verified=VERIFIED,
    bad=Example({"AGENTS.md": "Run `rm \u202e x`.\n"}, ("AGENTS.md", 1, 9)),
    good=Example({"AGENTS.md": "Hebrew (\u05e2\u05d1\u05e8\u05d9\u05ea) needs none.\n"}),
)
def bidirectional_controls(file: File) -> Iterator[Finding]:
    """Each control that changes the direction."""
    if wide(file).isdisjoint(_REORDERING):
        return
    native_letters = "".join(c for c in wide(file) if unicodedata.bidirectional(c) in ("R", "AL"))
    letters = [found.start() for found in re.finditer(f"[{native_letters}]", file.text)] if native_letters else []
    for found in _BIDI.finditer(file.text):
        native = found[0] >= "\u2066" and _any_near(letters, file, found.start())
        message = f"{_named(found[0])} reorders what is shown"
        yield Finding(
            found.span(), message, fix=_removal(*found.span()), severity="warning" if native else None
        )  # fmt: skip


def _any_near(places: Sequence[int], file: File, at: int) -> bool:
    """Whether one of `places` is on the line of `at`, and not far behind it."""
    start, end = file.line_around(at)
    index = bisect_left(places, start)
    return index < len(places) and places[index] < min(end, at + 200)


@rule(
    "SEC103",
    "zero-width-characters",
    summary="An invisible character stands in the text.",
    on="file",
    kinds=READ,
    hint=_WIDE,
    severity="warning",
    why="Zero-width spaces, soft hyphens and fillers are drawn as nothing: they hide words from a search and can carry "
    "a message. In code, names and addresses they change what runs, so there they are an error. Joiners that emoji and "
    "joining scripts need are left alone.",
    mend="Delete it.",
    source=SOURCE,
    verified=VERIFIED,
    bad=Example({"AGENTS.md": "Ask Al\u200bice.\n"}, ("AGENTS.md", 1, 7)),
    good=Example({"AGENTS.md": "A family \U0001f468\u200d\U0001f469\u200d\U0001f467 and \u0645\u06cc\u200c\u062e.\n"}),
)
def zero_width_characters(file: File) -> Iterator[Finding]:
    """Each run of characters without width that the writing around does not need."""
    text = file.text
    if not any(map(_ZERO_WIDTH.match, wide(file))):
        return
    for found in _ZERO_WIDTH.finditer(text):
        start, end = found.span()
        if (start == 0 and found[0] == _VISIBLE_AT_START) or (end - start == 1 and _needed(text, start)):
            continue
        count = f"{end - start} invisible characters, first " if end - start > 1 else "the invisible character "
        code = file.markdown.code_at(start)
        in_code = code is not None and code.inside[0] <= start < code.inside[1]
        severity: Severity | None = "error" if in_code and found[0] != "\u00ad" else None
        yield Finding((start, end), count + _named(found[0][0]), fix=_removal(start, end), severity=severity)


def _needed(text: str, at: int) -> bool:
    """Whether a joiner or a mark of direction belongs to the letters or pictures around it."""
    character, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if character in "\u200c\u200d":
        return _joins(before) and (_joins(after) or (character == "\u200c" and not after.isascii()))
    if character in "\u061c\u200e\u200f":
        return any(unicodedata.bidirectional(near) in ("R", "AL") for near in (before, after) if near)
    return "\u180b" <= character <= "\u180f" and "\u1800" <= before <= "\u18af"  # Mongolian


def _joins(character: str) -> bool:
    if not character or character.isascii():
        return False
    if character == "\ufe0f":
        return True
    return unicodedata.category(character) in ("So", "Sk", "Lo", "Mn", "Mc")


@rule(
    "SEC104",
    "control-characters",
    summary="A control character stands in the text.",
    on="file",
    kinds=READ,
    hint=r"[\x00-\x08\x0e-\x1f\x7f]|\xc2[\x80-\x9f]",
    severity="error",
    why="Escape sequences repaint a terminal, so that what is shown is not what is read; NUL and others end or split "
    "text in some readers.",
    mend="Delete it, or write it visibly (`\\x1b`).",
    source=SOURCE,
    verified=VERIFIED,
    bad=Example({"AGENTS.md": "Run \x1b[2Kit.\n"}, ("AGENTS.md", 1, 5)),
    good=Example({"AGENTS.md": "Tabs\tand\r\nWindows line ends are fine.\r\n"}),
)
def control_characters(file: File) -> Iterator[Finding]:
    """Runs of control characters, but for tabs, line ends and form feeds."""
    for found in _CONTROL.finditer(file.text):
        yield Finding(found.span(), f"the control character {_named(found[0][0])}", fix=_removal(*found.span()))


_CONFUSABLE = {
    **dict(
        zip("\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u04bb\u0501\u0455", "aeopcyxijhds", strict=True)
    ),
    **dict(zip("\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425", "ABEKMHOPCTX", strict=True)),
    **dict(zip("\u03bf\u0391\u0392\u0395\u0397\u039f\u03a1\u03a4", "oABEHOPT", strict=True)),
}
_LOOKALIKE = f"[{''.join(_CONFUSABLE)}]"
_MIXED = Pattern(rf"\b\w*?(?:[A-Za-z](?={_LOOKALIKE})|{_LOOKALIKE}(?=[A-Za-z]))\w+")


@rule(
    "SEC105",
    "confusable-characters",
    summary="A word mixes Latin letters with look-alikes of another script.",
    on="file",
    kinds=READ,
    hint=_WIDE,
    severity="error",
    confidence="medium",
    why="`p\u0430ypal.com` with a Cyrillic \u0430 is another name than it seems: in an address, a command or a tool's "
    "name it leads elsewhere.",
    mend="Write the word in one script.",
    source="https://www.unicode.org/reports/tr39/",
    verified=VERIFIED,
    bad=Example({"AGENTS.md": "Fetch https://p\u0430ypal.com first.\n"}, ("AGENTS.md", 1, 15)),
    good=Example({"AGENTS.md": "\u042d\u0442\u043e Python, PR-\u0443; the angle \u03b1xy and \u0394x are fine.\n"}),
)
def confusable_characters(file: File) -> Iterator[Finding]:
    """Words with at least two Latin letters and a look-alike, but no other letter of that script."""
    if wide(file).isdisjoint(_CONFUSABLE):
        return
    for found in _MIXED.finditer(file.text):
        word = found[0]
        letters = [c for c in word if c.isalpha()]
        latin = sum(c.isascii() for c in letters)
        foreign = [c for c in letters if not c.isascii() and "LATIN" not in unicodedata.name(c, "")]
        if latin >= 2 and all(c in _CONFUSABLE for c in foreign):
            plain = "".join(_CONFUSABLE.get(c, c) for c in word)
            message = f"`{word}` only looks like `{plain}`: it holds {_named(foreign[0])}"
            yield Finding(found.span(), message, fix=Fix(f"write `{plain}`", (Edit(*found.span(), plain),), safe=False))
