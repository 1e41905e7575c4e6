"""On a terminal, stderr is alive; stdout stays clean."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Lev = Callable[..., Any]


@pytest.fixture
def pack(lev: Lev, tmp_path: Path) -> Path:
    """A new package's project."""
    lev("new", "package", "acme-term")
    return tmp_path / "acme-term"


def on_terminal(cwd: Path, *args: str, **env: str) -> tuple[int, str, str]:
    """Exit code, stdout (a pipe) and what the terminal on stderr got."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "lev_os.cli", *args],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **env},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the terminal's other side is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    out, _ = process.communicate(timeout=60)
    return process.returncode, out, shown.decode()


def test_a_run_is_traced_live(pack: Path) -> None:
    """Finished steps stay as lines; the text of a model appears while it grows."""
    (pack / "model.yaml").write_text("script: 1\nreplies: [{answer: Hello there.}]\n")
    code, out, shown = on_terminal(
        pack, "run", "acme_term/flows/reply", "--input", '{"message": "Hi"}', "--model", "script:model.yaml"
    )
    assert (code, out) == (0, '{\n  "reply": "Hello there."\n}\n')
    assert "draft" in shown
    assert "done" in shown
    assert "\x1b[" in shown


def test_a_batch_has_a_bar(pack: Path) -> None:
    """And the final table."""
    (pack / "in.jsonl").write_text("".join(f'{{"name": "n{n}"}}\n' for n in range(5)))
    code, out, shown = on_terminal(
        pack, "run", "acme_term/flows/greet", "--input-file", "in.jsonl", "--out", "out.jsonl", "--json"
    )
    assert code == 0
    assert out.count("\n") == 1
    assert "5/5" in shown
    assert "5 answered: 5 done" in shown


@pytest.mark.slow
def test_the_demonstration_asks_the_person_at_the_terminal(tmp_path: Path) -> None:
    """Where the flow waits for a person you decide; both drives go on with your answer to the same outcome."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "model.yaml").write_text(
        "script: 1\nreplies:\n"
        "  - {step: kind, answer: {answer: unsure}, times: always}\n"
        "  - {answer: We shall see., times: always}\n"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "lev_os.cli", "demo", "Blue elephants sing opera", "--model", "script:model.yaml"],
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"},
    )
    os.close(theirs)
    shown, answered = b"", False
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the terminal's other side is closed
            break
        shown += part
        if not answered and b"category (" in shown:
            answered = True
            os.write(ours, b"card\n")
    os.close(ours)
    text = shown.decode()
    assert process.wait(timeout=60) == 0, text
    assert "category: card" in text
    assert "decided: person" in text
    assert 'the person → {"category": "card"}' in text
    assert "the same outcome" in text


def test_colours_can_be_declined(tmp_path: Path) -> None:
    """`NO_COLOR` means none (https://no-color.org)."""
    assert "\x1b[" in on_terminal(tmp_path, "check", "--select", "nonsense")[2]
    assert "\x1b[" not in on_terminal(tmp_path, "check", "--select", "nonsense", NO_COLOR="1")[2]
