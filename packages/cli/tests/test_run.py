"""`lev run` and `lev runs`: exit codes, JSON, approvals, interruptions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
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
def double(n: int) -> int:
    """Twice n."""
    return 2 * n


@tool(effects=[], idempotent=True)
def slow(n: int) -> int:
    """Twice n, after a moment."""
    with Path("calls.txt").open("a") as calls:
        calls.write(f"{n}\\n")
    time.sleep(0.05)
    return 2 * n


@tool(effects=[], idempotent=True)
def hang() -> int:
    """Says that it has begun, and does not come back."""
    Path("begun").touch()
    time.sleep(600)
    return 0


@tool(effects=[])
def bad(n: int) -> int:
    """Raises."""
    raise ValueError("the printer is on fire")


@tool(effects=["spends"])
def pay(amount: int) -> str:
    """Pays."""
    return f"paid {amount}"
'''
FLOWS = {
    "double": """\
input: {n: integer}
output: {n: integer}
steps:
  - id: two
    call: ./tools/double
    with: {n: "${input.n}"}
  - return: {n: "${two}"}
""",
    "slow": """\
input: {n: integer}
steps:
  - id: two
    call: ./tools/slow
    with: {n: "${input.n}"}
  - return: "${two}"
""",
    "hang": """\
input: {}
steps:
  - call: ./tools/hang
    with: {}
""",
    "bad": """\
input: {n: integer}
steps:
  - call: ./tools/bad
    with: {n: "${input.n}"}
""",
    "pay": """\
input: {amount: integer}
steps:
  - id: receipt
    call: ./tools/pay
    with: {amount: "${input.amount}"}
  - return: "${receipt}"
""",
    "choose": """\
input: {text: string}
steps:
  - id: person
    wait: category
    about: "${input.text}"
    returns: {category: {enum: [a, b]}}
  - return: "${person.category}"
""",
    "write": """\
input: {text: string}
steps:
  - id: draft
    ask: Answer.
    about: "${input.text}"
  - return: "${draft}"
""",
}


@pytest.fixture
def pack(lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one flow for each way a run can go; the current folder is in it."""
    lev("new", "package", "acme-runs")
    root = tmp_path / "acme-runs"
    source = root / "src" / "acme_runs"
    (source / "tools.py").write_text(TOOLS)
    for name, text in FLOWS.items():
        (source / "flows" / f"{name}.yaml").write_text(f"flowmind: 1\nname: {name}\n{text}")
    for module in [name for name in sys.modules if name.partition(".")[0] == "acme_runs"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.chdir(root)
    return root


def start(root: Path, *args: str) -> subprocess.Popen[str]:
    """A real process, in the project."""
    return subprocess.Popen(
        [sys.executable, "-m", "lev_os.cli", *args],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LEV_MODEL": "test"},
    )


def until(happens: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something to be so."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_done_is_0_and_stdout_is_the_output(lev: Lev, pack: Path) -> None:
    """What happened on the way goes to stderr."""
    said = lev("run", "acme_runs/flows/double", "--input", '{"n": 21}')
    assert (said.code, json.loads(said.out)) == (0, {"n": 42})
    assert "calls acme_runs/tools/double" in said.err
    assert "done" in said.err


def test_json_is_the_whole_of_stdout(lev: Lev, pack: Path) -> None:
    """Run, status, output, usage and journal."""
    told = lev("run", "./flows/double", "--input", '{"n": 21}', "--json").json
    assert {"run", "status", "output", "usage", "journal"} <= set(told)
    assert (told["status"], told["output"]) == ("done", {"n": 42})
    assert Path(told["journal"]).is_file()
    assert Path(told["journal"]) == pack / ".lev" / "runs" / f"{told['run']}.jsonl"


@pytest.mark.parametrize("how", ["file", "stdin"])
def test_input_from_elsewhere(how: str, process: Lev, pack: Path) -> None:
    """`@file` and `-`."""
    (pack / "in.json").write_text('{"n": 1}')
    given = "@in.json" if how == "file" else "-"
    said = process("run", "acme_runs/flows/double", "--input", given, "--json", stdin='{"n": 1}', cwd=pack)
    assert said.json["output"] == {"n": 2}


@pytest.mark.parametrize(
    "given", ["", "{", "[1]", '"n"', '{"n": "x"}', "{}", '{"n": 1, "m": 2}', "@nowhere.json", "@.", '{"n": NaN}']
)
def test_broken_input_is_2(given: str, lev: Lev, pack: Path) -> None:
    """In words, and no journal is left behind."""
    said = lev("run", "acme_runs/flows/double", "--input", given, "--json")
    assert said.code == 2
    assert said.json["error"]["message"]
    assert "Traceback" not in said.err
    assert not list(pack.glob(".lev/runs/*"))


@pytest.mark.parametrize(
    "args",
    [
        ["acme_runs/flows/double"],
        ["acme_runs/contexts/style", "--input", "{}"],
        ["acme_runs/flows/doubl", "--input", "{}"],
        ["acme_runs/flows/double", "--input-file", "in.jsonl"],
        ["acme_runs/flows/double", "--out", "out.jsonl"],
        ["acme_runs/flows/double", "--input", "{}", "--input-file", "in.jsonl", "--out", "out.jsonl"],
        ["acme_runs/flows/double", "--input-file", "src", "--out", "out.jsonl"],
    ],
)
def test_broken_usage_is_2(args: list[str], lev: Lev, pack: Path) -> None:
    """What is missing, or does not go together."""
    said = lev("run", *args)
    assert said.code == 2, said
    assert "Traceback" not in said.err


@pytest.mark.slow
def test_a_model_that_is_not_there(lev: Lev, pack: Path) -> None:
    """It is said before the flow begins, even when no step would ask it."""
    said = lev("run", "acme_runs/flows/double", "--input", '{"n": 1}', "--model", "no-such-model")
    assert said.code == 2
    assert "Traceback" not in said.err


def test_a_run_without_any_model_names_the_ways_to_one(lev: Lev, pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only when a step asks."""
    from lev_os.core.llm_runtime import local

    monkeypatch.setattr(local, "is_installed", lambda: False)
    said = lev("run", "acme_runs/flows/write", "--input", '{"text": "x"}', "--json")
    assert said.code == 3
    for way in ("--model", "LEV_MODEL", "[tool.lev]", "lev-os[local]"):
        assert way in said.json["error"]["message"]


def test_failed_is_3(lev: Lev, pack: Path) -> None:
    """The reason is in the JSON and on stderr."""
    said = lev("run", "acme_runs/flows/bad", "--input", '{"n": 1}', "--json")
    assert said.code == 3
    assert said.json["status"] == "failed"
    assert "the printer is on fire" in said.json["error"]["message"]
    assert "the printer is on fire" in said.err


def test_denied_is_4(lev: Lev, pack: Path) -> None:
    """A promise of money, by the new package's own constitution."""
    (pack / "promise.yaml").write_text("script: 1\notherwise: {answer: We will refund you., times: always}\n")
    said = lev("run", "acme_runs/flows/write", "--input", '{"text": "x"}', "--model", "script:promise.yaml", "--json")
    assert said.code == 4
    assert said.json["status"] == "denied"
    assert "OWN-001" in said.err


def test_a_model_writes(lev: Lev, pack: Path) -> None:
    """`--model script:FILE` answers."""
    (pack / "model.yaml").write_text("script: 1\nreplies: [{answer: Hello.}]\n")
    said = lev("run", "acme_runs/flows/write", "--input", '{"text": "x"}', "--model", "script:model.yaml")
    assert (said.code, said.out) == (0, "Hello.\n")


def test_what_spends_waits_for_a_person_and_is_5(lev: Lev, pack: Path) -> None:
    """Then a person says yes, and the run goes on."""
    said = lev("run", "acme_runs/flows/pay", "--input", '{"amount": 20}', "--json")
    assert said.code == 5
    run = said.json["run"]
    assert said.json["waits"]
    assert f"lev runs approve {run}" in said.err
    [waiting] = lev("runs", "list", "--status", "waiting", "--json").json
    assert waiting["run"] == run
    approved = lev("runs", "approve", run[:-3], "--note", "checked", "--json")
    assert approved.code == 0
    assert approved.json["output"] == "paid 20"
    assert "BASE-003" in approved.err
    assert lev("runs", "list", "--status", "waiting", "--json").json == []


def test_a_refusal_is_4(lev: Lev, pack: Path) -> None:
    """A person says no."""
    run = lev("run", "acme_runs/flows/pay", "--input", '{"amount": 20}', "--json").json["run"]
    refused = lev("runs", "approve", run, "--refuse", "--json")
    assert refused.code == 4
    assert refused.json["status"] == "denied"


def test_a_wait_that_is_no_question_wants_an_answer(lev: Lev, pack: Path) -> None:
    """`--answer`, checked against what the flow wants."""
    run = lev("run", "acme_runs/flows/choose", "--input", '{"text": "x"}', "--json").json["run"]
    assert "--answer" in lev("runs", "approve", run).err
    unfit = lev("runs", "approve", run, "--answer", '{"category": "c"}')
    assert unfit.code == 2
    assert "does not fit" in unfit.err
    told = lev("runs", "approve", run, "--wait", "category", "--answer", '{"category": "b"}', "--json")
    assert (told.code, told.json["output"]) == (0, "b")
    again = lev("runs", "approve", run, "--answer", '{"category": "b"}')
    assert again.code == 2
    assert "done, not waiting" in again.err


def test_a_wait_that_is_not_there(lev: Lev, pack: Path) -> None:
    """The open ones are named."""
    run = lev("run", "acme_runs/flows/choose", "--input", '{"text": "x"}', "--json").json["run"]
    said = lev("runs", "approve", run, "--wait", "nothing", "--answer", "{}")
    assert said.code == 2
    assert "open: category" in said.err


def test_runs_show_and_replay(lev: Lev, pack: Path) -> None:
    """Every record, and the same outcome without any tool."""
    run = lev("run", "acme_runs/flows/double", "--input", '{"n": 21}', "--json").json["run"]
    shown = lev("runs", "show", run, "--json").json
    assert shown["input"] == {"n": 21}
    assert shown["entries"][0]["type"] == "run_started"
    assert run in lev("runs", "show", run).out
    (pack / "src" / "acme_runs" / "tools.py").unlink()
    replayed = lev("runs", "replay", run, "--json")
    assert replayed.code == 0
    assert replayed.json["outcome"]["output"] == {"n": 42}
    assert replayed.json["divergences"] == []
    assert "the same, record by record" in lev("runs", "replay", run).out


def test_a_damaged_journal_is_3_with_its_place(lev: Lev, pack: Path) -> None:
    """And it is listed, not hidden."""
    told = lev("run", "acme_runs/flows/double", "--input", '{"n": 21}', "--json").json
    journal = Path(told["journal"])
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0].replace(b"21", b"22") + b"".join(lines[1:]))
    said = lev("runs", "replay", told["run"])
    assert said.code == 3
    assert f"{journal}:1:" in said.err
    [row] = lev("runs", "list", "--json").json
    assert row["status"] == "damaged"
    assert "damaged" in lev("runs", "list").out


def test_cancel_and_forget(lev: Lev, pack: Path) -> None:
    """A run ends by hand; its journal goes when it is told to."""
    run = lev("run", "acme_runs/flows/choose", "--input", '{"text": "x"}', "--json").json["run"]
    assert lev("runs", "cancel", run, "--json").json == {"run": run, "status": "cancelled"}
    assert lev("runs", "cancel", run).out == f"{run} is cancelled\n"
    assert lev("runs", "forget", run, "--json").json == {"forgotten": [run]}
    assert lev("runs", "list", "--json").json == []


@pytest.mark.parametrize("command", ["show", "replay", "resume", "approve", "cancel", "forget"])
@pytest.mark.parametrize("run", ["nothing", "../../etc/passwd", "", "."])
def test_a_run_that_is_not_there(command: str, run: str, lev: Lev, pack: Path) -> None:
    """Exit code 2, and where it was looked for."""
    said = lev("runs", command, "--", run)
    assert said.code == 2
    assert said.err.startswith("error: ")


def test_ctrl_c_keeps_the_run_and_says_how_to_go_on(pack: Path, lev: Lev) -> None:
    """130, no traceback, and `lev runs resume` finds it."""
    process = start(pack, "run", "acme_runs/flows/hang", "--input", "{}")
    until((pack / "begun").exists)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert "lev runs resume" in err
    assert "Traceback" not in err
    [row] = lev("runs", "list", "--json").json
    assert row["status"] == "interrupted"
    assert row["run"] in err


def test_a_killed_run_is_resumed(pack: Path, lev: Lev) -> None:
    """`kill -9` leaves a journal from which it goes on."""
    process = start(pack, "run", "acme_runs/flows/hang", "--input", "{}")
    until((pack / "begun").exists)
    process.kill()
    process.wait()
    process.communicate()
    tools = pack / "src" / "acme_runs" / "tools.py"
    tools.write_text(tools.read_text().replace("time.sleep(600)", "pass"))
    [row] = lev("runs", "list", "--json").json
    said = lev("runs", "resume", row["run"], "--json")
    assert said.code == 0, said
    assert said.json["status"] == "done"


def test_a_tool_that_is_declared_otherwise_now_is_not_called_unseen(lev: Lev, process: Lev, pack: Path) -> None:
    """`--accept-change` says that a person has looked."""
    run = lev("run", "acme_runs/flows/pay", "--input", '{"amount": 20}', "--json").json["run"]
    tools = pack / "src" / "acme_runs" / "tools.py"
    tools.write_text(tools.read_text().replace('effects=["spends"]', "effects=[]"))
    said = process("runs", "approve", run, cwd=pack)
    assert said.code == 5, said
    assert "pay" in said.err
    assert process("runs", "approve", run, "--accept-change", "--json", cwd=pack).json["output"] == "paid 20"


def test_a_journal_elsewhere_is_named_by_its_path(lev: Lev, pack: Path) -> None:
    """`lev runs` takes the path of a journal too."""
    said = lev("run", "acme_runs/flows/choose", "--input", '{"text": "x"}', "--journal", "kept/mine.jsonl")
    assert said.code == 5
    assert "lev runs approve kept/mine.jsonl" in said.err
    told = lev("runs", "approve", "kept/mine.jsonl", "--answer", '{"category": "a"}', "--json")
    assert told.json["output"] == "a"


def test_a_run_that_is_named_by_its_journal_is_no_durable_one(
    lev: Lev, pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LEV_DATABASE_URL says where runs are looked for by their names, and nothing about the file of one."""
    monkeypatch.setenv("LEV_DATABASE_URL", "sqlite:///runs.sqlite")
    lev("run", "acme_runs/flows/choose", "--input", '{"text": "x"}', "--journal", "mine.jsonl")
    assert "the same, record by record" in lev("runs", "replay", "mine.jsonl").out
    assert "choose" in lev("runs", "show", "mine.jsonl").out
    assert lev("runs", "approve", "mine.jsonl", "--answer", '{"category": "a"}', "--json").code == 0
    assert lev("runs", "forget", "mine.jsonl").out == "forgot mine\n"
    said = lev("runs", "show", "mine.jsonl")
    assert "there is no database" in said.err


def test_what_is_wrong_is_said_of_what_was_written(lev: Lev, pack: Path) -> None:
    """A value in --json is not called --answer; a flow that is not there is no missing input."""
    lev("run", "acme_runs/flows/choose", "--input", '{"text": "x"}', "--journal", "mine.jsonl")
    assert "--json is not JSON" in lev("runs", "approve", "mine.jsonl", "--json", "{bad").err
    assert "--answer is not JSON" in lev("runs", "approve", "mine.jsonl", "--answer", "{bad").err
    for options in ((), ("--durable",)):
        said = lev("run", "acme_runs/flows/nope", *options)
        assert said.code == 2
        assert "nope" in said.err
        assert "input is missing" not in said.err


def test_a_journal_that_exists_is_not_touched(lev: Lev, pack: Path) -> None:
    """`--journal` names a new file."""
    (pack / "mine.jsonl").write_text("precious")
    said = lev("run", "acme_runs/flows/double", "--input", '{"n": 1}', "--journal", "mine.jsonl")
    assert said.code == 2
    assert (pack / "mine.jsonl").read_text() == "precious"


def test_runs_show_tells_every_effect(lev: Lev, pack: Path) -> None:
    """Arguments, verdicts, result and times of each, as text; it needs the package no more."""
    run = lev("run", "acme_runs/flows/double", "--input", '{"n": 21}', "--json").json["run"]
    (pack / "src" / "acme_runs" / "tools.py").unlink()
    shown = lev("runs", "show", run).out
    for fact in ("acme_runs/flows/double  done", 'input   {"n":21}', 'output  {"n":42}', "tool allow, post allow"):
        assert fact in shown
    assert "1 tool call, " in shown


def test_runs_show_writes_a_page(lev: Lev, pack: Path, tmp_path: Path) -> None:
    """One file that nobody else may read, with the same facts; a place that cannot be written is said."""
    run = lev("run", "acme_runs/flows/double", "--input", '{"n": 21}', "--json").json["run"]
    page = tmp_path / "run.html"
    said = lev("runs", "show", run, "--html", str(page))
    assert (said.code, said.out, said.err.strip()) == (0, "", f"wrote {page}")
    assert page.stat().st_mode & 0o777 == 0o600
    text = page.read_text(encoding="utf-8")
    assert run in text
    assert "tool: allow, post: allow" in text
    missing = lev("runs", "show", run, "--html", str(tmp_path / "no" / "run.html"))
    assert missing.code == 2
    assert "cannot be written" in missing.err


def test_runs_show_lets_no_text_drive_the_terminal(lev: Lev, pack: Path) -> None:
    """Escape sequences and what reorders text are written out."""
    hostile = "\x1b[31mred \u202eevil"
    run = lev("run", "acme_runs/flows/choose", "--input", json.dumps({"text": hostile}), "--json").json["run"]
    shown = lev("runs", "show", run).out
    assert "evil" in shown
    assert not {"\x1b", "\u202e"} & set(shown)


def test_the_way_out_of_an_undeclared_effect_is_said_once(
    lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three principles ask about the tool; the declaration that answers them stands below the first."""
    lev("new", "package", "acme-billing")
    tools = tmp_path / "acme-billing" / "src" / "acme_billing" / "tools.py"
    tools.write_text(tools.read_text().replace("@tool(effects=[], idempotent=True)", "@tool"))
    monkeypatch.chdir(tmp_path / "acme-billing")
    answer = lev("run", "acme_billing/flows/greet", "--input", '{"name": "Ada"}')
    assert answer.code == 5
    assert answer.err.count("help: write `@tool(effects=") == 1
