"""Random flows of every construct, a world that answers them, and a driver that lives by that world's clock.

What a flow does must not hang on two things that happen in one moment, so whatever runs side by side begins with a
call, and durations are drawn from a million: binary fractions, so that their sums are exact.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import math
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

from lev_os.core import canonical
from lev_os.core.bidirectional import Effect, Failure, Machine, Step
from lev_os.core.bidirectional.machine import UnknownToken
from lev_os.core.flowmind import Flow
from lev_os.core.flowmind.link import LinkedContext, LinkedFlow
from lev_os.core.tools import ToolCard, ToolDeclaration
from reference import Reply, essence

NUMBER = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"], "additionalProperties": False}
TOOLS = {
    f"./tools/{name}": ToolCard(
        specifier=f"acme/tools/{name}",
        name=name,
        output_schema=schema,
        declaration=ToolDeclaration(effects=frozenset()),
    )
    for name, schema in (("plain", None), ("typed", NUMBER))
}
CONTEXTS = {
    f"./contexts/{name}": LinkedContext(f"acme/contexts/{name}", text, canonical.digest(text), params)
    for name, text, params in (
        ("mild", "Be kind.", ()), ("rare", "Be rare.", ()), ("asked", "It is ${input.tag}.", ("input",)),
    )
}  # fmt: skip
LEAVES = ["ask", "ask", "ask_tools", "call", "call", "wait", "set", "again"]
BLOCKS = ["if", "if_semantic", "switch", "switch_semantic", "parallel", "parallel", "for_each", "for_each", "while"]
BLOCKS += ["while_semantic", "try", "try", "flow", "return"]


class Writer:
    """Writes one flow. `random` may be Hypothesis's, so that what fails is made small."""

    def __init__(self, random: Random, flows: tuple[str, ...] = ()) -> None:
        self.random = random
        self.flows = flows
        self.count = 0

    def flow(self, name: str, depth: int) -> str:
        """A flow as JSON, which is YAML; it returns what it has bound."""
        names: list[str] = []
        steps = self.block(depth, names, [], free=True)
        if "return" not in steps[-1]:
            steps.append({"return": {name: "${" + name + "}" for name in names} or "nothing"})
        head: dict[str, Any] = {"flowmind": 1, "name": name, "input": {"text": "any", "tag": "string"}}
        if self.chance(4):
            limits = {"asks": (1, 6), "tool_calls": (1, 8), "tokens": (5, 60)}
            chosen = self.random.choice([*limits, "time"])
            head["limits"] = {
                chosen: f"{self.random.randint(200, 4000)}s"
                if chosen == "time"
                else self.random.randint(*limits[chosen])
            }
        if self.chance(5):
            head["context"] = [self.random.choice([*CONTEXTS])]
        if self.chance(6):
            head["output_schema"] = {"type": "object", "maxProperties": 3}
        return json.dumps({**head, "steps": steps})

    def chance(self, one_in: int) -> bool:
        return self.random.randint(1, one_in) == 1

    def block(
        self, depth: int, names: list[str], loops: list[str], free: bool, caught: bool = False
    ) -> list[dict[str, Any]]:
        """Some steps; `names` grows by what they bind, `loops` are the variables around."""
        kinds = LEAVES + (BLOCKS if depth else [])
        steps = [] if free else [self.step("call", depth, names, loops, free)]
        for _ in range(self.random.randint(1, 3)):
            step = self.step(self.random.choice(kinds), depth, names, loops, free, caught)
            steps.append(step)
            if "return" in step:
                break
        return steps

    def step(  # noqa: C901 - one case a construct
        self, kind: str, depth: int, names: list[str], loops: list[str], free: bool, caught: bool = False
    ) -> dict[str, Any]:
        """One step, whose id is then one of `names`."""
        self.count += 1
        name = f"s{self.count}"
        seen = self.random.choice(["input.text", *names, *loops, *(["error.kind", "error.step"] if caught else [])])
        about = "${" + seen + "}"
        test = f"{seen} == '{self.random.choice(['good', 'bad'])}'"
        if self.chance(25):
            test = f"{seen}.missing > 1"
        unique = f"{name} " + " ".join("${" + variable + "}" for variable in ["input.tag", *loops])
        semantic = {"id": name, "about": about} | ({"confidence": 0.5} if self.chance(2) else {})
        retry: dict[str, Any] = {}
        if self.chance(3):
            retry["retry"] = {"attempts": self.random.randint(1, 4)} | ({"backoff": "2s"} if self.chance(2) else {})
        if self.chance(4):
            retry["timeout"] = f"{self.random.randint(50, 1500)}s"

        def body(free: bool = free, loops: list[str] = loops) -> list[dict[str, Any]]:
            return self.block(depth - 1, [*names] if not free else names, loops, free)

        if kind in ("return", "again") and (not free or not names):
            kind = "set"
        match kind:
            case "ask":
                step = {"id": name, "ask": "Do it.", "about": about, **retry}
                step |= {"context": self.random.sample([*CONTEXTS], 2)} if self.chance(5) else {}
                step |= {"returns": {"n": "number"}} if self.chance(2) else {}
            case "ask_tools":
                step = {"id": name, "ask": "Do it.", "about": about, "tools": list(TOOLS), **retry}
            case "call":
                step = {"id": name, "call": self.random.choice([*TOOLS]), "with": {"x": about}, **retry}
            case "wait":
                step = {"id": name, "wait": "word", "about": about}
                step |= {"returns": {"n": "number"}} if self.chance(2) else {}
                if self.chance(2):
                    step["timeout"] = f"{self.random.randint(50, 1500)}s"
                    step |= {"on_timeout": body()} if depth and self.chance(2) else {}
            case "set":
                step = {"set": {name: about}}
            case "again":
                return {"set": {self.random.choice(names): {"was": about}}} if self.chance(3) else {"set": {name: test}}
            case "if":
                return {"if": test, "then": body(), "else": body()}
            case "if_semantic":
                step = semantic | {"if_semantic": unique, "then": body(), "else": body(), "uncertain": body()}
            case "switch":
                return {"switch": seen, "cases": {"good": body(), "bad": body(), "1": body()}, "default": body()}
            case "switch_semantic":
                step = semantic | {"switch_semantic": unique, "cases": {"one": body(), "two": body()}}
                step["uncertain"] = body()
            case "parallel":
                branches = {key: body(free=False) for key in ("left", "right", "middle")[: self.random.randint(2, 3)]}
                step = {"id": name, "parallel": branches, "wait_for": self.random.choice(["all", "any", 2])}
            case "for_each":
                variable = f"v{name}"
                step = {"id": name, "for_each": f"{variable} in [1, 2, 3, 4]"}
                step["max_concurrency"] = self.random.randint(1, 3)
                step |= {"where": f"{variable} != {self.random.randint(1, 4)}"} if self.chance(2) else {}
                step |= {"collect": {"it": "${" + variable + "}"}} if self.chance(2) else {}
                step["do"] = body(free=False, loops=[*loops, variable])
            case "while":
                step = {"id": name, "while": test if self.chance(2) else "true", "max_iterations": 3, "do": body()}
            case "while_semantic":
                step = {**semantic, "while_semantic": unique, "max_iterations": 3, "do": body()}
            case "flow" if self.flows:
                given = {"text": about, "tag": unique}
                step = {"id": name, "flow": self.random.choice(self.flows), "with": given}
            case "return":
                return {"return": {"early": about}}
            case _:
                return {
                    "try": body(),
                    "catch": self.block(depth - 1, [*names] if not free else names, loops, free, True),
                }
        names.append(name)
        return step


def program(random: Random, depth: int = 2) -> LinkedFlow:
    """A random flow with two flows below it, linked."""
    inner = _linked("inner", Writer(random).flow("inner", 1), {})
    middle = _linked("middle", Writer(random, ("./flows/inner",)).flow("middle", 1), {"./flows/inner": inner})
    flows = {"./flows/inner": inner, "./flows/middle": middle}
    return _linked("outer", Writer(random, tuple(flows)).flow("outer", depth), flows)


def _linked(name: str, text: str, flows: Mapping[str, LinkedFlow]) -> LinkedFlow:
    return LinkedFlow(
        tree=Flow.parse(text).tree, specifier=f"acme/flows/{name}", package=None, contexts=CONTEXTS,
        tools=TOOLS, flows=flows, constitutions=(),
    )  # fmt: skip


class RandomWorld:
    """Answers by a hash of what is asked: the same for the same, whoever asks and whenever."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, kind: str, path: str, attempt: int, request: Mapping[str, Any]) -> Reply:
        material = f"{self.seed}\0{kind}\0{path}\0{attempt}\0{essence(kind, request)}".encode()
        dice = Random(hashlib.blake2b(material).digest())
        after = dice.randrange(1, 1 << 30) / (1 << 20)
        if kind in ("model", "tool", "judge") and dice.random() < 0.15:
            return Reply(after, failure="it broke")
        if kind != "sleep" and dice.random() < 0.15 and (kind != "model" or request["purpose"] != "judge"):
            return Reply(after, {"answer": [], "tool_calls": []} if kind == "model" else {"label": 7})
        return Reply(after, self.right(kind, request, dice))

    def right(self, kind: str, request: Mapping[str, Any], dice: Random) -> Any:
        """A result that fits."""
        word = dice.choice(["good", "good", "good", "bad", "bad", "bad", "rare"])
        usage = {"input_tokens": dice.randrange(10), "output_tokens": dice.randrange(10)}
        match kind:
            case "tool":
                return {"n": 1.0} if request["name"] == "typed" else dice.choice([word, 1, None])
            case "judge":
                label = dice.choice([*request["labels"], None])
                sure = {"confidence": dice.random(), "calibrated": True} if dice.random() < 0.5 else {}
                return {"label": label, "decided_by": "test", **sure}
            case "wait" if request["purpose"] == "approval":
                return {"approved": dice.random() < 0.8}
            case "wait":
                return {"n": 2.0} if request["returns"] else {"approved": True}
            case "model" if request["purpose"] == "judge":
                answer = dice.choice(request["returns"]["properties"]["answer"]["enum"])
                return {"answer": {"answer": answer, "evidence": word}, "usage": usage}
            case "model" if request["tools"] and len(request["turns"]) < 2 and dice.random() < 0.6:
                names = [dice.choice(request["tools"])["name"] for _ in range(dice.randint(1, 2))]
                calls = [{"tool": name, "arguments": {"x": index}} for index, name in enumerate(names)]
                return {"tool_calls": calls, "usage": usage}
            case "model":
                return {"answer": {"n": 3.0} if request["returns"] else word, "usage": usage}
            case _:
                return None


class Driven:
    """What a machine did in a world: every effect that left and every one that was dropped.

    Now and then somebody is confused: an old token comes back, with the same result or another, or one that never
    was. The machine says so, and nothing else happens.
    """

    def __init__(self, machine: Machine, world: RandomWorld, given: Mapping[str, Any], cancel_at: float) -> None:
        self.left: list[Effect] = []
        self.dropped: list[str] = []
        self.confused: Counter[str] = Counter()
        self._machine = machine
        self._dice = Random(world.seed)
        self._answered: list[tuple[str, Any, Step]] = []
        due: list[tuple[float, int, Effect, Reply]] = []
        now = 0.0
        step = machine.start(given, at=0.0)
        while True:
            self.dropped += step.cancelled
            for effect in step.effects:
                self.left.append(effect)
                reply = world(effect.kind, effect.path, effect.attempt, effect.request)
                end = now + reply.after
                if effect.deadline is not None and end > effect.deadline:
                    end, reply = effect.deadline, Reply(0, failure="timeout")
                heapq.heappush(due, (end, len(self.left), effect, reply))
            if machine.outcome is not None:
                return
            now, _, effect, reply = heapq.heappop(due)
            if now >= cancel_at:
                step = machine.cancel("enough", at=cancel_at)
            elif effect.token in self.dropped:
                step = machine.submit(effect.token, reply.value, at=now)
                assert step.reply == "late"
            elif reply.failure == "timeout":
                step = machine.fail(effect.token, Failure(kind="timeout", message="late"), at=now)
            elif reply.failure is not None:
                step = machine.fail(effect.token, reply.failure, at=now)
            else:
                step = machine.submit(effect.token, reply.value, at=now)
                self._answered.append((effect.token, reply.value, step))
            self._confuse(now)

    def _confuse(self, now: float) -> None:
        if not self._answered or self._dice.random() < 0.8:
            return
        before = self._machine.effects, self._machine.outcome, self._machine.now
        token, value, then = self._dice.choice(self._answered)
        what = self._dice.choice(("duplicate", "conflict", "unknown"))
        self.confused[what] += 1
        try:
            other = value if what == "duplicate" else {"not": value}
            step = self._machine.submit(token if what != "unknown" else f"{token[::-1]}?", other, at=now + 1)
        except UnknownToken:
            assert what == "unknown"
        else:
            assert (step.reply, step.records) == (what, ())
            assert step.effects == (then.effects if what == "duplicate" else ())
        assert (self._machine.effects, self._machine.outcome, self._machine.now) == before


NEVER = math.inf
