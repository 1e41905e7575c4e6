"""What a type checker sees of a package that was built and installed: a wrong argument is an error in its own line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from build_support import EXPOSE, FILES, UV, made, write
from lev_os.export.build.distributions import find_uv

ROOT = Path(__file__).resolve().parents[4]
GATES = ROOT / ".tools" / "npm-gates" / "node_modules" / ".bin"
GOOD = """
from lev_os.core import Context, ToolContext
from shop.contexts import tone
from shop.flows import triage
from shop.tools import find, refund
from till.tools import give_back

async def main() -> None:
    output = await triage(message="x", priority="high")
    category: str = output["category"]
    text: str = tone.text
    paid: bool = refund("A-1", cents=5)
    prices = [order.price + 1.0 for order in find("x").values()]
    print(category, text, paid or give_back("A-1", cents=5), prices, Context, ToolContext)
"""
BAD = """
from shop.contexts import tome
from shop.flows import triage
from shop.tools import find, refund, hidden
from till.tools import give_back, refund as by_its_own_name

async def main() -> None:
    await triage(message=5)
    await triage(mesage="x")
    await triage(message="x", priority="urgent")
    (await triage(message="x"))["kategory"]
    refund("A-1", cents="5")
    find()
    give_back("A-1", cents="5")
"""
WRONG = {2, 4, 5, 8, 9, 10, 11, 12, 13, 14}
TILL = {
    "pyproject.toml": UV.replace("acme-shop", "acme-till").replace("shop", "till"),
    "src/till/__init__.py": "",
    "src/till/lev.toml": 'format = 1\n[exports]\n"./tools/give-back" = { python = "till.paying:refund" }\n',
    "src/till/paying.py": FILES["src/shop/tools/paying.py"],
    "src/till/tools/__init__.py": EXPOSE,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheels, and the two programs beside it."""
    folder = tmp_path_factory.mktemp("typed")
    shop = made(write(folder / "shop", FILES), lazy=["shop.tools"])
    till = made(write(folder / "till", TILL), package="till")
    uv = find_uv()
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder / "env")], check=True)
    python = folder / "env" / "bin" / "python"
    wheels = [str(built.distributions[0]) for built in (shop, till)]
    subprocess.run([uv, "pip", "install", "--quiet", "--no-deps", "--python", str(python), *wheels], check=True)
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
        "from till.tools import give_back\n"
        "print(asyncio.run(triage(message='x')), tone.text.strip(), find('x'), give_back('A-1', 5))"
    )
    done = subprocess.run([str(site / "env/bin/python"), "-c", f"import sys; sys.path += {sys.path!r}\n{code}"],
                          cwd=site, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.stdout.strip() == "{'category': 'other'} Be brief. {} True", done.stderr
