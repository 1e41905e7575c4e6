"""Names in a constitution that stand for nothing in its package: tools, arguments, waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lev_os.core.constitutional import Check
from lev_os.core.constitutional.checks.base import Globs
from lev_os.core.documents import nearest
from lev_os.core.errors import LevError
from lev_os.core.flowmind.model import Wait
from lev_os.core.flowmind.walk import walk
from lev_os.core.tools import ToolCard

from ...constitutions.in_force import effects_of, names_of, selector
from ...constitutions.own import Own, Stated, stated_by
from ...project import PackageSubject
from ...rule import Example, Finding, rule
from .._place import place
from .examples import MANIFEST, SOUND

_TOOLS = {
    "acme/lev.toml": MANIFEST
    + '[exports]\n"./tools/*" = { python = "acme.tools:*" }\n"./flows/*" = { llm = "./flows/*.yaml" }\n',
    "acme/tools.py": (
        "from lev_os.core import tool\n\n\n@tool(effects={'irreversible'})\ndef delete_account(id: str) -> None:\n"
        '    """Delete an account."""\n'
    ),
    "acme/flows/ask.yaml": "flowmind: 1\nname: ask\ninput: {}\nsteps:\n  - wait: lawyer\n    about: May we?\n",
}
_CATALOGUES = {
    "owasp_asi": [f"ASI{number:02}" for number in range(1, 11)],
    "llama_guard": [f"S{number}" for number in range(1, 15)],
}
_FORBIDS = '- forbid_tool: ["*/tools/delete_account"]'


def _example(new: str, at: str | None = None) -> Example:
    """A package with one tool and one wait, and a constitution with one check of it."""
    text = SOUND.replace(_FORBIDS, new)
    where = None if at is None else place("acme/constitution.yaml", text, at)
    return Example({**_TOOLS, "acme/constitution.yaml": text}, where)


@rule(
    "CON411",
    "unknown-tool",
    summary="A check is about tools that neither the package nor its flows have.",
    on="package",
    severity="warning",
    why="A misspelt or renamed tool is not held to the principle.",
    mend="Correct the name. A `*` at the beginning takes the tool from any package.",
    bad=_example('- forbid_tool: ["*/tools/delete_acount"]', '"*/tools/delete_acount"'),
    good=_example(_FORBIDS),
)
def unknown_tool(subject: PackageSubject) -> Iterator[Finding]:
    """Globs of stated checks against all tools that can be called; a package without tools states for others."""
    cards = _cards(subject)
    for own, stated, number, check in _checks(subject) if cards else ():
        for path, glob in _globs(check):
            if not any(Globs((glob,))(names_of(card)) for card in cards):
                known = [card.specifier for card in cards]
                help = nearest(glob.rpartition("/")[2], [name.rpartition("/")[2] for name in known])
                message = f"no tool of this package or its flows is like `{glob}`"
                yield own.finding(message, *_at(stated, number), check.kind, *path, help=help)


@rule(
    "CON412",
    "unknown-argument",
    summary="A check looks at an argument that none of its tools takes.",
    on="package",
    severity="warning",
    why="An absent value is never the approved one, adds nothing to a sum, and makes an expression fail.",
    mend="Use the name of the function's parameter.",
    bad=_example(
        '- temporal: {tools: ["*/delete_account"], requires_before: approval, same: [args.account]}', "args.acc"
    ),
    good=_example('- temporal: {tools: ["*/delete_account"], requires_before: approval, same: [args.id]}'),
)
def unknown_argument(subject: PackageSubject) -> Iterator[Finding]:
    """`same`, `field` and `fields` of checks that name their tools, against the parameters of those."""
    cards = _cards(subject)
    for own, stated, number, check in _checks(subject) if cards else ():
        if not isinstance(check.argument, Mapping) or "tools" not in check.argument:
            continue
        selects = selector(check, hard=stated.principle.authority == "hard")
        chosen = [card for card in cards if selects.of(effects_of(card), names_of(card))]
        takes = {name for card in chosen for name in card.input_schema.get("properties", {})}
        for path, field in _fields(check.argument):
            root, _, rest = field.partition(".")
            name = rest.partition(".")[0]
            if root == "args" and chosen and name and name not in takes:
                message = f"none of its tools takes `{name}`"
                help = nearest(name, takes) or f"they take {', '.join(sorted(takes)) or 'nothing'}"
                yield own.finding(message, *_at(stated, number), check.kind, *path, help=help)


@rule(
    "CON413",
    "unknown-wait",
    summary="A check waits for an approval under a name that no flow of the package asks under.",
    on="package",
    severity="warning",
    why="Nothing could ever lift it; `approval` stands for a person's yes under any name.",
    mend="Use the name of a `wait` step, or `approval`.",
    bad=_example("- forbid_tool: {effects: [irreversible], unless: [layer]}", "layer"),
    good=_example("- forbid_tool: {effects: [irreversible], unless: [lawyer]}"),
)
def unknown_wait(subject: PackageSubject) -> Iterator[Finding]:
    """`unless` and `requires_before` of stated checks, against the waits of the package's flows."""
    waits = {
        step.name for flow in subject.flows for step in walk(flow.flow.tree.steps) if isinstance(step, Wait)
    } | {"approval"}  # fmt: skip
    for own, stated, number, check in _checks(subject) if subject.flows else ():
        if not isinstance(check.argument, Mapping):
            continue
        wanted: list[tuple[tuple[str | int, ...], Any]] = [
            (("unless", index), name) for index, name in enumerate(check.argument.get("unless", ()))
        ]
        wanted.append((("requires_before",), check.argument.get("requires_before")))
        for path, name in wanted:
            if isinstance(name, str) and name not in waits:
                message = f"no flow of this package waits for `{name}`"
                yield own.finding(message, *_at(stated, number), check.kind, *path, help=nearest(name, waits))


@rule(
    "CON414",
    "unknown-tag",
    summary="A principle is mapped to an entry that its catalogue does not have.",
    on="package",
    severity="warning",
    why="Reports that count principles by such entries would leave this one out.",
    mend="Correct the entry. The catalogues known here are `owasp_asi` and `llama_guard`; others are not looked at.",
    source="https://genai.owasp.org/resource/owasp-top-10-for-agentic-applications-for-2026/",
    verified="2026-11-22",
    bad=_example(_FORBIDS + "\n    maps: {owasp_asi: [ASI12]}", "[¶ASI12]"),
    good=_example(_FORBIDS + "\n    maps: {owasp_asi: [ASI02], ours: [whatever]}"),
)
def unknown_tag(subject: PackageSubject) -> Iterator[Finding]:
    """The tags of stated principles, of the catalogues whose entries are numbered."""
    for own, stated in stated_by(subject):
        for catalogue, tags in stated.data.get("maps", {}).items():
            known = _CATALOGUES.get(catalogue)
            for index, tag in enumerate(tags):
                if known is not None and tag not in known:
                    message = f"`{catalogue}` has no `{tag}`; it has {known[0]} to {known[-1]}"
                    yield own.finding(message, "principles", stated.index, "maps", catalogue, index)


def _checks(subject: PackageSubject) -> Iterator[tuple[Own, Stated, int, Check]]:
    """Each check that is written in the file, with its number."""
    for own, stated in stated_by(subject):
        if "checks" in stated.data:
            for number, check in enumerate(stated.principle.checks):
                yield own, stated, number, check


def _at(stated: Stated, number: int) -> tuple[str | int, ...]:
    return ("principles", stated.index, "checks", number)


def _cards(subject: PackageSubject) -> list[ToolCard]:
    """Every tool that the package exports or its flows call."""
    found: dict[str, ToolCard] = {}
    for export in subject.exports:
        if export.kind == "tool":
            try:
                card = subject.package.card(export.subpath)
            except LevError:
                continue
            found[card.specifier] = card
    for flow in subject.flows:
        found |= {card.specifier: card for card in flow.linked.tools.values()}
    return list(found.values())


def _globs(check: Check) -> Iterator[tuple[tuple[str | int, ...], str]]:
    argument = check.argument
    if check.kind == "forbid_tool" and isinstance(argument, (list, tuple)):
        yield from (((index,), glob) for index, glob in enumerate(argument))
    elif isinstance(argument, Mapping):
        yield from ((("tools", index), glob) for index, glob in enumerate(argument.get("tools", ())))
        before = argument.get("requires_before")
        if isinstance(before, Mapping):
            yield ("requires_before", "tool"), before["tool"]


def _fields(argument: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for key in ("same", "fields"):
        yield from (((key, index), field) for index, field in enumerate(argument.get(key, ())))
    if "field" in argument:
        yield ("field",), argument["field"]
