"""`lev check`, `lev explain` and `lev rules`: how findings are printed, narrowed and mended."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lev_os.check import Diagnostic, Edit, Fix, NotChecked, Report
from lev_os.check.outputs import github, text
from lev_os.check.sources import Sources

Lev = Callable[..., Any]
SKILL = "---\nname: {}\ndescription: Reads PDFs. Use it for PDFs.\n---\n{}\n"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own."""
    monkeypatch.setenv("LEV_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def write(name: str, content: str) -> Path:
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def bad_skill(name: str = "pdf", body: str = "Text.") -> Path:
    return write(f"skills/{name}/SKILL.md", SKILL.format("PDF", body))


def test_findings_in_a_pipe(lev: Lev) -> None:
    """Each with its place, as on a terminal, and its help; the summary is no part of stdout. Less with `--quiet`."""
    bad_skill()
    said = lev("check")
    assert said.code == 1
    assert said.out == (
        "skills/pdf/SKILL.md:2:7 CTX401 a skill cannot be named 'PDF'\n"
        "  2 | name: PDF\n"
        "    |       ^^^\n"
        "    help: write `name: pdf`\n"
    )
    assert said.err.startswith("checked 1 file in ")
    assert said.err.endswith(" s: 1 error\n")
    quiet = lev("check", "--quiet")
    assert quiet.out == "skills/pdf/SKILL.md:2:7 CTX401 a skill cannot be named 'PDF'\n    help: write `name: pdf`\n"
    assert quiet.err == ""


def test_json_as_outside_checks_rely_on_it(lev: Lev) -> None:
    """The keys, and nothing else on stdout."""
    bad_skill()
    Path("AGENTS.md").write_bytes(b"\xff")
    said = lev("check", "--format", "json")
    assert said.code == 1
    assert said.json == {
        "diagnostics": [
            {
                "code": "CTX401",
                "severity": "error",
                "file": "skills/pdf/SKILL.md",
                "line": 2,
                "column": 7,
                "end_line": 2,
                "end_column": 10,
                "message": "a skill cannot be named 'PDF'",
                "help": "write `name: pdf`",
            }
        ],
        "checked": 1,
        "not_checked": [{"file": "AGENTS.md", "reason": "byte 0xff at offset 0 is not UTF-8"}],
    }


def test_a_fix_in_json(lev: Lev) -> None:
    """Only findings that have one."""
    write("skills/pdf/SKILL.md", SKILL.format("pdf", "a\u200bb"))
    [found] = lev("check", "--format", "json").json["diagnostics"]
    assert found["fix"]["edits"] == [{"start": 61, "end": 62, "text": ""}]
    assert found["fix"]["safe"] is False


def test_exit_codes(lev: Lev) -> None:
    """Errors are findings; warnings are not; a path that is not there is wrong usage; `--exit-zero` forgives."""
    assert lev("check").code == 0
    assert "nothing here to check" in lev("check").err
    assert lev("check", "AGENTS.md").code == 2
    bad_skill()
    assert lev("check").code == 1
    assert lev("check", "--exit-zero").code == 0
    Path("notes.bin").write_bytes(b"\xff\x00")
    assert lev("check", "notes.bin").code == 2
    assert lev("check", "--ignore", "CTX401").code == 0
    assert lev("check", "--select", "SEC", "-q").err == ""


def test_a_named_file_that_cannot_be_read(lev: Lev, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not checked, and the others are."""
    bad_skill()
    Path("AGENTS.md").write_bytes(b"\xff")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)  # root may read everything
    said = lev("check", "AGENTS.md", "skills", "--format", "json")
    assert said.code == 1
    assert [item["file"] for item in said.json["not_checked"]] == ["AGENTS.md"]


@pytest.mark.parametrize(
    "args",
    [
        ("--unsafe-fixes",),
        ("--fix", "--diff"),
        ("--write-baseline",),
        ("--statistics", "--format", "json"),
        ("--select", "ctx,sec"),
        ("--select", "CTX999"),
        ("--ignore", "XYZ"),
        ("--python", "nowhere"),
        ("--baseline", "nothing.json"),
        ("--changed",),
        ("--changed=-x",),
    ],
)
def test_wrong_usage(lev: Lev, args: tuple[str, ...]) -> None:
    """Said in one line, with the way out."""
    bad_skill()
    said = lev("check", *args)
    assert said.code == 2
    assert "Traceback" not in said.err
    assert said.out == ""


def test_a_broken_configuration(lev: Lev) -> None:
    """Nothing is checked by rules that nobody wanted."""
    write("pyproject.toml", "[tool.lev.check]\nignor = []\n")
    said = lev("check")
    assert said.code == 2
    assert "pyproject.toml:2:1 CHK910 unknown key `ignor`" in said.err
    write("pyproject.toml", '[tool.lev.check]\nselect = ["XYZ"]\n')
    said = lev("check")
    assert said.code == 2
    assert "CHK910 `select`: no rule has the code XYZ" in said.err


def test_fix(lev: Lev) -> None:
    """`--diff` shows, `--fix` writes and then checks again."""
    file = write("skills/pdf/SKILL.md", SKILL.format("pdf", "a\u200bb"))
    shown = lev("check", "--diff", "--unsafe-fixes")
    assert (shown.code, "+ab" in shown.out) == (1, True)
    assert "\u200b" in file.read_text()
    said = lev("check", "--fix", "--unsafe-fixes")
    assert (said.code, said.out) == (0, "")
    assert "fixed: skills/pdf/SKILL.md (1)" in said.err
    assert "\u200b" not in file.read_text()
    assert lev("check", "--diff", "--unsafe-fixes").code == 0


def test_baseline(lev: Lev) -> None:
    """What was there is known though it moves; what is new counts; what is gone is said."""
    bad_skill("one")
    bad_skill("two")
    assert lev("check", "--baseline", "known.json", "--write-baseline").code == 0
    bad_skill("one", body="More.\nText.")
    file = Path("skills/one/SKILL.md")
    file.write_text(file.read_text().replace("name:", "license: MIT\nname:"))
    assert lev("check", "--baseline", "known.json").code == 0
    bad_skill("three")
    said = lev("check", "--baseline", "known.json")
    assert said.out.startswith("skills/three/SKILL.md:2:7 CTX401")
    assert "2 suppressed" in said.err
    write("skills/two/SKILL.md", SKILL.format("two", ""))
    assert "1 of the baseline are gone" in lev("check", "--baseline", "known.json").err


def test_a_damaged_baseline(lev: Lev) -> None:
    """It is not taken for an empty one."""
    for content in ("", "[]", '{"baseline": 2, "findings": []}', '{"findings": [1]}'):
        write("known.json", content)
        assert lev("check", "--baseline", "known.json").code == 2


def test_a_baseline_that_cannot_be_written(lev: Lev) -> None:
    """It is named, and not some other file beside it."""
    said = lev("check", "--baseline", "none/known.json", "--write-baseline")
    assert said.code == 2
    assert "the baseline none/known.json cannot be written: No such file or directory" in said.err


def test_changed(lev: Lev) -> None:
    """Only findings in files that differ from a commit, or that git does not know."""
    for name in ("old", "edited"):
        bad_skill(name)
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@example.com")
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], check=True)
    assert lev("check").code == 1
    assert lev("check", "--changed").code == 0
    bad_skill("edited", body="More.")
    bad_skill("new")
    said = lev("check", "--changed", "--format", "json").json
    assert [found["file"] for found in said["diagnostics"]] == ["skills/edited/SKILL.md", "skills/new/SKILL.md"]
    assert lev("check", "--changed=nothing").code == 2
    spaced = write("skills/old/SKILL.md", SKILL.format("old", "a\u200bb")).read_bytes()
    for command in (["add", "."], ["commit", "-qm", "y"]):
        subprocess.run([*git, *command], check=True)
    write("skills/new/SKILL.md", SKILL.format("new", "a\u200bb"))
    assert "1 fixes in 1 files" in lev("check", "--diff", "--unsafe-fixes", "--changed").err
    lev("check", "--fix", "--unsafe-fixes", "--changed")
    assert Path("skills/new/SKILL.md").read_text() == SKILL.format("new", "ab")
    assert Path("skills/old/SKILL.md").read_bytes() == spaced


def test_statistics(lev: Lev) -> None:
    """How often each rule found something."""
    bad_skill("one")
    bad_skill("two")
    assert lev("check", "--statistics").out == "2  CTX401  error  skill-name\n"


FOUND = Report(
    (
        Diagnostic("CTX301", "error", "a,b.md", 1, 3, 1, 5, "50% \x1b[31mred", "line\nline"),
        Diagnostic("CTX501", "warning", "a,b.md", 2, 1, 3, 1, "long", fix=Fix("cut", (Edit(0, 1, ""),))),
    ),
    1,
    (NotChecked("c.md", "gone"),),
    4,
)


def test_github() -> None:
    """Characters that mean something to the runner are escaped; a range of lines has no end column."""
    assert list(github.lines(FOUND)) == [
        "::error file=a%2Cb.md,line=1,col=3,endLine=1,endColumn=5,title=CTX301::50%25 \x1b[31mred%0Ahelp: line%0Aline",
        "::warning file=a%2Cb.md,line=2,col=1,endLine=3,title=CTX501::long",
        "::warning file=c.md,title=not checked::gone",
    ]


def test_text_on_a_terminal(tmp_path: Path) -> None:
    """The line and its place; nothing of a file steers the terminal."""
    (tmp_path / "a,b.md").write_text("日 ab\x1b[31m\n\tsecond line\nthird\n")
    assert list(text.lines(FOUND, Sources(tmp_path))) == [
        "a,b.md:1:3 CTX301 50% <U+001B>[31mred",
        "  1 | 日 ab<U+001B>[31m",
        "    |    ^^",
        "    help: line line",
        "a,b.md:2:1 CTX501 warning: long",
        "  2 |  second line",
        "    | ^^^^^^^^^^^^",
        "    fix: cut (--fix)",
    ]
    assert text.summary(FOUND, gone=1) == (
        "checked 1 file: 1 error, 1 warning; 1 with a fix (--fix); 4 suppressed; "
        "1 of the baseline are gone (--write-baseline); 1 path not checked"
    )


def test_long_lines_are_cut_around_the_place(tmp_path: Path) -> None:
    """A minified line does not fill the screen."""
    (tmp_path / "a,b.md").write_text("x" * 5000 + "HERE" + "y" * 5000)
    found = Report((Diagnostic("CTX301", "error", "a,b.md", 1, 5001, 1, 5005, "there"),), 1)
    _, line, mark = text.lines(found, Sources(tmp_path), width=80)
    assert len(line) <= 82
    assert line[mark.index("^") : mark.rindex("^") + 1] == "HERE"


def test_sarif(lev: Lev) -> None:
    """Rules, places, fingerprints that stay when lines move, fixes, and what was not checked."""
    bad_skill()
    write("skills/two/SKILL.md", SKILL.format("two", "é\u200bb"))
    Path("AGENTS.md").write_bytes(b"\xff")
    [run] = lev("check", "--format", "sarif").json["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    [name, hidden] = run["results"]
    assert run["tool"]["driver"]["rules"][name["ruleIndex"]]["id"] == name["ruleId"] == "CTX401"
    place = name["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "skills/pdf/SKILL.md", "uriBaseId": "SRCROOT"}
    assert place["region"] == {"startLine": 2, "startColumn": 7, "endLine": 2, "endColumn": 10}
    [replacement] = hidden["fixes"][0]["artifactChanges"][0]["replacements"]
    assert replacement == {"deletedRegion": {"startLine": 5, "startColumn": 2, "endLine": 5, "endColumn": 3}}
    [notification] = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"].startswith("not checked")
    write("skills/pdf/SKILL.md", SKILL.format("PDF", "x").replace("name", "license: MIT\nname"))
    [again] = [item for item in lev("check", "--format", "sarif").json["runs"][0]["results"] if item["ruleIndex"] == 0]
    assert again["partialFingerprints"] == name["partialFingerprints"]


def test_explain(lev: Lev) -> None:
    """A rule's own words, its examples, and the nearest codes for one that is not there."""
    said = lev("explain", "CTX401")
    assert "CTX401 skill-name (error)" in said.out
    assert "  >   2 name: PDF_Tools" in said.out
    assert lev("explain", "CTX401", "--json").json["bad"][0]["at"] == ["skills/pdf/SKILL.md", 2, 7]
    assert "CTX401" in lev("explain", "CTX40").err
    assert lev("explain", "ctx401").out == said.out
    assert "neither a code (CTX301) nor" in lev("explain", "CTX401,CTX402").err
    assert "did you mean" not in lev("explain", "CTX401,CTX402").err
    assert lev("explain", "XYZ999").code == 2


def test_rules(lev: Lev) -> None:
    """Every code once, with all that is known of it."""
    found = lev("rules", "--json").json
    assert [rule["code"] for rule in found] == sorted({rule["code"] for rule in found})
    assert all(rule["why"] and rule["mend"] and rule["summary"] for rule in found)
    assert lev("rules").out.count("\n") == len(found)


PLUGIN = """
from lev_os.check.extending import Finding, rule

@rule("ACM101", "no-foo", summary="Foo.", on="file", severity="warning", why="w", mend="m", bad=(), good=())
def no_foo(file):
    yield Finding((0, 3), "foo")
"""


def test_rules_of_plugins(process: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the project names are explained and listed, and have their name in a report that is remembered."""
    monkeypatch.chdir(tmp_path)
    write("site/acme_rules/__init__.py", PLUGIN)
    write("site/acme_rules-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme-rules\nVersion: 1\n")
    write("site/acme_rules-1.dist-info/entry_points.txt", "[lev_os.check_rules]\nacme = acme_rules\n")
    write("AGENTS.md", "Say foo.\n")
    env = {"PYTHONPATH": str(Path("site").resolve())}
    assert process("explain", "ACM101", env=env).code == 2
    write("pyproject.toml", '[tool.lev]\nplugins = ["acme"]\n')
    assert "ACM101 no-foo (warning)" in process("explain", "acm101", env=env).out
    assert "ACM101  warning" in process("rules", env=env).out
    for _ in range(2):
        assert process("check", "--statistics", "AGENTS.md", env=env).out == "1  ACM101  warning  no-foo\n"
    write("pyproject.toml", '[tool.lev]\nplugins = ["acne"]\n')
    assert "CHK907 there is no plugin `acne`" in process("rules", env=env).err


def test_nothing_breaks_in_a_narrow_place(process: Lev) -> None:
    """As a real process: no cache, no colour, an encoding that knows little."""
    said = process("check", env={"LEV_CACHE_DIR": "/proc/no", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert (said.code, said.out) == (0, "")
    assert json.loads(process("check", "--format", "json").out)["diagnostics"] == []
