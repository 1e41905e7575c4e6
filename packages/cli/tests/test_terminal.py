"""On a terminal, stderr is alive; stdout stays clean."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
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


class Typist:
    """A person at a terminal in which a command runs."""

    def __init__(self, cwd: Path, *command: str, **env: str) -> None:
        self.shown = ""
        self._seen = 0
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(command[0], command, {**os.environ, "TERM": "xterm", "COLUMNS": "200", **env})

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def read_until(self, text: str, seconds: float = 60) -> str:
        """What is shown until a text appears that was not there before."""
        end = time.monotonic() + seconds
        while (at := self.shown.find(text, self._seen)) < 0:
            if not self._read(end):
                raise AssertionError(f"{text!r} is not shown: {self.shown[self._seen :]!r}")
        begin, self._seen = self._seen, at + len(text)
        return self.shown[begin : self._seen]

    def interrupt_at_the_prompt(self, sign: str = "Ctrl-D or /quit leaves") -> None:
        """Ctrl-C, again where it came between the prompt and the reading of a line: that one waits for a key."""
        for _ in range(12):
            self.type("\x03")
            with contextlib.suppress(AssertionError):
                self.read_until(sign, 5)
                return
        raise AssertionError(f"no Ctrl-C is heard: {self.shown!r}")

    def leave(self, seconds: float = 60) -> int:
        """The exit code, once the command has ended."""
        end = time.monotonic() + seconds
        while self._read(end):
            pass
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def _read(self, end: float) -> bool:
        if not select.select([self._terminal], [], [], max(0.0, end - time.monotonic()))[0]:
            return False
        try:
            part = os.read(self._terminal, 65536)
        except OSError:  # the other side is closed
            return False
        self.shown += part.decode(errors="replace")
        return bool(part)


@contextlib.contextmanager
def conversation(cwd: Path, *command: str, **env: str) -> Iterator[Typist]:
    """A person at a conversation from its first prompt; at its last, Ctrl-D leaves. There is never a traceback."""
    (cwd / "pyproject.toml").touch()
    person = Typist(cwd, *command, **env)
    try:
        person.read_until("> ")
        yield person
        person.read_until("> ")
        person.type("\x04")
        assert person.leave() == 0
        assert "Traceback" not in person.shown
    finally:
        person.kill()


TALK = '''
import asyncio
import sys
import time

from lev_os.agents import Agent, Thread
from lev_os.cli.chatting import Chat
from lev_os.core import tool
from lev_os.core.agents import AgentDeclaration
from pydantic_ai.models.function import DeltaToolCall, FunctionModel


@tool(effects=())
async def look() -> str:
    """Look for a long time."""
    print("looking", file=sys.stderr, flush=True)
    await asyncio.sleep(60)
    return "seen"


@tool(effects=())
def stare() -> str:
    """The same in a thread, which nobody can stop."""
    print("staring", file=sys.stderr, flush=True)
    time.sleep(3)
    return "seen"


@tool(effects={"spends"})
def pay(cents: int) -> str:
    """Pay."""
    return f"paid {cents} cents"


async def stream(messages, info):
    said = str(messages[-1].parts[-1].content)
    if said in ("look", "stare"):
        yield {0: DeltaToolCall(name=said, json_args="{}", tool_call_id="c1")}
    elif said == "pay":
        yield {0: DeltaToolCall(name="pay", json_args='{"cents": 7}', tool_call_id="c1")}
    elif said == "count":
        for number in range(600):
            yield f"number {number} "
            await asyncio.sleep(0.1)
    else:
        yield f"Heard {len(messages)}."


declared = AgentDeclaration.parse("agent: 1\\nname: desk\\ninstructions: Be brief.\\n")
agent = Agent(declared, model=FunctionModel(stream_function=stream), tools=[look, stare, pay])
sys.exit(Chat(agent, Thread()).talk())
'''


@pytest.mark.slow
def test_ctrl_c_in_a_conversation(tmp_path: Path) -> None:
    """It stops an answer, a tool, and a tool in a thread; the conversation goes on, and at the prompt it says how to
    leave. Nothing of what was stopped is kept."""
    (tmp_path / "talk.py").write_text(TALK, encoding="utf-8")
    with conversation(tmp_path, sys.executable, "talk.py") as person:
        person.type("half a li")
        person.read_until("half a li")  # a key that comes with the Ctrl-C would be waited for again
        person.interrupt_at_the_prompt()
        person.interrupt_at_the_prompt()
        for typed, sign in (("count", "number 3"), ("look", "looking"), ("stare", "staring")):
            person.type(f"{typed}\r")
            person.read_until(sign)
            person.type("\x03")
            person.read_until("stopped; nothing of it is kept")
            person.read_until("> ")
        person.type("hello\r")
        person.read_until("Heard 1.")


@pytest.mark.slow
def test_ctrl_c_at_a_question(tmp_path: Path) -> None:
    """It stays open: the next line asks it again, and is sent once it is answered, else not."""
    (tmp_path / "talk.py").write_text(TALK, encoding="utf-8")
    with conversation(tmp_path, sys.executable, "talk.py") as person:
        person.type("pay\r")
        for typed in ("hello\r", "\r"):
            person.read_until("approve? [y/N] ")
            person.interrupt_at_the_prompt("not answered: it is asked again after your next line")
            person.read_until("> ")
            person.type(typed)
        asked = person.read_until("approve? [y/N] ")
        assert 'pay {"cents":7} (c1)' in asked
        assert "BASE-003" in asked
        person.interrupt_at_the_prompt("not answered: it is asked again after your next line")
        person.read_until("> ")
        person.type("hello\r")
        person.read_until("approve? [y/N] ")
        person.type("y\r")
        assert "hello" not in person.read_until("paid 7 cents")
        person.read_until("Heard 3.")
        person.read_until("Heard 5.")


@pytest.mark.slow
def test_ctrl_c_in_lev_chat(tmp_path: Path) -> None:
    """The command itself: at the prompt, before anything of an answer is there, and Ctrl-D at the end. What is shown is
    the conversation, with no advertisement of a library in it."""
    (tmp_path / "slow.yaml").write_text(
        "script: 1\nreplies:\n  - {match: wait, fault: hang}\notherwise: {answer: Here I am.}\n", encoding="utf-8"
    )
    untested = ("env", "-u", "PYTEST_VERSION", "-u", "CI")  # where tests run, there is none
    lev = (*untested, sys.executable, "-m", "lev_os.cli")
    command = (*lev, "chat", "acme_support/agents/desk", "--model", "script:slow.yaml")
    with conversation(tmp_path, *command, ACME_SUPPORT_DB=str(tmp_path / "d.sqlite3")) as person:
        person.interrupt_at_the_prompt()
        person.read_until("> ")
        person.type("wait for it\r")
        time.sleep(1)
        person.type("\x03")
        person.read_until("stopped; nothing of it is kept")
        person.read_until("> ")
        person.type("are you there?\r")
        person.read_until("Here I am.")
    assert "Pydantic" not in person.shown


@pytest.mark.slow
def test_lines_are_edited_and_remembered(tmp_path: Path) -> None:
    """Arrow keys move in a line and bring back an earlier one, of the conversation before too. A denied line can be
    mended in this conversation and is nowhere on the disk; a yes to a question is no line."""
    (tmp_path / "talk.py").write_text(TALK, encoding="utf-8")
    up, left = "\x1b[A", "\x1b[D"
    with conversation(tmp_path, sys.executable, "talk.py") as person:
        person.type(f"helo{left}l\r")
        person.read_until("Heard 1.")
        person.read_until("> ")
        person.type("my key is AKIAIOSFODNN7EXAMPLE\r")
        person.read_until("BASE-006")
        person.read_until("> ")
        person.type("pay\r")
        person.read_until("approve? [y/N] ")
        person.type("y\r")
        person.read_until("paid 7 cents")
        person.read_until("> ")
        person.type(f"{up}\r")
        person.read_until("approve? [y/N] ")
        person.type("n\r")
        person.read_until("Heard")
    (history,) = (tmp_path / ".lev" / "threads").rglob("history")
    assert history.read_text(encoding="utf-8").splitlines() == ['"hello"', '"pay"']
    assert history.stat().st_mode & 0o777 == 0o600
    with conversation(tmp_path, sys.executable, "talk.py") as person:
        person.type(f"{up}{up}\r")
        assert "hello" in person.read_until("Heard 1.")
        person.read_until("> ")
        person.type("/history\r")
        person.read_until("hello\r\npay\r\nhello\r\n/history\r\n")


SHELLS = {
    "bash": (("bash", "--norc", "--noprofile", "-i"), 'eval "$(lev completion bash)"'),
    "zsh": (("zsh", "-f", "-i"), "autoload -U compinit; compinit -u -D; lev completion zsh > z; source ./z"),
    "fish": (("fish", "--no-config", "-i"), "lev completion fish | source"),
}


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_shells_complete_commands_and_specifiers(shell: str, tmp_path: Path) -> None:
    """In the shell itself, as its user types."""
    command, setting_up = SHELLS[shell]
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    own = Path(sys.executable).parent
    person = Typist(tmp_path, *command, PATH=f"{own}:{os.environ['PATH']}", HOME=str(tmp_path), PS1="$ ")
    try:
        person.type(f"{setting_up}; echo re''ady\r")
        person.read_until("ready")
        person.type("lev chat acme_support/ag\t")
        person.read_until("acme_support/agents/desk")
        person.type("\x15lev runs \t\t")
        person.read_until("approve")
        person.read_until("forget")
    finally:
        person.kill()
