"""The ways through a flow: cases that are missing or impossible, tests that are settled, loops that do not move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lev_os.core.flowmind.model import (
    Ask,
    Call,
    ForEach,
    If,
    IfSemantic,
    Parallel,
    Return,
    Step,
    SubFlow,
    Switch,
    SwitchSemantic,
    Try,
    Wait,
    While,
)
from lev_os.core.flowmind.walk import bodies, walk

from ...diagnostics import Edit, Fix
from ...flows.cases import unhandled
from ...flows.places import in_step, of_step, reported
from ...flows.types import Type
from ...flows.uses import bound_in, expressions, in_value
from ...project import FlowSubject
from ...rule import Finding, rule
from .._flow_examples import flow

_PLAN = "input: {plan: {enum: [free, paid, trial]}, n: integer}\nsteps:\n  - switch: input.plan\n    cases:\n"
_SAY = "      {}:\n        - ask: Say so.\n"


@rule(
    "FLW410", "unhandled-case", on="flow", severity="warning", confidence="medium",
    summary="A plain `switch` has no case for some of the values, and no `default`.",
    why="For those values nothing happens, in silence; a value that is added to the declaration later is forgotten.",
    mend="Add the cases, or `default: []` to say that nothing happens then.",
    bad=flow(_PLAN + _SAY.format("free") + _SAY.format("paid"), (5, 13)),
    good=(
        flow(_PLAN + _SAY.format("free") + _SAY.format("paid") + _SAY.format("trial")),
        flow(_PLAN + _SAY.format("free") + _SAY.format("paid") + "    default: []\n"),
    ),
)  # fmt: skip
def unhandled_case(subject: FlowSubject) -> Iterator[Finding]:
    """Values that can be counted, and that no case is for."""
    for step, found in subject.analysis.switched:
        missing = unhandled(found, step.cases)
        if not missing or step.default or "default" in _data(subject, step):
            continue
        said = ", ".join(f"`{value}`" for value in missing[:6]) + (" …" if len(missing) > 6 else "")
        yield Finding(
            in_step(subject, step, "switch"), f"there is no case for {said}, and no `default`",
            "add `default: []` to say that nothing happens then", _default(subject, step),
        )  # fmt: skip


def _data(subject: FlowSubject, step: Step) -> Any:
    data = subject.file.yaml.data
    for part in step.path.split("/"):
        data = data[int(part)] if isinstance(data, list) else data[part.replace("~1", "/").replace("~0", "~")]
    return data


def _default(subject: FlowSubject, step: Switch) -> Fix | None:
    """`default: []` before `cases`, which is the key of a block in nearly every flow."""
    start, _ = in_step(subject, step, "cases", key=True)
    text = subject.file.text
    indent = text[text.rfind("\n", 0, start) + 1 : start]
    if indent.strip():
        return None
    return Fix("add `default: []`", (Edit(start, start, f"default: []\n{indent}"),), safe=False)


@rule(
    "FLW411", "impossible-case", on="flow", severity="warning",
    summary="A plain `switch` has a case for a value that cannot be.",
    why="The case is never taken; mostly its label is misspelt or was renamed.",
    mend="Correct the label, or remove the case.",
    bad=flow(_PLAN + _SAY.format("payed") + "    default: []\n", (7, 7)),
    good=flow(_PLAN + _SAY.format("paid") + "    default: []\n"),
)  # fmt: skip
def impossible_case(subject: FlowSubject) -> Iterator[Finding]:
    """Labels that no value of the switch has."""
    for step, found in subject.analysis.switched:
        for label in step.cases:
            if not _possible(found, label):
                message = f"`{step.value.source.strip()}` is never `{label}`: it is {found.describe()}"
                yield Finding(in_step(subject, step, "cases", label, key=True), message)


def _possible(found: Type, label: str) -> bool:
    """Whether a value may be written as the label: text as it is, anything else as JSON."""
    if label == "null" and "null" in found.kinds:
        return True
    if found.kinds <= {"bool", "null"}:
        return label in ("true", "false")
    if found.kinds <= {"string", "null"} and found.values is not None:
        return label in found.values
    return not found.kinds <= {"int", "null"} or label.removeprefix("-").isdigit()


@rule(
    "FLW412", "constant-test", on="flow", severity="warning",
    summary="A branch is never taken: its test is written out as true or false.",
    why="Something that was switched off for a trial is still there, and looks as if it ran.",
    mend="Test a value, or remove the branch.",
    bad=flow('steps:\n  - if: "false"\n    then:\n      - ask: Say so.\n', (4, 5)),
    good=flow('input: {loud: boolean}\nsteps:\n  - if: "input.loud"\n    then:\n      - ask: Say so.\n'),
)  # fmt: skip
def constant_test(subject: FlowSubject) -> Iterator[Finding]:
    """Tests that are literals, where the branch that they rule out holds steps."""
    for step, branch in subject.analysis.never:
        if any(True for _ in walk(tuple(inner for body in bodies(step) for inner in body))):
            yield Finding(of_step(subject, step), f"`{branch}` is never taken: the test is always the same")


_LOOP = 'input: {n: integer}\nsteps:\n  - set: {tries: 0}\n  - while: "tries < 3"\n    max_iterations: 5\n    do:\n'


@rule(
    "FLW413", "loop-without-progress", on="flow", severity="warning",
    summary="Nothing in a loop changes what its test reads.",
    why="The test gives the same in every round, so the loop runs not at all or up to `max_iterations`. A judged "
    "condition is not judged again for the same question: a run keeps its answers.",
    mend="Set a name that the test reads inside the loop; for a fixed number of rounds write `while: \"true\"`.",
    bad=(
        flow(_LOOP + "      - ask: Try it.\n", (6, 5)),
        flow(
            "input: {text: string}\nsteps:\n  - while_semantic: the text is rude\n    about: \"${input.text}\"\n"
            "    max_iterations: 3\n    do:\n      - ask: Make it polite.\n", (5, 5),
        ),
    ),
    good=flow(_LOOP + '      - set: {tries: "${tries + 1}"}\n'),
)  # fmt: skip
def loop_without_progress(subject: FlowSubject) -> Iterator[Finding]:
    """Loops whose body binds nothing that the test reads, and does not return."""
    for step in subject.analysis.steps:
        if not isinstance(step, While) or subject.lost or not step.do:
            continue
        inside = list(walk(step.do))
        if any(isinstance(inner, Return) for inner in inside):
            continue
        read = _read_by(step)
        if any(reported(subject, expr) for expr in expressions(step)):
            continue
        bound = set(bound_in(step.do)) | ({"error"} if any(isinstance(inner, Try) for inner in inside) else set())
        if read is None or read & bound:
            continue
        what = " or ".join(f"`{name}`" for name in sorted(read))
        message = f"nothing in this loop changes {what}" if read else "every round asks the same question"
        yield Finding(of_step(subject, step), f"{message}: it runs not at all, or {step.max_iterations} times")


def _read_by(step: While) -> frozenset[str] | None:
    """The names that decide whether another round follows; None for a loop that is meant to repeat so often."""
    if step.condition is not None:
        parts = [*in_value(step.condition.statement), *in_value(step.condition.about)]
        return frozenset(name for expr in parts for name in expr.names)
    return (step.test.names or None) if step.test is not None else None


@rule(
    "FLW414", "does-nothing", on="flow", severity="warning",
    summary="A step chooses or repeats, and there is nothing in it to do.",
    why="It looks as if something happened there.",
    mend="Fill it, or remove it.",
    bad=flow('input: {n: integer}\nsteps:\n  - if: "input.n > 1"\n    then: []\n', (5, 5)),
    good=flow('input: {n: integer}\nsteps:\n  - if: "input.n > 1"\n    then:\n      - ask: Say so.\n'),
)  # fmt: skip
def does_nothing(subject: FlowSubject) -> Iterator[Finding]:
    """Branches and loops without a step in them, and without a result that is read."""
    if subject.lost:
        return
    names = subject.analysis.reads.names
    for step in subject.analysis.steps:
        if isinstance(step, If | Switch | IfSemantic | SwitchSemantic | ForEach | While | Parallel):
            collects = isinstance(step, ForEach) and step.has_collect
            if not any(bodies(step)) and not collects and step.id not in names:
                kind = _KEYS[type(step)]
                yield Finding(of_step(subject, step), f"there is nothing to do in this `{kind}`")


_KEYS = {
    If: "if", Switch: "switch", IfSemantic: "if_semantic", SwitchSemantic: "switch_semantic", ForEach: "for_each",
    While: "while", Parallel: "parallel",
}  # fmt: skip


@rule(
    "FLW415", "join-decided-at-once", on="flow", severity="warning",
    summary="A join needs so few branches that those without any effect decide it.",
    why="A branch without effects is done before the others have begun, so those are always cancelled.",
    mend="Wait for more branches, or put the effects of the race into every branch.",
    bad=flow(
        "steps:\n  - parallel:\n      fast:\n        - set: {said: nothing}\n      slow:\n        - ask: Say it.\n"
        "    wait_for: any\n", (4, 5),
    ),
    good=flow(
        "steps:\n  - parallel:\n      one:\n        - ask: Say it.\n      other:\n        - ask: Say it again.\n"
        "    wait_for: any\n"
    ),
)  # fmt: skip
def join_decided_at_once(subject: FlowSubject) -> Iterator[Finding]:
    """Joins that branches without effects can satisfy alone, though other branches have effects."""
    for step in subject.analysis.steps:
        if not isinstance(step, Parallel) or step.wait_for == "all" or subject.lost:
            continue
        instant = [name for name, steps in step.branches.items() if not any(map(_has_effect, walk(steps)))]
        need = 1 if step.wait_for == "any" else step.wait_for
        if isinstance(need, int) and need <= len(instant) < len(step.branches):
            said = " and ".join(f"`{name}`" for name in instant[:need])
            message = f"{said} {'is' if need == 1 else 'are'} done at once, so the other branches are always cancelled"
            yield Finding(of_step(subject, step), message)


def _has_effect(step: Step) -> bool:
    return isinstance(step, Ask | Call | SubFlow | Wait | IfSemantic | SwitchSemantic) or (
        isinstance(step, While) and step.condition is not None
    )


_ALL = "input: {plan: {enum: [free, paid]}}\nsteps:\n  - switch: input.plan\n    cases:\n"
_SAID = "      free: [{return: nothing}]\n      paid: [{return: money}]\n"


@rule(
    "FLW416", "never-reached", on="flow", severity="warning",
    summary="A step is never reached: the one before returns whatever the values are.",
    why="Its test is written out as true, or its cases are all the values there can be. What follows looks as if it "
    "ran. A last `return` is left alone, for it says what happens should there be more cases one day.",
    mend="Remove the step, or let a way lead to it.",
    bad=(
        flow('steps:\n  - if: "true"\n    then: [{return: 1}]\n  - ask: Say hello.\n', (6, 5)),
        flow(_ALL + _SAID + "  - ask: Say hello.\n  - return: done\n", (9, 5)),
    ),
    good=(
        flow(_ALL + _SAID + "  - return: done\n"),
        flow('input: {n: integer}\nsteps:\n  - if: "input.n > 1"\n    then: [{return: 1}]\n  - ask: Say hello.\n'),
    ),
)  # fmt: skip
def never_reached(subject: FlowSubject) -> Iterator[Finding]:
    """The first of the steps that no way leads to, where reading the flow has not seen it already (FLW401)."""
    seen = {problem.at for problem in subject.problems if problem.code == "FLW401"}
    for step, *more in subject.analysis.unreachable:
        if step.at not in seen and (more or not isinstance(step, Return)):
            yield Finding(of_step(subject, step), "this step is never reached: the one before always returns")
