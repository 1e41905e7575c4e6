"""What goes into a bundle and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from .passages import Passage, passages

Format = Literal["md", "xml", "json"]
FORMATS: tuple[str, ...] = get_args(Format)
State = Literal["in", "cut", "out"]


def _nowhere(_: str) -> None:
    return None


@dataclass
class Text:
    """A context that may come along. `requires` and `conflicts` are specifiers, written out.

    `up_front` says that it must come along; `links` what a relative link is in a bundle, None if it stays as it is;
    `fault` why the text cannot be used; `note` what else the receipt has to say of it.
    """

    specifier: str
    text: str
    digest: str
    priority: int = 50
    requires: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    description: str = ""
    up_front: bool = False
    links: Callable[[str], str | None] = _nowhere
    fault: str | None = None
    note: str = ""

    @cached_property
    def passages(self) -> Sequence[Passage]:
        """The text in pieces that end where a heading begins."""
        if self._is_rst:
            from .restructured_text import titles

            return passages(self.text, titles(self.text))
        return passages(self.text)

    def heading(self, k: int) -> str:
        """The heading of a passage that has one."""
        passage = self.passages[k]
        if self._is_rst:
            from .restructured_text import heading_at

            return heading_at(self.text, passage.start)
        return f"{'#' * passage.level} {passage.title}"

    def is_heading(self, piece: str) -> bool:
        """Whether nothing stands in a piece of the text but its heading."""
        if self._is_rst:
            from .restructured_text import heading_at, titles

            found = next(titles(piece), None)
            return found is not None and heading_at(piece, found[0]) == piece.strip()
        return all(line.startswith("#") for line in piece.split("\n") if line.strip())

    @property
    def _is_rst(self) -> bool:
        return self.specifier.endswith(".rst")


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the receipt.

    `digest` names the whole text as a model gets it; `tokens` are those the part takes in the bundle, its heading and
    frame included, or those of its text when it is out. `sections` are the passages that are in, of `of`; `repeats`
    names the parts that hold paragraphs left out here.
    """

    specifier: str
    digest: str
    tokens: int
    state: State
    why: str
    sections: tuple[int, ...] = ()
    of: int = 0
    repeats: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The part as the receipt shows it; sections only where some are left out."""
        shown: dict[str, Any] = {
            "specifier": self.specifier,
            "digest": self.digest,
            "tokens": self.tokens,
            "state": self.state,
            "why": self.why,
        }
        if self.state == "cut":
            shown |= {"sections": list(self.sections), "of": self.of}
        if self.repeats:
            shown["repeats"] = list(self.repeats)
        return shown


@dataclass(frozen=True, slots=True)
class Bundle:
    """A text of at most `budget` o200k tokens, and what became of every part that was considered."""

    text: str
    budget: int
    tokens: int
    parts: tuple[Part, ...]
    format: Format = "md"

    def receipt(self) -> dict[str, Any]:
        """`{"budget", "tokens", "parts": [{"specifier", "digest", "tokens", "state", "why", …}]}`."""
        return {"budget": self.budget, "tokens": self.tokens, "parts": [part.as_json() for part in self.parts]}
