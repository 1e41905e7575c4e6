"""One check as a command carries it out: with the project's configuration, and with what the last one remembers."""

from __future__ import annotations

import os
import sys
from datetime import date
from typing import TYPE_CHECKING

import msgspec
from lev_os.core.errors import InvalidInput, LevError, Location, Problem

from .cache import CachedRun, Store, code_stamp, state
from .configuration import CONFIGURATION, configuration_file, read_configuration
from .environment import find_environment

if TYPE_CHECKING:
    from .cache import Cache
    from .diagnostics import Diagnostic, Report
    from .engine import Checker


class Request(msgspec.Struct, frozen=True):
    """What to check and how, as on the command line. `python` is the project's interpreter or environment."""

    paths: tuple[str, ...]
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    python: str | None = None


def run(request: Request, *, root: str | None = None) -> Report:
    """Check, or say again what the last check found when nothing has changed since.

    Raises `InvalidInput` for a configuration that cannot be used.
    """
    root = os.path.abspath(root or os.getcwd())
    file = configuration_file(root)
    environment = find_environment(root, request.python)
    store = Store((
        code_stamp(), f"{sys.version_info[:3]}", root, repr((request.select, request.ignore)),
        str(environment.prefix), f"{file} {state(file) if file else 0}", _plugins(file),
    ))  # fmt: skip
    given = (date.today().isoformat(), *map(os.path.abspath, request.paths))
    last = store.last()
    if last is not None and last.given != given:
        last = None
    changed = frozenset[str]() if last is None else last.changed()
    if last is not None and not changed:
        return last.report
    checker = new_checker(request, root, store.cache(), processes=_processes())
    report = checker.check(request.paths, last=last, changed=changed)
    # What could not be read may become readable without a trace of it in any file's state.
    if report.not_checked:
        run = CachedRun((), checker.rests_on, report, b"")
    else:
        run = CachedRun(given, checker.rests_on, report, msgspec.msgpack.encode(checker.walked))
    store.save(run, checker.cache)
    return report


def _processes() -> int:
    """How many processors we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _plugins(file: str | None) -> str:
    """A name for the code of the plugins that a configuration names."""
    if file is None:
        return ""
    with open(file, "rb") as stream:
        if b"plugins" not in stream.read():
            return ""
    from .plugins import stamp

    return stamp(read_configuration(file).plugins)


def _refuse_unknown(codes: tuple[str, ...], file: str | None = None) -> None:
    """Refuse codes of no rule: with a misspelt one nothing would be found, ever."""
    if not codes:
        return
    from .registry import unknown

    for code in unknown(codes):
        message, help = f"no rule has the code {code}", "`lev rules` lists all codes"
        if file is None:
            raise LevError(message, help=help)
        raise InvalidInput([Problem(CONFIGURATION, f"`select`: {message}", Location(file), help)])


def new_checker(request: Request, root: str, cache: Cache | None = None, *, processes: int = 1) -> Checker:
    """A checker for the project around `root`: its configuration, with what the command line adds to it.

    Raises `InvalidInput` for a configuration that cannot be used, `LevError` for codes of no rule.
    """
    from .engine import Checker
    from .selection import Selection

    file = configuration_file(root)
    configuration = read_configuration(file)
    faults: tuple[Diagnostic, ...] = ()
    if configuration.plugins and file is not None:
        from .plugins import load

        faults = load(configuration.plugins, os.path.relpath(file, root).replace(os.sep, "/"))
    _refuse_unknown((*request.select, *request.ignore))
    _refuse_unknown(configuration.select, file)
    environment = find_environment(root, request.python)
    selection = Selection(
        request.select or configuration.select, request.ignore, configuration.ignore, configuration.rules
    )
    return Checker(
        root,
        selection=selection,
        environment=environment,
        configuration=configuration,
        cache=cache,
        faults=faults,
        processes=processes,
    )
