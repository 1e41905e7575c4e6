"""`lev runs approve`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ...durable import database_option
from ...errors import FINE, STATUS_CODES, UsageProblem
from ...options import RunName, accept_option, given_value, json_value_option, model_options, python_option
from ...output import note

if TYPE_CHECKING:
    from lev_os.core.bidirectional.replaying import RunInfo


@click.command("approve")
@click.argument("run", type=RunName())
@click.option("--wait", "name", metavar="ID", help="Which wait, by name or key; needed when there are several.")
@click.option("--note", "remark", metavar="TEXT", help="What to record beside the answer.")
@click.option("--refuse", is_flag=True, help="Say no.")
@click.option("--answer", metavar="JSON|@FILE|-", help="The answer itself, for a wait that is no yes-or-no question.")
@click.option("--yes", is_flag=True, help="Do not ask again before answering (a pipe is never asked).")
@accept_option
@model_options
@python_option
@database_option
@json_value_option
def command(
    run: str,
    name: str | None,
    remark: str | None,
    refuse: bool,
    answer: str | None,
    yes: bool,
    accept_change: bool,
    model: str | None,
    allow_weak_decisions: bool,
    python: str | None,
    database: str | None,
    given: str | None,
) -> int:
    """Show what a run waits for, answer it, and go on with the run.

    An approval holds for exactly what is shown: its digest is recorded. A run that an MCP host drives is only
    answered: the host goes on with it when it asks with flow_status. So is a durable run: a worker goes on with it.

    \b
    Examples:
      lev runs approve 20261122-150405-a1b2c3d4e5f6
      lev runs approve 20261122-150405-a1b2c3d4e5f6 --refuse --note "again?"
      lev runs approve 20261122-150405-a1b2c3d4e5f6 --json '{"approved": true}'
    """
    import sys

    from lev_os.core.bidirectional.replaying import run_info

    from ...driving import ModelChoice, answer_only, answer_wait, read_value
    from ...durable import answer_durable, answered_before, database_of, journal_for, show_answer
    from ...held import is_held
    from ...project import journal_of
    from ...showing import show_answered, show_result

    as_json, answer, option = given_value(given, answer, "--answer")
    if answer is not None and (refuse or remark):
        raise UsageProblem("--answer is the whole answer; --refuse and --note go without it")
    kept = database_of(database, run)
    with journal_for(run, database) as path:
        info = run_info(path)
    before = [] if kept is None else answered_before(kept, info)
    wait = _wanted(info, name, before)
    if kept is not None and wait in before:
        return show_answer(kept, info.run, first=False, as_json=as_json)
    for line in _shown(wait):
        note(line)
    value = read_value(answer, option) if answer is not None else _verdict(wait, refuse, remark)
    if not (yes or as_json) and sys.stdin.isatty() and sys.stderr.isatty():
        click.confirm(f"answer {json.dumps(value, ensure_ascii=False)}?", abort=True, err=True)
    if kept is not None:
        return answer_durable(kept, info.run, wait, value, as_json=as_json)
    path = journal_of(run)
    if is_held(path):
        answered = answer_only(path, wait["key"], value, python=python, accept_change=accept_change)
        show_answered(answered, as_json=as_json)
        return FINE if answered.status == "waiting" else STATUS_CODES[answered.status]
    choice = ModelChoice(model, allow_weak_decisions)
    result, seconds = answer_wait(path, wait["key"], value, choice=choice, python=python, accept_change=accept_change)
    show_result(result, seconds, as_json=as_json)
    return STATUS_CODES[result.status]


def _wanted(info: RunInfo, name: str | None, before: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The wait that is meant; one that was answered before only where it is the only one."""
    if info.error is not None:
        raise UsageProblem(info.error)
    if not info.waits:
        raise UsageProblem(f"run {info.run} is {info.status}, not waiting", help="lev runs list --status waiting")
    found = [wait for wait in info.waits if name is None or wait.get("name") == name or wait["key"].startswith(name)]
    found = [wait for wait in found if wait not in before] or found
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{wait.get('name')} ({wait['key'][:12]})" for wait in info.waits)
    if found:
        raise UsageProblem(
            f"several waits are open: {names}", help="say which with --wait: its name, or the beginning of its key"
        )
    raise UsageProblem(f"there is no wait {name!r}; open: {names}", help="name one of them with --wait")


def _shown(wait: dict[str, Any]) -> list[str]:
    asked = wait.get("for") or {}
    lines = [f"{click.style(str(wait.get('name')), bold=True)} waits for you"]
    if asked.get("summary"):
        lines.append(f"  what    {asked['summary']}")
    if wait.get("about") is not None:
        about = wait["about"] if isinstance(wait["about"], str) else json.dumps(wait["about"], ensure_ascii=False)
        lines.append(f"  about   {about}")
    for finding in asked.get("findings") or ():
        lines.append(f"  why     {finding.get('principle')}: {finding.get('message')}")
    if asked.get("digest"):
        lines.append(f"  digest  {asked['digest']}")
    return lines


def _verdict(wait: dict[str, Any], refuse: bool, remark: str | None) -> dict[str, Any]:
    fields = (wait.get("returns") or {}).get("properties", {})
    if wait.get("purpose") != "approval" and "approved" not in fields:
        wanted = json.dumps(wait.get("returns"), ensure_ascii=False)
        raise UsageProblem(
            f"{wait.get('name')} is no yes-or-no question: it wants {wanted}", help="answer with --answer JSON"
        )
    value: dict[str, Any] = {"approved": not refuse}
    if remark is not None or "note" in ((wait.get("returns") or {}).get("required") or ()):
        value["note"] = remark or ""
    return value
