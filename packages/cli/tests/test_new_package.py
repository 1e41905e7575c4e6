"""`lev new package`: what it makes works from the first minute."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Lev = Callable[..., Any]


def test_a_new_package_is_listed_before_it_is_installed(
    lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sources are found from the project's root."""
    assert lev("new", "package", "acme-billing", "--description", 'Bills "of" Acme.').code == 0
    monkeypatch.chdir(tmp_path / "acme-billing")
    said = lev("list", "acme_billing", "--json")
    [row] = said.json
    assert "error" not in row
    kinds = {export["specifier"]: export["kind"] for export in row["exports"]}
    assert kinds["acme_billing/contexts/style"] == "context"
    assert kinds["acme_billing/flows/greet"] == "flow"
    assert kinds["acme_billing/tools/greeting"] == "tool"


def test_its_flow_runs_without_a_model(lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`greet` is plain steps."""
    lev("new", "package", "acme-billing")
    monkeypatch.chdir(tmp_path / "acme-billing")
    said = lev("run", "acme_billing/flows/greet", "--input", '{"name": "Ada"}', "--json")
    assert said.code == 0
    assert said.json["output"] == {"text": "Hello, Ada!"}


@pytest.mark.slow
def test_its_own_tests_pass(lev: Lev, tmp_path: Path) -> None:
    """With pytest and nothing else."""
    lev("new", "package", "acme-billing")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "acme-billing",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_nothing_is_overwritten(lev: Lev, tmp_path: Path) -> None:
    """A folder with anything in it is refused."""
    (tmp_path / "acme-billing").mkdir()
    (tmp_path / "acme-billing" / "precious.txt").write_text("mine")
    said = lev("new", "package", "acme-billing")
    assert said.code == 2
    assert [file.name for file in (tmp_path / "acme-billing").iterdir()] == ["precious.txt"]


@pytest.mark.parametrize("name", ["json", "class", "lev_os", "1st", "../up", "a b", "-x-", "ünï", "a--b", ""])
def test_names_that_cannot_be_packages(name: str, lev: Lev, tmp_path: Path) -> None:
    """Python's own names, keywords, and what no import can spell."""
    said = lev("new", "package", "--", name)
    assert said.code == 2
    assert [file.name for file in tmp_path.iterdir()] == ["pyproject.toml"]


def test_a_full_disk_leaves_no_half_of_a_package(lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All or nothing."""
    real = Path.write_text

    def write(self: Path, *args: object, **options: object) -> int:
        if self.name == "lev.toml":
            raise OSError(28, "No space left on device", str(self))
        return real(self, *args, **options)  # type: ignore[arg-type]  # handed on as given

    monkeypatch.setattr(Path, "write_text", write)
    said = lev("new", "package", "acme-billing")
    assert said.code == 3
    assert "No space left on device" in said.err
    assert [file.name for file in tmp_path.iterdir()] == ["pyproject.toml"]
