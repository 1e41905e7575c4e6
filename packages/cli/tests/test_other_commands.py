"""`lev schema`, `doctor`, `mcp` and `demo`."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lev_os.cli import health

Lev = Callable[..., Any]


def test_every_format_has_its_schema(lev: Lev) -> None:
    """A JSON Schema, with or without `--json`."""
    names = lev("schema", "--json").json
    assert {"flow", "lev.toml", "constitution"} <= set(names)
    for name in names:
        said = lev("schema", name)
        assert json.loads(said.out)["$schema"].startswith("https://json-schema.org/")
    assert "flow" in lev("schema").out


def test_a_format_that_is_not_there(lev: Lev) -> None:
    """The nearest one is named."""
    said = lev("schema", "flows")
    assert (said.code, "did you mean `flow`?" in said.err) == (2, True)


def test_doctor_finds_nothing_here(lev: Lev) -> None:
    """With all parts installed, exit code 0."""
    said = lev("doctor", "--json")
    checks = {check["name"]: check for check in said.json}
    assert {"python", "environment", "model", "judge", "mcp", "packages"} <= set(checks)
    assert said.code == int(any(check["finding"] for check in said.json))


def test_doctor_says_how_to_get_a_model(lev: Lev, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model is a finding, with the exact lines that install one."""
    from lev_os.core.llm_runtime import local

    monkeypatch.setattr(local, "is_installed", lambda: False)
    said = lev("doctor")
    assert said.code == 1
    assert health.LOCAL_MODEL in said.out
    assert "model" in said.err


def test_doctor_names_broken_packages(lev: Lev, tmp_path: Path) -> None:
    """With their error, and exit code 1."""
    broken = tmp_path / "src" / "acme_broken"
    broken.mkdir(parents=True)
    (broken / "__init__.py").touch()
    (broken / "lev.toml").write_text("format = 99\n")
    said = lev("doctor", "--json")
    assert said.code == 1
    [check] = [check for check in said.json if check["name"] == "acme_broken"]
    assert check["status"] == "error"


def test_mcp_without_its_package(lev: Lev, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that installs it."""
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "lev_os.mcp" else real(name))
    said = lev("mcp", "acme_support")
    assert said.code == 2
    assert "pip install 'lev-os[mcp]'" in said.err


def test_mcp_where_there_is_nothing_to_serve(lev: Lev) -> None:
    """A project without a package of its own."""
    said = lev("mcp")
    assert said.code == 2
    assert "name one: lev mcp PACKAGE" in said.err


def test_lsp_without_pygls(lev: Lev, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that installs it."""
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pygls" else real(name))
    said = lev("lsp")
    assert said.code == 2
    assert "pip install 'lev-os[lsp]'" in said.err


def test_lsp_ends_as_the_client_wants(process: Lev, tmp_path: Path) -> None:
    """With 0 after `shutdown` and `exit`, with 1 after `exit` alone; neither is a crash."""
    start = _message("initialize", id=1, params={"processId": None, "rootUri": None, "capabilities": {}})
    proper = process("lsp", stdin=start + _message("shutdown", id=2) + _message("exit"))
    assert (proper.code, proper.err) == (0, "")
    assert process("lsp", stdin=start + _message("exit")).code == 1
    assert process("lsp", stdin=start).code == 0
    assert not list(tmp_path.rglob("crash-*"))


def _message(method: str, **more: Any) -> str:
    text = json.dumps({"jsonrpc": "2.0", "method": method, **more})
    return f"Content-Length: {len(text)}\r\n\r\n{text}"


@pytest.mark.slow
def test_mcp_with_a_package_that_is_not_there(process: Lev) -> None:
    """Before the first message, in words."""
    said = process("mcp", "acme_nothing", stdin="")
    assert (said.code, said.out) == (2, "")
    assert "acme_nothing" in said.err


def test_demo_without_its_package(lev: Lev, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing, and how to get it."""
    from lev_os.cli.demo import package

    monkeypatch.setattr(package, "PACKAGE", "acme_elsewhere")
    said = lev("demo")
    assert said.code == 2
    assert "make demo" in said.err


@pytest.mark.slow
def test_demo_drives_one_flow_twice_to_the_same_outcome(process: Lev, tmp_path: Path) -> None:
    """Python first, then a real MCP host over stdio; here a script writes the reply."""
    (tmp_path / "model.yaml").write_text("script: 1\nreplies: [{answer: We are looking into it., times: always}]\n")
    said = process("demo", "My card was stolen and somebody pays with it!", "--model", "script:model.yaml")
    assert said.code == 0, said
    assert "reply: We are looking into it." in said.out
    assert re.search(r"flow_start → request", said.out)
    assert re.search(r"flow_submit → done", said.out)
    assert "the same outcome" in said.out
    assert len(list((tmp_path / ".lev" / "runs").glob("*.jsonl"))) == 2


def test_an_installed_package_comes_before_the_travelling_one(
    lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy in the wheel is for where there is none; another process is told where it lies."""
    from lev_os.cli.demo import package

    copies = tmp_path / "packages"
    for name in ("acme_support", "acme_elsewhere"):
        (copies / name).mkdir(parents=True)
        (copies / name / "__init__.py").touch()
        (copies / name / "lev.toml").write_text('format = 1\ndescription = "A copy."\n[exports]\n')
    monkeypatch.setattr(package, "_TRAVELLING", copies)
    installed = package.shown_package()
    assert not installed.package.root.is_relative_to(copies)
    assert installed.env == {}
    monkeypatch.setattr(package, "PACKAGE", "acme_elsewhere")
    copy = package.shown_package()
    assert copy.package.root == copies / "acme_elsewhere"
    assert copy.env["PYTHONPATH"].startswith(str(copies))


@pytest.mark.slow
def test_demo_of_a_message_that_a_person_must_decide(process: Lev, tmp_path: Path) -> None:
    """Without a terminal nobody is asked: the line that answers, both drivers in the same situation, exit code 0."""
    (tmp_path / "model.yaml").write_text("script: 1\nreplies: [{answer: {answer: unsure}, times: always}]\n")
    said = process("demo", "Blue elephants sing opera", "--model", "script:model.yaml")
    assert said.code == 0, said
    assert "lev runs approve" in said.out
    assert "the same situation: both wait for a person (category)" in said.out
    waiting = process("runs", "list", "--status", "waiting", "--json").json
    assert len(waiting) == 2
