"""The gate with 100 principles over actions that a run makes. Argument: number of judgements."""

import json
import sys
import time

from lev_os.core.canonical import digest
from lev_os.core.constitutional import Constitution, Gate
from lev_os.core.constitutional.model import Action
from lev_os.core.tools import ToolCard, ToolDeclaration

CHECKS = (
    "regex: {{pattern: 'secret-{n}-[0-9]{{4}}'}}",
    "forbid_tool: [acme/tools/drop_{n}]",
    "cel: \"tool != 'acme/tools/pay' || args.amount < {n}.0\"",
    "taint: {{from: [untrusted], to: [irreversible], unless: [approval]}}",
)
TESTS = "    tests: {violates: [{args: {x: 1}}, {args: {x: 2}}], complies: [{args: {x: 3}}, {args: {x: 4}}]}"


def text(count: int) -> str:
    lines = ["constitution: 1", "name: hundred", "principles:"]
    for n in range(count):
        check = CHECKS[n % len(CHECKS)].format(n=n)
        lines += [f"  - id: B-{n:03}", f"    statement: Principle {n} holds.", "    checks:", f"      - {check}", TESTS]
    return "\n".join(lines) + "\n"


def actions(count: int) -> list[Action]:
    card = ToolCard(
        specifier="acme/tools/find",
        name="find",
        declaration=ToolDeclaration(effects=frozenset({"reads_private"})),
    )
    made = []
    for n in range(count):
        request = {"tool": card.specifier, "name": "find", "arguments": {"email": f"person{n}@example.org"}}
        made.append(
            Action(
                phase="tool",
                kind="tool",
                key=f"key{n}",
                attempt=1,
                digest=digest({"kind": "tool", "request": request}),
                at=float(n),
                request=request,
                tool=card,
                taint={"args.email": frozenset({"untrusted"})},
            )
        )
    return made


count = int(sys.argv[1])
session = Gate(Constitution.parse(text(100), path="hundred.yaml")).session()
made = actions(count)
for action in made[:100]:
    assert session.judge(action).ruling == "allow", session.judge(action)
taken = []
for action in made:
    begun = time.thread_time_ns()
    verdict = session.judge(action)
    taken.append(time.thread_time_ns() - begun)
    session.left(action)
taken.sort()
print(json.dumps({"p50": taken[count // 2] / 1e6, "p99": taken[count * 99 // 100] / 1e6}))
