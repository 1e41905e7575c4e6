"""Passages that stand in more than one file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from ...facts import fact
from ...files import MARKDOWN_KINDS, File
from ...markdown import head_of
from ...project import Project
from ...rule import Example, Finding, rule
from .names import VERIFIED

_LEAST = 240
"""Characters from which a paragraph counts: shorter ones are phrases that any two pages share."""
_BEGIN = 48
"""Bytes of a passage that tell nearly all of them apart; the others are read."""
_BLANK = b" \t\r\n"
_PASSAGE = "The desk answers within two working days. Refunds go back to the card that was charged, never to another "
_LONG = _PASSAGE * 3


class Passage(msgspec.Struct, frozen=True, array_like=True):
    """A paragraph: its place, and the digest of its words, without the white space between them."""

    digest: bytes
    start: int
    end: int


class Passages(msgspec.Struct, frozen=True, array_like=True):
    """The digest of all of a file below its head, and its long paragraphs."""

    whole: bytes
    parts: tuple[Passage, ...]


@fact("passages", kinds=MARKDOWN_KINDS - {"resource"}, type=bytes)
def beginnings(file: File) -> bytes:
    """How each paragraph of at least 240 characters below the frontmatter begins: 48 bytes of its words each."""
    head = file.markdown.head
    return b"".join([_begin(part) for _, part in _paragraphs(file.text, head.span[1] if head else 0)])


@fact("passage-digests", kinds=beginnings.kinds, type=Passages, late=True)
def passages(file: File) -> Passages:
    """What tells passages that begin alike apart."""
    text = file.text
    head = head_of(text)
    start = head.span[1] if head else 0
    parts = tuple(Passage(_digest(_words(part)), at, at + len(part)) for at, part in _paragraphs(text, start))
    return Passages(_digest(text[start:].strip().encode("utf-8", "replace")), parts)


def _paragraphs(text: str, at: int) -> Iterator[tuple[int, str]]:
    for paragraph in text[at:].split("\n\n"):
        if len(paragraph) >= _LEAST:
            yield at, paragraph
        at += len(paragraph) + 2


def _begin(paragraph: str) -> bytes:
    words = _words(paragraph[: 2 * _BEGIN])
    if len(words) < _BEGIN:
        words = _words(paragraph).ljust(_BEGIN, b"\0")
    return words[:_BEGIN]


def _words(text: str) -> bytes:
    return text.encode("utf-8", "replace").translate(None, _BLANK)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=12).digest()


def _twins(one: File, other: File) -> bool:
    """Whether two files are one skill for two hosts."""
    return one.kind == other.kind == "skill" and os.path.basename(one.folder) == os.path.basename(other.folder)


@rule(
    "CTX601",
    "repeated-passage",
    summary="A long passage stands in two files.",
    on="project",
    severity="info",
    why="A model that loads both pays for it twice, and one day only one of them is corrected. Paragraphs of 240 "
    "characters and more are compared, word by word; whole copies of a file (AGENTS.md as CLAUDE.md, a skill for two "
    "hosts) are left alone, and so are the further pages of skills.",
    mend="Keep it in one file and link to it.",
    verified=VERIFIED,
    bad=Example({"AGENTS.md": f"# A\n\n{_LONG}\n", "GEMINI.md": f"# B\n\n{_LONG}\n"}, ("GEMINI.md", 3, 1)),
    good=(
        Example({"AGENTS.md": f"# A\n\n{_LONG}\n", "CLAUDE.md": f"# A\n\n{_LONG}\n"}),
        Example({"AGENTS.md": "Run the tests.\n\nMore.\n", "GEMINI.md": "Run the tests.\n\nOther.\n"}),
    ),
)
def repeated_passage(project: Project) -> Iterator[Finding]:
    """For each pair of files, the first passage that both have."""
    every = [part for _, found in project.facts(beginnings) for part in _each(found)]
    alike = {part for part, count in Counter(every).items() if count > 1} if len(set(every)) < len(every) else set()
    first: dict[bytes, File] = {}
    copies: set[bytes] = set()
    for file, found in project.facts(beginnings) if alike else ():
        if alike.isdisjoint(_each(found)) or (read := project.fact(passages, file)) is None:
            continue
        if read.whole in copies:
            continue
        copies.add(read.whole)
        said: dict[str, list[Passage]] = {}
        for part in read.parts:
            other = first.setdefault(part.digest, file)
            if other is not file and not _twins(other, file):
                said.setdefault(other.name, []).append(part)
        for name, parts in said.items():
            more = f" ({len(parts)} passages)" if len(parts) > 1 else ""
            characters = sum(part.end - part.start for part in parts)
            yield Finding(
                (parts[0].start, parts[0].end), f"{characters:,} characters also stand in {name}{more}",
                "keep them in one file and link to it", file=file.where,
            )  # fmt: skip


def _each(found: bytes) -> list[bytes]:
    return [found[at : at + _BEGIN] for at in range(0, len(found), _BEGIN)]
