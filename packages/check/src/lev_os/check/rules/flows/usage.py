"""Names that are bound and not read, or read where nothing has bound them."""

from __future__ import annotations

import os
from collections.abc import Iterator

from lev_os.core.errors import LevError
from lev_os.core.flowmind.model import Ask, Call, If, Return, Set, Step, SubFlow, Switch, Try, Wait, While
from lev_os.core.flowmind.walk import walk
from lev_os.core.packaging import Package, find

from ...flows.places import in_expression, in_header, in_step, of_step, reported
from ...flows.uses import binds, expressions
from ...project import FlowSubject
from ...rule import Example, Finding, rule
from .._flow_examples import flow

_HARMLESS = frozenset({"reads_private", "ingests_untrusted"})
_FIND = "@tool(effects={'reads_private'}, idempotent=True)\ndef find_order(order_id: str) -> str: ...\n"


def _whole(subject: FlowSubject) -> bool:
    """Whether all that could read a name has been read itself: every expression, and what the contexts take."""
    contexts = [*subject.flow.tree.context]
    for step in subject.analysis.steps:
        contexts += step.context if isinstance(step, Ask) else ()
    return subject.sound and subject.linked.contexts.keys() >= set(contexts)


@rule(
    "FLW210", "wrong-branch", on="flow", severity="warning",
    summary="A name is read where nothing can have bound it.",
    why="The step that binds it is in another branch, or comes later in a loop's first round. The name is null there.",
    mend="Read a name that this branch binds; to have one name in all branches, `set` it in each.",
    bad=flow(
        'input: {n: integer}\nsteps:\n  - if: "input.n > 1"\n    then:\n      - id: many\n        ask: Say many.\n'
        '    else:\n      - ask: "Say less than ${many}."\n', (10, 31),
    ),
    good=flow(
        'input: {n: integer}\nsteps:\n  - if: "input.n > 1"\n    then:\n      - id: many\n        ask: Say many.\n'
        '      - ask: "Say more than ${many}."\n'
    ),
)  # fmt: skip
def wrong_branch(subject: FlowSubject) -> Iterator[Finding]:
    """Names that are always null where they are read."""
    binders = {name: step for step in subject.analysis.steps for name in binds(step)}
    for unbound in subject.analysis.unbound:
        if reported(subject, unbound.expr):
            continue
        at = unbound.expr.source.find(unbound.name)
        span = in_expression(subject, unbound.expr, at, at + len(unbound.name))
        binder = binders.get(unbound.name)
        where = f": what binds it, at line {binder.at.line}, cannot come before" if binder else ""
        yield Finding(span, f"`{unbound.name}` has no value here{where}", "its value here is null")


@rule(
    "FLW211", "unused-result", on="flow", severity="warning", confidence="medium",
    summary="A result has a name, and nothing reads it.",
    why="The model was asked, or a tool that changes nothing was called, for no purpose; mostly a later step reads the "
    "wrong name.",
    mend="Read it, or remove the step.",
    bad=(
        flow("steps:\n  - id: draft\n    ask: Draft a reply.\n  - return: done\n", (4, 9)),
        flow(
            "steps:\n  - id: order\n    call: ./tools/find_order\n    with: {order_id: A1}\n  - return: done\n", (4, 9),
            tools=_FIND,
        ),
    ),
    good=flow('steps:\n  - id: draft\n    ask: Draft a reply.\n  - return: "${draft}"\n'),
)  # fmt: skip
def unused_result(subject: FlowSubject) -> Iterator[Finding]:
    """Ids of asks without tools, and of calls that change nothing, that no expression reads."""
    if not _whole(subject):
        return
    for step in subject.analysis.steps:
        if step.id is not None and not _is_read(subject, step, step.id) and _for_its_result(subject, step):
            yield Finding(in_step(subject, step, "id"), f"nothing reads `{step.id}`")


def _for_its_result(subject: FlowSubject, step: Step) -> bool:
    if isinstance(step, Ask):
        return not step.tools
    card = subject.linked.tools.get(step.tool) if isinstance(step, Call) else None
    return card is not None and card.declaration.effects is not None and card.declaration.effects <= _HARMLESS


def _is_read(subject: FlowSubject, step: Step, name: str) -> bool:
    return name in subject.analysis.reads.names or step.path in subject.analysis.handed_over


@rule(
    "FLW212", "unused-input", on="flow", severity="warning", confidence="medium",
    summary="An input is declared, and nothing reads it.",
    why="Whoever runs the flow has to find a value that changes nothing; mostly a later step reads the wrong name.",
    mend="Read it, or remove it from `input`. A name that begins with `_` is left alone.",
    bad=flow('input: {message: string, email: string}\nsteps:\n  - ask: "Answer ${input.message}"\n', (3, 26)),
    good=flow('input: {message: string, _trace: string}\nsteps:\n  - ask: "Answer ${input.message}"\n'),
)  # fmt: skip
def unused_input(subject: FlowSubject) -> Iterator[Finding]:
    """Fields of the input that no expression and no context reads."""
    tree = subject.flow.tree
    fields = tree.input_schema.get("properties")
    if not isinstance(fields, dict) or not _whole(subject):
        return
    unread = [name for name in fields if not name.startswith("_") and not subject.analysis.reads.field("input", name)]
    for name in unread:
        data = subject.file.yaml.data
        below = ("input", name) if "input" in data else ("input_schema", "properties", name)
        yield Finding(in_header(subject, *below, key=True), f"nothing reads the input `{name}`")


@rule(
    "FLW213", "unused-set", on="flow", severity="warning",
    summary="A name is set, and nothing reads it.",
    why="Setting a name has no other purpose; mostly a later step reads the wrong one.",
    mend="Read it, or remove it.",
    bad=flow("steps:\n  - set: {score: 1}\n  - return: done\n", (4, 11)),
    good=flow('steps:\n  - set: {score: 1}\n  - return: "${score}"\n'),
)  # fmt: skip
def unused_set(subject: FlowSubject) -> Iterator[Finding]:
    """Names of `set` that no expression reads."""
    if not _whole(subject):
        return
    for step in subject.analysis.steps:
        if isinstance(step, Set):
            for name in step.values:
                if not _is_read(subject, step, name):
                    yield Finding(in_step(subject, step, "set", name, key=True), f"nothing reads `{name}`")


_APPROVAL = "steps:\n  - {id}wait: approval\n    returns: {{approved: boolean}}\n    timeout: 2d\n  - return: {value}\n"


@rule(
    "FLW214", "ignored-answer", on="flow", severity="warning",
    summary="The flow waits for an answer of a declared shape, and nothing reads it.",
    why="Whatever the person says, the flow goes on in the same way: an approval that nobody looks at is none.",
    mend="Branch on the answer, or leave `returns` out when it is only a pause.",
    bad=flow(_APPROVAL.format(id="", value="done"), (4, 5)),
    good=flow(_APPROVAL.format(id="answer\n    ", value='"${answer.approved}"').replace("- answer", "- id: answer")),
)  # fmt: skip
def ignored_answer(subject: FlowSubject) -> Iterator[Finding]:
    """Waits with `returns` whose id is missing or never read."""
    if not _whole(subject):
        return
    for step in subject.analysis.steps:
        if isinstance(step, Wait) and step.returns is not None and not (step.id and _is_read(subject, step, step.id)):
            help = None if step.id else "give the step an `id`, and branch on it"
            yield Finding(of_step(subject, step), f"nothing reads the answer to `{step.name}`", help)


@rule(
    "FLW215", "nothing-to-catch", on="flow", severity="warning",
    summary="Nothing inside a `try` can fail.",
    why="The `catch` is never taken; the step that it was meant for stands elsewhere.",
    mend="Move the step that may fail into the `try`, or remove the `try`.",
    bad=flow("steps:\n  - try:\n      - set: {n: 1}\n    catch: []\n  - return: \"${n}\"\n", (4, 5)),
    good=flow("steps:\n  - try:\n      - id: n\n        ask: Say a number.\n    catch: []\n  - return: \"${n}\"\n"),
)  # fmt: skip
def nothing_to_catch(subject: FlowSubject) -> Iterator[Finding]:
    """Bodies of `try` without an effect and without an expression."""
    for step in subject.analysis.steps:
        if isinstance(step, Try) and not subject.lost and all(map(_cannot_fail, walk(step.body))):
            yield Finding(of_step(subject, step), "nothing in this `try` can fail")


def _cannot_fail(step: Step) -> bool:
    return isinstance(step, If | Switch | Set | Return | Try | While) and not any(
        expr.names for expr in expressions(step)
    )


_OLD = {
    "acme/lev.toml": 'format = 1\nname = "acme"\n[exports]\n"./flows/work" = { llm = "./flows/work.yaml" }\n'
    '"./flows/old" = { llm = "./flows/old.yaml", deprecated = "use ./flows/new" }\n'
    '"./flows/new" = { llm = "./flows/new.yaml" }\n',
    "acme/flows/old.yaml": "flowmind: 1\nname: old\nsteps:\n  - ask: Say hello.\n",
    "acme/flows/new.yaml": "flowmind: 1\nname: new\nsteps:\n  - ask: Say hello.\n",
}


def _using(name: str, at: tuple[int, int] | None = None) -> Example:
    return flow(f"steps:\n  - flow: ./flows/{name}\n", at, more=_OLD)


@rule(
    "FLW216", "deprecated-reference", on="flow", severity="warning",
    summary="The flow uses a tool, context or flow that its package has deprecated.",
    why="It still works, and will not after the package's next major version.",
    mend="Use what the deprecation names instead.",
    bad=_using("old", (4, 11)),
    good=_using("new"),
)  # fmt: skip
def deprecated_reference(subject: FlowSubject) -> Iterator[Finding]:
    """References to exports that say `deprecated`."""
    tree = subject.flow.tree
    for index, ref in enumerate(tree.context):
        if message := _deprecation(subject, ref):
            yield Finding(in_header(subject, "context", index), message[0], message[1])
    for step in subject.analysis.steps:
        for ref, keys in _references(step):
            if message := _deprecation(subject, ref):
                yield Finding(in_step(subject, step, *keys), message[0], message[1])


_OTHER = "flowmind: 1\nname: x\nsteps:\n  - ask: Say hello.\n    context: [./contexts/{name}]\n"


def _calling(name: str, at: tuple[int, int] | None = None) -> Example:
    """A flow that calls another package's, which names a context."""
    manifest = 'format = 1\nname = "other"\n[exports]\n"./flows/*" = { llm = "./flows/*.yaml" }\n'
    return flow(
        "steps:\n  - flow: other/flows/x\n", at,
        more={
            "other/__init__.py": "",
            "other/lev.toml": manifest + '"./contexts/*" = { llm = "./contexts/*.md" }\n',
            "other/contexts/tone.md": "Be polite.\n",
            "other/flows/x.yaml": _OTHER.format(name=name),
        },
    )  # fmt: skip


@rule(
    "FLW217", "broken-elsewhere", on="flow", severity="error",
    summary="The flow refers to something of another package that has an error itself.",
    why="It cannot be linked, so this flow cannot run either; the error is in files that are not checked here.",
    mend="Upgrade or mend the other package, or do without it.",
    bad=_calling("tnoe", (4, 11)),
    good=_calling("tone"),
)  # fmt: skip
def broken_elsewhere(subject: FlowSubject) -> Iterator[Finding]:
    """References into packages in whose files linking has found something."""
    own = subject.flow.package
    foreign = [problem for problem in subject.link_problems if problem.at.path not in (None, subject.flow.path)]
    if not foreign:
        return
    for step in subject.analysis.steps:
        for ref, keys in _references(step):
            package = _package_of(subject, ref)
            if package is None or (own is not None and package.root == own.root):
                continue
            below = os.path.join(str(package.root), "")
            inside = [problem for problem in foreign if str(problem.at.path).startswith(below)]
            if inside:
                at = inside[0].at
                where = f"{package.name}/{str(at.path).removeprefix(below).replace(os.sep, '/')}:{at.line}"
                yield Finding(in_step(subject, step, *keys), f"`{ref}` cannot be used: {inside[0].message} ({where})")


def _package_of(subject: FlowSubject, ref: str) -> Package | None:
    try:
        return find(ref, within=subject.flow.package)[0]
    except LevError:
        return None


def _references(step: Step) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    if isinstance(step, Call):
        yield step.tool, ("call",)
    elif isinstance(step, SubFlow):
        yield step.flow, ("flow",)
    elif isinstance(step, Ask):
        yield from ((ref, ("tools", index)) for index, ref in enumerate(step.tools))
        yield from ((ref, ("context", index)) for index, ref in enumerate(step.context))


def _deprecation(subject: FlowSubject, ref: str) -> tuple[str, str] | None:
    try:
        package, subpath = find(ref, within=subject.flow.package)
        if not package.manifest.deprecated:
            return None
        said = package.export(subpath).deprecated
    except LevError:
        return None
    return None if said is None else (f"`{ref}` is deprecated", said)
