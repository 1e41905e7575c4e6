"""`bundle`: from sources, a task and a budget to a text with a receipt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from lev_os.core import tokens
from lev_os.core.errors import LevError

from .model import Bundle, Format, Part, State, Text
from .ranking import rank
from .rendering import Rendered, Repeated, join, render_part
from .selecting import Selection
from .sources import Collection, Source

if TYPE_CHECKING:
    from lev_os.core.llm_runtime.embedding import Embedder
    from lev_os.core.packaging import Package

_FRAME = {"md": 0, "xml": 16, "json": 16}
"""Tokens that are kept for what stands around all parts."""


def bundle(
    *sources: Source,
    budget: int,
    task: str | None = None,
    form: Format = "md",
    embedder: Embedder | None = None,
    installed: Sequence[Package] | None = None,
) -> Bundle:
    """The texts of the sources that matter most for a task, in at most `budget` o200k tokens.

    Without sources: of `installed`, else of every package that is installed. What the export map of a named package
    offers `llm-first` must be in it, with all that is required; then come passages by relevance (words, and meaning
    with an `embedder`) and priority, or without a task by priority. What nobody named and has nothing to do with the
    task stays out. The same input gives the same bytes. Raises `LevError` for sources that are not there, and when the
    budget does not hold what must be in.
    """
    if budget < 1:
        raise LevError(f"a budget of {budget:,} tokens holds nothing", help="4000 to 16000 is usual")
    found = Collection(sources, installed)
    candidates = [found.texts[name] for name in found.candidates]
    usable = [text for text in candidates if text.fault is None and text.text.strip()]
    sizes = sizes_of(found.texts.values())
    selection = Selection(found.texts, found.absent, budget - _FRAME[form], form)
    selection.require([text for text in usable if text.up_front])
    asked = task.strip() if task is not None else ""
    if asked:
        selection.fill(_by_task(usable, asked, embedder, sizes), loose=True)
    if sources or not asked:
        selection.fill(_by_priority(usable, sizes), loose=False)
    return finished(selection, budget, form, [*found.texts.values()], sizes)


Sizes = dict[str, tuple[int, ...]]


def sizes_of(texts: Iterable[Text]) -> Sizes:
    """The tokens of every passage."""
    measured = [*texts]
    pieces = (text.text[passage.start : passage.end] for text in measured for passage in text.passages)
    counts = iter(tokens.count_many(pieces))
    return {text.specifier: tuple(islice(counts, len(text.passages))) for text in measured}


def _by_task(
    texts: Sequence[Text], task: str, embedder: Embedder | None, sizes: Sizes
) -> Iterator[tuple[str, int, int, str]]:
    scores = rank(texts, task, embedder)
    weighed = [
        (-round(score * (0.5 + texts[i].priority / 100), 6), texts[i].specifier, k) for (i, k), score in scores.items()
    ]
    for place, (_, name, k) in enumerate(sorted(weighed), 1):
        yield name, k, sizes[name][k], f"relevance: rank {place:,} of {len(weighed):,}"


def _by_priority(texts: Sequence[Text], sizes: Sizes) -> Iterator[tuple[str, int, int, str]]:
    for text in sorted(texts, key=lambda text: (-text.priority, text.specifier)):
        for k, size in enumerate(sizes[text.specifier]):
            yield text.specifier, k, size, f"priority {text.priority}"


def finished(selection: Selection, budget: int, form: Format, texts: Sequence[Text], sizes: Sizes) -> Bundle:
    """The text of a selection, counted as a whole; the last additions are taken back while it is over the budget."""
    while True:
        repeated = Repeated()
        parts = {
            name: render_part(selection.texts[name], chosen, form, repeated, keep=True)
            for name, chosen in selection.chosen.items()
        }
        text = join(parts.values(), form)
        total = tokens.count(text)
        if total <= budget:
            break
        if not selection.take_back():
            named = ", ".join(f"{name} ({count:,})" for name, count in _counts(parts).items()) or "nothing"
            raise LevError(
                f"what must be in the bundle has {total:,} tokens, and the budget is {budget:,}: {named}",
                help=f"--budget {total} holds it; or name the contexts that are wanted, not the package",
            )
    counts = _counts(parts)
    said: list[Part] = []
    for one in texts:
        name, of = one.specifier, len(one.passages)
        chosen = tuple(sorted(selection.chosen.get(name, ())))
        repeats = parts[name].repeats if name in parts else ()
        if parts.get(name):
            state: State = "in" if len(chosen) == of else "cut"
            why = selection.why[name] if state == "in" else f"{selection.why[name]}; the rest did not fit"
            said.append(Part(name, one.digest, counts[name], state, why + one.note, chosen, of, repeats))
        else:
            why = _why_out(one, selection, repeats)
            said.append(Part(name, one.digest, sum(sizes[name]), "out", why + one.note, (), of, repeats))
    order = {name: place for place, name in enumerate(selection.chosen)}
    said.sort(key=lambda part: (order.get(part.specifier, len(order)), part.specifier))
    return Bundle(text, budget, total, tuple(said), form)


def _counts(parts: Mapping[str, Rendered]) -> dict[str, int]:
    return dict(zip(parts, tokens.count_many("".join(part.blocks) for part in parts.values()), strict=True))


def _why_out(text: Text, selection: Selection, repeats: Sequence[str]) -> str:
    if text.fault is not None:
        return text.fault
    if not text.text.strip():
        return "it is empty"
    if repeats:
        return f"all of it is in {', '.join(repeats)}"
    return selection.refused(text.specifier) or "the budget went to what comes first"
