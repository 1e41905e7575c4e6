"""Exit codes, and one form for every error: what, where, why and what to do."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import click
from lev_os.core.errors import InvalidInput, LevError, Problem

FINE, FINDINGS, USAGE, FAILED, DENIED, WAITING, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

STATUS_CODES = {"done": FINE, "failed": FAILED, "cancelled": FAILED, "denied": DENIED, "waiting": WAITING}
"""The exit code for each status of a run."""


class UsageProblem(LevError):
    """The command line, or what it points at, cannot be used."""

    exit_code = USAGE


class Failed(LevError):
    """The command was understood and could not be carried out."""

    exit_code = FAILED


class Interrupted(LevError):
    """Ctrl-C; `help` says how to go on."""

    exit_code = INTERRUPTED


@dataclass(frozen=True, slots=True)
class Report:
    """An error as the user sees it."""

    message: str
    code: str | None = None
    help: str | None = None
    problems: tuple[Problem, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """`{error: {code?, message, help, problems}}`."""
        body: dict[str, Any] = {} if self.code is None else {"code": self.code}
        body |= {"message": self.message, "help": self.help, "problems": [problem_json(p) for p in self.problems]}
        return {"error": body}


def problem_json(problem: Problem) -> dict[str, Any]:
    """A problem with its place spelled out."""
    return {
        "code": problem.code,
        "message": problem.message,
        "help": problem.help,
        "severity": problem.severity,
        "path": problem.at.path,
        "line": problem.at.line,
        "column": problem.at.column,
    }


def report_of(problem: Exception) -> Report:
    """The report of an error that a user can cause."""
    if isinstance(problem, InvalidInput):
        count = len(problem.problems)
        first = problem.problems[0] if problem.problems else None
        message = first.message if count == 1 and first else f"{count} problems"
        return Report(message, first.code if count == 1 and first else None, None, tuple(problem.problems))
    if isinstance(problem, LevError):
        return Report(problem.message, getattr(problem, "code", None), problem.help)
    if isinstance(problem, click.UsageError):
        path = problem.ctx.command_path if problem.ctx else "lev"
        hint = getattr(problem, "hint", None)
        return Report(problem.format_message().rstrip("."), "LEV002", hint or f"`{path} --help` shows how it is used")
    if isinstance(problem, click.ClickException):
        return Report(problem.format_message(), "LEV002")
    if isinstance(problem, OSError):
        reason = os.strerror(problem.errno) if problem.errno else str(problem)
        return Report(f"{problem.filename}: {reason}" if problem.filename else reason, "LEV003")
    return Report(str(problem))
