"""What a check makes of a flow or a constitution grows with its length and not faster, whatever its values are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hostile_texts import Shape, numbered, repeated
from lev_os.check import check
from lev_os.check.rules.constitution import tests as constitution_tests
from lev_os.check.rules.constitution.examples import SOUND

MANIFEST = (
    'format = 1\nname = "acme"\nconstitution = "./constitution.yaml"\n'
    '[exports]\n"./flows/*" = { llm = "./flows/*.yaml" }\n'
)
HEAD = "flowmind: 1\nname: one\ninput: {text: string, n: integer}\n"
SWITCH = f"{HEAD}steps:\n  - switch: input.text\n    cases:\n"
UNTRUSTED = "flowmind: 1\nname: one\ninput: {text: {type: string, untrusted: true}}\n"
TAINTED = f"{UNTRUSTED}steps:\n  - switch: input.text\n    cases:\n"
JUDGED = f'{HEAD}steps:\n  - switch_semantic: what\n    about: "${{input.text}}"\n    cases:\n'
PLANTED = (
    f"{SOUND.rstrip()}\n  - id: ACME-900\n    statement: Planted.\n    authority: hard\n"
    "    scope: {artifacts: [run], phase: [tool]}\n"
)
SHOWN = "    tests: {violates: [{}, {}], complies: [{}, {}]}\n"
FLOWS: dict[str, Shape] = {
    "holes": repeated("${input.text} ", f'{HEAD}steps:\n  - ask: "', '"\n'),
    "open holes": repeated("${", f'{HEAD}steps:\n  - ask: "', '"\n'),
    "long expression": repeated(" + input.n", f'{HEAD}steps:\n  - set: {{a: "${{0', '}"}\n'),
    "expressions": numbered('  - set: {a{}: "${input.n + {} > 3 ? 1 : 2}"}\n', f"{HEAD}steps:\n"),
    "unknown names": numbered('  - set: {a{}: "${b{}}"}\n', f"{HEAD}steps:\n"),
    "unknown fields": numbered('  - set: {a{}: "${input.b{}}"}\n', f"{HEAD}steps:\n"),
    "cases": numbered("      c{}: []\n", SWITCH, "    default: []\n"),
    "cases that set": numbered("      c{}: [{set: {a{}: 1}}]\n", SWITCH, "    default: []\n"),
    "judged cases": numbered("      c{}: {examples: [a{}, b{}], then: []}\n", JUDGED, "    uncertain: []\n"),
    "examples": numbered("          - say {}\n", f"{JUDGED}      b:\n        examples:\n", "        then: []\n"),
    "inputs": numbered("  a{}: string\n", "flowmind: 1\nname: one\ninput:\n", "steps:\n  - ask: x\n"),
    "tainted cases that set": numbered("      c{}: [{set: {a{}: 1}}]\n", TAINTED, "    default: []\n"),
    "all of the input": numbered('  - set: {a{}: "${[input, {}]}"}\n', f"{UNTRUSTED}steps:\n"),
    "deep lists": repeated("[", f"{HEAD}steps: ", "\n"),
    "deep returns": repeated("{a: ", f"{HEAD}steps:\n  - id: a\n    ask: x\n    returns: ", "\n"),
}
CONSTITUTIONS: dict[str, Shape] = {
    "checks": numbered('{cel: {holds: "args.n < {}"}}, ', f"{PLANTED}    checks: [", f"{{}}]\n{SHOWN}"),
    "globs": numbered('"*/tools/pay_back_order_{}", ', f"{PLANTED}    checks: [{{forbid_tool: [", f'"x"]}}]\n{SHOWN}'),
    "stars": repeated("*a", f'{PLANTED}    checks: [{{forbid_tool: ["', f'"]}}]\n{SHOWN}'),
    "long condition": repeated(" && args.n < 5", f'{PLANTED}    checks: [{{cel: {{holds: "true', f'"}}}}]\n{SHOWN}'),
    "tests": numbered(
        "{tool: a/x{}}, ", f"{PLANTED}    checks: [{{forbid_tool: [x]}}]\n    tests: {{violates: [",
        "{}], complies: [{}, {}]}\n",
    ),
    "deep tests": repeated("{a: ", f"{PLANTED}    checks: [{{forbid_tool: [x]}}]\n    tests: ", "\n"),
    "unknown keys": numbered("k{}: 1\n", SOUND),
}  # fmt: skip


def calls(folder: Path) -> int:
    """The calls of functions in Python and C that a whole check makes."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        report = check([folder])
    finally:
        sys.setprofile(None)
    assert "CHK901" not in {item.code for item in report.diagnostics}
    return count


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], int]:
    """`counted(flow, constitution)`: the calls to check a package of these two."""

    def count(flow: str, constitution: str) -> int:
        folder = tmp_path / str(len(flow) + len(constitution))
        (folder / "acme/flows").mkdir(parents=True, exist_ok=True)
        (folder / "acme/lev.toml").write_text(MANIFEST)
        (folder / "acme/flows/one.yaml").write_text(flow)
        (folder / "acme/constitution.yaml").write_text(constitution)
        monkeypatch.chdir(folder)
        return calls(folder)

    return count


@pytest.mark.parametrize("name", FLOWS)
def test_flows(name: str, counted: Callable[[str, str], int]) -> None:
    """Four times the flow makes about four times the calls."""
    counted(FLOWS[name](100), SOUND)
    assert counted(FLOWS[name](16_000), SOUND) < 5 * counted(FLOWS[name](4_000), SOUND)


@pytest.mark.parametrize("name", CONSTITUTIONS)
def test_constitutions(name: str, counted: Callable[[str, str], int]) -> None:
    """The same of a constitution."""
    flow = f"{HEAD}steps:\n  - ask: x\n"
    counted(flow, CONSTITUTIONS[name](100))
    assert counted(flow, CONSTITUTIONS[name](16_000)) < 5 * counted(flow, CONSTITUTIONS[name](4_000))


def test_untrusted_fields_and_what_is_made_of_all(counted: Callable[[str, str], int]) -> None:
    """As many fields as expressions that read several of them."""

    def flow(count: int) -> str:
        fields = "".join(f"  a{n}: {{type: string, untrusted: true}}\n" for n in range(count))
        steps = "".join(f'  - set: {{b{n}: "${{input.a{n} + input.a0}}"}}\n' for n in range(count))
        return f"flowmind: 1\nname: one\ninput:\n{fields}steps:\n{steps}"

    counted(flow(10), SOUND)
    assert counted(flow(600), SOUND) < 5 * counted(flow(150), SOUND)


def test_principles(counted: Callable[[str, str], int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Principles are run through all the others as long as there are not too many; then this is said."""
    monkeypatch.setattr(constitution_tests, "_MOST_PAIRS", 200)

    def constitution(count: int) -> str:
        return SOUND + "".join(
            f"  - id: ACME-{n}\n    statement: Keep {n} away.\n    checks: [{{forbid_tool: [a/tools/t{n}]}}]\n"
            f"    tests:\n      violates: [{{tool: a/tools/t{n}}}, {{tool: a/tools/t{n}, args: {{a: 1}}}}]\n"
            f"      complies: [{{tool: b/tools/u{n}}}, {{tool: b/tools/v{n}}}]\n"
            for n in range(100, 100 + count)
        )

    flow = f"{HEAD}steps:\n  - ask: x\n"
    counted(flow, constitution(5))
    assert counted(flow, constitution(120)) < 5 * counted(flow, constitution(30))
    said = [item.message for item in check(["."], select=["CON402"]).diagnostics]
    assert said == [
        "from ACME-102 on, complying actions are not run through the other principles: there are more than 200 pairs"
    ]
