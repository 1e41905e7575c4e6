"""Whatever is done to the text of a flow, there are findings and never a failure."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.check import check
from lev_os.check.files import File
from lev_os.check.project import FlowSubject
from lev_os.check.registry import rules
from lev_os.check.rules._flow_examples import flow
from lev_os.core import Flow
from lev_os.core.errors import InvalidInput
from lev_os.core.flowmind.parse import examine

WHOLE = """\
flowmind: 1
name: all
input: {text: string, list: [string], plan: {enum: [a, b]}}
output: {reply: string}
context: [./contexts/x]
limits: {asks: 3, tokens: 100, time: 1m}
steps:
  - id: kind
    switch_semantic: what it is
    about: "${input.text}"
    confidence: 0.5
    cases:
      one: {examples: ["a", "b"], then: [{set: {n: 1}}]}
      two: []
    uncertain: []
  - id: angry
    if_semantic: "it is rude: ${input.text}"
    examples: {yes: ["x"], no: ["y"]}
    then:
      - return: {reply: "${angry.evidence}"}
    uncertain: []
  - switch: input.plan
    cases: {a: [{set: {m: "${size(input.list)}"}}], b: []}
    default: []
  - id: each
    for_each: item in input.list
    where: "item != ''"
    max_concurrency: 2
    collect: "${got.text}"
    do:
      - id: got
        ask: "Do ${item}"
        returns: {text: string}
        tools: [./tools/y]
        retry: {attempts: 2, backoff: 1s}
        timeout: 3s
  - id: both
    parallel: {left: [{id: l, call: ./tools/x, with: {a: [1, "${each}"]}}], right: []}
    wait_for: any
  - while: "both.left != null && n < 3"
    max_iterations: 3
    do:
      - set: {n: "${n + 1}"}
  - try:
      - id: sub
        flow: ./flows/z
        with: {ticket: "${kind}"}
    catch:
      - ask: "${error.message}"
  - id: answer
    wait: approval
    about: "${sub}"
    returns: {approved: boolean}
    timeout: 2d
    on_timeout: [{return: {reply: late}}]
  - return: {reply: "${answer.approved ? kind : 'no'}"}
"""
LINES = WHOLE.splitlines(keepends=True)
ODD = st.sampled_from(
    [
        "null",
        "[]",
        "{}",
        "1",
        "true",
        "- x",
        "''",
        '"${',
        '"${x}"',
        "|",
        "&a 1",
        "*a",
        "!!int x",
        "\t",
        "\x00",
        "é",
        "0x1F",
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """The flow above with some lines dropped, doubled, moved, indented, or with another value."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["drop", "double", "move", "indent", "value", "cut", "insert"])):
            case "drop":
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "move":
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
            case "indent":
                lines[at] = "  " + lines[at]
            case "value":
                lines[at] = lines[at].partition(":")[0] + ": " + draw(ODD) + "\n"
            case "cut":
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))] + "\n"
            case _:
                place = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:place] + draw(ODD) + lines[at][place:]
    return "".join(lines)


def look(text: str) -> None:
    """Run every rule on flows; each finding lies in the text."""
    tree, problems = examine(text)
    if tree is None:
        return
    subject = FlowSubject(File(Path("x.yaml"), "x.yaml", "flow", text), Flow(tree), problems=problems)
    assert subject.linked.tree is tree
    for rule in rules().values():
        for finding in rule.check(subject) if rule.on == "flow" and rule.check is not None else ():
            start, end = finding.span
            assert 0 <= start <= end <= len(text)


def test_the_whole_flow_can_be_read() -> None:
    """What the damage is done to has no problem of its own."""
    assert examine(WHOLE)[1] == ()


@settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_a_damaged_flow_never_fails_a_rule(text: str) -> None:
    """Rules see what could be read of it, and say what they can."""
    look(text)


@pytest.mark.parametrize(
    "text",
    [
        "flowmind: 1\nname: x\nsteps: " + "[{try: " * 40 + "[]" + ", catch: []}]" * 40 + "\n",
        'flowmind: 1\nname: x\nsteps:\n  - set: {a: "${' + "(" * 59 + "1" + ")" * 59 + '}"}\n',
        'flowmind: 1\nname: x\nsteps:\n  - set: {a: "${' + "!" * 3000 + 'true}"}\n',
        'flowmind: 1\nname: x\nsteps:\n  - set: {a: "${' + " + ".join(["1"] * 1000) + '}"}\n',
        'flowmind: 1\nname: x\nsteps:\n  - set: {a: "${1' + " ? 1 : 1" * 200 + '}"}\n',
        "flowmind: 1\nname: x\ninput_schema: {$ref: '#'}\nsteps:\n  - set: {a: '${input.b.c.d}'}\n",
        "flowmind: 1\nname: x\ninput_schema: {anyOf: [{$ref: '#'}, {}]}\nsteps:\n  - set: {a: '${input.b}'}\n",
    ],
)
def test_depth_and_length_have_bounds(text: str) -> None:
    """Deep nesting, long expressions and schemas that contain themselves."""
    try:
        look(text)
    except InvalidInput as error:
        pytest.fail(str(error))


_UNCERTAIN = """\
input: {n: integer, unused: string}
output: {text: string}
limits: {asks: 1, time: 10m}
steps:
  - {call: ./tools/pay, with: {amount: 20}}
  - {id: one, ask: Hello.}
  - {ask: "Hello ${input.n * 2.0}."}
  - {set: {tries: 1}}
  - {while: "input.n < 3", max_iterations: 5, do: [{set: {x: 1}}]}
"""
_PAY = "@tool(effects={'spends'}, idempotent=True)\ndef pay(amount: int) -> None: ...\n"
ALL = {"CON502", "FLW211", "FLW212", "FLW213", "FLW314", "FLW402", "FLW413", "FLW510"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", ALL),
        ("${input.n * 2.0}", "${input.m}", ALL - {"FLW211", "FLW212", "FLW213", "FLW314"} | {"FLW201"}),
        ("ask: Hello.", "aks: Hello.", {"CON502", "FLW102", "FLW314"}),
        ("${input.n * 2.0}", "${input.n * }", {"CON502", "FLW301", "FLW402"}),
        ("  - {call", "  - {wiat: approval}\n  - {call", {"FLW102", "FLW314"}),
        ("limits:", "context: [./contexts/x]\nlimits:", ALL - {"FLW211", "FLW212", "FLW213"} | {"FLW501"}),
        ("./tools/pay", "./tools/payy", ALL - {"CON502"} | {"FLW501"}),
    ],
)
def test_an_error_hides_only_what_hangs_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, expected: set[str]
) -> None:
    """A name that is not there may be any that nothing reads; a step that cannot be read may be any step."""
    monkeypatch.chdir(tmp_path)
    text = _UNCERTAIN if not old else _UNCERTAIN.replace(old, new, 1)
    for name, content in flow(text, tools=_PAY).files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    found = check(["."], select=["CON", "FLW"]).diagnostics
    assert {one.code for one in found if one.severity != "info"} == expected


def test_what_follows_a_way_that_always_returns_is_checked(tmp_path: Path) -> None:
    """Nothing leads there, and the first look at it was always the last one."""
    ends = "  - switch: input.m\n    cases: {x: [{return: 1}], y: [{return: 2}]}\n"
    head = "flowmind: 1\nname: x\ninput: {n: integer, m: {enum: [x, y]}}\nsteps:\n"
    for before in (ends, '  - if: "true"\n    then: [{return: 1}]\n', "  - return: 1\n"):
        file = tmp_path / "x.yaml"
        file.write_text(f'{head}{before}  - return: "${{input.n * 2.0}} and ${{input.n.z}}"\n')
        assert [one.code for one in check([file], select=["FLW314"]).diagnostics] == ["FLW314", "FLW314"]


def test_a_constitution_that_is_not_there_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the manifest that names it, and not of each flow that it would hold for."""
    monkeypatch.chdir(tmp_path)
    for name, content in flow("steps:\n  - ask: Say hello.\n", tools=_PAY).files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content.replace("[exports]", 'constitution = "./values.yaml"\n[exports]'))
    found = check(["."]).diagnostics
    assert [one.code for one in found if one.severity == "error"] == ["MAN521"]
