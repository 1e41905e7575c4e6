"""How often each rule found something."""

from __future__ import annotations

from collections import Counter

from ..diagnostics import Report
from ..registry import rules


def rows(report: Report) -> list[tuple[str, str, str, str]]:
    """Count, code, severity and name, the most frequent first."""
    found = Counter((item.code, item.severity) for item in report.diagnostics)
    known = rules()
    return [
        (str(count), code, severity, known[code].name if code in known else "")
        for (code, severity), count in sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))
    ]
