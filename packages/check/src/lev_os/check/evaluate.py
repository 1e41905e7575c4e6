"""How right the rules are: each rule's precision and recall over files whose findings somebody has labelled.

A labelled folder holds `labels.toml`, with one table for each case:

    [[case]]
    name = "a link in prose"
    judged = ["CTX3"]                # whose findings the labels are complete for
    expect = ["CTX301 AGENTS.md:3"]  # a code, a file and a line
    [case.files]                     # or `folder = "…"`, beside labels.toml
    "AGENTS.md" = '''…'''

A finding of a judged code that is expected is right; one that is not is wrong; an expected one that is not found is
missed.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import NamedTuple

import msgspec
from lev_os.core.errors import InvalidInput, LevError, Location, Problem

from .diagnostics import Diagnostic
from .engine import Checker
from .registry import matches, rules
from .rule import Example
from .selection import Selection

LABELS = "labels.toml"
_Z = 1.959964
"""The normal quantile of a 95 % interval."""


class Label(NamedTuple):
    """A finding that should be there."""

    code: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Case:
    """Some files and what should be found in them; only codes that begin with one of `judged` count."""

    name: str
    judged: tuple[str, ...]
    expect: frozenset[Label] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None


class Rate(NamedTuple):
    """A share with its 95 % interval by Wilson's score; all None when there is nothing to count."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """What came of one rule: findings that are right and wrong, and expected ones that were missed."""

    code: str
    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> Rate:
        """Of what is found, how much is right."""
        return wilson(self.right, self.right + self.wrong)

    @property
    def recall(self) -> Rate:
        """Of what is there, how much is found."""
        return wilson(self.right, self.right + self.missed)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One disagreement between labels and findings."""

    case: str
    kind: str
    label: Label
    message: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scores of all rules that were judged, in the order of their codes, and every disagreement."""

    cases: int
    scores: tuple[Score, ...]
    mistakes: tuple[Mistake, ...]


def evaluate(cases: Iterable[Case]) -> Evaluation:
    """Check every case and count. Raises `LevError` when a case cannot be written to a temporary folder."""
    counts: dict[str, Counter[str]] = {}
    mistakes: list[Mistake] = []
    number = 0
    for number, case in enumerate(cases, 1):  # noqa: B007  # how many there were
        found: dict[Label, str] = {}
        for item in _findings(case):
            if matches(item.code, case.judged):
                found.setdefault(Label(item.code, item.file, item.line), item.message)
        for label in found.keys() | case.expect:
            kind = "missed" if label not in found else "right" if label in case.expect else "wrong"
            counts.setdefault(label.code, Counter())[kind] += 1
            if kind != "right":
                mistakes.append(Mistake(case.name, kind, label, found.get(label, "")))
    scores = (Score(code, count["right"], count["wrong"], count["missed"]) for code, count in sorted(counts.items()))
    return Evaluation(number, tuple(scores), tuple(sorted(mistakes, key=lambda item: (item.label, item.case))))


def wilson(hits: int, total: int) -> Rate:
    """A share and its 95 % interval (E. B. Wilson, 1927), which holds for small numbers too."""
    if not total:
        return Rate(None, None, None)
    share = hits / total
    scale = 1 + _Z**2 / total
    middle = (share + _Z**2 / (2 * total)) / scale
    half = _Z * sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2)) / scale
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half))


def own_examples() -> Iterator[Case]:
    """The rules' own examples as cases, each judged by its own code alone."""
    for rule in rules().values():
        for number, example in enumerate(rule.bad, 1):
            if example.at is not None:
                label = Label(rule.code, example.at[0], example.at[1])
                yield Case(f"{rule.code}, bad {number}", (rule.code,), _expected(example, label), example.files)
        for number, example in enumerate(rule.good, 1):
            yield Case(f"{rule.code}, good {number}", (rule.code,), frozenset(), example.files)


def _expected(example: Example, label: Label) -> frozenset[Label]:
    """A bad example names one place; the rule may rightly find more in it, which are not held against it."""
    found = {Label(item.code, item.file, item.line) for item in _findings(Case("", (label.code,), files=example.files))}
    return frozenset({label} | {item for item in found if item.code == label.code})


def labelled(folder: Path) -> list[Case]:
    """The cases of every `labels.toml` in a folder and below it. Raises `InvalidInput`, `LevError`."""
    found = sorted(folder.rglob(LABELS))
    if not found:
        raise LevError(f"there is no {LABELS} in {folder}", help="see `lev lint-eval --help` for what it holds")
    return [case for path in found for case in _read(path)]


class _CaseData(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    judged: list[str]
    expect: list[str] = []
    files: dict[str, str] = {}
    folder: str | None = None


class _LabelsData(msgspec.Struct, forbid_unknown_fields=True):
    case: list[_CaseData]


def _read(path: Path) -> Iterator[Case]:
    try:
        data = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _LabelsData)
    except (OSError, ValueError) as error:
        raise InvalidInput([Problem("CHK920", f"these labels cannot be read: {error}", Location(str(path)))]) from None
    for case in data.case:
        expect = frozenset(_label(text, path, case.name) for text in case.expect)
        folder = path.parent / case.folder if case.folder is not None else None
        yield Case(f"{path.parent.name}: {case.name}", tuple(case.judged), expect, case.files, folder)


def _label(text: str, path: Path, case: str) -> Label:
    code, _, place = text.partition(" ")
    file, _, line = place.strip().rpartition(":")
    if not file or not line.isdecimal():
        message = f"`{text}` of the case `{case}` is no label"
        raise InvalidInput([Problem("CHK920", message, Location(str(path)), "write `CTX301 AGENTS.md:3`")])
    return Label(code, file, int(line))


def _findings(case: Case) -> tuple[Diagnostic, ...]:
    """What is found in a case; its files are written to a folder of their own, where nothing else is near."""
    with tempfile.TemporaryDirectory(prefix="lev-eval-") as made:
        folder = case.folder or Path(made)
        for name, text in case.files.items():
            path = folder / name
            if case.folder is not None or not path.resolve().is_relative_to(folder.resolve()):
                raise LevError(f"the case `{case.name}` has a file outside of it: {name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        return Checker(folder, selection=Selection(case.judged)).check([folder]).diagnostics
