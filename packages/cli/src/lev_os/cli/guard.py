"""What stands between a command and the shell: every error becomes words and an exit code, never a traceback."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
from lev_os.core.errors import LevError

from .errors import FAILED, INTERRUPTED, USAGE, Report, report_of
from .interrupts import noticed
from .output import note, print_report

_COMPLETE = {"lev": "_LEV_COMPLETE", "lev-os": "_LEV_OS_COMPLETE"}


def guarded(args: Sequence[str]) -> int:
    """Run the command `args`; returns the exit code and lets nothing but that out."""
    try:
        with noticed():
            code = _run(list(args))
        sys.stdout.flush()
        return code
    except BaseException as problem:
        return exit_code(problem, args)


def exit_code(problem: BaseException, args: Sequence[str]) -> int:
    """Tell what stopped the command `args`; the exit code for it."""
    as_json = "--json" in args
    try:
        raise problem
    except BrokenPipeError:
        _hush()
        return 0
    except (KeyboardInterrupt, click.Abort):
        return _tell(Report("interrupted"), INTERRUPTED, as_json)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as nothing:
        return _help(nothing)
    except click.ClickException as problem:
        return _tell(report_of(problem), USAGE, as_json)
    except LevError as problem:
        return _tell(report_of(problem), problem.exit_code, as_json)
    except OSError as problem:
        if problem.errno == errno.EPIPE:
            _hush()
            return 0
        return _tell(report_of(problem), FAILED, as_json)
    except Exception as problem:
        return _tell(_crash(problem, args), FAILED, as_json)


def _run(args: list[str]) -> int:
    from .app import app

    name = "lev-os" if Path(sys.argv[0]).stem == "lev-os" else "lev"
    wish = os.environ.get(_COMPLETE[name])
    if wish:
        from click.shell_completion import shell_complete

        return shell_complete(app, {}, name, _COMPLETE[name], wish)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a character gets its escape, not an error.
            stream.reconfigure(errors="backslashreplace")
    with app.make_context(name, args) as context:
        result = app.invoke(context)
    return result if isinstance(result, int) else 0


def _help(nothing: click.exceptions.NoArgsIsHelpError) -> int:
    """A group was named and nothing of it: its help, where a pipe does not take it for data."""
    try:
        note(nothing.format_message())
    except OSError:
        _hush()
    return USAGE


def _tell(report: Report, code: int, as_json: bool) -> int:
    try:
        print_report(report, as_json=as_json)
    except OSError:
        _hush()
    return code


def _crash(problem: Exception, args: Sequence[str]) -> Report:
    """Keep the traceback where a maintainer can ask for it, and say where that is."""
    import traceback

    text = "".join(traceback.format_exception(problem))
    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    summary = (
        f"something in lev broke: {type(problem).__name__}: {str(problem).splitlines()[0] if str(problem) else ''}"
    )
    for folder in _crash_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / name
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as out:
                out.write(f"lev {' '.join(args[:2])}\n{text}")
        except OSError:
            continue
        return Report(summary, code="LEV999", help=f"this is a bug; the details are in {file}")
    return Report(summary, code="LEV999", help="this is a bug, and its details could not be written to any folder")


def _crash_folders() -> tuple[Path, ...]:
    import tempfile

    from .project import project_root

    return project_root() / ".lev", Path(tempfile.gettempdir())


def _hush() -> None:
    """The reader has gone: let the interpreter's last flush go nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(null, stream.fileno())
    os.close(null)
