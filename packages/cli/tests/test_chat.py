"""`lev chat`: one answer, a conversation, what a person is asked, and what can be typed."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Lev = Callable[..., Any]
DESK = "acme_support/agents/desk"
SCRIPT = """script: 1
replies:
  - match: A-7001
    tool_calls: [{tool: ./tools/find_order, arguments: {order_id: A-7001}}]
  - answer: It is at Corner Books.
  - answer: You are welcome.
"""
REFUND = """script: 1
replies:
  - tool_calls: [{tool: acme_support/tools/refund, arguments: {order_id: A-7001, amount_cents: 1999, reason: twice}}]
  - answer: It is done.
"""
PAYER = """format = 1
name = "payer"
deps = "acme_support.deps:make"

[exports]
"./agents/*" = { llm = "./agents/*.yaml" }
"""


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk's database, and scripts to answer from."""
    monkeypatch.setenv("ACME_SUPPORT_DB", str(tmp_path / "desk.sqlite3"))
    (tmp_path / "script.yaml").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "refund.yaml").write_text(REFUND, encoding="utf-8")


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def payer(tmp_path: Path) -> str:
    """A package with an agent that may pay; its tools are acme's."""
    root = tmp_path / "src" / "payer"
    (root / "agents").mkdir(parents=True)
    (root / "__init__.py").touch()
    (root / "lev.toml").write_text(PAYER, encoding="utf-8")
    text = "agent: 1\nname: payer\ntools: [acme_support/tools/refund]\n"
    (root / "agents" / "payer.yaml").write_text(text, encoding="utf-8")
    return "payer/agents/payer"


def test_one_answer(lev: Lev) -> None:
    """The text on stdout, the tool calls on stderr; as JSON with every verdict."""
    said = lev("chat", DESK, "-m", "Where is A-7001?", "--model", "script:script.yaml")
    assert (said.code, said.out) == (0, "It is at Corner Books.\n")
    assert "→ find_order" in said.err
    assert "Corner Books" in said.err
    told = lev("chat", DESK, "-m", "Where is A-7001?", "--model", "script:script.yaml", "--json")
    assert told.json["output"] == "It is at Corner Books."
    assert [entry["ruling"] for entry in told.json["verdicts"]] == ["allow"] * 6
    assert told.json["usage"]["tool_calls"] == 1


def test_a_conversation(lev: Lev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Lines in, answers out; /why says what the gate said and what is in force; the thread is kept."""
    typed(monkeypatch, "Where is A-7001?", "/why", "/nonsense", "", "thanks", "/quit")
    said = lev("chat", DESK, "--model", "script:script.yaml", "--thread", "monday")
    assert said.code == 0
    assert said.out.startswith("It is at Corner Books.\nallow     request to the model\n")
    assert "contexts: acme_support/contexts/executive" in said.out
    assert "constitutions: acme_support" in said.out
    assert "tainted by: private, untrusted" in said.out
    assert "You are welcome." in said.out
    assert "there is no command /nonsense" in said.err
    assert len((tmp_path / ".lev/threads/acme_support.agents.desk/monday.jsonl").read_text().splitlines()) == 2


def test_without_a_terminal_nothing_is_remembered(lev: Lev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a pipe says is no history."""
    for _ in range(2):
        typed(monkeypatch, "Where is A-7001?", "/history")
        said = lev("chat", DESK, "--model", "script:script.yaml")
        assert said.out == "It is at Corner Books.\nnothing is remembered\n"
    assert not list(tmp_path.rglob("history"))


def test_a_denial_is_told_and_the_conversation_goes_on(lev: Lev, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a conversation it is a line; of a single answer it is the exit code."""
    typed(monkeypatch, "my key is AKIAIOSFODNN7EXAMPLE", "Where is A-7001?")
    said = lev("chat", DESK, "--model", "script:script.yaml")
    assert "BASE-006" in said.err
    assert said.out == "It is at Corner Books.\n"
    alone = lev("chat", DESK, "-m", "AKIAIOSFODNN7EXAMPLE", "--model", "script:script.yaml", "--json")
    assert alone.code == 4
    assert "BASE-006" in alone.json["error"]["message"]


def test_why_tells_of_a_denial(lev: Lev, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdicts on what was just denied, not those of the answer before it."""
    typed(monkeypatch, "Where is A-7001?", "my key is AKIAIOSFODNN7EXAMPLE", "/why")
    said = lev("chat", DESK, "--model", "script:script.yaml")
    assert "deny      request to the model\n          BASE-006" in said.out


def test_what_others_say_moves_no_cursor() -> None:
    """Control characters and those that turn a line around are spelled out; letters of any script and emoji stay."""
    from lev_os.cli.output import visible

    assert visible("a\x1b[2K\rb\u202e") == r"a\x1b[2K\rb\u202e"
    assert visible("żó\tł\n👩\u200d💻") == "żó\tł\n👩\u200d💻"


@pytest.mark.parametrize(("said", "paid"), [("y", 1999), ("n", 0)])
def test_a_person_is_asked_in_the_terminal(
    lev: Lev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, paid: int
) -> None:
    """The call, the reason, and a question; no is the answer to anything but yes."""
    from acme_support.deps import make

    with make(tmp_path / "desk.sqlite3").open():
        pass
    spec = payer(tmp_path)
    typed(monkeypatch, "refund A-7001", said)
    found = lev("chat", spec, "--model", "script:refund.yaml")
    assert "a person is asked: refund" in found.err
    assert "BASE-003" in found.err
    assert found.out == "It is done.\n"
    assert refunded(tmp_path) == paid


def refunded(tmp_path: Path) -> int:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(tmp_path / "desk.sqlite3")) as database:
        row = database.execute("select refunded_cents from orders where id = 'A-7001'").fetchone()
    return int(row[0])


def test_an_approval_may_come_later(lev: Lev, tmp_path: Path) -> None:
    """One answer that waits is exit code 5; the thread takes the approval, by another command."""
    spec = payer(tmp_path)
    waiting = lev("chat", spec, "-m", "refund", "--thread", "t", "--model", "script:refund.yaml", "--json")
    assert waiting.code == 5
    (one,) = waiting.json["waiting"]
    assert one["tool"] == "refund"
    (tmp_path / "refund.yaml").write_text("script: 1\nreplies: [{answer: Refused.}]\n", encoding="utf-8")
    wrong = lev("chat", spec, "--thread", "t", "--approve", "nope", "--model", "script:refund.yaml")
    assert (wrong.code, one["id"] in wrong.err) == (2, True)
    done = lev("chat", spec, "--thread", "t", "--refuse", one["id"], "--model", "script:refund.yaml")
    assert (done.code, done.out) == (0, "Refused.\n")
    assert refunded(tmp_path) == 0


def test_a_question_left_open_is_asked_again_and_answered_by_the_command_it_tells(
    lev: Lev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By a later conversation, which knows the call from the thread; and by `--approve`, in the words of the hint."""
    import shlex

    from acme_support.deps import make

    with make(tmp_path / "desk.sqlite3").open():
        pass
    chat = ("chat", payer(tmp_path), "--thread", "t", "--model", "script:refund.yaml")
    typed(monkeypatch, "refund A-7001")
    left = lev(*chat)
    assert "not answered" in left.err
    again = lev(*chat)
    assert 'a person is asked: refund {"amount_cents":1999,' in again.err
    (tmp_path / "refund.yaml").write_text("script: 1\nreplies: [{answer: It is done.}]\n", encoding="utf-8")
    hint = shlex.split(again.err.rpartition("or answer later: lev ")[2].splitlines()[0])
    assert lev(*hint, "--model", "script:refund.yaml").out == "It is done.\n"
    assert refunded(tmp_path) == 1999


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("acme_support/flows/refund", "-m", "x"), "is a flow, not an agent"),
        (("acme_support/agents/dek", "-m", "x"), "agents/desk"),
        ((DESK, "--json"), "--json is for one answer"),
        ((DESK, "-m", " "), "the message is empty"),
        ((DESK, "--approve", "x"), "name it with --thread"),
        ((DESK, "--thread", "t", "--approve", "x", "--refuse", "x"), "both name x"),
        ((DESK, "-m", "x", "--thread", "../y"), "no name of a thread"),
        ((DESK, "-m", "x", "--model", "nobody:x"), "cannot be opened"),
        ((DESK, "-m", "x", "--model", "script:none.yaml"), "cannot read the script"),
    ],
)
def test_what_cannot_be_done_is_told_at_once(lev: Lev, arguments: tuple[str, ...], message: str) -> None:
    """With what to do, and exit code 2."""
    given: list[Any] = list(arguments)
    if "--model" not in given:
        given += ["--model", "test"]
    said = lev("chat", *given)
    assert said.code == 2
    assert message in said.err


@pytest.mark.slow
def test_ctrl_c_stops_an_answer_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    """The conversation goes on."""
    import os
    import signal
    import subprocess
    import time

    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "slow.yaml").write_text(
        "script: 1\nreplies:\n  - {match: wait, fault: hang}\notherwise: {answer: Here I am.}\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "lev_os.cli", "chat", DESK, "--model", "script:slow.yaml", "--thread", "t"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ACME_SUPPORT_DB": str(tmp_path / "d.sqlite3")},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as chat:
        assert chat.stdin is not None
        assert chat.stdout is not None
        chat.stdin.write("are you there?\n")
        chat.stdin.flush()
        assert chat.stdout.readline() == "Here I am.\n"
        chat.stdin.write("wait for it\n")
        chat.stdin.flush()
        time.sleep(3)
        chat.send_signal(signal.SIGINT)
        out, err = chat.communicate("hello\n", timeout=60)
    assert out == "Here I am.\n"
    assert "stopped; nothing of it is kept" in err
    assert "wait for it" not in (tmp_path / ".lev/threads/acme_support.agents.desk/t.jsonl").read_text()
