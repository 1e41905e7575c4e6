"""What is said of a flow before it runs agrees with what the gate says while it runs.

Random flows of every construct run through the real machine with answers that try to do harm. Whatever the gate holds
against a call was known before, and what was said to be sure is held against every run that gets there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from random import Random
from typing import Any

from hypothesis import example, given, reject, settings
from hypothesis import strategies as st
from lev_os.check.constitutions.analysis import findings
from lev_os.check.files import File
from lev_os.check.project import FlowSubject
from lev_os.check.registry import rules_on
from lev_os.check.rule import Span
from lev_os.core.bidirectional import Effect, Failure, Machine
from lev_os.core.constitutional import Constitution
from lev_os.core.errors import InvalidInput
from lev_os.core.flowmind import Flow
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.flowmind.parse import examine
from lev_os.core.tools import ToolCard, ToolDeclaration

EFFECTS = {
    "mail": {"ingests_untrusted"},
    "files": {"reads_private"},
    "pure": set[str](),
    "send": {"writes_external"},
    "pay": {"spends"},
    "plain": None,
}
TOOLS = {
    f"./tools/{name}": ToolCard(
        specifier=f"acme/tools/{name}",
        name=name,
        input_schema={"properties": {"x": {}, "y": {}}},
        declaration=ToolDeclaration(effects=None if effects is None else frozenset(effects), idempotent=True),
    )
    for name, effects in EFFECTS.items()
}
OWN = """\
constitution: 1
name: acme
extends: [lev_os.core/constitution/baseline]
principles:
  - id: ACME-001
    statement: Money needs an approval of that very x.
    authority: hard
    scope: {artifacts: [flow, run]}
    checks: [{temporal: {tools: ["*/pay"], requires_before: approval, same: [args.x]}}]
    on_violation: escalate
    tests: &tests {violates: [{}, {}], complies: [{}, {}]}
  - id: ACME-002
    statement: Look into the files before anything is sent.
    authority: hard
    scope: {artifacts: [flow, run]}
    checks: [{temporal: {tools: ["*/send"], requires_before: {tool: "*/files"}}}]
    on_violation: escalate
    tests: *tests
  - id: ACME-003
    statement: At most two payments.
    authority: hard
    scope: {artifacts: [flow, run]}
    checks: [{budget: {calls: 2, tools: ["*/pay"]}}]
    on_violation: escalate
    tests: *tests
  - id: ACME-004
    statement: Never pay thirteen.
    authority: hard
    scope: {artifacts: [flow, run]}
    checks: [{cel: {when: "tool.endsWith('/pay') && has(args.y)", holds: "args.y != 13"}}]
    on_violation: escalate
    tests: *tests
"""
CONSTITUTION = Constitution.parse(OWN)
DECIDED = {"BASE-001", "BASE-002", "BASE-003", "BASE-004", "BASE-005", "ACME-001", "ACME-002", "ACME-003"}
"""The principles that are decided before a run; what a CEL check says of values that a run makes is not."""


class Writer:
    """Writes one flow, as JSON."""

    def __init__(self, random: Random, flows: tuple[str, ...]) -> None:
        self.random = random
        self.flows = flows
        self.count = 0
        self.sets: list[str] = []

    def flow(self, name: str, depth: int) -> str:
        names: list[str] = []
        head = {"flowmind": 1, "name": name, "input": {"text": {"type": "any", "untrusted": True}, "safe": "any"}}
        steps = self.block(depth, names, in_scope=False)
        if "return" not in steps[-1] and self.random.random() < 0.7:
            steps.append({"return": {bound: "${" + bound + "}" for bound in names}})
        return json.dumps({**head, "steps": steps})

    def block(self, depth: int, names: list[str], *, in_scope: bool) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = []
        for _ in range(self.random.randint(1, 4)):
            steps.append(self.step(depth, names, in_scope=in_scope))
            if "return" in steps[-1]:
                break
        return steps

    def value(self, names: list[str]) -> Any:
        kind = self.random.randint(0, 9)
        seen = "${" + self.random.choice(["input.text", "input.safe", *names]) + "}"
        return {0: 13, 1: "word", 2: f"so: {seen}", 3: {"x": seen, "y": 1}}.get(kind, seen)

    def step(self, depth: int, names: list[str], *, in_scope: bool) -> dict[str, Any]:
        self.count += 1
        name = f"s{self.count}"
        random = self.random
        kinds = ["call", "call", "call", "set", "set", "ask", "wait", "wait", "approved", "approved"]
        blocks = ["if", "if", "if_semantic", "switch", "for_each", "while", "parallel", "try", "flow"]
        kind = random.choice(kinds + (blocks if depth else []) + (["return"] if not in_scope else []))
        seen = random.choice(["input.text", "input.safe", *names])

        def body(*, inner: bool = in_scope) -> list[dict[str, Any]]:
            return self.block(depth - 1, [*names] if inner else names, in_scope=inner)

        match kind:
            case "call":
                given = {key: self.value(names) for key in ("x", "y") if random.random() < 0.7}
                step = {"id": name, "call": random.choice([*TOOLS]), "with": given}
            case "ask":
                step = {"id": name, "ask": "Do it.", "about": "${" + seen + "}"}
                step |= {"tools": random.sample([*TOOLS], 2)} if random.random() < 0.4 else {}
            case "wait":
                step = {"id": name, "wait": random.choice(["approval", "word"]), "about": "${" + seen + "}"}
            case "approved":  # the way it is meant
                asked = {"id": f"{name}w", "wait": "approval", "about": "${" + seen + "}"}
                pay = {"call": random.choice(["./tools/pay", "./tools/send"]), "with": {"x": "${" + seen + "}"}}
                tests = [f"{name}w.approved", f"{name}w.approved == true", f"!(!{name}w.approved)", "true"]
                names.append(f"{name}w")
                return {"if": "true", "then": [asked, {"if": random.choice(tests), "then": [pay]}]}
            case "if":
                return {"if": f"{seen} == 'good'", "then": body(), "else": body()}
            case "if_semantic":
                step = {"id": name, "if_semantic": f"{name} holds", "about": "${" + seen + "}"}
                step |= {"then": body(), "else": body(), "uncertain": []}
            case "switch":
                return {
                    "switch": f"string({seen} == 'good')",
                    "cases": {"true": body(), "x": body()},
                    "default": body(),
                }
            case "for_each":
                step = {"id": name, "for_each": f"v{name} in [1, 2]", "do": self.block(
                    depth - 1, [*names, f"v{name}"], in_scope=True)}  # fmt: skip
            case "while":
                step = {"id": name, "while": f"{seen} == 'good'", "max_iterations": 2, "do": body()}
            case "parallel":
                step = {"id": name, "parallel": {key: body(inner=True) for key in ("left", "right")}}
                step |= {"wait_for": random.choice(["all", "any"])}
            case "try":
                return {"try": body(), "catch": self.block(depth - 1, [*names, "error.message"], in_scope=in_scope)}
            case "flow" if self.flows:
                given = {"text": "${" + seen + "}", "safe": self.value(names)}
                step = {"id": name, "flow": random.choice(self.flows), "with": given}
            case "return":
                return {"return": self.value(names)}
            case _:
                again = self.sets and not in_scope and random.random() < 0.5
                name = random.choice(self.sets) if again else name
                self.sets += [] if in_scope or again else [name]
                step = {"set": {name: self.value(names)}}
        names.append(name)
        return step


def linked(random: Random) -> LinkedFlow:
    """A random flow with one below it."""
    inner = _linked("inner", Writer(random, ()).flow("inner", 1), {})
    return _linked("outer", Writer(random, ("./flows/inner",)).flow("outer", 2), {"./flows/inner": inner})


def _linked(name: str, text: str, flows: Mapping[str, LinkedFlow]) -> LinkedFlow:
    return LinkedFlow(
        tree=Flow.parse(text).tree, specifier=f"acme/flows/{name}", package=name, contexts={},
        tools=TOOLS, flows=flows, constitutions=(CONSTITUTION,),
    )  # fmt: skip


Objection = tuple[str, str, str]
"""The step, through sub-flows, the tool, and the principle."""


def run(flow: LinkedFlow, random: Random) -> tuple[set[Objection], set[tuple[str, str]]]:
    """What the gate objects to in one run, and the calls that left or were to leave (step, tool)."""
    machine = Machine(flow, run="run", secret=b"secret")
    objections: set[Objection] = set()
    reached: set[tuple[str, str]] = set()
    machine.start({"text": random.choice(["good", "bad"]), "safe": "good"})
    for _ in range(400):
        if machine.outcome is not None or not machine.effects:
            break
        effect = random.choice(machine.effects)
        if effect.kind == "wait" and effect.request.get("purpose") == "approval":
            tool = effect.request["for"]["request"].get("tool", "")
            reached.add((_trail(effect), tool))
            objections |= {
                (_trail(effect), tool, finding["principle"]) for finding in effect.request["for"]["findings"]
            }
        elif effect.kind == "tool":
            reached.add((_trail(effect), effect.request["tool"]))
        if effect.kind == "tool" and random.random() < 0.15:
            machine.fail(effect.token, Failure(kind="tool", message="it broke"))
        else:
            machine.submit(effect.token, answer(effect, random))
    return objections, reached


def answer(effect: Effect, random: Random) -> Any:
    """Whatever brings a run on: persons mostly agree, models call the tools they are offered."""
    match effect.kind:
        case "wait":
            return {"approved": random.random() < 0.8}
        case "judge":
            return {"label": random.choice([*effect.request["labels"]]), "decided_by": "test"}
        case "model" if effect.request["tools"] and len(effect.request["turns"]) < 2:
            tools = [random.choice(effect.request["tools"])["name"] for _ in range(2)]
            return {"tool_calls": [{"tool": tool, "arguments": {"x": random.choice(["good", 13])}} for tool in tools]}
        case "model":
            return {"answer": random.choice(["good", "bad"])}
        case "tool":
            return random.choice(["good", "bad", 13])
    return None


def _trail(effect: Effect) -> str:
    """A step's path as findings name it: without branches and rounds."""
    return ">".join(part.rpartition("|")[2] for part in effect.path.split(">"))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
@example(105787).via("a loop that might have returned decides what follows")
def test_what_the_gate_holds_against_a_call_was_known_before(seed: int) -> None:
    """Every objection of a run is among the findings; every sure finding is an objection wherever a run gets."""
    try:
        flow = linked(Random(seed))
    except InvalidInput:  # a step after one that always returns
        reject()
    found = findings(flow)
    said = {(one.trail, one.tool, one.principle.id) for one in found}
    counted = {one.principle.id for one in found if one.kind == "count"}
    sure = {
        (one.trail, one.tool, one.principle.id)
        for one in found
        if one.verdict.certainty == "sure" and one.kind != "count"
    }
    for way in range(3):
        objections, reached = run(flow, Random(seed + way))
        decided = {one for one in objections if one[2] in DECIDED and one[2] not in counted}
        assert not decided - said
        assert not {one for one in sure if one[:2] in reached} - objections


class Damaged(FlowSubject, frozen=True, dict=True):
    """A flow as it is checked, linked by hand."""

    by_hand: LinkedFlow | None = None

    @property
    def linked(self) -> LinkedFlow:
        assert self.by_hand is not None
        return self.by_hand


DAMAGE = (("wait", "wiat"), ("call", "clal"), ("set", "ste"), ("then", "thne"), ("return", "retrun"), ("with", "wiht"),
          ("input.text", "input.txet"), ("${s", "${$"), ("about", "abuot"))  # fmt: skip


def said(text: str) -> set[tuple[str, Span]]:
    """The codes and places of what is said of a flow against the constitution."""
    tree, problems = examine(text)
    assert tree is not None
    by_hand = LinkedFlow(
        tree=tree, specifier="acme/flows/x", package="acme", contexts={}, tools=TOOLS, flows={},
        constitutions=(CONSTITUTION,),
    )  # fmt: skip
    subject = Damaged(File("x.yaml", "x.yaml", "flow", text), Flow(tree), problems=problems, by_hand=by_hand)
    on_flows = [rule for rule in rules_on("flow") if rule.family == "CON" and rule.check is not None]
    return {(rule.code, found.span) for rule in on_flows for found in rule.check(subject)}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_said_of_a_damaged_flow_holds_once_it_is_mended(seed: int) -> None:
    """An error elsewhere in a flow brings up no objection that the flow without it does not meet."""
    random = Random(seed)
    whole = Writer(random, ()).flow("x", 2)
    places = [(old, new, at.start()) for old, new in DAMAGE for at in re.finditer(re.escape(old), whole)]
    if examine(whole)[1] or not places:
        reject()
    old, new, at = random.choice(places)
    damaged = whole[:at] + new + whole[at + len(old) :]
    if not examine(damaged)[1]:
        reject()
    assert said(damaged) <= said(whole)
