"""The journal: what is acknowledged stays, what is damaged is found, and only one process writes."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.core import LevError
from lev_os.core.bidirectional.effects import Record
from lev_os.core.bidirectional.journal import (
    Journal,
    JournalBusy,
    JournalDamaged,
    JournalUnwritable,
    is_busy,
    read_journal,
)


def record(number: int, text: str = "…") -> Record:
    return Record(type="result", at=float(number), key=f"k{number}", attempt=1, body={"value": text})


def written(path: Path, count: int) -> bytes:
    """A journal of `count` records, as bytes."""
    with Journal.create(path) as journal:
        for number in range(count):
            journal.append([record(number)])
    return path.read_bytes()


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    """Entries keep order, numbers and bodies, and each names the one before it."""
    written(tmp_path / "j.jsonl", 3)
    entries = read_journal(tmp_path / "j.jsonl")
    assert [(entry.seq, entry.key, entry.body) for entry in entries] == [
        (number, f"k{number}", {"value": "…"}) for number in range(3)
    ]
    assert [entry.prev for entry in entries] == [None, entries[0].digest, entries[1].digest]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """Journals hold what users said: mode 0600."""
    written(tmp_path / "j.jsonl", 1)
    assert stat.S_IMODE((tmp_path / "j.jsonl").stat().st_mode) == 0o600


def test_a_journal_is_not_overwritten(tmp_path: Path) -> None:
    """Starting a run on another run's journal is refused."""
    before = written(tmp_path / "j.jsonl", 1)
    with pytest.raises(LevError, match="already exists"):
        Journal.create(tmp_path / "j.jsonl")
    assert (tmp_path / "j.jsonl").read_bytes() == before


def test_a_journal_that_is_not_there(tmp_path: Path) -> None:
    """Both ways to read it say which file is missing."""
    for opened in (Journal.open, read_journal):
        with pytest.raises(LevError, match=r"none\.jsonl"):
            opened(tmp_path / "none.jsonl")


def test_a_place_where_no_journal_can_be(tmp_path: Path) -> None:
    """A folder, or a path below a file: said, not raised through."""
    (tmp_path / "file").touch()
    for opened in (Journal.create, Journal.open):
        with pytest.raises(LevError):
            opened(tmp_path / "file" / "j.jsonl")
    with pytest.raises(LevError, match="cannot be read"):
        read_journal(tmp_path)
    with pytest.raises(LevError, match="cannot be written"):
        Journal.open(tmp_path)
    assert not is_busy(tmp_path / "none.jsonl")


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    """Is made."""
    written(tmp_path / "a" / "b" / "j.jsonl", 1)
    assert len(read_journal(tmp_path / "a" / "b" / "j.jsonl")) == 1


def test_a_cut_at_every_byte_of_the_last_line(tmp_path: Path) -> None:
    """A torn last line is ignored by readers and removed by the next writer, wherever it was cut."""
    path = tmp_path / "j.jsonl"
    whole = written(path, 3)
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for cut in range(last, len(whole)):
        path.write_bytes(whole[:cut])
        assert len(read_journal(path)) == 2
        assert path.stat().st_size == cut
        journal, entries = Journal.open(path)
        with journal:
            assert len(entries) == 2
            journal.append([record(2)])
        assert path.read_bytes() == whole


def test_zeros_from_anywhere_in_the_last_line_on(tmp_path: Path) -> None:
    """What a power cut may leave of a write: the file is as long as it was to be, and its end was never written."""
    path = tmp_path / "j.jsonl"
    whole = written(path, 3)
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for cut in range(last, len(whole)):
        path.write_bytes(whole[:cut] + bytes(len(whole) - cut))
        assert len(read_journal(path)) == 2


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_a_flipped_bit_is_found_wherever_it_is(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Any one bit of a whole journal, its line breaks included; the line is named, and nothing is changed."""
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"
    content = bytearray(written(path, 4))
    where = data.draw(st.integers(0, len(content) - 1))
    content[where] ^= 1 << data.draw(st.integers(0, 7))
    line = bytes(content[:where]).count(b"\n") + 1
    path.write_bytes(content)
    with pytest.raises(JournalDamaged) as found:
        read_journal(path)
    assert found.value.line in (line, line + 1)
    assert f"{path}:{found.value.line}:" in str(found.value)
    with pytest.raises(JournalDamaged):
        Journal.open(path)
    assert path.read_bytes() == bytes(content)


@pytest.mark.parametrize(("keep", "line"), [([0, 2, 3], 2), ([1, 2, 3], 1), ([0, 2, 1, 3], 2), ([0, 1, 1, 2, 3], 3)])
def test_lines_that_are_missing_swapped_or_doubled(tmp_path: Path, keep: list[int], line: int) -> None:
    """The chain names the first line that does not follow."""
    path = tmp_path / "j.jsonl"
    lines = written(path, 4).splitlines(keepends=True)
    path.write_bytes(b"".join(lines[index] for index in keep))
    with pytest.raises(JournalDamaged) as found:
        read_journal(path)
    assert found.value.line == line


def test_a_line_of_another_run_does_not_follow(tmp_path: Path) -> None:
    """The right number is not enough: `prev` has to fit."""
    first = written(tmp_path / "a.jsonl", 2).splitlines(keepends=True)
    with Journal.create(tmp_path / "b.jsonl") as journal:
        journal.append([record(0, "other"), record(1, "other")])
    second = (tmp_path / "b.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "b.jsonl").write_bytes(first[0] + second[1])
    with pytest.raises(JournalDamaged, match="does not follow"):
        read_journal(tmp_path / "b.jsonl")


@pytest.mark.parametrize("rest", [b"garbage\n", b"\n", b"{}\n", b"\x00" * 4096 + b"\n", b"[" * 100_000 + b"\n"])
def test_a_line_that_no_journal_has(tmp_path: Path, rest: bytes) -> None:
    """Whatever is there instead of a record is damage, never a traceback."""
    path = tmp_path / "j.jsonl"
    path.write_bytes(written(path, 1) + rest)
    with pytest.raises(JournalDamaged):
        read_journal(path)


def test_two_writers_in_one_process(tmp_path: Path) -> None:
    """The second one is refused at once, and may write when the first has closed."""
    path = tmp_path / "j.jsonl"
    with Journal.create(path) as journal:
        journal.append([record(0)])
        with pytest.raises(JournalBusy, match="another process"):
            Journal.open(path)
        assert is_busy(path)
        assert len(read_journal(path)) == 1
    assert not is_busy(path)
    Journal.open(path)[0].close()


def test_a_write_survives_a_killed_process(tmp_path: Path) -> None:
    """What `append` has returned from is there after `kill -9`, without any sync, and the lock is gone."""
    path = tmp_path / "j.jsonl"
    code = (
        "import os, sys, signal; from pathlib import Path\n"
        "from lev_os.core.bidirectional.journal import Journal\n"
        "from lev_os.core.bidirectional.effects import Record\n"
        "journal = Journal.create(Path(sys.argv[1]))\n"
        "journal.append([Record(type='result', at=0.0, key='k', attempt=1, body={'value': 'x' * 100})] * 7)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert len(read_journal(path)) == 7
    Journal.open(path)[0].close()


def test_another_process_is_refused(tmp_path: Path) -> None:
    """The lock holds between processes too."""
    path = tmp_path / "j.jsonl"
    code = (
        "import sys; from pathlib import Path\n"
        "from lev_os.core.bidirectional.journal import Journal, JournalBusy\n"
        "try: Journal.open(Path(sys.argv[1]))\n"
        "except JournalBusy: print('busy')\n"
    )
    with Journal.create(path) as journal:
        journal.append([record(0)])
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "busy\n"


def test_a_full_disk_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """A batch that does not fit leaves the file as it was and says what to do; later batches are refused."""
    path = tmp_path / "j.jsonl"
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from lev_os.core.bidirectional.journal import Journal, JournalUnwritable\n"
        "from lev_os.core.bidirectional.effects import Record\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "journal = Journal.create(Path(sys.argv[1])); done = 0\n"
        "big = Record(type='result', at=0.0, key='k', attempt=1, body={'value': 'x' * 900})\n"
        "for attempt in range(2):\n"
        "    try:\n"
        "        while True: journal.append([big]); done += 1\n"
        "    except JournalUnwritable as error: print(done, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    count, message = done.stdout.split(" ", 1)
    assert "no room left" in message
    assert "make room, then resume" in message
    assert "did not finish" in message
    assert len(read_journal(path)) == int(count) > 5
    assert path.read_bytes().endswith(b"\n")


def fill(path: Path) -> int:
    """Append records until there is no room, and it is said; how many were acknowledged."""
    with Journal.create(path) as journal:
        for done in range(1000):
            try:
                journal.append([record(done, "x" * 900)])
            except JournalUnwritable as error:
                return done if "no room left" in str(error) else -1
    return -1


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_really_full_file_system(tmp_path: Path) -> None:
    """The same on a file system of 64 KiB, and after room was made the journal goes on."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root mount")
    try:
        (tmp_path / "ballast").write_bytes(b"x" * 20_000)
        done = fill(tmp_path / "j.jsonl")
        assert len(read_journal(tmp_path / "j.jsonl")) == done
        (tmp_path / "ballast").unlink()
        journal, entries = Journal.open(tmp_path / "j.jsonl")
        with journal:
            journal.append([record(len(entries), "more")], sync=True)
        assert len(read_journal(tmp_path / "j.jsonl")) == done + 1
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_an_interrupted_write_is_not_built_upon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C inside `write` leaves it open what is in the file; the journal is only good again once reopened."""
    path = tmp_path / "j.jsonl"
    journal = Journal.create(path)
    journal.append([record(0)])
    write = os.write

    def interrupted(descriptor: int, data: memoryview) -> int:
        write(descriptor, bytes(data)[:40])
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.append([record(1)])
    monkeypatch.undo()
    with pytest.raises(JournalUnwritable, match="did not finish"):
        journal.append([record(1)])
    journal.close()
    reopened, entries = Journal.open(path)
    reopened.close()
    assert len(entries) == 1


@pytest.mark.parametrize("fsync", [True, False])
def test_without_fsync_nothing_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: bool) -> None:
    """Neither the lines, nor the folders that are made for them."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    journal = Journal.create(tmp_path / "new" / "folders" / "j.jsonl", fsync=fsync)
    journal.append([record(0)], sync=True)
    journal.close()
    assert bool(synced) is fsync


def test_a_disk_that_fails_to_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed fsync nobody knows what is on the disk: the journal refuses to go on."""
    journal = Journal.create(tmp_path / "j.jsonl")

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(JournalUnwritable, match="Input/output error"):
        journal.append([record(0)], sync=True)
    with pytest.raises(JournalUnwritable, match="did not finish"):
        journal.append([record(0)])
    journal.close()


def test_the_cost_of_syncing_is_told_apart(tmp_path: Path) -> None:
    """Only batches that ask for it reach the disk, and their time is counted."""
    with Journal.create(tmp_path / "j.jsonl") as journal:
        journal.append([record(0)])
        assert (journal.sync_count, journal.sync_seconds) == (0, 0.0)
        journal.append([record(1)], sync=True)
        assert journal.sync_count == 1
        assert journal.sync_seconds > 0
