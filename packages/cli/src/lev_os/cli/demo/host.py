"""A small MCP host without a model: it starts `lev mcp` as a real process and answers from an earlier run's journal."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lev_os.core.errors import LevError

from ..driving import answer_only
from ..errors import Failed, UsageProblem
from ..project import project_root, runs_folder
from .person import wait_of

if TYPE_CHECKING:
    from mcp import StdioServerParameters

_TURNS = 50


@dataclass(frozen=True, slots=True)
class Told:
    """What the host saw, the kind of its last reply, and the journal of its run."""

    lines: tuple[str, ...]
    kind: str
    journal: Path


def drive(
    package: str,
    flow: str,
    value: Mapping[str, Any],
    journal: str,
    people: Sequence[Mapping[str, Any]],
    *,
    env: Mapping[str, str],
) -> Told:
    """Drive the flow over stdio; `people` are the answers that a person gives, `env` is added to the server's.

    Raises `Failed` with the server's own words when it does not speak.
    """
    try:
        import mcp  # noqa: F401  # its absence has a better answer than a traceback
    except ImportError:
        raise UsageProblem("this part needs lev-os-mcp", help="pip install 'lev-os[mcp]'") from None
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        try:
            return asyncio.run(_drive(_server(package, env), flow, value, _answers(Path(journal)), people, errors))
        except LevError:
            raise
        except Exception as problem:
            errors.seek(0)
            said = errors.read().strip().splitlines()
            raise Failed(
                f"lev mcp: {said[-1] if said else problem}", help=f"try `lev mcp {package}` by itself"
            ) from problem


def _answers(journal: Path) -> list[Any]:
    """The model's answers of a run, in order; a judgement that no model could give is an unsure one."""
    from lev_os.core.bidirectional import read_journal

    entries = read_journal(journal)
    asked = {entry.key: entry.body for entry in entries if entry.type == "effect" and entry.body["kind"] == "model"}
    answers = []
    for entry in entries:
        if entry.key not in asked:
            continue
        if entry.type == "result" and entry.body.get("reply", "accepted") == "accepted":
            answers.append(entry.body["value"])
        elif entry.type == "failure" and asked[entry.key]["request"]["purpose"] != "ask":
            answers.append({"answer": {"answer": "unsure"}})
    return answers


def _server(package: str, env: Mapping[str, str]) -> StdioServerParameters:
    from mcp import StdioServerParameters

    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "lev_os.cli", "mcp", package],
        cwd=str(project_root()),
        env={**os.environ, **env},
    )


async def _drive(
    server: StdioServerParameters,
    flow: str,
    value: Mapping[str, Any],
    answers: list[Any],
    people: Sequence[Mapping[str, Any]],
    errors: Any,
) -> Told:
    from mcp import Client
    from mcp.client.stdio import stdio_client

    began = time.monotonic()
    lines: list[str] = []
    async with Client(stdio_client(server, errlog=errors)) as client:
        tools = await client.list_tools()
        lines.append(f"connected in {time.monotonic() - began:.1f} s; tools: {', '.join(t.name for t in tools.tools)}")
        reply = await _call(client, "flow_start", {"flow": flow, "input": dict(value)})
        lines.append(f"flow_start → {reply['kind']}: {_gist(reply)}")
        journal = runs_folder() / f"{reply['run']}.jsonl"
        decided = list(people)
        for _ in range(_TURNS):
            if reply["kind"] == "request" and answers:
                arguments = {"token": reply["token"], **_submission(answers.pop(0))}
                reply = await _call(client, "flow_submit", arguments)
                lines.append(f"flow_submit → {reply['kind']}: {_gist(reply)}")
            elif reply["kind"] == "waiting" and decided:
                # No token of the host answers a wait: its person does, past the model, as `lev runs approve` would.
                answer = decided.pop(0)
                answer_only(journal, wait_of(journal)["key"], answer)
                lines.append(f"the person → {json.dumps(answer)}")
                reply = await _call(client, "flow_status", {"run": reply["run"], "token": reply["status_token"]})
                lines.append(f"flow_status → {reply['kind']}: {_gist(reply)}")
            else:
                break
    return Told(tuple(lines), reply["kind"], journal)


def _submission(result: Mapping[str, Any]) -> dict[str, Any]:
    if "tool_calls" in result:
        return {"tool_calls": result["tool_calls"]}
    return {"result": result["answer"]}


async def _call(client: Any, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    result = await client.call_tool(name, arguments)
    if result.structured_content is not None:
        reply: dict[str, Any] = result.structured_content
    else:
        reply = json.loads(result.content[0].text)
    if "kind" not in reply:
        raise Failed(f"{name} answered {json.dumps(reply)[:200]}")
    return reply


def _gist(reply: Mapping[str, Any]) -> str:
    if reply["kind"] == "request":
        return " ".join(str(reply["instruction"]).split())[:80] + "…"
    if reply["kind"] == "done":
        return ", ".join((reply.get("output") or {}).keys())
    if reply["kind"] == "waiting":
        return ", ".join(str(wait.get("name")) for wait in reply["for"])
    return json.dumps({name: reply[name] for name in ("errors", "error") if name in reply}, ensure_ascii=False)[:200]
