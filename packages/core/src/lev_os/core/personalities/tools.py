"""The tools of `lev_os.core/flows/deliberate`: who is asked, and what their votes come to. No model is involved."""

from __future__ import annotations

from typing import TypedDict

from ..errors import LevError
from ..tools import tool

__all__ = ["panel", "tally"]

UNDECIDED = "undecided"


class Lens(TypedDict):
    """A personality as a prompt needs it; `name` is unique in its panel."""

    name: str
    specifier: str
    question: str
    text: str


class Panel(TypedDict):
    """The lenses that are asked, and the options as a numbered list."""

    lenses: list[Lens]
    ballot: str


class View(TypedDict):
    """What one lens said: the number of an option (0: none of them), why, and what worries it."""

    by: str
    choice: int
    reason: str
    concern: str


class Dissent(TypedDict):
    """A view that the decision goes against; `option` is null for an abstention."""

    by: str
    option: str | None
    reason: str


class Tally(TypedDict):
    """The votes: `share` is the part of all lenses that chose `decision`, 0 to 1.

    For prompts, `result` is the decision in one line, and `map` is who stands where, a line for each lens.
    """

    decision: str
    result: str
    share: float
    map: str
    dissent: list[Dissent]


@tool(effects=(), idempotent=True)
def panel(by: list[str], options: list[str]) -> Panel:
    """Look up the personalities that are named, and number the options.

    Args:
        by: Specifiers of contexts of kind personality, of any package: `lev_os.core/contexts/personalities/advocate`.
        options: What can be decided, each said differently.
    """
    said = [_line(option) for option in options]
    if not all(said) or len({option.casefold() for option in said}) < len(said):
        raise LevError("two options are the same, or one is empty", help="say each option in words of its own")
    if UNDECIDED in said:
        raise LevError(
            f"an option cannot be called `{UNDECIDED}`", help="that is what a tie is called; use another word"
        )
    found = [_lens(name) for name in by]
    if len({lens["specifier"] for lens in found}) < len(found):
        raise LevError("a lens is named twice in `by`", help="each lens has one vote")
    names = [lens["name"] for lens in found]
    for lens in found:
        if names.count(lens["name"]) > 1:
            lens["name"] = lens["specifier"]
    return {"lenses": found, "ballot": "\n".join(f"{number}. {option}" for number, option in enumerate(said, 1))}


def _lens(name: str) -> Lens:
    from .lenses import load_lens

    context = load_lens(name)
    question = context.metadata.get("lev-question", "")
    return {"name": context.name, "specifier": context.specifier, "question": question, "text": context.text}


@tool(effects=(), idempotent=True)
def tally(options: list[str], views: list[View]) -> Tally:
    """Count the votes, one for each lens. A tie is `undecided`; a number that no option has is an abstention.

    Args:
        options: What could be decided, in the order in which the options were numbered.
        views: What each lens said.
    """
    chosen = [options[view["choice"] - 1] if 1 <= view["choice"] <= len(options) else None for view in views]
    votes = {option: chosen.count(option) for option in options}
    most = max(votes.values(), default=0)
    leading = [option for option, count in votes.items() if count == most]
    decision = leading[0] if len(leading) == 1 else UNDECIDED
    both = list(zip(views, chosen, strict=True))
    groups = [(option, [view for view, choice in both if choice == option]) for option in (*options, None)]
    return {
        "decision": decision,
        "result": _line(decision),
        "share": most / len(views) if views else 0.0,
        "map": "\n\n".join(_stand(option, group) for option, group in groups if group or option),
        "dissent": [
            {"by": view["by"], "option": choice, "reason": view["reason"]}
            for view, choice in both
            if choice != decision
        ],
    }


def _stand(option: str | None, views: list[View]) -> str:
    """Who stands for an option, and why, as text for a model."""
    head = f"{_line(option or 'None of the options')} ({len(views)})"
    said = (_line(f"- {view['by']}: {view['reason']} Concern: {view['concern'] or 'none'}") for view in views)
    return "\n".join((head, *said))


def _line(text: str) -> str:
    """Text that cannot pass for a line of its own, such as the votes of other lenses."""
    return " ".join(text.split())
