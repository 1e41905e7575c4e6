"""The checker in CI: on our own packages, as a pre-commit hook, as a GitHub Action."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from lev_os.check import check

Write = Callable[..., Path]
HERE = Path(__file__).parents[3]


@pytest.mark.slow
def test_our_own_packages_are_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No finding of any severity in the example, the packages and the docs."""
    monkeypatch.chdir(HERE)
    report = check(["examples", "packages", "docs"])
    assert report.diagnostics == ()
    assert report.not_checked == ()
    assert report.checked > 20


def test_the_hooks_files_are_those_that_are_checked() -> None:
    """The pattern of the pre-commit hooks matches what a check looks at, and no Python."""
    for hook in yaml.safe_load((HERE / ".pre-commit-hooks.yaml").read_text()):
        pattern = re.compile(hook["files"])
        for name in (
            "AGENTS.md", "skills/pdf/SKILL.md", ".cursor/rules/x.mdc", "src/acme/lev.toml", ".mcp.json", "mcp.json",
            ".claude-plugin/plugin.json", "src/acme/flows/one.yaml", "src/acme/flows/two.yml",
            "src/acme/agents/desk.yaml", "src/acme/constitution.yaml",
        ):  # fmt: skip
            assert pattern.search(name), name
        for name in ("setup.py", "package.json", "mkdocs.yml", "data.yaml", "skills/pdf/agents/openai.yaml"):
            assert not pattern.search(name), name


@pytest.mark.slow
@pytest.mark.parametrize(("paths", "errors"), [("skills/pdf", "true"), ("skills/two words", "false")])
def test_the_action(write: Write, tmp_path: Path, paths: str, errors: str) -> None:
    """Its second step, run by bash: annotations, SARIF, the output, and inputs that are no commands."""
    write("skills/pdf/SKILL.md", "---\nname: PDF\ndescription: Reads PDFs. Use it for PDFs.\n---\nText.\n")
    write("skills/two", "")
    action = yaml.safe_load((HERE / "action.yml").read_text())
    step = action["runs"]["steps"][1]
    (tmp_path / "lev").mkdir()
    (tmp_path / "lev" / "bin").symlink_to(Path(sys.executable).parent)
    said = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        env={
            **os.environ, "RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "output"), "PATHS": paths,
            "ARGUMENTS": "--ignore CTX6 $(touch oops)" if errors == "false" else "", "SARIF": "found.sarif",
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not (tmp_path / "oops").exists()
    assert (tmp_path / "output").read_text() == f"errors={errors}\n"
    if errors == "true":
        assert said.returncode == 1
        assert said.stdout.startswith("::error file=skills/pdf/SKILL.md,line=2,col=7")
        assert '"version":"2.1.0"' in Path("found.sarif").read_text()
    else:
        assert said.returncode == 2
