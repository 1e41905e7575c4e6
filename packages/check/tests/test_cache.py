"""What is remembered between checks: nothing that has changed, and everything else without looking again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.check import check, examining, session
from lev_os.check.cache import ABSENT, Cache
from lev_os.check.engine import Checker
from lev_os.check.rules.security.approved import DIGEST, PROJECT
from lev_os.check.session import Request
from lev_os.check.walk import Walk

Write = Callable[..., Path]
SKILL = "---\nname: {}\ndescription: Reads PDFs. Use it for PDFs.\n---\nText.\n"
MANIFEST = (
    'format = 1\n[exports]\n"./flows/*" = { llm = "./flows/*.yaml" }\n"./contexts/*" = { llm = "./contexts/*.md" }\n'
)
FLOW = "flowmind: 1\nname: {}\nsteps:\n  - set: {{a: 1}}\n"
LONG_AGO = 1_700_000_000_000_000_000


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("LEV_CACHE_DIR", str(folder))
    return folder


def old(path: Path, seconds: int = 0) -> Path:
    """Give a file and its folders a time long ago, each write another one."""
    when = LONG_AGO + seconds * 1_000_000_000 + 1
    for item in (path, *path.parents):
        if item == Path(path.anchor) or not os.access(item, os.W_OK):
            break
        os.utime(item, ns=(when, when))
        if item == Path.cwd():
            break
    return path


def run(*paths: str) -> list[str]:
    """The codes of a check with a cache."""
    return [item.code for item in session.run(Request(paths or (".",))).diagnostics]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read."""
    seen: list[str] = []
    real = examining.read_bytes

    def reading(path: str) -> object:
        seen.append(os.path.relpath(path))
        return real(path)

    monkeypatch.setattr(examining, "read_bytes", reading)
    return seen


def test_only_what_changed_is_read(write: Write, reads: list[str]) -> None:
    """Twice the same, then one file of two."""
    old(write("skills/one/SKILL.md", SKILL.format("ONE")))
    old(write("skills/two/SKILL.md", SKILL.format("TWO")))
    assert run() == ["CTX401", "CTX401"]
    assert sorted(reads) == ["skills/one/SKILL.md", "skills/two/SKILL.md"]
    reads.clear()
    assert run() == ["CTX401", "CTX401"]
    assert reads == []
    old(write("skills/two/SKILL.md", SKILL.format("two")), 5)
    assert run() == ["CTX401"]
    assert reads == ["skills/two/SKILL.md"]


def test_folders_are_listed_again_when_one_has_changed(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that changed where it lies needs no look into any folder; one that came or went does."""
    walks: list[tuple[str, ...]] = []
    real = Checker._look_around

    def seen(checker: Checker, given: tuple[str, ...]) -> tuple[Walk, dict[str, int]]:
        walks.append(given)
        return real(checker, given)

    monkeypatch.setattr(Checker, "_look_around", seen)
    one = old(write("skills/one/SKILL.md", SKILL.format("ONE")))
    old(write("skills/two/SKILL.md", SKILL.format("TWO")))
    assert run() == ["CTX401", "CTX401"]
    one.write_text(SKILL.format("one"))
    assert run() == ["CTX401"]
    assert len(walks) == 1
    old(write("skills/three/SKILL.md", SKILL.format("THREE")), 5)
    assert run() == ["CTX401", "CTX401"]
    assert len(walks) == 2
    one.unlink()
    one.mkdir()
    old(one / "SKILL.md", 9)
    old(write("skills/one/SKILL.md/SKILL.md", SKILL.format("one")), 9)
    assert run() == ["CTX402", "CTX401", "CTX401"]


def test_a_file_written_just_now_is_read_again(write: Write, reads: list[str]) -> None:
    """It could change again within what the file system calls the same time; its content decides."""
    file = write("skills/one/SKILL.md", SKILL.format("ONE"))
    assert run() == ["CTX401"]
    status = file.stat()
    file.write_text(SKILL.format("one"))
    os.utime(file, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert run() == []


def test_files_that_come_and_go(write: Write) -> None:
    """A folder's time says so."""
    old(write("skills/one/SKILL.md", SKILL.format("ONE")))
    assert run() == ["CTX401"]
    old(write("skills/two/SKILL.md", SKILL.format("TWO")), 5)
    assert run() == ["CTX401", "CTX401"]
    Path("skills/two/SKILL.md").unlink()
    Path("skills/two").rmdir()
    assert run() == ["CTX401"]


def test_a_package_rests_on_all_its_files(write: Write) -> None:
    """A flow is looked at again when a tool, another flow or the manifest changes."""
    old(write("acme/lev.toml", MANIFEST))
    old(write("acme/flows/one.yaml", FLOW.format("one") + "  - flow: ./flows/two\n"))
    old(write("acme/flows/two.yaml", FLOW.format("two")))
    before = run()
    assert run() == before
    Path("acme/flows/two.yaml").unlink()
    assert run() != before
    old(write("acme/flows/two.yaml", FLOW.format("two")), 5)
    assert run() == before


def test_the_configuration_counts(write: Write) -> None:
    """And so do the options."""
    old(write("skills/one/SKILL.md", SKILL.format("ONE")))
    old(write("pyproject.toml", ""))
    assert run() == ["CTX401"]
    old(write("pyproject.toml", '[tool.lev.check]\nignore = ["CTX401"]\n'), 5)
    assert run() == []
    old(write("pyproject.toml", ""), 9)
    assert run() == ["CTX401"]
    assert session.run(Request((".",), select=("SEC",))).diagnostics == ()


@pytest.mark.parametrize("damage", [b"", b"1 2 3\n", b"x" * 100, None])
def test_a_damaged_memory(write: Write, cache: Path, damage: bytes | None) -> None:
    """All is found anew."""
    old(write("skills/one/SKILL.md", SKILL.format("ONE")))
    assert run() == ["CTX401"]
    for file in cache.iterdir():
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2] if damage is None else damage)
    assert run() == ["CTX401"]


def test_no_place_for_a_memory(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no error."""
    write("skills/one/SKILL.md", SKILL.format("ONE"))
    monkeypatch.setenv("LEV_CACHE_DIR", "/proc/nothing")
    assert run() == ["CTX401"]


def test_a_warm_run_imports_no_rule(write: Write) -> None:
    """Nor what rules need: this is what makes it fast."""
    old(write("skills/one/SKILL.md", SKILL.format("ONE")))
    code = (
        "import sys\nfrom lev_os.check.session import Request, run\nrun(Request(('.',)))\n"
        "print(*(name for name in sys.modules if name.startswith(('lev_os.check.rules', 'pyromark', 'yaml'))))"
    )

    def imported() -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    assert "lev_os.check.rules" in imported()
    assert imported() == ""


NAMES = ("skills/one/SKILL.md", "skills/two/SKILL.md", "acme/flows/one.yaml", "acme/flows/two.yaml",
         "acme/contexts/a.md", "acme/lev.toml", "AGENTS.md")  # fmt: skip
TEXTS = (SKILL.format("one"), SKILL.format("ONE"), FLOW.format("one"), FLOW.format("two") + "  - flow: ./flows/one\n",
         MANIFEST, "", "see [this](skills/one/SKILL.md)\n", "\x00", "x\u202ey\n", None)  # fmt: skip
edits = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(TEXTS)), min_size=1, max_size=6)


@pytest.mark.slow
@given(edits)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_remembering_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str | None]]
) -> None:
    """After any edits, a check with a cache says what one without says, on disk and in an editor."""
    root = tmp_path_factory.mktemp("root")
    cache = Cache()
    editor = Checker(root)
    before = Path.cwd()
    os.chdir(root)
    try:
        for name, text in steps:
            file = root / name
            if text is None:
                file.unlink(missing_ok=True)
                editor.close(file)
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
                editor.hold(file, text)
            fresh = check([root])
            assert session.run(Request((str(root),))) == fresh
            assert Checker(root, cache=cache).check([root]) == fresh
            assert editor.check([root]).diagnostics == fresh.diagnostics
    finally:
        os.chdir(before)


def test_an_installed_package_changed_where_it_lies(write: Write) -> None:
    """What a flow uses of a dependency counts, though the folder of installed packages is as it was."""

    def told() -> list[str]:
        return [code for code in run() if code in ("SEC502", "FLW501")]

    for name, text in PROJECT.items():
        old(write(name, text))
    context = Path(next(name for name in PROJECT if name.endswith("tone.md")))
    assert told() == ["SEC502"]
    context.rename(context.with_suffix(".txt"))
    old(context.with_suffix(".txt"), 5)
    assert told() == ["FLW501"]
    context.with_suffix(".txt").rename(context)
    old(context, 9)
    assert told() == ["SEC502"]
    manifest = context.parent.parent / "lev.toml"
    before = manifest.read_text()
    old(write(str(manifest), "format = \n"), 12)
    assert told() != ["SEC502"]
    old(write(str(manifest), before), 15)
    assert told() == ["SEC502"]


def test_a_file_whose_time_was_set_back(write: Write) -> None:
    """The size and the time of a file may be as they were, and its text another."""
    file = old(write("skills/one/SKILL.md", SKILL.format("ONE")))
    assert run() == ["CTX401"]
    old(write("skills/one/SKILL.md", SKILL.format("one")))
    assert os.stat(file).st_mtime_ns == LONG_AGO + 1
    assert run() == []


def kept(cache: Path) -> set[str]:
    """The files that a cache of one way of checking knows, relative."""
    (file,) = cache.glob("check-*.bin")
    head, _, rest = file.read_bytes().partition(b"\n")
    _, key, run = map(int, head.split())
    return {os.path.relpath(path) for path in msgspec.msgpack.decode(rest[key + run :], type=Cache).files}


def test_what_is_gone_is_forgotten(write: Write, cache: Path) -> None:
    """A file that was deleted, wherever the check looks now; one that was only not asked for is kept."""
    for name in ("one", "two"):
        old(write(f"skills/{name}/SKILL.md", SKILL.format(name)))
        old(write(f"more/skills/{name}/SKILL.md", SKILL.format(name)))
    run()
    assert len(kept(cache)) == 4
    Path("skills/one/SKILL.md").unlink()
    Path("more/skills/one/SKILL.md").unlink()
    run("more")
    assert kept(cache) == {"skills/two/SKILL.md", "more/skills/two/SKILL.md"}


def test_source_put_back_with_its_old_time(write: Write) -> None:
    """The summary of an installed module is not that of another text of the same size and time."""
    old(write("pyproject.toml", '[project]\nname = "acme"\nversion = "1"\n'))
    old(write("src/acme/__init__.py", "def alpha():\n    pass\n"))
    old(write("AGENTS.md", "```python\nimport acme\n\nacme.alpha()\n```\n"))
    assert run() == []
    old(write("src/acme/__init__.py", "def gamma():\n    pass\n"))
    assert run() == ["CTX301"]


def test_a_nearer_lock_that_comes_later(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is approved is in the nearest lev.lock, and findings rest on that none is nearer."""
    for name, text in PROJECT.items():
        old(write(name, text))
    old(write("lev.lock", f'[approved]\n"acme/contexts/tone" = "{DIGEST}"\n'))
    old(write("team/notes.txt"))
    monkeypatch.chdir("team")
    checker = Checker()
    assert "SEC502" not in [item.code for item in checker.check(["../mine"]).diagnostics]
    assert checker.rests_on[os.path.abspath("lev.lock")] == ABSENT
    old(write("team/lev.lock", "[approved]\n"), 5)
    assert "SEC502" in [item.code for item in checker.check(["../mine"]).diagnostics]


def test_what_git_ignores_counts_though_nothing_did_so_far(write: Write) -> None:
    """Files of patterns that were empty, or not there, may get some."""
    old(write(".git/info/exclude", "# nothing\n"))
    old(write("parts/AGENTS.md", "[a](none.md)\n"))
    assert run("parts") == ["CTX302"]
    old(write(".git/info/exclude", "AGENTS.md\n"), 5)
    assert run("parts") == []
    old(write(".git/info/exclude", ""), 9)
    assert run("parts") == ["CTX302"]
    old(write(".gitignore", "AGENTS.md\n"), 12)
    assert run("parts") == []
