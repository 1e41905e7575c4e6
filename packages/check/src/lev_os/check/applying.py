"""Running rules over a subject: their findings as diagnostics, whatever a rule does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lev_os.core.errors import LevError, Location, Problem

from .diagnostics import Diagnostic
from .files import File
from .reading import Unreadable
from .rule import Finding, Rule

RULE_FAILED = "CHK901"

Locate = Callable[[str], File | None]


def apply(rules: Sequence[Rule], subject: Any, file: File | None, locate: Locate) -> list[Diagnostic]:
    """What the rules find in `subject`. `file` is where findings are that name no file; `locate` finds the others'.

    A rule may let `InvalidInput` of a document that cannot be read pass: that is reported once, where it is read. A
    rule that raises anything else becomes a diagnostic.
    """
    found: list[Diagnostic] = []
    for rule in rules:
        if rule.check is None:
            continue
        try:
            for finding in rule.check(subject):
                place = file if finding.file is None else locate(finding.file)
                if place is not None:
                    found.append(of_finding(rule, finding, place))
        except (LevError, Unreadable):
            continue  # reading the file or the package has reported it
        except Exception as error:
            found.append(_failed(rule, error, file))
    return found


def of_finding(rule: Rule, finding: Finding, file: File) -> Diagnostic:
    """A finding at its place in a file."""
    (line, column), (end_line, end_column) = file.place(finding.span[0]), file.place(finding.span[1])
    message, help = writable(finding.message), writable(finding.help or "") or None
    return Diagnostic(
        rule.code, finding.severity or rule.severity, writable(file.name), line, column, end_line, end_column,
        message, help, finding.confidence or rule.confidence, finding.fix, finding.hard,
    )  # fmt: skip


def of_problem(problem: Problem, file: File | None, locate: Locate) -> Diagnostic:
    """What reading a document has reported; `file` is where it is when the problem does not say."""
    place = (locate(problem.at.path) if problem.at.path else None) or file
    line, column = problem.at.line or 1, problem.at.column or 1
    end = (line, column)
    if place is not None:
        with contextlib.suppress(Unreadable):  # a binary file, say, where text should be
            line, column = min((line, column), place.place(len(place.text)))  # some say the line after the last
            end = place.place(place.span_at(line, column)[1])
    name = place.name if place is not None else (problem.at.path or ".")
    fix = None
    if place is not None and place.kind == "flow":
        from .flows.mending import fix_of

        fix = fix_of(problem, place)
    return Diagnostic(
        problem.code, problem.severity, writable(name), line, column, *end,
        writable(problem.message), writable(problem.help or "") or None, fix=fix,
    )  # fmt: skip


def of_problems(problems: Iterable[Problem], file: File | None, locate: Locate) -> list[Diagnostic]:
    """Each problem once."""
    return list(dict.fromkeys(of_problem(problem, file, locate) for problem in problems))


def writable(text: str) -> str:
    """The text, with escapes for what UTF-8 has not: JSON may hold half a pair of surrogates, names any bytes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def said_by(error: Exception) -> str:
    """An exception that nobody foresaw, in one line."""
    said = str(error).strip().partition("\n")[0][:200]
    return f"{type(error).__name__}{': ' if said else ''}{said}"


def reading_failed(path: str, error: Exception) -> Problem:
    """What is said when core fails over a file, which it never should."""
    help = "this is a bug of lev, please report it; everything else was checked"
    return Problem(RULE_FAILED, f"reading this failed: {said_by(error)}", Location(path, 1, 1), help)


def _failed(rule: Rule, error: Exception, file: File | None) -> Diagnostic:
    message = writable(f"the rule {rule.code} ({rule.name}) failed: {said_by(error)}")
    help = "this is a bug of the rule, please report it; the other rules went on"
    return Diagnostic(RULE_FAILED, "error", file.name if file else ".", 1, 1, 1, 1, message, help)
