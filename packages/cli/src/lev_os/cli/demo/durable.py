"""The second act of `lev demo`: 200 messages, three workers, one of them killed, two refunds that a person approves."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import FAILED, FINE, Failed
from ..output import columns, print_line
from .package import PACKAGE, Shown, shown_package

if TYPE_CHECKING:
    from lev_os.workflow.database import Database
    from lev_os.workflow.runs import RunState

DESK = "ACME_SUPPORT_DB"
MESSAGES = 200
QUEUE = "desk"
_WORKERS = ("north", "south", "west")
_PATIENCE = 120.0
_REFUNDS = (("ada@example.com", "A-7001", 1999), ("grace@example.com", "A-7004", 2150))


@dataclass(frozen=True, slots=True)
class Message:
    """What a customer wrote; `id` names its run, so that it can be handled once only."""

    id: str
    text: str
    email: str
    queue: str


def tell(*, python: str | None) -> int:
    """The whole act; returns 0 when every message was handled once."""
    from ..catalog import make_importable
    from ..durable import needed

    began = time.monotonic()
    make_importable(python)
    shown = shown_package()
    with tempfile.TemporaryDirectory(prefix="lev-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        kept = needed(f"sqlite:///{folder / 'runs.sqlite'}")
        os.environ[DESK] = str(folder / "desk.sqlite3")
        messages = list(_messages(shown.package))
        _heading("Three workers", f"lev worker --queue {QUEUE} --name {_WORKERS[0]}")
        try:
            with _workers(kept, shown) as processes:
                code = _act(kept, messages, processes)
        finally:
            kept.close()
    print_line()
    print_line(f"{time.monotonic() - began:.1f} s in all. Next: docs/workflow.md says what is promised")
    return code


def _act(kept: Database, messages: Sequence[Message], processes: dict[str, subprocess.Popen[str]]) -> int:
    for name, process in processes.items():
        print_line(f"  {name}: process {process.pid}")
    _heading(f"{len(messages)} messages into their queue", f"lev run {PACKAGE}/flows/escalate --durable --detach")
    _enqueue(kept, messages)
    victim = _WORKERS[1]
    _until(kept, lambda states: sum(state.is_over for state in states) >= MESSAGES // 5)
    _heading("One worker is killed", f"kill -9 {processes[victim].pid}")
    processes[victim].send_signal(signal.SIGKILL)
    processes[victim].wait()
    killed = time.monotonic()
    left = [state for state in _states(kept) if state.status == "running" and state.worker == victim]
    print_line(f"  {victim} had {len(left)} runs under way")
    _approve(kept)
    states = _until(kept, lambda states: all(state.is_over for state in states))
    print_line(f"  all runs have ended, {time.monotonic() - killed:.1f} s after the kill")
    return _ledger(kept, messages, states)


def _messages(package: Any) -> Iterator[Message]:
    """The example messages of the package's own triage, each from several customers, with their right queues."""
    from lev_os.core.flowmind import Flow
    from lev_os.core.flowmind.model import SwitchSemantic

    text, path = package.read("./flows/triage", "llm")
    flow = Flow.parse(text, package=package, path=str(path))
    step = next(step for step in flow.tree.steps if isinstance(step, SwitchSemantic))
    texts = [(text, label) for label, examples in step.condition.examples.items() for text in examples]
    pairs = product(("ada@example.com", "grace@example.com", "linus@example.com"), texts)
    for number, (email, (message, label)) in enumerate(islice(cycle(pairs), MESSAGES), 1):
        queue = "security" if label == "security" else "refunds" if label == "refund" else "desk"
        yield Message(f"m-{number:03}", message, email, queue)


def _enqueue(kept: Database, messages: Sequence[Message]) -> None:
    from lev_os.workflow import start

    from ..driving import load_flow

    escalate, refund = (load_flow(f"{PACKAGE}/flows/{name}").link() for name in ("escalate", "refund"))

    async def all_of_them() -> None:
        for message, (email, order, cents) in zip(messages, _REFUNDS, strict=False):
            asked = {"email": email, "order_id": order, "amount_cents": cents, "reason": message.text}
            await start(refund, asked, run=message.id, queue=QUEUE, database=kept)
        for message in messages[len(_REFUNDS) :]:
            ticket = {"queue": message.queue, "message": f"{message.id}: {message.text}", "email": message.email}
            await start(escalate, ticket, run=message.id, queue=QUEUE, database=kept)

    began = time.monotonic()
    asyncio.run(all_of_them())
    print_line(f"  {len(messages) - len(_REFUNDS)} become tickets, {len(_REFUNDS)} ask for money back")
    print_line(f"  written in {time.monotonic() - began:.1f} s by a process that runs none of them")


def _approve(kept: Database) -> None:
    from lev_os.workflow import send

    asked = [f"m-{number:03}" for number, _ in enumerate(_REFUNDS, 1)]
    states = _until(kept, lambda states: all(state.waits or state.is_over for state in states if state.run in asked))
    waiting = [state for state in states if state.waits]
    _heading("Two refunds wait for a person", f"lev runs approve {asked[0]} --json '{{\"approved\": true}}'")
    for state in waiting:
        said = asyncio.run(send(state.run, "approval", {"approved": True, "note": "fine"}, database=kept))
        again = asyncio.run(send(state.run, "approval", {"approved": True}, wait=state.waits[0]["key"], database=kept))
        print_line(
            f"  {state.run}: {'approved' if said else 'was approved'}; asked twice, {'again' if again else 'once'}"
        )


def _ledger(kept: Database, messages: Sequence[Message], states: Sequence[RunState]) -> int:
    _heading("The ledger", "lev runs list --status done")
    with closing(sqlite3.connect(os.environ[DESK])) as desk:
        tickets = [subject.partition(":")[0] for (subject,) in desk.execute("select subject from tickets")]
        refunds = desk.execute("select order_id, amount_cents from refunds order by order_id").fetchall()
    expected = [message.id for message in messages[len(_REFUNDS) :]]
    twice = sum(number > 1 for number in Counter(tickets).values())
    lost = len(set(expected) - set(tickets))
    done = sum(state.status == "done" for state in states)
    by = Counter(_who(kept))
    rows = [
        ("  runs", f"{done} of {len(messages)} done"),
        ("  tickets", f"{len(tickets)} written, {twice} twice, {lost} lost"),
        ("  refunds", ", ".join(f"{order} {cents} cents" for order, cents in refunds)),
        ("  ended by", ", ".join(f"{name} {by[name]}" for name in _WORKERS)),
        ("  begun again", f"{sum(state.deaths > 0 for state in states)} after their worker died"),
    ]
    for line in columns(rows):
        print_line(line)
    wanted = sorted((order, cents) for _, order, cents in _REFUNDS)
    good = done == len(messages) and not twice and not lost and refunds == wanted
    print_line(
        f"  {click.style('every message handled once', fg='green') if good else click.style('not so', fg='red')}"
    )
    return FINE if good else FAILED


def _who(kept: Database) -> Iterator[str]:
    """The worker that ended each run."""
    for row in kept.client.list_workflows(name="lev.run", load_input=False, load_output=False):
        yield (row.executor_id or "").partition("#")[0]


@contextmanager
def _workers(kept: Database, shown: Shown) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Three workers, which have begun to take runs; they are stopped at the end."""
    processes: dict[str, subprocess.Popen[str]] = {}
    try:
        for name in _WORKERS:
            processes[name] = subprocess.Popen(
                [sys.executable, "-m", "lev_os.cli", "worker", "--queue", QUEUE, "--name", name,
                 "--database", kept.url, "--concurrency", "8", "--drain", "5"],
                env={**os.environ, **shown.env},
                stderr=subprocess.PIPE,
                text=True,
            )  # fmt: skip
        for name, process in processes.items():
            assert process.stderr is not None
            said = ""
            for line in process.stderr:
                if line.startswith("at work on"):
                    break
                said += line
            else:
                raise Failed(
                    f"the worker {name} did not start: {said.strip()}", help="`lev doctor` says what is missing"
                )
        yield processes
    finally:
        for process in processes.values():
            if process.poll() is None:
                process.terminate()
        for process in processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stderr is not None:
                process.stderr.close()


def _states(kept: Database) -> list[RunState]:
    from lev_os.workflow.runs import list_states

    return list_states(kept, steps=False)


def _until(kept: Database, holds: Any) -> list[RunState]:
    deadline = time.monotonic() + _PATIENCE
    while not holds(states := _states(kept)):
        if time.monotonic() > deadline:
            counts = ", ".join(f"{number} {status}" for status, number in Counter(s.status for s in states).items())
            raise Failed(f"this machine takes too long: {counts}", help="try again when it has less to do")
        time.sleep(0.2)
    return states


def _heading(text: str, command: str) -> None:
    print_line()
    print_line(click.style(text, bold=True))
    print_line(click.style(f"  $ {command}", dim=True))
