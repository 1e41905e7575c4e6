"""Lenses: chosen for reasons, added while the panel is unsure, blind to each other, and with the dissent kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.agents.personality_system import (
    LEVELS,
    Agreement,
    Confidence,
    Deliberation,
    Vote,
    deliberate,
    lenses,
    level_of,
    panel,
    select,
)
from lev_os.core import LevError
from lev_os.core.llm_runtime.embedding import open_embedder
from lev_os.core.personalities.lenses import EIGHT, load_lens

OPTIONS = ["ship", "wait"]
MIGRATION = "Can the database migration meet its deadline?"
TEXTS = {specifier: load_lens(specifier).text for specifier in EIGHT}
ALL = lenses()


def names(chosen: Sequence[Any]) -> list[str]:
    """The lenses' names, without their package."""
    return [getattr(item, "lens", item).name for item in chosen]


class Panel:
    """A model that answers each lens as it is told, and keeps what it was asked."""

    def __init__(self, votes: Mapping[str, int], default: int = 1) -> None:
        self.votes, self.default = votes, default
        self.seen: list[tuple[str, str]] = []

    def __call__(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One request of a run."""
        match request["step"]:
            case "view":
                specifier = next(specifier for specifier, text in TEXTS.items() if text in request["instruction"])
                name = specifier.rpartition("/")[2]
                self.seen.append((name, f"{request['instruction']}\n{request['about']}"))
                choice = self.votes.get(name, self.default)
                return {"answer": {"choice": choice, "reason": f"Reason of {name}.", "concern": f"Fear of {name}."}}
            case "against":
                return {"answer": {"reason": "Nobody asked the neighbours."}}
            case _:
                return {"answer": {"reasons": ["Because."]}}


def decide(question: str, model: Panel, **more: Any) -> Deliberation:
    """A deliberation, run to its end."""
    return asyncio.run(deliberate(question, OPTIONS, model=model, judge=False, **more))


# --- who is asked -----------------------------------------------------------------------------------------------


def test_triggers_choose_and_say_why() -> None:
    """The caregiver hears of migrations and deadlines, others of deadlines; each says which word it was."""
    chosen = select(MIGRATION, at_most=2)
    assert names(chosen) == ["caregiver", "leader"]
    assert chosen[0].score == 2
    assert chosen[0].reasons == ("“migrations” stands in the question", "“deadlines” stands in the question")
    assert chosen[1].reasons == ("“deadlines” stands in the question",)


def test_a_part_of_a_trigger_counts_half_a_share() -> None:
    """One of two words of “stuck debates”."""
    [choice] = select("We have had many debates.", lenses([EIGHT[3]]))
    assert (choice.score, choice.reasons) == (0.25, ("a part of “stuck debates” does",))


def test_nothing_calls_for_a_lens() -> None:
    """The first one stands in, and says so; no other is dragged along."""
    [choice] = select("xyzzy", at_most=5)
    assert (choice.lens.name, choice.score) == ("visionary", 0.0)
    assert "nothing calls" in choice.reasons[0]


@pytest.mark.parametrize(
    ("question", "name"),
    [("Our rival just cut their fees in half.", "strategist"), ("Two departments refuse to talk.", "connector")],
)
def test_meaning_chooses_where_words_do_not(question: str, name: str) -> None:
    """With an embedder, a rival is near to competition, although the word does not stand there."""
    assert select(question)[0].score == 0
    chosen = select(question, embedder=open_embedder("wordllama"))
    assert chosen[0].lens.name == name
    assert "similarity" in chosen[0].reasons[0]


@given(question=st.text(max_size=80), at_most=st.integers(1, 10))
@settings(max_examples=60, deadline=None)
def test_never_more_than_asked_for_and_always_the_same(question: str, at_most: int) -> None:
    """At least one, at most the number, distinct, sorted by score, and the same again."""
    chosen = select(question, ALL, at_most=at_most)
    assert 1 <= len(chosen) <= at_most
    assert len(set(names(chosen))) == len(chosen)
    assert [choice.score for choice in chosen] == sorted((choice.score for choice in chosen), reverse=True)
    assert chosen == select(question, ALL, at_most=at_most)


@pytest.mark.parametrize(
    ("specifiers", "said"),
    [([EIGHT[0], EIGHT[0]], "twice"), (["lev_os.core/contexts/executive"], "not a lens"), (["nowhere/x"], "nowhere")],
)
def test_what_is_no_lens(specifiers: list[str], said: str) -> None:
    """Named twice, another kind of context, a package that is not there."""
    with pytest.raises(LevError, match=said):
        lenses(specifiers)


# --- how many ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("confidence", "level"),
    [
        (Confidence(0.95, True), 0),
        (Confidence(0.9, True), 0),
        (Confidence(0.8, True), 1),
        (Confidence(0.6, True), 2),
        (Confidence(0.2, True), 3),
        (Confidence(0.99, False), 1),
        (Confidence(), 1),
    ],
)
def test_the_first_level(confidence: Confidence, level: int) -> None:
    """The surer, the fewer; an uncalibrated number is no reason to ask one lens only."""
    assert level_of(confidence) == level


def test_each_panel_contains_the_one_below() -> None:
    """One, its complement, two pairs, everybody."""
    chosen = select(MIGRATION, ALL, at_most=8)
    panels = [names(panel(level, chosen, ALL)) for level in range(len(LEVELS))]
    assert panels[:3] == [["caregiver"], ["caregiver", "innovator"], ["caregiver", "innovator", "leader", "advocate"]]
    assert sorted(panels[3]) == sorted(lens.name for lens in ALL)
    assert all(panels[level] == panels[level + 1][: len(panels[level])] for level in range(3))


def test_agreement_ends_it() -> None:
    """Uncalibrated: a lens and its complement agree, so nobody else is asked."""
    model = Panel({})
    found = decide(MIGRATION, model)
    assert [name for name, _ in model.seen] == ["caregiver", "innovator"]
    assert (found.decision, found.confidence) == ("ship", Confidence(1.0))
    assert [item["by"] for item in found.dissent] == ["forced dissent"]
    assert found.rounds[0].why == "all agree"


def test_disagreement_asks_more_and_nobody_twice() -> None:
    """One against one, then three against one, then all: every lens has one view, and the minority stays."""
    model = Panel({"innovator": 2})
    found = decide(MIGRATION, model)
    assert sorted(name for name, _ in model.seen) == sorted(lens.name for lens in ALL)
    assert [len(item.asked) for item in found.rounds] == [2, 2, 4]
    assert [item.why for item in found.rounds][:2] == [
        "it is a tie", "3 of 4 agree, and what that is worth is not calibrated",
    ]  # fmt: skip
    assert found.decision == "ship"
    assert {"by": "innovator", "option": "wait", "reason": "Reason of innovator."} in found.dissent


@pytest.mark.parametrize("at_most", [0, -1])
def test_nobody_is_no_panel(at_most: int) -> None:
    """Told before anything runs."""
    with pytest.raises(LevError, match="lenses cannot be asked"):
        decide(MIGRATION, lambda _: {}, at_most=at_most)


def test_at_most() -> None:
    """However unsure, no more lenses than were allowed."""
    model = Panel({"innovator": 2})
    found = decide(MIGRATION, model, at_most=3)
    assert len(model.seen) == 3
    assert found.decision == "ship"


def test_calibrated_agreement_is_enough() -> None:
    """Panels of four with three votes were right 29 times of 30: no more lenses, although one disagrees."""
    agreement = Agreement.fit([Vote(4, 3, number > 0) for number in range(30)])
    model = Panel({"innovator": 2})
    found = decide(MIGRATION, model, agreement=agreement)
    assert len(model.seen) == 4
    assert found.confidence == Confidence(30 / 32, True)
    assert found.rounds[-1].why == "such panels were right 94% of the time; 85% is wanted"


def test_a_calibrated_decision_asks_one_lens() -> None:
    """A flow that is sure by itself wants one look from the side."""
    model = Panel({})
    found = decide("Can the migration wait?", model, confidence=Confidence(0.97, True))
    assert [name for name, _ in model.seen] == ["caregiver"]
    assert found.rounds[0].why == "the one who was asked has chosen"


@given(votes=st.fixed_dictionaries({lens.name: st.integers(0, 3) for lens in ALL}))
@settings(max_examples=25, deadline=None)
def test_no_lens_sees_another_not_even_one_of_an_earlier_round(votes: dict[str, int]) -> None:
    """No text, reason, concern or vote of another lens is in what a lens is asked, in any round."""
    model = Panel(votes)
    found = decide(MIGRATION, model)
    for name, prompt in model.seen:
        for other in votes:
            if other != name:
                assert f"Reason of {other}" not in prompt
                assert f"Fear of {other}" not in prompt
                assert TEXTS[f"lev_os.core/contexts/personalities/{other}"] not in prompt
    chosen = {name: OPTIONS[vote - 1] if 1 <= vote <= 2 else None for name, vote in votes.items()}
    heard = {name for name, _ in model.seen}
    outvoted = {item["by"] for item in found.dissent if item["by"] in votes}
    assert outvoted == {name for name in heard if chosen[name] != found.decision}


def test_a_run_that_fails_is_an_error() -> None:
    """With its reason; nothing is decided."""

    def model(_: Any) -> dict[str, Any]:
        raise LevError("no model today")

    with pytest.raises(LevError, match="no model today"):
        asyncio.run(deliberate("Ship?", OPTIONS, model=model, judge=False))


def test_agreement_needs_enough_of_its_kind() -> None:
    """Nineteen are too few; another size or quarter knows nothing."""
    assert Agreement.fit([Vote(4, 3, True)] * 19).confidence(4, 3) == Confidence(0.75)
    assert Agreement.fit([Vote(4, 3, True)] * 20).confidence(4, 3) == Confidence(21 / 22, True)
    assert Agreement.fit([Vote(4, 3, True)] * 20).confidence(4, 1) == Confidence(0.25)
