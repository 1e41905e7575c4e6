"""`lev demo`: one real package, one real flow, two drivers. Nothing is played: every line comes from what just ran."""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from ..errors import FAILED, FINE, STATUS_CODES
from ..output import columns, print_line
from . import person
from .package import PACKAGE, Shown, shown_package

FLOW = f"{PACKAGE}/flows/triage"
DESK = "ACME_SUPPORT_DB"
_LOCAL = "SmolLM2 on this machine (135 million parameters: fluent, and not to be trusted with a decision)"
MESSAGE = "I was charged twice for one purchase and I want my money back!"


def tell(message: str | None, *, model: str | None, python: str | None) -> int:
    """The whole demonstration; returns the exit code: 0 when both drivers came to the same place.

    That is the flow's outcome, or the person it waits for when nobody is at a terminal.
    """
    from ..catalog import make_importable

    began = time.monotonic()
    make_importable(python)
    shown = shown_package()
    _heading(1, "One package, two audiences", f"lev list {PACKAGE}")
    _list(shown.package)
    specifier = f"{PACKAGE}/contexts/executive"
    _heading(2, "What a model reads, and what Python gets", f"lev show {specifier}")
    _show(shown.package, specifier)

    # A fresh desk for each drive: on one desk the second run's ticket has another number than the first's.
    with tempfile.TemporaryDirectory(prefix="lev-demo-", ignore_cleanup_errors=True) as desks:
        code = _both_drives(shown, message, model, Path(desks))
    print_line()
    print_line(f"{time.monotonic() - began:.1f} s in all. Next: lev new package my-package")
    return code


def _both_drives(shown: Shown, message: str | None, model: str | None, desks: Path) -> int:
    value, model, writer = _input(message, model)
    _heading(3, "The flow, driven by Python", f"lev run {FLOW} --input {shlex.quote(json.dumps(value))}")
    print_line("  the conditions are decided by the local classifier;")
    print_line(f"  the reply is written by {writer}")
    os.environ[DESK] = str(desks / "python.sqlite3")
    result, answers = _run(value, model)
    if result.status == "waiting":
        person.tell(result.run, person.wait_of(Path(result.journal)), shown.env)
    elif result.status != "done":
        return _stopped(result)
    _outcome(result)

    _heading(4, "What the gate said of every effect and every result", f"lev runs show {result.run}")
    _audit(Path(result.journal))

    _heading(5, "The same flow, driven by a model over MCP", f"lev mcp {PACKAGE}")
    print_line("  a scripted host stands in for the model: it repeats the first run's answers")
    from .host import drive

    env = {**shown.env, DESK: str(desks / "mcp.sqlite3")}
    told = drive(PACKAGE, FLOW, value, result.journal, answers, env=env)
    for line in told.lines:
        print_line(f"  {line}")
    if told.kind != result.status:
        return _failed(f"the run over MCP is not {result.status}, but {told.kind}")

    _heading(6, "Both journals, replayed without any model or tool", f"lev runs replay {result.run}")
    return FINE if _replay(Path(result.journal), told.journal) else FAILED


def _list(package: Any) -> None:
    rows = []
    for export in package.exports():
        size = f"{export.for_llm()['tokens']} tokens" if export.kind in ("context", "flow") else ""
        rows.append((f"  {export.specifier}", export.kind, size))
    for line in columns(rows):
        print_line(line)


def _show(package: Any, specifier: str) -> None:
    from lev_os.core.packaging import find

    _, subpath = find(specifier)
    loaded = package.export(subpath).for_llm()
    lines = [line for line in loaded["text"].splitlines() if line.strip()]
    for line in lines[:4]:
        print_line(f"  {line}")
    print_line(f"  … {loaded['tokens']} tokens, {loaded['digest'][:19]}")
    print_line(f"  in Python: from {PACKAGE}.contexts import executive")


def _input(message: str | None, model: str | None) -> tuple[dict[str, Any], str | None, str]:
    value: dict[str, Any] = {"message": message or MESSAGE, "email": "ada@example.com"}
    if model is None:
        from lev_os.core.llm_runtime.local import is_installed

        if not is_installed():
            return value | {"reply_with": "template"}, None, "a template (no local model: see `lev doctor`)"
        model = "local"
    return value, model, _LOCAL if model == "local" else model


def _run(value: dict[str, Any], model: str | None) -> tuple[Any, list[dict[str, Any]]]:
    """The run's result, and what the person at the terminal answered on the way."""
    from ..driving import ModelChoice, answer_wait, load_flow, run_once

    choice = ModelChoice(model)
    answers: list[dict[str, Any]] = []
    result, seconds = run_once(load_flow(FLOW), value, journal=None, choice=choice)
    journal = Path(result.journal or "")  # the command always keeps one
    while result.status == "waiting":
        wait = person.wait_of(journal)
        answer = person.ask(wait)
        if answer is None:
            break
        answers.append(answer)
        result, more = answer_wait(journal, wait["key"], answer, choice=choice)
        seconds += more
    print_line(f"  {result.status} in {seconds:.1f} s, journal {result.journal}")
    return result, answers


def _outcome(result: Any) -> None:
    for decision in result.decisions:
        sure = "" if decision.confidence is None else f" ({decision.confidence:.2f})"
        print_line(f"  {decision.step}: {decision.label}{sure}, decided by {decision.decided_by}")
    usage = result.usage
    print_line(
        f"  {usage.asks} asked, {usage.tool_calls} tools called, {usage.input_tokens} tokens in, "
        f"{usage.output_tokens} out"
    )
    for name, field in (result.output or {}).items():
        print_line(f"  {name}: {field}")


def _audit(journal: Path) -> None:
    from lev_os.core.bidirectional import read_journal

    entries = read_journal(journal)
    effects = {entry.key: entry.body for entry in entries if entry.type == "effect"}
    rows = []
    for entry in entries:
        if entry.type != "verdict":
            continue
        effect = effects.get(entry.key, {})
        why = "; ".join(f"{finding['principle']}: {finding['message']}" for finding in entry.body.get("findings") or ())
        what = f"{effect.get('kind', '')} {effect.get('path', '')}".strip()
        rows.append(
            (f"  {entry.body['ruling']}", entry.body.get("phase", ""), what, str(entry.body["digest"])[:19], why)
        )
    for line in columns(rows):
        print_line(line)


def _replay(first: Path, second: Path) -> bool:
    from lev_os.core.bidirectional import replay

    found = [replay(journal) for journal in (first, second)]
    for name, each in zip(("Python", "MCP"), found, strict=True):
        told = "no divergence" if not each.divergences else f"{len(each.divergences)} divergences"
        print_line(f"  {name.ljust(6)}  {each.records} records, {each.verdicts} verdicts recomputed: {told}")
    same = found[0].outcome == found[1].outcome and not any(each.divergences for each in found)
    if found[0].outcome is None:
        waits = [_asked(journal) for journal in (first, second)]
        same = same and waits[0] == waits[1]
        names = ", ".join(str(wait["name"]) for wait in waits[0])
        good, bad = f"the same situation: both wait for a person ({names})", "different situations"
    else:
        good, bad = "the same outcome", "different outcomes"
    print_line(f"  {click.style(good, fg='green') if same else click.style(bad, fg='red')}")
    return same


def _asked(journal: Path) -> list[dict[str, Any]]:
    """What a run asks of people, without the keys, which hold the run's name."""
    from lev_os.core.bidirectional.replaying import run_info

    return [{name: part for name, part in wait.items() if name != "key"} for wait in run_info(journal).waits]


def _stopped(result: Any) -> int:
    if result.error is not None:
        print_line(f"  {result.error.message}")
    return STATUS_CODES[result.status]


def _failed(why: str) -> int:
    print_line(f"  {click.style(why, fg='red')}")
    return FAILED


def _heading(number: int, title: str, command: str) -> None:
    print_line()
    print_line(click.style(f"{number}. {title}", bold=True))
    print_line(click.style(f"   $ {command}", dim=True))
    sys.stdout.flush()
