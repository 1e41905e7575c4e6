"""A question put to more and more lenses until they are sure enough; every view is asked for once, and blind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lev_os.core import Flow, LevError, load_package
from lev_os.core.bidirectional import run
from lev_os.core.personalities.tools import UNDECIDED, Dissent, View, tally

from .agreement import Agreement
from .escalating import LEVELS, Confidence, level_of, panel
from .selecting import Choice, Lens, lenses, select

if TYPE_CHECKING:
    from lev_os.core.bidirectional import RunResult, Usage


@dataclass(frozen=True, slots=True)
class Round:
    """One blind round. `asked` are the lenses that were new in it; `why` is what was made of all votes so far."""

    asked: tuple[str, ...]
    decision: str
    confidence: Confidence
    why: str


@dataclass(frozen=True, slots=True)
class Deliberation:
    """What came out. `decision` is an option or `undecided`; who was outvoted is in `dissent`, in their own words.

    `confidence` is calibrated where an `Agreement` knows panels like the last one; else it is the share of the votes.
    """

    decision: str
    confidence: Confidence
    reasons: tuple[str, ...]
    dissent: tuple[Dissent, ...]
    choices: tuple[Choice, ...]
    rounds: tuple[Round, ...]
    usage: tuple[Usage, ...] = field(repr=False)
    """Of each run, the last of them the conclusion."""


async def deliberate(
    question: str,
    options: Sequence[str],
    *,
    by: Sequence[str] | None = None,
    confidence: Confidence | None = None,
    enough: float = 0.85,
    at_most: int = 8,
    agreement: Agreement | None = None,
    embedder: Any = None,
    **world: Any,
) -> Deliberation:
    """Decide between options, with no more lenses than it takes.

    `confidence` is how sure somebody already is (a flow's decision, say) and chooses the level to begin with. After a
    round the panel is done when its agreement, by `agreement`, is right with a calibrated confidence of `enough`;
    uncalibrated, when all agree. Else the next level is asked, up to `at_most` lenses of `by` (default: the eight of
    core). Lenses asked later see nothing of earlier views. `world` is what runs take: `model`, `gate`, `secrets`, ….

    Raises `LevError` when a run does not end well, and for options or lenses that cannot be used.
    """
    if not 0 < enough <= 1:
        raise LevError(f"`enough` lies between 0 and 1, not at {enough}")
    if at_most < 1:
        raise LevError(f"at most {at_most} lenses cannot be asked", help="ask one or more")
    among = lenses() if by is None else lenses(by)
    choices = select(question, among, at_most=at_most, embedder=embedder)
    known = agreement or Agreement()
    given_names = [lens.name for lens in among]
    names = {lens.specifier: lens.name if given_names.count(lens.name) == 1 else lens.specifier for lens in among}
    views: list[View] = []
    asked: list[Lens] = []
    rounds: list[Round] = []
    usage: list[Usage] = []
    for level in range(level_of(confidence or Confidence()), len(LEVELS)):
        new = [lens for lens in panel(level, choices, among)[:at_most] if lens not in asked]
        if not new:
            break
        asked += new
        specifiers = [lens.specifier for lens in new]
        given = {"question": question, "options": list(options), "by": specifiers}
        result = await _run("blind-round", given, world)
        usage.append(result.usage)
        views += [_view(view, names[lens.specifier]) for lens, view in zip(new, result.output["views"], strict=True)]
        votes = tally(list(options), views)
        agreed = round(votes["share"] * len(views))
        sure = known.confidence(len(views), agreed)
        done, why = _enough(sure, votes["decision"], agreed, len(views), enough)
        rounds.append(Round(tuple(specifiers), votes["decision"], sure, why))
        if done:
            break
    result = await _run("conclude", {"question": question, "options": list(options), "views": views}, world)
    usage.append(result.usage)
    return Deliberation(
        decision=result.output["decision"],
        confidence=rounds[-1].confidence,
        reasons=tuple(result.output["reasons"]),
        dissent=tuple(result.output["dissent"]),
        choices=choices,
        rounds=tuple(rounds),
        usage=tuple(usage),
    )


def _view(said: Mapping[str, Any], by: str) -> View:
    """What a lens said, under a name that no other lens of the deliberation has."""
    return {"by": by, "choice": said["choice"], "reason": said["reason"], "concern": said["concern"]}


def _enough(sure: Confidence, decision: str, agreed: int, asked: int, enough: float) -> tuple[bool, str]:
    """Whether no more lenses are needed, and why."""
    if decision == UNDECIDED:
        return False, "it is a tie"
    if sure.calibrated and sure.value is not None:
        done = sure.value >= enough
        return done, f"such panels were right {sure.value:.0%} of the time; {enough:.0%} is wanted"
    if agreed == asked:
        return True, "all agree" if asked > 1 else "the one who was asked has chosen"
    return False, f"{agreed} of {asked} agree, and what that is worth is not calibrated"


async def _run(name: str, given: dict[str, Any], world: dict[str, Any]) -> RunResult:
    flow = load_package("lev_os.core").export(f"./flows/{name}").from_python()
    assert isinstance(flow, Flow)  # core's own export
    result = await run(flow, given, **world)
    if result.status != "done":
        reason = result.error.message if result.error else result.status
        raise LevError(f"the deliberation did not end: {reason}")
    return result
