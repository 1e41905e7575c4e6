"""`lev run --input-file`: killed twice, and still every input exactly once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Lev = Callable[..., Any]

TOOLS = '''\
import time
from pathlib import Path

from lev_os.core import tool


@tool(effects=[], idempotent=True)
def slow(n: int) -> int:
    """Twice n, after a moment."""
    with Path("calls.txt").open("a") as calls:
        calls.write(f"{n}\\n")
    time.sleep(0.05)
    if n == 13:
        raise ValueError("unlucky")
    return 2 * n
'''
FLOW = """\
flowmind: 1
name: slow
input: {n: integer}
steps:
  - id: two
    call: ./tools/slow
    with: {n: "${input.n}"}
  - if: input.n == 7
    then:
      - wait: approval
        about: "${two}"
        returns: {approved: boolean}
  - return: "${two}"
"""
ARGS = ("run", "acme_many/flows/slow", "--input-file", "in.jsonl", "--out", "out.jsonl")


@pytest.fixture
def pack(lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one slow flow and 60 inputs; the current folder is in it."""
    lev("new", "package", "acme-many")
    root = tmp_path / "acme-many"
    (root / "src" / "acme_many" / "tools.py").write_text(TOOLS)
    (root / "src" / "acme_many" / "flows" / "slow.yaml").write_text(FLOW)
    (root / "in.jsonl").write_text("".join(json.dumps({"n": n}) + "\n" for n in range(60)))
    for module in [name for name in sys.modules if name.partition(".")[0] == "acme_many"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.chdir(root)
    return root


def rows_of(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / "out.jsonl").read_text().splitlines()]


def start(root: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lev_os.cli", *ARGS, "--concurrency", "3", *more],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


def stop_when(root: Path, count: int, signal_: signal.Signals) -> tuple[int, str]:
    """Start the batch, and end it once it has `count` rows."""
    process = start(root)
    out = root / "out.jsonl"
    end = time.monotonic() + 60
    while not out.exists() or out.read_bytes().count(b"\n") < count:
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal_)
    _, err = process.communicate(timeout=30)
    return process.returncode, err


@pytest.mark.slow
def test_killed_twice_and_every_input_is_answered_once(pack: Path, process: Lev) -> None:
    """Rows are whole, none is lost, none is there twice, and almost nothing was done again."""
    for count in (8, 25):
        code, _ = stop_when(pack, count, signal.SIGKILL)
        assert code == -signal.SIGKILL
    with (pack / "out.jsonl").open("a") as out:
        out.write('{"index": 59, "input": {"n')
    said = process(*ARGS, "--concurrency", "3", "--json", cwd=pack)
    assert said.code == 3, said
    rows = rows_of(pack)
    assert sorted(row["index"] for row in rows) == list(range(60))
    assert all(row["input"] == {"n": row["index"]} for row in rows)
    assert all(row["output"] == 2 * row["index"] for row in rows if row["status"] == "done")
    assert said.json["status"] == {"done": 58, "failed": 1, "waiting": 1}
    [wait] = said.json["waiting"]
    assert wait["index"] == 7
    assert "going on" in said.err
    assert "lev runs approve" in said.err
    calls = Counter(map(int, (pack / "calls.txt").read_text().split()))
    assert set(calls) == set(range(60))
    # An effect in flight at a kill may be repeated: three at a time, killed twice.
    assert sum(calls.values()) <= 60 + 2 * 3 + 2


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(pack: Path, process: Lev) -> None:
    """130; the same command finishes."""
    code, err = stop_when(pack, 5, signal.SIGINT)
    assert code == 130
    assert "give the same command again" in err
    assert "Traceback" not in err
    process(*ARGS, cwd=pack)
    assert sorted(row["index"] for row in rows_of(pack)) == list(range(60))


def test_a_batch_answers_each_input(lev: Lev, pack: Path) -> None:
    """Rows carry index, input, run, status, output, decisions and usage."""
    (pack / "in.jsonl").write_text('{"n": 1}\n{"n": 2}\n')
    said = lev(*ARGS, "--json")
    assert said.code == 0, said
    assert {"index", "input", "run", "status", "output", "decisions", "usage"} <= set(rows_of(pack)[0])
    assert said.json["rows"] == 2
    assert "2 answered: 2 done" in said.err
    again = lev(*ARGS)
    assert again.code == 0
    assert len(rows_of(pack)) == 2


def test_a_deleted_output_begins_anew(lev: Lev, pack: Path) -> None:
    """The journals of the first time are not taken for answers."""
    (pack / "in.jsonl").write_text('{"n": 1}\n')
    lev(*ARGS)
    [first] = rows_of(pack)
    (pack / "out.jsonl").unlink()
    lev(*ARGS)
    [second] = rows_of(pack)
    assert first["run"] != second["run"]
    assert (pack / "calls.txt").read_text().split() == ["1", "1"]


def test_an_empty_file_is_an_empty_answer(lev: Lev, pack: Path) -> None:
    """Nothing to do is no error."""
    (pack / "in.jsonl").write_text("")
    assert lev(*ARGS, "--json").json["rows"] == 0


def test_an_input_that_does_not_fit_the_flow_is_its_rows_error(lev: Lev, pack: Path) -> None:
    """The others are answered."""
    (pack / "in.jsonl").write_text('{"n": 1}\n{"n": "one"}\n{"n": 3}\n')
    said = lev(*ARGS, "--json")
    assert said.code == 3
    rows = {row["index"]: row for row in rows_of(pack)}
    assert rows[1]["status"] == "failed"
    assert rows[1]["error"]["message"]
    assert [rows[0]["output"], rows[2]["output"]] == [2, 6]


def test_the_input_file_is_never_the_output(lev: Lev, pack: Path) -> None:
    """That would destroy it."""
    said = lev("run", "acme_many/flows/slow", "--input-file", "in.jsonl", "--out", "in.jsonl")
    assert said.code == 2
    assert (pack / "in.jsonl").read_text().count("\n") == 60


def test_given_again_it_reports_what_a_person_has_decided_since(lev: Lev, pack: Path) -> None:
    """Table and exit code are those of the journals; the file keeps its one row for each input."""
    (pack / "in.jsonl").write_text('{"n": 7}\n{"n": 8}\n')
    first = lev(*ARGS, "--json")
    assert (first.code, first.json["status"]) == (5, {"done": 1, "waiting": 1})
    [wait] = first.json["waiting"]
    written = (pack / "out.jsonl").read_bytes()
    assert lev("runs", "approve", wait["run"]).code == 0
    again = lev(*ARGS, "--json")
    assert (again.code, again.json["status"], again.json["waiting"]) == (0, {"done": 2}, [])
    assert "2 answered: 2 done" in again.err
    assert (pack / "out.jsonl").read_bytes() == written
    assert (pack / "calls.txt").read_text().split().count("7") == 1


def test_given_again_it_knows_of_runs_that_were_cut_short_or_forgotten(lev: Lev, pack: Path) -> None:
    """Answered and not gone on with: say how; without its journal a row stays what it was."""
    (pack / "in.jsonl").write_text('{"n": 7}\n')
    flow = pack / "src" / "acme_many" / "flows" / "slow.yaml"
    flow.write_text(FLOW.replace("  - return:", "  - call: ./tools/slow\n    with: {n: 1}\n  - return:"))
    [wait] = lev(*ARGS, "--json").json["waiting"]
    assert lev("runs", "approve", wait["run"]).code == 0
    journal = pack / ".lev" / "runs" / f"{wait['run']}.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    last_effect = max(number for number, line in enumerate(lines) if b'"type":"effect"' in line)
    journal.write_bytes(b"".join(lines[: last_effect + 1]))  # killed while the second call was under way
    again = lev(*ARGS, "--json")
    assert (again.code, again.json["status"]) == (130, {"interrupted": 1})
    assert f"lev runs resume {wait['run']}" in again.err
    assert lev("runs", "resume", wait["run"]).code == 0
    assert lev(*ARGS).code == 0
    lev("runs", "forget", wait["run"])
    assert lev(*ARGS, "--json").code == 5
