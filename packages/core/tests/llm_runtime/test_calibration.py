"""Measurements of a condition: what they count, what they recommend, how they are drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("wordllama", reason="needs the extra `local`")
from lev_os.core.errors import LevError
from lev_os.core.llm_runtime.calibration import Calibration, NotMeasured, calibrate
from lev_os.core.llm_runtime.classifier import Classifier
from lev_os.core.llm_runtime.reliability import as_svg, as_text

THINGS = ("apple", "pear", "plum", "cherry", "melon", "grape", "lemon", "peach", "mango", "banana", "fig", "lime")
TOOLS = ("hammer", "saw", "drill", "wrench", "chisel", "axe", "pliers", "file", "rasp", "level", "vise", "clamp")
EXAMPLES = {
    "fruit": [f"I would like to eat a ripe {thing}" for thing in THINGS],
    "tool": [f"the {tool} is in the workshop" for tool in TOOLS],
}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEV_CACHE_DIR", str(tmp_path))


def measured(examples: dict[str, list[str]], labelled: Any = None, **more: Any) -> Calibration | NotMeasured:
    """A condition of a flow, measured."""
    request = {"step": "kind <&>", "labels": list(examples), "examples": examples, "confidence": 0.75}
    return calibrate(Classifier("wordllama"), request, labelled, **more)


def test_the_examples_judge_themselves_unseen() -> None:
    """Every figure is there, and the shares add up."""
    found = measured(EXAMPLES)
    assert isinstance(found, Calibration)
    assert (found.count, found.calibrated, found.labels) == (24, True, {"fruit": 12, "tool": 12})
    assert found.accuracy > 0.9
    assert sum(bin.count for bin in found.bins) == 24
    assert found.current is not None
    assert found.recommended is not None
    assert found.recommended.threshold >= 0.61
    assert (found.recommended.accuracy or 0) >= 0.85
    assert [point.coverage for point in found.curve] == sorted((p.coverage for p in found.curve), reverse=True)


def test_labelled_texts_confirm_or_refute() -> None:
    """Figures come from the texts, the threshold still from the examples."""
    own = measured(EXAMPLES)
    swapped = measured(
        EXAMPLES, [("I would like to eat a ripe quince", "tool"), ("the anvil is in the workshop", "fruit")]
    )
    assert isinstance(own, Calibration)
    assert isinstance(swapped, Calibration)
    assert (swapped.accuracy, swapped.count, swapped.source) == (0.0, 2, "the labelled texts")
    assert swapped.error > 0.5
    assert swapped.confusions == (("fruit", "tool", 1), ("tool", "fruit", 1))
    assert swapped.recommended is not None
    assert own.recommended is not None
    assert swapped.recommended.threshold == own.recommended.threshold


@pytest.mark.parametrize(
    ("labelled", "message"), [([], "there is no labelled text"), ([("a", "tree")], "has no label 'tree'")]
)
def test_labelled_texts_that_cannot_be_used(labelled: list[tuple[str, str]], message: str) -> None:
    """Say so."""
    with pytest.raises(LevError, match=message):
        measured(EXAMPLES, labelled)


def test_too_few_examples() -> None:
    """Under five there is no local tier; under twenty in all nothing is recommended. Both are said."""
    none = measured({label: texts[:4] for label, texts in EXAMPLES.items()})
    few = measured({label: texts[:6] for label, texts in EXAMPLES.items()})
    assert isinstance(none, NotMeasured)
    assert "every label needs 5" in none.notes[0]
    assert isinstance(few, Calibration)
    assert (few.calibrated, few.recommended) == (False, None)
    assert "too few to calibrate" in few.notes[0]


def test_contradictory_examples_are_named() -> None:
    """And an aim that nothing reaches is, too."""
    mixed = [text for pair in zip(*EXAMPLES.values(), strict=True) for text in pair]
    found = measured({"one": [*mixed[0::4], *mixed[1::4], "x y"], "other": [*mixed[2::4], *mixed[3::4], "X  y"]})
    assert isinstance(found, Calibration)
    assert found.notes[0] == "“x y” is an example of several labels, so it is left out"
    assert "no threshold makes 85% of the answers right" in found.notes[1]
    assert "answer from" not in as_svg(found)


def test_the_diagram_as_text_and_as_svg() -> None:
    """A line and a dot for each bin that holds something; the picture is well-formed and names what it shows."""
    found = measured(EXAMPLES)
    assert isinstance(found, Calibration)
    filled = [bin for bin in found.bins if bin.count]
    lines = as_text(found.bins)
    assert len(lines) == 1 + len(filled)
    assert all("|" in line for line in lines[1:])
    root = ET.fromstring(as_svg(found))
    assert len(root.findall(".//{*}circle")) == len(filled)
    title = root.find("{*}title")
    assert title is not None
    assert str(title.text).startswith("kind <&>: 24 texts")
