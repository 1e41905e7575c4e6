"""A report as workflow commands of GitHub Actions, which shows them beside the lines of a pull request.

Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Report

_LEVELS = {"error": "error", "warning": "warning", "info": "notice"}


def lines(report: Report) -> Iterator[str]:
    """One annotation for each finding, and a warning for each path that was not checked."""
    for item in report.diagnostics:
        properties = {
            "file": item.file,
            "line": item.line,
            "col": item.column,
            "endLine": item.end_line,
            **({"endColumn": item.end_column} if item.end_line == item.line else {}),
            "title": item.code,
        }
        told = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
        message = item.message + (f"\nhelp: {item.help}" if item.help else "")
        yield f"::{_LEVELS[item.severity]} {told}::{_data(message)}"
    for missing in report.not_checked:
        yield f"::warning file={_property(missing.file)},title=not checked::{_data(missing.reason)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
