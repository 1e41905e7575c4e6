"""The other keys of a skill's frontmatter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lev_os.core.documents import nearest

from ...files import File
from ...patterns import Pattern
from ...rule import Finding, rule
from .._head import in_quotes, key_span, line_span, skill, value_span
from .names import SPECIFICATION, VERIFIED

KEYS = frozenset({"name", "description", "license", "compatibility", "metadata", "allowed-tools"})
"""The keys of the specification."""
CLAUDE_KEYS = frozenset(
    {"when_to_use", "argument-hint", "arguments", "disable-model-invocation", "user-invocable", "disallowed-tools",
     "model", "effort", "context", "agent", "hooks", "paths", "shell"}
)  # fmt: skip
"""Further keys that Claude Code reads, and in part VS Code."""
_TAG = Pattern(r"</?[A-Za-z][^<>]*>")


@rule(
    "CTX405",
    "skill-description-missing",
    summary="A skill has no description.",
    on="file",
    kinds={"skill"},
    severity="error",
    why="The description is all that a model sees before it decides to read a skill: hosts skip a skill without one. "
    "Claude Code takes the first paragraph instead, so under `.claude` this is a warning.",
    mend="Say in one or two sentences what the skill does and when to use it.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=(skill("name: pdf\n", at=(1, 1)), skill('name: pdf\ndescription: " "\n', at=(3, 14))),
    good=skill("name: pdf\ndescription: Reads PDFs.\n"),
)
def skill_description_missing(file: File) -> Iterator[Finding]:
    """Whether there is a description."""
    read = file.head
    if read is None:
        return
    value = read[1].get("description")
    if value is None or (isinstance(value, str) and not value.strip()):
        span = value_span(file, read[0], "description") if "description" in read[1] else (0, 3)
        yield Finding(
            span,
            "the skill has no `description`",
            "say what it does and when to use it",
            severity="warning" if "/.claude/" in f"/{file.name}" else None,
        )


@rule(
    "CTX406",
    "skill-description-length",
    summary="A skill's description is longer than 1,024 characters.",
    on="file",
    kinds={"skill"},
    severity="error",
    why="1,024 characters is the limit of the specification; hosts refuse the skill or cut the text off.",
    mend="Keep what tells when to use the skill; move the rest into its body.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=skill(f"name: pdf\ndescription: {'Reads PDFs. ' * 90}\n", at=(3, 14)),
    good=skill(f"name: pdf\ndescription: {'Reads PDFs. ' * 80}\n"),
)
def skill_description_length(file: File) -> Iterator[Finding]:
    """The length of the description."""
    read = file.head
    if read is not None and isinstance(value := read[1].get("description"), str) and len(value) > 1024:
        yield Finding(
            value_span(file, read[0], "description"),
            f"the description has {len(value):,} characters; at most 1,024 are allowed",
            "keep what tells when to use the skill",
        )


@rule(
    "CTX407",
    "skill-description-tags",
    summary="A skill's description holds something like an XML tag.",
    on="file",
    kinds={"skill"},
    severity="warning",
    confidence="medium",
    why="The description stands inside XML in the system prompt of some hosts. Claude's API refuses tags in it, and "
    "Codex's validator refuses any `<` or `>`.",
    mend="Write placeholders in another way (NAME instead of <name>).",
    source="https://platform.claude.com/docs/en/agents-and-tools/agent-skills/overview",
    verified=VERIFIED,
    bad=skill("name: pdf\ndescription: Reads <file>.pdf into text.\n", at=(3, 14)),
    good=skill("name: pdf\ndescription: Reads FILE.pdf into text, up to 10 MB.\n"),
)
def skill_description_tags(file: File) -> Iterator[Finding]:
    """Angle brackets that make a tag."""
    read = file.head
    if read is None or not isinstance(value := read[1].get("description"), str) or "<" not in value:
        return
    if found := _TAG.search(value):
        yield Finding(
            value_span(file, read[0], "description"),
            f"the description holds `{found[0][:40]}`, which Claude's API and Codex refuse",
            "write it without angle brackets",
        )


@rule(
    "CTX408",
    "skill-compatibility",
    summary="A skill's `compatibility` is not a text of 1 to 500 characters.",
    on="file",
    kinds={"skill"},
    severity="error",
    why="The specification allows a text of at most 500 characters; validators refuse the skill.",
    mend="Say in one sentence what the skill needs, or leave the key out.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=skill("name: pdf\ndescription: Reads PDFs.\ncompatibility: [linux, macos]\n", at=(4, 16)),
    good=skill("name: pdf\ndescription: Reads PDFs.\ncompatibility: Needs poppler.\n"),
)
def skill_compatibility(file: File) -> Iterator[Finding]:
    """The kind and length of `compatibility`."""
    read = file.head
    if read is None or "compatibility" not in read[1]:
        return
    value = read[1]["compatibility"]
    if isinstance(value, str) and 0 < len(value) <= 500:
        return
    what = f"has {len(value):,} characters; at most 500 are allowed" if isinstance(value, str) else "must be text"
    bad = isinstance(value, str | list | Mapping) and bool(value)
    yield Finding(
        value_span(file, read[0], "compatibility"), f"`compatibility` {what if value else 'is empty'}",
        severity=None if bad else "warning",
    )  # fmt: skip


@rule(
    "CTX409",
    "skill-metadata",
    summary="A value under `metadata` is not a string.",
    on="file",
    kinds={"skill"},
    severity="warning",
    why="`metadata` maps strings to strings. The reference validator turns numbers into text; hosts in other languages "
    "see a number, a date or `true`, so the same skill reads differently (`1.10` becomes `1.1`).",
    mend="Put the value in quotes.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=skill("name: pdf\ndescription: Reads PDFs.\nmetadata:\n  version: 1.10\n", at=(5, 12)),
    good=skill('name: pdf\ndescription: Reads PDFs.\nmetadata:\n  version: "1.10"\n'),
)
def skill_metadata(file: File) -> Iterator[Finding]:
    """The kinds of the values under `metadata`."""
    read = file.head
    if read is None or (metadata := read[1].get("metadata")) is None:
        return
    head = read[0]
    if not isinstance(metadata, Mapping):
        message = "`metadata` must hold `key: value` lines"
        yield Finding(value_span(file, head, "metadata"), message, severity="error")
        return
    for key, value in metadata.items():
        if isinstance(value, str) or str(key).startswith("lev-"):
            continue  # core reports our own keys (CTX105)
        start, end = value_span(file, head, "metadata", key)
        written = file.text[start:end]
        fix = None
        if isinstance(value, bool | int | float) and not written.startswith(('"', "'")):
            fix = in_quotes(file, (start, end))
        yield Finding((start, end), f"`{key}` under `metadata` must be a string", f'write {key}: "…"', fix)


@rule(
    "CTX411",
    "skill-allowed-tools",
    summary="`allowed-tools` is not a list of names separated by spaces.",
    on="file",
    kinds={"skill"},
    severity="info",
    why="The specification wants one text with spaces between the tools. Claude Code also takes commas and YAML lists; "
    "other hosts may read `Read,` as a tool's name and grant nothing.",
    mend="Write the tools on one line with spaces: `allowed-tools: Bash(git:*) Read`.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=skill("name: pdf\ndescription: Reads PDFs.\nallowed-tools: Read, Grep\n", at=(4, 16)),
    good=skill("name: pdf\ndescription: Reads PDFs.\nallowed-tools: Bash(git add:*) Read\n"),
)
def skill_allowed_tools(file: File) -> Iterator[Finding]:
    """The form of `allowed-tools`."""
    read = file.head
    if read is None or (value := read[1].get("allowed-tools")) is None:
        return
    span = line_span(file, read[0], "allowed-tools")
    if not isinstance(value, str):
        form = "a list" if isinstance(value, list) else "no text"
        yield Finding(span, f"`allowed-tools` is {form}; the specification wants names separated by spaces")
    elif "," in re.sub(r"\([^()]*\)", "", value):
        yield Finding(span, "`allowed-tools` has commas; the specification wants spaces between the tools")


@rule(
    "CTX412",
    "skill-unknown-key",
    summary="A skill's frontmatter has a key that the specification does not know.",
    on="file",
    kinds={"skill"},
    severity="warning",
    why="The reference validator rejects a skill with other keys, and strict hosts skip it. Keys that Claude Code adds "
    "are only an info, and nothing under `.claude`.",
    mend="Correct the spelling, or move your own data under `metadata`.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=skill("name: pdf\ndescription: Reads PDFs.\nversion: 1.0.0\n", at=(4, 1)),
    good=skill('name: pdf\ndescription: Reads PDFs.\nmetadata:\n  version: "1.0.0"\n'),
)
def skill_unknown_key(file: File) -> Iterator[Finding]:
    """Keys outside the specification."""
    read = file.head
    if read is None or read[1].keys() <= KEYS:
        return
    for key in read[1]:
        if key in KEYS:
            continue
        span = key_span(file, read[0], key)
        if key in CLAUDE_KEYS:
            if "/.claude/" not in f"/{file.name}":
                message = f"only some hosts know `{key}`; the reference validator rejects it"
                yield Finding(span, message, severity="info")
        else:
            meant = nearest(str(key).replace("_", "-"), KEYS)
            yield Finding(
                span, f"`{key}` is no key of a skill; the reference validator rejects it",
                meant or f"move it under `metadata`: `metadata: {{{key}: \"…\"}}`",
            )  # fmt: skip


@rule(
    "CTX416",
    "skill-empty",
    summary="A skill has a head and no body.",
    on="file",
    kinds={"skill"},
    severity="warning",
    why="A model that reads the skill gets nothing from it.",
    mend="Write the instructions, or delete the skill.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=skill("name: pdf\ndescription: Reads PDFs.\n", "", at=(1, 1)),
    good=skill("name: pdf\ndescription: Reads PDFs.\n"),
)
def skill_empty(file: File) -> Iterator[Finding]:
    """Whether there is a body."""
    head = file.markdown.head
    if head is not None and not file.text[head.span[1] :].strip():
        yield Finding((0, 3), "the skill has no instructions below its head", "write what a model should do")
