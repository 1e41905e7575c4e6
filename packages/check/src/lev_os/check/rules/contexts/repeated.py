"""Passages that stand in more than one file."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from ...facts import fact
from ...files import MARKDOWN_KINDS, File
from ...project import Project
from ...rule import Example, Finding, rule
from .names import VERIFIED

_LEAST = 240
"""Characters from which a paragraph counts: shorter ones are phrases that any two pages share."""
_BLANK = b" \t\r\n"
_PASSAGE = "The desk answers within two working days. Refunds go back to the card that was charged, never to another "
_LONG = _PASSAGE * 3


class Passage(msgspec.Struct, frozen=True, array_like=True):
    """A paragraph: the digest of its words, and its place."""

    digest: bytes
    start: int
    end: int


class Passages(msgspec.Struct, frozen=True, array_like=True):
    """The long paragraphs of a file, and the digest of all of it."""

    whole: bytes
    parts: tuple[Passage, ...]


@fact("passages", kinds=MARKDOWN_KINDS - {"resource"}, type=Passages)
def passages(file: File) -> Passages:
    """Paragraphs of at least 240 characters, below the frontmatter; their digests do not depend on white space."""
    text = file.text
    head = file.markdown.head
    at = head.span[1] if head else 0
    whole = at
    parts: list[Passage] = []
    for paragraph in text[at:].split("\n\n"):
        end = at + len(paragraph)
        if end - at >= _LEAST:
            words = paragraph.encode("utf-8", "replace").translate(None, _BLANK)
            parts.append(Passage(blake2b(words, digest_size=12).digest(), at, end))
        at = end + 2
    if not parts:
        return Passages(b"", ())
    body = text[whole:].strip().encode("utf-8", "replace")
    return Passages(blake2b(body, digest_size=12).digest(), tuple(parts))


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
    first: dict[bytes, tuple[File, Passage]] = {}
    copies: set[bytes] = set()
    for file, found in project.facts(passages):
        if not found.parts or found.whole in copies:
            continue
        copies.add(found.whole)
        said: dict[str, list[Passage]] = {}
        for part in found.parts:
            other, _ = first.setdefault(part.digest, (file, part))
            if other is not file and not _twins(other, file):
                said.setdefault(other.name, []).append(part)
        for name, parts in said.items():
            more = f" ({len(parts)} passages)" if len(parts) > 1 else ""
            characters = sum(part.end - part.start for part in parts)
            yield Finding(
                (parts[0].start, parts[0].end), f"{characters:,} characters also stand in {name}{more}",
                "keep them in one file and link to it", file=str(file.path),
            )  # fmt: skip
