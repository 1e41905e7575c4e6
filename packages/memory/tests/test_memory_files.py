"""A folder of Markdown files: the files are the truth, whoever changes them."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.core import LevError
from lev_os.core.errors import InvalidInput
from lev_os.memory import MemoryManager, Record, Scope, StoreProblem, Unsupported
from lev_os.memory.backends.files.document import read_document, write_document
from lev_os.memory.backends.sqlite import schema
from lev_os.memory.types import MEMORY_TYPES, Change

ADA = Scope(tenant="acme", user="ada")
MAY = datetime(2026, 5, 7, tzinfo=UTC)


PUT = '{"op": "put", "at": "2026-05-07T12:00:00Z"}'
RETRACT = '{"op": "retract", "at": "2026-05-08T12:00:00Z"}'
SUPERSEDE = '{"op": "supersede", "at": "2026-05-08T12:00:00Z", "by": "y", "valid_to": "2026-05-08T12:00:00Z"}'


def logged(*entries: str) -> bytes:
    """A file with these entries in its log."""
    log = "".join(f"  - {entry}\n" for entry in entries)
    return f'---\nid: x\nscope: {{"tenant": "acme"}}\nlog:\n{log}---\ntea\n'.encode()


def url(folder: Path) -> str:
    return f"files:///{folder}"


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.md"))


def test_a_record_is_a_file_that_people_can_read(tmp_path: Path) -> None:
    """Its fields and its history are frontmatter, its text is the rest."""
    with MemoryManager.open_sync(url(tmp_path), embedder=None, clock=lambda: MAY) as memory:
        (id,) = memory.put([Record(type="semantic", text="Ada drinks tea.\n\n- green\n", pinned=True)], scope=ADA)
    (file,) = files(tmp_path)
    assert file == tmp_path / "acme" / "semantic" / f"{id}.md"
    assert file.read_text(encoding="utf-8") == (
        f'---\nid: "{id}"\ntype: "semantic"\nscope: {{"tenant":"acme","user":"ada"}}\npinned: true\n'
        'log:\n  - {"at":"2026-05-07T00:00:00Z","op":"put"}\n---\nAda drinks tea.\n\n- green\n\n'
    )


plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
numbers = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | numbers | plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3),
    max_leaves=8,
)
records = st.builds(
    Record,
    type=st.sampled_from(MEMORY_TYPES),
    text=plain | st.just("---\n---\n\n\n"),
    data=anything,
    subject=st.none() | plain,
    sources=st.lists(plain, max_size=2),
    session=st.none() | plain.filter(bool),
    sequence=st.none() | st.integers(0, 99),
    ttl=st.none() | st.floats(1, 1e9),
    trust=st.floats(0, 1),
    valid_from=st.none() | st.datetimes(),
)


@given(records, plain)
def test_a_file_holds_everything_of_a_record(record: Record, reason: str) -> None:
    """Whatever a record holds, its file gives it back, to the last character."""
    scope = Scope(tenant="acme", session=record.session)
    log = [
        Change(op="put", id="1", scope=scope, at=MAY, record=record, expects=0),
        Change(op="supersede", id="1", scope=scope, at=MAY, by="2", valid_to=MAY, reason=reason, expects=1),
    ]
    assert read_document(write_document(log), "x.md") == log


def test_what_people_do_to_the_files_counts(tmp_path: Path) -> None:
    """A text that is edited, a file that is deleted, one from elsewhere: all is seen when it is opened again."""
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        memory.put([Record(text="Ada drinks tea"), Record(text="Ada sings")], scope=ADA)
    tea, sings = sorted(files(tmp_path), key=lambda file: "sings" in file.read_text(encoding="utf-8"))
    tea.write_text(tea.read_text(encoding="utf-8").replace("tea", "coffee"), encoding="utf-8")
    copy = sings.read_text(encoding="utf-8").replace(sings.stem, "by-hand").replace("sings", "paints")
    sings.with_name("by-hand.md").write_text(copy.replace('"episodic"', "episodic  # YAML"), encoding="utf-8")
    sings.unlink()
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        found = {record.id: record.text for record in memory.query(scope=ADA).records}
        assert found == {tea.stem: "Ada drinks coffee", "by-hand": "Ada paints"}
        assert [hit.record.text for hit in memory.search("coffee", scope=ADA, k=1)] == ["Ada drinks coffee"]
        assert memory.problems == []


def test_an_index_that_is_gone_or_damaged_is_made_again(tmp_path: Path) -> None:
    """Everything is in the files: history, erasures and all."""
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        old, gone = memory.put([Record(text="Ada drinks tea"), Record(text="secret")], scope=ADA)
        memory.supersede(old, Record(text="Ada drinks coffee"), scope=ADA, reason="told")
        memory.erase(gone, scope=ADA)
        before = sorted(memory.export(scope=ADA))
    for damage in (lambda file: file.unlink(), lambda file: file.write_bytes(os.urandom(5000))):
        for file in (tmp_path / ".index").glob("memory.db*"):
            damage(file)
        with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
            assert sorted(memory.export(scope=ADA)) == before
            assert [hit.record.text for hit in memory.search("Ada drinks", scope=ADA)] == ["Ada drinks coffee"]


@pytest.mark.parametrize("seed", range(6))
def test_an_index_that_is_damaged_somewhere_is_made_again(tmp_path: Path, seed: int) -> None:
    """Whatever SQLite complains of, and when: the files are the truth."""
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        memory.put([Record(text=f"tea {number}") for number in range(60)], scope=ADA)
    file = tmp_path / ".index" / "memory.db"
    dice, data = random.Random(seed), bytearray(file.read_bytes())
    for _ in range(60):
        at = dice.randrange(seed % 2 * 4096, len(data) - 40)
        data[at : at + 40] = dice.randbytes(40)
    file.write_bytes(data)
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        assert memory.stats(scope=ADA).records == 60


def test_an_index_that_somebody_uses_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not damaged; the one that comes later is told to wait."""
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.1)
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        memory.put([Record(text="tea")], scope=ADA)
    edited = files(tmp_path)[0]
    edited.write_bytes(edited.read_bytes().replace(b"tea", b"green tea"))
    index = tmp_path / ".index" / "memory.db"
    before = index.stat().st_ino
    with contextlib.closing(sqlite3.connect(index)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreProblem, match="in use"), MemoryManager.open_sync(url(tmp_path), embedder=None):
            pass
    assert index.stat().st_ino == before


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "does not begin with frontmatter"),
        (b"\xff\xfe", "not UTF-8"),
        (b"---\nid: 1\n", "never closed"),
        (b"---\nid: [\n---\n", ""),
        (b"---\nid: x\n---\n", "lacks `scope`"),
        (b'---\nid: x\nscope: {"tenant": ""}\nlog: []\n---\n', "tenant"),
        (b'---\nid: x\nscope: {"tenant": "a"}\nlog: []\n---\n', "neither"),
        (logged(PUT, PUT), "lacks `record`"),
        (logged(PUT, '{"op": "supersede", "at": "2026-05-08T12:00:00Z"}'), "lacks `by`"),
        (logged(PUT, RETRACT, SUPERSEDE), "does not hold together"),
        (logged(PUT, SUPERSEDE, SUPERSEDE), "does not hold together"),
        (logged(PUT, SUPERSEDE.replace('"y"', '"x"')), "by itself"),
        (logged(PUT, RETRACT.replace("2026", "2025")), "goes back in time"),
        (logged('{"op": "erase", "at": "2026-05-07T12:00:00Z"}', RETRACT), "`erase` the last"),
        (logged(PUT).replace(b"id: x", b'id: ""'), "lacks `id`"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_the_rest_works(tmp_path: Path, content: bytes, why: str) -> None:
    """Its record stays as it was last known; nothing else is affected; the file is left alone."""
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        memory.put([Record(text="Ada drinks tea"), Record(text="Ada sings")], scope=ADA)
    broken = files(tmp_path)[0]
    broken.write_bytes(content)
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        assert len(memory.query(scope=ADA).records) == 2
        problem = memory.problems[0]
        assert why in problem.message
        assert str(problem.at).startswith(str(broken.relative_to(tmp_path)))
    assert broken.read_bytes() == content
    with pytest.raises(InvalidInput):
        read_document(content, "x.md")


def test_a_note_that_lies_elsewhere_is_named(tmp_path: Path) -> None:
    """It is no record, and nobody should think it was one; a README is about the folder."""
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        memory.put([Record(text="Ada drinks tea")], scope=ADA)
    (tmp_path / "README.md").write_text("what this is")
    (tmp_path / ".draft").mkdir()
    (tmp_path / ".draft" / "x.md").write_text("hidden")
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        assert memory.problems == []
    (tmp_path / "idea.md").write_text("Ada paints")
    (tmp_path / "acme" / "idea.md").write_text("Ada sings")
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        (problem,) = memory.problems
        assert (problem.code, str(problem.at), "others (1)" in problem.message) == ("MEM305", "idea.md", True)
        assert memory.stats(scope=ADA).records == 1


def test_a_failed_write_changes_nothing(tmp_path: Path) -> None:
    """When one of several files cannot be written, none is, and the index knows none."""
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        memory.put([Record(text="Ada drinks tea")], scope=ADA)
        (tmp_path / "acme" / "semantic").write_bytes(b"a file where a folder should be")
        with pytest.raises((StoreProblem, LevError)):
            memory.put([Record(text="new"), Record(type="semantic", text="newer")], scope=ADA)
        assert memory.stats(scope=ADA).records == 1
    assert len(files(tmp_path)) == 1


def test_no_link_leads_out(tmp_path: Path) -> None:
    """A folder that is a link is neither written through nor read."""
    inside, outside = tmp_path / "memory", tmp_path / "outside"
    (outside / "episodic").mkdir(parents=True)
    with MemoryManager.open_sync(url(inside), embedder=None) as memory:
        (inside / "acme").symlink_to(outside)
        with pytest.raises(LevError, match="is a link"):
            memory.put([Record(text="tea")], scope=ADA)
        assert list((outside / "episodic").iterdir()) == []


def test_names_that_are_paths_stay_inside(tmp_path: Path) -> None:
    """Tenants and imported ids that try to be paths become digests."""
    folder = tmp_path / "memory"
    with MemoryManager.open_sync(url(folder), embedder=None) as memory:
        evil = Scope(tenant="../../evil")
        memory.put([Record(text="tea")], scope=evil)
        lines = [
            line.replace(memory.query(scope=evil).records[0].id, "../../../x") for line in memory.export(scope=evil)
        ]
        memory.import_(lines, scope=Scope(tenant="con"))
        assert memory.get("../../../x", scope=Scope(tenant="con")) is not None
    assert [path.name for path in tmp_path.iterdir()] == ["memory"]
    assert all(path.resolve().is_relative_to(folder) for path in files(folder))
    assert len(files(folder)) == 2


def test_erasing_leaves_no_byte(tmp_path: Path) -> None:
    """Neither the files nor the index hold anything of it."""
    with MemoryManager.open_sync(url(tmp_path)) as memory:
        (id,) = memory.put([Record(text="Zanzibar quixotic")], scope=ADA)
        memory.retract(id, scope=ADA, reason="Kumquats")
        memory.erase(id, scope=ADA)
        left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert not any(mark in left for mark in (b"anzibar", b"quixot", b"umquats"))


def test_what_a_killed_process_was_writing_does_not_stay(tmp_path: Path) -> None:
    """It holds a text that nobody could erase."""
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        memory.put([Record(text="tea")], scope=ADA)
    unfinished = tmp_path / "acme" / "episodic" / ".x.md.123.tmp"
    unfinished.write_text("Zanzibar")
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        assert memory.stats(scope=ADA).records == 1
    assert not unfinished.exists()


def test_a_folder_can_be_copied(tmp_path: Path) -> None:
    """The Markdown files alone, without the index, are the whole memory."""
    with MemoryManager.open_sync(url(tmp_path / "a"), embedder=None) as memory:
        memory.put([Record(text="tea")], scope=ADA)
        before = list(memory.export(scope=ADA))
    shutil.copytree(tmp_path / "a", tmp_path / "b", ignore=shutil.ignore_patterns(".index"))
    with MemoryManager.open_sync(url(tmp_path / "b"), embedder=None) as memory:
        assert list(memory.export(scope=ADA)) == before


def test_an_index_that_is_behind_brings_no_disorder(tmp_path: Path) -> None:
    """What a killed migration had written is read in the order in which it was recorded, also what one call put."""
    folder, index = tmp_path / "memory", tmp_path / "memory" / ".index"
    with MemoryManager.open_sync("memory://", embedder=None) as source:
        source.put([Record(text=f"tea {n}") for n in range(60)], scope=ADA)
        lines = list(source.export(scope=ADA))
    with MemoryManager.open_sync(url(folder), embedder=None) as memory:
        memory.import_(lines[:20], scope=ADA)
    shutil.copytree(index, tmp_path / "before")
    with MemoryManager.open_sync(url(folder), embedder=None) as memory:
        memory.import_(lines[:40], scope=ADA)
    shutil.rmtree(index)
    (tmp_path / "before").rename(index)
    with MemoryManager.open_sync(url(folder), embedder=None) as memory:
        memory.import_(lines, scope=ADA)
        assert list(memory.export(scope=ADA)) == lines
    shutil.rmtree(index)
    with MemoryManager.open_sync(url(folder), embedder=None) as memory:
        assert list(memory.export(scope=ADA)) == lines


def git(folder: Path, *arguments: str) -> str:
    """What git says of a folder."""
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Git as it is on a new machine: it knows nobody's name."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_nobody")
def test_each_batch_of_changes_can_be_a_commit(tmp_path: Path) -> None:
    """Its message says what was done to which files, and nothing that is in them; edits by people are taken in."""
    folder = tmp_path / "memory"
    with MemoryManager.open_sync(url(folder) + "?commit=1", embedder=None) as memory:
        tea, coffee = memory.put([Record(text="Ada drinks tea"), Record(text="Ada drinks coffee")], scope=ADA)
        memory.put([Record(text="Ada drinks tea")], scope=ADA)  # which is there
        memory.retract(tea, scope=ADA, reason="told me so")
        assert memory.problems == []
    assert git(folder, "log", "--reverse", "--format=%B%x00").split("\0\n")[:-1] == [
        f"Memory: put 2\n\nput acme/episodic/{tea}.md\nput acme/episodic/{coffee}.md\n",
        f"Memory: retract 1\n\nretract acme/episodic/{tea}.md\n",
    ]
    assert git(folder, "status", "--porcelain") == ""
    files(folder)[0].unlink()
    with MemoryManager.open_sync(url(folder) + "?commit=1", embedder=None) as memory:
        assert memory.get(tea, scope=ADA) is None
    assert git(folder, "log", "-1", "--format=%s", "--stat").split("\n")[0] == (
        "Memory: take in 1 files that changed beside it"
    )


@pytest.mark.usefixtures("_nobody")
def test_commits_leave_the_rest_of_a_repository_alone(tmp_path: Path) -> None:
    """The folder may lie in one: what else is staged or changed there stays as it is. One that ignores it is not it."""
    git(tmp_path, "init", "-q")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".gitignore").write_text("hidden/\n")
    git(tmp_path, "add", "notes.txt")
    for folder in (tmp_path / "a" / "memory", tmp_path / "hidden"):
        with MemoryManager.open_sync(url(folder) + "?commit=1", embedder=None) as memory:
            memory.put([Record(text="Ada drinks tea")], scope=ADA)
            assert memory.problems == []
        assert git(folder, "log", "--format=%s") == "Memory: put 1\n"
    assert git(tmp_path, "status", "--porcelain") == "A  notes.txt\n?? .gitignore\n"
    assert (tmp_path / "hidden" / ".git").is_dir()


@pytest.mark.usefixtures("_nobody")
def test_what_git_does_not_take_is_kept_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And goes along with the next commit. Without git, commits are refused before anything is written."""
    with MemoryManager.open_sync(url(tmp_path) + "?commit=1", embedder=None) as memory:
        lock = tmp_path / ".git" / "index.lock"
        lock.touch()
        memory.put([Record(text="Ada drinks tea")], scope=ADA)
        (problem,) = memory.problems
        assert (problem.code, "index.lock" in problem.message) == ("MEM303", True)
        lock.unlink()
        memory.put([Record(text="Ada drinks coffee")], scope=ADA)
        assert memory.problems == []
    assert git(tmp_path, "log", "-1", "--stat", "--format=").count(".md") == 2
    assert git(tmp_path, "status", "--porcelain") == ""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LevError, match="needs git"):  # noqa: SIM117  # one of them raises
        with MemoryManager.open_sync(url(tmp_path / "new") + "?commit=1", embedder=None):
            pass


@pytest.mark.usefixtures("_nobody")
def test_what_git_keeps_is_not_called_erased(tmp_path: Path) -> None:
    """With commits `erase` is refused, in imports too; without them it tells that the history still has it."""
    with MemoryManager.open_sync(url(tmp_path) + "?commit=1", embedder=None) as memory:
        (id,) = memory.put([Record(text="Ada drinks tea")], scope=ADA)
        with pytest.raises(Unsupported, match="git keeps what was committed"):
            memory.erase(id, scope=ADA)
        with pytest.raises(Unsupported, match="cannot be erased here"):
            memory.take_in([Change(op="erase", id=id, scope=ADA, at=MAY)], scope=ADA)
        assert memory.get(id, scope=ADA) is not None
    with MemoryManager.open_sync(url(tmp_path), embedder=None) as memory:
        assert memory.erase(id, scope=ADA) == [id]
        assert [problem.code for problem in memory.problems] == ["MEM304"]


@pytest.mark.parametrize("options", ["commit=yes", "commits=1", "x"])
def test_an_option_that_there_is_not_is_refused(tmp_path: Path, options: str) -> None:
    """A question mark that belongs to the path is written otherwise."""
    with pytest.raises(LevError, match="options that there are not"):  # noqa: SIM117  # one of them raises
        with MemoryManager.open_sync(f"{url(tmp_path)}?{options}"):
            pass
    with MemoryManager.open_sync(f"{url(tmp_path)}%3F{options}", embedder=None) as memory:
        assert memory.stats(scope=ADA).records == 0
    assert Path(f"{tmp_path}?{options}").is_dir()
