"""Whole runs, word for word: what journals hold, what hosts and models are told, and what gates have found.

A file in `golden` is written when it is missing, and the test then fails: read it before it is committed. Journals
of older versions are read back by newer ones, so a change here is a change of the format.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lev_os.core.bidirectional import Failure, Machine
from lev_os.core.constitutional import Constitution, Gate
from lev_os.core.errors import LevError
from lev_os.core.flowmind import Flow
from lev_os.core.flowmind.link import LinkedContext, LinkedFlow
from lev_os.core.packaging.exports import resolve_exports
from lev_os.core.tools import ToolCard
from machines import card

GOLDEN = Path(__file__).parent / "golden"
NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
TOOLS = (
    card("pure", schema=NUMBER),
    card("mail", "ingests_untrusted"),
    card("files", "reads_private"),
    card("send", "writes_external"),
    card("odd", declared=False),
    ToolCard(specifier="acme/tools/typed", name="typed", description="Counts.", output_schema=NUMBER),
)
BROKEN = RuntimeError("it broke")
JUDGED = {"answer": {"answer": "complies", "evidence": "I read it"}, "decided_by": "a-model"}
TESTS = "    tests: {violates: [{}, {}], complies: [{}, {}]}\n"


def principle(id: str, on: str, *checks: str, judge: str = "") -> str:
    """One principle of a constitution's text."""
    body = "    checks:\n" + "".join(f"      - {check}\n" for check in checks) if checks else ""
    rubric = f"    judge: {{rubric: {judge}}}\n" if judge else ""
    return f"  - id: {id}\n    statement: Rule {id}.\n    on_violation: {on}\n{body}{rubric}{TESTS}"


TAINT = principle("T-1", "warn", "taint: {from: [untrusted, private, undeclared], to: [writes_external]}")
SEND = "  - {id: sent, call: ./tools/send, with: {whole: '${input}', mail: '${input.mail}', "
SEND += "name: '${input.name}', deep: '${input.more.mail}', both: '${input.mail} ${input.name}'}}\n"
INPUTS = "input: {mail: {type: string, untrusted: true}, name: string, more: {type: object, properties: {mail: any}}}"
VALUES = {"mail": "m", "name": "n", "more": {"mail": "x"}}
CALLS = [{"tool": "pure", "arguments": {"n": 1}, "id": "first"}, {"tool": "mail", "arguments": {}}]

# name: (head, steps, principles, input, what is answered, the oldest effect first)
RUNS: dict[str, tuple[str, str, str, dict[str, Any], list[Any]]] = {
    "conversation": (
        "input: {who: string}",
        "  - {id: a, ask: 'Greet ${input.who}.', about: '${input.who}', returns: {n: integer}, "
        "tools: [./tools/pure, ./tools/mail], context: [./contexts/c], timeout: 9s, retry: {attempts: 9}}\n"
        "  - return: '${a}'\n",
        "",
        {"who": "Ann"},
        [
            {"answer": {"n": 1}, "tool_calls": []},
            {"tool_calls": []},
            {"tool_calls": ["x", {"tool": 1}, *CALLS]},
            {"tool_calls": [{"tool": "no"}, {"tool": "pure", "arguments": 1}, {"tool": "pure", "arguments": {}}]},
            {"tool_calls": CALLS},
            7,
            BROKEN,
            {"answer": {"n": "x"}},
            {"answer": {"n": 2}, "usage": {"input_tokens": 5, "output_tokens": True, "cost": 0.5}},
        ],
    ),
    "revised": (
        "input: {}",
        "  - {id: a, ask: Do it., tools: [./tools/send]}\n",
        principle("R-1", "revise", "forbid_tool: [acme/tools/send]"),
        {},
        [
            {"tool_calls": [{"tool": "send", "arguments": {}}, {"tool": "send", "arguments": {}}]},
            {"tool_calls": [{"tool": "send"}]},
        ],
    ),
    "answers revised": (
        "input: {}",
        "  - {id: a, ask: Do it.}\n",
        principle("R-1", "revise", "regex: {pattern: bad, fields: [result]}")
        + principle("W-1", "warn", "regex: 'b.d'"),
        {},
        [{"answer": "bad"}, {"answer": "a bad one"}, {"answer": "bad, bad"}],
    ),
    "judged and approved": (
        "input: {}",
        "  - {id: a, ask: Do it.}\n  - {call: ./tools/send, with: {text: '${a}'}}\n  - {call: ./tools/odd, with: {}}\n",
        principle("J-1", "escalate", judge="Is it rude?") + principle("E-1", "escalate", "forbid_tool: ['*/send']"),
        {},
        [
            {"label": "complies", "confidence": 0, "calibrated": True},
            {"answer": "hello"},
            {"label": None},
            JUDGED,
            {"label": "violates", "evidence": "rude"},
            {"approved": 1},
            {"approved": True, "note": 5},
            {"approved": True, "note": "fine"},
            {"label": "complies"},
            3,
            {"label": "violates"},
            {"approved": True},
            BROKEN,
            {"answer": "unsure"},
            {"approved": False, "note": "no more"},
        ],
    ),
    "an approval that fails": (
        "input: {}",
        "  - {id: s, call: ./tools/send, with: {}}\n",
        principle("E-1", "escalate", "forbid_tool: ['*/send']"),
        {},
        [Failure(kind="timeout", message="nobody came")],
    ),
    "refused": (
        "input: {}",
        "  - {id: s, call: ./tools/send, with: {}}\n",
        principle("E-1", "escalate", "forbid_tool: ['*/send']"),
        {},
        [{"approved": False, "note": "not today"}],
    ),
    "results approved": (
        "input: {}",
        "  - {id: s, call: ./tools/pure, with: {}}\n  - return: '${s}'\n",
        principle("E-1", "escalate", "regex: {pattern: secret, fields: [result]}"),
        {},
        ["a secret", {"approved": True}],
    ),
    "judgements": (
        "input: {text: string}",
        "  - {id: a, if_semantic: it is so, about: '${input.text}', confidence: 0.8, "
        "examples: {yes: [y], no: [n]}, then: [], else: [], uncertain: []}\n"
        "  - {id: b, switch_semantic: which, about: '${a}', cases: {one: [], two: []}, uncertain: [{set: {u: 1}}]}\n"
        "  - {id: c, while_semantic: again, max_iterations: 3, do: [{id: w, wait: word}]}\n"
        "  - {id: d, switch_semantic: other, cases: {one: [{set: {o: 1}}], two: []}, uncertain: []}\n"
        "  - return: {a: '${a}', b: '${b}', c: '${c}', d: '${d}', u: '${u}', o: '${o}'}\n",
        "",
        {"text": "t"},
        [
            {"label": "yes", "confidence": 0.5, "calibrated": True, "decided_by": "local", "evidence": "e"},
            {"answer": {"answer": "no", "evidence": "said so"}},
            {"label": "three"},
            {"answer": "?"},
            {"answer": "?"},
            {"answer": "?"},
            {"holds": True},
            1,
            {"holds": False, "evidence": "stop"},
            "one",
        ],
    ),
    "taint": (INPUTS, SEND, TAINT, VALUES, [1]),
    "taint on every way": (
        INPUTS,
        "  - {id: f, call: ./tools/files, with: {}}\n"
        "  - {id: g, flow: ./flows/sub, with: {mail: '${input.mail}', name: '${f}'}}\n"
        "  - {id: a, ask: Do it., context: [./contexts/p]}\n"
        "  - {id: ok, wait: approval, about: '${f}'}\n"
        "  - {if: \"input.mail == 'm'\", then: [{call: ./tools/send, with: {g: '${g}', a: '${a}', f: '${f}'}}]}\n"
        "  - {call: ./tools/odd, with: {x: '${f}'}}\n",
        TAINT,
        VALUES,
        ["secret", 1, {"answer": "x"}, {"approved": True}, 1, 1],
    ),
    "checks": (
        "input: {}",
        "  - {call: ./tools/send, with: {to: ann, amount: 5}}\n  - {call: ./tools/send, with: {to: ann, amount: -1}}\n"
        "  - {call: ./tools/odd, with: {to: bob, amount: many}}\n  - {call: ./tools/typed, with: {}}\n",
        principle("C-1", "warn", "regex: {pattern: 'a(n+)', fields: [args.to]}", "regex: {pattern: zz}")
        + principle("C-2", "warn", "forbid_tool: ['*/send']", "forbid_tool: {effects: [writes_external]}")
        + principle("C-3", "warn", "budget: {calls: 1}")
        + principle("C-4", "warn", "budget: {field: args.amount, total: 4}")
        + principle("C-5", "warn", "temporal: {requires_before: approval, within: 10m, same: [args.to]}")
        + principle("C-6", "warn", "temporal: {requires_before: {tool: '*/mail'}}")
        + principle("C-7", "warn", "temporal: {at_most: 1, per: 10s, same: [args.to]}", "temporal: {at_most: 1}")
        + principle("C-8", "warn", "cel: \"kind != 'tool'\"", "require_phrase: please")
        + principle(
            "C-9", "warn", "schema: {args: {type: object, required: [cc]}}", "schema: {result: {type: integer}}"
        ),
        {},
        [1, 2, 3, {"n": "x"}],
    ),
    "tries": (
        "input: {}",
        "  - try: [{id: x, call: ./tools/typed, with: {n: 1}, retry: {attempts: 3, backoff: 2s}, timeout: 4s}]\n"
        "    catch: [{id: y, wait: word, about: '${error}', timeout: 5s, on_timeout: [{set: {late: true}}]}]\n"
        "  - {id: z, call: ./tools/typed, with: {}}\n",
        "",
        {},
        [BROKEN, None, {"n": "x"}, BROKEN, Failure(kind="timeout", message="late"), {}],
    ),
    "limits of time": (
        "input: {}\nlimits: {time: 4s}",
        "  - {call: ./tools/pure, with: {}, timeout: 9s}\n" * 5,
        "",
        {},
        [1, 2, 3, 4],
    ),
    "limits of asks": (
        "input: {}\nlimits: {asks: 1}",
        "  - {id: last, ask: A.}\n  - {id: l, ask: B.}\n",
        "",
        {},
        [{"answer": ""}],
    ),
    "limits of calls": ("input: {}\nlimits: {tool_calls: 1}", "  - {call: ./tools/pure, with: {}}\n" * 2, "", {}, [1]),
    "limits of values": ("input: {}", "  - {id: last, call: ./tools/pure, with: {}}\n", "", {}, ["x" * (1 << 20)]),
    "sums that fail": ("input: {}", "  - {id: s, set: {a: '${1 / 0}'}}\n", "", {}, []),
    "tests that are none": ("input: {}", "  - {id: s, if: '1', then: []}\n", "", {}, []),
    "outputs that do not fit": (
        "input: {}\noutput: {n: integer}",
        "  - {id: s, wait: w}\n  - return: {n: '${s}'}\n",
        "",
        {},
        ["x"],
    ),
}


def linked(head: str, steps: str) -> LinkedFlow:
    """A flow that has every tool, two contexts and a flow below it."""
    tools = {f"./tools/{c.name}": c for c in TOOLS}
    contexts = {
        "./contexts/c": LinkedContext("acme/contexts/c", "Be brief.", "sha256:0"),
        "./contexts/p": LinkedContext("acme/contexts/p", "Mind ${input}.", "sha256:1", ("input",)),
    }
    text = "flowmind: 1\nname: sub\ninput: {mail: any, name: any}\nsteps:\n"
    text += (
        "  - {call: ./tools/send, with: {mail: '${input.mail}', name: '${input.name}'}}\n  - return: '${input.name}'\n"
    )

    def link(name: str, text: str, flows: dict[str, LinkedFlow]) -> LinkedFlow:
        return LinkedFlow(
            tree=Flow.parse(text).tree, specifier=f"acme/flows/{name}", package=None, contexts=contexts,
            tools=tools, flows=flows, constitutions=(),
        )  # fmt: skip

    sub = link("sub", text, {})
    return link("main", f"flowmind: 1\nname: main\n{head}\nsteps:\n{steps}", {"./flows/sub": sub})


def told(step: Any) -> dict[str, Any]:
    """A step of the machine as JSON, without what a run was pinned to."""
    told: dict[str, Any] = msgspec.to_builtins(step, order="deterministic")
    for record in told["records"]:
        if record["type"] == "run_started":
            record["body"] = {**record["body"], "pinned": sorted(record["body"]["pinned"])}
    return told


def agrees(name: str, found: Any) -> None:
    """Compares with the file of that name."""
    file = GOLDEN / f"{name.replace(' ', '-')}.json"
    text = json.dumps(found, indent=1, ensure_ascii=False).replace("x" * 1000, "x") + "\n"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        pytest.fail(f"{file.name} was not there and has been written: read it")
    assert json.loads(text) == json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", RUNS)
def test_a_run_word_for_word(name: str) -> None:
    """Every record, effect, reply and outcome of the run is as it was."""
    head, steps, principles, given, answers = RUNS[name]
    rules = f"\n{principles}" if principles else " []\n"
    gate = Gate(Constitution.parse(f"constitution: 1\nname: golden\nprinciples:{rules}"))
    machine = Machine(linked(head, steps), gate=gate, run="run", secret=b"secret")
    found = [told(machine.start(given, at=10.0))]
    for number, answer in enumerate(answers):
        if machine.outcome is not None:
            break
        token = machine.effects[0].token
        give = machine.fail if isinstance(answer, (Exception, Failure)) else machine.submit
        found.append(told(give(token, answer, at=11.0 + number)))
    found.append({"effects": [effect.path for effect in machine.effects], "usage": msgspec.to_builtins(machine.usage)})
    agrees(name, found)


def test_replies_word_for_word() -> None:
    """Repeated, contradicting, late and unknown answers, a cancellation, and what comes after the end."""
    steps = "  - {id: p, parallel: {a: [{wait: a, id: x}], b: [{call: ./tools/pure, with: {}}]}, wait_for: any}\n"
    machine = Machine(linked("input: {}", steps + "  - {wait: b, id: y}\n"), run="run", secret=b"s" * 100)
    found = [told(machine.start())]
    wait, call = machine.effects
    found += [
        told(machine.submit(call.token, 1)),
        told(machine.submit(call.token, 1)),
        told(machine.submit(call.token, 2)),
    ]
    found += [told(machine.fail(wait.token, "gone")), told(machine.fail(wait.token, "gone"))]
    found += [told(machine.cancel("enough")), told(machine.cancel("again")), told(machine.submit(call.token, 2))]
    for wrong in (lambda: machine.submit("x", 1), machine.start, lambda: machine.submit(call.token, object())):
        with pytest.raises(LevError) as refused:
            wrong()
        found.append({"refused": str(refused.value)})
    agrees("replies", found)


@pytest.mark.parametrize("given", [["x"], {"a": 1}, {"a": "x", "c": 1}, {"a": float("nan")}])
def test_inputs_that_do_not_fit_word_for_word(given: Any) -> None:
    """The reasons name the place, and the help says what the flow takes."""
    machine = Machine(linked("input: {a: string, b: {type: integer, default: 1}}", "  - {id: s, wait: w}\n"))
    with pytest.raises(LevError) as refused:
        machine.start(given)
    agrees(f"input {json.dumps(given)[:12]}".translate({ord(c): "_" for c in '{}[]": ,'}), str(refused.value))


EXPORTS: list[tuple[Any, str]] = [
    (None, "."),
    (5, "."),
    ({"./a": "./x"}, "./b"),
    ({".": {"other": "./x"}}, "."),
    ({1: "./x"}, "."),
    ({"./a": "./x", "b": "./y"}, "."),
    ({"./*": "./a/*"}, "./../b"),
    ({".": {2: "./x"}}, "."),
    ({".": {"7": "./x"}}, "."),
    ({".": "x"}, "."),
    ({".": "../x"}, "."),
    ({".": ["../x", "y"]}, "."),
    ({".": 1.5}, "."),
    ({".": True}, "."),
    ({".": 1e21}, "."),
    ({".": 1e-7}, "."),
    ({".": 123456789012345680000}, "."),
    ({".": []}, "."),
    ({".": [None]}, "."),
    ({"./*": "./a/*"}, "./x%2fy"),
    ({"./a*c": "./1*", "./a*": "./2*", "./ab*": "./3*"}, "./abc"),
    ({".": {}}, "."),
    ({"./a": "./%2e%2e/x"}, "./a"),
    ({"./a/": "./b/"}, "./a/c"),
    ("./x", "."),
    (["./x"], "."),
    ({"default": "./y"}, "."),
]


def test_exports_word_for_word() -> None:
    """What resolves, and how each refusal is put."""
    found = []
    for exports, subpath in EXPORTS:
        try:
            found.append(resolve_exports(exports, subpath, {"llm"}))
        except LevError as refused:
            found.append(f"{type(refused).__name__}: {refused}")
    agrees("exports", found)
