"""Replies that need no model: one per category, as the desk's people wrote them."""

from __future__ import annotations

REPLIES = {
    "refund": (
        "you were charged in a way you did not expect. We are comparing the payment with the shop's records, and "
        "whatever was taken by mistake goes back the way it was paid."
    ),
    "card": (
        "your card is not doing what it should, or is not there yet. The app's Card page shows its status and lets "
        "you activate it, order a new one or unblock the PIN; tell us what it says if that does not help."
    ),
    "transfer": (
        "money is not where you expect it. The payment's page in the app says whether it is pending, done or "
        "returned; returned money goes back the way it came, and we follow up on anything that page does not explain."
    ),
    "rates": (
        "you have a question about a rate or a fee. The app shows both before you confirm and again on the payment's "
        "page; send us the payment if what you were charged differs from it."
    ),
    "account": (
        "you would like to see, prove or change something on your account. The app's Profile page does most of it; "
        "we never ask for your passcode, and a person helps where the app cannot."
    ),
    "security": (
        "something happened that you did not do. Please freeze the card in the app now; a specialist has your "
        "message and takes it from here."
    ),
}


def compose(category: str, name: str = "") -> str:
    """The reply for a category, to a named customer if the name is known."""
    body = REPLIES.get(category, "we have read your message and a person is looking at it.")
    return f"Hello {name or 'there'}, thank you for writing: {body} Acme support"
