"""Contexts, personalities and tools against the principles whose scope names them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from lev_os.core.constitutional import Check, Principle
from lev_os.core.errors import LevError
from lev_os.core.packaging import Export
from lev_os.core.tools import ToolCard

from ...constitutions.in_force import effects_of, names_of, selector
from ...constitutions.texts import finds, lacks, phrase_of
from ...diagnostics import Severity
from ...files import File
from ...manifests.tools import function_of
from ...project import PackageSubject
from ...rule import Example, Finding, Span, rule
from .._place import place

_MANIFEST = """\
format = 1
constitution = "./constitution.yaml"

[exports]
"./contexts/*" = { llm = "./contexts/*.md" }
"./tools/*" = { python = "acme.tools:*" }
"""
_TOOLS = (
    "from lev_os.core import tool\n\n\n@tool(effects={'irreversible'})\ndef delete_account(id: str) -> None:\n"
    '    """Delete an account."""\n'
)
_TOOL_NAME = re.compile(r"(?:\./|[A-Za-z_][\w.]*/)tools/[A-Za-z_][\w/-]*", re.ASCII)


def _example(check: str, artifact: str, text: str, at: str | None = None) -> Example:
    """A package with one context and one tool, and one principle about one kind of artifact."""
    states = (
        "constitution: 1\nname: acme\nprinciples:\n  - id: ACME-001\n    statement: This shall not be.\n"
        f"    authority: hard\n    scope: {{artifacts: [{artifact}, run]}}\n    checks: [{check}]\n"
        "    tests: {violates: [{}, {}], complies: [{}, {}]}\n"
    )
    files = {
        "acme/lev.toml": _MANIFEST,
        "acme/constitution.yaml": states,
        "acme/tools.py": _TOOLS,
        "acme/contexts/tone.md": text,
    }
    if at is None:
        return Example(files)
    file = next(name for name, content in files.items() if at.replace("¶", "") in content and name != "acme/lev.toml")
    return Example(files, place(file, files[file], at))


_hold = partial(rule, on="package", severity="error")


@_hold(
    "CON511",
    "context-says-forbidden",
    summary="A context holds a text that a principle does not allow.",
    why="A context goes into prompts as it is: what must not be said to a model stands in it for every run.",
    mend="Change the text.",
    bad=_example(
        '{regex: "(?i)guaranteed returns"}',
        "context",
        "# Tone\n\nSpeak of guaranteed returns.\n",
        "Speak of ¶guaranteed",
    ),
    good=_example('{regex: "(?i)guaranteed returns"}', "context", "# Tone\n\nSpeak of what may happen.\n"),
)
def context_says_forbidden(subject: PackageSubject) -> Iterator[Finding]:
    """`regex` checks with `context` in their scope, over contexts and personalities, their heads left out."""
    for principle, check in _checks(subject, "context", "regex"):
        for file, base, text in _texts(subject):
            if (found := finds(check, text)) is not None:
                span = (base + found[0], base + max(found[1], found[0] + 1))
                yield _finding(principle, file, span, "this must not stand in a context")


@_hold(
    "CON512",
    "context-lacks-words",
    summary="A context does not have the words that a principle wants in each of them.",
    why="The principle says that no model may be without them.",
    mend="Add them, or narrow the principle's scope to `run`.",
    bad=_example(
        '{require_phrase: {phrase: "no legal advice", ignore_case: true}}', "context", "Be brief.\n", "Be brief"
    ),
    good=_example(
        '{require_phrase: {phrase: "no legal advice", ignore_case: true}}', "context", "We give no legal advice.\n"
    ),
)
def context_lacks_words(subject: PackageSubject) -> Iterator[Finding]:
    """`require_phrase` checks with `context` in their scope."""
    for principle, check in _checks(subject, "context", "require_phrase"):
        for file, base, text in _texts(subject):
            if lacks(check, text):
                start = base + len(text) - len(text.lstrip())
                end = file.text.find("\n", start)
                span = (start, len(file.text) if end < 0 else end)
                yield _finding(principle, file, span, f"this context does not say “{phrase_of(check)[0]}”")


@_hold(
    "CON513",
    "context-names-forbidden-tool",
    summary="A context tells a model of a tool that a principle forbids.",
    severity="warning",
    why="The model will ask for a tool that it cannot have.",
    mend="Name another tool, or none.",
    bad=_example(
        '{forbid_tool: ["*/tools/delete_*"]}', "context", "Use `./tools/delete_account` at once.\n", "./tools/d"
    ),
    good=_example('{forbid_tool: ["*/tools/delete_*"]}', "context", "Use `./tools/find_account` at once.\n"),
)
def context_names_forbidden_tool(subject: PackageSubject) -> Iterator[Finding]:
    """Specifiers of tools in contexts, against `forbid_tool` checks that nothing lifts."""
    cards = {card.specifier: card for _, card in _cards(subject)}
    for principle, check in _checks(subject, "context", "forbid_tool"):
        if isinstance(check.argument, dict) and check.argument.get("unless"):
            continue
        selects = selector(check, hard=principle.authority == "hard")
        for file, base, text in _texts(subject):
            for match in _TOOL_NAME.finditer(text) if "tools/" in text else ():
                name = re.sub(r"^\./", f"{subject.package.name}/", match[0])
                card = cards.get(name) or ToolCard(specifier=name, name=name.rpartition("/")[2])
                if selects.of(effects_of(card) if name in cards else frozenset(), names_of(card)):
                    span = (base + match.start(), base + match.end())
                    yield _finding(principle, file, span, f"`{match[0]}` may not be called", "warning")


@_hold(
    "CON514",
    "tool-never-allowed",
    summary="A package exports a tool that its own constitution never lets anybody call.",
    severity="warning",
    why="Hosts and models are offered what they will always be refused.",
    mend="Do not export it, or let an approval lift the principle with `unless` or `on_violation: escalate`.",
    bad=_example("{forbid_tool: {effects: [irreversible]}}", "tool", "Be brief.\n", "def ¶delete_account"),
    good=_example("{forbid_tool: {effects: [irreversible], unless: [approval]}}", "tool", "Be brief.\n"),
)
def tool_never_allowed(subject: PackageSubject) -> Iterator[Finding]:
    """The package's own tools against `forbid_tool` checks with `tool` in their scope that block and that nothing
    lifts."""
    for principle, check in _checks(subject, "tool", "forbid_tool"):
        lifted = isinstance(check.argument, dict) and check.argument.get("unless")
        if lifted or principle.on_violation not in ("block", "revise"):
            continue
        selects = selector(check, hard=principle.authority == "hard")
        for export, card in _cards(subject):
            found = function_of(subject, export)
            if found is not None and selects.of(effects_of(card), names_of(card)):
                yield _finding(principle, *found, f"`{card.specifier}` may never be called", "warning")


def _checks(subject: PackageSubject, artifact: str, kind: str) -> Iterator[tuple[Principle, Check]]:
    """The checks of one kind in principles whose scope names this kind of artifact, inherited ones too."""
    for principle in subject.constitution.principles if subject.constitution is not None else ():
        if artifact in principle.artifacts:
            yield from ((principle, check) for check in principle.checks if check.kind == kind)


def _texts(subject: PackageSubject) -> Iterator[tuple[File, int, str]]:
    """Each context's file, where its body begins, and its body."""
    for file in subject.files.values():
        if file.kind == "context":
            head = file.markdown.head
            base = 0 if head is None else head.span[1]
            yield file, base, file.text[base:]


def _cards(subject: PackageSubject) -> Iterator[tuple[Export, ToolCard]]:
    for export in subject.exports:
        if export.kind == "tool":
            try:
                yield export, subject.package.card(export.subpath)
            except LevError:
                continue


def _finding(principle: Principle, file: File, span: Span, what: str, severity: Severity | None = None) -> Finding:
    return Finding(
        span,
        f"{what}; {principle.id}: {principle.statement}",
        file=file.where,
        severity=severity or principle.severity,
        hard=principle.authority == "hard",
    )
