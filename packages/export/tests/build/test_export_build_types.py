"""What a type checker sees of a package that was built and installed: a wrong argument is an error in its own line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from build_support import made
from lev_os.export.build.distributions import find_uv

ROOT = Path(__file__).resolve().parents[4]
GATES = ROOT / ".tools" / "npm-gates" / "node_modules" / ".bin"
GOOD = """
from lev_os.core import Context, ToolContext
from shop.contexts import tone
from shop.flows import triage
from shop.tools import find, refund

async def main() -> None:
    output = await triage(message="x", priority="high")
    category: str = output["category"]
    text: str = tone.text
    paid: bool = refund("A-1", cents=5)
    prices = [order.price + 1.0 for order in find("x").values()]
    print(category, text, paid, prices, Context, ToolContext)
"""
BAD = """
from shop.contexts import tome
from shop.flows import triage
from shop.tools import find, refund, hidden

async def main() -> None:
    await triage(message=5)
    await triage(mesage="x")
    await triage(message="x", priority="urgent")
    (await triage(message="x"))["kategory"]
    refund("A-1", cents="5")
    find()
"""
WRONG = {2, 4, 7, 8, 9, 10, 11, 12}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and the two programs beside it."""
    from build_support import FILES

    folder = tmp_path_factory.mktemp("typed")
    project = folder / "project"
    for path, text in FILES.items():
        file = project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    wheel = made(project, lazy=["shop.tools"]).distributions[0]
    uv = find_uv()
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder / "env")], check=True)
    python = folder / "env" / "bin" / "python"
    subprocess.run([uv, "pip", "install", "--quiet", "--no-deps", "--python", str(python), str(wheel)], check=True)
    links = next(folder.glob("env/lib/python3*/site-packages")) / "links.pth"
    links.write_text(f"{ROOT / 'packages/core/src'}\n")  # core as it is here, not as it was published
    (folder / "good.py").write_text(GOOD)
    (folder / "bad.py").write_text(BAD)
    return folder


@pytest.mark.slow
def test_mypy(site: Path) -> None:
    """The stubs, the lazy module and the annotations of tools, in strict mode."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(site / "cache"),
         "--python-executable", str(site / "env/bin/python"), "good.py", "bad.py"],
        cwd=site, env={**os.environ, "MYPYPATH": str(ROOT / "packages/core/src"), "MYPY_FORCE_COLOR": "0"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = [line.split(":")[:2] for line in done.stdout.splitlines() if ": error:" in line]
    assert {file for file, _ in found} == {"bad.py"}, done.stdout + done.stderr
    assert {int(line) for _, line in found} == WRONG, done.stdout


@pytest.mark.slow
@pytest.mark.node
def test_pyright(site: Path) -> None:
    """The same from another type checker."""
    if not (GATES / "pyright").exists():
        pytest.skip("pyright is not in .tools/npm-gates, where .ci/run installs it")
    config = {"typeCheckingMode": "standard", "pythonVersion": "3.11", "include": ["good.py", "bad.py"]}
    (site / "pyrightconfig.json").write_text(json.dumps(config))
    done = subprocess.run(
        [str(GATES / "pyright"), "--outputjson", "--pythonpath", str(site / "env/bin/python")], cwd=site,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = [item for item in json.loads(done.stdout)["generalDiagnostics"] if item["severity"] == "error"]
    assert {Path(item["file"]).name for item in found} == {"bad.py"}, done.stdout
    assert {item["range"]["start"]["line"] + 1 for item in found} == WRONG, done.stdout


@pytest.mark.slow
def test_the_installed_package_runs(site: Path) -> None:
    """What is typed is there: the flow, the context and the tools of the lazy module."""
    code = (
        "import asyncio; from shop.flows import triage; from shop.contexts import tone; from shop.tools import find\n"
        "print(asyncio.run(triage(message='x')), tone.text.strip(), find('x'))"
    )
    done = subprocess.run([str(site / "env/bin/python"), "-c", f"import sys; sys.path += {sys.path!r}\n{code}"],
                          cwd=site, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.stdout.strip() == "{'category': 'other'} Be brief. {}", done.stderr
