"""What is known before a run: outcomes of tests, equal values, numbers of calls, and flows that are in order."""

from __future__ import annotations

import math

import pytest
from lev_os.check.constitutions.analysis import findings
from lev_os.check.constitutions.counts import counts_of
from lev_os.check.constitutions.reading import Reader
from lev_os.check.constitutions.states import CLEAN, Names
from lev_os.check.constitutions.symbols import Symbols
from lev_os.core.constitutional import Constitution
from lev_os.core.errors import Location
from lev_os.core.flowmind import Flow
from lev_os.core.flowmind.expressions import parse_expression
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.tools import ToolCard, ToolDeclaration

TOOLS = {
    f"./tools/{name}": ToolCard(
        specifier=f"acme/tools/{name}",
        name=name,
        declaration=ToolDeclaration(effects=frozenset(effects), idempotent=name == "look"),
    )
    for name, effects in {
        "mail": ["ingests_untrusted"],
        "send": ["writes_external"],
        "pay": ["spends"],
        "look": [],
    }.items()
}


def linked(steps: str, name: str = "work", **flows: LinkedFlow) -> LinkedFlow:
    """A flow of these steps under the baseline; `flows` are those it may call, by name."""
    text = f"flowmind: 1\nname: {name}\ninput: {{message: {{type: any, untrusted: true}}, sum: any}}\nsteps:\n{steps}"
    return LinkedFlow(
        tree=Flow.parse(text).tree, specifier=f"acme/flows/{name}", package="acme", contexts={}, tools=TOOLS,
        flows={f"./flows/{key}": flow for key, flow in flows.items()}, constitutions=(Constitution.baseline(),),
    )  # fmt: skip


def objections(flow: LinkedFlow) -> list[str]:
    """The principles that object, sorted."""
    return sorted({found.principle.id for found in findings(flow)})


@pytest.mark.parametrize(
    ("source", "true", "false"),
    [
        ("a.approved", ["a.approved"], []),
        ("!a.approved", [], ["a.approved"]),
        ("!(!a.approved)", ["a.approved"], []),
        ("a.approved == true && b", ["a.approved", "b"], []),
        ("a != null && (b || c)", [], []),
        ("!a || !b.approved", [], ["a", "b.approved"]),
        ("a ? b : c", [], []),
        ("a.approved != false", ["a.approved"], []),
        ("x == '&&' && a", ["a"], []),
        ("!a.exists(x, x)", [], []),
        ("a['approved'] && !(b == false)", ["a.approved", "b"], []),
    ],
)
def test_what_a_test_says_of_its_parts(source: str, true: list[str], false: list[str]) -> None:
    """Which paths are surely true where the expression is true, and where it is false."""
    symbols, names = Symbols(), Names()
    reader = Reader(symbols)
    for name in "abcx":
        names.bind(name, symbols.unknown("input", name), CLEAN)

    def read(text: str) -> int:
        return reader.expression(parse_expression(text, Location()), names)

    for holds, paths in ((True, true), (False, false)):
        surely = set(symbols.true_where(read(source), holds=holds))
        assert {path for path in ("a", "b", "c", "a.approved", "b.approved") if read(path) in surely} == set(paths)


def test_a_field_of_what_was_shown_was_shown() -> None:
    """An object covers what it is made of, a value its fields, and neither anything that is made of them."""
    symbols = Symbols()
    order = symbols.unknown("result", "order")
    payment = symbols.object({"order": symbols.field(order, "id"), "sum": symbols.literal(20)})
    shown = symbols.shown(payment)
    assert symbols.covered(symbols.field(payment, "order"), shown)
    assert symbols.covered(symbols.literal(20.0), shown)
    assert symbols.covered(symbols.field(symbols.field(order, "id"), "part"), shown)
    assert not symbols.covered(order, shown)
    assert not symbols.covered(symbols.computed("sum * 2", {"sum": symbols.literal(20)}), shown)


def test_a_value_made_of_itself_many_times_costs_nothing() -> None:
    """A hundred doublings have a hundred nodes."""
    symbols = Symbols()
    value = symbols.unknown("input")
    for _ in range(100):
        value = symbols.object({"a": value, "b": value})
    assert len(symbols.shown(value)) == 101


@pytest.mark.parametrize(
    ("steps", "least", "most"),
    [
        ("  - {call: ./tools/pay, with: {}}\n  - {call: ./tools/pay, with: {}}\n", 2, 2),
        ('  - if: "sum == 1"\n    then: [{call: ./tools/pay, with: {}}]\n', 0, 1),
        ('  - while: "sum == 1"\n    max_iterations: 3\n    do: [{call: ./tools/pay, with: {}}]\n', 0, 3),
        ("  - for_each: i in sum\n    do: [{call: ./tools/pay, with: {}}]\n", 0, math.inf),
        ("  - {call: ./tools/pay, with: {}, retry: {attempts: 3}}\n", 1, 3),
        ('  - if: "sum == 1"\n    then: [{return: 1}]\n  - {call: ./tools/pay, with: {}}\n', 0, 1),
        ("  - parallel: {a: [{call: ./tools/pay, with: {}}], b: [{call: ./tools/pay, with: {}}]}\n", 2, 2),
        ("  - {ask: Go on., tools: [./tools/pay]}\n", 0, math.inf),
    ],
)
def test_how_many_calls_a_run_makes(steps: str, least: float, most: float) -> None:
    """At least when it ends, and at most."""
    _, count = counts_of(linked(steps.replace("sum", "input.sum"))).of["acme/tools/pay"]
    assert (count.least, count.most) == (least, most)


ASK = '  - {id: ok, wait: approval, about: "${p}", returns: {approved: boolean}}\n'
PAID = '{call: ./tools/pay, with: {sum: "${p.sum}"}}'
MAKE = '  - set: {p: {sum: "${input.sum}"}}\n'
SHOW = '  - {{id: ok, wait: approval, about: "${{{0}}}", returns: {{approved: boolean}}}}\n  - if: ok.approved\n'
PAY = '    then: [{{call: ./tools/pay, with: {{sum: "${{{0}}}"}}}}]\n'
IN_ORDER = {
    "an object written where it is shown": SHOW.format("{'sum': input.sum}") + PAY.format("input.sum"),
    "a list of what is paid": SHOW.format("['to', input.sum]") + PAY.format("input.sum"),
    "an object around the very object": MAKE + SHOW.format("{'p': p, 'n': 1}") + PAY.format("p.sum"),
    "a field named in another way": SHOW.format("{'sum': input['sum']}") + PAY.format("{'s': input.sum}.s"),
    "the same sum worked out again": SHOW.format("{'sum': input.sum * 2}") + PAY.format("input.sum * 2"),
    "asked and looked at": f"{MAKE}{ASK}  - if: ok.approved\n    then: [{PAID}]\n",
    "the answer kept under another name": (
        f'{MAKE}{ASK}  - set: {{yes: "${{ok.approved}}"}}\n  - if: "yes"\n    then: [{PAID}]\n'
    ),
    "looked at with other things": (
        f"{MAKE}{ASK}  - set: {{go: \"${{ok['approved'] && input.sum != 3}}\"}}\n  - if: go\n    then: [{PAID}]\n"
    ),
    "a list that was shown, one by one": (
        '  - {id: ok, wait: approval, about: "${input.message}", returns: {approved: boolean}}\n  - if: ok.approved\n'
        '    then: [{for_each: m in input.message, do: [{call: ./tools/send, with: {text: "${m}"}}]}]\n'
    ),
    "an early way out": f'{MAKE}{ASK}  - if: "!ok.approved"\n    then: [{{return: no}}]\n  - {PAID}\n',
    "a switch": f"{MAKE}{ASK}  - switch: ok.approved\n    cases: {{'true': [{PAID}]}}\n",
    "a person is late": (
        f"{MAKE}{ASK[:-2]}, timeout: 1d, on_timeout: [{{return: late}}]}}\n  - if: ok.approved\n    then: [{PAID}]\n"
    ),
    "another look-up in between": (
        f"{MAKE}{ASK}  - {{call: ./tools/look, with: {{}}}}\n  - if: ok.approved\n    then: [{PAID}]\n"
    ),
    "in a loop, each time anew": (
        "  - for_each: p in input.sum\n    do:\n    "
        + ASK.strip().replace("- {id", "  - {id")
        + f"\n      - if: ok.approved\n        then: [{PAID}]\n"
    ),
    "asked side by side": (
        f"{MAKE}  - id: both\n    parallel:\n"
        f"      one: [{ASK.strip()[2:]}]\n      two: [{{call: ./tools/look, with: {{}}}}]\n"
        f"  - if: both.one.ok.approved\n    then: [{PAID}]\n"
    ),
    "a stranger's words that a person has read": (
        '  - {id: ok, wait: approval, about: "${input.message}", returns: {approved: boolean}}\n'
        '  - if: ok.approved\n    then: [{call: ./tools/send, with: {text: "${input.message}"}}]\n'
    ),
    "a stranger's words that stay": '  - {call: ./tools/look, with: {text: "${input.message}"}}\n',
    "nothing of a stranger's": '  - {call: ./tools/send, with: {text: "${input.sum}"}}\n',
}


@pytest.mark.parametrize("name", IN_ORDER)
def test_what_is_in_order_is_left_alone(name: str) -> None:
    """No principle of the baseline objects."""
    assert objections(linked(IN_ORDER[name])) == []


def test_an_approval_that_a_sub_flow_asks_for_counts() -> None:
    """The values and the answer keep their identity through the sub-flow's input and output."""
    steps = '  - {id: a, wait: approval, about: "${input.sum}", returns: {approved: boolean}}\n  - return: "${a}"\n'
    caller = (
        f'{MAKE}  - {{id: ok, flow: ./flows/ask, with: {{sum: "${{p}}", message: ""}}}}\n'
        f"  - if: ok.approved\n    then: [{PAID}]\n"
    )
    assert objections(linked(caller, ask=linked(steps, "ask"))) == []


NOT_IN_ORDER = {
    "one approval, two payments": f"{MAKE}{ASK}  - if: ok.approved\n    then: [{PAID}, {PAID}]\n",
    "the answer is not looked at": f"{MAKE}{ASK}  - {PAID}\n",
    "the wrong way round": f'{MAKE}{ASK}  - if: "!ok.approved"\n    then: [{PAID}]\n',
    "changed after it was shown": (
        f'{MAKE}{ASK}  - set: {{p: {{sum: "${{input.message}}"}}}}\n  - if: ok.approved\n    then: [{PAID}]\n'
    ),
    "asked before the loop": (
        f"{MAKE}{ASK}  - if: ok.approved\n    then: [{{for_each: 'i in [1, 2]', do: [{PAID}]}}]\n"
    ),
}


UNCERTAIN = {
    "a choice": SHOW.format("input.sum == 1 ? input.sum : 2") + PAY.format("input.sum"),
    "a name that is worked out": SHOW.format("{input.sum: input.sum}") + PAY.format("input.sum"),
    "some of a list": SHOW.format("input.sum.filter(i, i > 1)") + PAY.format("input.sum"),
}


@pytest.mark.parametrize("name", UNCERTAIN)
def test_what_may_have_been_shown_is_a_possible_objection(name: str) -> None:
    """Where it cannot be told which values a person sees, nobody says that they are others."""
    money = [found.verdict for found in findings(linked(UNCERTAIN[name])) if found.principle.id == "BASE-003"]
    assert [verdict.certainty for verdict in money] == ["possible"]
    assert "cannot be told" in (money[0].help or "")


def test_the_way_out_is_an_about_that_can_be_written() -> None:
    """The help shows an expression over the call's own arguments, and with it nothing is left to say."""
    call = '{call: ./tools/pay, with: {sum: "${input.sum}", to: me, n: 2}}'
    (found,) = [one for one in findings(linked(f"  - {call}\n")) if one.principle.id == "BASE-003"]
    about = "{'sum': input.sum, 'to': 'me', 'n': 2}"
    assert f'`about: "${{{about}}}"`' in (found.verdict.help or "")
    assert objections(linked(f"{SHOW.format(about)}    then: [{call}]\n")) == []


@pytest.mark.parametrize("name", NOT_IN_ORDER)
def test_what_is_not_in_order_is_found(name: str) -> None:
    """Money needs a yes of its own, about what is paid."""
    assert "BASE-003" in objections(linked(NOT_IN_ORDER[name]))
