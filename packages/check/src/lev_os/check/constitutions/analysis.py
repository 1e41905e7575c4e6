"""A flow against every principle in force for it: the findings, from which rules make theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from lev_os.core.constitutional import Check, Principle
from lev_os.core.constitutional.checks.base import Selector
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.flowmind.model import Wait
from lev_os.core.flowmind.walk import walk
from lev_os.core.schemas import UNTRUSTED
from lev_os.core.tools import tool_labels

from .counts import Counts, counts_of
from .in_force import effects_of, names_of, principles
from .sites import Place, TextSite, ToolSite
from .texts import fields_of, finds, lacks
from .under_way import properties
from .verdicts import Certainty, Known, Verdict, judge
from .walk import Walk

Kind = Literal["taint", "forbidden", "before", "arguments", "count", "undeclared", "text"]
_KINDS: Mapping[str, Kind] = {"taint": "taint", "forbid_tool": "forbidden", "temporal": "before"}
_MEMO = "findings against constitutions"


@dataclass(frozen=True, slots=True)
class Found:
    """One principle's objection to one place of a flow. `trail` tells places inside sub-flows apart."""

    kind: Kind
    principle: Principle
    check: Check
    place: Place
    trail: str
    verdict: Verdict
    tool: str = ""
    by_model: bool = False

    @property
    def identity(self) -> tuple[str, ...]:
        return self.trail, self.tool, self.principle.source, self.principle.id, self.check.kind


def findings(linked: LinkedFlow) -> tuple[Found, ...]:
    """All objections to a flow that is started by itself, worked out once.

    What a sub-flow of the same package does wrong by itself is reported there, and not again by its callers.
    """
    known: tuple[Found, ...] | None = linked.memo.get(_MEMO)
    if known is None:
        known = linked.memo[_MEMO] = tuple(_findings(linked))
    return known


def _findings(linked: LinkedFlow) -> Iterator[Found]:
    walked = Walk()
    walked.run(linked)
    calls = Counter(
        site.card.specifier for site in {(site.trail, site.card.specifier): site for site in walked.tools}.values()
    )
    context = Known(walked.symbols, frozenset(_waits(linked)), calls, _sources(linked))
    name: tuple[object, ...]
    merged: dict[tuple[object, ...], Found] = {}
    quiet: set[tuple[object, ...]] = set()
    for site in walked.tools:
        for principle in principles(site.gates, "tool"):
            for number, check in enumerate(principle.checks):
                name = (site.trail, site.card.specifier, principle.source, principle.id, number)
                verdict = judge(principle, check, site, context)
                if verdict is None:
                    quiet.add(name)
                else:
                    merged[name] = _weaker(merged.get(name), _found(principle, check, site, verdict))
    for name, found in merged.items():
        if name in quiet and found.verdict.certainty == "sure":  # not in every round
            found = _with(found, "likely")
        if not _reported_inside(linked, found):
            yield found
    others = [*_texts(walked.texts), *_counted(linked, walked.tools)]
    for found in {(*one.identity, one.place.part, one.place.index): one for one in others}.values():
        if not _reported_inside(linked, found):
            yield found


def _found(principle: Principle, check: Check, site: ToolSite, verdict: Verdict) -> Found:
    kind: Kind = _KINDS.get(check.kind, "arguments")
    if check.kind in ("regex", "require_phrase"):
        kind = "text"
    if site.card.declaration.effects is None and (check.kind == "taint" or _by_effects(check)):
        kind = "undeclared"
    return _at(site, kind, principle, check, verdict)


def _at(site: ToolSite, kind: Kind, principle: Principle, check: Check, verdict: Verdict) -> Found:
    by_model = site.arguments is None
    return Found(kind, principle, check, site.place, site.trail, verdict, site.card.specifier, by_model)


def _by_effects(check: Check) -> bool:
    return check.kind == "forbid_tool" and isinstance(check.argument, Mapping) and "effects" in check.argument


def _weaker(one: Found | None, other: Found) -> Found:
    """Of two rounds through one place, the one that is less sure."""
    order: tuple[Certainty, ...] = ("possible", "likely", "sure")
    if one is None:
        return other
    strengths = order.index(one.verdict.certainty), order.index(other.verdict.certainty)
    return _with(other, order[min(strengths)])


def _with(found: Found, certainty: Certainty) -> Found:
    return replace(found, verdict=replace(found.verdict, certainty=certainty))


def _reported_inside(linked: LinkedFlow, found: Found) -> bool:
    """Whether the sub-flow in which this is reports it by itself, in the same package."""
    way, _, rest = found.trail.partition(">")
    if not rest:
        return False
    step = next((step for step in walk(linked.tree.steps) if step.path == way), None)
    inner = linked.flows.get(getattr(step, "flow", ""))
    if inner is None or inner.package != linked.package:
        return False
    deeper = replace(found, trail=rest)
    for one in findings(inner):
        same_call = one.kind == found.kind == "undeclared" and (one.trail, one.tool) == (rest, found.tool)
        if same_call or one.identity == deeper.identity:
            return True
    return _reported_inside(inner, deeper)


def _texts(sites: list[TextSite]) -> Iterator[Found]:
    for site in sites:
        for principle in principles(site.gates, "pre"):
            for check in principle.checks:
                verdict = _said(check, site)
                if verdict is not None:
                    yield Found("text", principle, check, site.place, site.trail, verdict)


def _said(check: Check, site: TextSite) -> Verdict | None:
    if check.kind not in ("regex", "require_phrase"):
        return None
    fields = fields_of(check)
    if check.kind == "regex" and (fields is None or fields & {site.field, "request"}):
        if finds(check, site.text, whole=site.whole) is not None:
            return Verdict("sure", f"the {site.field} has what must not be found")
    elif (
        check.kind == "require_phrase"
        and fields == frozenset[str]({site.field})
        and site.whole
        and lacks(check, site.text)
    ):
        return Verdict("sure", f"the {site.field} does not have the words that must be there")
    return None


def _counted(linked: LinkedFlow, sites: list[ToolSite]) -> Iterator[Found]:
    """Principles that count calls, held against how many a run can make; at the last place that makes one."""
    if not sites:
        return
    total = counts_of(linked)
    for principle in principles([gate for site in sites for gate in site.gates], "tool"):
        for check in principle.checks:
            most = _allowed(check)
            if most is None:
                continue
            argument = check.argument
            selects = Selector(argument.get("tools"), argument.get("effects"), hard=principle.authority == "hard")
            chosen = [site for site in sites if selects.of(effects_of(site.card), names_of(site.card))]
            verdict = _too_many(check, selects, total, most)
            if chosen and verdict is not None:
                site = chosen[-1]
                yield _at(site, "count", principle, check, verdict)


def _allowed(check: Check) -> int | None:
    key = {"temporal": "at_most", "budget": "calls"}.get(check.kind)
    allowed: int | None = None if key is None else check.argument.get(key)
    return allowed


def _too_many(check: Check, selects: Selector, total: Counts, allowed: int) -> Verdict | None:
    counts = [count for card, count in total.of.values() if selects.of(effects_of(card), names_of(card))]
    least, most = sum(count.least for count in counts), sum(count.most for count in counts)
    if most <= allowed:
        return None
    window = f" in {check.argument['per']}" if "per" in check.argument else " in a run"
    if least > allowed and "per" not in check.argument and not check.argument.get("same"):
        return Verdict("sure", f"a run makes {least:g} such calls, of at most {allowed}")
    open_ = any(count.open for count in counts)
    often = "any number of such calls" if open_ else f"{most:g} such calls"
    certainty: Certainty = "possible" if open_ else "likely"
    help = "bound the loop, or set `limits: {tool_calls: …}`"
    return Verdict(certainty, f"a run can make {often}, of at most {allowed}{window}", help)


def _sources(linked: LinkedFlow) -> Mapping[str, list[str]]:
    """What gives values their labels, by label: untrusted inputs of the flow itself, and tools in all of it."""
    found: dict[str, list[str]] = {}
    for name, field in properties(linked).items():
        if isinstance(field, Mapping) and field.get(UNTRUSTED):
            found.setdefault("untrusted", []).append(f"input.{name}")
    for card, _ in counts_of(linked).of.values():
        for label in sorted(tool_labels(card)):
            found.setdefault(label, []).append(card.specifier)
    return found


def _waits(linked: LinkedFlow) -> Iterator[str]:
    for step in walk(linked.tree.steps):
        if isinstance(step, Wait):
            yield step.name
    for inner in linked.flows.values():
        yield from _waits(inner)
