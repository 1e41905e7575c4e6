"""What we say of a SKILL.md beside what the reference validator says."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.check import check

skills_ref = pytest.importorskip("skills_ref", reason="needs skills-ref")

names = st.one_of(
    st.sampled_from(
        ["pdf", "pdf-tools", "PDF", "-pdf", "pdf-", "p--df", "pdf_tools", "a" * 64, "a" * 65, "a.b", "9", "claude"]
    ),
    st.text(st.sampled_from("ab-9_A."), min_size=1, max_size=12),
)
words = st.text(st.sampled_from("abc <>.,"), min_size=1, max_size=40).map(str.strip).filter(bool)
EXTRA = [
    "license: MIT", "metadata:\n  version: '1'", "metadata:\n  version: 1", "compatibility: Linux",
    f"compatibility: {'x' * 501}", "allowed-tools: Read", "version: 1", "model: opus", "author: me",
]  # fmt: skip


def quoted(text: str) -> str:
    """As YAML, in quotes, so that both read the same text."""
    return f'"{text}"'


@st.composite
def heads(draw: st.DrawFn) -> tuple[str, str]:
    """The folder and the head of a skill; about half are valid."""
    name = draw(names)
    folder = name if draw(st.integers(0, 4)) else draw(names)
    lines = [f"name: {quoted(name)}"] if draw(st.integers(0, 9)) else []
    description = draw(st.one_of(words, st.sampled_from(["x" * 1024, "x" * 1025])))
    lines += [f"description: {quoted(description)}"] if draw(st.integers(0, 9)) else []
    lines += draw(st.lists(st.sampled_from(EXTRA), max_size=2, unique_by=lambda line: line.partition(":")[0]))
    return folder, "\n".join(lines) + "\n"


NOT_ITS_OWN = {
    "CTX404": "the specification does not reserve words; Claude's API does",
    "CTX407": "the specification allows tags; Claude's API and Codex do not",
    "CTX409": "the reference validator reads every value as text, so `1` is a string to it",
    "CTX416": "it does not look at the body",
}
"""What we report and the reference validator does not, and why."""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(heads())
def test_valid_to_both_or_to_neither(tmp_path: Path, skill: tuple[str, str]) -> None:
    """A skill has findings, but for those named above, exactly when the reference validator rejects it."""
    folder, head = skill
    place = tmp_path / "skills" / folder
    place.mkdir(parents=True, exist_ok=True)
    (place / "SKILL.md").write_text(f"---\n{head}---\nText.\n")
    found = {item.code for item in check([place], select=["CTX4", "CTX1"]).diagnostics}
    assert bool(found - NOT_ITS_OWN.keys()) == bool(skills_ref.validate(place)), (found, skills_ref.validate(place))


def test_hard_cases(tmp_path: Path) -> None:
    """What fuzzing does not reach: no head, an unclosed one, one that is a list, blank values."""
    cases = [
        "Text.\n",
        "---\nname: pdf\ndescription: x\nText.\n",
        "---\n- a\n---\n",
        "---\nname:\ndescription: x\n---\nT\n",
        '---\nname: pdf\ndescription: ""\n---\nT\n',
    ]
    for number, text in enumerate(cases):
        place = tmp_path / str(number) / "pdf"
        place.mkdir(parents=True)
        (place / "SKILL.md").write_text(text)
        assert skills_ref.validate(place)
        assert check([place], select=["CTX4", "CTX1"]).diagnostics, text
