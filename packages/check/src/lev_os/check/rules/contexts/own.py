"""What core reports of our own keys and parameters in contexts, when it reads them to run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from lev_os.core.errors import InvalidInput, Problem

from ...diagnostics import Fix
from ...files import File
from ...patterns import Pattern
from ...rule import Example, Finding, Span, rule
from .._head import in_quotes, skill

_KINDS = frozenset({"context", "skill"})
_OURS = r"lev-|\\"
"""Our prefix, or what may spell it in YAML."""
_SMALL = 200_000
"""Characters that cannot be 1 MiB."""
_KEY = Pattern(r"\s*[\"']?lev-[a-z-]+[\"']?\s*:\s+")
_BARE = Pattern(r"(?i)[+-]?[0-9][0-9.]*|true|false")
_SCHEMA = "https://agentskills.io/specification"


@lru_cache(maxsize=4)
def _problems(text: str) -> tuple[Problem, ...]:
    from lev_os.core.contexts.frontmatter import read_frontmatter
    from lev_os.core.contexts.markdown import read_layout
    from lev_os.core.contexts.render import check
    from lev_os.core.contexts.source import Lines

    plain = text.replace("\r\n", "\n")
    try:
        head = read_frontmatter(plain)
        if params := head.words("lev-params"):
            check(
                head.body,
                read_layout(head.body).code,
                params,
                Lines(head.body.encode(), None, first_line=head.body_line),
            )
    except InvalidInput as error:
        return tuple(error.problems)
    return ()


def _is_well_typed(file: File) -> bool:
    """Nearly every skill: then core need not read it once more."""
    fields = file.fields
    return (
        isinstance(fields.get("name", ""), str)
        and isinstance(fields.get("description", ""), str)
        and isinstance(fields.get("metadata", {}), dict)
    )


def _of_core(code: str, name: str, **details: Any) -> None:
    @rule(code, name, on="file", kinds=_KINDS, severity="error", **details)
    def found(file: File) -> Iterator[Finding]:
        if not file.text.startswith("---"):
            return
        if ((code == "CTX103" and file.markdown.head) or "lev-" not in file.text) and _is_well_typed(file):
            return
        for problem in _problems(file.text):
            if problem.code == code:
                span = file.span_at(problem.at.line or 1, problem.at.column or 1)
                yield Finding(span, problem.message, problem.help, _fix(file, span) if code == "CTX105" else None)


def _fix(file: File, span: Span) -> Fix | None:
    """Quotes, where a number or `true` stands behind the key."""
    before = file.text[file.text.rfind("\n", 0, span[0]) + 1 : span[0]]
    bare = _KEY.fullmatch(before) and _BARE.fullmatch(file.text[slice(*span)])
    return in_quotes(file, span) if bare else None


def _lev(line: str, *, at: tuple[int, int] | None = None, body: str = "Text.\n") -> Example:
    return skill(f"name: pdf\ndescription: Reads PDFs.\nmetadata:\n  {line}\n", body, at=at)


_of_core(
    "CTX103",
    "head-type",
    summary="`name`, `description` or `metadata` is not of the kind that it must be.",
    why="Names and descriptions are text; a number or a list has another meaning to each host.",
    mend="Put the value in quotes, or write `key: value` lines below `metadata`.",
    source=_SCHEMA,
    verified="2026-11-22",
    bad=skill("name: 12\ndescription: Reads PDFs.\n", at=(2, 7)),
    good=skill('name: "12"\ndescription: Reads PDFs.\n'),
)
_of_core(
    "CTX104",
    "unknown-lev-key",
    summary="A key under `metadata` begins with `lev-` and is none of ours.",
    hint=_OURS,
    why="Keys with this prefix are Leviathan's; a misspelt one would be without effect.",
    mend="Correct the spelling.",
    bad=_lev('lev-prioritty: "80"', at=(5, 3)),
    good=_lev('lev-priority: "80"'),
)
_of_core(
    "CTX105",
    "lev-key-type",
    summary="One of our keys under `metadata` is not a string.",
    hint=_OURS,
    why="`metadata` maps strings to strings, so that every tool reads the same.",
    mend='Put the value in quotes: `lev-priority: "80"`.',
    bad=_lev("lev-priority: 80", at=(5, 17)),
    good=_lev('lev-priority: "80"'),
)
_of_core(
    "CTX106",
    "lev-key-value",
    summary="One of our keys under `metadata` has a value that it cannot have.",
    hint=_OURS,
    why="A kind that does not exist or a priority over 100 has no meaning.",
    mend="Write one of the values that the message names.",
    bad=_lev('lev-priority: "800"', at=(5, 17)),
    good=_lev("lev-kind: context"),
)
_of_core(
    "CTX201",
    "parameter-expression",
    summary="An expression in `${…}` cannot be read.",
    hint=_OURS,
    why="In a context with `lev-params`, `${…}` outside of code is evaluated when the context is rendered.",
    mend="Correct the expression, or put the text in backquotes.",
    bad=_lev("lev-params: user", body="Hello ${user +}.\n", at=(7, 15)),
    good=_lev("lev-params: user", body="Hello ${user}, not `${user +}`.\n"),
)
_of_core(
    "CTX202",
    "parameter-unknown",
    summary="An expression uses a name that is not one of the context's parameters.",
    hint=_OURS,
    why="Rendering would fail for every caller.",
    mend="Add the name to `lev-params`, or correct it.",
    bad=_lev("lev-params: user", body="Hello ${usr}.\n", at=(7, 9)),
    good=_lev("lev-params: user", body="Hello ${user}.\n"),
)


@rule(
    "CTX001",
    "context-too-large",
    summary="A context is larger than 1 MiB.",
    on="file",
    kinds=_KINDS,
    severity="error",
    why="Some 250,000 tokens are more than a model should be given at once, so such a context is not loaded.",
    mend="Split it into contexts that link to each other.",
    bad=skill("name: pdf\ndescription: Reads PDFs.\n", "Text of a page.\n" * 70_000, at=(1, 1)),
    good=skill("name: pdf\ndescription: Reads PDFs.\n", "Text of a page.\n" * 10),
)
def context_too_large(file: File) -> Iterator[Finding]:
    """The size in bytes."""
    if len(file.text) <= _SMALL:
        return
    from lev_os.core.contexts.source import MAX_BYTES

    if (size := len(file.text.encode("utf-8", "replace"))) > MAX_BYTES:
        yield Finding((0, 1), f"the context has {size:,} bytes; the limit is {MAX_BYTES:,}")
