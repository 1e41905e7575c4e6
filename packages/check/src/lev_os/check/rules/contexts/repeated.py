"""Passages that stand in more than one file."""

from __future__ import annotations

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
    """A paragraph: its place, and how its words begin, without the white space between them."""

    begins: bytes
    start: int
    end: int


class Digests(msgspec.Struct, frozen=True, array_like=True):
    """The digest of all of a file below its head, and those of the words of its long paragraphs."""

    whole: bytes
    parts: tuple[bytes, ...]


@fact("passages", kinds=MARKDOWN_KINDS - {"resource"}, type=tuple[Passage, ...])
def passages(file: File) -> tuple[Passage, ...]:
    """Paragraphs of at least 240 characters, below the frontmatter."""
    head = file.markdown.head
    return _passages(file.text, head.span[1] if head else 0)


def _passages(text: str, at: int) -> tuple[Passage, ...]:
    parts: list[Passage] = []
    for paragraph in text[at:].split("\n\n"):
        end = at + len(paragraph)
        if end - at >= _LEAST:
            begins = _words(paragraph[: 2 * _BEGIN])
            if len(begins) < _BEGIN:
                begins = _words(paragraph)
            parts.append(Passage(begins[:_BEGIN], at, end))
        at = end + 2
    return tuple(parts)


@fact("passage-digests", kinds=passages.kinds, type=Digests, late=True)
def digests(file: File) -> Digests:
    """What tells passages that begin alike apart."""
    text = file.text
    head = head_of(text)
    start = head.span[1] if head else 0
    parts = tuple(_digest(_words(text[part.start : part.end])) for part in _passages(text, start))
    return Digests(_digest(text[start:].strip().encode("utf-8", "replace")), parts)


def _words(text: str) -> bytes:
    return text.encode("utf-8", "replace").translate(None, _BLANK)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=12).digest()


def _twins(one: File, other: File) -> bool:
    """Whether two files are one skill for two hosts."""
    return one.kind == other.kind == "skill" and one.path.parent.name == other.path.parent.name


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
    first: dict[bytes, File] = {}
    copies: set[bytes] = set()
    begun: dict[bytes, File] = {}
    alike = {
        part.begins
        for file, found in project.facts(passages)
        for part in found
        if begun.setdefault(part.begins, file) is not file
    }
    for file, found in project.facts(passages):
        if not any(part.begins in alike for part in found) or (read := project.fact(digests, file)) is None:
            continue
        if read.whole in copies:
            continue
        copies.add(read.whole)
        said: dict[str, list[Passage]] = {}
        for part, digest in zip(found, read.parts, strict=False):
            other = first.setdefault(digest, file)
            if other is not file and not _twins(other, file):
                said.setdefault(other.name, []).append(part)
        for name, parts in said.items():
            more = f" ({len(parts)} passages)" if len(parts) > 1 else ""
            characters = sum(part.end - part.start for part in parts)
            yield Finding(
                (parts[0].start, parts[0].end), f"{characters:,} characters also stand in {name}{more}",
                "keep them in one file and link to it", file=str(file.path),
            )  # fmt: skip
