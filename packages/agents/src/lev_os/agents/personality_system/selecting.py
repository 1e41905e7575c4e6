"""The choice of lenses for a question, by their triggers, with the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lev_os.core import LevError
from lev_os.core.personalities.lenses import EIGHT, load_lens
from lev_os.memory.search.words import terms

_NEAR = 0.2
"""Similarity of a trigger and a question from which on the one is said to be about the other."""
_SHARE = 0.5
"""What a trigger of several words is worth when only some of them stand in the question."""


class _Embeds(Protocol):
    def embed(self, texts: Sequence[str]) -> Any: ...


@dataclass(frozen=True, slots=True)
class Lens:
    """A personality, as choosing sees it. `opposite` is the specifier of the lens that answers back, or None."""

    specifier: str
    name: str
    question: str
    triggers: tuple[str, ...] = ()
    opposite: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A lens that was chosen. `score` is the sum of what the reasons are worth; 0 stands for no reason at all."""

    lens: Lens
    score: float
    reasons: tuple[str, ...]


def lenses(specifiers: Sequence[str] = EIGHT) -> tuple[Lens, ...]:
    """The lenses with these specifiers; raises `LevError` for one that is none, or that is named twice."""
    if len(set(specifiers)) < len(specifiers):
        raise LevError("a lens is named twice", help="each lens has one vote")
    found = []
    for specifier in specifiers:
        context = load_lens(specifier)
        said = context.metadata
        triggers = tuple(part.strip() for part in said.get("lev-triggers", "").split(",") if part.strip())
        opposite = said.get("lev-opposite") or None
        found.append(Lens(context.specifier, context.name, said.get("lev-question", ""), triggers, opposite))
    return tuple(found)


def select(
    question: str, among: Sequence[Lens] | None = None, *, at_most: int = 3, embedder: _Embeds | None = None
) -> tuple[Choice, ...]:
    """The lenses that a question calls for, the most wanted first, never more than `at_most`.

    A trigger counts 1 when all its words stand in the question, a share of a half when some do; with an `embedder`
    (see `lev_os.core.llm_runtime.embedding`), a trigger that means something near counts its similarity. Lenses without
    a reason are not chosen; when none has one, the first stands in alone, with score 0. Ties keep the order of
    `among` (default: the eight of core). The same question always gets the same answer.
    """
    if at_most < 1:
        raise LevError(f"at most {at_most} lenses cannot be chosen", help="ask for one or more")
    among = lenses() if among is None else among
    if not among:
        raise LevError("there is no lens to choose from", help="name personalities, or leave it to the eight of core")
    near = _similarities(question, among, embedder)
    asked = frozenset(terms(question))
    choices = [_weighed(lens, asked, near.get(lens.specifier, ())) for lens in among]
    wanted = sorted((choice for choice in choices if choice.score > 0), key=lambda choice: -choice.score)
    return tuple(wanted[:at_most]) or (Choice(among[0], 0.0, ("nothing calls for any lens; the first stands in",)),)


def _weighed(lens: Lens, asked: frozenset[str], near: Sequence[float]) -> Choice:
    score = 0.0
    reasons: list[str] = []
    for number, trigger in enumerate(lens.triggers):
        words = frozenset(terms(trigger))
        found = words & asked
        worth = _SHARE * len(found) / len(words) if found and found != words else float(bool(found))
        if worth:
            score += worth
            reasons.append(f"“{trigger}” stands in the question" if found == words else f"a part of “{trigger}” does")
        elif number < len(near) and near[number] >= _NEAR:
            score += near[number]
            reasons.append(f"it is near “{trigger}” (similarity {near[number]:.2f})")
    return Choice(lens, round(score, 4), tuple(reasons))


def _similarities(question: str, among: Sequence[Lens], embedder: _Embeds | None) -> dict[str, list[float]]:
    triggers = [(lens.specifier, trigger) for lens in among for trigger in lens.triggers]
    if embedder is None or not triggers or not question.strip():
        return {}
    vectors = embedder.embed([question, *(trigger for _, trigger in triggers)])
    found: dict[str, list[float]] = {}
    for (specifier, _), similarity in zip(triggers, (vectors[1:] @ vectors[0]).tolist(), strict=True):
        found.setdefault(specifier, []).append(similarity)
    return found
