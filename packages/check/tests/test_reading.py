"""Files that cannot be checked are said to be so; everything else goes on."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from lev_os.check import Finding, check, reading, session
from lev_os.check.files import File
from lev_os.check.outputs.json import as_json
from lev_os.check.registry import rules
from lev_os.check.rule import RULES, Example, rule
from lev_os.check.session import Request

SKILL = "---\nname: {}\ndescription: Says something.\n---\nText.\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every check runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(path: str, text: str | bytes = "") -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def not_checked(*paths: str) -> list[tuple[str, str]]:
    return [(item.file, item.reason) for item in check(paths).not_checked]


def test_not_utf8() -> None:
    """The first wrong byte is named."""
    written("AGENTS.md", b"ab\xff")
    assert not_checked(".") == [("AGENTS.md", "byte 0xff at offset 2 is not UTF-8")]


def test_too_large() -> None:
    """A file of 100 MB is not read."""
    with open("AGENTS.md", "wb") as file:
        file.truncate(100_000_000)
    assert not_checked(".") == [("AGENTS.md", "it has 100,000,000 bytes; at most 8,388,608 are read")]


def test_neither_file_nor_folder() -> None:
    """A pipe would block who reads it."""
    os.mkfifo("AGENTS.md")
    assert not_checked(".") == [("AGENTS.md", "it is no regular file")]


def test_links_that_go_round() -> None:
    """A folder in itself is looked at once, a file that is a link to itself cannot be read."""
    written("skills/pdf/SKILL.md", SKILL.format("pdf"))
    os.symlink(".", "skills/again", target_is_directory=True)
    os.symlink("AGENTS.md", "AGENTS.md")
    report = check(["."])
    assert report.checked == 1
    assert [item.file for item in report.not_checked] == ["AGENTS.md"]


def test_one_file_by_two_names_is_checked_once() -> None:
    """CLAUDE.md is often a link to AGENTS.md."""
    written("AGENTS.md", "Text.\n")
    os.symlink("AGENTS.md", "CLAUDE.md")
    assert check(["."]).checked == 1


def test_a_folder_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and the others are looked at."""
    written("closed/AGENTS.md")
    written("open/AGENTS.md")
    real = os.scandir

    def refused(folder: str) -> object:
        if folder.endswith("closed"):  # root, who may run this, is refused nothing
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return real(folder)

    monkeypatch.setattr(os, "scandir", refused)
    assert not_checked(".") == [("closed", "permission denied")]
    assert check(["."]).checked == 1


def test_what_is_not_there() -> None:
    """A path that was given and leads nowhere."""
    assert not_checked("AGENTS.md") == [("AGENTS.md", "there is no such file")]


def test_a_file_that_goes_while_the_check_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found, and gone when it is opened."""
    written("AGENTS.md")
    written("CLAUDE.md")
    real = reading._read

    def first_goes(path: str) -> object:
        Path("AGENTS.md").unlink(missing_ok=True)
        return real(path)

    monkeypatch.setattr(reading, "_read", first_goes)
    report = check(["."])
    assert report.checked == 1
    assert report.not_checked[0].reason == "there is no such file"


def test_a_file_that_never_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is another one each time its end is reached."""
    file = written("AGENTS.md", "a")
    real = os.read

    def growing(descriptor: int, size: int) -> bytes:
        data = real(descriptor, size)
        file.write_text(file.read_text() + "b")
        return data

    monkeypatch.setattr(os, "read", growing)
    assert not_checked("AGENTS.md") == [("AGENTS.md", "it changed while it was read, several times")]


def test_a_file_of_another_kind() -> None:
    """Named itself, it is not passed over in silence."""
    written("notes.txt")
    written("settings.yaml", "a: 1\n")
    assert not_checked("notes.txt", "settings.yaml") == [
        ("notes.txt", "no rule is about files like this one"),
        ("settings.yaml", "it is neither a flow, a constitution nor an agent"),
    ]


@pytest.fixture
def broken() -> Iterator[str]:
    """A rule that raises for every skill."""
    rules()
    example = Example({})

    @rule(
        "CTX999", "broken", summary="", on="file", kinds={"skill"}, severity="error", why="", mend="",
        bad=example, good=example,
    )  # fmt: skip
    def broken(file: File) -> Iterator[Finding]:
        yield Finding((0, 1), "before")
        raise ValueError("no luck\nand more")

    rules.cache_clear()
    yield "CTX999"
    del RULES["CTX999"]
    rules.cache_clear()


def test_a_rule_that_raises(broken: str) -> None:
    """It becomes a finding of its own; what it and the others found stays."""
    written("skills/pdf/SKILL.md", SKILL.format("PDF"))
    found = {item.code: item for item in check(["."]).diagnostics}
    assert found.keys() == {"CHK901", "CTX401", broken}
    assert found["CHK901"].message == "the rule CTX999 (broken) failed: ValueError: no luck"


def test_a_file_of_a_package_is_checked_with_its_package() -> None:
    """`./…` leads into the package; findings elsewhere in it are not shown."""
    written("acme/lev.toml", 'format = 1\n[exports]\n"./flows/*" = { llm = "./flows/*.yaml" }\n')
    flow = "flowmind: 1\nname: {}\nsteps:\n  - set: {{a: {}}}\n  - return: {{a: '${{a}}'}}\n"
    written("acme/flows/one.yaml", flow.format("one", 1) + "oops: 1\n")
    written("acme/flows/two.yaml", flow.format("two", 1) + "oops: 1\n")
    report = check(["acme/flows/one.yaml"])
    assert {(item.file, item.line) for item in report.diagnostics} == {("acme/flows/one.yaml", 6)}
    assert report.checked == 1
    assert {item.file for item in check(["acme"]).diagnostics} == {"acme/flows/one.yaml", "acme/flows/two.yaml"}


def test_a_flow_of_no_package() -> None:
    """What it is is told by its first key."""
    written("loose.yaml", "# a flow\nflowmind: 1\nname: loose\nstepps: []\n")
    report = check(["loose.yaml"])
    assert report.checked == 1
    assert {item.code for item in report.diagnostics} == {"FLW101"}


def test_the_head_of_a_skill_that_is_no_yaml() -> None:
    """Found though no package has read it, and once however many rules ask for it."""
    written("skills/pdf/SKILL.md", "---\nname: [pdf\n---\nText.\n")
    found = [(item.code, item.line, item.severity) for item in check(["."]).diagnostics]
    assert found == [("CTX410", 3, "error")]


def test_names_that_are_not_utf8() -> None:
    """No report could say them: what has one is not checked, wherever it lies, and the rest is."""
    odd = os.fsdecode(b"odd\xff")
    written(f"{odd}/AGENTS.md", "[a](none.md)\n")
    written("acme/lev.toml", 'format = 1\n[exports]\n"./contexts/*" = { llm = "./contexts/*.md" }\n')
    written(f"acme/contexts/{odd}.md", "[a](none.md)\n")
    written("acme/contexts/even.md", "[a](none.md)\n")
    report = session.run(Request((".", f"{odd}/AGENTS.md")))
    assert {item.file for item in report.diagnostics if item.code == "CTX302"} == {"acme/contexts/even.md"}
    assert {(item.file, item.reason) for item in report.not_checked} == {
        (name, "its name is not UTF-8") for name in ("odd\\udcff", "odd\\udcff/AGENTS.md")
    }
    assert "odd" in as_json(report)


def test_half_a_character_in_json() -> None:
    """JSON may escape what UTF-8 cannot write; a message says the escape."""
    written(".mcp.json", r'{"mcpServers": {"a": {"command": "b", "type": "\ud800"}}}')
    report = session.run(Request((".",)))
    assert [item.code for item in report.diagnostics] == ["MAN607"]
    assert r"\ud800" in as_json(report)
