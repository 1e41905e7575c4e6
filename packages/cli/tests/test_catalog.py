"""`lev list`, `show` and `resolve` over a small package, a broken one, and another environment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Lev = Callable[..., Any]


@pytest.fixture
def billing(lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new package, with the current folder in it."""
    lev("new", "package", "acme-billing")
    monkeypatch.chdir(tmp_path / "acme-billing")
    return tmp_path / "acme-billing" / "src" / "acme_billing"


def test_list_says_what_each_export_costs(lev: Lev, billing: Path) -> None:
    """Specifier, kind, conditions, digest and tokens."""
    [row] = lev("list", "acme_billing", "--json").json
    exports = {export["specifier"]: export for export in row["exports"]}
    style = exports["acme_billing/contexts/style"]
    assert set(style) == {"specifier", "kind", "conditions", "digest", "tokens"}
    assert style["digest"].startswith("sha256:")
    assert style["tokens"] > 20
    assert {"llm", "python"} <= set(style["conditions"])
    assert exports["acme_billing/tools/greeting"]["tokens"] is None


def test_list_by_kind(lev: Lev, billing: Path) -> None:
    """Only flows."""
    [row] = lev("list", "acme_billing", "--kind", "flow", "--json").json
    assert [export["specifier"] for export in row["exports"]] == [
        "acme_billing/flows/greet",
        "acme_billing/flows/reply",
    ]


def test_a_broken_package_is_listed_with_its_error(lev: Lev, billing: Path) -> None:
    """The others are listed all the same."""
    (billing / "lev.toml").write_text("format = 1\n[exports\n")
    said = lev("list", "--json")
    rows = {row["name"]: row for row in said.json}
    assert said.code == 0
    assert rows["acme_billing"]["error"]
    assert rows["acme_billing"]["exports"] == []
    assert "error" not in rows["lev_os.core"]
    assert "error: " in lev("list").out


def test_a_broken_context_spoils_only_itself(lev: Lev, billing: Path) -> None:
    """A file that is not UTF-8 has an error, and its neighbours have their tokens."""
    (billing / "contexts" / "style.md").write_bytes(b"\xff\xfe")
    [row] = lev("list", "acme_billing", "--json").json
    exports = {export["specifier"]: export for export in row["exports"]}
    assert exports["acme_billing/contexts/style"]["error"]
    assert exports["acme_billing/contexts/index"]["tokens"]


def test_a_package_that_is_not_there(lev: Lev, billing: Path) -> None:
    """The nearest name is offered."""
    said = lev("list", "acme_biling")
    assert said.code == 2
    assert "did you mean `acme_billing`?" in said.err


def test_list_imports_nothing_heavy(billing: Path) -> None:
    """Neither an event loop nor pydantic, CEL or a model is needed to list; nor is the package imported."""
    code = (
        "import sys; from lev_os.cli import main; main(['list'])\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & "
        "{'asyncio', 'pydantic', 'pydantic_ai', 'cel', 'common_expression_language', 'rich', 'acme_billing'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_resolve_answers_for_both_audiences(lev: Lev, billing: Path) -> None:
    """A file for a model, an object for Python."""
    told = lev("resolve", "acme_billing/contexts/style", "--condition", "llm", "--json").json
    assert told == {
        "specifier": "acme_billing/contexts/style",
        "condition": "llm",
        "target": "./contexts/style.md",
        "path": str(billing / "contexts" / "style.md"),
    }
    assert lev("resolve", "acme_billing/flows/greet", "-c", "python").out == "acme_billing.flows:greet\n"


@pytest.mark.parametrize(
    "spelling", ["./contexts/style", "acme_billing/contexts/style", "lev://acme_billing/contexts/style"]
)
def test_three_spellings_of_one_name(spelling: str, lev: Lev, billing: Path) -> None:
    """`./` works where it is clear which package is meant."""
    assert lev("resolve", spelling).out == f"{billing / 'contexts' / 'style.md'}\n"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("acme_billing/contexts/stile", "`acme_billing/contexts/style`"),
        ("acme_biling/contexts/style", "`acme_billing/contexts/style`"),
        ("acme-billing/contexts/style", "acme_billing/contexts/style"),
    ],
)
@pytest.mark.parametrize("command", ["resolve", "show"])
def test_a_wrong_specifier_is_answered_with_the_right_one(
    wrong: str, right: str, command: str, lev: Lev, billing: Path
) -> None:
    """Exit code 2, on stderr."""
    said = lev(command, wrong)
    assert said.code == 2
    assert right in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    "specifier",
    ["../../etc/passwd", "acme_billing/../x", "acme_billing/%2e%2e/x", "acme_billing/contexts/*", "", "/", "lev://"],
)
def test_specifiers_that_lead_out(specifier: str, lev: Lev, billing: Path) -> None:
    """Never a file outside the package, never a traceback."""
    said = lev("resolve", "--", specifier)
    assert said.code == 2
    assert said.err.startswith("error: ")


def test_dot_slash_where_no_package_is(lev: Lev) -> None:
    """It is said what to write instead."""
    said = lev("resolve", "./contexts/x")
    assert said.code == 2
    assert "not clear in which package" in said.err


def test_show_a_context_is_what_a_model_reads(lev: Lev, billing: Path) -> None:
    """The text, its size and its digest."""
    told = lev("show", "acme_billing/contexts/style", "--json").json
    assert "# Style" in told["text"]
    assert told["tokens"] > 20
    assert "Say the answer first" in lev("show", "acme_billing/contexts/style").out


def test_show_a_tool_is_its_card(lev: Lev, billing: Path) -> None:
    """Read from the source, without importing it."""
    told = lev("show", "acme_billing/tools/greeting", "--json").json
    assert told["input_schema"]["required"] == ["name"]
    assert told["effects"] == []
    assert "greeting(name)" in lev("show", "acme_billing/tools/greeting").out
    assert "acme_billing" not in sys.modules


def test_show_a_flow_is_its_tree(lev: Lev, billing: Path) -> None:
    """Input, output and steps."""
    said = lev("show", "acme_billing/flows/greet").out
    assert "input   name: string" in said
    assert "line = call ./tools/greeting(name)" in said


def test_show_a_constitution_is_its_principles(lev: Lev, billing: Path) -> None:
    """The inherited ones too."""
    told = lev("show", "acme_billing/constitution", "--json").json
    ids = [principle["id"] for principle in told["principles"]]
    assert "OWN-001" in ids
    assert "BASE-001" in ids
    assert "Replies promise no money." in lev("show", "acme_billing/constitution").out


def test_a_broken_flow_is_shown_with_every_problem_and_its_place(lev: Lev, billing: Path) -> None:
    """file:line:column, as JSON too."""
    (billing / "flows" / "greet.yaml").write_text("flowmind: 1\nname: greet\nstep: []\n")
    said = lev("show", "acme_billing/flows/greet", "--json")
    assert said.code == 2
    problems = said.json["error"]["problems"]
    assert problems
    assert all(problem["path"].endswith("greet.yaml") and problem["line"] for problem in problems)


@pytest.mark.slow
def test_the_projects_own_environment_is_looked_at(process: Lev, tmp_path: Path) -> None:
    """`.venv` beside the project, not the environment that runs the command."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / ".venv")], check=True)
    [site] = (tmp_path / ".venv" / "lib").glob("python3*/site-packages")
    package = site / "other_pack"
    (package / "contexts").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "contexts" / "a.md").write_text("# A\n")
    (package / "lev.toml").write_text('format = 1\n[exports]\n"./contexts/*" = { llm = "./contexts/*.md" }\n')
    info = site / "other_pack-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-pack\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lev_os.packages]\nother_pack = other_pack\n")
    names = [row["name"] for row in process("list", "--json").json]
    assert names == ["other_pack"]
    elsewhere = process("list", "--json", "--python", sys.executable)
    assert "lev_os.core" in [row["name"] for row in elsewhere.json]
    assert process("resolve", "other_pack/contexts/a").out.endswith("other_pack/contexts/a.md\n")


@pytest.mark.parametrize("python", ["/nowhere/python", "."])
def test_an_environment_that_is_none(python: str, lev: Lev) -> None:
    """A path that leads nowhere, and a folder without packages."""
    said = lev("list", "--python", python)
    assert said.code == 2
    assert said.err.startswith("error: ")


def test_a_shell_completes_specifiers(process: Lev, billing: Path, tmp_path: Path) -> None:
    """By prefix, and only what the command takes."""
    where = tmp_path / "acme-billing"
    env = {"_LEV_COMPLETE": "bash_complete", "COMP_WORDS": "lev run acme_b", "COMP_CWORD": "2"}
    assert process(env=env, cwd=where).out.split() == [
        "plain,acme_billing/flows/greet",
        "plain,acme_billing/flows/reply",
    ]
    env |= {"COMP_WORDS": "lev show lev://acme_billing/contexts/s"}
    assert process(env=env, cwd=where).out.split() == ["plain,lev://acme_billing/contexts/style"]


@pytest.mark.parametrize("said", ["acme_billing.flows:greet", "acme_billing.flows.greet", "greet"])
def test_a_flow_said_as_python_says_it_is_recognised(said: str, lev: Lev, billing: Path) -> None:
    """What `lev resolve --condition python` prints, an import path, and the last part alone lead to the specifier."""
    answer = lev("run", said, "--input", "{}")
    assert answer.code == 2
    assert "did you mean `acme_billing/flows/greet`" in answer.err


def test_for_whom_something_is_exported_is_said(lev: Lev, billing: Path) -> None:
    """A name that exists, asked for under another condition, is not taken for a typo."""
    answer = lev("resolve", "acme_billing/tools/greeting", "--condition", "llm")
    assert answer.code == 2
    assert "it is exported for python" in answer.err


def test_a_kind_that_does_not_exist_is_refused(lev: Lev) -> None:
    """Rather than an empty list that looks like an answer."""
    answer = lev("list", "--kind", "flwo")
    assert answer.code == 2
    assert "'flow'" in answer.err
