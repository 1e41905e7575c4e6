"""The layout's import rules are contracts, and each of them notices a violation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {
    "lev_os/core": "packages/core/src/lev_os/core",
    "lev_os/agents": "packages/agents/src/lev_os/agents",
    "lev_os/export": "packages/export/src/lev_os/export",
    "lev_os/mcp": "packages/mcp/src/lev_os/mcp",
    "lev_os/memory": "packages/memory/src/lev_os/memory",
    "lev_os/testing": "packages/testing/src/lev_os/testing",
    "lev_os/workflow": "packages/workflow/src/lev_os/workflow",
    "lev_os/cli": "packages/cli/src/lev_os/cli",
    "acme_support": "examples/acme_support/src/acme_support",
}

PLANTED = {
    "core imports a sibling": ("lev_os/core/errors.py", "import lev_os.mcp", "core imports no sibling"),
    "mcp imports testing": ("lev_os/mcp/tokens.py", "import lev_os.testing", "core imports no sibling"),
    "memory imports mcp": ("lev_os/memory/types.py", "import lev_os.mcp", "core imports no sibling"),
    "export imports memory": ("lev_os/export/__init__.py", "import lev_os.memory", "core imports no sibling"),
    "workflow imports agents": ("lev_os/workflow/__init__.py", "import lev_os.agents", "core imports no sibling"),
    "agents import workflow": ("lev_os/agents/__init__.py", "import lev_os.workflow", "core and memory alone"),
    "testing imports cli": ("lev_os/testing/plugin.py", "import lev_os.cli", "core imports no sibling"),
    "core imports an example": ("lev_os/core/errors.py", "import acme_support", "no package uses an example"),
    "flowmind speaks to a model": ("lev_os/core/flowmind/model.py", "import pydantic_ai", "Only llm_runtime"),
    "the machine reads the clock": ("lev_os/core/bidirectional/machine.py", "import time", "read no clock"),
    "a hidden import inside a function": (
        "lev_os/core/errors.py",
        "def f() -> None:\n    from lev_os.cli import main",
        "core imports no sibling",
    ),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of all sources beside the root's contracts, to be spoiled."""
    for package, source in SOURCES.items():
        shutil.copytree(ROOT / source, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    # The copy comes first on the path, before the workspace's editable installs.
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); from importlinter.cli import lint_imports_command as c; c()"
    )
    return subprocess.run(
        [sys.executable, "-c", code, "--no-logo", "--no-cache"],
        cwd=folder,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_violation_breaks_its_contract(copy: Path, case: str) -> None:
    """Each rule, broken once in a copy of the sources, is reported with the contract that says so."""
    place, line, contract = PLANTED[case]
    file = copy / place
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")

    found = lint_imports(copy)

    assert found.returncode == 1, found.stdout + found.stderr
    broken = [line for line in found.stdout.splitlines() if line.endswith("BROKEN")]
    assert len(broken) == 1
    assert contract in broken[0]


def test_the_sources_keep_every_contract(copy: Path) -> None:
    """The unspoiled copy keeps them all, so a planted violation is what breaks one."""
    found = lint_imports(copy)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "0 broken" in found.stdout


def test_a_private_name_of_another_package_is_refused(tmp_path: Path) -> None:
    """Names with a leading underscore stay in their package."""
    (tmp_path / "leak.py").write_text("from lev_os.core._yaml import anything as anything\n", encoding="utf-8")
    config = ROOT / "internal/config/ruff.toml"
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--config", str(config), str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "import-private-name" in found.stdout
