"""`[tool.lev.check]`: what it leaves out, and that nothing in it is overlooked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lev_os.check import Report, check
from lev_os.check.configuration import read_configuration
from lev_os.core.errors import InvalidInput, LevError

Write = Callable[..., Path]
SKILL = "---\nname: {}\ndescription: Reads PDFs. Use it for PDFs.\n---\nText.\n"


def codes(report: Report) -> set[tuple[str, str]]:
    return {(item.file, item.code) for item in report.diagnostics}


@pytest.fixture
def skills(write: Write) -> None:
    """Two skills with a bad name each."""
    for name in ("one", "two"):
        write(f"skills/{name}/SKILL.md", SKILL.format("PDF"))


BOTH = {(f"skills/{name}/SKILL.md", "CTX401") for name in ("one", "two")}


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("", BOTH),
        ('ignore = ["CTX401"]', set()),
        ('select = ["SEC"]', set()),
        ('exclude = ["skills/one/"]', {("skills/two/SKILL.md", "CTX401")}),
        ('rules = "0.1"', BOTH),
        ('rules = "0.0"', set()),
        ('per-file-ignores = {"skills/two/**" = {codes=["CTX4"], reason="old"}}', {("skills/one/SKILL.md", "CTX401")}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_it_leaves_out(write: Write, skills: None, said: str, left: set[tuple[str, str]]) -> None:
    """Rules, files, rules in some files, and rules that came later than the project knows."""
    write("pyproject.toml", f"[tool.lev.check]\n{said}\n")
    assert codes(check(["."])) == left


def test_it_is_the_users_own(write: Write, skills: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is looked at does not say what is to be overlooked; the project around says it."""
    write("skills/one/pyproject.toml", '[tool.lev.check]\nignore = ["CTX401"]\n')
    assert codes(check(["."])) == BOTH
    monkeypatch.chdir("skills/one")
    assert codes(check(["."])) == set()


@pytest.mark.parametrize(
    ("text", "place", "said", "help"),
    [
        ("[tool.lev.check]\nignor = []\n", (2, 1), "unknown key `ignor`", "did you mean `ignore`?"),
        ('[tool.lev.check]\nselect = ["ctx"]\n', (2, 11), None, None),
        ("[tool.lev.check]\nrules = 1\n", (2, 1), None, None),
        ('[tool.lev.check.per-file-ignores]\n"a" = {codes = ["CTX"]}\n', (2, 1), "missing key `reason`", None),
        ("[tool.lev.check\n", (1, 16), None, None),
        ("[tool.lev.chekc]\nignore = []\n", (1, 11), "unknown key `chekc`", "did you mean `check`?"),
    ],
)
def test_what_cannot_be_used(
    write: Write, text: str, place: tuple[int, int], said: str | None, help: str | None
) -> None:
    """Each problem at its place, with the key that was meant."""
    file = write("pyproject.toml", text)
    with pytest.raises(InvalidInput) as caught:
        read_configuration(str(file))
    [problem] = caught.value.problems
    assert (problem.code, (problem.at.line, problem.at.column)) == ("CHK910", place)
    assert said is None or problem.message == said
    assert help is None or problem.help == help


@pytest.mark.usefixtures("skills")
def test_one_path_and_one_code_need_no_list() -> None:
    """A text is one of them, not its letters."""
    assert codes(check("skills")) == codes(check(Path("skills"), select="CTX4")) == BOTH
    assert codes(check("skills", ignore="CTX401")) == codes(check("skills", select="CON")) == set()


def test_a_code_of_no_rule() -> None:
    """With a misspelt one nothing would ever be found."""
    with pytest.raises(LevError, match="no rule has the code CTX999"):
        check(["."], select=["CTX", "CTX999"])
