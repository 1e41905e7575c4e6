"""What `lev export` writes: all or nothing, only its own, and nothing of a person's is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.core.canonical import digest_bytes
from lev_os.core.errors import InvalidInput, LevError
from lev_os.export.target import Rendered
from lev_os.export.writing import committing, plan, write
from lev_os.export.writing.blocks import BEGIN, END
from lev_os.export.writing.committing import STAGING, Operation, commit, recover
from lev_os.export.writing.record import NAME, read_record


def files(**contents: str) -> dict[str, Rendered]:
    return {"t": Rendered({name.replace("__", "/"): text.encode() for name, text in contents.items()})}


def block(text: str, path: str = "AGENTS.md") -> dict[str, Rendered]:
    return {"t": Rendered(blocks={path: text})}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != NAME
    }


def actions(folder: Path, wanted: Mapping[str, Rendered]) -> dict[str, str]:
    return {change.path: change.action for change in write(folder, wanted).changes if change.path != NAME}


def test_the_second_time_changes_nothing(tmp_path: Path) -> None:
    """The same files again, and the same record."""
    wanted = {"t": Rendered({"a/b.md": b"b\r\n", "c": b""}, blocks={"AGENTS.md": "read b"})}
    assert set(actions(tmp_path, wanted).values()) == {"create"}
    before = tree(tmp_path), (tmp_path / NAME).read_bytes()
    assert write(tmp_path, wanted).operations == ()
    assert (tree(tmp_path), (tmp_path / NAME).read_bytes()) == before


def test_what_is_no_longer_wanted_goes_with_its_folders(tmp_path: Path) -> None:
    """Of ours; what people put beside it stays."""
    write(tmp_path, files(a__b__c="1", a__x="2"))
    (tmp_path / "a" / "mine").write_text("mine")
    assert actions(tmp_path, files(z="3")) == {"a/b/c": "remove", "a/x": "remove", "z": "create"}
    assert tree(tmp_path) == {"a/mine": b"mine", "z": b"3"}
    assert not (tmp_path / "a" / "b").exists()


def test_a_file_of_somebody_is_not_replaced(tmp_path: Path) -> None:
    """All of them are named, and nothing at all is written."""
    (tmp_path / "a").write_text("mine")
    (tmp_path / "b").write_text("mine too")
    with pytest.raises(LevError) as caught:
        write(tmp_path, files(a="1", b="2", c="3"))
    assert "2 files" in str(caught.value)
    assert "a is not from" in str(caught.value)
    assert "b is not from" in str(caught.value)
    assert tree(tmp_path) == {"a": b"mine", "b": b"mine too"}
    write(tmp_path, files(a="1", b="2", c="3"), force=True)
    assert tree(tmp_path) == {"a": b"1", "b": b"2", "c": b"3"}


def test_a_file_that_is_what_is_wanted_becomes_ours(tmp_path: Path) -> None:
    """A clone without the record does not need --force."""
    write(tmp_path, files(a="1"))
    (tmp_path / NAME).unlink()
    assert actions(tmp_path, files(a="1")) == {}
    assert actions(tmp_path, files(a="2")) == {"a": "update"}


def test_a_file_that_was_there_before_is_never_removed(tmp_path: Path) -> None:
    """It is as wanted because it is what the export is made from: a skill in a package that lies where exports go."""
    (tmp_path / "a").write_text("1")
    write(tmp_path, files(a="1", b="1"))
    write(tmp_path, files(a="1", b="1"))
    assert actions(tmp_path, files()) == {"a": "keep", "b": "remove"}
    assert tree(tmp_path) == {"a": b"1"}


def test_an_edit_of_ours_is_kept(tmp_path: Path) -> None:
    """Until --force; and when it is no longer wanted, it stays for good."""
    write(tmp_path, files(a="1"))
    (tmp_path / "a").write_text("1, edited")
    with pytest.raises(LevError, match="was changed after"):
        write(tmp_path, files(a="2"))
    assert actions(tmp_path, files(b="2")) == {"a": "keep", "b": "create"}
    assert tree(tmp_path) == {"a": b"1, edited", "b": b"2"}


def test_targets_do_not_remove_each_other(tmp_path: Path) -> None:
    """A file of two targets goes when neither wants it."""
    both = Rendered({"shared": b"1"})
    write(tmp_path, {"x": both, "y": Rendered({"shared": b"1", "y": b"2"})})
    write(tmp_path, {"x": Rendered()})
    assert tree(tmp_path) == {"shared": b"1", "y": b"2"}
    write(tmp_path, {"y": Rendered()})
    assert tree(tmp_path) == {}
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize(
    "before",
    [
        b"# Ours\n\nText.\n",
        b"# No line end",
        b"\xef\xbb\xbf# A mark\r\n\r\nCRLF.\r\n",
        b"\xef\xbb\xbfCRLF, no end\r\nx",
        b"\n\n\n",
        "# Ünï\u2028code\n".encode(),
    ],
)
def test_a_block_leaves_the_rest_byte_for_byte(before: bytes, tmp_path: Path) -> None:
    """Put in, replaced, and taken out again."""
    file = tmp_path / "AGENTS.md"
    file.write_bytes(before)
    write(tmp_path, block("one\ntwo"))
    first = file.read_bytes()
    assert first.startswith(before)
    assert (b"one\r\ntwo" in first) == (b"\r\n" in before)
    assert (b"\n" in first.replace(b"\r\n", b"")) == (b"\r\n" not in before)
    write(tmp_path, block("three"))
    assert file.read_bytes() == first.replace(b"one\r\ntwo", b"three").replace(b"one\ntwo", b"three")
    write(tmp_path, {"t": Rendered()})
    assert file.read_bytes() == before


def test_text_around_a_block_may_change(tmp_path: Path) -> None:
    """It is not ours to look at."""
    write(tmp_path, block("one"))
    file = tmp_path / "AGENTS.md"
    file.write_text("before\n" + file.read_text() + "after\n")
    write(tmp_path, block("two"))
    assert file.read_text() == f"before\n{BEGIN}\ntwo\n{END}\nafter\n"
    write(tmp_path, {"t": Rendered()})
    assert file.read_text() == "before\nafter\n"


def test_an_edit_inside_a_block_is_not_replaced(tmp_path: Path) -> None:
    """Somebody wrote it there."""
    write(tmp_path, block("one"))
    file = tmp_path / "AGENTS.md"
    file.write_text(file.read_text().replace("one", "one, and mine"))
    with pytest.raises(LevError, match="between its markers"):
        write(tmp_path, block("two"))
    assert "mine" in file.read_text()
    write(tmp_path, block("two"), force=True)
    assert file.read_text() == f"{BEGIN}\ntwo\n{END}\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{BEGIN}\nx\n",
        f"x\n{END}\n",
        f"{END}\n{BEGIN}\n",
        f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n",
        f"{BEGIN}\n{BEGIN}\n{END}",
    ],
)
def test_broken_markers_are_an_error(text: str, tmp_path: Path) -> None:
    """With their lines; which of them was meant, only a person knows."""
    (tmp_path / "AGENTS.md").write_text(text)
    with pytest.raises(InvalidInput, match="EXP102"):
        write(tmp_path, block("two"), force=True)
    assert (tmp_path / "AGENTS.md").read_text() == text


def test_a_file_that_is_no_text_gets_no_block(tmp_path: Path) -> None:
    """UTF-16, for one."""
    (tmp_path / "AGENTS.md").write_bytes("text".encode("utf-16"))
    with pytest.raises(InvalidInput, match=r"AGENTS.md:1:1 EXP101"):
        write(tmp_path, block("two"), force=True)


@pytest.mark.parametrize(
    "path", ["../a", "/a", "a/../b", "a//b", "", "a\\b", "C:a", "con.txt", "a.", "a\x00b", "a/b ", "a*b", "x\u202ey"]
)
def test_names_that_some_file_system_refuses(path: str, tmp_path: Path) -> None:
    """Before anything is written."""
    with pytest.raises(LevError):
        write(tmp_path, {"t": Rendered({"fine": b"", path: b""})})
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(("one", "other"), [("a/B", "a/b"), ("A/x", "a/y"), ("straße", "STRASSE"), ("é", "e\u0301")])
def test_names_that_differ_only_in_case_are_refused(one: str, other: str, tmp_path: Path) -> None:
    """On many file systems the second would replace the first."""
    with pytest.raises(LevError, match="differ only in case"):
        write(tmp_path, {"t": Rendered({one: b"1", other: b"2"})})
    assert tree(tmp_path) == {}


def test_a_name_that_differs_in_case_from_what_is_there(tmp_path: Path) -> None:
    """`agents.md` belongs to somebody, and is the same file on many file systems."""
    (tmp_path / "agents.md").write_text("mine")
    with pytest.raises(LevError, match=r"AGENTS.md cannot be written beside agents.md"):
        write(tmp_path, block("x"), force=True)


def test_folders_and_files_in_each_others_places(tmp_path: Path) -> None:
    """Neither is replaced, not even with --force."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").write_text("mine")
    for wanted in (files(a="1"), files(b__c="1")):
        with pytest.raises(LevError, match="cannot be written"):
            write(tmp_path, wanted, force=True)


def test_a_pipe_in_the_place_of_a_file(tmp_path: Path) -> None:
    """It is neither read, which would never end, nor replaced."""
    os.mkfifo(tmp_path / "a")
    with pytest.raises(LevError, match="something that is no file is there"):
        write(tmp_path, files(a="1"), force=True)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """Also with --force, and for blocks."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "AGENTS.md").write_text("theirs")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "skills").symlink_to(outside)
    (inside / "AGENTS.md").symlink_to(outside / "AGENTS.md")
    for wanted in (files(skills__x="1"), block("x")):
        with pytest.raises(LevError, match="leads out of"):
            write(inside, wanted, force=True)
    assert tree(outside) == {"AGENTS.md": b"theirs"}


def test_a_link_to_a_folder_inside_leads_nowhere_new(tmp_path: Path) -> None:
    """Other tools link skills into `.venv`; what is installed there is not written to."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / "skills").symlink_to(".venv")
    with pytest.raises(LevError, match=r"skills/x would be written to .venv/x"):
        write(tmp_path, files(skills__x="1"))
    assert tree(tmp_path / ".venv") == {}


def test_one_instruction_file_linked_to_another_gets_one_block(tmp_path: Path) -> None:
    """`CLAUDE.md -> AGENTS.md` is what many people do."""
    (tmp_path / "AGENTS.md").write_text("# Ours\n")
    (tmp_path / "CLAUDE.md").symlink_to("AGENTS.md")
    write(tmp_path, {"t": Rendered(blocks={"AGENTS.md": "x", "CLAUDE.md": "x"})})
    assert (tmp_path / "CLAUDE.md").is_symlink()
    assert (tmp_path / "AGENTS.md").read_text() == f"# Ours\n\n{BEGIN}\nx\n{END}\n"
    write(tmp_path, {"t": Rendered(blocks={"AGENTS.md": "x", "CLAUDE.md": "x\n\ny"})})
    assert (tmp_path / "AGENTS.md").read_text() == f"# Ours\n\n{BEGIN}\nx\n\ny\n{END}\n"
    with pytest.raises(LevError, match="wanted with two contents"):
        write(tmp_path, {"t": Rendered(blocks={"AGENTS.md": "x", "CLAUDE.md": "y"})})


def test_two_targets_that_disagree(tmp_path: Path) -> None:
    """Neither is right."""
    with pytest.raises(LevError, match="two contents, by x and y"):
        write(tmp_path, {"x": Rendered({"a": b"1"}), "y": Rendered({"a": b"2"})})


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    """A merge conflict, or a record of a later version."""
    (tmp_path / NAME).write_text("<<<<<<< HEAD\n")
    with pytest.raises(LevError, match="cannot be read"):
        write(tmp_path, files(a="1"))
    (tmp_path / NAME).write_text('{"format": 2}')
    with pytest.raises(LevError, match="has format 2"):
        write(tmp_path, files(a="1"))
    (tmp_path / NAME).write_text('{"files": {"../x": {"digest": "sha256:0", "targets": ["t"]}}}')
    with pytest.raises(LevError, match=r"'../x' cannot be exported"):
        write(tmp_path, files(a="1"))


def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    """It is what --check looks at."""
    (tmp_path / "b").write_text("mine")
    found = plan(tmp_path / "new", files(a="1"))
    assert [change.path for change in found.changes] == ["a", NAME]
    assert [path for path, _ in plan(tmp_path, files(b="1")).conflicts] == ["b"]
    assert tree(tmp_path) == {"b": b"mine"}
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("number", range(5))
def test_a_failure_leaves_everything_as_it_was(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the changes fails: a full disk, a folder that may not be written."""
    base = tmp_path / "base"
    write(base, files(a="1", b="2", gone__x="3"))
    before = tree(base), (base / NAME).read_bytes()
    real, calls = os.replace, [0]

    def replace(source: Path, target: Path) -> None:
        calls[0] += 1
        if calls[0] == number + 2:  # the first puts the undo file in its place
            raise OSError(30, "Read-only file system", str(target))
        real(source, target)

    monkeypatch.setattr(committing.os, "replace", replace)
    wanted = files(a="1a", b="2b", new__c="4", new__d="5")
    with pytest.raises(OSError, match="Read-only"):
        write(base, wanted)
    assert (tree(base), (base / NAME).read_bytes()) == before
    assert not (base / "new").exists()
    assert not (base / STAGING).exists()


def test_a_folder_that_was_not_there_goes_when_nothing_comes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the folders above it that had to be made."""

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(committing, "_apply", fail)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path / "x" / "y", files(a="1"))
    assert not (tmp_path / "x").exists()


def test_a_file_that_changes_meanwhile_stops_it(tmp_path: Path) -> None:
    """Between looking and writing."""
    (tmp_path / "a").write_text("old")
    with pytest.raises(LevError, match="a has changed meanwhile"):
        commit(tmp_path, [Operation("b", b"1", None), Operation("a", b"2", "sha256:0")])
    assert tree(tmp_path) == {"a": b"old"}


_KILLED = """
    import os, signal, sys
    from pathlib import Path
    from lev_os.export.target import Rendered
    from lev_os.export.writing import committing, write

    real, left = os.replace, [int(sys.argv[2])]
    def replace(source, target):
        if left[0] == 0:
            os.kill(os.getpid(), getattr(signal, sys.argv[3]))
        left[0] -= 1
        real(source, target)
    committing.os.replace = replace
    write(Path(sys.argv[1]), {"t": Rendered({"a": b"1a", "b": b"2b", "c/d": b"3"})})
"""


def _killed(base: Path, after: int, with_: str) -> int:
    code = textwrap.dedent(_KILLED)
    return subprocess.run([sys.executable, "-c", code, str(base), str(after), with_], check=False).returncode


@pytest.mark.parametrize("after", range(5))
def test_a_killed_command_is_put_back_by_the_next(after: int, tmp_path: Path) -> None:
    """No file is ever half written; what had changed is put back, and then all is written."""
    write(tmp_path, files(a="1", b="2", e="4"))
    before = tree(tmp_path)
    assert _killed(tmp_path, after, "SIGKILL") == -signal.SIGKILL
    assert (tmp_path / STAGING).is_dir()
    recover(tmp_path)
    assert tree(tmp_path) == before
    assert not (tmp_path / STAGING).exists()
    assert not (tmp_path / "c").exists()
    write(tmp_path, files(a="1a", b="2b", c__d="3"))
    assert tree(tmp_path) == {"a": b"1a", "b": b"2b", "c/d": b"3"}


def test_what_a_person_did_after_the_kill_is_kept(tmp_path: Path) -> None:
    """Neither the old nor the new: somebody has written it since."""
    write(tmp_path, files(a="1", b="2"))
    _killed(tmp_path, 3, "SIGKILL")
    (tmp_path / "a").write_text("mine")
    recover(tmp_path)
    assert tree(tmp_path) == {"a": b"mine", "b": b"2"}


def test_an_ordinary_signal_waits_until_all_is_in_its_place(tmp_path: Path) -> None:
    """Ctrl-C and the end of a session come a few milliseconds later."""
    write(tmp_path, files(a="1", b="2"))
    assert _killed(tmp_path, 2, "SIGTERM") == -signal.SIGTERM
    left = {path: data for path, data in tree(tmp_path).items() if not path.startswith(STAGING)}
    assert left == {"a": b"1a", "b": b"2b", "c/d": b"3"}
    recover(tmp_path)
    assert tree(tmp_path) == {"a": b"1a", "b": b"2b", "c/d": b"3"}


def test_an_interrupted_command_leaves_nothing_to_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C just when the files are about to change their places comes after that."""
    monkeypatch.setattr(committing, "sync_folder", lambda folder: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, files(a="1"))
    assert tree(tmp_path) == {"a": b"1"}
    assert not (tmp_path / STAGING).exists()


def test_two_at_once_do_not_meet(tmp_path: Path) -> None:
    """The second is told to wait."""
    with committing._staging(tmp_path), pytest.raises(LevError, match="another `lev export`"):
        write(tmp_path, files(a="1"))


def test_scripts_may_be_run_and_modes_stay(tmp_path: Path) -> None:
    """A file that was made private stays private."""
    write(tmp_path, {"t": Rendered({"run.sh": b"x", "a": b"1"}, executable=frozenset({"run.sh"}))})
    assert os.access(tmp_path / "run.sh", os.X_OK)
    assert not os.stat(tmp_path / "a").st_mode & 0o111
    (tmp_path / "a").chmod(0o600)
    write(tmp_path, files(a="2"))
    assert os.stat(tmp_path / "a").st_mode & 0o777 == 0o600


NAMES = st.sampled_from(["a", "d/b", "d/e/c"])
TEXTS = st.sampled_from(["1", "2", "3"])
WANTED = st.dictionaries(NAMES, TEXTS)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(WANTED, st.none() | WANTED, st.dictionaries(NAMES, TEXTS)), max_size=5))
def test_whatever_happens_nothing_of_a_person_is_lost(
    rounds: list[tuple[dict[str, str], dict[str, str] | None, dict[str, str]]],
) -> None:
    """Two targets and a person, in any order: an export is refused whole, or the person's bytes are still there."""
    with tempfile.TemporaryDirectory() as made:
        base = Path(made)
        theirs: dict[str, str] = {}
        for first, second, edits in rounds:
            ours = read_record((base / NAME).read_bytes() if (base / NAME).exists() else None, NAME).files
            for path, text in edits.items():
                (base / path).parent.mkdir(parents=True, exist_ok=True)
                (base / path).write_text(text)
                theirs[path] = text
            # What a person writes just as we had it cannot be told from ours.
            for path in [path for path in theirs if path in ours and ours[path].digest == digest_of(theirs[path])]:
                del theirs[path]
            wanted = {"x": first} | ({"y": second} if second is not None else {})
            before = tree(base)
            try:
                write(base, {name: Rendered(encoded(texts)) for name, texts in wanted.items()})
            except LevError:
                assert tree(base) == before
            else:
                assert all(encoded(texts).items() <= tree(base).items() for texts in wanted.values())
                theirs = {
                    path: text for path, text in theirs.items() if path not in first.keys() | (second or {}).keys()
                }
            assert encoded(theirs).items() <= tree(base).items()


def encoded(texts: Mapping[str, str]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in texts.items()}


def digest_of(text: str) -> str:
    return digest_bytes(text.encode())
