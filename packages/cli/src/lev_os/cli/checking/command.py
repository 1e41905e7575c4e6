"""One `lev check`: fixes, the check itself, what is left out of it, and how it is printed."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Iterable

import click
from lev_os.check.diagnostics import Report
from lev_os.check.outputs import text
from lev_os.check.session import Request

from ..errors import FAILED, FINDINGS, FINE, USAGE
from ..output import columns, note, print_line
from .options import Options
from .progress import shown_progress


def run(options: Options) -> int:
    """Carry it out; the exit code."""
    began = time.monotonic()
    request = Request(options.paths, options.select, options.ignore, options.python)
    _look_for(options.python)
    if options.diff:
        return _show_fixes(request, options)
    if options.fix and not _fix(request, options):
        return FAILED
    from lev_os.check import session

    gc.disable()  # a check leaves next to no cycles, and looking for them takes a twentieth of its time
    with shown_progress(quiet=options.quiet):
        report = session.run(request)
    report, gone = _narrowed(report, options)
    _print(report, options)
    if not options.quiet:
        for item in report.not_checked:
            note(f"{click.style('not checked', fg='yellow')}: {text.visible(item.file)}: {text.visible(item.reason)}")
        note(text.summary(report, seconds=time.monotonic() - began, gone=gone))
        if not report.checked and not report.not_checked:
            note("there is nothing here to check: no package, SKILL.md, AGENTS.md, plugin.json or .mcp.json")
    if options.exit_zero:
        return FINE
    if report.count("error"):
        return FINDINGS
    left_out = {item.file for item in report.not_checked}
    named = any(not os.path.lexists(path) or _relative(path) in left_out for path in options.paths)
    return USAGE if named else FINE


def _relative(path: str) -> str:
    """A path as reports name it."""
    return os.path.relpath(path).replace(os.sep, "/")


def _look_for(python: str | None) -> None:
    """Say so when `--python` is no environment."""
    if python is not None:
        from ..project import find_environment

        find_environment(python)


def _fix(request: Request, options: Options) -> bool:
    """Write what can be mended; whether every file could be."""
    from lev_os.check.fixing import work_out, write
    from lev_os.check.session import new_checker

    checker = new_checker(request, os.getcwd())
    worked_out = work_out(checker, request.paths, unsafe=options.unsafe, only=_changed(options))
    written, changed = write(worked_out)
    if not options.quiet:
        for item in written:
            note(f"{click.style('fixed', fg='green')}: {item.name} ({item.count})")
    for item in changed:
        note(f"{item.name} has changed meanwhile and was not fixed; run it again")
    return not changed


def _show_fixes(request: Request, options: Options) -> int:
    from lev_os.check.fixing import work_out
    from lev_os.check.session import new_checker

    checker = new_checker(request, os.getcwd())
    fixed = work_out(checker, request.paths, unsafe=options.unsafe, only=_changed(options))
    for item in fixed:
        sys.stdout.write(item.diff())
    if not options.quiet:
        note(f"{sum(item.count for item in fixed)} fixes in {len(fixed)} files")
    return FINDINGS if fixed and not options.exit_zero else FINE


def _changed(options: Options) -> frozenset[str] | None:
    """The files that `--changed` asks for; None for all."""
    if options.changed is None:
        return None
    from lev_os.check.changed import changed_files

    return changed_files(os.getcwd(), options.changed)


def _narrowed(report: Report, options: Options) -> tuple[Report, int]:
    """The report without what `--changed` and the baseline leave out, and how much of the baseline is gone."""
    gone = 0
    files = _changed(options)
    if files is not None:
        import msgspec

        root = os.getcwd()
        left = tuple(item for item in report.diagnostics if os.path.realpath(os.path.join(root, item.file)) in files)
        report = msgspec.structs.replace(report, diagnostics=left)
    if options.baseline is not None:
        from lev_os.check.baseline import baseline_of, beyond, read_baseline, write_baseline
        from lev_os.check.sources import Sources

        sources = Sources(os.getcwd())
        if options.write_baseline:
            write_baseline(options.baseline, baseline_of(report, sources))
        report, gone = beyond(report, read_baseline(options.baseline), sources)
    return report, gone


def _print(report: Report, options: Options) -> None:
    if options.statistics or options.form == "sarif":
        from .known import known_rules

        known_rules()  # those of plugins too: a report that was remembered has loaded none
    if options.statistics:
        from lev_os.check.outputs.statistics import rows

        for line in columns(rows(report)):
            print_line(line)
        return
    from lev_os.check.sources import Sources

    sources = Sources(os.getcwd())
    if options.form == "json":
        from lev_os.check.outputs.json import as_json

        print_line(as_json(report))
    elif options.form == "sarif":
        from lev_os.check.outputs.sarif import as_sarif

        print_line(as_sarif(report, sources))
    elif options.form == "github":
        from lev_os.check.outputs import github

        _lines(github.lines(report))
    elif sys.stdout.isatty():
        import shutil

        _lines(text.lines(report, sources, click.style, shutil.get_terminal_size().columns))
    else:
        _lines(text.lines(report, None if options.quiet else sources))


def _lines(lines: Iterable[str]) -> None:
    for line in lines:
        print_line(line)
