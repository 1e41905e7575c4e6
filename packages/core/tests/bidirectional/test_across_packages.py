"""A call across packages obeys both constitutions, whether it is a flow or a tool that is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from lev_os.core import Package, load_package
from lev_os.core.bidirectional import Machine, Step
from lev_os.core.constitutional import Constitution, Gate
from lev_os.core.flowmind import Flow
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.tools import ToolCard, ToolDeclaration

MANIFEST = """
format = 1
name = "{name}"
{constitution}
[exports]
"./tools/*" = {{ python = "{name}.tools:*" }}
"./flows/*" = {{ llm = "./flows/*.yaml" }}
"""
TOOLS = '''
from lev_os.core import tool

@tool(effects={"writes_local"})
def note(text: str) -> str:
    """Keep a text."""
    return text

@tool(effects={"spends"})
def pay(amount: int) -> str:
    """Pay."""
    return "paid"
'''
STRICT = r"""
constitution: 1
name: strict
principles:
  - id: B-001
    statement: No names in notes.
    scope: {phase: [tool]}
    checks: [{regex: {pattern: Alice, fields: [args]}}]
    tests:
      violates: [{args: {text: Alice}}, {args: {text: "to Alice"}}]
      complies: [{args: {text: Bob}}, {args: {}}]
  - id: B-002
    statement: Notes come back without names.
    scope: {phase: [post]}
    checks: [{regex: {pattern: Bob, fields: [result]}}]
    tests:
      violates: [{result: Bob}, {result: "from Bob"}]
      complies: [{result: Alice}, {result: ""}]
"""


@pytest.fixture
def strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Package:
    """A package with tools and a constitution of its own."""
    monkeypatch.syspath_prepend(tmp_path)
    name = "strict_" + str(abs(hash(request.node.name)))
    root = tmp_path / name
    root.mkdir()
    (root / "__init__.py").touch()
    (root / "lev.toml").write_text(MANIFEST.format(name=name, constitution='constitution = "./constitution.yaml"'))
    (root / "constitution.yaml").write_text(STRICT)
    (root / "tools.py").write_text(TOOLS)
    return load_package(name)


def link(package: Package, steps: str) -> LinkedFlow:
    """A flow of no package that uses tools of `package`; its own constitution allows everything."""
    text = f"flowmind: 1\nname: outer\ninput: {{}}\nsteps:\n{steps.replace('THERE', package.name)}"
    return Flow.parse(text).link()


def begin(linked: LinkedFlow) -> tuple[Machine, Step]:
    open_gate = Gate(Constitution.parse("constitution: 1\nname: open\nprinciples: []\n"))
    machine = Machine(linked, gate=open_gate, run="r", secret=b"s")
    return machine, machine.start(at=0.0)


def test_a_tool_of_another_package_obeys_that_packages_constitution_too(strict: Package) -> None:
    """The caller allows everything; the callee's own principle still denies, before the effect leaves."""
    machine, step = begin(link(strict, "  - {call: THERE/tools/note, with: {text: Alice}}\n"))
    assert step.effects == ()
    assert machine.outcome is not None
    assert machine.outcome.status == "denied"
    assert "B-001" in (machine.outcome.error.message if machine.outcome.error else "")


def test_the_result_of_another_packages_tool_obeys_it_too(strict: Package) -> None:
    """What comes back meets both constitutions before it is bound."""
    machine, step = begin(link(strict, "  - {id: n, call: THERE/tools/note, with: {text: hello}}\n"))
    machine.submit(step.effects[0].token, "Bob was here", at=1.0)
    assert machine.outcome is not None
    assert machine.outcome.status == "denied"


def test_a_model_that_calls_another_packages_tool_meets_its_constitution(strict: Package) -> None:
    """A tool called inside an ask is a call across packages as well."""
    machine, step = begin(link(strict, "  - {ask: Note it., tools: [THERE/tools/note]}\n"))
    call = {"tool_calls": [{"tool": "note", "arguments": {"text": "Alice"}}]}
    machine.submit(step.effects[0].token, call, at=1.0)
    assert machine.outcome is not None
    assert machine.outcome.status == "denied"


def test_the_constitution_of_a_tools_package_is_pinned(strict: Package) -> None:
    """A run that goes on from its journal obeys it as it was when the run began."""
    linked = link(strict, "  - {call: THERE/tools/note, with: {text: Alice}}\n")
    machine, _ = begin(LinkedFlow.from_pinned(linked.pinned))
    assert machine.outcome is not None
    assert machine.outcome.status == "denied"
    assert LinkedFlow.from_pinned(linked.pinned).digest == linked.digest


def test_every_gate_hears_what_a_person_has_approved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who has approved the very amount is not asked again by the package whose tool pays it."""
    monkeypatch.syspath_prepend(tmp_path)
    root = tmp_path / "bank_of_tests"
    root.mkdir()
    (root / "__init__.py").touch()
    (root / "lev.toml").write_text(MANIFEST.format(name="bank_of_tests", constitution=""))
    (root / "tools.py").write_text(TOOLS)
    steps = (
        '  - set: {owed: {amount: 20}}\n  - {id: w, wait: approval, about: "${owed}"}\n'
        "  - {call: THERE/tools/pay, with: {amount: 20}}\n"
    )
    machine, step = begin(link(load_package("bank_of_tests"), steps))
    step = machine.submit(step.effects[0].token, {"approved": True}, at=1.0)
    assert [effect.kind for effect in step.effects] == ["tool"]


def test_a_tool_that_the_caller_gives_is_the_callers_own() -> None:
    """A function given for a reference is not the other package's, so its constitution is not asked."""
    card = ToolCard(specifier="x/tools/note", name="note", declaration=ToolDeclaration(effects=frozenset()))
    text = "flowmind: 1\nname: outer\ninput: {}\nsteps:\n  - {call: x/tools/note, with: {}}\n"
    assert Flow.parse(text).link(tools={"x/tools/note": card}).guards == {}
