"""Random flows, random constitutions and random drivers, for properties of the machine.

Every random flow is valid by construction: ids are unique, names are bound before they are used.
"""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from hypothesis import strategies as st
from lev_os.core.bidirectional import Effect, Machine, Step
from lev_os.core.constitutional import Constitution, Gate
from lev_os.core.flowmind import Flow
from machines import card

TOOLS = (
    card("pure"),
    card("read", "ingests_untrusted", "reads_private"),
    card("send", "writes_external"),
    card("odd", declared=False),
)


@st.composite
def flow_texts(draw: st.DrawFn) -> str:
    """A flow as JSON, which is YAML."""
    ids = count()
    steps = draw(_block(ids, ["input"], depth=2, free=True))
    return json.dumps({"flowmind": 1, "name": "random", "input": {"text": "string"}, "steps": steps})


@st.composite
def _block(draw: st.DrawFn, ids: Any, names: list[str], depth: int, free: bool) -> list[dict[str, Any]]:
    names = list(names)
    kinds = ["ask", "call", "wait", "set", "ask_tools"]
    if depth:
        kinds += ["if", "if_semantic", "switch_semantic", "parallel", "for_each", "while", "try"]
    steps = []
    for _ in range(draw(st.integers(1, 3))):
        step = draw(_step(draw(st.sampled_from(kinds)), ids, names, depth, free))
        steps.append(step)
        if "id" in step:
            names.append(step["id"])
    return steps


@st.composite
def _step(draw: st.DrawFn, kind: str, ids: Any, names: list[str], depth: int, free: bool) -> dict[str, Any]:
    name = f"s{next(ids)}"
    about = "${" + draw(st.sampled_from(names)) + "}"

    def block(free: bool = free) -> list[dict[str, Any]]:
        return draw(_block(ids, names, depth - 1, free))

    retry = {"retry": {"attempts": 2, "backoff": "1s"}} if draw(st.booleans()) else {}
    tool = "./tools/" + draw(st.sampled_from([t.name for t in TOOLS]))
    match kind:
        case "ask":
            returns = {"returns": {"n": "number"}} if draw(st.booleans()) else {}
            return {"id": name, "ask": "Do it.", "about": about, **returns, **retry}
        case "ask_tools":
            return {"id": name, "ask": "Do it.", "about": about, "tools": [tool]}
        case "call":
            return {"id": name, "call": tool, "with": {"x": about}, **retry}
        case "wait":
            return {"id": name, "wait": "approval", "about": about}
        case "set":
            return {"set": {name: about}}
        case "if":
            return {"if": f"input.text == '{draw(st.sampled_from('ab'))}'", "then": block(), "else": block()}
        case "if_semantic":
            return {"id": name, "if_semantic": "it is so", "about": about, "then": block(), "uncertain": block()}
        case "switch_semantic":
            cases = {"one": block(), "two": block()}
            return {"id": name, "switch_semantic": "which", "about": about, "cases": cases, "uncertain": block()}
        case "parallel":
            branches = {b: block(free=False) for b in ("left", "right", "middle")[: draw(st.integers(2, 3))]}
            return {"id": name, "parallel": branches, "wait_for": draw(st.sampled_from(["all", "any", 2]))}
        case "for_each":
            width = draw(st.integers(1, 3))
            return {"id": name, "for_each": f"v{name} in [1, 2, 3]", "max_concurrency": width, "do": block(free=False)}
        case "while":
            return {"while": "true", "max_iterations": draw(st.integers(1, 3)), "do": block()}
        case _:
            return {"try": block(), "catch": block()}


@st.composite
def gates(draw: st.DrawFn) -> Gate:
    """The baseline, or principles that object to some tools and words in every way."""
    if draw(st.booleans()):
        return Gate()
    principles = []
    for number in range(draw(st.integers(0, 3))):
        check = draw(
            st.sampled_from(
                [
                    {"forbid_tool": ["acme/tools/send"]},
                    {"forbid_tool": ["acme/tools/*"]},
                    {"regex": {"pattern": "bad"}},
                    {"taint": {"from": ["untrusted"], "to": ["writes_external"]}},
                ]
            )
        )
        principle: dict[str, Any] = {
            "id": f"R-{number}",
            "statement": "random",
            "on_violation": draw(st.sampled_from(["block", "revise", "warn", "escalate"])),
            "tests": {"violates": [{}, {}], "complies": [{}, {}]},
        }
        if draw(st.integers(0, 3)):
            principle["checks"] = [check]
        else:
            principle["judge"] = {"rubric": "Is it bad?"}
        principles.append(principle)
    return Gate(Constitution.parse(json.dumps({"constitution": 1, "name": "random", "principles": principles})))


def machine_of(text: str, gate: Gate, run: str = "run") -> Machine:
    """A machine for a random flow."""
    linked = Flow.parse(text).link(tools={f"./tools/{c.name}": c for c in TOOLS})
    return Machine(linked, gate=gate, run=run, secret=b"secret")


@st.composite
def answers(draw: st.DrawFn, effect: Effect) -> Any:
    """Something a driver may say to an effect: right, wrong, or an exception."""
    if draw(st.integers(0, 9)) == 0:
        return RuntimeError("it broke")
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from([None, {}, {"answer": []}, "garbage", {"tool_calls": [{}]}]))
    match effect.kind:
        case "model":
            returns = effect.request["returns"]
            if effect.request["purpose"] != "ask":
                return {"answer": {"answer": draw(st.sampled_from([*effect_labels(effect)]))}}
            if effect.request["tools"] and len(effect.request["turns"]) < 2 and draw(st.booleans()):
                tool = effect.request["tools"][0]["name"]
                return {"tool_calls": [{"tool": tool, "arguments": {"x": draw(st.sampled_from(["good", "bad"]))}}]}
            return {"answer": {"n": 1} if returns else draw(st.sampled_from(["good", "bad"]))}
        case "judge":
            return {"label": draw(st.sampled_from([*effect.request["labels"], None])), "decided_by": "test"}
        case "wait":
            return {"approved": draw(st.booleans())}
        case "tool":
            return draw(st.sampled_from(["good", "bad", 1, None]))
        case _:
            return None


def effect_labels(effect: Effect) -> list[str]:
    """What a judging model may answer."""
    labels: list[str] = effect.request["returns"]["properties"]["answer"]["enum"]
    return labels


def drive_randomly(draw: st.DrawFn | Any, machine: Machine, limit: int = 60) -> list[Step]:
    """Drive until the run ends: any order, repeated and late results, sometimes a cancellation."""
    steps = [machine.start({"text": draw(st.sampled_from("ab"))}, at=0.0)]
    at = 0.0
    done: list[tuple[str, Any]] = []
    while machine.outcome is None and limit:
        limit -= 1
        at += draw(st.sampled_from([0.0, 1.0]))
        if draw(st.integers(0, 30)) == 0:
            steps.append(machine.cancel("enough", at=at))
            break
        if done and draw(st.integers(0, 9)) == 0:
            token, result = draw(st.sampled_from(done))
            steps.append(machine.submit(token, result, at=at))
            continue
        effect = draw(st.sampled_from(machine.effects))
        result = draw(answers(effect))
        if isinstance(result, Exception):
            steps.append(machine.fail(effect.token, result, at=at))
        else:
            done.append((effect.token, result))
            steps.append(machine.submit(effect.token, result, at=at))
    return steps
