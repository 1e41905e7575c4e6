"""Many files are looked at by several processes: the same is found, and one that dies loses nothing."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lev_os.check import Report, examining
from lev_os.check.engine import Checker
from lev_os.check.processes import MOST_TURNS, Beside, Turns

Write = Callable[..., Path]


@pytest.fixture
def many(write: Write) -> None:
    """Skills of which every third has a bad name, and one that is no text."""
    for number in range(250):
        name = f"skill-{number}" if number % 3 else "BAD"
        write(f"skills/skill-{number}/SKILL.md", f"---\nname: {name}\ndescription: Reads PDFs.\n---\nText {number}.\n")
    write("skills/skill-7/SKILL.md", b"\xff")


def checked(processes: int) -> Report:
    return Checker(processes=processes).check(["."])


def test_the_same_is_found(many: None) -> None:
    """In one process and in two."""
    report = checked(2)
    assert report == checked(1)
    assert report.count("error") >= 84
    assert [item.file for item in report.not_checked] == ["skills/skill-7/SKILL.md"]


def test_a_process_that_dies(many: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had taken is looked at by the one that started it."""
    here = os.getpid()
    real = examining.read_and_examine

    def dying(*arguments: object) -> object:
        if os.getpid() != here:
            os._exit(3)
        return real(*arguments)  # type: ignore[arg-type]

    wanted = checked(1)
    monkeypatch.setattr(examining, "read_and_examine", dying)
    assert checked(2) == wanted


@pytest.mark.parametrize("work", [lambda: 1 / 0, lambda: "text", lambda: [object()]])
def test_a_process_that_comes_to_nothing(work: Callable[[], object]) -> None:
    """It fails, finds something else than was said, or what cannot be written."""
    assert Beside(work, list[int]).result() is None


def test_what_a_process_finds() -> None:
    """It knows what was known when it began."""
    known = [1, 2]
    beside = Beside(lambda: [*known, 3], list[int])
    known.clear()
    assert beside.result() == [1, 2, 3]


def test_turns() -> None:
    """As many as fit into a pipe, each taken once, whoever asks."""
    turns = Turns(MOST_TURNS)
    others = [Beside(lambda: list(turns), list[int]) for _ in range(2)]
    taken = list(turns)
    for other in others:
        taken += other.result() or []
    turns.close()
    assert sorted(taken) == list(range(MOST_TURNS))


def test_where_no_more_processes_may_begin(many: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is found in this one."""

    def refused() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    wanted = checked(1)
    monkeypatch.setattr(os, "fork", refused)
    assert checked(2) == wanted


def test_where_nobody_waits_for_processes() -> None:
    """A parent that ignores SIGCHLD hands that down to us; what was found is found all the same."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert Beside(lambda: [1], list[int]).result() == [1]
        assert Beside(lambda: 1 / 0, list[int]).result() is None
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_no_turns_are_left_when_their_maker_is_gone() -> None:
    """A check that is killed leaves nobody at work on the rest of its files."""
    reading, writing = os.pipe()
    maker = os.fork()
    if not maker:
        turns = Turns(MOST_TURNS)

        def work() -> list[int]:
            for number in turns:
                os.write(writing, bytes([number % 256]))
                time.sleep(0.002)
            return []

        Beside(work, list[int])
        time.sleep(60)
        os._exit(0)
    os.close(writing)
    taken = os.read(reading, 1)
    os.kill(maker, signal.SIGKILL)
    os.waitpid(maker, 0)
    while more := os.read(reading, MOST_TURNS):
        taken += more
    os.close(reading)
    assert 0 < len(taken) < MOST_TURNS // 2
