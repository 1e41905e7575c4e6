"""SKILL.md files: those of other tools load unchanged, ours pass their validator."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
from lev_os.core.contexts import Context


def shipped() -> list[Path]:
    """The skills in the wheel of Pydantic AI."""
    files = metadata.files("pydantic-ai-slim") or []
    return [Path(str(file.locate())) for file in files if file.name == "SKILL.md"]


def test_skills_of_another_wheel_load_unchanged() -> None:
    """Pydantic AI ships several: each keeps its words, its keys and its links."""
    skills = shipped()
    assert len(skills) >= 2
    for path in skills:
        text = path.read_bytes()
        skill = Context.parse(text, path=path)
        assert skill.name == path.parent.name
        assert skill.kind == "skill"
        assert skill.description
        assert text.decode().endswith(skill.text)
        assert not [found for found in skill.references if found.kind == "context" and found.problem]


def test_what_we_call_a_skill_passes_the_specification(tmp_path: Path) -> None:
    """Our keys stay under `metadata` as strings, so the reference validator has nothing to say."""
    skills_ref = pytest.importorskip("skills_ref", reason="needs skills-ref")
    folder = tmp_path / "refund-policy"
    folder.mkdir()
    text = (
        "---\nname: refund-policy\ndescription: When money goes back.\nmetadata:\n"
        '  lev-kind: skill\n  lev-priority: "80"\n  lev-requires: ./contexts/tone\n---\nNever more than was paid.\n'
    )
    (folder / "SKILL.md").write_text(text)
    assert skills_ref.validate(folder) == []
    assert Context.parse(text, path=folder / "SKILL.md").priority == 80
