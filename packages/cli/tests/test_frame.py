"""The frame of the command: what every subcommand gets without asking."""

from __future__ import annotations

import gc
import importlib.metadata
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from lev_os.cli import __version__, guard, main
from lev_os.cli.app import app

Lev = Callable[..., Any]


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    context = click.Context(group)
    found = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += _commands(command, (*path, name))
    return found


def test_the_version_is_the_distributions() -> None:
    """One version, written once in the code and once in pyproject.toml."""
    assert importlib.metadata.version("lev-os") == __version__


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version_imports_nothing_but_the_package(flag: str) -> None:
    """`lev --version` answers before click, core or anything else of weight is loaded."""
    code = (
        "import sys; before = set(sys.modules)\n"
        f"from lev_os.cli import main; assert main([{flag!r}]) == 0\n"
        "print(*sorted(set(sys.modules) - before - {'__future__'}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert out[0] == f"lev {__version__}"
    assert set(out[1].split()) == {"lev_os", "lev_os.cli"}


@pytest.mark.parametrize("command", ["bundle acme_support --budget 1200 --for tone", "check ."])
def test_the_garbage_collector_is_left_as_it_was(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that calls `main` goes on after it."""
    monkeypatch.chdir(tmp_path)
    assert gc.isenabled()
    assert main(command.split()) == 0
    assert gc.isenabled()


def test_help_imports_no_command() -> None:
    """The list of commands comes from a table."""
    code = (
        "import sys; from lev_os.cli import main; main(['--help'])\n"
        "print([m for m in sys.modules if m.startswith('lev_os.cli.commands.')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


@pytest.mark.parametrize("path", [(), *_commands(app)], ids=" ".join)
def test_every_help_has_an_example(path: tuple[str, ...], lev: Lev) -> None:
    """A page of help that shows no use is half a page."""
    said = lev(*path, "--help")
    assert said.code == 0
    assert "Examples:\n" in said.out
    example = said.out.split("Examples:\n")[1]
    assert "lev " + " ".join(path) in example


@pytest.mark.parametrize("path", [(), *_commands(app)], ids=" ".join)
def test_every_help_fits_80_columns(path: tuple[str, ...], lev: Lev, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples are not wrapped, so they must be short."""
    monkeypatch.setenv("COLUMNS", "80")
    assert [line for line in lev(*path, "--help").out.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("group", [[], ["runs"], ["new"]], ids=" ".join)
def test_a_group_alone_shows_its_help(group: list[str], lev: Lev) -> None:
    """With its examples, on stderr, as usage (2): in a pipe nobody takes it for data."""
    said = lev(*group)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"Usage: {' '.join(['lev', *group])}")
    assert "Examples:\n" in said.err


@pytest.mark.parametrize("path", _commands(app), ids=" ".join)
def test_the_table_and_the_commands_agree_on_names(path: tuple[str, ...]) -> None:
    """The lazy table names each command as the command names itself."""
    command: click.Command = app
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    assert command.name == path[-1]


def test_a_misspelt_command_is_answered_with_the_nearest(lev: Lev) -> None:
    """Exit code 2, and the right spelling."""
    said = lev("doctr")
    assert said.code == 2
    assert "there is no command `lev doctr`" in said.err
    assert "did you mean `lev doctor`?" in said.err


def test_a_misspelt_option_is_answered_with_the_way_to_help(lev: Lev) -> None:
    """Usage problems are exit code 2 and never a traceback."""
    said = lev("list", "--nonsense")
    assert said.code == 2
    assert "--nonsense" in said.err
    assert "Traceback" not in said.err


def test_errors_are_json_too(lev: Lev) -> None:
    """With `--json`, an error is the whole of stdout, and people still read it on stderr."""
    said = lev("resolve", "nowhere/contexts/x", "--json")
    assert said.code == 2
    assert set(said.json) == {"error"}
    assert {"message", "help", "problems"} <= set(said.json["error"])
    assert said.err.startswith("error: ")


def test_an_unknown_command_is_json_too(lev: Lev) -> None:
    """Even before a command is known."""
    said = lev("doctr", "--json")
    assert said.json["error"]["help"] == "did you mean `lev doctor`?"


def test_a_bug_is_one_line_and_a_report(lev: Lev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What nobody foresaw: exit code 3, one line, and a file with the details."""

    def burst(args: list[str]) -> int:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(guard, "_run", burst)
    said = lev("list")
    assert said.code == 3
    assert "Traceback" not in said.err
    [report] = (tmp_path / ".lev").glob("crash-*.txt")
    assert str(report) in said.err
    assert "ZeroDivisionError: by zero" in report.read_text()
    assert report.stat().st_mode & 0o077 == 0


def test_ctrl_c_is_130(lev: Lev, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted before anything could be resumed."""

    def interrupted(args: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(guard, "_run", interrupted)
    said = lev("list")
    assert (said.code, said.err) == (130, "error: interrupted\n")


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """`lev … | head -1` is quiet."""
    command = f"{sys.executable} -m lev_os.cli completion bash | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """Output that cannot be written is a failure (3) in words."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lev_os.cli", "completion", "bash"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
    assert done.returncode == 3
    assert done.stderr == "error: No space left on device\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_serves_both_names(shell: str, lev: Lev) -> None:
    """`lev` and `lev-os` are the same command."""
    said = lev("completion", shell)
    assert said.code == 0
    assert "_LEV_COMPLETE=" in said.out
    assert "_LEV_OS_COMPLETE=" in said.out


def test_a_shell_completes_commands(process: Lev) -> None:
    """What the shell's script asks for."""
    env = {"_LEV_COMPLETE": "bash_complete", "COMP_WORDS": "lev re", "COMP_CWORD": "1"}
    assert process(env=env).out.split() == ["plain,resolve"]


def test_bash_itself_completes(tmp_path: Path, lev: Lev) -> None:
    """The script is sourced, the function is called as bash does on a tab, and its reply is read."""
    (tmp_path / "lev.bash").write_text(lev("completion", "bash").out)
    folder = Path(sys.executable).parent
    for line, wanted in (
        ("lev ru", "rules run runs"),
        ("lev runs app", "approve"),
        ("lev show --py", "--python"),
    ):
        script = f"""
            PATH={folder}:$PATH; source ./lev.bash
            COMP_WORDS=({line}); COMP_CWORD={len(line.split()) - 1}
            compopt() {{ :; }}
            _lev_completion lev; echo "${{COMPREPLY[@]}}"
        """
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path)
        assert (done.stdout.split(), done.stderr) == (wanted.split(), "")


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_a_closed_output_is_no_error(closed: str) -> None:
    """What is said there goes nowhere, as with any other command."""
    done = subprocess.run(["bash", "-c", f'"{sys.executable}" -m lev_os.cli list --json {closed}'], check=False)
    assert done.returncode in (0, 1)
