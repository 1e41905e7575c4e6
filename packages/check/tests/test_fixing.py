"""`--fix`: worked out in memory, written in one step, and never half."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.check import Edit, Fix
from lev_os.check.engine import Checker
from lev_os.check.fixing import Fixed, apply, work_out
from lev_os.check.fixing import write as write_fixed
from lev_os.core import writing

Write = Callable[..., Path]
HIDDEN = "---\nname: pdf\ndescription: Reads PDFs. Use it for PDFs.\n---\nRead\u200b the\u200b file.\n"
VISIBLE = HIDDEN.replace("\u200b", "")


def fixed(**options: bool) -> list[Fixed]:
    return work_out(Checker(), ["."], **options)


def test_only_safe_fixes_unless_asked_for(write: Write) -> None:
    """Removing a character that might be meant is for a person to look at."""
    file = write("skills/pdf/SKILL.md", HIDDEN)
    assert fixed() == []
    [item] = fixed(unsafe=True)
    assert (item.name, item.after, item.count) == ("skills/pdf/SKILL.md", VISIBLE, 2)
    assert file.read_text() == HIDDEN  # nothing is written yet


def test_the_diff(write: Write) -> None:
    """What `--diff` prints can be applied by `patch`."""
    write("skills/pdf/SKILL.md", HIDDEN)
    [item] = fixed(unsafe=True)
    lines = item.diff().splitlines()
    assert lines[:2] == ["--- a/skills/pdf/SKILL.md", "+++ b/skills/pdf/SKILL.md"]
    assert lines[-2:] == ["-Read\u200b the\u200b file.", "+Read the file."]


@pytest.mark.parametrize("line", ["a\u2028b", "a\fb", "a\x85b", "a\rb"])
def test_lines_of_the_diff_end_where_patch_ends_them(write: Write, line: str) -> None:
    """And not at the other characters that Python counts as ends of lines."""
    file = write("skills/pdf/SKILL.md", f"{HIDDEN}{line}\nmore")
    [item] = fixed(unsafe=True)
    subprocess.run(["patch", "-s", "-p1", "--binary"], input=item.diff().encode(), check=True)
    assert file.read_bytes() == item.after.encode()


def test_windows_line_ends_stay_the_only_ones() -> None:
    """What a fix puts in ends its lines as the file does."""
    fix = Fix("a line more", (Edit(1, 1, "\n  b\r\n"),))
    assert apply("a\r\nc", [fix]) == ("a\r\n  b\r\n\r\nc", 1)
    assert apply("a\nc", [Fix("a line more", (Edit(1, 1, "\n  b"),))]) == ("a\n  b\nc", 1)


def test_a_file_that_changed_meanwhile_stays(write: Write) -> None:
    """Between the check and the writing somebody has saved it."""
    file = write("skills/pdf/SKILL.md", HIDDEN)
    items = fixed(unsafe=True)
    file.write_text("mine")
    written, changed = write_fixed(items)
    assert (written, changed) == ([], items)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("step", ["open", "fsync", "chmod", "replace"])
def test_interrupted(write: Write, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Wherever it stops, every file is as it was or as it should become, and nothing else lies about."""
    first = write("skills/pdf/SKILL.md", HIDDEN)
    second = write("skills/tables/SKILL.md", HIDDEN.replace("name: pdf", "name: tables"))
    items = fixed(unsafe=True)
    calls = []

    def at_second(real: Callable[..., object]) -> Callable[..., object]:
        def stopped(*arguments: object, **options: object) -> object:
            calls.append(step)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return real(*arguments, **options)

        return stopped

    if step == "open":
        monkeypatch.setattr(writing, "open", at_second(open), raising=False)
    elif step == "chmod":
        monkeypatch.setattr(Path, "chmod", at_second(Path.chmod))
    else:
        monkeypatch.setattr(os, step, at_second(getattr(os, step)))
    with pytest.raises(KeyboardInterrupt):
        write_fixed(items)
    assert first.read_text() == VISIBLE
    assert second.read_text() == items[1].before
    assert [path.name for path in second.parent.iterdir()] == ["SKILL.md"]


def test_a_link_stays_a_link_and_a_mode_a_mode(write: Write) -> None:
    """The file behind it is written."""
    real = write("real/notes.md", HIDDEN)
    real.chmod(0o640)
    link = Path("skills/pdf/SKILL.md")
    link.parent.mkdir(parents=True)
    link.symlink_to(real)
    write_fixed(fixed(unsafe=True))
    assert link.is_symlink()
    assert real.read_text() == VISIBLE
    assert real.stat().st_mode & 0o777 == 0o640


texts = st.text("abc\n", max_size=20)
edits = st.builds(
    lambda start, length, text: Edit(start, start + length, text),
    st.integers(0, 22),
    st.integers(0, 6),
    st.text("xyz", max_size=3),
)
fixes = st.lists(st.builds(lambda made: Fix("", tuple(made)), st.lists(edits, min_size=1, max_size=2)), max_size=5)


@given(texts, fixes)
def test_edits_never_meet(text: str, given_fixes: list[Fix]) -> None:
    """Whatever is proposed, what is not replaced stays, in its order; nothing is replaced twice."""
    after, count = apply(text, given_fixes)
    assert 0 <= count <= len(given_fixes)
    inserted = {"x", "y", "z"}
    left = [character for character in after if character not in inserted]
    source = iter(text)
    assert all(character in source for character in left)  # a subsequence
    assert count > 0 or after == text
