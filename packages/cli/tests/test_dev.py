"""`lev dev`: what is wrong with a package, as it comes and goes, and its stubs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
from lev_os.cli.dev import session
from lev_os.cli.dev.checking import checker_of, look_at
from lev_os.cli.dev.session import _again
from lev_os.cli.dev.watching import changes, stamps_of

Lev = Callable[..., Any]


@pytest.fixture
def billing(lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new package, with the current folder in its project."""
    lev("new", "package", "acme-billing")
    monkeypatch.chdir(tmp_path / "acme-billing")
    return tmp_path / "acme-billing" / "src" / "acme_billing"


def test_once(lev: Lev, billing: Path) -> None:
    """A package without problems: its exports are counted and its stubs written, once."""
    said = lev("dev", "--once")
    assert said.code == 0
    assert "acme_billing: " in said.out
    assert "no problems · wrote contexts/__init__.pyi, flows/__init__.pyi" in said.out
    assert "style: Context" in (billing / "contexts" / "__init__.pyi").read_text()
    assert "*, name: str)" in (billing / "flows" / "__init__.pyi").read_text()
    assert "wrote" not in lev("dev", "--once").out


def test_nothing_is_imported(lev: Lev, billing: Path) -> None:
    """Code that would end the process is only read."""
    (billing / "__init__.py").write_text("import os\nos._exit(9)\n")
    assert lev("dev", "--once").code == 0


@pytest.mark.parametrize(
    "given", ["acme_billing", "src/acme_billing", "src/acme_billing/lev.toml", ".", "src/acme_billing/flows/.."]
)
def test_ways_to_name_a_package(lev: Lev, billing: Path, given: str) -> None:
    """Its name, its folder, its manifest, its project."""
    assert lev("dev", given, "--once").code == 0


def test_inside_the_package(lev: Lev, billing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a folder of the package itself."""
    monkeypatch.chdir(billing / "flows")
    assert lev("dev", "--once").code == 0


def test_json(lev: Lev, billing: Path) -> None:
    """Problems with their places; only for one look."""
    (billing / "flows" / "greet.yaml").write_text("flowmind: 1\nname: greet\nsteps:\n  - call: ./tools/nothing\n")
    said = lev("dev", "--once", "--json")
    assert said.code == 1
    [problem] = said.json["problems"]
    assert (problem["code"], problem["file"], problem["line"]) == ("FLW501", "flows/greet.yaml", 4)
    assert said.json["package"] == "acme_billing"
    assert lev("dev", "--json").code == 2


FLOW = "flowmind: 1\nname: greet\n"
BROKEN: dict[str, tuple[str, bytes | None]] = {
    "no YAML": ("flows/greet.yaml", b"{["),
    "not a flow": ("flows/greet.yaml", b"- 1\n"),
    "not UTF-8": ("flows/greet.yaml", b"\xff\xfe\x00"),
    "empty": ("flows/greet.yaml", b""),
    "a binary": ("contexts/style.md", bytes(range(256))),
    "frontmatter that never ends": ("contexts/style.md", b"---\nname: x\n"),
    "a hundred levels": ("flows/greet.yaml", b"a: " + b"[" * 5000),
    "a manifest that is no TOML": ("lev.toml", b"[["),
    "an empty manifest": ("lev.toml", b""),
    "no manifest": ("lev.toml", None),
    "a manifest that points outside": ("lev.toml", b'format = 1\n[exports]\n"./x" = "../../../etc/passwd"\n'),
    "two names in one": ("flows/gre_et.yaml", (FLOW + "steps: [{set: {a: 1}}]\n").encode()),
    "tools that are no Python": ("tools.py", b"def f(:\n"),
    "a constitution that is none": ("constitution.yaml", b"constitution: 1\n"),
    "a flow that calls itself": ("flows/greet.yaml", (FLOW + "steps: [{flow: ./flows/greet}]\n").encode()),
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_files(lev: Lev, billing: Path, how: str) -> None:
    """Said, never a traceback or a crash; what was typed before keeps its stub."""
    assert lev("dev", "--once").code == 0
    stub = (billing / "flows" / "__init__.pyi").read_text()
    file, data = BROKEN[how]
    if file == "constitution.yaml":
        manifest = (
            (billing / "lev.toml")
            .read_text()
            .replace("format = 1", 'format = 1\nconstitution = "./constitution.yaml"', 1)
        )
        (billing / "lev.toml").write_text(manifest)
    if how == "two names in one":
        (billing / "flows" / "gre-et.yaml").write_bytes(data or b"")
    if data is None:
        (billing / file).unlink()
    else:
        (billing / file).write_bytes(data)
    said = lev("dev", "src/acme_billing", "--once")
    assert said.code in {1, 2}
    assert "Traceback" not in said.out + said.err
    assert "DEV999" not in said.out
    assert "LEV999" not in said.err
    if how != "a flow that calls itself":  # which can be read, and has another type
        assert (billing / "flows" / "__init__.pyi").read_text() == stub


def test_a_link_that_goes_round(lev: Lev, billing: Path) -> None:
    """A folder that holds itself is not followed for ever."""
    (billing / "contexts" / "again").symlink_to(billing, target_is_directory=True)
    (billing / "contexts" / "gone.md").symlink_to(billing / "nothing.md")
    assert lev("dev", "--once").code in {0, 1}
    assert len(stamps_of(billing)) < 50


def test_a_stub_of_somebody_else(lev: Lev, billing: Path) -> None:
    """It stays, and that is said."""
    (billing / "flows" / "__init__.pyi").write_text("mine: int\n")
    said = lev("dev", "--once")
    assert said.code == 1
    assert "was not made by Leviathan" in said.out
    assert (billing / "flows" / "__init__.pyi").read_text() == "mine: int\n"


@pytest.mark.parametrize("given", ["acme_biling", "no/such/folder", "pyproject.toml.gone", "lev_os.nothing"])
def test_no_such_package(lev: Lev, billing: Path, given: str) -> None:
    """The nearest name, or how to make one."""
    said = lev("dev", given, "--once")
    assert said.code == 2
    assert "help:" in said.err


def test_several_packages(lev: Lev, billing: Path) -> None:
    """One has to be named."""
    (billing.parent / "other").mkdir()
    (billing.parent / "other" / "lev.toml").write_text("format = 1\n")
    said = lev("dev", "--once")
    assert said.code == 2
    assert "acme_billing, other" in said.err


def test_an_installed_copy(lev: Lev, billing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in site-packages is not written to."""
    site = tmp_path / "site-packages"
    site.mkdir()
    billing.rename(site / "acme_billing")
    monkeypatch.syspath_prepend(site)
    said = lev("dev", "acme_billing", "--once")
    assert said.code == 2
    assert "installed in" in said.err
    assert not list(site.rglob("*.pyi"))


def test_a_folder_where_a_stub_belongs(lev: Lev, billing: Path) -> None:
    """An error of the system is a problem like any other."""
    (billing / "flows" / "__init__.pyi").mkdir()
    said = lev("dev", "--once")
    assert said.code == 1
    assert "DEV101 Is a directory" in said.out


# --- watching --------------------------------------------------------------------------------------------------


def test_changes_come_once_each(tmp_path: Path) -> None:
    """Made, changed and removed; caches, hidden files and stubs are not looked at."""
    (tmp_path / "a.md").write_text("a")
    found = changes(tmp_path, stamps_of(tmp_path), interval=0.02)

    def after(do: Callable[[], object]) -> list[str]:
        timer = threading.Timer(0.05, do)
        timer.start()
        changed, _ = next(found)
        timer.join()
        return [path.name for path in changed]

    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_text("x")
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "x.pyi").write_text("x")
    assert after(lambda: (tmp_path / "b.md").write_text("b")) == ["b.md"]
    assert after(lambda: (tmp_path / "a.md").write_text("aa")) == ["a.md"]
    assert after((tmp_path / "a.md").unlink) == ["a.md"]


def test_a_round(lev: Lev, billing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is new and what is gone; a problem that only moved is neither, and a flood is cut."""
    flow = billing / "flows" / "greet.yaml"
    text = flow.read_text()
    checker = checker_of(billing)
    first = look_at(billing, checker)
    capsys.readouterr()
    flow.write_text(text.replace("steps:", "stepps:"))
    broken = _again(billing, [flow], first, checker)
    said = capsys.readouterr().out
    assert "✗ flows/greet.yaml:7:1 FLW101 unknown key `stepps`\n    help: did you mean `steps`?" in said
    flow.write_text("\n" + text.replace("steps:", "stepps:"))
    moved = _again(billing, [flow, billing / "a", billing / "b", billing / "c"], broken, checker)
    said = capsys.readouterr().out
    assert "stepps" not in said
    assert "flows/greet.yaml, a, b …" in said
    flow.write_text(text)
    _again(billing, [flow], moved, checker)
    assert "✓ gone: flows/greet.yaml:8:1 FLW101 unknown key `stepps`" in capsys.readouterr().out
    flow.write_text(FLOW + "steps:\n" + "".join(f"  - call: ./tools/no{n}\n" for n in range(30)))
    _again(billing, [flow], first, checker)
    assert "  and 10 more\n" in capsys.readouterr().out


def test_watching_ends_with_an_interrupt(lev: Lev, billing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is how it ends: no error, no traceback."""

    def interrupted(*_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "changes", interrupted)
    said = lev("dev")
    assert said.code == 130
    assert "watching acme_billing, stop with Ctrl-C" in said.out
    assert said.out.endswith("stopped\n")


class Watcher:
    """`lev dev` as a process of its own, and what it has said."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lev_os.cli", "dev"], cwd=folder, text=True, env={**os.environ, "NO_COLOR": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip())

    def until(self, wanted: str) -> list[str]:
        """All lines up to one that holds `wanted`."""
        seen: list[str] = []
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                seen.append(self._lines.get(timeout=1))
            except Empty:
                assert self.process.poll() is None, seen
                continue
            if wanted in seen[-1]:
                return seen
        raise AssertionError(f"never said {wanted!r}: {seen}")


@pytest.fixture
def watcher(billing: Path) -> Iterator[Watcher]:
    """A watcher of the new package."""
    made = Watcher(billing.parent.parent)
    yield made
    made.process.kill()
    made.process.wait()
    assert made.process.stdout is not None
    made.process.stdout.close()


@pytest.mark.slow
def test_problems_come_and_go(watcher: Watcher, billing: Path) -> None:
    """A flow is broken and mended, the manifest too, the package vanishes and returns; Ctrl-C ends it."""
    watcher.until("watching acme_billing")
    flow = billing / "flows" / "greet.yaml"
    text = flow.read_text()
    flow.write_text(text.replace("steps:", "stepps:"))
    said = watcher.until("error")
    assert any(line.startswith("✗ flows/greet.yaml:") and "stepps" in line for line in said)
    older = text.replace("name: string", "name: string\n  age: integer")
    older = older.replace("input.name", "input.name + string(input.age)")
    flow.write_text("\n\n" + older.replace("steps:", "stepps:"))
    moved = watcher.until("error")
    assert not any("stepps" in line for line in moved), f"only moved, nothing to say: {moved}"
    flow.write_text(older)
    said = watcher.until("no problems")
    assert any(line.startswith("✓ gone: flows/greet.yaml") for line in said)
    assert "wrote flows/__init__.pyi" in said[-1]
    assert "age: int" in (billing / "flows" / "__init__.pyi").read_text()
    manifest = (billing / "lev.toml").read_text()
    (billing / "lev.toml").write_text("[[")
    watcher.until("error")
    (billing / "lev.toml").write_text(manifest)
    watcher.until("no problems")
    away = billing.with_name("away")
    billing.rename(away)
    watcher.until("nothing exported")
    away.rename(billing)
    watcher.until("no problems")
    watcher.process.send_signal(signal.SIGINT)
    assert watcher.process.wait(10) == 130
    watcher.until("stopped")
