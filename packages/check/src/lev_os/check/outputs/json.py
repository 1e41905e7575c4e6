"""A report as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from ..diagnostics import Diagnostic, Report


def as_json(report: Report) -> str:
    """`{diagnostics, checked, not_checked}` on one line; `fix` stands only in diagnostics that have one."""
    value = {
        "diagnostics": [diagnostic_value(item) for item in report.diagnostics],
        "checked": report.checked,
        "not_checked": report.not_checked,
    }
    return msgspec.json.encode(value).decode()


def diagnostic_value(item: Diagnostic) -> dict[str, Any]:
    """One finding; it has no `fix` when there is none."""
    value = {
        "code": item.code,
        "severity": item.severity,
        "file": item.file,
        "line": item.line,
        "column": item.column,
        "end_line": item.end_line,
        "end_column": item.end_column,
        "message": item.message,
        "help": item.help,
    }
    return value if item.fix is None else value | {"fix": item.fix}
