"""`lev export`: what it prints, where it writes, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Lev = Callable[..., Any]


@pytest.fixture
def billing(lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a package of its own, as the current folder."""
    lev("new", "package", "acme-billing")
    monkeypatch.chdir(tmp_path / "acme-billing")
    return tmp_path / "acme-billing"


def test_the_files_it_wrote(lev: Lev, tmp_path: Path) -> None:
    """As JSON, relative to the folder; the second time there are none."""
    said = lev("export", "--to", "skills", "--out", "out", "--package", "acme_support", "--json")
    assert said.code == 0
    files = said.json["files"]
    assert ".agents/skills/acme-support/SKILL.md" in files
    assert all((tmp_path / "out" / file).is_file() for file in files)
    again = lev("export", "--to", "skills", "--out", "out", "--package", "acme_support", "--json").json
    assert again["files"] == []
    assert set(again["unchanged"]) == set(files) - {"lev-export.lock"}


def test_several_targets_after_one_option(lev: Lev, tmp_path: Path) -> None:
    """`--to skills agents-md`, and `--to skills --to agents-md`."""
    assert lev("export", "--to", "skills", "agents-md", "--package", "acme_support").code == 0
    assert (tmp_path / "AGENTS.md").is_file()
    same = lev("export", "--to", "skills", "--to", "agents-md", "--package", "acme_support", "--json")
    assert same.json["files"] == []


def test_the_packages_of_the_project_come_first(lev: Lev, billing: Path) -> None:
    """Without --package, and not what happens to be installed."""
    said = lev("export", "--to", "skills", "--json")
    assert said.json["out"] == str(billing)
    assert {Path(file).parts[2] for file in said.json["files"] if "skills" in file} == {"acme-billing"}


def test_check_writes_nothing(lev: Lev, billing: Path) -> None:
    """1 while something would change, 0 when all is as it should be."""
    assert lev("export", "--to", "agents-md", "--check").code == 1
    assert not (billing / "AGENTS.md").exists()
    assert lev("export", "--to", "agents-md", "--dry-run", "--json").json["written"] is False
    assert not (billing / "AGENTS.md").exists()
    lev("export", "--to", "agents-md")
    assert lev("export", "--to", "agents-md", "--check").code == 0
    (billing / "AGENTS.md").write_text("mine\n")
    assert lev("export", "--to", "agents-md", "--check").code == 1
    assert (billing / "AGENTS.md").read_text() == "mine\n"


def test_conflicts_are_named_and_nothing_is_lost(lev: Lev, billing: Path) -> None:
    """Exit code 2; --check says the same with 1."""
    file = billing / ".claude" / "skills" / "acme-billing" / "SKILL.md"
    file.parent.mkdir(parents=True)
    file.write_text("mine\n")
    said = lev("export", "--to", "skills")
    assert said.code == 2
    assert ".claude/skills/acme-billing/SKILL.md is not from `lev export`" in said.err
    assert "--force" in said.err
    assert not (billing / ".agents").exists()
    checked = lev("export", "--to", "skills", "--check", "--json")
    assert checked.code == 1
    assert checked.json["conflicts"] == [".claude/skills/acme-billing/SKILL.md"]
    assert lev("export", "--to", "skills", "--force").code == 0
    assert file.read_text() != "mine\n"


def test_into_the_package_for_its_wheel(lev: Lev, billing: Path) -> None:
    """`<pkg>/.agents/skills`, as those look for it who discover skills in wheels."""
    assert lev("export", "--to", "skills", "--in-package").code == 0
    skill = billing / "src/acme_billing/.agents/skills/acme-billing/SKILL.md"
    assert skill.is_file()
    assert not (billing / ".agents").exists()
    assert lev("export", "--to", "skills", "--in-package", "--check").code == 0
    assert lev("export", "--to", "agents-md", "--in-package").code == 2


def test_into_several_packages_or_none(lev: Lev, tmp_path: Path) -> None:
    """What stands in the way of the second is told before the first is written."""
    for name in ("acme-one", "acme-two"):
        lev("new", "package", name)
    paths = [tmp_path / name / "src" / name.replace("-", "_") for name in ("acme-one", "acme-two")]
    (paths[1] / ".agents").write_text("in the way\n")
    given = [part for path in paths for part in ("--package", str(path))]
    assert lev("export", "--to", "skills", "--in-package", *given).code == 2
    assert not (paths[0] / ".agents").exists()
    (paths[1] / ".agents").unlink()
    assert lev("export", "--to", "skills", "--in-package", *given).code == 0


@pytest.fixture
def flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two packages at its root, as the current folder."""
    root = tmp_path / "acme"
    for name in ("shop", "till"):
        (root / name).mkdir(parents=True)
        (root / name / "__init__.py").touch()
        (root / name / "note.md").write_text("---\ndescription: A note.\n---\nPay in cash.\n")
        (root / name / "lev.toml").write_text('format = 1\n[exports]\n"./contexts/note" = { llm = "./note.md" }\n')
    (root / "pyproject.toml").write_text('[project]\nname = "acme"\nversion = "1"\n')
    monkeypatch.chdir(root)
    return root


def test_several_packages_beside_each_other(lev: Lev, flat: Path) -> None:
    """Nothing is written to the folders they are imported from, which have the names of theirs."""
    before = set(flat.rglob("*"))
    said = lev("export", "--to", "npm", "agent-plugin", "skills", "--json")
    assert said.code == 0
    assert said.json["out"] == [str(flat / "dist/npm"), str(flat / "dist/agent-plugin"), str(flat)]
    assert (flat / "dist/npm/shop/package.json").is_file()
    assert (flat / "dist/agent-plugin/till/plugin.json").is_file()
    assert (flat / ".agents/skills/shop/SKILL.md").is_file()
    made = {path.relative_to(flat).parts[0] for path in set(flat.rglob("*")) - before}
    assert made == {"dist", ".agents", ".claude", "lev-export.lock"}
    assert lev("export", "--to", "npm", "agent-plugin", "skills", "--check").code == 0


def test_no_export_lies_where_a_package_is_imported_from(lev: Lev, flat: Path) -> None:
    """Also not when it is told to; nothing is written then."""
    before = {path: path.stat().st_mtime_ns for path in flat.rglob("*")}
    said = lev("export", "--to", "skills", "mcp-server", "--out", ".")
    assert said.code == 2
    assert "where shop is imported from" in said.err
    assert "--out" in said.err
    assert {path: path.stat().st_mtime_ns for path in flat.rglob("*")} == before
    assert lev("export", "--to", "mcp-server", "--out", ".", "--package", "shop").code == 0
    assert (flat / "server.json").is_file()


@pytest.mark.parametrize("out", ["shop", "shop/contexts", "./till/../shop/made"])
def test_no_export_lies_inside_a_package(lev: Lev, flat: Path, out: str) -> None:
    """What is written there would be taken for the package's own."""
    before = set(flat.rglob("*"))
    for mode in ((), ("--check",), ("--dry-run",)):
        said = lev("export", "--to", "llms-txt", "--package", "shop", "--out", out, *mode)
        assert said.code == 2
        assert "where shop is imported from" in said.err
    assert set(flat.rglob("*")) == before


def test_a_project_may_be_one_package_all_over(lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its manifest lies at the top, and so does what is exported."""
    root = tmp_path / "shop"
    root.mkdir()
    (root / "note.md").write_text("---\ndescription: A note.\n---\nPay in cash.\n")
    (root / "lev.toml").write_text('format = 1\n[exports]\n"./contexts/note" = { llm = "./note.md" }\n')
    (root / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\n')
    monkeypatch.chdir(root)
    assert lev("export", "--to", "skills", "--package", str(root)).code == 0
    assert (root / ".agents/skills/shop/SKILL.md").is_file()


def test_what_is_lost_is_told(lev: Lev) -> None:
    """On stderr, and in the JSON."""
    said = lev("export", "--to", "openai-tools", "--out", "o", "--package", "acme_support", "--json")
    specifiers = {item["specifier"] for item in said.json["lost"]}
    assert {"acme_support/flows/refund", "acme_support/tools/refund"} <= specifiers
    said = lev("export", "--to", "openai-tools", "--out", "o", "--package", "acme_support")
    assert "not expressed by openai-tools: acme_support/flows/refund: is no function" in said.err


def test_targets_are_listed_and_completed(lev: Lev) -> None:
    """By name and by a line that says what is written."""
    rows = lev("export", "--list", "--json").json
    assert {"skills", "agents-md", "mcp-server"} <= {row["name"] for row in rows}
    assert "agents-md" in lev("export", "--list").out
    from click.shell_completion import ShellComplete
    from lev_os.cli.app import app

    complete = ShellComplete(app, {}, "lev", "_LEV_COMPLETE")
    assert "agents-md" in {item.value for item in complete.get_completions(["export", "--to"], "ag")}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "no target is named"),
        (("--to", "skill"), "there is no target 'skill'"),
        (("--to", "skills", "--package", "acme_suport"), "did you mean"),
    ],
)
def test_what_cannot_be_meant(args: tuple[str, ...], says: str, lev: Lev, tmp_path: Path) -> None:
    """Exit code 2, and nothing is written."""
    said = lev("export", *args)
    assert said.code == 2
    assert says in said.err
    assert [file.name for file in tmp_path.iterdir()] == ["pyproject.toml"]


def test_a_broken_package_is_told_as_json(lev: Lev, billing: Path) -> None:
    """With the place of every problem."""
    (billing / "src/acme_billing/lev.toml").write_text("format = 1\nnmae = 1\n")
    said = lev("export", "--to", "skills", "--package", "acme_billing", "--json")
    assert said.code == 2
    assert json.loads(said.out)["error"]["problems"][0]["line"] == 2
