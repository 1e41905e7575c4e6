"""What every test of the workspace shares: no part may be missing in CI, and the groups are added up."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}
OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Whoever starts us in the background may have turned Ctrl-C off, and what we start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where all parts are promised, a skipped test is a failed one."""
    report = yield
    return _no_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself."""
    report = yield
    return _no_skip(report)


def _no_skip(report: pytest.TestReport | pytest.CollectReport) -> pytest.TestReport | pytest.CollectReport:
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, but in CI every part must be there: {reason}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add this run to the totals of the runs before it, when a file for them is named."""
    name = os.environ.get("LEV_TEST_TOTALS")
    if not name or hasattr(terminalreporter.config, "workerinput"):  # workers report to the one who counts
        return
    file = Path(name)
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    totals = {key: before.get(key, 0) + len(terminalreporter.getreports(key)) for key in OUTCOMES}
    file.write_text(json.dumps(totals), encoding="utf-8")
    terminalreporter.section("totals of all groups so far")
    terminalreporter.line(", ".join(f"{count} {key}" for key, count in totals.items()))
