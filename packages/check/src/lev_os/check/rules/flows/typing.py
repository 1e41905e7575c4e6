"""Expressions and arguments against what is declared: inputs, answers, tools' results, and other flows."""

from __future__ import annotations

from collections.abc import Iterator

from lev_os.core.flowmind.model import Return, SubFlow

from ...diagnostics import Edit, Fix
from ...flows.analysis import Given
from ...flows.expressions import Complaint, Kind
from ...flows.fitting import misfit
from ...flows.places import in_expression, in_step, reported
from ...flows.uses import in_value
from ...project import FlowSubject
from ...rule import Example, Finding, Span, rule
from .._flow_examples import flow

_FIND = """\
@tool(effects={'reads_private'}, idempotent=True)
def find_customer(email: str) -> Customer | None: ...


class Customer(TypedDict):
    name: str
    orders: int
    note: NotRequired[str]
"""
_CUSTOMER = (
    "input: {email: string}\nsteps:\n  - id: customer\n    call: ./tools/find_customer\n"
    '    with: {email: "${input.email}"}\n'
)


def _customer(body: str, at: tuple[int, int] | None = None) -> Example:
    """A flow that has looked for a customer; `body` begins at line 8."""
    return flow(_CUSTOMER + body, at, tools=_FIND)


_CHOICE = "input: {plan: {enum: [free, paid]}, n: integer, share: number, name: string, tags: [string]}\nsteps:\n"


def _choice(body: str, at: tuple[int, int] | None = None) -> Example:
    """A flow with some inputs; `body` begins at line 5."""
    return flow(_CHOICE + body, at)


def _complaints(subject: FlowSubject, kind: Kind, *, sure: bool | None = None) -> Iterator[Finding]:
    for heard in subject.analysis.complaints:
        complaint = heard.complaint
        if complaint.kind == kind and sure in (None, complaint.sure) and not reported(subject, heard.expr):
            span = in_expression(subject, heard.expr, complaint.start, complaint.end)
            yield Finding(span, complaint.message, complaint.help, _replacement(subject, complaint, span))


def _replacement(subject: FlowSubject, complaint: Complaint, span: Span) -> Fix | None:
    if complaint.meant is None or span[1] - span[0] != complaint.end - complaint.start:
        return None
    return Fix(f"write `{complaint.meant}`", (Edit(*span, complaint.meant),), safe=False)


@rule(
    "FLW310", "unknown-field", on="flow", severity="error",
    summary="An expression reads a field that the value cannot have.",
    why="The step would fail whenever it runs. The value's fields are known: from a tool's return type, another flow's "
    "`output`, `set`, or the steps inside a loop.",
    mend="Read a field that is there, or correct the declaration.",
    bad=(
        flow("steps:\n  - set: {payment: {cents: 100}}\n  - return: \"${payment.cent}\"\n", (5, 24)),
        flow(
            "steps:\n  - id: answers\n    for_each: n in [1, 2]\n    do:\n      - id: answer\n"
            "        ask: Say a number.\n        returns: {text: string}\n  - return: \"${answers[0].answr}\"\n",
            (10, 27),
        ),
        _customer('  - if: "customer != null"\n    then:\n      - return: "${customer.nmae}"\n', (10, 29)),
    ),
    good=flow("steps:\n  - set: {payment: {cents: 100}}\n  - return: \"${payment.cents}\"\n"),
)  # fmt: skip
def unknown_field(subject: FlowSubject) -> Iterator[Finding]:
    """Fields that are in no declaration of the value."""
    yield from _complaints(subject, "field")


@rule(
    "FLW311", "always-null", on="flow", severity="error",
    summary="An expression reads a field of a value that is always null there, or calculates with it.",
    why="The step would fail whenever it runs. The id of a step that has not run is null.",
    mend="Move the step that binds the name before this one, out of the other branch, or read another name.",
    bad=_choice(
        "  - if: \"input.n > 1\"\n    then:\n      - id: many\n        ask: Say so.\n        returns: {text: string}\n"
        "    else:\n      - set: {said: \"${many.text}\"}\n", (11, 24),
    ),
    good=_choice(
        "  - if: \"input.n > 1\"\n    then:\n      - id: many\n        ask: Say so.\n        returns: {text: string}\n"
        "      - set: {said: \"${many.text}\"}\n"
    ),
)  # fmt: skip
def always_null(subject: FlowSubject) -> Iterator[Finding]:
    """Null where something else is needed."""
    yield from _complaints(subject, "null", sure=True)


@rule(
    "FLW312", "maybe-null", on="flow", severity="warning",
    summary="An expression reads a field of a value that may be null there, or calculates with it.",
    why="A step that was skipped leaves null, and so does a tool that found nothing. The flow fails only then, which "
    "is the one case that nobody tried.",
    mend="Test it first: `x != null && x.field == …`, `x == null ? … : x.field`, or an `if` that returns.",
    bad=(
        _customer('  - if: "customer.orders > 3"\n    then: []\n', (8, 10)),
        _choice(
            "  - if: \"input.n > 1\"\n    then:\n      - id: many\n        ask: Say so.\n"
            "        returns: {text: string}\n  - return: \"${many.text}\"\n", (10, 16),
        ),
    ),
    good=(
        _customer('  - if: "customer != null && customer.orders > 3"\n    then: []\n'),
        _customer(
            '  - if: "customer == null"\n    then:\n      - return: nobody\n  - return: "${customer.name}"\n'
        ),
    ),
)  # fmt: skip
def maybe_null(subject: FlowSubject) -> Iterator[Finding]:
    """Null in some runs where something else is needed."""
    yield from _complaints(subject, "null", sure=False)


@rule(
    "FLW313", "maybe-absent", on="flow", severity="warning",
    summary="An expression reads an optional field without testing whether it is there.",
    why="Reading a field that is absent fails; it does not give null.",
    mend="Test it first: `has(x.field) ? x.field : …`; or give the input a `default`.",
    bad=_customer('  - if: "customer != null"\n    then:\n      - return: "${customer.note}"\n', (10, 29)),
    good=_customer(
        '  - if: "customer != null"\n    then:\n      - return: "${has(customer.note) ? customer.note : \'\'}"\n'
    ),
)  # fmt: skip
def maybe_absent(subject: FlowSubject) -> Iterator[Finding]:
    """Optional fields that are read as if they were always there."""
    yield from _complaints(subject, "absent")


@rule(
    "FLW314", "operand-types", on="flow", severity="error",
    summary="An operator, function or test gets values for which it is not defined.",
    why="The step would fail whenever it runs. CEL converts nothing by itself: not even whole numbers to doubles.",
    mend="Convert with `int(x)`, `double(x)` or `string(x)`, write `2.0` for `2`, or compare with the right type.",
    source="https://github.com/cel-expr/cel-spec/blob/master/doc/langdef.md", verified="2026-11-22",
    bad=(
        _choice('  - if: "input.share * 2 > 1.0"\n    then: []\n', (5, 10)),
        _choice('  - if: "input.n"\n    then: []\n', (5, 10)),
        _choice('  - if: "\'a\' in input.name"\n    then: []\n', (5, 17)),
        _choice('  - for_each: tag in input.name\n    do: []\n', (5, 22)),
        _choice('  - set: {size: "${size(input.n)}"}\n', (5, 25)),
    ),
    good=(
        _choice('  - if: "input.share * 2.0 > 1.0"\n    then: []\n'),
        _choice('  - if: "input.name.contains(\'a\') || \'a\' in input.tags"\n    then: []\n'),
    ),
)  # fmt: skip
def operand_types(subject: FlowSubject) -> Iterator[Finding]:
    """Values of kinds that an operation does not take."""
    yield from _complaints(subject, "operand")


@rule(
    "FLW315", "never-equal", on="flow", severity="warning",
    summary="A comparison cannot hold: the value is never what it is compared with.",
    why="The branch behind it is never taken, or always; mostly the word is misspelt or was renamed.",
    mend="Compare with a value that the declaration allows.",
    bad=(
        _choice('  - if: "input.plan == \'payed\'"\n    then: []\n', (5, 24)),
        _choice('  - if: "input.n == \'3\'"\n    then: []\n', (5, 21)),
    ),
    good=_choice('  - if: "input.plan == \'paid\' || input.n == 3 || input.share == 3"\n    then: []\n'),
)  # fmt: skip
def never_equal(subject: FlowSubject) -> Iterator[Finding]:
    """Comparisons with impossible values."""
    yield from _complaints(subject, "never")


_SUB = {
    "acme/flows/ticket.yaml": "flowmind: 1\nname: ticket\ninput: {queue: {enum: [desk, money]}, urgent: boolean}\n"
    'steps:\n  - return: "${input.queue}"\n'
}


def _ticket(given: str, at: tuple[int, int] | None = None) -> Example:
    body = _CHOICE + f"  - flow: ./flows/ticket\n    with: {{{given}}}\n"
    return flow(body, at, more=_SUB)


@rule(
    "FLW316", "wrong-type", on="flow", severity="error",
    summary="A value that is passed on, or returned, is never what is declared there.",
    why="A call with it fails whenever it is made, and an output that does not fit ends the run after all its work.",
    mend="Convert the value, or correct the declaration.",
    bad=(
        _ticket('queue: desk, urgent: "${input.name}"', (6, 36)),
        flow('input: {n: integer}\noutput: {reply: string}\nsteps:\n  - return: {reply: "${input.n}"}\n', (6, 24)),
    ),
    good=(
        _ticket('queue: desk, urgent: "${input.n > 5}"'),
        flow('input: {n: integer}\noutput: {reply: string}\nsteps:\n  - return: {reply: "${input.n} orders"}\n'),
    ),
)  # fmt: skip
def wrong_type(subject: FlowSubject) -> Iterator[Finding]:
    """Arguments and outputs none of whose values fit."""
    yield from _given(subject, sure=True)


@rule(
    "FLW317", "maybe-wrong-type", on="flow", severity="warning",
    summary="A value that is passed on, or returned, is not always what is declared there.",
    why="The call fails for those values, and only for them: null after a step that was skipped, or `uncertain` from a "
    "condition.",
    mend="Handle those values before, or declare that they are allowed.",
    bad=flow(
        "steps:\n  - id: queue\n    switch_semantic: what it is about\n    cases: {desk: [], money: []}\n"
        '    uncertain: []\n  - flow: ./flows/ticket\n    with: {queue: "${queue}", urgent: true}\n', (9, 22),
        more=_SUB,
    ),
    good=flow(
        "steps:\n  - id: queue\n    switch_semantic: what it is about\n    cases: {desk: [], money: []}\n"
        "    uncertain:\n      - return: nobody is sure\n  - flow: ./flows/ticket\n"
        '    with: {queue: "${queue}", urgent: true}\n', more=_SUB,
    ),
)  # fmt: skip
def maybe_wrong_type(subject: FlowSubject) -> Iterator[Finding]:
    """Arguments and outputs some of whose values do not fit."""
    yield from _given(subject, sure=False)


def _given(subject: FlowSubject, *, sure: bool) -> Iterator[Finding]:
    for given in subject.analysis.given:
        expressions = list(in_value(given.value))
        if not expressions or any(reported(subject, expr) for expr in expressions):
            continue  # what is written out is checked when the flow is linked
        wrong = misfit(given.found, given.wanted, f"`{given.name}`" if given.name else "the output")
        if wrong is not None and wrong.sure is sure:
            first = expressions[0]
            span = in_expression(subject, first, 0, len(first.source))
            yield Finding(
                span if len(expressions) == 1 else _whole(subject, given), f"{_where(given)}: {wrong.message}"
            )


def _whole(subject: FlowSubject, given: Given) -> Span:
    key = "return" if isinstance(given.step, Return) else "with"
    return in_step(subject, given.step, key, *([given.name] if given.name else []))


def _where(given: Given) -> str:
    if isinstance(given.step, Return):
        return "the output does not fit"
    target = given.step.flow if isinstance(given.step, SubFlow) else getattr(given.step, "tool", "the tool")
    return f"`{target}` does not take this"
