"""The desk's tools on a real database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from acme_support import tools
from acme_support.deps import Desk, make
from acme_support.replies import REPLIES, compose
from lev_os.core.tools import ToolContext


def _ctx(desk: Desk, key: str = "key-1") -> ToolContext[Desk]:
    return ToolContext(deps=desk, run="run-1", idempotency_key=key)


def test_a_customer_is_found_by_email_whatever_its_case(desk: Desk) -> None:
    """People write their address as they like."""
    found = tools.find_customer(_ctx(desk), " Ada@Example.COM ")
    assert found == {"id": "C-1001", "name": "Ada", "email": "ada@example.com", "tier": "premium"}
    assert tools.find_customer(_ctx(desk), "nobody@example.com") is None


def test_orders_say_what_was_paid_and_refunded(desk: Desk) -> None:
    """Amounts are whole cents."""
    assert [order["id"] for order in tools.find_orders(_ctx(desk), "C-1001")] == ["A-7001", "A-7002", "A-7003"]
    order = tools.find_order(_ctx(desk), "A-7005")
    assert order is not None
    assert (order["paid_cents"], order["refunded_cents"]) == (38900, 10000)
    assert tools.find_order(_ctx(desk), "A-0000") is None


def test_a_repeated_refund_with_the_same_key_pays_once(desk: Desk) -> None:
    """A run that was killed in the middle of the call repeats it with the same key."""
    first = tools.refund(_ctx(desk), "A-7001", 1999, "charged twice")
    again = tools.refund(_ctx(desk), "A-7001", 1999, "charged twice")
    assert first == again == {"order_id": "A-7001", "amount_cents": 1999, "refunded_cents": 1999}


@pytest.mark.parametrize("amount", [0, -5, 28901])
def test_no_more_than_is_left_is_ever_refunded(desk: Desk, amount: int) -> None:
    """A-7005 was paid with 389.00, and 100.00 went back already; a refused refund leaves no trace."""
    with pytest.raises(ValueError, match="28900 cents left"):
        tools.refund(_ctx(desk), "A-7005", amount, "x")
    order = tools.find_order(_ctx(desk), "A-7005")
    assert order is not None
    assert order["refunded_cents"] == 10000


def test_an_unknown_order_is_named_with_the_way_out(desk: Desk) -> None:
    """The error goes to a model or a person: it says what to call instead."""
    with pytest.raises(LookupError, match=r"A-9999; find_orders"):
        tools.refund(_ctx(desk), "A-9999", 1, "x")


def test_two_refunds_at_once_never_pay_more_than_the_order(desk: Desk) -> None:
    """Eight workers try to refund one order of 19.99 fully; one succeeds."""

    def attempt(worker: int) -> bool:
        try:
            tools.refund(_ctx(desk, f"key-{worker}"), "A-7002", 1999, "x")
        except ValueError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def test_a_ticket_is_opened_once_per_key(desk: Desk) -> None:
    """The same key gives the same ticket; another key another one."""
    names = [tools.open_ticket(_ctx(desk, key), "security", "my card is gone", urgent=True) for key in ("a", "a", "b")]
    assert names == ["T-00001", "T-00001", "T-00002"]


def test_opening_the_desk_again_keeps_what_happened(desk: Desk) -> None:
    """Seeding is for a new file only."""
    tools.refund(_ctx(desk), "A-7001", 500, "x")
    order = tools.find_order(_ctx(make(desk.path)), "A-7001")
    assert order is not None
    assert order["refunded_cents"] == 500


def test_every_category_has_a_reply_without_promises() -> None:
    """Templates obey the tone page: a greeting by name if known, the signature, no dates."""
    for category in REPLIES:
        reply = tools.reply_template(category, "Ada")
        assert reply.startswith("Hello Ada, thank you")
        assert reply.endswith("Acme support")
        assert "!" not in reply
    assert "a person is looking" in compose("something new")
    assert compose("card").startswith("Hello there")
