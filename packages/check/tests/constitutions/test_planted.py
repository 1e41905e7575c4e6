"""One violation of each kind of check planted in the support desk, which is clean without it, and each is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lev_os.check import Diagnostic, check

DESK = Path(__file__).parents[4] / "examples/acme_support/src/acme_support"
REFUND = "acme_support/flows/refund.yaml"
TRIAGE = "acme_support/flows/triage.yaml"
ESCALATE = "acme_support/flows/escalate.yaml"
STATES = "acme_support/constitution.yaml"
TOOLS = "acme_support/tools.py"
SCOPE = "scope: {artifacts: [context, flow, run]}"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the support desk in the current folder."""
    shutil.copytree(DESK, tmp_path / "acme_support", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(folder: Path) -> list[Diagnostic]:
    """What is said of the desk's constitution and of everything against it."""
    return [item for item in check([folder], select=["CON"]).diagnostics if item.severity != "info"]


def plant(folder: Path, file: str, old: str, new: str) -> None:
    """Change one passage."""
    path = folder / file
    text = path.read_text()
    assert old in text, old
    path.write_text(text.replace(old, new, 1))


def principle(check_: str, scope: str = SCOPE) -> str:
    """One more principle at the end of the constitution, its tests aside."""
    return (
        f"\n  - id: ACME-009\n    statement: Planted.\n    authority: hard\n    {scope}\n    checks: [{check_}]\n"
        "    tests: {violates: [{}, {}], complies: [{}, {}]}\n"
    )


def test_the_desk_is_clean(desk: Path) -> None:
    """Nothing is said before anything is planted."""
    assert found(desk) == []


IN_FLOWS = {
    "taint: a stranger's message leaves": (
        "CON501", TRIAGE, "  - return:\n      category",
        '  - {call: ./tools/refund, with: {order_id: A-1, amount_cents: 1, reason: "${input.message}"}}\n'
        "  - return:\n      category", "./tools/refund",
    ),
    "taint: a model that has read it holds the tool": (
        "CON501", TRIAGE, "        timeout: 90s", "        tools: [./tools/refund]\n        timeout: 90s",
        "./tools/refund",
    ),
    "forbidden: nobody was asked": (
        "CON502", ESCALATE, "  - return:",
        "  - {call: ./tools/refund, with: {order_id: A-1, amount_cents: 1, reason: sorry}}\n  - return:",
        "./tools/refund",
    ),
    "forbidden: the answer is not looked at": (
        "CON502", REFUND, "decision.approved", "false", "./tools/refund",
    ),
    "forbidden: another value was shown": (
        "CON502", REFUND, '"${payment.amount_cents}"', '"${input.amount_cents + 1}"', "./tools/refund",
    ),
    "forbidden: approved on one way only": (
        "CON502", REFUND,
        "      - return: {status: declined, note: nobody approved it in two days}\n  - if: \"!decision.approved\"",
        "      - set: {late: true}\n  - if: \"decision != null && !decision.approved\"",
        "./tools/refund",
    ),
    "temporal: the approval is about less": (
        "CON503", REFUND, 'about: "${payment}"', 'about: "${payment.order_id}"', "./tools/refund",
    ),
    "cel: the sum is written out and too large": (
        "CON504", REFUND, 'amount_cents: "${payment.amount_cents}"', "amount_cents: 60000", "./tools/refund",
    ),
    "count: a loop pays": (
        "CON505", REFUND, "  - return:\n      status: refunded",
        "  - for_each: again in [1, 2, 3, 4]\n    do:\n      - call: ./tools/refund\n        with:\n"
        '          {order_id: "${payment.order_id}", amount_cents: "${payment.amount_cents}", reason: again}\n'
        "  - return:\n      status: refunded",
        "      - call: ./tools/refund",
    ),
    "text: a key in an instruction": (
        "CON507", TRIAGE, "ask: Write", "ask: AKIAIOSFODNN7EXAMPLE Write", "AKIA",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_FLOWS)
def test_planted_in_a_flow(desk: Path, name: str) -> None:
    """Found with its code, in its file, in the line it stands in; it cannot be suppressed."""
    code, file, old, new, at = IN_FLOWS[name]
    plant(desk, file, old, new)
    line = next(n for n, text in enumerate((desk / file).read_text().split("\n"), 1) if at in text)
    hits = [item for item in found(desk) if (item.code, item.file, item.line) == (code, file, line)]
    assert hits
    assert all(item.hard for item in hits)


def test_a_tool_loses_its_declaration(desk: Path) -> None:
    """Its flows are told that the worst is assumed."""
    plant(desk, TOOLS, '@tool(effects={"writes_local"}, idempotent=True)\n', "")
    assert [(item.code, item.file) for item in found(desk) if item.code == "CON506"] == [("CON506", ESCALATE)]


OF_KIND = {
    "regex": ("CON511", '{regex: "(?i)charge back"}', "Please charge back.\n"),
    "require_phrase": ("CON512", '{require_phrase: "Acme"}', "We write briefly.\n"),
    "forbid_tool": ("CON513", '{forbid_tool: ["*/tools/refund"]}', "Call `./tools/refund`.\n"),
}


@pytest.mark.parametrize("kind", OF_KIND)
def test_planted_in_a_context(desk: Path, kind: str) -> None:
    """A new context breaks a new principle."""
    code, check_, text = OF_KIND[kind]
    (desk / STATES).write_text((desk / STATES).read_text() + principle(check_))
    (desk / "acme_support/contexts/planted.md").write_text("---\ndescription: Planted.\n---\n" + text)
    assert (code, "acme_support/contexts/planted.md", 4) in [(i.code, i.file, i.line) for i in found(desk)]


IN_CALLS = {
    "schema": ('{schema: {args: {properties: {queue: {enum: [desk]}}}, tools: ["*/open_ticket"]}}', "CON504"),
    "budget of calls": ('{budget: {calls: 0, tools: ["*/open_ticket"]}}', "CON505"),
    "budget of a sum": ('{budget: {field: args.number, total: 3, tools: ["*/open_ticket"]}}', "CON504"),
    "another call first": (
        '{temporal: {tools: ["*/open_ticket"], requires_before: {tool: "*/find_orders"}}}',
        "CON503",
    ),
    "forbidden by name": ('{forbid_tool: ["*/open_ticket"]}', "CON502"),
}


@pytest.mark.parametrize("name", IN_CALLS)
def test_a_principle_that_the_desk_breaks(desk: Path, name: str) -> None:
    """A new principle that a flow does not keep is found where the flow breaks it."""
    check_, code = IN_CALLS[name]
    (desk / STATES).write_text((desk / STATES).read_text() + principle(check_))
    ticket = 'queue: "${input.queue}"\n      subject'
    plant(desk, ESCALATE, ticket, "queue: nowhere\n      number: 4\n      subject")
    assert (code, ESCALATE) in [(item.code, item.file) for item in found(desk)]


def test_a_sub_flow_reports_only_what_its_caller_brings(desk: Path) -> None:
    """A flow that pays is told so in its own file; its callers are told only what they add to it."""
    plant(
        desk,
        TOOLS,
        '@tool(effects={"writes_local"}, idempotent=True)',
        '@tool(effects={"writes_external"}, idempotent=True)',
    )
    hits = found(desk)
    assert {(item.code, item.file) for item in hits} == {("CON501", TRIAGE), ("CON501", REFUND)}
    assert all("in `ticket` of that flow" in item.message for item in hits)


def test_a_mistake_in_the_constitution_hides_none_in_what_it_is_about(desk: Path) -> None:
    """An unknown key, and an inherited principle loosened: both are told, and the promise in the context too."""
    states = desk / STATES
    principle = (
        "  - id: DESK-900\n    statement: No promises.\n    note: x\n    scope: {artifacts: [context, run]}\n"
        "    checks: [{regex: guaranteed returns}]\n    tests:\n"
        "      violates: [{request: {about: guaranteed returns}}, {request: {about: returns}}]\n"
        "      complies: [{request: {about: a}}, {request: {about: b}}]\n"
        "  - {id: BASE-001, on_violation: warn}\n"
    )
    states.write_text(states.read_text().rstrip("\n") + "\n" + principle)
    context = desk / "acme_support/contexts/executive.md"
    context.write_text(context.read_text() + "\nWe give guaranteed returns.\n")
    assert {"CON101", "CON204", "CON301", "CON511"} <= {item.code for item in found(desk)}
