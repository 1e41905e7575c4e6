"""Flows and tools of a package on disk: found, imported when called, and found again when a run goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lev_os.core import InvalidInput, Package, load_package
from lev_os.core.bidirectional import Run, replay, run_sync
from lev_os.core.flowmind import Flow
from lev_os.core.packaging import InvalidSpecifier

MANIFEST = """
format = 1
name = "{name}"
[exports]
"./flows/*" = {{ llm = "./flows/*.yaml" }}
"./tools/*" = {{ python = "{name}.tools:*" }}
"""
TOOLS = '''
from dataclasses import dataclass
from lev_os.core import tool

@dataclass
class Price:
    """Not a tool: a class."""
    amount: int

@tool(effects=())
async def price(item: str) -> Price:
    """What an item costs."""
    return Price(len(item))
'''
FLOW = """
flowmind: 1
name: buy
input: {item: string}
steps:
  - {id: go, wait: go}
  - {id: cost, call: ./tools/price, with: {item: "${input.item}"}}
  - return: {cost: "${cost.amount}"}
"""
BROKEN = {"raises": "raise RuntimeError('no database')\n", "exits": "import sys; sys.exit(2)\n"}


def package(folder: Path, name: str, tools: str = TOOLS) -> Package:
    """A package on disk, with a flow and a tool."""
    root = folder / name
    (root / "flows").mkdir(parents=True)
    (root / "__init__.py").touch()
    (root / "lev.toml").write_text(MANIFEST.format(name=name))
    (root / "tools.py").write_text(tools)
    (root / "flows" / "buy.yaml").write_text(FLOW)
    return load_package(name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which Python imports."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def buy(found: Package) -> Flow:
    """The package's flow, as its exports give it."""
    text, path = found.read("./flows/buy")
    return Flow.parse(text, package=found, path=str(path), specifier=f"{found.name}/flows/buy")


def test_a_flow_is_run_by_its_name(folder: Path) -> None:
    """`run` takes a name as `start` of durable runs does; one that says no package is told how to write it."""
    package(folder, "shop_name")
    assert run_sync("shop_name/flows/buy", {"item": "tea"}).status == "waiting"
    with pytest.raises(InvalidSpecifier, match="inside a package"):
        run_sync("./shop_name/flows/buy", {"item": "tea"})


def test_a_tool_of_a_package(folder: Path, tmp_path: Path) -> None:
    """The run waits, goes on with nothing but its journal, and imports the tool when it is called."""
    journal = tmp_path / "j.jsonl"
    waiting = run_sync(buy(package(folder, "shop_one")), {"item": "tea"}, journal=journal)
    assert waiting.status == "waiting"
    with Run.resume(journal) as resumed:
        resumed.submit(resumed.waits[0].token, "go")
        asyncio.run(resumed.advance())
    assert resumed.result.output == {"cost": 3}
    assert replay(journal).divergences == ()


def test_a_package_that_is_gone(folder: Path, tmp_path: Path) -> None:
    """The pinned text still resumes and replays; only its tool cannot be called any more."""
    journal = tmp_path / "j.jsonl"
    found = package(folder, "shop_two")
    run_sync(buy(found), {"item": "tea"}, journal=journal)
    (found.root / "lev.toml").unlink()
    with Run.resume(journal) as resumed:
        resumed.submit(resumed.waits[0].token, "go")
        asyncio.run(resumed.advance())
    error = resumed.result.error
    assert error is not None
    assert error.kind == "tool"
    assert "shop_two" in error.message
    assert replay(journal).divergences == ()


def test_a_flow_that_cannot_be_read_any_more(folder: Path, tmp_path: Path) -> None:
    """What should hold now is unknown: the run does not go on until the flow is mended."""
    journal = tmp_path / "j.jsonl"
    found = package(folder, "shop_three")
    run_sync(buy(found), {"item": "tea"}, journal=journal)
    (found.root / "flows" / "buy.yaml").write_text("flowmind: 1\nsteps: 5\n")
    with pytest.raises(InvalidInput, match=r"buy\.yaml"):
        Run.resume(journal)
    (found.root / "flows" / "buy.yaml").write_text(FLOW)
    Run.resume(journal).close()


@pytest.mark.parametrize("how", BROKEN)
def test_a_package_that_cannot_be_imported(folder: Path, tmp_path: Path, how: str) -> None:
    """Importing runs the package's code: whatever it does is a failure of the tool."""
    found = package(folder, f"shop_{how}", TOOLS + BROKEN[how])
    with Run.start(buy(found), {"item": "tea"}) as started:
        started.submit(started.waits[0].token, "go")
        asyncio.run(started.advance())
    error = started.result.error
    assert error is not None
    assert error.kind == "tool"
    assert "Traceback" not in error.message
