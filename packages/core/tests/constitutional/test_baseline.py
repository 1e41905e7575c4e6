"""The constitution that ships with core, the tests principles carry, and the audit trail."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from lev_os.core.bidirectional.effects import Record
from lev_os.core.constitutional import BASELINE, Check, Constitution, Gate, Principle, audit, run_tests
from lev_os.core.constitutional.fixtures import action_of
from lev_os.core.constitutional.parse import examine

BASE = Constitution.baseline()


def test_it_is_a_constitution_like_any_other() -> None:
    """It parses without a warning to the very value that is loaded, and passes its own tests."""
    made, problems = examine(BASE.text, specifier=BASELINE)
    assert problems == []
    assert made == BASE
    assert run_tests(BASE) == []


@pytest.mark.parametrize("principle", BASE.principles, ids=lambda principle: principle.id)
def test_every_principle_says_why_and_shows_it(principle: Principle) -> None:
    """Numbered, reasoned, with tests."""
    assert re.fullmatch(r"BASE-00\d", principle.id)
    assert principle.rationale
    assert len(principle.violates) >= 2 <= len(principle.complies)


@pytest.mark.parametrize("principle", BASE.principles, ids=lambda principle: principle.id)
def test_each_test_fails_without_its_checks(principle: Principle) -> None:
    """The fixtures exercise the principle: with no check left, every violation goes unseen."""
    from dataclasses import replace

    problems = run_tests(Constitution.of((replace(principle, checks=()),), name="bare"))
    assert [problem.code for problem in problems] == ["CON301"] * len(principle.violates)


def test_a_complying_example_that_does_not_comply_is_reported() -> None:
    """At the principle's place, with the reason."""
    check = Check(kind="regex", argument="hush")
    bad = Principle(id="A-1", statement="No.", checks=(check,), complies=({"request": {"about": "hush"}},))
    (problem,) = run_tests(Constitution.of((bad,), name="x"))
    assert problem.code == "CON302"
    assert "A-1 tests.complies[0]" in problem.message


def test_an_undeclared_tool_is_asked_about_with_the_declaration_to_write() -> None:
    """The message can be pasted."""
    verdict = Gate().judge(action_of({"tool": {"specifier": "acme/tools/find-order"}}))
    assert verdict.ruling == "ask"
    (help,) = [finding.help for finding in verdict.findings if finding.help]
    assert '@tool(effects={"reads_private"})' in help
    assert "def find_order(" in help


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "AKIA" + "A" * 16,
        "ghp_" + "a" * 36,
        "sk-ant-" + "a" * 40,
        "sk-proj-" + "A1_-" * 12,
        "xoxb-" + "1" * 12,
        "AIza" + "b" * 35,
        "sk_live_" + "c" * 24,
    ],
)
def test_secrets_do_not_leave(secret: str) -> None:
    """Neither in a prompt nor in arguments, and the finding does not repeat them."""
    for action in (
        {"request": {"about": f"x {secret} y"}},
        {"tool": {"name": "t", "effects": []}, "args": {"a": secret}},
    ):
        verdict = Gate().judge(action_of(action))
        assert verdict.ruling == "deny"
        assert secret not in msgspec.json.encode(verdict).decode()


@pytest.mark.parametrize(
    "text",
    [
        "sha256:" + "0b5c" * 16,
        "the task-list and risk-management of sk-learn",
        "AKIAlooking words",
        "order 12345678901234567890",
        "https://example.com/skating-" + "a" * 60,
        "data:image/png;base64," + "iVBORw0KGgo" * 30,
    ],
)
def test_ordinary_text_leaves(text: str) -> None:
    """Digests, words, links and pictures are no secrets."""
    assert Gate().judge(action_of({"request": {"about": text}})).ruling == "allow"


def test_the_audit_trail_is_typed() -> None:
    """Verdicts and approvals of a journal come back as values; other records are none of its business."""
    verdict = Gate().judge(action_of({"tool": {"name": "pay", "effects": ["spends"]}}))
    body: dict[str, Any] = {
        "phase": "tool",
        "digest": "d",
        "ruling": "ask",
        "findings": msgspec.to_builtins(verdict.findings),
    }
    records = [
        Record(type="run_started", at=0.0, body={}),
        Record(type="verdict", at=1.0, key="k", attempt=1, body=body),
        Record(type="approval", at=2.0, key="k", attempt=1, body={"digest": "d", "approved": True, "note": "fine"}),
    ]
    entries = list(audit.read(records))
    assert entries == [
        audit.AuditEntry(at=1.0, key="k", attempt=1, phase="tool", digest="d", ruling="ask", findings=verdict.findings),
        audit.Approval(at=2.0, key="k", attempt=1, digest="d", approved=True, note="fine"),
    ]
    with pytest.raises(msgspec.ValidationError):
        list(audit.read([Record(type="verdict", at=1.0, key="k", attempt=1, body={"ruling": "perhaps"})]))
