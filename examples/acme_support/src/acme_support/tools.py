"""What the desk can do. Money and tickets carry the caller's idempotency key: a repeated call changes nothing."""

from __future__ import annotations

from typing import Any

from lev_os.core import ToolContext, tool

from .deps import Desk
from .replies import compose

__all__ = ["find_customer", "find_order", "find_orders", "open_ticket", "refund", "reply_template"]


@tool(effects={"reads_private"}, idempotent=True)
def find_customer(ctx: ToolContext[Desk], email: str) -> dict[str, Any] | None:
    """Find a customer by email address: id, name, email and tier; nothing if there is none."""
    with ctx.deps.open() as desk:
        row = desk.execute(
            "select id, name, email, tier from customers where email = ?", (email.strip().lower(),)
        ).fetchone()
    return dict(row) if row else None


@tool(effects={"reads_private"}, idempotent=True)
def find_orders(ctx: ToolContext[Desk], customer_id: str) -> list[dict[str, Any]]:
    """List a customer's orders: id, shop, and cents paid and refunded so far."""
    with ctx.deps.open() as desk:
        rows = desk.execute(
            "select id, shop, paid_cents, refunded_cents from orders where customer = ? order by id", (customer_id,)
        ).fetchall()
    return [dict(row) for row in rows]


@tool(effects={"reads_private"}, idempotent=True)
def find_order(ctx: ToolContext[Desk], order_id: str) -> dict[str, Any] | None:
    """Find one order: id, customer, shop, and cents paid and refunded so far; nothing if there is none."""
    with ctx.deps.open() as desk:
        row = desk.execute(
            "select id, customer, shop, paid_cents, refunded_cents from orders where id = ?", (order_id,)
        ).fetchone()
    return dict(row) if row else None


@tool(effects={"writes_external", "irreversible", "spends"}, idempotent=True)
def refund(ctx: ToolContext[Desk], order_id: str, amount_cents: int, reason: str) -> dict[str, Any]:
    """Give cents of an order back to the card that paid it; never more than is left of what was paid."""
    with ctx.deps.open() as desk:
        order = desk.execute("select paid_cents, refunded_cents from orders where id = ?", (order_id,)).fetchone()
        if order is None:
            raise LookupError(f"there is no order {order_id}; find_orders lists a customer's orders")
        if desk.execute("select 1 from refunds where key = ?", (ctx.idempotency_key,)).fetchone() is None:
            left = order["paid_cents"] - order["refunded_cents"]
            if not 0 < amount_cents <= left:
                raise ValueError(f"order {order_id} has {left} cents left to refund, not {amount_cents}")
            desk.execute(
                "insert into refunds values (?, ?, ?, ?)", (ctx.idempotency_key, order_id, amount_cents, reason)
            )
            desk.execute("update orders set refunded_cents = refunded_cents + ? where id = ?", (amount_cents, order_id))
        total = desk.execute("select refunded_cents from orders where id = ?", (order_id,)).fetchone()[0]
    return {"order_id": order_id, "amount_cents": amount_cents, "refunded_cents": total}


@tool(effects={"writes_local"}, idempotent=True)
def open_ticket(ctx: ToolContext[Desk], queue: str, subject: str, email: str = "", urgent: bool = False) -> str:
    """Put a message into a queue that people read; returns the ticket's name."""
    with ctx.deps.open() as desk:
        desk.execute(
            "insert into tickets values (?, ?, ?, ?, ?) on conflict (key) do nothing",
            (ctx.idempotency_key, queue, subject[:500], email, urgent),
        )
        number = desk.execute("select rowid from tickets where key = ?", (ctx.idempotency_key,)).fetchone()[0]
    return f"T-{number:05}"


@tool(effects=(), idempotent=True)
def reply_template(category: str, name: str = "") -> str:
    """The desk's standard reply for a category; the same words every time, and no model."""
    return compose(category, name)
