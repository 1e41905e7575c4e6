"""What `lev list` remembers: never wrong, never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from lev_os.cli import main, remembered

Lev = Callable[..., Any]
OLD = 1_000_000_000
LINK = "Call [`refund`](../tools.py) to pay back.\n"
SKILL = "---\nname: pay\ndescription: How to pay.\n---\n"


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for caches, outside the project."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("LEV_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def site(lev: Lev, tmp_path: Path, cache: Path) -> Path:
    """The site-packages of a project with two packages installed, neither touched for years.

    `desk` has a manifest, `kit` only ships skills; both have a text that links to code.
    """
    site = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    install(
        site,
        "desk",
        {
            "desk/lev.toml": 'format = 1\n[exports]\n"./contexts/*" = { llm = "./contexts/*.md" }\n',
            "desk/tools.py": "def refund(order: str) -> None: ...\n",
            "desk/contexts/pay.md": LINK,
            "desk-1.0.dist-info/entry_points.txt": "[lev_os.packages]\ndesk = desk\n",
        },
    )
    skill = "kit/.agents/skills/pay/SKILL.md"
    code = "def refund(order: str) -> None: ...\n"
    install(
        site, "kit", {"kit/code.py": code, skill: SKILL + LINK.replace("../", "../../../").replace("tools", "code")}
    )
    age(tmp_path)
    return site


def install(site: Path, name: str, files: dict[str, str]) -> None:
    """A distribution `name` 1.0."""
    record = f"{name}-1.0.dist-info/RECORD"
    for path, text in {**files, record: "".join(f"{path},,\n" for path in [*files, record])}.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)


def age(folder: Path) -> None:
    """Make everything there as old as nothing is that could still be changing."""
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (OLD, OLD))


def rewrite(file: Path, text: str) -> None:
    """Other contents that no look at the file tells from the old ones."""
    assert len(text) == file.stat().st_size
    file.write_text(text)
    os.utime(file, (OLD, OLD))


def digests(lev: Lev) -> dict[str, str]:
    """What is listed, and the digest of each."""
    return {export["specifier"]: export["digest"] for row in lev("list", "--json").json for export in row["exports"]}


def test_what_has_not_changed_is_not_read_again(lev: Lev, site: Path) -> None:
    """Files of the same time, size and inode are taken to be the same."""
    first = digests(lev)
    assert set(first) == {"desk/lev.toml", "desk/contexts/pay", "kit/skills/pay"}
    rewrite(site / "desk" / "contexts" / "pay.md", LINK.upper())
    assert digests(lev) == first
    assert "desk/contexts/pay" in lev("list").out


@pytest.mark.parametrize(
    ("file", "text", "changed"),
    [
        ("desk/contexts/pay.md", "Something else.\n", {"desk/contexts/pay"}),
        ("kit/.agents/skills/pay/SKILL.md", f"{SKILL}Else.\n", {"kit/skills/pay"}),
        ("desk/tools.py", "def refund(order: int) -> None: ...\n", {"desk/contexts/pay"}),
        ("kit/code.py", "def refund(order: int) -> None: ...\n", {"kit/skills/pay"}),
    ],
)
def test_an_edit_is_noticed(file: str, text: str, changed: set[str], lev: Lev, site: Path) -> None:
    """Of the file itself, and of the code that it links to."""
    first = digests(lev)
    (site / file).write_text(text)
    assert {name for name, digest in digests(lev).items() if first[name] != digest} == changed


def test_only_what_changed_is_made_anew(lev: Lev, site: Path) -> None:
    """The row of the other package is what it was, though its file now has other contents."""
    first = digests(lev)
    rewrite(site / "desk" / "contexts" / "pay.md", LINK.upper())
    (site / "kit" / "code.py").unlink()
    second = digests(lev)
    assert second["kit/skills/pay"] != first["kit/skills/pay"]
    assert second["desk/contexts/pay"] == first["desk/contexts/pay"]


def test_a_wheel_with_skills_is_explained(lev: Lev, site: Path) -> None:
    """Who has never heard of such a package reads why it is there; JSON stays as it is."""
    said = lev("list")
    assert "kit 1.0 (wheel-skills)" in said.out
    assert "wheel-skills: no Leviathan package, but its wheel brings skills" in said.err
    assert lev("list", "desk").err == lev("list", "--json").err == ""


def test_code_that_a_skill_links_to_may_come_later(lev: Lev, site: Path) -> None:
    """A link that led nowhere is remembered as such, and looked at again."""
    code = (site / "kit" / "code.py").read_text()
    (site / "kit" / "code.py").unlink()
    age(site)
    without = digests(lev)
    (site / "kit" / "code.py").write_text(code)
    assert digests(lev)["kit/skills/pay"] != without["kit/skills/pay"]


def test_files_that_come_and_go_are_noticed(lev: Lev, site: Path) -> None:
    """In a folder that a pattern covers."""
    digests(lev)
    new = site / "desk" / "contexts" / "deep" / "new.md"
    new.parent.mkdir()
    new.write_text("New.\n")
    assert "desk/contexts/deep/new" in digests(lev)
    age(site)
    digests(lev)
    new.unlink()
    assert "desk/contexts/deep/new" not in digests(lev)


def test_a_manifest_is_noticed(lev: Lev, site: Path) -> None:
    """One that changes, and one where none was."""
    digests(lev)
    (site / "desk" / "lev.toml").write_text('format = 1\n[exports]\n"./pay" = "./contexts/pay.md"\n')
    (site / "kit" / "lev.toml").write_text('format = 1\n[exports]\n"./code" = { python = "kit.code:refund" }\n')
    assert set(digests(lev)) == {
        "desk/lev.toml", "desk/pay", "kit/lev.toml", "kit/code", "kit/skills/pay",
    }  # fmt: skip


def test_what_is_installed_and_removed_is_noticed(lev: Lev, site: Path) -> None:
    """A distribution more, and one fewer."""
    digests(lev)
    install(site, "more", {"more/.agents/skills/ask/SKILL.md": SKILL.replace("pay", "ask")})
    assert "more/skills/ask" in digests(lev)
    age(site)
    digests(lev)
    (site / "kit-1.0.dist-info" / "RECORD").unlink()
    assert "kit/skills/pay" not in digests(lev)


def test_another_environment_or_project_is_noticed(lev: Lev, site: Path, tmp_path: Path) -> None:
    """The environment goes; then the project has a package of its own."""
    digests(lev)
    (tmp_path / ".venv").rename(tmp_path / "venv")
    names = {row["name"] for row in lev("list", "--json").json}
    assert "kit" not in names
    (tmp_path / "venv").rename(tmp_path / ".venv")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "lev.toml").write_text("format = 1\n")
    assert {"own", "kit"} <= {row["name"] for row in lev("list", "--json").json}


def test_a_nearer_environment_or_project_is_noticed(
    lev: Lev, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder below the project, which gets an environment, and then a package, of its own."""
    below = tmp_path / "far" / "below"
    (below / "own").mkdir(parents=True)
    age(tmp_path)
    monkeypatch.chdir(below)
    assert "kit/skills/pay" in digests(lev)
    install(below / ".venv" / "lib" / "python3.11" / "site-packages", "near", {"near/.agents/skills/a/SKILL.md": SKILL})
    assert set(digests(lev)) == {"near/skills/a"}
    age(tmp_path)
    digests(lev)
    (below / "pyproject.toml").touch()
    (below / "own" / "lev.toml").write_text("format = 1\n")
    assert set(digests(lev)) == {"near/skills/a", "own/lev.toml"}


def test_a_file_of_this_moment_is_not_remembered(lev: Lev, site: Path) -> None:
    """It could change again within the clock's grain."""
    file = site / "desk" / "contexts" / "pay.md"
    os.utime(file)
    first, written = digests(lev), file.stat()
    file.write_text(LINK.upper())
    os.utime(file, ns=(written.st_atime_ns, written.st_mtime_ns))
    assert digests(lev)["desk/contexts/pay"] != first["desk/contexts/pay"]


def test_an_error_is_not_remembered(lev: Lev, site: Path) -> None:
    """It may not be in the file: here, the row of a file that could not be read once."""
    file = site / "desk" / "contexts" / "pay.md"
    file.write_bytes(b"\xff" * len(LINK))
    age(site)
    assert any("error" in export for row in lev("list", "--json").json for export in row["exports"])
    rewrite(file, LINK)
    assert not any("error" in export for row in lev("list", "--json").json for export in row["exports"])


def test_a_warning_is_given_every_time(lev: Lev, site: Path) -> None:
    """On stderr, from memory too."""
    install(site, "odd", {"odd-1.0.dist-info/entry_points.txt": "[lev_os.packages]\nx = no-name\n"})
    age(site.parents[3])
    said = [lev("list", "--json").err for _ in range(3)]
    assert said[0] == said[1] == said[2] != ""


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"garbage",
        lambda data: data[:-100],
        lambda data: data.replace(b"desk", b"disk"),
        lambda data: b"0\n",
    ],
    ids=["empty", "garbage", "cut", "altered", "hollow"],
)
def test_a_damaged_memory_is_none(damage: Callable[[bytes], bytes], lev: Lev, site: Path, cache: Path) -> None:
    """It is made again."""
    first = digests(lev)
    [file] = cache.glob("list-*")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert digests(lev) == first
    assert file.read_bytes() == whole


def test_a_memory_that_cannot_be_kept_is_no_error(lev: Lev, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file where its folder should be, and no folder at all."""
    first = digests(lev)
    monkeypatch.setenv("LEV_CACHE_DIR", str(site / "desk" / "tools.py"))
    assert digests(lev) == first
    monkeypatch.delenv("LEV_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert digests(lev) == first


def test_a_large_package_is_listed_and_not_remembered(lev: Lev, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To look at all its files would cost more than to make its row."""
    from lev_os.cli import listing

    monkeypatch.setattr(listing, "_MOST_FILES", 3)
    first = digests(lev)
    rewrite(site / "desk" / "contexts" / "pay.md", LINK.upper())
    assert digests(lev)["desk/contexts/pay"] != first["desk/contexts/pay"]


def test_names_and_kinds_are_chosen_from_what_is_remembered(lev: Lev, site: Path) -> None:
    """The same rows, fewer."""
    whole = lev("list", "--json").json
    assert lev("list", "kit", "--json").json == [row for row in whole if row["name"] == "kit"]
    assert [len(row["exports"]) for row in lev("list", "--kind", "skill", "--json").json] == [0, 1]
    assert lev("list", "kid", "--json").code == 2


def command(site: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Python code in a process of its own, in the project."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=site.parents[3], capture_output=True, text=True, check=False
    )


LISTED = "import sys; from lev_os.cli import main; code = main(['list', '--json'])"


def test_an_unchanged_listing_imports_next_to_nothing(site: Path) -> None:
    """No command line library, no codec, no discovery; and never anything of a package."""
    heavy = {"click", "msgspec", "pathlib", "dataclasses", "lev_os.core.packaging", "lev_os.cli.listing"}
    shown = f"{LISTED}; print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    assert command(site, shown).stderr != "[]\n"
    said = command(site, shown)
    assert said.stderr == "[]\n"
    assert '"kit/skills/pay"' in said.stdout
    imported = f"{LISTED}; sys.exit(bool({{'desk', 'kit'}} & set(sys.modules)))"
    assert command(site, imported).returncode == 0


def test_processes_may_list_at_once(site: Path) -> None:
    """Each makes the memory, the last wins, and all say the same."""
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: command(site, LISTED), range(4)))
    assert {process.stdout for process in said} == {command(site, LISTED).stdout}
    assert [process.stderr for process in said] == [""] * 4


class _Stops:
    """A stdout that raises once."""

    def __init__(self, problem: BaseException) -> None:
        self._problems = [problem]

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        if self._problems:
            raise self._problems.pop()
        return len(text)

    def flush(self) -> None:
        return


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], int]:
    """`lev list --json` with such a stdout."""

    def run(problem: BaseException) -> int:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", _Stops(problem))
            return main(["list", "--json"])

    return run


def test_what_stops_the_printing(lev: Lev, site: Path, stopping: Callable[[BaseException], int]) -> None:
    """Ctrl-C, a full disk, a reader that goes away: told as everywhere."""
    digests(lev)
    assert remembered.load(None) is not None
    assert stopping(KeyboardInterrupt()) == 130
    assert stopping(OSError(28, "No space left on device")) == 3
    assert stopping(BrokenPipeError()) == 0
