"""Smaller parts: workers, deps, environments, reports."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from lev_os.cli import guard
from lev_os.cli.batch.work import work
from lev_os.cli.errors import Failed, UsageProblem
from lev_os.cli.project import Environment, activate, journal_of

Lev = Callable[..., Any]


def test_workers_take_every_input_once_and_no_more_at_a_time() -> None:
    """Three at a time, each input once."""
    running = peak = 0
    done: list[int] = []

    async def answer(index: int, value: Mapping[str, Any]) -> Mapping[str, Any]:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0)
        running -= 1
        return {"index": index}

    asyncio.run(work(((n, {}) for n in range(50)), answer, lambda row: done.append(row["index"]), concurrency=3))
    assert sorted(done) == list(range(50))
    assert peak == 3


def test_the_first_failure_ends_all_and_leaves_no_task() -> None:
    """A full disk stops the batch; the error itself comes out, not a group of it."""

    async def answer(index: int, value: Mapping[str, Any]) -> Mapping[str, Any]:
        if index == 2:
            raise Failed("full")
        await asyncio.sleep(60 if index > 2 else 0)
        return {"index": index}

    async def main() -> int:
        with pytest.raises(Failed, match="full"):
            await work(((n, {}) for n in range(9)), answer, lambda row: None, concurrency=3)
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1


DEPS = """
import contextlib
from pathlib import Path


@contextlib.contextmanager
def make():
    Path("opened").touch()
    yield {"factor": 3}
    Path("closed").touch()


def broken():
    raise ConnectionError("no database")


async def later():
    return 1
"""
TOOLS = '''
from lev_os.core import ToolContext, tool


@tool(effects=[])
def times(ctx: ToolContext[dict], n: int) -> int:
    """n times the factor."""
    return n * ctx.deps["factor"]
'''
FLOW = """\
flowmind: 1
name: times
input: {n: integer}
steps:
  - id: product
    call: ./tools/times
    with: {n: "${input.n}"}
  - return: "${product}"
"""


@pytest.fixture
def pack(lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package whose tool needs what `deps` of its lev.toml makes."""
    lev("new", "package", "acme-deps")
    source = tmp_path / "acme-deps" / "src" / "acme_deps"
    (source / "deps.py").write_text(DEPS)
    (source / "tools.py").write_text(TOOLS)
    (source / "flows" / "times.yaml").write_text(FLOW)
    for module in [name for name in sys.modules if name.partition(".")[0] == "acme_deps"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.chdir(tmp_path / "acme-deps")
    return source


def with_deps(source: Path, reference: str) -> None:
    manifest = source / "lev.toml"
    manifest.write_text(manifest.read_text().replace("\n[exports]", f'deps = "{reference}"\n\n[exports]', 1))


def test_deps_are_made_once_and_closed(lev: Lev, pack: Path) -> None:
    """A context manager is entered before the run and left after it."""
    with_deps(pack, "acme_deps.deps:make")
    assert lev("run", "acme_deps/flows/times", "--input", '{"n": 14}').out == "42\n"
    assert Path("opened").exists()
    assert Path("closed").exists()


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("acme_deps.deps:broken", "ConnectionError: no database"),
        ("acme_deps.deps:nothing", "AttributeError"),
        ("acme_deps.nowhere:make", "ModuleNotFoundError"),
        ("acme_deps.deps:later", "is async"),
    ],
)
def test_deps_that_cannot_be_made(reference: str, why: str, lev: Lev, pack: Path) -> None:
    """Exit code 2, with the reason and the line of lev.toml."""
    with_deps(pack, reference)
    said = lev("run", "acme_deps/flows/times", "--input", '{"n": 14}')
    assert said.code == 2
    assert why in said.err
    assert reference in said.err


def test_an_environment_of_another_python_is_not_mixed_in(tmp_path: Path) -> None:
    """Compiled modules would not fit; the way out is named."""
    with pytest.raises(UsageProblem, match=r"Python 3\.9") as refused:
        activate(Environment(tmp_path, (3, 9), (str(tmp_path),)))
    assert "uv run lev" in str(refused.value)


def test_a_run_may_be_called_by_the_beginning_of_its_name(lev: Lev, tmp_path: Path) -> None:
    """As long as it is clear which one."""
    runs = tmp_path / ".lev" / "runs"
    runs.mkdir(parents=True)
    for name in ("20260101-a", "20260101-b", "20260102-c"):
        (runs / f"{name}.jsonl").touch()
    assert journal_of("20260102").stem == "20260102-c"
    with pytest.raises(UsageProblem, match="2 runs begin with 20260101"):
        journal_of("20260101")


def test_runs_for_people(lev: Lev, pack: Path) -> None:
    """Tables, without JSON."""
    assert lev("runs", "list").out == "no runs here\n"
    with_deps(pack, "acme_deps.deps:make")
    lev("run", "acme_deps/flows/times", "--input", '{"n": 14}')
    listed = lev("runs", "list").out
    assert "acme_deps/flows/times" in listed
    run = listed.splitlines()[1].split()[0]
    assert "output  42" in lev("runs", "show", run).out
    assert lev("runs", "forget", run).out == f"forgot {run}\n"


def test_a_crash_report_that_cannot_be_kept(lev: Lev, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even then there is one line and no traceback."""

    def burst(args: list[str]) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(guard, "_run", burst)
    monkeypatch.setattr(guard, "_crash_folders", lambda: (Path("/dev/null/x"),))
    said = lev("list", "--json")
    assert said.code == 3
    assert "could not be written" in said.json["error"]["help"]


def test_a_ctrl_c_that_a_library_swallows_is_not_lost() -> None:
    """The work is not begun."""
    import os
    import signal

    from lev_os.cli import interrupts

    begun = []

    async def work() -> None:
        begun.append(1)

    with interrupts.noticed():
        with contextlib.suppress(KeyboardInterrupt):  # as native code does with an exception in its callback
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.run(work())
    assert begun == []
    with interrupts.noticed():
        interrupts.run(work())
    assert begun == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
