"""Precision and recall over labelled files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.check.evaluate import evaluate, labelled, wilson
from lev_os.core.errors import InvalidInput, LevError

LABELS = """
[[case]]
name = "two names"
judged = ["CTX401"]
expect = ["CTX401 skills/pdf/SKILL.md:2", "CTX401 skills/doc/SKILL.md:2"]
[case.files]
"skills/pdf/SKILL.md" = "---\\nname: PDF\\ndescription: Reads PDFs.\\n---\\nText.\\n"
"skills/doc/SKILL.md" = "---\\nname: doc\\ndescription: Reads documents.\\n---\\nText.\\n"

[[case]]
name = "nothing is wrong, says the label"
judged = ["CTX401"]
[case.files]
"skills/pdf/SKILL.md" = "---\\nname: PDF\\ndescription: Reads PDFs.\\n---\\nText.\\n"
"""


def test_right_wrong_and_missed_are_counted(tmp_path: Path) -> None:
    """One finding is as labelled, one label is not found, one finding is not labelled."""
    (tmp_path / "labels.toml").write_text(LABELS, "utf-8")
    found = evaluate(labelled(tmp_path))
    (score,) = found.scores
    assert (found.cases, score.code, score.right, score.wrong, score.missed) == (2, "CTX401", 1, 1, 1)
    assert (score.precision.value, score.recall.value) == (0.5, 0.5)
    assert [(mistake.kind, mistake.label.file) for mistake in found.mistakes] == [
        ("missed", "skills/doc/SKILL.md"),
        ("wrong", "skills/pdf/SKILL.md"),
    ]


def test_a_case_may_be_a_folder(tmp_path: Path) -> None:
    """Somebody's own repository, with labels beside it."""
    (tmp_path / "labels.toml").write_text('[[case]]\nname="x"\njudged=["CTX"]\nfolder="repo"\n', "utf-8")
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "AGENTS.md").write_text("# Agents\n\nRun the tests.\n", "utf-8")
    assert evaluate(labelled(tmp_path)).mistakes == ()


@pytest.mark.parametrize(
    "text",
    ["[[case]]\n", "case = 1\n", "not toml", '[[case]]\nname="x"\njudged=["CTX"]\nexpect=["CTX401"]\n',
     '[[case]]\nname="x"\njudged=["CTX"]\nnonsense=1\n'],
)  # fmt: skip
def test_labels_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    """What is wrong, in which file."""
    (tmp_path / "labels.toml").write_text(text, "utf-8")
    with pytest.raises(InvalidInput, match=r"labels\.toml"):
        labelled(tmp_path)


def test_a_case_writes_nothing_outside_of_its_folder(tmp_path: Path) -> None:
    """Labels are data of somebody else."""
    (tmp_path / "labels.toml").write_text(
        '[[case]]\nname="x"\njudged=["CTX"]\n[case.files]\n"../../out.md" = "x"\n', "utf-8"
    )
    with pytest.raises(LevError, match="outside"):
        evaluate(labelled(tmp_path))
    with pytest.raises(LevError, match="no labels"):
        labelled(tmp_path / "nowhere")


@given(total=st.integers(1, 10_000), data=st.data())
def test_an_interval_holds_its_share(total: int, data: st.DataObject) -> None:
    """And lies within 0 and 1; more of the same makes it narrower."""
    hits = data.draw(st.integers(0, total))
    rate, more = wilson(hits, total), wilson(hits * 4, total * 4)
    assert rate.low is not None
    assert rate.high is not None
    assert rate.value is not None
    assert 0 <= rate.low <= rate.value + 1e-9
    assert rate.value - 1e-9 <= rate.high <= 1
    assert more.low is not None
    assert more.high is not None
    assert more.high - more.low < rate.high - rate.low


def test_known_intervals() -> None:
    """Figures of the formula's own literature: 10 of 10, and none of none."""
    assert [round(value, 3) for value in wilson(10, 10)] == [1.0, 0.722, 1.0]
    assert wilson(0, 0) == (None, None, None)
