"""The desk's flows under Python, with a scripted model and the real database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from acme_support.deps import Desk
from lev_os.core import Flow, load_package
from lev_os.core.bidirectional import Run, run_sync
from lev_os.core.bidirectional.events import RunResult

PACKAGE = load_package("acme_support")
CATEGORIES = ["refund", "card", "transfer", "rates", "account", "security"]


def flow(name: str) -> Flow:
    text, path = PACKAGE.read(f"./flows/{name}")
    return Flow.parse(text, package=PACKAGE, path=str(path), specifier=f"acme_support/flows/{name}")


class Judge:
    """Decides as it is told; None abstains, and the model is asked."""

    def __init__(self, label: str | None) -> None:
        self.label = label

    async def judge(self, request: Any) -> dict[str, Any]:
        return {"label": self.label, "confidence": None, "calibrated": False, "evidence": None, "decided_by": "test"}


def triage(desk: Desk, label: str | None, model: Any = None, **given: Any) -> RunResult:
    message = {"message": "I was charged twice!", **given}
    return run_sync(flow("triage"), message, deps=desk, judge=Judge(label), model=model)


def says(*answers: Any) -> Any:
    """A model that gives these answers in turn and keeps what it was asked."""
    left = list(answers)

    def model(request: Any) -> dict[str, Any]:
        model.seen.append(request)  # type: ignore[attr-defined]
        return {"answer": left.pop(0)}

    model.seen = []  # type: ignore[attr-defined]
    return model


def test_a_message_is_sorted_and_a_model_drafts_the_reply(desk: Desk) -> None:
    """The draft is made with the desk's contexts and comes back as it is."""
    model = says("We see two payments and compare them. Acme support")
    result = triage(desk, "refund", model)
    assert result.status == "done", result.error
    assert result.output == {
        "category": "refund",
        "decided": "desk",
        "urgent": False,
        "ticket": "",
        "reply": "We see two payments and compare them. Acme support",
    }
    (asked,) = model.seen
    assert asked["about"] == "I was charged twice!"
    assert {part["specifier"] for part in asked["context"]} == {
        "acme_support/contexts/executive",
        "acme_support/contexts/tone",
        "acme_support/contexts/refund-policy",
    }
    assert asked["returns"] is None


@pytest.mark.parametrize("category", CATEGORIES)
def test_templates_answer_every_category_without_a_model(desk: Desk, category: str) -> None:
    """With `reply_with: template` no model is asked at all; a known customer is greeted by name."""
    result = triage(desk, category, reply_with="template", email="ada@example.com")
    assert result.status == "done", result.error
    assert result.output["category"] == category
    assert result.output["reply"].startswith("Hello Ada, thank you for writing")
    assert result.usage.asks == 0


def test_security_opens_an_urgent_ticket(desk: Desk) -> None:
    """The sub-flow `escalate` puts the message into the specialists' queue."""
    result = triage(desk, "security", reply_with="template")
    assert (result.output["urgent"], result.output["ticket"]) == (True, "T-00001")
    with desk.open() as database:
        row = database.execute("select queue, subject, urgent from tickets").fetchone()
    assert tuple(row) == ("security", "I was charged twice!", 1)


@pytest.mark.parametrize("model", [says({"answer": "unsure"}), None], ids=["model unsure", "no model"])
def test_when_nobody_can_tell_a_person_chooses(
    desk: Desk, tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run waits; a person's answer goes on from there."""
    monkeypatch.delenv("LEV_MODEL", raising=False)
    place = tmp_path / "run.jsonl"

    def refuses(request: Any) -> dict[str, Any]:
        raise RuntimeError("no model here")

    given = {"message": "hm", "reply_with": "template"}
    waiting = run_sync(flow("triage"), given, deps=desk, judge=Judge(None), model=model or refuses, journal=place)
    assert waiting.status == "waiting"
    (wait,) = waiting.waits
    assert wait.request["name"] == "category"

    async def person() -> Any:
        with Run.resume(place, deps=desk, package=PACKAGE) as run:
            (wait,) = run.waits
            run.submit(wait.token, {"category": "rates"})
            return await run.advance()

    outcome = asyncio.run(person())
    assert outcome.status == "done"
    assert (outcome.output["category"], outcome.output["decided"]) == ("rates", "person")


def test_a_reply_that_promises_a_date_is_written_again(desk: Desk) -> None:
    """ACME-004 hands the reason back; the second draft passes."""
    model = says("It arrives within 3 business days.", "It is on its way. Acme support")
    result = triage(desk, "card", model)
    assert result.output["reply"] == "It is on its way. Acme support"
    assert "promises no date" in str(model.seen[1]["problems"])


def test_a_reply_that_keeps_repeating_a_card_number_is_never_given(desk: Desk) -> None:
    """ACME-005: asked again twice, then denied."""
    bad = "We blocked 4000 1234 5678 9010 for you."
    result = triage(desk, "card", says(bad, bad, bad, bad))
    assert result.status == "denied"
    assert result.output is None


def refund(desk: Desk, place: Path, **given: Any) -> RunResult:
    asked = {"email": "ada@example.com", "order_id": "A-7001", "amount_cents": 1999, "reason": "charged twice", **given}
    return run_sync(flow("refund"), asked, deps=desk, journal=place)


def decide(desk: Desk, place: Path, approved: bool) -> Any:
    async def person() -> Any:
        with Run.resume(place, deps=desk, package=PACKAGE) as run:
            (wait,) = run.waits
            assert wait.request["about"] == {"order_id": "A-7001", "amount_cents": 1999, "reason": "charged twice"}
            run.submit(wait.token, {"approved": approved, "note": "" if approved else "not this time"})
            return await run.advance()

    return asyncio.run(person())


def refunded(desk: Desk, order: str = "A-7001") -> int:
    with desk.open() as database:
        return int(database.execute("select refunded_cents from orders where id = ?", (order,)).fetchone()[0])


def test_a_refund_waits_for_a_person_and_then_pays_once(desk: Desk, tmp_path: Path) -> None:
    """The approval of order and amount lets exactly this payment through the gate."""
    place = tmp_path / "run.jsonl"
    assert refund(desk, place).status == "waiting"
    assert refunded(desk) == 0
    outcome = decide(desk, place, approved=True)
    assert outcome.output == {"status": "refunded", "note": "1999 cents are on their way back"}, outcome.error
    assert refunded(desk) == 1999


def test_a_refund_that_is_not_approved_is_declined(desk: Desk, tmp_path: Path) -> None:
    """Nothing is paid; the person's note is the answer."""
    place = tmp_path / "run.jsonl"
    refund(desk, place)
    assert decide(desk, place, approved=False).output == {"status": "declined", "note": "not this time"}
    assert refunded(desk) == 0


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"email": "grace@example.com"}, "refused"),
        ({"order_id": "A-0000"}, "refused"),
        ({"amount_cents": 2000}, "refused"),
        ({"amount_cents": 0}, "refused"),
    ],
)
def test_what_is_not_theirs_or_too_much_is_refused_at_once(
    desk: Desk, tmp_path: Path, given: dict[str, Any], status: str
) -> None:
    """No person is bothered with it."""
    result = refund(desk, tmp_path / "run.jsonl", **given)
    assert result.status == "done", result.error
    assert result.output["status"] == status


def test_without_an_approval_the_gate_stops_the_payment(desk: Desk, tmp_path: Path) -> None:
    """A flow that forgets to ask is asked for: the tool call itself waits for a person."""
    hasty = Flow.parse(
        """
        flowmind: 1
        name: hasty
        input: {}
        steps:
          - id: money
            call: ./tools/refund
            with: {order_id: A-7001, amount_cents: 1999, reason: hurry}
          - return: "${money}"
        """,
        package=PACKAGE,
    )
    result = run_sync(hasty, {}, deps=desk, journal=tmp_path / "run.jsonl")
    assert result.status == "waiting"
    assert result.waits[0].request["purpose"] == "approval"
    assert refunded(desk) == 0


def test_more_than_the_limit_is_denied_whoever_asks(desk: Desk) -> None:
    """ACME-002 is a plain no."""
    greedy = Flow.parse(
        """
        flowmind: 1
        name: greedy
        input: {}
        steps:
          - call: ./tools/refund
            with: {order_id: A-7005, amount_cents: 50001, reason: a lot}
        """,
        package=PACKAGE,
    )
    result = run_sync(greedy, {}, deps=desk)
    assert result.status == "denied"
    assert result.error is not None
    assert "ACME-002" in str(result.error)


@pytest.mark.local_model
def test_the_local_classifier_sorts_plain_messages(desk: Desk) -> None:
    """With its own examples alone it sorts messages nobody wrote down, and says nothing about nonsense."""
    from lev_os.core.llm_runtime import open_judge

    judge = open_judge()
    assert judge is not None
    for message, category in [
        ("I was charged twice!", "refund"),
        ("My bag was stolen and my card was in it", "security"),
        ("how do I close down my account", "account"),
        ("the new card still has not turned up", "card"),
    ]:
        result = run_sync(flow("triage"), {"message": message, "reply_with": "template"}, deps=desk, judge=judge)
        assert result.status == "done", result.error
        assert result.output["category"] == category
