"""Flows against the constitutions in force for them, before they run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from lev_os.core.errors import Location

from ...constitutions.analysis import Found, Kind, findings
from ...constitutions.places import span_of
from ...diagnostics import Severity
from ...project import FlowSubject
from ...rule import Example, Finding, rule
from .._place import place

_SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
_MANIFEST = """\
format = 1
constitution = "./constitution.yaml"

[exports]
"./flows/*" = { llm = "./flows/*.yaml" }
"./tools/*" = { python = "acme.tools:*" }
"""
_TOOLS = """\
from lev_os.core import tool


@tool(effects={"ingests_untrusted"})
def read_mail() -> str: ...


@tool(effects={"writes_external"})
def send(text: str) -> None: ...


@tool(effects={"spends"})
def pay(amount: int) -> None: ...


def plain(text: str) -> None: ...
"""
_BASELINE = "constitution: 1\nname: acme\nextends: [lev_os.core/constitution/baseline]\n"
_READ = "  - {id: mail, call: ./tools/read_mail}\n"
_SEND = '  - {call: ./tools/send, with: {text: "${mail}"}}\n'
_PAY = "  - {call: ./tools/pay, with: {amount: 20}}\n"


def _flow(steps: str, at: str | None = None, *, states: str = _BASELINE, tools: str = _TOOLS) -> Example:
    """A package with one flow of these steps."""
    text = f"flowmind: 1\nname: work\ninput: {{message: string}}\nsteps:\n{steps}"
    files = {
        "acme/lev.toml": _MANIFEST,
        "acme/constitution.yaml": states,
        "acme/tools.py": tools,
        "acme/flows/work.yaml": text,
    }
    return Example(files, None if at is None else place("acme/flows/work.yaml", text, at))


def _states(check: str, statement: str = "This shall not be.") -> str:
    """A constitution of one principle with one check."""
    return (
        "constitution: 1\nname: acme\nprinciples:\n  - id: ACME-001\n"
        f"    statement: {statement}\n    authority: hard\n    checks: [{check}]\n    tests: {{violates: [{{}}, {{}}]"
        ", complies: [{}, {}]}\n"
    )


_on_flows = partial(
    rule,
    on="flow",
    severity="error",
    source="https://genai.owasp.org/resource/owasp-top-10-for-agentic-applications-for-2026/",
    verified="2026-11-22",
)


@_on_flows(
    "CON501",
    "tainted-call",
    summary="A value from outside, or a private one, can reach a tool that a principle keeps it from.",
    why="Whoever writes a message can put instructions into it; what it leads to is the stranger's doing. The way goes"
    " through names, templates, model answers, branches, loops and sub-flows, as it does at run time.",
    mend="Show a person that very value with `wait`, and go on only if the answer's `approved` is true.",
    bad=(
        _flow(_READ + _SEND, "./tools/send"),
        _flow(_READ + '  - {ask: Handle it., about: "${mail}", tools: [./tools/send]}\n', "./tools/send"),
    ),
    good=_flow(
        _READ
        + '  - set: {letter: {text: "${mail}"}}\n'
        + '  - {id: answer, wait: approval, about: "${letter}", returns: {approved: boolean}}\n'
        + '  - if: answer.approved\n    then:\n      - {call: ./tools/send, with: {text: "${letter.text}"}}\n'
    ),
)
def tainted_call(subject: FlowSubject) -> Iterator[Finding]:
    """Findings of `taint` checks."""
    return _of_kind(subject, "taint")


@_on_flows(
    "CON502",
    "forbidden-call",
    summary="A flow calls a tool, or lets a model call one, that a principle forbids or wants approved.",
    why="At run time the call is refused, or the run stops until a person has looked.",
    mend="Use another tool, or ask a person with `wait` before each call, showing all that it is given: `about` is"
    " text, so an object is written as an expression in it, `\"${{'amount': input.sum}}\"`, or is `set` before.",
    bad=_flow(_PAY, "./tools/pay"),
    good=(
        _flow(
            "  - set: {payment: {amount: 20}}\n"
            '  - {id: answer, wait: approval, about: "${payment}", returns: {approved: boolean}}\n'
            '  - if: "!answer.approved"\n    then: [{return: refused}]\n'
            '  - {call: ./tools/pay, with: {amount: "${payment.amount}"}}\n'
        ),
        _flow(
            "  - {id: answer, wait: approval, about: \"${{'amount': 20}}\", returns: {approved: boolean}}\n"
            f"  - if: answer.approved\n    then:\n    {_PAY}"
        ),
    ),
)
def forbidden_call(subject: FlowSubject) -> Iterator[Finding]:
    """Findings of `forbid_tool` checks, but for tools without a declaration."""
    return _of_kind(subject, "forbidden")


@_on_flows(
    "CON503",
    "call-without-its-before",
    summary="A tool is called on a way through the flow on which what has to come before it does not.",
    why="The order is the safeguard: an approval after the payment, or of another sum, approves nothing.",
    mend="Put the approval, or the call, on every way to this one, about the same values.",
    bad=_flow(_PAY, "./tools/pay", states=_states('{temporal: {tools: ["*/pay"], requires_before: {tool: "*/send"}}}')),
    good=_flow(
        "  - {call: ./tools/send, with: {text: soon}}\n" + _PAY,
        states=_states('{temporal: {tools: ["*/pay"], requires_before: {tool: "*/send"}}}'),
    ),
)
def call_without_its_before(subject: FlowSubject) -> Iterator[Finding]:
    """Findings of `temporal` checks with `requires_before`."""
    return _of_kind(subject, "before")


@_on_flows(
    "CON504",
    "arguments-refused",
    summary="Arguments that are written out break a principle.",
    why="The call would be refused each time that a run gets here.",
    mend="Correct the argument; if it is right, the principle is not.",
    bad=_flow(
        _PAY, "./tools/pay", states=_states('{cel: {when: "tool.endsWith(\'/pay\')", holds: "args.amount < 10"}}')
    ),
    good=_flow(_PAY, states=_states('{cel: {when: "tool.endsWith(\'/pay\')", holds: "args.amount < 100"}}')),
)
def arguments_refused(subject: FlowSubject) -> Iterator[Finding]:
    """Findings of `cel`, `schema` and sums of `budget`, by the checks that rule at run time."""
    return _of_kind(subject, "arguments")


@_on_flows(
    "CON505",
    "too-many-calls",
    summary="A run can make more calls than a principle allows.",
    why="The call that goes over is refused in the midst of the work, with the others done.",
    mend="Bound the loop or the retries, or lower `limits.tool_calls`. Where the number hangs on data it is a warning.",
    bad=_flow(_PAY + _PAY.replace("pay,", "pay, "), "./tools/pay,  with", states=_states("{budget: {calls: 1}}")),
    good=_flow(_PAY, states=_states("{budget: {calls: 1}}")),
)
def too_many_calls(subject: FlowSubject) -> Iterator[Finding]:
    """Findings of `budget` calls and `temporal` with `at_most`."""
    return _of_kind(subject, "count")


@_on_flows(
    "CON506",
    "undeclared-effects",
    summary="A flow calls a tool that does not say what it does, so the worst is assumed of it.",
    severity="warning",
    why="Nobody can tell a look-up from a payment. At run time a person is asked before each call.",
    mend="Declare the effects with `@tool(effects=…)` above the function; an empty tuple says that there are none.",
    bad=_flow('  - {call: ./tools/plain, with: {text: "${input.message}"}}\n', "./tools/plain"),
    good=_flow(
        '  - {call: ./tools/plain, with: {text: "${input.message}"}}\n',
        tools=_TOOLS.replace("def plain", "@tool(effects=())\ndef plain"),
    ),
)
def undeclared_effects(subject: FlowSubject) -> Iterator[Finding]:
    """Calls of tools without a declaration: one finding a place, whatever principles object."""
    by_place: dict[str, list[Found]] = {}
    for found in _found(subject):
        if found.kind == "undeclared":
            by_place.setdefault(f"{found.trail} {found.place.index}", []).append(found)
    for several in by_place.values():
        first = several[0]
        ids = ", ".join(dict.fromkeys(found.principle.id for found in several))
        denied = any(found.principle.on_violation in ("block", "revise") for found in several)
        then = "so it is refused" if denied else "so a person is asked before each call"
        yield Finding(
            span_of(subject.file, first.place),
            f"{first.verdict.message}, {then} ({ids}){_inside(first)}",
            first.verdict.help,
            severity="error" if denied else None,
            hard=any(found.principle.authority == "hard" for found in several),
        )


@_on_flows(
    "CON507",
    "text-refused",
    summary="A text of a flow breaks a principle: an instruction, an argument, or a context that it loads.",
    why="What goes to a model or a tool passes the gate, which would refuse it each time.",
    mend="Change the text. A key that stands here has to be revoked as well.",
    bad=_flow("  - ask: Is AKIAIOSFODNN7EXAMPLE the key?\n", "Is AKIA"),
    good=_flow("  - ask: What is a key?\n"),
)
def text_refused(subject: FlowSubject) -> Iterator[Finding]:
    """Findings of `regex` and `require_phrase` in what is written out."""
    return _of_kind(subject, "text")


def _of_kind(subject: FlowSubject, kind: Kind) -> Iterator[Finding]:
    for found in _found(subject):
        if found.kind == kind:
            principle, verdict = found.principle, found.verdict
            yield Finding(
                span_of(subject.file, found.place),
                f"{verdict.message}{_inside(found)}; {principle.id}: {principle.statement}",
                verdict.help,
                severity=_severity(found),
                confidence="high" if verdict.certainty == "sure" else "medium",
                hard=principle.authority == "hard",
            )


def _found(subject: FlowSubject) -> Iterable[Found]:
    found = findings(subject.linked)
    return found if subject.sound else (one for one in found if _stands(one, subject))


def _stands(found: Found, subject: FlowSubject) -> bool:
    """Whether an objection stands whatever a flow with errors says once it is mended.

    Steps that could not be read may ask a person, or end the flow; names that could not, be the values that were shown.
    """
    sure = found.verdict.certainty == "sure"
    if found.kind == "undeclared":
        return True
    if not subject.lost:
        return found.kind == "text" or (sure and found.kind != "arguments")
    argument = found.check.argument
    unless = isinstance(argument, Mapping) and argument.get("unless")
    after = sure and all(_place(problem.at) > _place(found.place.step.at) for problem in subject.lost)
    return found.kind == "forbidden" and (after or not unless)


def _place(at: Location) -> tuple[int, int]:
    return at.line or 0, at.column or 0


def _severity(found: Found) -> Severity:
    """The principle's own severity, or less: for what a person can still let pass, and for what only may come."""
    principle = found.principle
    asks = principle.on_violation == "escalate"
    lesser = (
        found.verdict.certainty == "possible"
        or principle.on_violation == "warn"
        or (asks and principle.authority != "hard")
        or (asks and found.by_model and found.kind != "taint")
        or ("flow" not in principle.artifacts and found.verdict.certainty != "sure")
    )
    at_most: Severity = "warning" if lesser else "error"
    return min(at_most, principle.severity, key=_SEVERITIES.index)


def _inside(found: Found) -> str:
    """The step of a sub-flow that is meant, when this flow only leads to it."""
    return f", in `{'` in `'.join(reversed(found.place.inside))}` of that flow" if found.place.inside else ""
