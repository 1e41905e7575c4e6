"""Real processes, really killed: the journal is always good, and the run goes on where it was."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from killed_run import STEPS
from lev_os.core.bidirectional import list_runs, read_journal, replay

HERE = Path(__file__).parent


def begin(journal: Path, log: Path) -> subprocess.Popen[str]:
    """Start the program, and return once it is about to run."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "killed_run.py"), str(journal), str(log)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("seed", range(4))
def test_killed_again_and_again(tmp_path: Path, seed: int, how: signal.Signals) -> None:
    """Killed or interrupted at random moments until it ends: every finished call counted once, keys never change."""
    rng = random.Random(f"{seed}{how}")
    journal, log = tmp_path / "j.jsonl", tmp_path / "log"
    kills, status = 0, ""
    while not status:
        process = begin(journal, log)
        if kills < 5:
            time.sleep(rng.uniform(0, 0.06))
            process.send_signal(how)
        out, err = process.communicate(timeout=30)
        if how is signal.SIGINT:
            assert process.returncode in (0, 130), err
        kills += 1
        status = out.strip()
        if journal.exists() and journal.stat().st_size:
            assert replay(journal).divergences == ()
    assert status == "done"
    entries = read_journal(journal)
    finished = Counter(entry.key for entry in entries if entry.type == "result")
    calls = Counter(log.read_text().split())
    assert set(finished.values()) == {1}
    assert len(finished) == STEPS
    assert set(calls) == {key for key in finished if key is not None}
    assert sum(calls.values()) <= STEPS + 2 * kills
    again = replay(journal)
    assert again.outcome is not None
    assert again.outcome.output["last"].startswith("0:")


def test_a_killed_run_is_listed_and_goes_on(tmp_path: Path) -> None:
    """`kill -9` in the middle: interrupted, then done; no finished call is made again."""
    journal, log = tmp_path / "j.jsonl", tmp_path / "log"
    process = begin(journal, log)
    while not log.exists() or log.read_text().count("\n") < 5:
        time.sleep(0.001)
    process.kill()
    process.communicate()
    finished = {entry.key for entry in read_journal(journal) if entry.type == "result"}
    assert [info.status for info in list_runs(tmp_path)] == ["interrupted"]
    log.unlink()
    process = begin(journal, log)
    out, err = process.communicate(timeout=30)
    assert out == "done\n", err
    assert not finished & set(log.read_text().split())
    assert [info.status for info in list_runs(tmp_path)] == ["done"]


def test_two_processes_on_one_run(tmp_path: Path) -> None:
    """The second is told so, and the first is not disturbed."""
    journal, log = tmp_path / "j.jsonl", tmp_path / "log"
    first = begin(journal, log)
    while not log.exists():
        time.sleep(0.001)
    first.send_signal(signal.SIGSTOP)
    try:
        assert [info.status for info in list_runs(tmp_path)] == ["running"]
        second = begin(journal, log)
        _, err = second.communicate(timeout=30)
        assert second.returncode != 0
        assert "another process" in err
    finally:
        first.send_signal(signal.SIGCONT)
    assert first.communicate(timeout=30)[0] == "done\n"
    assert replay(journal).divergences == ()
